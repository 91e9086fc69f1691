"""What is wrong with the catalogs, the code, the links and the committed notebooks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polib
from nbformat import NotebookNode

from tools import exercises, outline, pages
from tools.building import localized, picture, read_built, serialized, with_outputs_of
from tools.checking import linking
from tools.checking.linking import broken_links
from tools.checking.wording import glossary_differences, left_in_english
from tools.project import root
from tools.running.execution import code_cells, tags
from tools.translating import formats, links, po, spoken
from tools.translating.catalogs import (
    DIAGRAMS,
    MARKER_KEY,
    TRANSLATE,
    messages,
    read_catalog,
    read_glossary,
    source_place,
    translatable,
    translation_line,
    where,
)
from tools.translating.structure import Difference, code_difference, markdown_differences
from tools.tutorials import (
    ENGLISH,
    LANGUAGES,
    catalog_path,
    diagram_names,
    glossary_path,
    notebook_path,
    picture_path,
    tutorials,
)

_MACHINE = re.compile(r"/(?:home|Users)/\w|/root/|(?<![A-Za-z])[A-Z]:\\|site-packages|(?:127\.0\.0\.1|localhost):\d")
_WIDGETS = "application/vnd.jupyter.widget"


@dataclass(frozen=True)
class Problem:
    """Something that `check` refuses, and where it is."""

    where: str
    text: str
    file: Path
    line: int = 0
    awaiting: bool = False
    """Whether it is no more than a translation that has still to be made."""

    def __str__(self) -> str:
        place = self.file.relative_to(root()).as_posix() + (f":{self.line}" if self.line else "")
        return f"{self.where} ({place}): {self.text}" if self.where else f"{place}: {self.text}"


def check(languages: Sequence[str] | None = None) -> list[Problem]:
    """Everything that is wrong, what awaits translation included."""
    if found := list(broken_files()):
        return found  # whatever else there is to say is read from these
    for language in languages or LANGUAGES:
        if language != ENGLISH:
            found.extend(_catalog_problems(language))
            found.extend(_spoken_problems(language))
        for tutorial in tutorials():
            found.extend(_notebook_problems(language, tutorial))
        found.extend(_picture_problems(language))
    for path, line in spoken.composed():
        found.append(
            Problem("", "a text that is put together at run time can't be translated; use fields.", path, line)
        )
    if not formats.path().exists() or formats.path().read_text(encoding="utf-8") != formats.made():
        found.append(Problem("", "it is not as python -m tools extract leaves it.", formats.path()))
    if not outline.path().exists() or outline.path().read_text(encoding="utf-8") != outline.made():
        found.append(Problem("", f"the outline {_STALE}", outline.path()))
    found.extend(_page_problems())
    found.extend(_link_problems())
    return found


# --- catalogs ---------------------------------------------------------------------------------


def broken_files() -> Iterator[Problem]:
    """The first thing in each translator's file that keeps it from being read."""
    try:
        links.sites()
    except po.CatalogError as error:
        yield Problem("", error.text, error.path, error.line)
    for language in filter(ENGLISH.__ne__, LANGUAGES):
        for path, read in (
            (catalog_path(language), po.read),
            (spoken.path_of(language), po.read),
            (glossary_path(language), po.read_text),
        ):
            try:
                if path.exists():
                    read(path)
            except po.CatalogError as error:
                yield Problem("", error.text, path, error.line)


def _catalog_problems(language: str) -> Iterator[Problem]:
    path = catalog_path(language)
    if not path.exists():
        yield Problem(language, f"there is no catalog; run python -m tools new {language}.", path)
        return
    for line, trouble in po.untidy(path):
        yield Problem("", trouble, path, line)
    catalog = read_catalog(language)
    for message in messages():
        entry = catalog.get(message.key)
        if entry is None:
            yield _missing(language, message.key)
        elif problem := _state_problem(language, entry, message.english):
            yield problem
    for key, cell in translatable():
        entry = catalog.get(key)
        if entry is not None and entry.msgid == cell.source and entry.msgstr.strip() and not entry.fuzzy:
            for difference in _differences(language, cell, entry.msgstr):
                yield _entry_problem(language, entry, difference.text, difference.line)
    known = {message.key for message in messages()}
    for entry in po.read(path):
        if entry.obsolete or entry.msgctxt not in known:
            yield _entry_problem(
                language,
                entry,
                "obsolete: the English has no such cell, section or label. Remove the entry, or give it to another.",
            )
    yield from _glossary_problems(language)


