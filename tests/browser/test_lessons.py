"""The lessons in Pyodide under Node: every cell passes, and prints what is committed."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools import building, exercises
from tools.running.execution import lasting_outputs, shown
from tools.site.lite.copies import in_page
from tools.tutorials import ENGLISH, LANGUAGES, lessons

HERE = Path(__file__).parent

if shutil.which("node") is None:
    pytest.skip("no Node", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere


def different(committed: NotebookNode, ran: dict[str, list[NotebookNode]]) -> list[str]:
    """The cells of a notebook whose outputs are not the committed ones, and both."""
    found = []
    for cell in committed.cells:
        if cell.cell_type == "code":
            now = lasting_outputs(NotebookNode(metadata=cell.metadata, outputs=ran.get(cell.id, [])))
            if now != lasting_outputs(cell):
                found.append(f"{cell.id}: {shown(cell.outputs)!r} is committed, and this is {shown(now)!r}")
    return found


def ran(lite: Path, notebooks: Sequence[Path]) -> list[dict[str, list[NotebookNode]]]:
    """What the cells of notebooks put out in a page, by their IDs."""
    done = subprocess.run(
        ["node", HERE / "lessons.mjs", lite / "static" / "pyodide", HERE / "runner.py", *notebooks],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(notebooks)
    for path, result in zip(notebooks, results, strict=True):
        assert "failed" not in result, f"{path}, cell {result['failed']}: {result['said']}"
    return [
        {name: [nbformat.from_dict(one) for one in found] for name, found in result["outputs"].items()}
        for result in results
    ]


@pytest.mark.parametrize("tutorial", in_page())
def test_outputs_are_the_committed_ones_in_every_language(lite: Path, tutorial: str) -> None:
    copies = [lite / "files" / language / f"{tutorial}.ipynb" for language in LANGUAGES]
    for path, outputs in zip(copies, ran(lite, copies), strict=True):
        assert different(nbformat.read(path, as_version=4), outputs) == [], path


@pytest.mark.parametrize("tutorial", [name for name in in_page() if name not in lessons()])
def test_solutions_pass_their_checks(lite: Path, tmp_path: Path, tutorial: str) -> None:
    notebook, path = building.localized(ENGLISH, tutorial, solved=True), tmp_path / f"{tutorial}.ipynb"
    nbformat.write(notebook, path)
    (outputs,) = ran(lite, [path])
    for cell in notebook.cells:
        cell.outputs = outputs.get(cell.id, [])
    found = list(exercises.checks(notebook))
    assert len(found) > 2
    assert [(cell.id, shown(cell.outputs)) for cell, solved in found if not solved] == []


@pytest.mark.parametrize("tutorial", in_page())
def test_copies_keep_the_cells_and_ask_nothing_of_another_host(lite: Path, tutorial: str) -> None:
    for language in LANGUAGES:
        copy = nbformat.read(lite / "files" / language / f"{tutorial}.ipynb", as_version=4)
        committed = nbformat.read(HERE.parents[1] / "notebooks" / language / f"{tutorial}.ipynb", as_version=4)
        assert [cell.id for cell in copy.cells] == [cell.id for cell in committed.cells]
        changed = [
            cell.id for cell, before in zip(copy.cells, committed.cells, strict=True) if cell.source != before.source
        ]
        pictures = ["title"] if tutorial in lessons() else []
        assert changed == [*pictures, "links", *(["process"] if tutorial == "03_agents" else [])]
        prose = "\n".join(cell.source for cell in copy.cells if cell.cell_type == "markdown")
        assert re.findall(r"!\[|<img(?![^>]* src=\"data:)", prose) == []
        assert len(re.findall(r"<img[^>]* src=\"data:image/svg", copy.cells[0].source)) == len(pictures)


def test_a_lesson_that_starts_servers_is_not_among_them(lite: Path) -> None:
    assert sorted({path.stem for path in (lite / "files").rglob("*.ipynb")}) == in_page()
