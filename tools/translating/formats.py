"""How languages write numbers, sizes, times and lists: the Unicode CLDR's words for it, taken from Babel."""

import json
import re
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.units import format_unit

from tools.project import root
from tools.tutorials import LANGUAGES

_UNITS = {
    "kilobyte": "digital-kilobyte",
    "megabyte": "digital-megabyte",
    "gigabyte": "digital-gigabyte",
    "millisecond": "duration-millisecond",
    "second": "duration-second",
    "minute": "duration-minute",
}
# How many digits the first group has at least, where it is not one: Spanish and Italian write 1234 and 12.345. Babel
# leaves CLDR's minimumGroupingDigits out; a test asks a browser for all languages.
_MINIMUM = {"es": 2, "it": 2}


def path() -> Path:
    """Where the table lies."""
    return root() / "helpers" / "_localization" / "formats.json"


def made() -> str:
    """The table as it should be: a language that CLDR does not have is written as English is."""
    found = {code: form for code in LANGUAGES if (form := _form(code))}
    return json.dumps(found, indent=1) + "\n"


def write() -> None:
    """Bring the table up to date."""
    path().write_text(made(), encoding="utf-8")


def _form(code: str) -> dict[str, str | int]:
    try:
        locale = Locale.parse(code, sep="-")
    except UnknownLocaleError:
        return {}
    symbols = locale.number_symbols["latn"]
    units = {name: format_unit(2, unit, "short", locale=locale).replace("2", "{0}") for name, unit in _UNITS.items()}
    return {
        "decimal": symbols["decimal"],
        "group": symbols["group"],
        "minimum": _MINIMUM.get(code, 1),
        "list": locale.list_patterns["standard"]["middle"].format("", ""),
        # CLDR's own short form is a word in several languages: 377 byte.
        "byte": re.sub("k", "", units["kilobyte"], flags=re.IGNORECASE),
        **units,
    }
