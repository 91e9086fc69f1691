"""The browser that the widgets are tried in."""

import shutil
import subprocess
from functools import cache


@cache
def chromium() -> str | None:
    """Where a Chromium or Chrome of this machine is, one that runs: Ubuntu's is a note that a snap is missing."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (path := shutil.which(name)) and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    return None
