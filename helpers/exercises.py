"""Checks of exercises: what is right, and what is not yet, in the reader's language.

In a notebook of exercises, a check stands below each cell to fill in::

    with exercise("01_redis", "brief") as check:
        check("Redis holds four messages.", client.llen(brief.key), 4)
        check("The time to live is at most ten minutes.", client.ttl(brief.key), lambda seconds: 0 < seconds <= 600)

Nothing that a reader has written, or has not written yet, stops the notebook: an error within the ``with`` becomes a
line of the report.
"""

from contextlib import suppress
from reprlib import Repr
from types import TracebackType
from typing import Self

from helpers._localization.messages import say

RIGHT, NOT_YET = "✓", "✗"
"""What the lines of a report begin with, in every language."""

_LONG = 200  # characters of a value or of an error

_clipped = Repr()
_clipped.maxlist = _clipped.maxtuple = _clipped.maxset = _clipped.maxdict = 20
_clipped.maxstring = _clipped.maxother = _clipped.maxlong = _LONG


class exercise:  # noqa: N801 - it reads as what it is in front of a check
    """The check of one exercise, whose report it prints: a line for each property, then whether it is solved.

    It is solved if at least one property was looked at, if all of them are right, and if nothing failed on the way. In
    a class, the teacher's view is told so, and nothing else.

    Args:
        lesson: The lesson that the exercise belongs to, such as ``"01_redis"``.
        name: The exercise's name within the lesson.
    """

    def __init__(self, lesson: str, name: str) -> None:
        self._lesson, self._name = lesson, name
        self._seen: list[bool] = []

    def __enter__(self) -> Self:
        return self

    def __call__(self, claim: str, actual: object, expected: object) -> bool:
        """Look at one property, and print whether it holds; if not, print what is there instead.

        What is expected is never printed, since it may be the solution.

        Args:
            claim: The property, as a sentence in the reader's language.
            actual: What the reader's code has led to.
            expected: What it should equal; or, of a property that several values have, a function that is given
                `actual` and says whether it holds. An error in it means that it does not.

        Returns:
            Whether the property holds.
        """
        right = False
        with suppress(Exception):
            right = bool(expected(actual) if callable(expected) else actual == expected)
        self._note(right, claim)
        if not right:
            print("  " + _found(actual))
        return right

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if error is not None and not isinstance(error, (Exception, SystemExit)):
            return False  # an interrupt
        if error is not None:
            self._note(False, _trouble(error))
        solved = bool(self._seen) and all(self._seen)
        print(say("Solved.") if solved else say("Not solved yet."))
        _report(self._lesson, self._name, solved)
        return True

    def _note(self, right: bool, text: str) -> None:
        self._seen.append(right)
        print(RIGHT if right else NOT_YET, text)


def _found(value: object) -> str:
    if value is ...:
        return say("There is nothing here yet.")
    return say("Found: {value}", value=_clipped.repr(value))


def _trouble(error: BaseException) -> str:
    """An error of the reader's code, in a line."""
    if type(error) is NameError:
        return say("There is no {name} yet.", name=error.name or "")
    if isinstance(error, (AttributeError, TypeError)):
        if "ellipsis" in str(error):
            return say("A value that is needed here is still missing: {dots}", dots="...")
        if "NoneType" in str(error):  # what a function returns that returns nothing
            return say("There is nothing here yet: {error}", error=_first_line(error))
    return say("The check ended early: {error}", error=_first_line(error))


def _first_line(error: BaseException) -> str:
    line = ""
    with suppress(Exception):  # a reader's own class of errors may fail here too
        line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line[:_LONG]}" if line else type(error).__name__


def _report(lesson: str, name: str, solved: bool) -> None:
    from helpers._classroom import reporting

    reporting.exercise(lesson, name, solved)
