"""What students are called: the name as the teacher writes it, and the short one that is in user names and keys."""

import re
import unicodedata
from collections.abc import Container

from helpers._localization import formats
from helpers._localization.messages import say
from helpers.errors import ClassroomError

LONGEST_NAME = 200
"""How many characters a student's name may have."""
LONGEST_SLUG = 20
"""How many characters the short name may have."""
SLUG = re.compile(rf"[a-z0-9]{{1,{LONGEST_SLUG}}}")
"""The form of a short name. It holds no hyphen, which ends it in a key: ``anna-*`` is Anna's, and not Anna-Lena's."""

# Letters that no normalization takes apart, as people write them without them.
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "þ": "th", "œ": "oe"})
# Marks that change the order in which others are shown: in a table they would turn the rest of the line round.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROLS = ("Cc", "Cs", "Zl", "Zp")


def shown(name: str) -> str:
    """A name as it is kept: as it was given, with spaces in place of what no terminal or page should be sent.

    Args:
        name: The name.

    Raises:
        ClassroomError: Nothing is left of it, or it is too long.
    """
    plain = "".join(" " if unicodedata.category(one) in _CONTROLS else one for one in _TURNING.sub("", name))
    plain = unicodedata.normalize("NFC", " ".join(plain.split()))
    if not plain:
        raise ClassroomError(
            "A student's name is empty.\n" + say("Give each student a name, or give the number of students.")
        )
    if len(plain) > LONGEST_NAME:
        raise ClassroomError(
            f"The name {clipped(plain)!r} has {len(plain)} characters.\n"
            + say("A name can have up to {count} characters.", count=formats.number(LONGEST_NAME))
        )
    return plain


def slug(name: str, taken: Container[str]) -> str:
    """The short name of a new student.

    Args:
        name: The name; letters outside of a to z lose their marks, or are left out.
        taken: The short names that there are.

    Returns:
        A short name that is not taken: that of the name, with a number if somebody else has it, or ``s01``, ``s02`` and
        so on if nothing of the name is left.
    """
    wanted = letters(name)
    if wanted and wanted not in taken:
        return wanted
    number = 2 if wanted else 1
    while True:
        ending = str(number) if wanted else f"s{number:02}"
        made = wanted[: LONGEST_SLUG - len(ending)] + ending
        if made not in taken:
            return made
        number += 1


def letters(name: str) -> str:
    """What a short name takes of a name; blank if there is nothing."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    return "".join(re.findall("[a-z0-9]", plain))[:LONGEST_SLUG]


def clipped(name: str, columns: int = 24) -> str:
    """A name in a table: what is too wide for its column ends in ``…``."""
    if formats.width(name) <= columns:
        return name
    kept = ""
    for one in name:
        if formats.width(kept + one) > columns - 1:
            break
        kept += one
    return kept.rstrip("\u200d") + "…"
