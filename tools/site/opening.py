"""Where a lesson can be opened and run."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tools.tutorials import hosted

LIVE = "lite"
"""The folder of the site that holds the browser's edition: JupyterLite with the lessons that run in a page."""


@dataclass(frozen=True)
class Way:
    """An entry of the menu.

    Attributes:
        label: The name of a platform, or of one of the frame's phrases where `is_phrase`.
        address: Where it leads to; empty for a line that only says something.
        download: Whether the browser keeps the file instead of opening it.
    """

    label: str
    address: str
    is_phrase: bool = False
    download: bool = False


def ways(language: str, tutorial: str, site: Path | None) -> list[Way]:
    """Where a lesson can be opened, the nearest first.

    Args:
        language: The lesson's language.
        tutorial: Its name.
        site: The folder of the site, or None for a page that stands alone.
    """
    there = [Way(name, address) for name, address in hosted(language, tutorial).items()]
    return [*_here(language, tutorial, site), *there, Way("download", f"{tutorial}.ipynb", True, True)]


def _here(language: str, tutorial: str, site: Path | None) -> list[Way]:
    """The lesson in the reader's own browser, where the site holds that edition."""
    if site is None or not (site / LIVE).is_dir():
        return []
    # JupyterLite keeps the notebooks that it serves under files/.
    if not (site / LIVE / "files" / language / f"{tutorial}.ipynb").exists():
        return [Way("not_here", "", True)]
    path = quote(f"{language}/{tutorial}.ipynb", safe="")
    return [Way("here", f"../{LIVE}/notebooks/index.html?path={path}", True)]
