"""The repository's Markdown documents as pages."""

import re
from pathlib import PurePosixPath

from tools.project import root
from tools.site.addresses import Links
from tools.site.headings import heading_title, markdown, slugs
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


def body(document: str, language: str, links: Links) -> Body:
    """A document as what stands in the frame of a page.

    Links to a section of the English document lead to the same section of a translation, whatever its heading says.
    """
    path = source(document, language)
    prose = Prose(links, aliases=[] if path == document else _anchors(_text(document)))
    html = prose.markdown(_text(path))
    return Body(prose.title, prose.summary, html, prose.sections)


def _text(path: str) -> str:
    """A document from its title on. What stands above it is for GitHub: the frame has it."""
    text = (root() / path).read_text(encoding="utf-8")
    return re.sub(r"\A.*?^(?=# )", "", text, flags=re.DOTALL | re.MULTILINE)


def _anchors(text: str) -> list[str]:
    tokens = markdown.parse(text)
    return slugs(heading_title(tokens, at) for at, token in enumerate(tokens) if token.type == "heading_open")
