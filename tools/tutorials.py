"""Which lessons and documents there are, in which languages, and where each thing lies."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from helpers._localization.languages import LANGUAGES as LANGUAGES
from helpers._localization.languages import SOURCE_LANGUAGE
from tools.project import raw_address, repository, root

ENGLISH = SOURCE_LANGUAGE
PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")

# Pages for readers that are translated like the lessons, by the names of their messages.
_DOCUMENTS = {"README": "README.md", "teaching": "docs/teaching.md"}

_EXERCISES = "_exercises"
"""What a lesson's name ends with in the name of its exercises."""

# Whatever lets a notebook reach the reader's own Redis, model or cloud.
READERS_OWN = (
    "REDIS_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    *PROJECT_VARIABLES,
    "MEMORYSTORE_EMULATOR_HOST",
)


def tutorials() -> list[str]:
    """The names of the tutorials, in the order in which they are read: each lesson, and its exercises."""
    return sorted(path.stem for path in (notebooks() / "source").glob("*.py"))


def lessons() -> list[str]:
    """The names of the tutorials that teach, without the exercises."""
    return [name for name in tutorials() if not name.endswith(_EXERCISES)]


def notebooks() -> Path:
    """The folder of the lessons."""
    return root() / "notebooks"


def documents() -> list[str]:
    """The names of the documents that are translated."""
    return list(_DOCUMENTS)


def source_path(name: str) -> Path:
    """Where the English source of a tutorial or document lies."""
    return root() / _DOCUMENTS[name] if name in _DOCUMENTS else notebooks() / "source" / f"{name}.py"


def document_path(language: str, name: str) -> Path:
    """Where a document lies in a language."""
    source = source_path(name)
    return source if language == ENGLISH else root() / "docs" / language / source.name


def diagram_names() -> list[str]:
    """The names of the lessons' diagrams."""
    return sorted(path.stem for path in (notebooks() / "source" / "diagrams").glob("*.svg"))


def diagram_path(diagram: str) -> Path:
    """Where a diagram's source lies, with English labels."""
    return notebooks() / "source" / "diagrams" / f"{diagram}.svg"


def picture_path(language: str, diagram: str) -> Path:
    """Where a diagram lies as a language's readers see it."""
    return notebooks() / language / "diagrams" / f"{diagram}.svg"


def catalog_path(language: str) -> Path:
    """Where a language's translations lie."""
    return notebooks() / "locales" / f"{language}.po"


def glossary_path(language: str) -> Path:
    """Where a language's terms lie."""
    return notebooks() / "locales" / f"{language}.glossary.tsv"


def notebook_path(language: str, tutorial: str) -> Path:
    """Where the committed notebook lies."""
    return notebooks() / language / f"{tutorial}.ipynb"


def hosted(language: str, tutorial: str) -> dict[str, str]:
    """The addresses that open a tutorial on hosted platforms, by the platforms' names."""
    path = f"notebooks/{language}/{tutorial}.ipynb"
    slug = repository().removeprefix("https://github.com/")
    raw = quote(raw_address(path), safe="")
    console = "https://console.cloud.google.com/agent-platform"
    return {
        "Colab": f"https://colab.research.google.com/github/{slug}/blob/main/{path}",
        "Colab Enterprise": f"{console}/colab/import/{raw}",
        "Workbench": f"{console}/workbench/instances?download_url={raw}",
    }


def narrowed(parser: ArgumentParser, names: list[str], arguments: Sequence[str] | None) -> Namespace:
    """The options of a command whose task `--language` and `--tutorial` narrow; blank: all of them.

    Args:
        parser: The command's, which ends the program if there is no such language or tutorial.
        names: The tutorials that there are.
        arguments: The command's; ``None``: those of the program.
    """
    known = {"language": list(LANGUAGES), "tutorial": names}
    for kind, values in known.items():
        parser.add_argument(f"--{kind}", default="", metavar=kind.upper(), help=f"one of: {', '.join(values)}")
    options = parser.parse_args(arguments)
    for kind, values in known.items():
        if (value := getattr(options, kind)) and value not in values:
            parser.error(f"there is no {kind} {value!r}; choose from {', '.join(values)}")
    return options


def neutral_environment(**extra: str) -> dict[str, str]:
    """The environment of a run that must come out the same for everybody, plus `extra`."""
    return {name: value for name, value in os.environ.items() if name not in READERS_OWN} | extra
