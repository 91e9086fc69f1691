"""A class of thirty from its start to its end: what they do, what the teacher sees of it, what is saved and left."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbformat import NotebookNode

from helpers import RedisChatMessageHistory, connect
from helpers._classroom.rules import ABOUT
from helpers._connecting.connection import forget
from helpers._localization import formats
from helpers._tls.listener import bound_socket
from helpers.errors import AuthenticationFailedError
from helpers.sessions import find_sessions
from helpers.widgets import ClassView
from tests.classroom.test_server import ENGINES, processes
from tests.classroom.test_students import lines
from tests.conftest import ROOT, eventually
from tests.notebooks.test_exercises import WRONG
from tests.support.classroom import until_reported
from tests.support.pupils import Cell, Kernel, School, a_school
from tests.support.room import Room, room_in
from tests.widgets.page import Page
from tools.building import localized
from tools.running.execution import execute
from tools.tutorials import ENGLISH, neutral_environment, notebook_path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")

LESSON, EXERCISES = "01_redis", "01_redis_exercises"
IN_LESSON, IN_EXERCISES = "1 · Chat history in Redis", "1 · Exercises: chat history in Redis"
CHAIN, BRIEF = "The same with a chain", "2. Short and forgetful (5 minutes)"
PATIENCE_SECONDS = 60.0

# A secret from an earlier cell that looks like a name, and one of the cell itself.
SECRET, PASSWORD = "hunter2xyz", "correct horse"
KEPT = Cell("own-1", f'key = "{SECRET}"')
REFUSED = Cell("own-2", f'assert key\nraise ValueError(f"{{key!r}} is not {PASSWORD}, nor is {{key}}")')
MISTYPED = Cell("greeting", 'reply = chain_with_histories.invoke({"question": GREETING}, config=config)')


class Seen(NamedTuple):
    """What the teacher should see of a student."""

    online: bool
    lesson: str
    section: str
    exercises: str
    messages: int
    error: str = ""


class Plan(NamedTuple):
    """What some students do.

    Attributes:
        students: Their short names.
        seen: What the teacher should see of each in the end.
        before: Their last cell of the lesson before the server's restart; blank: they open it later, or never.
        after: Their last cell of the lesson in the end; blank: they do nothing after the restart.
        own: Cells of their own after that, of which the last one fails.
        answers: The exercises that they do in the end, and how often they answer how.
        stored: What they have said in each session that is left, by the end of its ID.
    """

    students: range
    seen: Seen
    before: str = ""
    after: str = ""
    own: Sequence[Cell] = ()
    answers: Sequence[tuple[str, str]] = ()
    stored: Mapping[str, Sequence[str]] = {}

    @property
    def slugs(self) -> list[str]:
        """The students' short names."""
        return [f"s{number:02}" for number in self.students]


HI, NAME = "Hi! I'm Bob.", "What's my name?"
WHOLE = {"": ["Hi!"]}
BY_HAND = {**WHOLE, "-by-hand": [HI, NAME]}
CHAINED = {**BY_HAND, "": ["Hi!", HI, NAME], "-stranger": [NAME]}
BOUNDED = {
    **CHAINED,
    "": ["Hi!", HI, NAME, NAME, NAME],
    "-bounded": [f"question {number}" for number in (8, 9, 10)],
}
ORDER = {"-order": ["one", "two", "three"]}
AWAY = {"-away": ["one", "two", "three", "four"]}
EXERCISED = {**ORDER, **AWAY, "-brief": ["6", "7", "8", "9"], "-twice": [HI, NAME]}
BUDGET = {"-budget": [*(f"Question {number}?" for number in range(1, 11)), NAME]}
ALL = [(name, "right") for name in ("order", "brief", "away", "twice", "neighbour", "budget")]
CHALLENGE = "6. Challenge: a chat by hand, within a budget (20 minutes)"