def _spoken_problems(language: str) -> Iterator[Problem]:
    """What is wrong with the catalog of what the package says."""
    path = spoken.path_of(language)
    for line, trouble in po.untidy(path) if path.exists() else ():
        yield Problem("", trouble, path, line)
    for text, trouble in spoken.problems(language):
        awaiting = trouble.startswith(spoken.AWAITING)
        yield Problem(f"{language}/helpers, {text!r}", trouble, path, awaiting=awaiting)


def _entry_problem(language: str, entry: polib.POEntry, text: str, line: int = 0, *, awaiting: bool = False) -> Problem:
    at = entry.linenum if entry.obsolete else translation_line(language, entry, max(line, 1))
    return Problem(where(language, entry.msgctxt), text, catalog_path(language), at, awaiting)


def _missing(language: str, key: str) -> Problem:
    text = "missing from the catalog; run python -m tools extract."
    path, line = (catalog_path(language), 0) if key == MARKER_KEY else source_place(key)
    return Problem(where(language, key), text, path, line)


def _state_problem(language: str, entry: polib.POEntry, english: str) -> Problem | None:
    """What keeps an entry from being in use, or None."""
    if entry.msgid != english:
        return _entry_problem(language, entry, "the English source has changed; run python -m tools extract.")
    if entry.msgstr == "":
        return _entry_problem(language, entry, "awaiting translation: not translated.", awaiting=True)
    if not entry.msgstr.strip():
        return _entry_problem(language, entry, "empty: the translation is nothing but white space.")
    if entry.fuzzy:
        return _entry_problem(
            language,
            entry,
            "awaiting translation: fuzzy, the English source has changed since; "
            f"python -m tools diff {language} shows it.",
            awaiting=True,
        )
    return None


def _differences(language: str, cell: NotebookNode, translation: str) -> Iterator[Difference]:
    if cell.cell_type == "code":
        strings = TRANSLATE in tags(cell)
        if difference := code_difference(cell.source, translation, strings=strings, language=language):
            yield difference
    else:
        yield from markdown_differences(cell.source, translation, language)
        yield from glossary_differences(cell.source, translation, read_glossary(language)[0])
    if difference := left_in_english(cell, translation):
        yield difference


def _glossary_problems(language: str) -> Iterator[Problem]:
    path = glossary_path(language)
    if not path.exists():
        yield Problem(language, "there is no glossary; even one without terms has to be there.", path)
    for line in read_glossary(language)[1]:
        yield Problem("", "not a line of a glossary: English term, tab, translation.", path, line)


# --- notebooks --------------------------------------------------------------------------------

_STALE = "is not what the source and the catalog make; run python -m tools build."


def _notebook_problems(language: str, tutorial: str) -> Iterator[Problem]:
    path, name = notebook_path(language, tutorial), f"{language}/{tutorial}"
    built = read_built(language, tutorial)
    if built is None:
        yield Problem(name, "there is no notebook; run python -m tools build.", path)
        return
    text = path.read_text(encoding="utf-8")
    leaks = list(_leaks(built, name, path, text))
    yield from leaks
    for cell in built.cells:
        if cell.cell_type == "markdown":
            for reason, _ in broken_links(cell.source, path):
                yield _cell_problem(name, cell, reason, path, text)
    for cell, solved in exercises.checks(built):
        if solved:
            yield _cell_problem(name, cell, "the check finds an exercise solved that nobody has solved.", path, text)
    wanted = localized(language, tutorial)
    if [cell.get("id", "?") for cell in built.cells] != [cell.id for cell in wanted.cells]:
        yield Problem(name, f"the order of the cells {_STALE}", path)
        return
    changed = [made for cell, made in zip(wanted.cells, built.cells, strict=True) if cell.source != made.source]
    for cell in changed:
        yield _cell_problem(name, cell, f"the text {_STALE}", path, text)
    with_outputs_of(wanted, built)
    if text != serialized(wanted) and not changed and not leaks:
        yield Problem(name, f"the file (metadata, tags or layout) {_STALE}", path)


