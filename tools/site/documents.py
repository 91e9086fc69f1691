"""The repository's Markdown documents as pages."""

import re
from pathlib import PurePosixPath

from tools.project import root
from tools.site.addresses import Links
from tools.site.prose import Body, Prose
from tools.tutorials import ENGLISH, LANGUAGES

OVERVIEW = "README.md"
_LAST = "SECURITY.md"


def documents() -> list[str]:
    """The documents that have pages, by their paths in the repository, the English ones."""
    return [OVERVIEW, *sorted(f"docs/{path.name}" for path in (root() / "docs").glob("*.md")), _LAST]


def source(document: str, language: str) -> str:
    """What a document's page is made from: the translation, or the document itself where there is none."""
    translation = f"docs/{language}/{PurePosixPath(document).name}"
    return translation if (root() / translation).exists() else document


def written(document: str) -> list[str]:
    """The languages that a document is written in."""
    return [code for code in LANGUAGES if code == ENGLISH or source(document, code) != document]


def page_name(document: str) -> str:
    """The name of a document's page."""
    return f"{PurePosixPath(document).stem.lower()}.html"


def body(path: str, links: Links) -> Body:
    """A document as what stands in the frame of a page. What stands above its title is for GitHub: the frame has it."""
    prose = Prose(links)
    text = (root() / path).read_text(encoding="utf-8")
    html = prose.markdown(re.sub(r"\A.*?^(?=# )", "", text, flags=re.DOTALL | re.MULTILINE))
    return Body(prose.title, prose.summary, html, prose.sections)
