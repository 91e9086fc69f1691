"""The repository's Markdown documents as pages."""

from pathlib import Path, PurePosixPath

from tools.project import root
from tools.site.addresses import Links
from tools.site.prose import Body, Prose

OVERVIEW = "README.md"
_LAST = "SECURITY.md"


def documents() -> list[str]:
    """The documents that have pages, by their paths in the repository, the English ones."""
    return [OVERVIEW, *sorted(f"docs/{path.name}" for path in (root() / "docs").glob("*.md")), _LAST]


def source(document: str, language: str) -> tuple[str, bool]:
    """What a document's page is made from.

    Returns:
        The path of the translation, or of the document itself where there is none, and whether it is English.
    """
    translation = f"docs/{language}/{PurePosixPath(document).name}"
    return (translation, False) if (root() / translation).exists() else (document, True)


def page_name(document: str) -> str:
    """The name of a document's page."""
    return f"{PurePosixPath(document).stem.lower()}.html"


def body(path: str, links: Links) -> Body:
    """A document as what stands in the frame of a page."""
    prose = Prose(links)
    html = prose.markdown((root() / Path(path)).read_text(encoding="utf-8"))
    return Body(prose.title, prose.summary, html, prose.sections)
