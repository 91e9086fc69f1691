"""Numbers, sizes, times and lists as the reader's language writes them."""

import json
import subprocess

import pytest

from helpers import speak
from helpers._localization import formats
from helpers._localization.languages import LANGUAGES
from tests.support.node import missing
from tools.checking.check import check
from tools.translating import formats as made

VALUES = (0, 7, 999, 1000, 1234, 12345, 1234567, 0.5, 1234.56, -1234)


pytestmark = pytest.mark.usefixtures("nobody_chose")


def test_the_table_is_what_babel_says() -> None:
    assert formats.TABLE.read_text(encoding="utf-8") == made.made()


def test_the_check_names_a_table_that_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "made", lambda: "{}\n")
    assert [str(found) for found in check(["en"])] == [
        "helpers/_localization/formats.json: it is not as python -m tools extract leaves it."
    ]


@pytest.mark.skipif("nodejs" in missing(), reason="no Node")  # conftest.py fails in CI, and says so elsewhere
@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_those_of_the_widgets_javascript(language: str) -> None:
    script = f"""const form = new Intl.NumberFormat("{language}", {{ maximumFractionDigits: 1 }});
    console.log(JSON.stringify({json.dumps(VALUES)}.map((value) => form.format(value))));"""
    shown = subprocess.run(["node", "--eval", script], capture_output=True, text=True, check=True).stdout
    speak(language)
    assert [formats.number(value, 1) for value in VALUES] == json.loads(shown)


@pytest.mark.parametrize(
    ("language", "sizes"),
    [
        ("en", ["377 B", "1 kB", "1.2 kB", "1 MB", "12.3 GB", "2,500 GB"]),
        ("fr", ["377\u202fo", "1\u202fko", "1,2\u202fko", "1\u202fMo", "12,3\u202fGo", "2\u202f500\u202fGo"]),
        ("es", ["377 B", "1 kB", "1,2 kB", "1 MB", "12,3 GB", "2500 GB"]),
        ("pt-BR", ["377 B", "1 kB", "1,2 kB", "1 MB", "12,3 GB", "2.500 GB"]),
        ("de", ["377 B", "1 kB", "1,2 kB", "1 MB", "12,3\u00a0GB", "2.500\u00a0GB"]),
        ("it", ["377 B", "1 kB", "1,2 kB", "1 MB", "12,3 GB", "2500 GB"]),
        ("id", ["377 B", "1 kB", "1,2 kB", "1 MB", "12,3 GB", "2.500 GB"]),
        ("ko", ["377B", "1kB", "1.2kB", "1MB", "12.3GB", "2,500GB"]),
        ("ja", ["377 B", "1 KB", "1.2 KB", "1 MB", "12.3 GB", "2,500 GB"]),
        ("zh-CN", ["377 B", "1 kB", "1.2 kB", "1 MB", "12.3 GB", "2,500 GB"]),
    ],
)
def test_a_size_has_the_units_of_its_language(language: str, sizes: list[str]) -> None:
    speak(language)
    counts = (377, 1000, 1234, 999_960, 12_340_000_000, 2_500_000_000_000)
    assert [formats.size(count) for count in counts] == sizes


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Wait: 12 sec, 2 min, 0.4 ms | a, b, c | 1.4 GB"),
        ("fr", "Wait\u00a0: 12\u202fs, 2\u00a0min, 0,4\u202fms | a, b, c | 1,4\u202fGo"),
        ("zh-CN", "Wait：12秒，2分钟，0.4毫秒 | a、b、c | 1.4 GB"),
        ("ja", "Wait：12 秒、2 分、0.4 ms | a、b、c | 1.4 GB"),
        ("ko", "Wait: 12초, 2분, 0.4ms | a, b, c | 1.4GB"),
        ("de", "Wait: 12 Sek., 2 Min., 0,4 ms | a, b, c | 1,4\u00a0GB"),
        ("it", "Wait: 12 s, 2 min, 0,4 ms | a, b, c | 1,4 GB"),
        ("id", "Wait: 12 dtk, 2 mnt, 0,4 md | a, b, c | 1,4 GB"),
    ],
)
def test_times_lists_and_labels_have_the_marks_of_their_language(language: str, line: str) -> None:
    speak(language)
    times = formats.facts(formats.seconds(12.3), "", formats.minutes(61), formats.milliseconds(0.42))
    assert " | ".join([formats.label("Wait", times), formats.listing("abc"), formats.gigabytes(1.4)]) == line


def test_columns_stand_below_each_other_in_a_terminal() -> None:
    assert list(formats.aligned([("状态", "x"), ("READY", "는"), ("a", "")])) == ["状态   x", "READY  는", "a"]
