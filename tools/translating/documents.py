"""Documents for readers, such as README.md: split into sections, which are translated like the cells of a lesson."""

import re
from collections.abc import Mapping
from functools import lru_cache
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from tools.project import repository, root
from tools.site.headings import heading_title, markdown, slugs
from tools.translating import links, po
from tools.tutorials import ENGLISH, document_path, documents, source_path

# What tools write into a document. A section has the name in double braces in its place.
_REGION = re.compile(r"^<!-- (\w+) -->\n(.*?)^<!-- /\1 -->$", re.MULTILINE | re.DOTALL)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)


def sections(name: str) -> list[NotebookNode]:
    """A document's sections as Markdown cells, whose IDs are the headings' anchors.

    What stands above the first heading is left out.
    """
    return _sections(po.read_text(source_path(name)), repository())


@lru_cache
def _sections(text: str, address: str) -> list[NotebookNode]:
    text = _REGION.sub(r"{{\1}}", text).replace(address, "{{repository}}")
    text = re.sub(rf"^cd {re.escape(_folder(address))}$", "cd {{folder}}", text, flags=re.MULTILINE)
    tokens = markdown.parse(text)
    places = [place for place, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0]
    ids = slugs(heading_title(tokens, place) for place in places)
    lines = text.splitlines()
    begins = [(tokens[place].map or [0])[0] for place in places]
    return [
        nbformat.v4.new_markdown_cell("\n".join(lines[begin:end]).strip(), id=section[:64])
        for section, begin, end in zip(ids, begins, [*begins[1:], len(lines)], strict=True)
    ]


def section_line(name: str, section: str) -> int:
    """The line of a document at which a section begins."""
    begins = _section_lines(po.read_text(source_path(name)))
    return next((line for line, cell in zip(begins, sections(name), strict=False) if cell.id == section), 1)


@lru_cache
def _section_lines(text: str) -> list[int]:
    headings = (token for token in markdown.parse(text) if token.type == "heading_open" and token.level == 0)
    return [token.map[0] + 1 for token in headings if token.map]


def with_regions(text: str, regions: Mapping[str, str]) -> str:
    """A document with what tools write into it; a region without a new text stays."""

    def renewed(found: re.Match[str]) -> str:
        name, old = found.groups()
        return f"<!-- {name} -->\n{regions.get(name, old.rstrip())}\n<!-- /{name} -->"

    return _REGION.sub(renewed, text)


def localized(name: str, texts: list[str], language: str, regions: Mapping[str, str]) -> str:
    """A document's sections in a language, put together: what tools write filled in, and links led to their files."""
    source = po.read_text(source_path(name))
    text = "\n\n".join(texts)
    for region in _REGION.finditer(source):
        text = text.replace(f"{{{{{region[1]}}}}}", regions.get(region[1], region[2]).strip())
    text = text.replace("{{repository}}", repository()).replace("{{folder}}", _folder(repository()))
    return links.TARGET.sub(lambda found: _led(found, name, language), text)


def _folder(address: str) -> str:
    """The folder that a clone makes."""
    return address.rpartition("/")[2]


def _led(found: re.Match[str], name: str, language: str) -> str:
    target = found["target"] or found["attribute"]
    if target is None:
        return found[0]
    if _ELSEWHERE.match(target):
        return links.address(target, language)
    file, hash_, anchor = target.partition("#")
    path = Path(normpath(source_path(name).parent / file))
    return link(document_path(language, name), _in_language(path, language)) + hash_ + anchor


def _in_language(path: Path, language: str) -> Path:
    """The file that takes an English one's place: a lesson, a document or a picture of the language, or else itself."""
    if name := next((one for one in documents() if source_path(one) == path), None):
        return document_path(language, name)
    picture = path.with_stem(path.stem.removesuffix(f"-{ENGLISH}") + f"-{language}")
    if path.stem.endswith(f"-{ENGLISH}") and picture.exists():
        return picture
    english = root() / "notebooks" / ENGLISH
    return english.with_name(language) / path.relative_to(english) if path.is_relative_to(english) else path


def link(source: Path, target: Path) -> str:
    """A relative link from one file to another."""
    return PurePosixPath(relpath(target, source.parent)).as_posix()
