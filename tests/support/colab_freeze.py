"""Fetch what Colab's runtime has today: python tests/colab_freeze.py."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

FREEZE = Path(__file__).parent / "data" / "colab-freeze.txt"
SOURCE = "https://raw.githubusercontent.com/googlecolab/backend-info/main"
# Colab has had more than 400 for years. A page that says what went wrong has none.
_FEWEST = 400


def listed(freeze: str, system: str, date: str) -> str:
    """The list with its header.

    Args:
        freeze: The repository's pip-freeze.txt.
        system: Its os-info.txt.
        date: When they were fetched.

    Raises:
        ValueError: One of them is not what it should be.
    """
    # What has no version, as google-colab that comes from a file, cannot be a constraint.
    pins = re.findall(r"^[A-Za-z0-9._-]+==[^\s;]+$", freeze, re.MULTILINE)
    if len(pins) < _FEWEST:
        raise ValueError(f"pip-freeze.txt pins {len(pins)} packages, and not at least {_FEWEST}.")
    python = re.search(r"^Python (\d+\.\d+)", system, re.MULTILINE)
    ubuntu = re.search(r"^Ubuntu (\d+\.\d+)", system, re.MULTILINE)
    if not python or not ubuntu:
        raise ValueError("os-info.txt names no Python or no Ubuntu.")
    header = (
        f"# What Colab's runtime has: pip freeze of googlecolab/backend-info, {date}, "
        f"Python {python[1]} on Ubuntu {ubuntu[1]}.\n# To refresh it: make colab-freeze\n"
    )
    return header + "\n".join(pins) + "\n"


def refresh(source: str = SOURCE, file: Path = FREEZE) -> None:
    """Put the newest list in place of the old one, which stays where anything goes wrong."""
    text = listed(_fetched(f"{source}/pip-freeze.txt"), _fetched(f"{source}/os-info.txt"), _today())
    file.write_text(text, encoding="utf-8")


def _fetched(address: str) -> str:
    with urlopen(address, timeout=30) as reply:  # noqa: S310 - the addresses are the ones above
        text: str = reply.read().decode()
    return text


def _today() -> str:
    now = datetime.now(UTC)
    return f"{now.day} {now:%B %Y}"


if __name__ == "__main__":
    try:
        refresh()
    except (OSError, ValueError) as error:
        sys.exit(f"Colab's list was not fetched, and {FREEZE.name} is as it was. {error}")
    print(FREEZE.read_text(encoding="utf-8").splitlines()[0])
