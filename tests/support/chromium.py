"""The browser that the widgets are tried in."""

import shutil


def chromium() -> str | None:
    """Where a Chromium or Chrome of this machine is."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
