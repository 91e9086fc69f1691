"""docs/teaching.md: its commands are run as written, and translations name the sections as the lessons do."""

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.widgets import ClassView
from tests.conftest import ROOT, answers
from tests.support.room import Room, room_in
from tools import building
from tools.tutorials import ENGLISH, LANGUAGES, document_path, lessons

PAGE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
COMMAND = ".venv/bin/python -m helpers class "


def blocks(language: str, page: str = PAGE) -> list[str]:
    """The page's code blocks in a language."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", page, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, text in found]


def block(language: str, containing: str) -> str:
    """The one of them that contains a text."""
    (found,) = [text for text in blocks(language) if containing in text]
    return found


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Where the page's class will be."""
    with room_in(tmp_path / "class") as made:
        yield made


@pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")
def test_the_class_of_the_page(room: Room) -> None:
    folder = room.folder.path.parent

    def run(commands: str, **environment: str) -> str:
        """Run a block of the page; returns what it printed."""
        here = commands.replace(".venv/bin/python", shlex.quote(sys.executable))
        known = {"HELPERS_LANGUAGE": "en", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-euc", here], cwd=folder, env=os.environ | known | environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout

    start = block("shell", "class start").strip()
    assert "is running" in run(f"{start} --bind 127.0.0.1 --port {room.port}")
    added = run(block("shell", "class add"))
    # The line that the page shows is what the command makes.
    line, doctor = block("shell", "helpers doctor").splitlines()
    shown = re.escape(line).replace("ADDRESS:6379", f"127\\.0\\.0\\.1:{room.port}").replace("PASSWORD", r"([\w-]+)")
    assert re.search(shown, added)
    assert len(re.findall("student-", added)) == 33
    assert (folder / "handouts.html").read_text(encoding="utf-8").count("Carla Díaz") > 0
    assert "\nReady" in run(doctor, REDIS_URL=room.address("anna"))

    (teacher,) = [text for text in blocks("shell") if "teacher.txt" in text]
    cell = block("python", "ClassView(connect())").replace("ClassView(connect())", "print(len(connect().acl_users()))")
    assert run(f"{teacher}\n.venv/bin/python -c {shlex.quote(cell)}") == "34\n"
    view = ClassView(room.teacher())
    view._repr_mimebundle_()
    assert len(view.state.students) == 33 if view.state else False
    view.close()

    for told in re.findall(f"`({re.escape(COMMAND)}[^`]+)`", PAGE):  # those within sentences
        if told.endswith(" start"):
            run(f"{COMMAND}stop")
        run(told)
    assert "student-anna" not in run(f"{COMMAND}list --lines"), "the page removes her"
    export = block("shell", "class export")
    run(export)
    assert {one.name for one in folder.glob("class.*")} == {"class.jsonl", "class.students.jsonl"}
    run(block("shell", "class stop"))
    assert not room.folder.path.exists()
    assert not answers(f"redis://127.0.0.1:{room.port}")


def test_every_command_of_the_page_on_the_server_is_a_task() -> None:
    reference = (ROOT / "docs" / "classroom.md").read_text(encoding="utf-8")
    for page in (PAGE, reference):
        told = set(re.findall(rf"{re.escape(COMMAND)}([a-z]+)", page))
        assert told <= {"start", "add", "list", "reset", "watch", "export", "remove", "stop"}
    listed = re.findall(r"^\| `(\w+)", reference, re.MULTILINE)
    assert {"start", "add", "list", "reset", "watch", "export", "remove", "stop"} <= set(listed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_calls_the_sections_as_the_lessons_do(language: str) -> None:
    """Of the sections that can be skipped."""
    page = document_path(language, "teaching").read_text(encoding="utf-8")
    for lesson in lessons():
        (row,) = re.findall(rf"^\| {lesson} \| (.*) \|$", page, re.MULTILINE)
        named = re.findall(r"(?:\*|「|“)(.+?)(?:\*|」|”)", row)  # in italics, or as the language marks a name
        cells = [cell.source for cell in building.localized(language, lesson).cells if cell.cell_type == "markdown"]
        headings = re.findall("^##+ (.+)$", "\n".join(cells), re.MULTILINE)
        assert [name for name in named if name not in headings] == []
        english = re.findall(r"\*(.+?)\*", re.findall(rf"^\| {lesson} \| (.*) \|$", PAGE, re.MULTILINE)[0])
        assert len(named) == len(english)
    assert language == ENGLISH or page != PAGE