SOLVES_ALL, LEAVES_BLANK = "s01", "s02"  # in kernels and notebooks as Jupyter has them
LOST = "s27"
PLANS = (
    Plan(range(1, 2), Seen(False, IN_EXERCISES, "Clean up", "6 of 6", 0)),
    Plan(range(2, 3), Seen(False, IN_EXERCISES, "Clean up", "0 of 6", 0)),
    Plan(
        range(3, 9), Seen(True, IN_EXERCISES, CHALLENGE, "6 of 6", 37),
        before="turns", after="clear", answers=ALL, stored={**EXERCISED, **BUDGET},
    ),
    Plan(
        range(9, 15), Seen(True, IN_EXERCISES, "4. Find the fault (5 minutes)", "2 of 4", 15),
        before="turns", after="clear",
        answers=[("order", "right"), ("brief", "wrong"), ("away", "right"), ("twice", "blank")],
        stored={**EXERCISED, "-brief": ["8", "9"]},
    ),
    Plan(
        range(15, 19), Seen(True, IN_LESSON, CHAIN, "0 of 0", 12),
        before="turns", after="name-unknown", stored=CHAINED,
    ),
    Plan(range(19, 21), Seen(False, IN_LESSON, "A chat by hand", "0 of 0", 6), before="turns", stored=BY_HAND),
    Plan(
        range(21, 24), Seen(True, IN_LESSON, "Limit a history", "0 of 0", 22, "ValueError: … … …"),
        before="turns", after="bounds", own=(KEPT, REFUSED), stored=BOUNDED,
    ),
    Plan(
        range(24, 25),
        Seen(True, IN_LESSON, CHAIN, "0 of 0", 6, "NameError: name 'chain_with_histories' is not defined"),
        before="turns", after="chain-built", own=(MISTYPED,), stored=BY_HAND,
    ),
    Plan(
        range(25, 27), Seen(True, IN_EXERCISES, "1. The order of the list (2 minutes)", "1 of 1", 3),
        answers=[("order", "blank"), ("order", "wrong"), ("order", "right")], stored=ORDER,
    ),
    Plan(
        range(27, 28), Seen(True, IN_EXERCISES, BRIEF, "2 of 2", 13),
        before="turns", answers=[("brief", "right")],
        stored={**BY_HAND, **ORDER, "-brief": EXERCISED["-brief"]},
    ),
    Plan(range(28, 29), Seen(False, IN_LESSON, "In short", "0 of 0", 2), before="whole", stored=WHOLE),
    Plan(range(29, 30), Seen(True, IN_LESSON, "Setup", "0 of 0", 0), before="form", after="form"),
    Plan(range(30, 31), Seen(False, "–", "–", "0 of 0", 0)),
)  # fmt: skip
SEEN = {slug: plan.seen for plan in PLANS for slug in plan.slugs}
MIDDLE = {"lesson": IN_EXERCISES, "section": BRIEF, "exercises": "1 of 1.5", "messages": "14"}


def code(notebook: NotebookNode) -> list[Cell]:
    return [Cell(one.id, one.source) for one in notebook.cells if one.cell_type == "code"]


def lesson(first: str, last: str) -> list[Cell]:
    """The lesson's cells from the one after a cell, or from its beginning, up to another one."""
    cells = code(localized(ENGLISH, LESSON))
    names = [one.id for one in cells]
    begin = names.index(first) + 1 if first else 0
    end = names.index(last) + 1
    return cells[begin:end] if begin < end else [cells[names.index(last)]]


def exercises(answers: Sequence[tuple[str, str]]) -> list[Cell]:
    """The cells that a student runs who answers some of the exercises in these ways."""
    blank = dict(code(localized(ENGLISH, EXERCISES)))
    solved = dict(code(localized(ENGLISH, EXERCISES, solved=True)))
    ran = ["install", "form", "begin"]
    cells = [Cell(name, blank[name]) for name in ran]
    for name, how in answers:
        right = solved[f"{name}-cell"]
        source = {"right": right, "wrong": wrong(name, right), "blank": blank[f"{name}-cell"]}[how]
        cells += [Cell(f"{name}-cell", source), Cell(f"{name}-check", blank[f"{name}-check"])]
    return cells


def wrong(name: str, right: str) -> str:
    """A solution as somebody spoils it."""
    before, after = next(
        answer
        for answer in WRONG[EXERCISES][name]
        if isinstance(answer, tuple) and (name != "brief" or "max_messages" in answer[0])
    )
    assert before in right
    return right.replace(before, after)


def done(kernel: Kernel, cells: Sequence[Cell]) -> None:
    """Have a kernel run cells, of which none fails."""
    kernel.begin(cells)
    went_well(kernel)


def went_well(kernel: Kernel) -> None:
    assert [one for one in kernel.ran() if one.error] == []


async def in_jupyter(address: str, *notebooks: NotebookNode) -> None:
    """Run notebooks as Jupyter does, one after the other."""
    for notebook in notebooks:
        folder = notebook_path(ENGLISH, LESSON).parent
        with until_reported(notebook):
            assert await execute(notebook, folder, neutral_environment(REDIS_URL=address)) is None


def seen(page: Page) -> dict[str, Seen]:
    """What the widget shows of each student."""
    found = {}
    for row in page.data["rows"]:
        cells = row["cells"]
        lesson, section, exercises = (cells[name]["text"] for name in ("lesson", "section", "exercises"))
        found[row["id"]] = Seen(
            cells["connected"], lesson, section, exercises, cells["messages"], cells["error"]["text"]
        )
    return found


