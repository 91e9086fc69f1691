"""How the reader's language writes numbers, sizes, times and lists.

``formats.json`` holds what the Unicode CLDR says of each language. ``python -m tools extract`` takes it from Babel, so
that the package needs none of Babel's 30 MB.
"""

import json
import math
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from helpers._localization.languages import SOURCE_LANGUAGE
from helpers._localization.messages import language, say

TABLE = Path(__file__).with_name("formats.json")
_SIZES = ("byte", "kilobyte", "megabyte", "gigabyte")


def number(value: float, digits: int = 0) -> str:
    """A number in the reader's numerals.

    Args:
        value: The number.
        digits: How many decimals it has at most; zeros at their end are left out.
    """
    form = _form()
    whole, _, decimals = f"{value:,.{digits}f}".partition(".")
    if len(whole.replace(",", "").lstrip("-")) < 3 + form["minimum"]:
        whole = whole.replace(",", "")
    decimals = decimals.rstrip("0")
    return whole.replace(",", form["group"]) + (form["decimal"] + decimals if decimals else "")


def size(count: int) -> str:
    """A number of bytes: a kilobyte has 1,000, as in the International System of Units."""
    value, unit = float(count), _SIZES[0]
    for larger in _SIZES[1:]:
        if round(value, 1) < 1000:
            break
        value, unit = value / 1000, larger
    return _measured(value, unit, 1)


def gigabytes(value: float) -> str:
    """An instance's size, with the unit that Memorystore's console shows. The service means gibibytes by it."""
    return _measured(value, "gigabyte", 2)


def milliseconds(value: float) -> str:
    """A time of less than a second."""
    return _measured(value, "millisecond", 1)


def seconds(value: float) -> str:
    """A time in whole seconds."""
    return _measured(value, "second")


def minutes(value: float) -> str:
    """A time in seconds, rounded up to minutes."""
    return _measured(math.ceil(value / 60), "minute")


def listing(items: Iterable[str]) -> str:
    """Names one after the other, without a word for "and"."""
    between: str = _form()["list"]
    return between.join(items)


def label(name: str, value: str) -> str:
    """A name and what it stands for."""
    return say("{name}: {value}", name=name, value=value)


def facts(*found: str) -> str:
    """What is known of one thing, in one line; what is empty is left out."""
    known = [one for one in found if one]
    line = known[0] if known else ""
    for one in known[1:]:
        line = say("{facts}, {fact}", facts=line, fact=one)
    return line


def width(text: str) -> int:
    """How many columns a text takes in a terminal: two for a Chinese, Japanese or Korean character."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def aligned(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of a table, with two spaces between its columns."""
    table = [list(row) for row in rows]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)).rstrip()


def _measured(value: float, unit: str, digits: int = 0) -> str:
    pattern: str = _form()[unit]
    return pattern.replace("{0}", number(value, digits))


def _form() -> dict[str, Any]:
    forms = _forms()
    return forms.get(language(), forms[SOURCE_LANGUAGE])


@cache
def _forms() -> dict[str, dict[str, Any]]:
    forms: dict[str, dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return forms
