"""Whether links lead somewhere: to files and anchors of the repository, and to sites whose languages are known."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import nbformat

from tools.project import repository, root
from tools.site.headings import slugs
from tools.translating import links
from tools.translating.catalogs import context, read_source, sources
from tools.translating.structure import Structure, structure
from tools.tutorials import LANGUAGES, document_path, documents

_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def pages() -> list[Path]:
    """The Markdown files whose links are checked."""
    top = root()
    translated = (document_path(language, name) for language in LANGUAGES for name in documents())
    written = (page for folder in (top, top / "notebooks", top / "docs") for page in folder.glob("*.md"))
    return sorted({*written, *filter(Path.exists, translated)})


def broken_links(text: str, file: Path) -> Iterator[tuple[str, int]]:
    """Why a link of a text in a file leads nowhere, and the link's line in the text."""
    found = structure(text)
    for target, line in [*found.links, *found.images]:
        if reason := _reason(target, file):
            yield reason, line


def english_links() -> Iterator[tuple[str, str, int]]:
    """Where the English prose leads: the message's key, the link's target, and its line in the message."""
    for name in sources():
        for cell in read_source(name):
            if cell.cell_type == "markdown":
                for target, line in structure(cell.source).links:
                    yield context(name, cell), target, line


def leads_to_a_strange_site(target: str) -> bool:
    """Whether an address is of a site that the table of links doesn't know."""
    return target.startswith("https://") and not target.startswith(repository()) and links.site_of(target) is None


def _reason(target: str, file: Path) -> str | None:
    if _ELSEWHERE.match(target):
        return _reason_of_address(target)
    path, _, anchor = unquote(target).partition("#")
    aim = file if not path else root() / path.lstrip("/") if path.startswith("/") else file.parent / path
    if not _exists(aim):
        return f"the link {target} leads to no file."
    if anchor and aim.suffix in (".md", ".ipynb"):
        try:
            if anchor not in _anchors(aim):
                return f"the link {target} leads to no heading: there is no #{anchor}."
        except ValueError:  # no JSON, or no UTF-8
            return f"the link {target} leads to a file that can't be read."
    return None


def _reason_of_address(target: str) -> str | None:
    """An address of this very repository has to be one of its files."""
    slug = re.escape(repository().removeprefix("https://github.com/"))
    aim = re.search(rf"{slug}/(?:(?:blob|tree|raw)/)?main/([^?#]+)", unquote(target))
    if aim and not _exists(root() / aim[1]):
        return f"the link {target} leads to no file of this repository."
    return None


def _exists(path: Path) -> bool:
    """Whether a path exists with this very spelling, on a file system that ignores case too."""
    resolved = path.resolve()
    return resolved.exists() and (resolved.is_dir() or resolved.name in {p.name for p in resolved.parent.iterdir()})


def _anchors(file: Path) -> set[str]:
    text = file.read_text(encoding="utf-8")
    return _anchors_of(text, file.suffix == ".ipynb")


@lru_cache
def _anchors_of(text: str, is_notebook: bool) -> set[str]:
    texts = [text]
    if is_notebook:
        cells = nbformat.reads(text, as_version=4).cells
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    parts: list[Structure] = [structure(part) for part in texts]
    named = {name for part in texts for name in re.findall(r"<\w+\b[^>]*\b(?:id|name)=[\"']([^\"']+)", part)}
    return {*slugs(title for part in parts for title in part.titles), *named}
