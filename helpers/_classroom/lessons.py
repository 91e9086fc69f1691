"""The lessons as a class tells of them: their sections, and which one a cell that has run belongs to.

``lessons.json`` is made from the lessons and their translations by ``python -m tools build``.
"""

import ast
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from helpers._localization.languages import SOURCE_LANGUAGE
from helpers._localization.messages import language

TABLE = Path(__file__).with_name("lessons.json")
LONGEST = 50_000
"""Up to how many characters of a cell are looked at."""
_PASSED_OVER = (ast.Constant, ast.expr_context)
_OWN_LINE = re.compile(r"^([ \t]*)[!%].*", re.MULTILINE)
_NAMES = ("id", "attr", "arg", "name")


@dataclass(frozen=True)
class Section:
    """A section of a lesson.

    Attributes:
        lesson: The lesson's name, such as ``01_redis``.
        id: The ID of the cell that its heading is in.
        place: Its place among the sections of all lessons, from 1.
        titles: Its heading by language.
        cells: The IDs of its code cells, each with its fingerprint.
    """

    lesson: str
    id: str
    place: int
    titles: dict[str, str]
    cells: dict[str, str]

    @property
    def title(self) -> str:
        """Its heading, in the language that is spoken now."""
        return _said(self.titles)


def fingerprint(source: str) -> str:
    """What stays the same of a cell in each language, wherever it runs, and when a text or a number in it was edited.

    Code that Python can't read has none; IPython's own lines are passed over.

    Args:
        source: The cell's code.
    """
    if len(source) > LONGEST:
        return ""
    try:
        nodes = [
            one for one in ast.walk(ast.parse(_OWN_LINE.sub(r"\1pass", source))) if not isinstance(one, _PASSED_OVER)
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    # Without an order: a translation may name the fields of a text in another one.
    said = sorted(" ".join([type(one).__name__, *(str(vars(one).get(name, "")) for name in _NAMES)]) for one in nodes)
    return hashlib.sha256("\n".join(said).encode("utf-8", "replace")).hexdigest()[:12]


@cache
def sections() -> dict[tuple[str, str], Section]:
    """The sections of all lessons in their order, by lesson and ID."""
    found = (
        (lesson, each["id"], each["title"], each["cells"])
        for lesson, one in _table().items()
        for each in one["sections"]
    )
    return {(one[0], one[1]): Section(one[0], one[1], place, *one[2:]) for place, one in enumerate(found, start=1)}


def title(lesson: str) -> str:
    """A lesson's number and title, in the language that is spoken now; the name of one that is not known."""
    number = lesson.partition("_")[0].lstrip("0")
    return f"{number} · {_said(_table()[lesson]['title'])}" if lesson in _table() else lesson


def found(cell_id: str | None, source: str, lesson: str = "") -> tuple[Section, str] | None:
    """The section that a cell belongs to, and the ID that the cell has there.

    Args:
        cell_id: The cell's ID, which not every front end tells, and some make anew.
        source: Its code.
        lesson: The lesson that the last cell belonged to, where several have such a cell.
    """
    mark = fingerprint(source)
    best, likely = 0, None
    for section in sections().values():
        for name, print_ in section.cells.items():
            likeness = 4 * (print_ == mark != "") + 2 * (name == cell_id)
            likeness += likeness > 0 and section.lesson == lesson
            if likeness > best:
                best, likely = likeness, (section, name)
    return likely


def _said(titles: dict[str, str]) -> str:
    return titles.get(language()) or titles[SOURCE_LANGUAGE]


@cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table
