"""A class in a terminal: a table that is drawn again each second, or plain lines where there is no terminal."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TextIO

import redis

from helpers._classroom.state import ClassState, Student, exercises, follow, quiet, reached, standing
from helpers._connecting.clients import Client
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.errors import require

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDE = 110
"""From how many columns on a terminal shows all of a table."""
_FRAME = 7
"""How many lines of a terminal are no student's: the table's head, frame and middle, and the line below it."""


def watch(client: Client, out: TextIO) -> None:
    """Show how a class stands, until it is interrupted with Ctrl+C.

    In a terminal the table is drawn again each second; those whose last cell failed come first, then those who have
    come least far. Elsewhere there is a line for each student, and another one when something of it changes.

    Args:
        client: A client of the class's server that may do everything, as the teacher's.
        out: Where to show it, such as ``sys.stdout``.

    Raises:
        MissingExtraError: It is a terminal, and the package that draws the table is not installed.
    """
    with suppress(KeyboardInterrupt):
        if out.isatty():
            require("notebooks", "rich")
            _draw(client, out)
        else:
            _tell(client, out)


def _tell(client: Client, out: TextIO) -> None:
    told: dict[str, Sequence[str]] = {}
    said = ""
    for state in follow(client):
        if isinstance(state, redis.RedisError):
            lines = [str(state)] * (str(state) != said)
            said = str(state)
        else:
            rows = {one.slug: _cells(one) for one in state.students}
            new = [row for slug, row in rows.items() if told.get(slug) != row]
            lines = list(formats.aligned([[one.label for one in _columns()], *new])) if new else []
            lines += [standing(state)] * bool(lines or said)
            told, said = rows, ""
        if lines:
            print(*lines, sep="\n", file=out, flush=True)


def _draw(client: Client, out: TextIO) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(file=out)
    last: ClassState | None = None
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            for state in follow(client):
                last = state if isinstance(state, ClassState) else last
                error = "" if isinstance(state, ClassState) else str(state)
                room = console.height - _FRAME - len(error.splitlines())
                live.update(_table(last, console.width, room, error) if last else error, refresh=True)
    finally:
        if last:  # what was seen stays
            console.print(_table(last, console.width, len(last.students)))


def _table(state: ClassState, width: int, height: int, error: str = "") -> "RenderableType":
    """A class as far as it fits into so many lines; on a narrow terminal without what can be done without."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    shown_columns = [(place, one) for place, one in enumerate(_columns()) if width >= _WIDE or not one.wide]
    table = Table(expand=True, show_footer=True, box=SIMPLE_HEAD)
    middle = state.middle
    feet = [
        *(say("Median"), "", *reached(middle.section)),
        *(exercises(middle.solved, middle.tried), quiet(middle.quiet), formats.number(middle.messages, 1)),
        *(formats.number(round(middle.bytes)), ""),
    ]
    for place, one in shown_columns:
        table.add_column(
            *(Text(one.label), Text(feet[place])),
            justify="right" if one.figure else "left",
            no_wrap=True,
            width=one.share,
            ratio=one.share,
        )
    students = sorted(state.students, key=_need)
    shown = students if len(students) <= height else students[: max(1, height - 1)]
    for student in shown:
        cells = _cells(student)
        style = "red" if student.error else "" if student.connected else "dim"
        table.add_row(*(Text(cells[place]) for place, _ in shown_columns), style=style)
    more = len(students) - len(shown)
    below = [standing(state), say("{count} more", count=formats.number(more)) if more else ""]
    return Group(table, Text(" · ".join(filter(None, below))), *([Text(error, style="red")] if error else []))


def _need(one: Student) -> tuple[bool, bool, int, str]:
    """Who comes first: whose cell failed, then who is there and has come least far."""
    return not one.error, not one.connected, one.section.place if one.section else 0, one.name.casefold()


class _Column(NamedTuple):
    """A column: what its head says, and how it is shown in a terminal.

    One with a share has that width at least, and shares what the others leave. A narrow terminal leaves wide ones out.
    """

    label: str
    figure: bool = False
    share: int | None = None
    wide: bool = False


def _columns() -> list[_Column]:
    return [
        _Column(say("Student"), share=12),
        _Column(say("Online"), wide=True),
        _Column(say("Lesson"), share=8, wide=True),
        _Column(say("Section"), share=14),
        _Column(say("Exercises"), figure=True),
        _Column(say("Last seen"), figure=True),
        _Column(say("Messages"), figure=True, wide=True),
        _Column(say("Bytes"), figure=True, wide=True),
        _Column(say("Error"), share=16),
    ]


def _cells(one: Student) -> Sequence[str]:
    return [
        *(one.name, say("yes") if one.connected else say("no"), *reached(one.section)),
        *(exercises(one.solved, one.tried), quiet(one.quiet), formats.number(one.messages)),
        *(formats.number(one.bytes), one.error or "–"),
    ]
