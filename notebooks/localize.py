"""From one English source and a catalog a language to the notebooks that readers open.

python notebooks/localize.py extract    bring the catalogs up to date with the English source
python notebooks/localize.py build      make the notebooks; run those whose code has changed
python notebooks/localize.py check      say where catalogs, code and notebooks disagree
"""

import argparse
import ast
import asyncio
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import jupytext
import nbformat
import polib
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from execution import AT_ONCE, code_cells, execute, lasting_outputs, run_interruptibly, tags
from tutorials import (
    ENGLISH,
    LANGUAGES,
    LOCALES,
    README,
    SOURCE,
    neutral_environment,
    notebook_path,
    repository,
    tutorials,
)

TRANSLATE = "translate"
LINKS = "links"
_KNOWN_TAGS = {TRANSLATE, "varies"}
_CELL_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


@dataclass(frozen=True)
class Problem:
    """Something that `check` refuses, and where it is."""

    language: str
    tutorial: str
    cell: str
    text: str

    def __str__(self) -> str:
        return f"{self.language}/{self.tutorial}, cell {self.cell!r}: {self.text}"


class SourceError(Exception):
    """An English source file that cannot be built from."""


# --- sources and catalogs ---------------------------------------------------------------------


def read_source(tutorial: str) -> list[NotebookNode]:
    """The cells of a tutorial's English source, with the ids that their headers give them."""
    path = SOURCE / f"{tutorial}.py"
    cells: list[NotebookNode] = jupytext.read(path, fmt="py:percent").cells
    seen: set[str] = set()
    for number, cell in enumerate(cells, start=1):
        cell_id = cell.metadata.pop("id", "")
        if not _CELL_ID.fullmatch(cell_id):
            raise SourceError(f'{path.name}: cell {number} needs an id, as in # %% id="connect".')
        if cell_id in seen or cell_id == LINKS:
            raise SourceError(f"{path.name}: cell {number}: the id {cell_id!r} is taken.")
        if unknown := set(tags(cell)) - _KNOWN_TAGS:
            raise SourceError(f"{path.name}, cell {cell_id!r}: unknown tag {', '.join(sorted(unknown))}.")
        seen.add(cell_id)
        cell.id = cell_id
        cell.source = cell.source.strip()
    return cells


def has_prose(cell: NotebookNode) -> bool:
    """Whether a cell holds words for a translator: prose, comments, or strings marked as such."""
    return cell.cell_type == "markdown" or TRANSLATE in tags(cell) or bool(_comments(cell.source))


def _comments(source: str) -> list[str]:
    """The comments of a code cell that are written for a reader; form fields are not."""
    tokens = tokenize.generate_tokens(io.StringIO(_plain_python(source)).readline)
    return [
        token.string
        for token in tokens
        if token.type == tokenize.COMMENT and not token.string.startswith(("# @param", "# noqa"))
    ]


def _plain_python(source: str) -> str:
    """A cell as the kernel's Python sees it, magics and shell lines made calls."""
    return TransformerManager().transform_cell(source)


def context(tutorial: str, cell: NotebookNode) -> str:
    """The key of a cell in the catalogs."""
    return f"{tutorial}/{cell.id}"


def catalog_path(language: str) -> Path:
    """Where a language's catalog lies."""
    return LOCALES / f"{language}.po"


def read_catalog(language: str) -> dict[str, polib.POEntry]:
    """A language's messages by key, obsolete ones left out."""
    path = catalog_path(language)
    if not path.exists():
        return {}
    return {entry.msgctxt: entry for entry in polib.pofile(str(path)) if not entry.obsolete}


