"""Which tutorials there are, in which languages, and where each thing lies."""

import os
import tomllib
from pathlib import Path

from helpers.languages import LANGUAGES as LANGUAGES
from helpers.languages import SOURCE_LANGUAGE

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "source"
LOCALES = HERE / "locales"
README = HERE.parent / "README.md"

ENGLISH = SOURCE_LANGUAGE
PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")

# Whatever lets a notebook reach the reader's own Redis, model or cloud.
READERS_OWN = (
    "REDIS_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    *PROJECT_VARIABLES,
    "MEMORYSTORE_EMULATOR_HOST",
)


def tutorials() -> list[str]:
    """The names of the tutorials, in the order in which they are read."""
    return sorted(path.stem for path in SOURCE.glob("*.py"))


def notebook_path(language: str, tutorial: str) -> Path:
    """Where the committed notebook lies."""
    return HERE / language / f"{tutorial}.ipynb"


def repository() -> str:
    """The repository's address, from its one home in pyproject.toml."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    address: str = project["project"]["urls"]["Repository"]
    return address.rstrip("/")


def neutral_environment(**extra: str) -> dict[str, str]:
    """The environment of a run that must come out the same for everybody, plus `extra`."""
    return {name: value for name, value in os.environ.items() if name not in READERS_OWN} | extra
