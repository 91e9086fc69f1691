"""Handouts: a page a student, to be printed, in the language of the class, and nothing from the network."""

import html
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import segno

from helpers import connect
from helpers._classroom import handouts, students
from helpers._localization import messages
from helpers._localization.languages import LANGUAGES
from tests.support.chromium import chromium
from tests.support.room import Room, room_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")

NAMES = ["Anna", "<script>alert(1)</script>", "\"quoted\" & 'so'", "민수 ✨👩‍🚀", "x" * 200, "{{ 7 * 7 }}"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room_in(tmp_path_factory.mktemp("room") / "class") as made:
        made.start("--tls", "--language", "ko")
        made.done("add", *NAMES)
        yield made


def page_of(room: Room, folder: Path, *names: str) -> str:
    """The handouts as the command writes them."""
    file = folder / "handouts.html"
    said = room.done("list", *names, "--handouts", str(file))
    assert str(file) in said
    assert "delete" in said.splitlines()[-1]
    return file.read_text(encoding="utf-8")


def test_whatever_a_student_is_called_is_text(running: Room, tmp_path: Path) -> None:
    page = page_of(running, tmp_path)
    assert [html.unescape(name) for name in re.findall(r"<h1[^>]*>(.*?)</h1>", page)] == NAMES
    assert "<script" not in page
    assert "Content-Security-Policy" in page


def test_each_page_holds_its_students_address_and_no_other(running: Room, tmp_path: Path) -> None:
    sections = page_of(running, tmp_path).split("<section ")[1:]
    known = students.load(running.folder)
    assert len(sections) == len(known)
    for section, one in zip(sections, known.values(), strict=True):
        address = one.address(running.server)
        text = html.unescape(section)
        assert set(re.findall(r"student-[a-z0-9]+", text)) == {one.user}
        assert f"export REDIS_URL='{address}'" in text
        assert f"$env:REDIS_URL = '{address}'" in text
        assert f'set "REDIS_URL={address}"' in text
        assert segno.make(address, error="l", micro=False).svg_inline(
            omitsize=True, light="#fff", border=4, svgclass=None, lineclass=None
        )[5:] in section  # fmt: skip
        (line,) = re.findall(r"<code>(export .*?)</code>", section)
        _, word = shlex.split(html.unescape(line))
        assert connect(word.removeprefix("REDIS_URL=")).ping()
    assert sections[0].count("ko/01_redis.ipynb") == 1


def test_only_the_students_who_are_named(running: Room, tmp_path: Path) -> None:
    assert page_of(running, tmp_path, "anna").count("<section ") == 1


def test_nothing_comes_from_the_network(running: Room, tmp_path: Path) -> None:
    page = page_of(running, tmp_path)
    assert re.findall(r"(?i)<(?:link|script|img|iframe|object|a)\b", page) == []
    assert re.findall(r"url\(|@import|https?://", page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_they_speak_the_language_of_the_class_whatever_the_teachers_is(
    running: Room, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"Your address from step 1": "첫 단계", "QR code of the address": "QR"}
    real = messages.catalog

    def catalog(code: str) -> Any:
        return {("", text): f"[{code}] {there}" for text, there in said.items()} if code == language else real(code)

    monkeypatch.setattr(messages, "catalog", catalog)
    messages.speak("en")
    server = replace(running.server, language=language)
    page = handouts.page(server, list(students.load(running.folder).values())[:1])
    assert f'<html lang="{language}">' in page
    assert f"[{language}] 첫 단계" in page
    assert f'aria-label="[{language}] QR"' in page
    assert messages.language() == "en"


def test_another_file_is_not_lost(running: Room, tmp_path: Path) -> None:
    file = tmp_path / "thesis.html"
    file.write_text("<p>mine")
    first, last = running.refused("add", "carla", "--handouts", str(file))
    assert first == f"{file} exists, and is not a page of handouts."
    assert "lost" in last
    assert file.read_text() == "<p>mine"
    assert "carla" not in students.load(running.folder)  # nobody has a password that was never shown
    running.refused("add", "carla", "--handouts", str(tmp_path / "nowhere" / "handouts.html"))
    running.refused("add", "carla", "--handouts", str(tmp_path))
    assert "carla" not in students.load(running.folder)


def test_handouts_replace_handouts(running: Room, tmp_path: Path) -> None:
    before = page_of(running, tmp_path)
    running.done("reset", "anna")
    assert page_of(running, tmp_path) != before


@pytest.mark.skipif(chromium() is None, reason="no Chromium")  # another test fails in CI without one, and says so
def test_a_sheet_of_paper_for_each_student(running: Room, tmp_path: Path) -> None:
    from tests.support.jupyterlab import running_browser

    page_of(running, tmp_path)
    asked: list[str] = []
    with running_browser() as browser:
        page = browser.new_page(color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "handouts.html").as_uri())
        page.set_viewport_size({"width": 360, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for sheet in ("A4", "Letter"):
            printed = page.pdf(format=sheet)
            assert len(re.findall(rb"/Type\s*/Page\b", printed)) == len(NAMES), sheet
        # Some languages take more room.
        page.evaluate("document.querySelectorAll('li, footer p').forEach(one => one.prepend('Wort '.repeat(18)))")
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="Letter"))) == len(NAMES)
        assert (
            page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor") == "rgb(255, 255, 255)"
        )
        page.close()
    assert [url for url in asked if not url.startswith("file:")] == []


def test_the_template_says_nothing_by_itself() -> None:
    text = Path(handouts.__file__).with_name("templates").joinpath("handouts.html").read_text(encoding="utf-8")
    text = re.sub(r"(?s)<style>.*?</style>|\{\{.*?\}\}|\{%.*?%\}", " ", text)
    body = re.sub(r"<[^>]*>", " ", text)
    assert re.findall(r"[A-Za-z]{2,}", body) == []
