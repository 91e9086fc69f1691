"""From sources and catalogs to notebooks."""

import asyncio
import html
import re
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence

import nbformat
from nbformat import NotebookNode

from tools import exercises
from tools.project import raw_address, repository, root
from tools.running.execution import AT_ONCE, Failure, code_cells, execute, lasting_outputs, shown, tags
from tools.translating import diagrams, links
from tools.translating.catalogs import (
    AWAITING,
    HINT,
    LINKS,
    MARKER,
    MARKER_KEY,
    context,
    has_prose,
    is_current,
    label_context,
    read_catalog,
    read_source,
)
from tools.tutorials import ENGLISH, LANGUAGES, diagram_names, hosted, neutral_environment, notebook_path, picture_path

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Where a notebook installs the kit from on a hosted platform, which has no part in what it prints.
_INSTALLED_FROM = re.compile(r"git\+https://github\.com/[\w.-]+/[\w.-]+")
_DIAGRAM = re.compile(r"!\[([^\]]*)\]\(diagrams/([\w-]+)\.svg\)")


def localized(language: str, tutorial: str, *, solved: bool = False) -> NotebookNode:
    """A tutorial in a language, without outputs.

    What has no translation of its present English text stays English, tagged as awaiting one; above such
    prose stands a line that says so.

    Args:
        language: The language.
        tutorial: The tutorial's name.
        solved: Whether exercises are solved, rather than left to the reader.
    """
    notebook: NotebookNode = nbformat.v4.new_notebook(metadata=_METADATA)
    answers: list[NotebookNode] = []
    for cell in read_source(tutorial):
        source, awaiting = translated(language, tutorial, cell)
        if cell.cell_type == "markdown":
            source = links.localized(source, language)
            if HINT in tags(cell):
                source = exercises.hint(language, source)
            else:  # the next exercise
                notebook.cells += answers
                answers = []
            if awaiting:
                source = f"{awaiting_marker(language)}\n\n{source}"
        elif exercises.is_solution(cell):
            answers.append(nbformat.v4.new_markdown_cell(exercises.answer(language, source), id=f"{cell.id}-solved"))
            source = exercises.solved(source) if solved else exercises.blank(source)
        made = getattr(nbformat.v4, f"new_{cell.cell_type}_cell")(
            _with_pictures(source, language).replace("{{repository}}", repository()), id=cell.id
        )
        if cell_tags := [*exercises.lasting_tags(cell), *[AWAITING] * awaiting]:
            made.metadata.tags = cell_tags
        notebook.cells.append(made)
    notebook.cells += answers
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(links_cell(language, tutorial), id=LINKS))
    for count, index in enumerate(code_cells(notebook), start=1):
        notebook.cells[index].execution_count = count
    return notebook


def translated(language: str, name: str, cell: NotebookNode) -> tuple[str, bool]:
    """A cell's text in a language, and whether it is English because a translation is awaited."""
    if language == ENGLISH:
        return cell.source, False
    entry = read_catalog(language).get(context(name, cell))
    if is_current(entry, cell.source):
        return entry.msgstr, False
    return cell.source, has_prose(cell)


def picture(language: str, diagram: str) -> str:
    """A diagram as a language's readers see it: an SVG file. A label that awaits translation is English."""
    catalog = {} if language == ENGLISH else read_catalog(language)

    def said(label: str, english: str) -> str:
        entry = catalog.get(label_context(diagram, label))
        return " ".join(entry.msgstr.split()) if is_current(entry, english) else english

    return diagrams.drawn(diagram, said)