def comes_to_show(page: Page, expected: Mapping[str, Seen]) -> None:
    """See that the widget comes to show this of these students."""
    eventually(lambda: {slug: seen(page)[slug] for slug in expected} == expected, PATIENCE_SECONDS)
    assert {slug: seen(page)[slug] for slug in expected} == expected


def watched(room: Room) -> dict[str, Seen]:
    """What ``class watch`` prints of each student, and of all in its last line."""
    with subprocess.Popen(
        [sys.executable, "-m", "helpers", "class", "watch", "--folder", str(room.folder.path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found: dict[str, Seen] = {}
        for line in process.stdout:
            if line.startswith("Connected: "):
                found[""] = Seen(True, "", "", "", 0, line.partition(" · Memory")[0])
                break
            name, online, lesson, section, exercises, _, messages, _, error = re.split(" {2,}", line.strip())
            if messages.isdecimal():
                found[name] = Seen(
                    online == "yes", lesson, section, exercises, int(messages), "" if error == "–" else error
                )
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    return found


def listed(said: str) -> dict[str, tuple[bool, int, bool]]:
    """Of each student whether ``class list`` says that they are connected, how many messages, and whether bytes."""
    rows = [re.split(" {2,}", line) for line in said.splitlines()[1:31]]
    return {row[0]: (row[2] == "yes", int(row[4]), row[5] != formats.size(0)) for row in rows}


def own_chats(address: str) -> dict[str, list[tuple[str, str]]]:
    """What a student can read of the own chats: the kind and text of each message, by key."""
    client = connect(address)
    return {
        one.key: [
            (message.type, str(message.content))
            for message in RedisChatMessageHistory(one.key.removeprefix("message_store:"), client=client).messages
        ]
        for some in find_sessions(client)
        for one in some
    }


def said(plan: Plan, slug: str) -> dict[str, list[str]]:
    """What a student should have said, by key."""
    return {f"message_store:{slug}-redis-tutorial-en{end}": list(texts) for end, texts in plan.stored.items()}


def exported(file: Path) -> dict[str, list[tuple[str, str]]]:
    """What an export holds, as `own_chats` has it."""
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        if "session" in line:
            current = found[line["session"]] = []
        elif "record" in line:
            record = json.loads(line["record"])
            current.insert(0, (record["type"], record["data"]["content"]))  # the newest comes first
    return found


class Class:
    """The thirty at work."""

    def __init__(self, room: Room, school: School, addresses: dict[str, str]) -> None:
        self.addresses = addresses
        self._room, self._school = room, school
        self.kernels: dict[str, Kernel] = {}

    def _each(self) -> Iterator[tuple[str, Plan]]:
        return ((slug, plan) for plan in PLANS for slug in plan.slugs)

    def begin(self) -> None:
        """Do what comes before the restart."""
        working = []
        for slug, plan in self._each():
            if plan.before:
                self.kernels[slug] = self._school.kernel(self.addresses[slug])
                self.kernels[slug].begin(lesson("", plan.before))
                working.append(self.kernels[slug])
        with ThreadPoolExecutor(2) as pool:
            solved, blank = localized(ENGLISH, EXERCISES, solved=True), localized(ENGLISH, EXERCISES)
            ran = [
                pool.submit(
                    asyncio.run,
                    in_jupyter(self.addresses[slug], nbformat.read(notebook_path(ENGLISH, LESSON), 4), notebook),
                )
                for slug, notebook in ((SOLVES_ALL, solved), (LEAVES_BLANK, blank))
            ]
            for kernel in working:
                went_well(kernel)
            for one in ran:
                one.result()
        self.kernels["s28"].end()

    def go_on(self) -> None:
        """Do what comes after the restart."""
        going = [(self.kernels[slug], lesson(plan.before, plan.after)) for slug, plan in self._each() if plan.after]
        together(going)
        for slug, plan in self._each():
            if plan.own:
                *well, failed = self.kernels[slug].run(*plan.own)
                assert not any(one.error for one in well)
                assert failed.error
        together(
            [
                (self._school.kernel(self.addresses[slug]), exercises(plan.answers))
                for slug, plan in self._each()
                if plan.answers
            ]
        )


def together(going: Sequence[tuple[Kernel, Sequence[Cell]]]) -> None:
    """Have kernels run cells at the same time, of which none fails."""
    for kernel, cells in going:
        kernel.begin(cells)
    for kernel, _ in going:
        went_well(kernel)


def a_laptop_is_lost(room: Room, thirty: Class, school: School) -> None:
    """The old line ends in mid-lesson, with its connections, and the new one goes on with everything."""
    old = thirty.kernels[LOST]
    done(school.kernel(thirty.addresses[LOST]), exercises([("order", "right")]))
    before = thirty.addresses[LOST]
    thirty.addresses |= lines(room.done("reset", LOST))
    (ran,) = old.run(*lesson("", "connect")[-1:])
    assert ran.error.startswith("AuthenticationError: ")
    with pytest.raises(AuthenticationFailedError):
        connect(before)
    (ran,) = thirty.kernels["s15"].run(*lesson("", "connect")[-1:])
    assert not ran.error


def the_server_is_restarted(room: Room, thirty: Class, page: Page) -> None:
    """Whoever runs a cell meanwhile is told so, and goes on afterwards."""
    room.done("stop")
    (ran,) = thirty.kernels["s15"].run(*lesson("", "connect")[-1:])
    assert str(room.port) in ran.error
    assert eventually(lambda: bool(page.data["error"]))
    assert len(page.data["rows"]) == 30
    assert "Students: 30." in room.done("start")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_class_of_thirty_from_its_start_to_its_end(engine: str, tmp_path: Path) -> None:
    with room_in(tmp_path / "class") as room, a_school() as school:
        room.start("--engine", engine)
        thirty = Class(room, school, lines(room.done("add", "30")))
        assert [*thirty.addresses] == [*SEEN]
        page = Page(ClassView(connect((room.folder.path / "teacher.txt").read_text().strip())))
        comes_to_show(page, dict.fromkeys(SEEN, SEEN["s30"]))

        thirty.begin()
        comes_to_show(page, {slug: SEEN[slug] for slug in (SOLVES_ALL, LEAVES_BLANK, "s28", "s30")})
        comes_to_show(page, {"s09": Seen(True, IN_LESSON, "A chat by hand", "0 of 0", 6)})
        a_laptop_is_lost(room, thirty, school)
        the_server_is_restarted(room, thirty, page)
        thirty.go_on()

        comes_to_show(page, SEEN)
        middle = page.data["middle"]
        assert {name: middle[name] for name in MIDDLE} == MIDDLE
        assert page.data["error"] == ""
        for row in page.data["rows"]:
            assert (row["cells"]["bytes"] > 0) == (row["cells"]["messages"] > 0)
            assert (row["cells"]["quiet"]["text"] == "–") == (row["id"] == "s30")
        standing = "Connected: 24 · With an error: 4"
        assert page.data["note"].startswith(standing)
        assert SECRET not in str(page.data)
        assert PASSWORD not in str(page.data)
        assert watched(room) == {**SEEN, "": Seen(True, "", "", "", 0, standing)}
        assert listed(room.done("list")) == {
            slug: (one.online, one.messages, one.messages > 0) for slug, one in SEEN.items()
        }
        page.widget.close()

        everything_is_exported(room, thirty, tmp_path)
        nothing_is_left(room, thirty)


def everything_is_exported(room: Room, thirty: Class, folder: Path) -> None:
    file = folder / "chats.jsonl"
    room.done("export", str(file))
    chats = exported(file)
    for plan in PLANS:
        for slug in plan.slugs:
            own = own_chats(thirty.addresses[slug])
            assert {key: [text for kind, text in one if kind == "human"] for key, one in own.items()} == said(
                plan, slug
            )
            assert sum(map(len, own.values())) == plan.seen.messages
            assert {key: one for key, one in chats.items() if key.startswith(f"message_store:{slug}-")} == own
    assert len(chats) == sum(len(plan.stored) * len(plan.students) for plan in PLANS)

    first, *rows = map(json.loads, (folder / "chats.students.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["format"] == "chat-class/1"
    assert [row["student"] for row in rows] == [*SEEN]
    for row in rows:
        solved = [one["solved"] for one in row["exercises"].values()]
        one = SEEN[row["student"]]
        assert f"{sum(solved)} of {len(solved)}" == one.exercises
        assert row.get("error", "") == one.error
    assert {row["exercises"]["01_redis:order"]["tries"] for row in rows if row["student"] in ("s25", "s26")} == {3}
    assert SECRET not in (folder / "chats.students.jsonl").read_text(encoding="utf-8")


def nothing_is_left(room: Room, thirty: Class) -> None:
    assert room.done("remove", "--all").startswith("Students removed: 30. ")
    teacher = room.teacher()
    assert [*teacher.scan_iter()] == [ABOUT.encode()]
    assert teacher.acl_users() == ["default"]
    assert {one["user"] for one in teacher.client_list()} == {"default"}
    (ran,) = thirty.kernels["s15"].run(*lesson("", "connect")[-1:])
    assert ran.error
    teacher.close()
    for one in thirty.addresses.values():
        forget(one)
    assert "Nothing of the class is left" in room.done("stop", "--delete")
    assert processes(room) == []
    assert not room.folder.path.exists()
    bound_socket(("127.0.0.1", room.port)).close()
