"""What students' kernels report: on real servers, from real kernels."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import redis
from nbformat import NotebookNode

from helpers import join_class
from helpers._classroom import lessons, reporting
from helpers._classroom.rules import ABOUT, REPORT
from helpers._localization.messages import speak
from tests.conftest import ROOT, eventually
from tests.support.classroom import Class, a_class, until_reported
from tools.exercises import is_solution
from tools.running.execution import execute, lasting_outputs, shown
from tools.translating.catalogs import LIKE, read_source
from tools.tutorials import LANGUAGES, notebook_path, tutorials


@pytest.fixture
def room() -> Iterator[Class]:
    with a_class() as made:
        made.add("anna", "Anna")
        yield made


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """No test leaves somebody who reports."""
    yield
    join_class(None, "redis://localhost")


def cells(*sources: str, ids: tuple[str, ...] = ()) -> NotebookNode:
    """A notebook of code cells, of which those that fail may."""
    made = [nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]}) for source in sources]
    for cell, name in zip(made, ids, strict=False):
        cell.id = name
    notebook: NotebookNode = nbformat.v4.new_notebook(cells=made)
    return notebook


async def run(notebook: NotebookNode, address: str) -> None:
    """Run a notebook in a real kernel, as nbmake does."""
    with until_reported(notebook):
        assert await execute(notebook, ROOT / "notebooks" / "en", {**os.environ, "REDIS_URL": address}) is None


def reported(room: Class, slug: str = "anna", **fields: Any) -> bool:
    """Whether a report comes to hold some fields."""
    return eventually(lambda: room.report(slug).items() >= fields.items())


def program(source: str, address: str) -> "subprocess.CompletedProcess[str]":
    """Run a program as a student, which has to end by itself."""
    return subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, "REDIS_URL": address, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


# Who takes part.


@pytest.mark.parametrize(
    "endpoint",
    [
        *(None, "", "redis://localhost:6379", "redis://anna:secret@localhost", "redis://student-:secret@localhost"),
        *("redis://student-Anna:secret@localhost", "redis://student-a-b:secret@localhost", "redis://[student-anna@"),
        *(f"redis://student-{'a' * 21}:secret@localhost", "unix:///student-anna", "projects/p/locations/l/instances/i"),
    ],
)
def test_outside_of_a_class_nothing_happens(endpoint: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    assert join_class("redis-tutorial-en", endpoint) == "redis-tutorial-en"
    assert join_class(None, endpoint) is None
    reporting.exercise("01_redis", "order", True)
    assert capsys.readouterr() == ("", "")
    assert threading.active_count() == before


def test_in_a_class_an_id_begins_with_the_name(room: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    address = room.addresses["anna"]
    assert join_class("redis-tutorial-en", address) == "anna-redis-tutorial-en"
    assert join_class("anna-redis-tutorial-en", address) == "anna-redis-tutorial-en"
    assert join_class("anna", address) == "anna-anna"
    assert join_class(None, address) is None
    monkeypatch.setenv("REDIS_URL", address)
    assert join_class("chat") == join_class("chat", "  ") == "anna-chat"
    assert join_class("chat", "redis://localhost:6379") == "chat"  # the endpoint of the form counts


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_sentence_says_what_is_reported(room: Class, capsys: pytest.CaptureFixture[str], language: str) -> None:
    speak(language)
    join_class("chat", room.addresses["anna"])
    speak("en")
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "anna" in said
    assert room.addresses["anna"].split(":")[2].partition("@")[0] not in said


# What is reported.


async def test_a_lesson_runs_in_a_class_and_reports_how_far_it_came(room: Class) -> None:
    room.teacher.acl_log_reset()
    notebook = nbformat.read(notebook_path("en", "01_redis"), as_version=4)
    committed = {cell.id: shown(cell.get("outputs", [])) for cell in notebook.cells}
    before = room.teacher.time()
    await run(notebook, room.addresses["anna"])
    after = room.teacher.time()

    report = room.report("anna")
    seen = int(report.pop("seen"))
    assert report == {"lesson": "01_redis", "section": "cleanup"}
    assert before[0] * 1000 + before[1] // 1000 <= seen <= after[0] * 1000 + after[1] // 1000
    for cell in notebook.cells:
        if cell.id == "form":
            assert "You take part in a class as anna" in shown(lasting_outputs(cell))
        elif cell.cell_type == "code":
            expected = committed[cell.id].replace("redis-tutorial-en", "anna-redis-tutorial-en")
            assert shown(lasting_outputs(cell)) == expected, cell.id
    assert {entry["object"] for entry in room.teacher.acl_log()} <= {"info"}
    assert sorted(room.teacher.keys()) == [b"class:about", b"class:report:anna", b"class:students"]


async def test_agents_threads_begin_with_the_name_too(room: Class) -> None:
    notebook = nbformat.read(notebook_path("en", "03_agents"), as_version=4)
    at = [cell.id for cell in notebook.cells].index("whole") + 1
    notebook.cells = notebook.cells[:at]
    await run(notebook, room.addresses["anna"])
    assert room.teacher.keys("thread:*") == [b"thread:anna-agents-tutorial-en"]
    assert reported(room, lesson="03_agents", section="short")


async def test_a_failing_cell_is_reported_until_one_succeeds(room: Class) -> None:
    join = "import helpers\nhelpers.join_class()"
    await run(cells(join, "histories.messages"), room.addresses["anna"])
    assert reported(room, error="NameError: name 'histories' is not defined")
    await run(cells(join, "1 +"), room.addresses["anna"])
    assert room.report("anna")["error"].startswith("SyntaxError: ")
    await run(cells(join, "1 / 0", "await __import__('asyncio').sleep(0)"), room.addresses["anna"])
    assert room.report("anna").keys() == {"seen"}
    await run(cells(join, "raise KeyboardInterrupt", "raise SystemExit"), room.addresses["anna"])
    assert room.report("anna").keys() == {"seen"}


async def test_a_lessons_cell_that_fails_is_named(room: Class) -> None:
    notebook = nbformat.read(notebook_path("ko", "01_redis"), as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id in ("install", "form", "connect")]
    for cell in notebook.cells:
        cell.metadata.tags = ["raises-exception"]
    await run(notebook, room.addresses["anna"])
    report = room.report("anna")
    assert {name: report[name] for name in ("lesson", "section", "error", "error_cell")} == {
        "lesson": "01_redis",
        "section": "endpoint",
        "error": "NameError: name 'client' is not defined",
        "error_cell": "connect",
    }


@pytest.mark.parametrize(
    ("source", "error", "told"),
    [
        ("x", NameError("name 'x' is not defined"), "NameError: name 'x' is not defined"),
        ("ages['Anna']", KeyError("Anna"), "KeyError: …"),
        ("raise ValueError('my diary')", ValueError("my diary"), "ValueError: …"),
        (
            "int(text)",
            ValueError("invalid literal: 'my dear diary'"),
            "ValueError: invalid literal: …",
        ),
        ("f'{x} loves me'", ValueError("Bob loves me"), "ValueError: Bob …"),
        (
            "connect(address)",
            redis.ConnectionError("redis://anna:secret@host:1 can't be reached; it isn't there.\nStart it."),
            "ConnectionError: redis://…@host:1 can't be reached; it isn't there.",
        ),
        ("'open", SyntaxError("unterminated"), "SyntaxError: unterminated"),
        ("x", ValueError("\n\n  second line\nthird"), "ValueError: second line"),
        ("x", ValueError("a\x1b[31mb\x00c"), "ValueError: a [31mb c"),
        ("x", ValueError("y" * 500), "ValueError: " + "y" * 187 + "…"),
        ("x", ValueError(), "ValueError: "),
        (
            "int(password)",
            ValueError("invalid literal for int() with base 10: 'hunter2'"),
            "ValueError: invalid literal for int() with base 10: …",
        ),
        ("ages[name]", KeyError("Anna"), "KeyError: …"),
        (
            "x.get()",
            AttributeError("'Chain' object has no attribute 'get'"),
            "AttributeError: 'Chain' object has no attribute 'get'",
        ),
        ("import x", ModuleNotFoundError("No module named 'x.y'"), "ModuleNotFoundError: No module named 'x.y'"),
    ],
)
def test_an_error_is_told_without_the_students_texts(source: str, error: Exception, told: str) -> None:
    assert reporting._without_texts(reporting._first_line(error), reporting._texts(source)) == told


async def test_texts_of_earlier_cells_are_not_told_either(room: Class) -> None:
    join = "import helpers\nhelpers.join_class()"
    diary, history = "diary = 'I love Bob'", "name = 'history'"
    await run(cells(join, diary, "raise ValueError(diary)"), room.addresses["anna"])
    assert reported(room, error="ValueError: …")
    await run(cells(join, diary, "raise ValueError(f'{len(diary)} letters: {diary}')"), room.addresses["anna"])
    assert reported(room, error="ValueError: 10 … …")
    await run(cells(join, history, "history.messages"), room.addresses["anna"])
    assert reported(room, error="NameError: name 'history' is not defined")


def test_an_error_that_can_not_be_shown_is_told_by_its_name() -> None:
    class OwnError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("never")

    assert reporting._first_line(OwnError()) == "OwnError: "


def test_exercises_are_counted_and_stay_solved(room: Class) -> None:
    join_class(None, room.addresses["anna"])
    for solved in (False, False, True, False):
        reporting.exercise("01_redis", "order", solved)
    reporting.exercise("01_redis", "brief", False)
    assert eventually(lambda: "exercise:01_redis:brief" in room.report("anna"))
    found = {name: value for name, value in room.report("anna").items() if name.startswith("exercise:")}
    moment = room.teacher.time()[0] * 1000
    assert all(abs(one.pop("at") - moment) < 60_000 for one in found.values())
    assert found == {
        "exercise:01_redis:order": {"solved": True, "tries": 3},
        "exercise:01_redis:brief": {"solved": False, "tries": 1},
    }


def test_another_kernel_goes_on_counting(room: Class) -> None:
    check = (
        "import helpers\nhelpers.join_class()\n"
        "from helpers._classroom.reporting import exercise\n"
        "exercise('01_redis', 'order', False)\nexercise('01_redis', 'brief', True)"
    )
    for _ in range(2):
        done = program(check, room.addresses["anna"])
        assert (done.returncode, done.stderr) == (0, "")
    found = room.report("anna")
    assert found["exercise:01_redis:order"]["tries"] == 2
    assert found["exercise:01_redis:brief"]["tries"] == 1


# Where the report comes from.


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lesson", tutorials())
def test_a_cell_is_known_by_its_code_alone(lesson: str, language: str) -> None:
    """As under nbmake, in Colab and in VS Code, which tell no ID or one of their own."""
    current = ""
    notebook = nbformat.read(notebook_path(language, lesson), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 12
    source = {cell.id: cell for cell in read_source(lesson)}
    for cell in code[1:]:  # the first one, which installs the kit, runs before the kit is there
        if is_solution(source[cell.id]):  # what a student writes is known by nothing but the ID
            continue
        place = lessons.found("vscode-notebook-cell:/somewhere#W0sZmlsZQ==", cell.source, current)
        assert place is not None, cell.id
        current = place[0].lesson
        # The form of exercises is the lesson's own.
        assert current == source[cell.id].metadata.get(LIKE, lesson), cell.id
        assert place == lessons.found(cell.id, cell.source, current)
        assert cell.id in place[0].cells


def test_an_edited_cell_is_known_by_its_id() -> None:
    place = lessons.found("turns", "print('my own chat')", "01_redis")
    assert place
    assert (place[0].id, place[1]) == ("by-hand", "turns")
    assert lessons.found("connect", "anything()", "02_memorystore")[0].lesson == "02_memorystore"  # type: ignore[index]
    edited = 'ENDPOINT = "redis://student-anna:secret@host"\nSESSION_ID = "mine"\nhelpers.speak("en")\n'
    edited += "SESSION_ID = helpers.join_class(SESSION_ID, ENDPOINT)"
    assert lessons.found(None, edited)[0].lesson == "01_redis"  # type: ignore[index]
    for own in ("print('Hi')", "client.ping()", "!ls", "", "x" * 100_000, "(" * 10_000):
        assert lessons.found("a1b2c3", own, "01_redis") is None


def test_a_sections_title_is_in_the_language_that_is_spoken() -> None:
    section = lessons.sections()["01_redis", "by-hand"]
    assert section.title == "A chat by hand"
    speak("es")
    assert section.title != "A chat by hand"
    assert lessons.title("01_redis").startswith("1 · ")
    speak("en")
    assert lessons.title("01_redis") == "1 · Chat history in Redis"
    assert lessons.title("unknown") == "unknown"


# Servers that are gone, and ends.


class Stoppable:
    """A redis-server that is stopped and started again at the same port, with its users in a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        (folder / "users.acl").touch()
        self.url = f"redis://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        options = ["--port", f"{self._port}", "--bind", "127.0.0.1", "--save", "", "--aclfile", "users.acl"]
        self._process = subprocess.Popen(["redis-server", *options], cwd=self._folder, stdout=subprocess.DEVNULL)
        assert eventually(self._answers)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, protocol=2) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server")  # conftest.py fails in CI, and says so
