"""The project's folder and its address. Needs no package."""

import tomllib
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def root() -> Path:
    """The repository's folder."""
    return ROOT


def repository() -> str:
    """The repository's address, from its one home in pyproject.toml."""
    return _repository((root() / "pyproject.toml").read_text(encoding="utf-8"))


@lru_cache
def _repository(pyproject: str) -> str:
    address: str = tomllib.loads(pyproject)["project"]["urls"]["Repository"]
    return address.rstrip("/")


def raw_address(path: str) -> str:
    """Where a file of the repository is to be had as it is."""
    return f"https://raw.githubusercontent.com/{repository().removeprefix('https://github.com/')}/main/{path}"