def _cell_problem(name: str, cell: NotebookNode, reason: str, path: Path, text: str) -> Problem:
    cell_id = cell.get("id", "?")
    before, found, _ = text.partition(f'"id": "{cell_id}"')
    return Problem(f"{name}, cell {cell_id!r}", reason, path, before.count("\n") + 1 if found else 0)


def _leaks(notebook: NotebookNode, name: str, path: Path, text: str) -> Iterator[Problem]:
    """What somebody's session or machine has left in a notebook."""
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield Problem(name, f"the kernel is {kernel}, somebody's own, not python3; run python -m tools build.", path)
    if "widgets" in notebook.metadata:
        yield Problem(name, "the metadata holds the state of widgets; run python -m tools build.", path)
    if leak := _machine(notebook.metadata):
        yield Problem(name, f"the metadata names a machine: {leak}; run python -m tools build.", path)
    for count, index in enumerate(code_cells(notebook), start=1):
        cell = notebook.cells[index]
        if cell.execution_count != count:
            text_ = f"the execution count is {cell.execution_count} and not {count}; run python -m tools build."
            yield _cell_problem(name, cell, text_, path, text)
    for cell in notebook.cells:
        if leak := _machine(cell.metadata):
            yield _cell_problem(name, cell, f"the cell's metadata names a machine: {leak}.", path, text)
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                yield _cell_problem(name, cell, "the output holds an error or a warning.", path, text)
            if leak := _machine(output):
                yield _cell_problem(name, cell, f"the output names a machine: {leak}", path, text)
            if any(kind.startswith(_WIDGETS) for kind in output.get("data", {})):
                yield _cell_problem(name, cell, "the output is a widget, which nobody else can see.", path, text)


def _machine(value: Any) -> str | None:
    """The first text in a JSON value that names a machine's folder or port, or None."""
    if isinstance(value, str):
        found = _MACHINE.search(value)
        return value[max(0, found.start() - 20) : found.end() + 30].strip() if found else None
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(_machine, children)), None)


# --- pictures ---------------------------------------------------------------------------------


def _picture_problems(language: str) -> Iterator[Problem]:
    wanted = {picture_path(language, name): name for name in diagram_names()}
    for path, name in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != picture(language, name):
            yield Problem(f"{language}/{DIAGRAMS}/{name}", f"the picture {_STALE}", path)
    for path in sorted(set(picture_path(language, "").parent.glob("*")) - wanted.keys()):
        yield Problem(f"{language}/{DIAGRAMS}", "a picture that no diagram makes; remove it.", path)


# --- pages ------------------------------------------------------------------------------------


def _page_problems() -> Iterator[Problem]:
    for path, text in pages.made():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield Problem("", f"the page {_STALE}", path)
    for page in linking.pages():
        for reason, line in broken_links(page.read_text(encoding="utf-8"), page):
            yield Problem("", reason, page, line)


def _link_problems() -> Iterator[Problem]:
    for trouble in links.troubles():
        yield Problem("", trouble, links.path())
    led = list(linking.english_links())
    for key, target, line in led:
        if linking.leads_to_a_strange_site(target):
            path, begin = source_place(key)
            text = (
                f"the link {target} leads to a site that {links.path().name} lacks; say there which languages it has."
            )
            yield Problem(where(ENGLISH, key), text, path, begin + line)
    for site in links.sites():
        for start in site.begins:
            if not any(target.startswith(start) for _, target, _ in led):
                yield Problem("", f"nothing leads to {start}; remove it.", links.path())