def test_a_server_that_was_restarted_is_told_everything_again(tmp_path: Path) -> None:
    server = Stoppable(tmp_path)
    room = Class(server.url)
    room.add("anna")
    room.teacher.execute_command("ACL", "SAVE")
    join_class(None, room.addresses["anna"])
    reporting.exercise("01_redis", "order", True)
    assert eventually(lambda: "exercise:01_redis:order" in room.report("anna"))
    server.stop()
    reporting.exercise("01_redis", "brief", False)
    reporting._reporter.finish()  # type: ignore[union-attr]
    server.start()
    room.opened()
    reporting.exercise("01_redis", "away", False)
    assert eventually(lambda: len(room.report("anna")) == 4)
    assert room.report("anna")["exercise:01_redis:order"]["solved"] is True
    room.close()
    server.stop()


@pytest.mark.parametrize("lose", [lambda room: room.teacher.delete(REPORT + "anna"), lambda room: room.opened()])
def test_a_report_that_was_lost_is_made_again(room: Class, lose: Callable[[Class], None]) -> None:
    join_class(None, room.addresses["anna"])
    reporting.exercise("01_redis", "order", True)
    assert eventually(lambda: "exercise:01_redis:order" in room.report("anna"))
    room.teacher.hdel(REPORT + "anna", "exercise:01_redis:order")
    lose(room)
    reporting.exercise("01_redis", "brief", False)
    assert eventually(lambda: {"exercise:01_redis:order", "exercise:01_redis:brief"} <= room.report("anna").keys())