def _with_pictures(text: str, language: str) -> str:
    """A cell with each diagram that it shows in its language.

    No single way shows an SVG everywhere, so the picture is an address, and lies behind that once more as a data URI.
    Colab takes the address only: not an SVG in a data URI (googlecolab/colabtools#2092), no attachment (#3836), and no
    file beside the notebook. Where the address leads nowhere, JupyterLab and our own pages show what lies behind it.
    An attached SVG they do not show (jupyterlab/jupyterlab#10464), and JupyterLab drops <picture> and srcset.
    Tried without internet: JupyterLab, our pages. Read in their threads: Colab, GitHub, VS Code.
    """

    def shown(found: re.Match[str]) -> str:
        alt, name = " ".join(found[1].split()), found[2]
        if name not in diagram_names():
            return found[0]  # which the check names as a link that leads nowhere
        width, height = diagrams.size(name)
        data = b64encode(picture(language, name).encode()).decode()
        address = raw_address(picture_path(language, name).relative_to(root()).as_posix())
        return (
            f'<img alt="{html.escape(alt)}" width="{width}" height="{height}" src="{address}" style="background: '
            f'url(data:image/svg+xml;base64,{data}) 0 0 / 100% 100% no-repeat; color: transparent">'
        )

    return _DIAGRAM.sub(shown, text)


def awaiting_marker(language: str) -> str:
    """The line above prose that is still English, in the language itself where that is translated."""
    entry = read_catalog(language).get(MARKER_KEY)
    return f"> *{entry.msgstr.strip() if is_current(entry, MARKER) else MARKER}*"


_SHIELD = "https://img.shields.io/badge/Open%20in"
_BADGES = {
    "Colab": "https://colab.research.google.com/assets/colab-badge.svg",
    "Colab Enterprise": f"{_SHIELD}-Colab%20Enterprise-4285F4?logo=googlecolab",
    "Workbench": f"{_SHIELD}-Workbench-4285F4?logo=googlecloud",
}


def badges(language: str, tutorial: str) -> str:
    """The badges that open a notebook on a hosted platform."""
    return " ".join(f"[![{name}]({_BADGES[name]})]({address})" for name, address in hosted(language, tutorial).items())


def links_cell(language: str, tutorial: str) -> str:
    """The line under the title: the notebook's sister languages, and its badges."""
    sisters = " · ".join(
        f"**{name}**" if code == language else f"[{name}](../{code}/{tutorial}.ipynb)"
        for code, name in LANGUAGES.items()
    )
    return f"{sisters}\n\n{badges(language, tutorial)}"


def title(language: str, name: str) -> str:
    """The title of a tutorial or document in a language."""
    text, _ = translated(language, name, read_source(name)[0])
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    return heading[1] if heading else name


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
    return cell.id, _INSTALLED_FROM.sub("", cell.source), [tag for tag in tags(cell) if tag != AWAITING]


def read_built(language: str, tutorial: str) -> NotebookNode | None:
    """The committed notebook, or None where there is none that can be read."""
    try:
        notebook: NotebookNode = nbformat.read(notebook_path(language, tutorial), as_version=4)
    except (OSError, ValueError):  # no JSON, or no UTF-8
        return None
    return notebook


def write_pictures(languages: Sequence[str]) -> None:
    """Draw the diagrams in these languages."""
    for language in languages:
        for name in diagram_names():
            path = picture_path(language, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(picture(language, name), encoding="utf-8")


async def _run(language: str, tutorial: str, notebook: NotebookNode) -> Failure | str | None:
    """Run a notebook, and the solutions of its exercises. Returns what failed, or which check says the wrong thing."""
    folder, environment = notebook_path(language, tutorial).parent, neutral_environment()
    if failure := await execute(notebook, folder, environment):
        return failure
    if already := [cell.id for cell, solved in exercises.checks(notebook) if solved]:
        return f"Nothing is filled in, and these checks find it solved: {', '.join(already)}."
    if not any(exercises.is_solution(cell) for cell in read_source(tutorial)):
        return None
    answered = localized(language, tutorial, solved=True)
    if failure := await execute(answered, folder, environment):
        return failure
    if refused := [cell for cell, solved in exercises.checks(answered) if not solved]:
        said = "".join(f"\n{cell.id}:\n{shown(cell.outputs)}" for cell in refused)
        return f"These checks refuse the solutions:{said}"
    return None


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
                if failure := await _run(language, tutorial, fresh):
                    print(f"{language}/{tutorial}: failed\n{failure}", file=sys.stderr)
                    return False
                with_outputs_of(notebook, fresh)
            done = "built and run"
        path.write_text(serialized(notebook), encoding="utf-8")
        print(f"{language}/{tutorial}: {done}", flush=True)
        return True

    results = await asyncio.gather(*(make(language, name) for language in languages for name in names))
    return all(results)