def extract() -> None:
    """Bring every catalog up to date; a translation whose English changed stays, marked fuzzy."""
    LOCALES.mkdir(exist_ok=True)
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        known = read_catalog(language)
        catalog = polib.POFile(wrapwidth=0)
        catalog.metadata = {
            "Language": language.replace("-", "_"),
            "MIME-Version": "1.0",
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Transfer-Encoding": "8bit",
        }
        for tutorial in tutorials():
            for cell in filter(has_prose, read_source(tutorial)):
                entry = polib.POEntry(msgctxt=context(tutorial, cell), msgid=cell.source)
                entry.comment = f"{cell.cell_type} cell of source/{tutorial}.py"
                if old := known.pop(entry.msgctxt, None):
                    entry.msgstr, entry.flags = old.msgstr, old.flags
                    entry.previous_msgid = old.previous_msgid
                    if old.msgid != entry.msgid and old.msgstr:
                        entry.previous_msgid = old.previous_msgid or old.msgid
                        entry.flags = ["fuzzy"]
                    entry.tcomment = old.tcomment
                catalog.append(entry)
        for old in known.values():
            old.obsolete = True
            catalog.append(old)
        catalog.save(str(catalog_path(language)))
        print(f"{catalog_path(language).name}: {_count(catalog)}")


def _count(catalog: polib.POFile) -> str:
    translated, fuzzy = len(catalog.translated_entries()), len(catalog.fuzzy_entries())
    missing, obsolete = len(catalog.untranslated_entries()), len(catalog.obsolete_entries())
    return f"{translated} translated, {fuzzy} fuzzy, {missing} missing, {obsolete} obsolete"


# --- building ---------------------------------------------------------------------------------


def localized(language: str, tutorial: str) -> NotebookNode:
    """A tutorial in a language, without outputs. What is not translated stays English."""
    catalog = {} if language == ENGLISH else read_catalog(language)
    notebook: NotebookNode = nbformat.v4.new_notebook(metadata=_METADATA)
    for cell in read_source(tutorial):
        entry = catalog.get(context(tutorial, cell))
        source = entry.msgstr if entry and entry.msgstr and not entry.fuzzy else cell.source
        source = source.replace("{{repository}}", repository())
        made = getattr(nbformat.v4, f"new_{cell.cell_type}_cell")(source, id=cell.id)
        if tags(cell):
            made.metadata.tags = tags(cell)
        notebook.cells.append(made)
    links = nbformat.v4.new_markdown_cell(links_cell(language, tutorial), id=LINKS)
    notebook.cells.insert(1, links)
    for count, index in enumerate(code_cells(notebook), start=1):
        notebook.cells[index].execution_count = count
    return notebook


def badges(language: str, tutorial: str) -> str:
    """The badges that open a notebook on a hosted platform."""
    path = f"notebooks/{language}/{tutorial}.ipynb"
    slug = repository().removeprefix("https://github.com/")
    raw = f"https://raw.githubusercontent.com/{slug}/main/{path}"
    console = "https://console.cloud.google.com/vertex-ai"
    shield = "https://img.shields.io/badge/Open%20in"
    return " ".join(
        f"[![{label}]({image})]({target})"
        for label, image, target in (
            (
                "Open in Colab",
                "https://colab.research.google.com/assets/colab-badge.svg",
                f"https://colab.research.google.com/github/{slug}/blob/main/{path}",
            ),
            (
                "Open in Colab Enterprise",
                f"{shield}-Colab%20Enterprise-4285F4?logo=googlecolab",
                f"{console}/colab/import/{quote(raw, safe='')}",
            ),
            (
                "Open in Workbench",
                f"{shield}-Workbench-4285F4?logo=googlecloud",
                f"{console}/workbench/deploy-notebook?download_url={quote(raw, safe='')}",
            ),
        )
    )


def links_cell(language: str, tutorial: str) -> str:
    """The line under the title: the notebook's sister languages, and its badges."""
    sisters = " · ".join(
        f"**{name}**" if code == language else f"[{name}](../{code}/{tutorial}.ipynb)"
        for code, name in LANGUAGES.items()
    )
    return f"{sisters}\n\n{badges(language, tutorial)}"


def title(language: str, tutorial: str) -> str:
    """A tutorial's title in a language."""
    heading: str = localized(language, tutorial).cells[0].source.splitlines()[0]
    return heading.removeprefix("# ")


