"""The students of a class: added, kept apart, given new passwords, exported, removed without a trace."""

import json
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage

from helpers import RedisChatMessageHistory, RedisSaver, chat_model, connect
from helpers._classroom import students
from helpers._classroom.rules import ABOUT, REPORT, STUDENTS
from helpers._connecting.connection import forget
from helpers.errors import AuthenticationFailedError, MissingRightsError, ServerFullError
from helpers.sessions import delete_session, find_sessions, import_sessions
from helpers.widgets import SessionExplorer
from tests.support.room import Room, room_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")


@pytest.fixture(scope="module", params=["embedded"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A class that the tests of this module share."""
    with room_in(tmp_path_factory.mktemp("room") / "class") as made:
        made.start("--engine", request.param, "--memory", "32mb")
        yield made


@pytest.fixture
def room(running: Room) -> Iterator[Room]:
    """The class, empty."""
    yield running
    running.done("remove", "--all")
    assert set(running.teacher().scan_iter()) <= {ABOUT.encode()}
    assert running.teacher().acl_users() == ["default"]


def lines(said: str) -> dict[str, str]:
    """The address that each line is for, by short name."""
    return {row.split("student-")[1].partition(":")[0]: address(row) for row in said.splitlines() if "export " in row}


def address(row: str) -> str:
    """What a shell makes of a line that is pasted."""
    (word,) = shlex.split(row[row.index("export ") + len("export ") :])
    return word.removeprefix("REDIS_URL=")


def fill(client: redis.Redis, slug: str) -> None:
    """Store as much as the server takes."""
    for size in (1_000_000, 100_000, 10_000, 1_000, 100):
        with suppress(redis.OutOfMemoryError):
            for number in range(1_000):
                client.set(f"message_store:{slug}-{size}-{number}", "x" * size)


def is_told_to_wait(client: redis.Redis) -> bool:
    """Whether the server says that a script keeps it busy."""
    try:
        client.ping()
    except redis.ResponseError as error:
        return "BUSY" in str(error)
    return False


def test_each_student_gets_a_line_to_paste(room: Room) -> None:
    said = room.done("add", "Anna-Lena Müller", "Ben ✨👩‍🚀", "민수", "x" * 200, "<b>B</b>; rm -rf ~")
    found = lines(said)
    assert [*found] == ["annalenamuller", "ben", "s01", "x" * 20, "bbbrmrf"]
    assert max(map(len, said.splitlines())) < 200
    for slug, one in found.items():
        client = connect(one)
        RedisChatMessageHistory(f"{slug}-lesson", client=client).add_user_message("hello")
        assert client.hget(ABOUT, "instance")
    kept = room.teacher().hgetall(STUDENTS)
    assert json.loads(kept[b"x" * 20])["name"] == "x" * 200
    assert json.loads(kept[b"s01"]).keys() == {"name", "added"}
    assert lines(room.done("list", "--lines")) == found
    assert lines(room.done("list", "--lines", "anna-lena müller", "student-ben")).keys() == {"annalenamuller", "ben"}


def test_two_with_the_same_name(room: Room) -> None:
    said = room.done("add", "Anna", "Anna")
    assert said.splitlines()[0] == "The short name anna is taken, so Anna gets anna2."
    assert lines(said).keys() == {"anna", "anna2"}
    first, last = room.refused("reset", "Anna")
    assert first == "Several students are called 'Anna'."
    assert "anna, anna2" in last
    assert lines(room.done("reset", "anna")).keys() == {"anna"}


def test_thirty_by_number(room: Room) -> None:
    assert [*lines(room.done("add", "30"))] == [f"s{number:02}" for number in range(1, 31)]
    assert [*lines(room.done("add", "2"))] == ["s31", "s32"]
    assert "Students: 32. Connected: 0." in room.done("list")


@pytest.mark.parametrize("names", [["0"], ["501"], [""], ["Anna", "\n"], ["x" * 201]])
def test_what_can_not_be_added_adds_nobody(room: Room, names: list[str]) -> None:
    _, last = room.refused("add", *names)
    assert last
    assert room.teacher().hlen(STUDENTS) == 0
    assert students.load(room.folder) == {}


@pytest.mark.parametrize("task", ["reset", "remove"])
def test_nobody_is_called_that(room: Room, task: str) -> None:
    room.done("add", "anna")
    first, last = room.refused(task, "anna", "carla")
    assert first == "No student is called 'carla'. Nothing was changed."
    assert last.endswith(f"python -m helpers class list --folder {room.folder.path}")
    assert room.student("anna").ping()


@pytest.mark.parametrize("running", ["embedded", "redis-server"], indirect=True)
def test_a_student_uses_all_of_the_kit_with_own_keys_only(room: Room) -> None:
    room.done("add", "anna", "ben")
    anna, ben = room.student("anna"), room.student("ben")
    for slug, client in (("anna", anna), ("ben", ben)):
        history = RedisChatMessageHistory(f"{slug}-lesson", client=client, ttl=600, window=2, max_messages=4)
        for number in range(6):
            history.add_user_message(str(number))
        agent: Any = create_agent(chat_model(), checkpointer=RedisSaver(client))
        agent.invoke({"messages": [("user", "Hi!")]}, {"configurable": {"thread_id": f"{slug}-agent"}})
        assert {one.key for some in find_sessions(client) for one in some} == {
            f"message_store:{slug}-lesson",
            f"thread:{slug}-agent",
        }
        assert len(SessionExplorer(client).refresh()) == 2
        client.hset(REPORT + slug, "lesson", "01_redis")
        assert client.hget(ABOUT, "language")
    with pytest.raises(redis.exceptions.NoPermissionError):
        _ = RedisChatMessageHistory("ben-lesson", client=anna).messages
    with pytest.raises(MissingRightsError):
        RedisChatMessageHistory("ben-lesson", client=anna).add_user_message("from Anna")
    for command in (
        ("HSET", ABOUT, "language", "fr"),
        ("HGETALL", STUDENTS),
        ("HGETALL", REPORT + "ben"),
        ("HSET", REPORT + "ben", "lesson", "03_agents"),
        ("SET", "message_store:annabel-x", 1),
        ("EVAL", "return redis.call('GET', 'message_store:ben-lesson')", 0),
        ("FLUSHALL",),
        ("CONFIG", "SET", "maxmemory", 0),
        ("ACL", "LIST"),
        ("CLIENT", "LIST"),
        ("SHUTDOWN",),
        ("KEYS", "*"),
    ):
        with pytest.raises(redis.ResponseError, match=r"(?i)permission|can't run|ACL failure"):
            anna.execute_command(*command)
    delete_session(anna, "message_store:anna-lesson")
    delete_session(anna, "thread:anna-agent")
    assert {one.key for some in find_sessions(room.teacher()) for one in some} == {
        "message_store:ben-lesson",
        "thread:ben-agent",
    }


def test_thirty_at_once_over_tls(tmp_path: Path) -> None:
    with room_in(tmp_path / "class") as room:
        room.start("--tls")
        found = lines(room.done("add", "30"))

        def lesson(slug: str) -> list[str]:
            history = RedisChatMessageHistory(f"{slug}-lesson", client=connect(found[slug]))
            for number in range(10):
                history.add_messages([HumanMessage(f"{slug} asks {number}"), AIMessage(f"{slug} hears {number}")])
            return [str(message.content) for message in history.messages]

        with ThreadPoolExecutor(len(found)) as pool:
            for slug, said in zip(found, pool.map(lesson, found), strict=True):
                assert said == [f"{slug} {word} {number}" for number in range(10) for word in ("asks", "hears")]
        assert "Students: 30. Connected: 30." in room.done("list")
        file = tmp_path / "sessions.jsonl"
        assert "sessions: 30" in room.done("export", str(file))
        assert len(file.read_text(encoding="utf-8").splitlines()) == 1 + 30 * 21
        assert room.done("remove", "--all") == "Students removed: 30. Keys deleted: 30.\n"
        assert "Nothing of the class is left" in room.done("stop")
        for one in found.values():
            forget(one)


def test_a_lost_laptop(room: Room) -> None:
    before = lines(room.done("add", "anna", "ben"))
    stolen, other = connect(before["anna"]), connect(before["ben"])
    history = RedisChatMessageHistory("anna-lesson", client=stolen)
    history.add_user_message("hello")
    connected = room.teacher().client_list()
    assert {"student-anna", "student-ben"} <= {one["user"] for one in connected}
    assert re.search(r"^anna +anna +yes +1 +1 ", room.done("list"), re.MULTILINE)

    after = lines(room.done("reset", "Anna"))["anna"]
    assert after != before["anna"]
    assert {one["user"] for one in room.teacher().client_list()} & {"student-anna", "student-ben"} == {"student-ben"}
    with pytest.raises(redis.AuthenticationError):
        stolen.ping()
    forget(before["anna"])
    with pytest.raises(AuthenticationFailedError):
        connect(before["anna"])
    client = connect(after)
    assert [one.content for one in RedisChatMessageHistory("anna-lesson", client=client).messages] == ["hello"]
    assert other.ping()
    assert lines(room.done("list", "--lines"))["anna"] == after


def test_a_student_who_fills_the_memory(room: Room) -> None:
    room.done("add", "anna", "ben")
    greedy, ben = room.student("anna"), room.student("ben")
    history = RedisChatMessageHistory("ben-lesson", client=ben)
    history.add_user_message("before")
    fill(greedy, "anna")
    with pytest.raises(ServerFullError):
        history.add_user_message("no room")
    assert [one.content for one in history.messages] == ["before"]

    said = room.done("list")  # shows where it has gone
    assert "nearly full" in said
    room.done("add", "Carla")
    room.done("reset", "ben")
    assert room.teacher().hexists(STUDENTS, "carla")
    assert room.teacher().config_get("maxmemory") == {"maxmemory": str(32 << 20)}
    said = room.done("remove", "anna")
    assert "Students removed: 1." in said
    RedisChatMessageHistory("ben-lesson", client=room.student("ben")).add_user_message("after")


def test_it_restarts_with_a_full_memory(tmp_path: Path) -> None:
    with room_in(tmp_path / "class") as room:
        room.start("--memory", "16mb")
        room.done("add", "anna")
        client = room.student("anna")
        fill(client, "anna")
        room.done("stop")
        room.done("start")
        room.done("stop")
        room.done("start", "--memory", "64mb")
        client.set("message_store:anna-more", "x" * 1_000_000)


def test_a_script_that_never_ends_is_ended(room: Room) -> None:
    room.done("add", "anna", "ben")
    client = redis.Redis.from_url(room.address("anna"), protocol=2, driver_info=None, socket_timeout=30, retry=None)
    said: list[str] = []

    def keep_busy() -> None:
        try:
            client.eval("while true do end", 0)
        except redis.ResponseError as error:
            said.append(str(error))

    thread = threading.Thread(target=keep_busy)
    thread.start()
    with redis.Redis.from_url(room.address("ben"), protocol=2, driver_info=None, retry=None) as ben:
        while not is_told_to_wait(ben):
            pass
        assert "Students: 2" in room.done("list")
        thread.join()
        assert "killed" in said[0]
        assert ben.ping()
    client.close()


def test_removal_leaves_nothing(room: Room) -> None:
    room.done("add", "anna", "ben")
    anna, ben = room.student("anna"), room.student("ben")
    for slug, client in (("anna", anna), ("ben", ben)):
        RedisChatMessageHistory(f"{slug}-lesson", client=client).add_user_message("hello")
        client.hset(REPORT + slug, "lesson", "01_redis")
        # What a write may leave after a fault.
        client.set(f"message_store:{{message_store:{slug}-lesson}}write", 1)
        client.set(f"{{thread:{slug}-agent}}delete", 1)
    assert room.done("remove", "Anna") == "Students removed: 1. Keys deleted: 3.\n"
    with pytest.raises(redis.AuthenticationError):
        anna.ping()
    left = {key.decode() for key in room.teacher().scan_iter()}
    assert left == {
        ABOUT, STUDENTS, REPORT + "ben", "message_store:ben-lesson", "message_store:{message_store:ben-lesson}write",
        "{thread:ben-agent}delete",
    }  # fmt: skip
    assert [*students.load(room.folder)] == ["ben"]
    assert [one.content for one in RedisChatMessageHistory("ben-lesson", client=ben).messages] == ["hello"]
    assert room.run("remove").returncode == 2
    assert room.run("remove", "--all", "ben").returncode == 2


def test_export_holds_everything_and_can_be_imported(room: Room, tmp_path: Path) -> None:
    room.done("add", "Anna", "민수", "Carla")
    anna = room.student("anna")
    history = RedisChatMessageHistory("anna-lesson", client=anna)
    history.add_user_message("hello")
    agent: Any = create_agent(chat_model(), checkpointer=RedisSaver(anna))
    agent.invoke({"messages": [("user", "Hi!")]}, {"configurable": {"thread_id": "anna-agent"}})
    solved = {"solved": True, "tries": 2, "at": 3}
    report = {"lesson": "01_redis", "section": "store", "seen": 5, "exercise:01_redis:order": json.dumps(solved)}
    anna.hset(REPORT + "anna", mapping=report)
    room.student("s01").hset(
        REPORT + "s01", "exercise:01_redis:order", "no JSON \udcff".encode(errors="surrogateescape")
    )

    file, progress = tmp_path / "sessions.jsonl", tmp_path / "sessions.students.jsonl"
    said = room.done("export", str(file))
    assert f"{file}: sessions: 2" in said
    assert f"{progress}: students: 3" in said
    first, *rows = map(json.loads, progress.read_text(encoding="utf-8").splitlines())
    assert first == {"format": "chat-class/1"}
    assert [(row["student"], row["name"]) for row in rows] == [("anna", "Anna"), ("s01", "민수"), ("carla", "Carla")]
    assert {name: rows[0][name] for name in ("lesson", "section", "seen")} == {
        "lesson": "01_redis", "section": "store", "seen": 5
    }  # fmt: skip
    assert rows[0]["exercises"] == {"01_redis:order": solved}
    assert rows[2]["exercises"] == {}

    first_line, _ = room.refused("export", str(file))
    assert first_line == f"{file} exists. Nothing was exported."
    room.refused("export", str(tmp_path / "nowhere" / "sessions.jsonl"))
    assert {one.name for one in tmp_path.iterdir()} == {file.name, progress.name}

    room.done("remove", "--all")
    keys = import_sessions(room.teacher(), file.read_text(encoding="utf-8"))
    assert sorted(keys) == ["message_store:anna-lesson", "thread:anna-agent"]
    room.done("add", "Anna")
    imported = RedisChatMessageHistory("anna-lesson", client=room.student("anna"))
    assert [one.content for one in imported.messages] == ["hello"]
