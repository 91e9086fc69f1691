"""Notebooks of exercises: made from their solutions, which are left out where the reader is to write.

In a cell tagged ``solution``, a comment that begins with ``# ✎`` says what to write, and the code from there to the
next empty line is the solution. The reader gets the comment without that code; of an assignment the name stays. Lines
that begin with ``#~`` are code that the reader gets instead, such as one with a fault to find.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from nbformat import NotebookNode

from helpers.exercises import NOT_YET, RIGHT
from tools.running.execution import tags
from tools.site.phrases import PHRASES, translated
from tools.translating.catalogs import GIVEN, HINT, SOLUTION

_TASK = re.compile(r"\s*# ✎")
_CHECK = re.compile(r'^with exercise\("([\w-]+)", "([\w-]+)"\) as check\b', re.MULTILINE)
_INDENT = re.compile(r"\s*")


def is_solution(cell: NotebookNode) -> bool:
    """Whether a source's cell is one that a reader fills in."""
    return SOLUTION in tags(cell)


def lasting_tags(cell: NotebookNode) -> list[str]:
    """The tags of a source's cell that it has in a notebook too."""
    return [tag for tag in tags(cell) if tag not in (SOLUTION, HINT)]


def solved(source: str) -> str:
    """A cell as its solution."""
    return "\n".join(line for line in source.split("\n") if not GIVEN.match(line))


def blank(source: str) -> str:
    """A cell as the reader gets it."""
    kept: list[str] = []
    lines = source.split("\n")
    place = 0
    while place < len(lines):
        kept.append(lines[place])
        place += 1
        if not _TASK.match(kept[-1]):
            continue
        while place < len(lines) and lines[place].lstrip().startswith("# "):
            kept.append(lines[place])
            place += 1
        end = next((at for at in range(place, len(lines)) if not lines[at].strip()), len(lines))
        kept += _instead(lines[place:end])
        place = end
    return "\n".join(kept).rstrip("\n")


def _instead(lines: Sequence[str]) -> list[str]:
    """What stands in the place of a solution."""
    if given := [GIVEN.sub(r"\1", line) for line in lines if GIVEN.match(line)]:
        return given
    found = _INDENT.match(lines[0]) if lines else None
    if indent := found[0] if found else "":
        return [f"{indent}..."]
    statements = ast.parse("\n".join(lines)).body
    names = [_name(statement) for statement in statements]
    return [f"{name} = ..." for name in names] if all(names) else []


def _name(statement: ast.stmt) -> str | None:
    """What a statement gives a name to, where it does nothing else."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


def hint(language: str, text: str) -> str:
    """A hint, folded."""
    return _folded(language, "hint", text)


def answer(language: str, source: str) -> str:
    """A solution, folded."""
    return _folded(language, "solution", f"```python\n{solved(source)}\n```")


def _folded(language: str, phrase: str, text: str) -> str:
    return f"<details><summary>{translated(language, PHRASES[phrase])}</summary>\n\n{text}\n\n</details>"


def checks(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, bool]]:
    """Each check of a notebook that has said something, and whether that is that the exercise is solved."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.outputs and _CHECK.search(cell.source):
            said = "".join(output.get("text", "") for output in cell.outputs)
            marks = [line[:1] for line in said.splitlines()]
            yield cell, RIGHT in marks and NOT_YET not in marks
