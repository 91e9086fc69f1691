"""The order of the lessons: the first message soon, and what docs/teaching.md says can be skipped."""

import ast
import builtins
import os
import re
from collections.abc import Iterator

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tests.conftest import ROOT
from tests.support.warm_kernels import WarmKernelManager
from tools.running.execution import execute
from tools.tutorials import lessons

FIRST_MESSAGE = re.compile(r"\.add_user_message\(|agent\.invoke\(")
KERNEL = {*dir(builtins), "get_ipython", "__name__"}


def lesson(name: str) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(ROOT / "notebooks" / "en" / f"{name}.ipynb", as_version=4)
    return notebook


def skippable(name: str) -> list[str]:
    """The sections of a lesson that the page on teaching lets a teacher leave out."""
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {name} \| (.*) \|$", page, re.MULTILINE)
    return re.findall(r"\*(.+?)\*", row[1]) if row else []


def sections(notebook: NotebookNode, named: list[str]) -> Iterator[tuple[NotebookNode, tuple[str, ...]]]:
    """Each cell, and the named sections that it is in, outermost first."""
    within: list[tuple[int, str]] = []
    for cell in notebook.cells:
        headings = re.findall(r"^(#+) (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        for marks, title in headings:
            within = [(level, outer) for level, outer in within if level < len(marks)]
            if title in named:
                within.append((len(marks), title))
        yield cell, tuple(title for _, title in within)


def names(cell: NotebookNode) -> tuple[set[str], set[str]]:
    """The names that a cell's code uses, and those that it binds."""
    tree = ast.parse(TransformerManager().transform_cell(cell.source))
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return used, bound


@pytest.mark.parametrize("name", lessons())
def test_the_third_code_cell_stores_the_first_message(name: str) -> None:
    code = [cell.source for cell in lesson(name).cells if cell.cell_type == "code"]

    assert FIRST_MESSAGE.search(code[2])


@pytest.mark.parametrize("name", lessons())
def test_the_page_on_teaching_names_sections_that_there_are(name: str) -> None:
    named = skippable(name)

    assert named
    assert {section for _, path in sections(lesson(name), named) for section in path} == set(named)


@pytest.mark.parametrize("name", lessons())
def test_no_name_comes_from_a_section_that_may_have_been_skipped(name: str) -> None:
    bound_in: dict[tuple[str, ...], set[str]] = {(): set(KERNEL)}
    for cell, path in sections(lesson(name), skippable(name)):
        if cell.cell_type != "code":
            continue
        used, bound = names(cell)
        bound_in.setdefault(path, set()).update(bound)
        available: set[str] = set().union(*(bound_in.get(path[:depth], set()) for depth in range(len(path) + 1)))

        assert used <= available, f"{name}, cell {cell.id!r} of {path} uses {sorted(used - available)}"


# Every section alone would take minutes. Every second one leaves each next to one that is there.
@pytest.mark.parametrize("left_out", [slice(None), slice(0, None, 2), slice(1, None, 2)], ids=["all", "odd", "even"])
@pytest.mark.parametrize("name", lessons())
async def test_a_lesson_runs_without_what_can_be_skipped(name: str, left_out: slice) -> None:
    notebook = lesson(name)
    skipped = set(skippable(name)[left_out])
    notebook.cells = [cell for cell, path in sections(notebook, list(skipped)) if not path]

    assert await execute(notebook, ROOT / "notebooks" / "en", dict(os.environ), kernels=WarmKernelManager) is None
