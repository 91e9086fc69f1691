"""Checks of exercises: what they say, and that nothing a student writes gets past them."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from helpers import speak
from helpers._classroom import reporting
from helpers._localization import messages
from helpers.exercises import NOT_YET, RIGHT, exercise

Reports = list[tuple[str, str, bool]]


class BrokenError(Exception):
    """An error of a student's own that can't even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Odd:
    """A value that can neither be compared nor shown."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __repr__(self) -> str:
        raise RuntimeError("no representation")


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    """What is reported to a class."""
    made: Reports = []
    monkeypatch.setattr(reporting, "exercise", lambda *report: made.append(report))
    return made


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = messages._chosen
    speak("en")
    yield
    messages._chosen = before


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_all_properties_right_is_solved(capsys: pytest.CaptureFixture[str], reports: Reports) -> None:
    with exercise("01_redis", "order") as check:
        assert check("There are two.", len("ab"), 2)
        assert check("It is short.", "ab", lambda text: len(text) < 3)

    assert said(capsys) == ["✓ There are two.", "✓ It is short.", "Solved."]
    assert reports == [("01_redis", "order", True)]


def test_a_wrong_property_shows_what_is_there_and_never_what_should_be(
    capsys: pytest.CaptureFixture[str], reports: Reports
) -> None:
    with exercise("01_redis", "order") as check:
        assert not check("It is the first.", "one", "three")
        assert check("There is one.", 1, 1)

    assert said(capsys) == ["✗ It is the first.", "  Found: 'one'", "✓ There is one.", "Not solved yet."]
    assert reports == [("01_redis", "order", False)]


def test_a_check_that_looks_at_nothing_finds_nothing_solved(
    capsys: pytest.CaptureFixture[str], reports: Reports
) -> None:
    with exercise("01_redis", "order"):
        pass

    assert said(capsys) == ["Not solved yet."]
    assert reports == [("01_redis", "order", False)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (..., "There is nothing here yet."),
        (None, "Found: None"),
        ("6", "Found: '6'"),
        ([], "Found: []"),
        ("x" * 1000, f"Found: '{'x' * 97}...{'x' * 98}'"),
    ],
)
def test_a_value_is_shown_as_what_it_is(capsys: pytest.CaptureFixture[str], value: object, shown: str) -> None:
    with exercise("01_redis", "order") as check:
        check("There are six.", value, 6)

    assert said(capsys)[1] == f"  {shown}"


def test_a_value_that_can_be_neither_compared_nor_shown_is_not_right(capsys: pytest.CaptureFixture[str]) -> None:
    with exercise("01_redis", "order") as check:
        check("There are six.", Odd(), 6)

    lines = said(capsys)
    assert lines[0] == "✗ There are six."
    assert lines[1].startswith("  Found: <Odd instance at 0x")
    assert lines[2] == "Not solved yet."


def test_an_error_in_what_is_expected_means_that_it_is_not_right(capsys: pytest.CaptureFixture[str]) -> None:
    with exercise("01_redis", "order") as check:
        check("It is short.", None, lambda text: len(text) < 3)
        check("There is one.", 1, 1)

    assert said(capsys) == ["✗ It is short.", "  Found: None", "✓ There is one.", "Not solved yet."]


def missing_name() -> None:
    nothing_of_that_name  # type: ignore[name-defined]  # noqa: B018, F821


def ellipsis_attribute() -> Any:
    value: Any = ...
    return value.messages


def ellipsis_call() -> Any:
    value: Any = ...
    return value("Hi!")


def ellipsis_length() -> int:
    value: Any = ...
    return len(value)


def own_error() -> None:
    raise ValueError("first line\nsecond line")


def long_error() -> None:
    raise ValueError("x" * 1000)


def broken_error() -> None:
    raise BrokenError


def silent_error() -> None:
    raise AssertionError


def leaving() -> None:
    sys.exit("bye")


def empty_function() -> None:
    list(silent())


def silent() -> Any: ...


def endless() -> None:
    endless()


@pytest.mark.parametrize(
    ("fails", "line"),
    [
        (missing_name, "✗ There is no nothing_of_that_name yet."),
        (ellipsis_attribute, "✗ A value that is needed here is still missing: ..."),
        (ellipsis_call, "✗ A value that is needed here is still missing: ..."),
        (ellipsis_length, "✗ A value that is needed here is still missing: ..."),
        (own_error, "✗ The check ended early: ValueError: first line"),
        (long_error, f"✗ The check ended early: ValueError: {'x' * 200}"),
        (empty_function, "✗ There is nothing here yet: TypeError: 'NoneType' object is not iterable"),
        (broken_error, "✗ The check ended early: BrokenError"),
        (silent_error, "✗ The check ended early: AssertionError"),
        (leaving, "✗ The check ended early: SystemExit: bye"),
        (endless, "✗ The check ended early: RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_no_error_of_a_student_gets_past(
    capsys: pytest.CaptureFixture[str], reports: Reports, fails: Any, line: str
) -> None:
    with exercise("01_redis", "order") as check:
        check("There is one.", 1, 1)
        fails()

    first, found, last = said(capsys)
    assert (first, last) == ("✓ There is one.", "Not solved yet.")
    assert found == line or found.startswith(f"{line} "), "Python may say where the recursion became too deep"
    assert reports == [("01_redis", "order", False)]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interrupt_ends_the_cell_and_reports_nothing(
    capsys: pytest.CaptureFixture[str], reports: Reports, interrupt: type[BaseException]
) -> None:
    with pytest.raises(interrupt), exercise("01_redis", "order"):
        raise interrupt

    assert (said(capsys), reports) == ([], [])


async def test_a_check_may_wait(capsys: pytest.CaptureFixture[str]) -> None:
    with exercise("01_redis", "order") as check:
        await asyncio.sleep(0)
        check("There is one.", 1, 1)

    assert said(capsys)[-1] == "Solved."


def test_a_report_has_the_marks_in_every_language(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {("", "Not solved yet."): "아직 아닙니다.", ("", "Found: {value}"): "지금 값: {value}"}
    monkeypatch.setattr(messages, "catalog", {"ko": texts}.__getitem__)
    speak("ko")

    with exercise("01_redis", "order") as check:
        check("하나입니다.", 1, 1)
        check("둘입니다.", 1, 2)

    assert said(capsys) == [f"{RIGHT} 하나입니다.", f"{NOT_YET} 둘입니다.", "  지금 값: 1", "아직 아닙니다."]
