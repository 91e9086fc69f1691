"""The English sources, the catalogs that translate them, and each language's glossary."""

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeGuard

import jupytext
import nbformat
import polib
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools.running.execution import VARIES, tags
from tools.translating import diagrams, documents, po
from tools.tutorials import (
    ENGLISH,
    LANGUAGES,
    catalog_path,
    diagram_names,
    diagram_path,
    glossary_path,
    notebooks,
    source_path,
    tutorials,
)
from tools.tutorials import documents as document_names

TRANSLATE = "translate"
SOLUTION, HINT = "solution", "hint"
AWAITING = "awaiting-translation"
LINKS = "links"
LIKE = "like"
"""The metadata that names the lesson which a cell is taken from, with its translations."""

# What stands in the place of a tutorial's name in the keys of the diagrams' labels.
DIAGRAMS = "diagrams"

# The one message that belongs to neither: what stands above a section that is still in English.
KIT = "localize"
MARKER_KEY = f"{KIT}/awaiting"
MARKER = "This section is awaiting translation."

_KNOWN_TAGS = {TRANSLATE, VARIES, SOLUTION, HINT}
# Code that an exercise gives its reader instead of the solution.
GIVEN = re.compile(r"^([ \t]*)#~ ")
# For whoever edits a source, such as where a fact comes from, and in no notebook.
_EDITORS_NOTE = re.compile(r"^#: .*\n", re.MULTILINE)
_CELL_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class SourceError(Exception):
    """An English source file that cannot be built from."""


class UsageError(Exception):
    """A command that cannot be carried out as it was given."""


# --- the English source -----------------------------------------------------------------------


def sources() -> list[str]:
    """The names of all that is translated cell by cell: the tutorials, then the documents."""
    return [*tutorials(), *document_names()]


def read_source(name: str) -> list[NotebookNode]:
    """The cells of a tutorial's English source, with the ids that their headers give them; a document's sections."""
    if name in document_names():
        return documents.sections(name)
    path = source_path(name)
    return [
        _shared(path.name, cell) if LIKE in cell.metadata else cell for cell in _cells(path.name, po.read_text(path))
    ]


def _shared(file: str, cell: NotebookNode) -> NotebookNode:
    """The cell of the same ID of the lesson that a cell names instead of having a text of its own."""
    lesson = cell.metadata[LIKE]
    found = next((one for one in read_source(lesson) if one.id == cell.id), None) if lesson in tutorials() else None
    if found is None or cell.source:
        reason = "takes its text from there, and has none of its own" if found else "which there is not"
        raise SourceError(f"{file}, cell {cell.id!r}: the cell is like the one of {lesson!r}, {reason}.")
    shared: NotebookNode = found.copy()
    shared.metadata = found.metadata | {LIKE: lesson}
    return shared


@lru_cache
def _cells(file: str, text: str) -> list[NotebookNode]:
    cells: list[NotebookNode] = jupytext.reads(_EDITORS_NOTE.sub("", text), fmt="py:percent").cells
    seen: set[str] = set()
    for number, cell in enumerate(cells, start=1):
        cell_id = cell.metadata.pop("id", "")
        if not _CELL_ID.fullmatch(cell_id):
            raise SourceError(f'{file}: cell {number} needs an id, as in # %% id="connect".')
        if cell_id in seen or cell_id == LINKS:
            raise SourceError(f"{file}: cell {number}: the id {cell_id!r} is taken.")
        if unknown := set(tags(cell)) - _KNOWN_TAGS:
            raise SourceError(f"{file}, cell {cell_id!r}: unknown tag {', '.join(sorted(unknown))}.")
        seen.add(cell_id)
        cell.id = cell_id
        cell.source = cell.source.strip()
    return cells


def source_file(key: str) -> Path:
    """The English file that a message comes from."""
    part, _, name = key.partition("/")
    return diagram_path(name.partition("#")[0]) if part == DIAGRAMS else source_path(part)


