"""Which tutorials there are, in which languages, and where each thing lies."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path

from helpers.languages import LANGUAGES as LANGUAGES
from helpers.languages import SOURCE_LANGUAGE

HERE = Path(__file__).resolve().parent

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
    return sorted(path.stem for path in (HERE / "source").glob("*.py"))


def root() -> Path:
    """The repository's folder."""
    return HERE.parent


def source_path(tutorial: str) -> Path:
    """Where a tutorial's English source lies."""
    return HERE / "source" / f"{tutorial}.py"


def catalog_path(language: str) -> Path:
    """Where a language's translations lie."""
    return HERE / "locales" / f"{language}.po"


def glossary_path(language: str) -> Path:
    """Where a language's terms lie."""
    return HERE / "locales" / f"{language}.glossary.tsv"


def notebook_path(language: str, tutorial: str) -> Path:
    """Where the committed notebook lies."""
    return HERE / language / f"{tutorial}.ipynb"


def repository() -> str:
    """The repository's address, from its one home in pyproject.toml."""
    return _repository((root() / "pyproject.toml").read_text(encoding="utf-8"))


@lru_cache
def _repository(pyproject: str) -> str:
    address: str = tomllib.loads(pyproject)["project"]["urls"]["Repository"]
    return address.rstrip("/")


def neutral_environment(**extra: str) -> dict[str, str]:
    """The environment of a run that must come out the same for everybody, plus `extra`."""
    return {name: value for name, value in os.environ.items() if name not in READERS_OWN} | extra