def readme() -> str:
    """README.md with its table of tutorials and languages as it should be."""
    names = tutorials()
    rows = ["| | " + " | ".join(title(ENGLISH, name) for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for language, called in LANGUAGES.items():
        cells = (
            f"[{title(language, name)}](notebooks/{language}/{name}.ipynb)<br>{badges(language, name)}"
            for name in names
        )
        rows.append(f"| {called} | " + " | ".join(cells) + " |")
    table = "\n".join(rows)
    text = README.read_text(encoding="utf-8")
    return re.sub(r"(<!-- tutorials -->\n).*?(<!-- /tutorials -->)", rf"\1{table}\n\2", text, flags=re.DOTALL)


def serialized(notebook: NotebookNode) -> str:
    """A notebook's file, the same bytes for the same notebook."""
    text: str = nbformat.writes(notebook, version=4, indent=1, ensure_ascii=False, sort_keys=True)
    return text + "\n"


def with_outputs_of(notebook: NotebookNode, old: NotebookNode | None) -> bool:
    """Take over the outputs of an older build. Returns whether they are those of the same code."""
    if old is None or [_code(cell) for cell in _code_only(notebook)] != [_code(cell) for cell in _code_only(old)]:
        return False
    for cell, before in zip(_code_only(notebook), _code_only(old), strict=True):
        cell.outputs = lasting_outputs(before)
    return all(before.execution_count for before in _code_only(old))


def _code_only(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def _code(cell: NotebookNode) -> tuple[str, str, list[str]]:
    return cell.id, cell.source, tags(cell)


def read_built(language: str, tutorial: str) -> NotebookNode | None:
    """The committed notebook, or None where there is none that can be read."""
    try:
        notebook: NotebookNode = nbformat.read(notebook_path(language, tutorial), as_version=4)
    except (OSError, nbformat.reader.NotJSONError):
        return None
    return notebook


async def build(languages: Sequence[str], names: Sequence[str], *, rerun: bool) -> bool:
    """Make the notebooks. Those whose code has changed are executed, to get their outputs.

    Returns:
        Whether all of them ran through; one that did not is left as it was.
    """
    one_of_few = asyncio.Semaphore(AT_ONCE)

    async def make(language: str, tutorial: str) -> bool:
        notebook, path = localized(language, tutorial), notebook_path(language, tutorial)
        done = "built"
        if not with_outputs_of(notebook, read_built(language, tutorial)) or rerun:
            async with one_of_few:
                path.parent.mkdir(exist_ok=True)
                fresh = localized(language, tutorial)
                if failure := await execute(fresh, path.parent, neutral_environment()):
                    print(f"{language}/{tutorial}: failed\n{failure}", file=sys.stderr)
                    return False
                with_outputs_of(notebook, fresh)
            done = "built and run"
        path.write_text(serialized(notebook), encoding="utf-8")
        print(f"{language}/{tutorial}: {done}", flush=True)
        return True

    README.write_text(readme(), encoding="utf-8")
    results = await asyncio.gather(*(make(language, name) for language in languages for name in names))
    return all(results)


# --- checking ---------------------------------------------------------------------------------


def check() -> list[Problem]:
    """Everything that is wrong with the catalogs, the code and the committed notebooks."""
    return [
        problem
        for language in LANGUAGES
        for tutorial in tutorials()
        for problem in (*_catalog_problems(language, tutorial), *_notebook_problems(language, tutorial))
    ] + [problem for language in LANGUAGES if language != ENGLISH for problem in _strays(language)]


def _strays(language: str) -> Iterator[Problem]:
    """Entries that belong to no cell of the source."""
    path = catalog_path(language)
    if not path.exists():
        return
    known = {context(name, cell) for name in tutorials() for cell in filter(has_prose, read_source(name))}
    for entry in polib.pofile(str(path)):
        if entry.obsolete or entry.msgctxt not in known:
            tutorial, _, cell = entry.msgctxt.partition("/")
            yield Problem(language, tutorial, cell, "obsolete: the English source has no such cell.")


def _catalog_problems(language: str, tutorial: str) -> Iterator[Problem]:
    if language == ENGLISH:
        return
    catalog = read_catalog(language)
    for cell in filter(has_prose, read_source(tutorial)):
        entry = catalog.get(context(tutorial, cell))
        trouble = None
        if entry is None or not entry.msgstr.strip():
            trouble = "not translated."
        elif entry.msgid != cell.source:
            trouble = "the English source has changed; run localize.py extract."
        elif entry.fuzzy:
            trouble = "the translation is marked fuzzy: the English source has changed since."
        elif cell.cell_type == "code":
            trouble = code_difference(cell.source, entry.msgstr, strings=TRANSLATE in tags(cell))
        if trouble:
            yield Problem(language, tutorial, cell.id, trouble)


def code_difference(source: str, translation: str, *, strings: bool) -> str | None:
    """What a translated code cell changes beyond comments (and, with `strings`, texts), or None."""
    try:
        same = _structure(source, strings) == _structure(translation, strings)
    except SyntaxError as error:
        return f"the translated code is not Python: {error.msg} (line {error.lineno})."
    if not same:
        line = next((number for number, (a, b) in enumerate(_line_pairs(source, translation), 1) if a != b), None)
        where = f" First differing line: {line}." if line else ""
        return f"the code differs from the English source.{where}"
    if _form_fields(source) != _form_fields(translation):
        return "the form fields (# @param …) differ from the English source."
    return None


def _structure(source: str, strings: bool) -> str:
    tree = ast.parse(_plain_python(source))
    if strings:
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = ""
    return ast.dump(tree)


def _line_pairs(source: str, translation: str) -> Iterator[tuple[str, str]]:
    def bare(text: str) -> list[str]:
        return [line for line in ast.unparse(ast.parse(_plain_python(text))).split("\n") if line]

    return zip(bare(source), bare(translation), strict=False)


def _form_fields(source: str) -> list[str]:
    return re.findall(r"^(\w+ = ).*(# @param .*)$", source, re.MULTILINE)


def _notebook_problems(language: str, tutorial: str) -> Iterator[Problem]:
    path = notebook_path(language, tutorial)
    built = read_built(language, tutorial)
    if built is None:
        yield Problem(language, tutorial, "-", "there is no notebook; run localize.py build.")
        return
    wanted = localized(language, tutorial)
    stale = "is not what the source and the catalog make; run localize.py build."
    ids = [cell.get("id", "?") for cell in built.cells]
    if ids != [cell.id for cell in wanted.cells]:
        yield Problem(language, tutorial, "-", f"the order of the cells {stale}")
        return
    for cell, made in zip(wanted.cells, built.cells, strict=True):
        if cell.source != made.source:
            yield Problem(language, tutorial, cell.id, f"the text {stale}")
        for output in made.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                yield Problem(language, tutorial, cell.id, "the output holds an error or a warning.")
    with_outputs_of(wanted, built)
    if path.read_text(encoding="utf-8") != serialized(wanted) and all(
        cell.source == made.source for cell, made in zip(wanted.cells, built.cells, strict=True)
    ):
        yield Problem(language, tutorial, "-", f"the file (metadata, tags or layout) {stale}")


# --- command line -----------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="localize.py", description="Make the localized notebooks from source/ and locales/."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("extract", help="bring the catalogs up to date with the English source")
    building = commands.add_parser("build", help="make the notebooks; run those whose code has changed")
    building.add_argument("--language", choices=LANGUAGES, help="only this language")
    building.add_argument("--tutorial", choices=tutorials(), help="only this tutorial")
    building.add_argument("--execute", action="store_true", help="run all of them, changed or not")
    commands.add_parser("check", help="say where catalogs, code and notebooks disagree; exit status 1 if so")
    options = parser.parse_args(arguments)

    try:
        if options.command == "extract":
            extract()
        elif options.command == "build":
            languages = [options.language] if options.language else list(LANGUAGES)
            names = [options.tutorial] if options.tutorial else tutorials()
            return 0 if run_interruptibly(build(languages, names, rerun=options.execute)) else 1
        else:
            problems = [str(problem) for problem in check()]
            if README.read_text(encoding="utf-8") != readme():
                problems.append("README.md: the table of tutorials is out of date; run localize.py build.")
            for problem in problems:
                print(problem)
            print(f"{len(problems) or 'no'} problem(s) in {len(LANGUAGES)} languages.")
            return 1 if problems else 0
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