def source_place(key: str) -> tuple[Path, int]:
    """The English file that a message comes from, and the line of its cell, section or label."""
    part, _, name = key.partition("/")
    path = source_file(key)
    if part == DIAGRAMS:
        diagram, _, label = name.partition("#")
        return path, diagrams.label_line(diagram, label)
    if part in document_names():
        return path, documents.section_line(part, name)
    header = re.compile(rf'# %%.*\bid="{re.escape(name)}"')
    lines = path.read_text(encoding="utf-8").splitlines()
    return path, next((number for number, line in enumerate(lines, start=1) if header.match(line)), 1)


def has_prose(cell: NotebookNode) -> bool:
    """Whether a cell holds words for a translator: prose, comments, or strings marked as such."""
    return cell.cell_type == "markdown" or TRANSLATE in tags(cell) or bool(comments(cell.source))


def comments(source: str) -> list[str]:
    """The comments of a code cell that are written for a reader; form fields are not."""
    tokens = tokenize.generate_tokens(io.StringIO(plain_python(source)).readline)
    return [
        token.string
        for token in tokens
        if token.type == tokenize.COMMENT and not token.string.startswith(("# @param", "# noqa", "#~ "))
    ]


@lru_cache(maxsize=1024)
def plain_python(source: str) -> str:
    """A cell as the kernel's Python sees it, magics and shell lines made calls."""
    return TransformerManager().transform_cell(source)


def context(name: str, cell: NotebookNode) -> str:
    """The key of a cell or section in the catalogs."""
    return f"{cell.metadata.get(LIKE, name)}/{cell.id}"


def label_context(diagram: str, label: str) -> str:
    """The key of a diagram's label in the catalogs."""
    return f"{DIAGRAMS}/{diagram}#{label}"


def where(language: str, key: str) -> str:
    """A message of a language as reports name it."""
    part, _, name = (key or "?").partition("/")
    kind = "label" if part == DIAGRAMS else "section" if part in document_names() else "cell"
    return f"{language}/{part}, {kind} {name!r}"


# --- catalogs ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """What a catalog has to translate."""

    key: str
    english: str
    comment: str


def translatable() -> Iterator[tuple[str, NotebookNode]]:
    """What a translator works on, by its key: cells that hold words, sections, and each diagram's labels as cells."""
    for name in sources():
        for cell in filter(has_prose, read_source(name)):
            if LIKE not in cell.metadata:
                yield context(name, cell), cell
    for diagram in diagram_names():
        for label, text in diagrams.labels(diagram).items():
            yield label_context(diagram, label), nbformat.v4.new_markdown_cell(text)


def messages() -> Iterator[Message]:
    """All that a catalog has to translate, in its order."""
    for key, cell in translatable():
        path = source_file(key)
        name = key.partition("/")[0]
        if name in document_names():
            comment = f"section of {path.name}"
        else:
            kind = "label" if name == DIAGRAMS else f"{cell.cell_type} cell"
            comment = f"{kind} of {path.relative_to(notebooks()).as_posix()}"
        yield Message(key, cell.source, comment)
    yield Message(MARKER_KEY, MARKER, "stands above a section that is not translated yet")


def read_catalog(language: str) -> dict[str, polib.POEntry]:
    """A language's messages by key, obsolete ones left out."""
    path = catalog_path(language)
    if not path.exists():
        return {}
    return {entry.msgctxt: entry for entry in _parsed(path, path.read_bytes()) if not entry.obsolete}


@lru_cache
def _parsed(path: Path, content: bytes) -> polib.POFile:
    return po.read(path)


def is_current(entry: polib.POEntry | None, english: str) -> TypeGuard[polib.POEntry]:
    """Whether an entry translates this very English text."""
    return entry is not None and bool(entry.msgstr.strip()) and not entry.fuzzy and entry.msgid == english


def translation_line(language: str, entry: polib.POEntry, line: int = 1) -> int:
    """The line of the catalog at which a line of an entry's translation stands."""
    lines = po.read_text(catalog_path(language)).split("\n")
    for number in range(entry.linenum - 1, len(lines)):
        if lines[number].startswith("msgstr"):
            several = lines[number] == 'msgstr ""' and "\n" in entry.msgstr
            return number + 1 + (line if several else 0)
    return int(entry.linenum)


