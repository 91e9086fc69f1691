"""What students are called: whatever a teacher writes."""

import random

import pytest

from helpers._classroom.names import LONGEST_NAME, SLUG, clipped, shown, slug
from helpers._localization import formats
from helpers.errors import ClassroomError


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Anna", "anna"),
        ("Anna-Lena Müller", "annalenamuller"),
        ("José Ñandú", "josenandu"),
        ("Łukasz Straße", "lukaszstrasse"),
        ("Đặng Thị Œuvre", "dangthioeuvre"),
        ("ＡＮＮＡ①", "anna1"),
        ("Ben ✨👩‍🚀", "ben"),
        ("x" * 200, "x" * 20),
        ("<script>alert(1)</script>", "scriptalert1script"),
        ("anna-*", "anna"),
        ("민수", "s01"),
        ("李雷", "s01"),
        ("🦊", "s01"),
        ("", "s01"),
    ],
)
def test_the_short_name_is_made_of_letters_and_digits(name: str, short: str) -> None:
    assert slug(name, ()) == short


def test_a_short_name_that_is_taken_gets_a_number() -> None:
    assert slug("Anna", {"anna"}) == "anna2"
    assert slug("Anna", {"anna", "anna2"}) == "anna3"
    assert slug("x" * 200, {"x" * 20}) == "x" * 19 + "2"
    assert slug("🦊", {"s01", "s02"}) == "s03"


def test_any_name_gets_a_short_one_that_nobody_else_has() -> None:
    chance = random.Random(18)  # noqa: S311 - the same names each time
    taken: set[str] = set()
    for _ in range(2000):
        name = "".join(chr(chance.randrange(1, 0x3FF)) for _ in range(chance.randrange(5)))
        made = slug(name, taken)
        assert SLUG.fullmatch(made)
        assert made not in taken
        taken.add(made)


def test_a_name_is_kept_as_it_was_given() -> None:
    for name in ("Anna-Lena Müller", "민수", "👩‍🚀", "x" * LONGEST_NAME, "<b>Ben</b>", "'; FLUSHALL"):
        assert shown(name) == name
    assert shown("  An\tna \n Lena\x1b[31m\u2028\u202eeb ") == "An na Lena [31m eb"


@pytest.mark.parametrize("name", ["", "   ", "\n\t", "\u202e", "x" * (LONGEST_NAME + 1)])
def test_what_can_be_no_name_is_refused(name: str) -> None:
    with pytest.raises(ClassroomError):
        shown(name)


def test_a_long_name_is_cut_in_a_table() -> None:
    assert clipped("Anna") == "Anna"
    assert clipped("x" * 200) == "x" * 23 + "…"
    assert formats.width(clipped("민" * 200)) <= 24
    assert clipped("👩‍🚀" * 50).endswith("…")