REPORTS_AND_ENDS = """\
import helpers
print(helpers.join_class("chat"))
from helpers._classroom.reporting import exercise
exercise("01_redis", "order", True)
"""


def test_what_was_done_last_is_reported_at_the_end(room: Class) -> None:
    done = program(REPORTS_AND_ENDS, room.addresses["anna"])
    assert (done.returncode, done.stderr) == (0, "")
    assert room.report("anna")["exercise:01_redis:order"]["solved"] is True


def test_a_program_ends_where_the_server_is_gone_or_silent(room: Class) -> None:
    refused = room.addresses["anna"].rpartition(":")[0] + ":1"
    done = program(REPORTS_AND_ENDS, refused)
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "anna-chat")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = program(REPORTS_AND_ENDS, f"redis://student-anna:x@127.0.0.1:{silent.getsockname()[1]}")
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "anna-chat")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_that_was_forked_off_reports_nothing(room: Class) -> None:
    join_class(None, room.addresses["anna"])
    reporting.exercise("01_redis", "order", False)
    assert eventually(lambda: "exercise:01_redis:order" in room.report("anna"))
    forked = (
        "import os, helpers\nhelpers.join_class()\n"
        "from helpers._classroom.reporting import exercise\n"
        "exercise('01_redis', 'parent', True)\n"
        "child = os.fork()\n"
        "exercise('01_redis', 'parent' if child else 'child', True)\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
    )
    done = program(forked, room.addresses["anna"])
    assert done.returncode == 0, done.stderr
    assert room.report("anna").keys() == {"seen", "exercise:01_redis:order", "exercise:01_redis:parent"}


def test_a_student_may_write_only_the_own_report(room: Class) -> None:
    room.add("ben")
    with redis.Redis.from_url(room.addresses["ben"], protocol=2) as ben:
        assert ben.hget(ABOUT, "language") == b"en"
        for refused in (
            f"HSET {REPORT}anna lesson 02",
            f"HGETALL {REPORT}anna",
            f"HSET {ABOUT} instance x",
            "HGETALL class:students",
            "CLIENT LIST",
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                ben.execute_command(*refused.split())


def test_what_the_hook_is_given_never_raises(room: Class) -> None:
    join_class(None, room.addresses["anna"])
    for odd in (None, object(), json, 3):
        reporting._cell_has_run(odd)
    reporting.exercise("01_redis", "order", None)  # type: ignore[arg-type]
    assert eventually(lambda: room.report("anna").get("exercise:01_redis:order", {}).get("solved") is False)