def extract(language: str) -> str:
    """Bring a catalog up to date; a translation whose English changed stays, marked fuzzy.

    Returns:
        How complete the catalog is.
    """
    path = catalog_path(language)
    old_catalog = po.read(path)
    known = {entry.msgctxt: entry for entry in old_catalog if not entry.obsolete}
    catalog = _empty(language)
    catalog.header = old_catalog.header
    catalog.metadata = catalog.metadata | old_catalog.metadata
    for message in messages():
        entry = _entry(message)
        if old := known.pop(message.key, None):
            entry.msgstr, entry.flags, entry.tcomment = old.msgstr, old.flags, old.tcomment
            if old.msgid != message.english and old.msgstr:
                # Of several changes since the translation, the first English text is the one it is made from.
                entry.previous_msgid = (old.fuzzy and old.previous_msgid) or old.msgid
                entry.flags = ["fuzzy"]
            elif old.fuzzy:
                entry.previous_msgid = old.previous_msgid
        catalog.append(entry)
    for old in known.values():
        old.obsolete = True
        catalog.append(old)
    catalog.save(str(path))
    translated, fuzzy = len(catalog.translated_entries()), len(catalog.fuzzy_entries())
    missing, obsolete = len(catalog.untranslated_entries()), len(catalog.obsolete_entries())
    return f"{path.name}: {translated} translated, {fuzzy} fuzzy, {missing} missing, {obsolete} obsolete"


def start(language: str) -> None:
    """Start a language: a catalog without translations, and a glossary to fill in.

    Raises:
        UsageError: The language is not in the table of languages, or is there already.
    """
    if language not in LANGUAGES:
        raise UsageError(
            f"{language} is not in the table of languages. Add a line to LANGUAGES in helpers/_localization/"
            f'languages.py, with what its speakers call it, as in\n    "{language}": "Nederlands",'
        )
    path = catalog_path(language)
    if language == ENGLISH or path.exists():
        raise UsageError(f"{language} is there already. To bring its catalog up to date: python -m tools extract.")
    catalog = _empty(language)
    catalog.extend(_entry(message) for message in messages())
    catalog.save(str(path))
    if not glossary_path(language).exists():
        terms = {term for other in LANGUAGES for term in _terms_of(other)}
        glossary_path(language).write_text(_GLOSSARY + "".join(f"# {term}\t\n" for term in sorted(terms)), "utf-8")


def _empty(language: str) -> polib.POFile:
    catalog = polib.POFile(wrapwidth=0)
    catalog.metadata = {
        "Language": language.replace("-", "_"),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    }
    return catalog


def _entry(message: Message) -> polib.POEntry:
    return polib.POEntry(msgctxt=message.key, msgid=message.english, comment=message.comment)


# --- glossaries -------------------------------------------------------------------------------

_GLOSSARY = """\
# English term<TAB>translation; several right ones are separated by " | ". A word that ends in * is a stem.
# Lines that begin with # are comments: fill in a translation below, and take the # away.
"""


@dataclass(frozen=True)
class Term:
    """A line of a glossary."""

    english: str
    translations: tuple[str, ...]
    line: int


def read_glossary(language: str) -> tuple[list[Term], list[int]]:
    """A language's glossary, and the numbers of the lines that are no entry of one."""
    path = glossary_path(language)
    terms, faulty = [], []
    lines = po.read_text(path).split("\n") if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        english, _, allowed = line.partition("\t")
        translations = tuple(filter(None, (word.strip() for word in allowed.split(" | "))))
        if english.strip() and translations and "\t" not in allowed:
            terms.append(Term(english.strip(), translations, number))
        else:
            faulty.append(number)
    return terms, faulty


def _terms_of(language: str) -> list[str]:
    return [term.english for term in read_glossary(language)[0]]
