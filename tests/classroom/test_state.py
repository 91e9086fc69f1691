"""What a teacher's view is made of: the state of a class, on a real server."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from langchain.agents import create_agent

from helpers import RedisChatMessageHistory, RedisSaver, chat_model, connect
from helpers._classroom.rules import REPORT, STUDENTS, USER_PREFIX
from helpers._classroom.state import ClassState, Middle, Student, exercises, follow, quiet, read, standing
from helpers.embedded import EmbeddedServer
from helpers.sessions import find_sessions
from tests.conftest import eventually
from tests.support.classroom import Class, a_class


@pytest.fixture
def room() -> Iterator[Class]:
    with a_class() as made:
        yield made


def student(room: Class, slug: str) -> Student:
    return next(one for one in read(room.teacher).students if one.slug == slug)


def test_a_class_without_students(room: Class) -> None:
    state = read(room.teacher)
    assert state.students == ()
    assert state.middle == Middle(0, None, 0, 0, None, 0, 0, 0)
    assert state.memory > 100_000
    room.teacher.delete(STUDENTS)
    assert read(room.teacher).students == ()


def test_a_student_who_has_done_nothing(room: Class) -> None:
    room.add("anna", "Anna")
    assert read(room.teacher).students == (Student("anna", "Anna"),)


def test_who_is_connected_is_told_by_the_connections(room: Class) -> None:
    for slug in ("anna", "anna2"):
        room.add(slug)
    with redis.Redis.from_url(room.addresses["anna"], protocol=2) as anna:
        anna.ping()
        assert student(room, "anna").connected
        assert not student(room, "anna2").connected
        assert student(room, "anna").quiet is not None
        room.teacher.execute_command("ACL", "DELUSER", USER_PREFIX + "anna")
    assert eventually(lambda: not student(room, "anna").connected)
    assert student(room, "anna").quiet is None  # no report, and no connection any more


def test_what_was_reported_is_read(room: Class) -> None:
    room.add("anna", "Anna Öztürk")
    seconds, _ = room.teacher.time()
    fields = {
        "lesson": "01_redis",
        "section": "streaming",
        "seen": (seconds - 250) * 1000,
        "error": "NameError: name 'x' is not defined",
        "error_cell": "stream",
        "exercise:01_redis:order": json.dumps({"solved": True, "tries": 3, "at": 1}),
        "exercise:01_redis:brief": json.dumps({"solved": False, "tries": 1, "at": 1}),
    }
    room.teacher.hset(REPORT + "anna", mapping=fields)
    anna = student(room, "anna")
    assert (anna.name, anna.solved, anna.tried, anna.error) == ("Anna Öztürk", 1, 2, fields["error"])
    assert anna.section is not None
    assert (anna.section.lesson, anna.section.title) == ("01_redis", "Streaming")
    assert anna.quiet is not None
    assert 249 < anna.quiet < 310
    assert quiet(anna.quiet) == "4 min"


async def test_messages_and_memory_are_those_of_the_own_sessions(room: Class) -> None:
    for slug in ("anna", "anna2"):
        room.add(slug)
    anna = connect(room.addresses["anna"])
    RedisChatMessageHistory("anna-redis", client=anna).add_user_message("Hi")
    RedisChatMessageHistory("anna2-redis", client=connect(room.addresses["anna2"])).add_user_message("Hi")
    agent: Any = create_agent(chat_model(), checkpointer=RedisSaver(anna))
    thread: Any = {"configurable": {"thread_id": "anna-agent"}}
    agent.invoke({"messages": "Hi! I'm Bob."}, thread)
    agent.invoke({"messages": "What's my name?"}, thread)
    room.teacher.set("message_store:anna-text", "x" * 10_000)
    room.teacher.rpush("message_store:nobody-redis", "{}")
    room.teacher.set("unrelated", "x")

    sessions = {one.key: one for some in find_sessions(room.teacher) for one in some}
    assert student(room, "anna").messages == 1 + 4 == sessions["thread:anna-agent"].messages + 1
    assert student(room, "anna2").messages == 1
    used = [room.teacher.memory_usage(key) for key in ("message_store:anna-redis", "thread:anna-agent")]
    assert student(room, "anna").bytes == sum(used)


@pytest.mark.parametrize(
    "fields",
    [
        {"seen": "tomorrow", "lesson": "\xff", "section": b"\xff\xfe"},
        {"seen": "9" * 400, "error": ""},
        {"seen": "-1", "lesson": "99_unknown", "section": "chain"},
        {
            "exercise:": "{",
            "exercise:a": "[]",
            "exercise:b": "null",
            "exercise:c": '{"solved": 1}',
            "exercise:d": "[" * 5000,
        },
        {f"field{number}": "x" for number in range(1000)},
    ],
)
def test_whatever_a_student_writes_into_the_report_is_taken(room: Class, fields: dict[str, Any]) -> None:
    room.add("anna")
    room.add("ben")
    with redis.Redis.from_url(room.addresses["anna"], protocol=2) as anna:
        anna.hset(REPORT + "anna", mapping=fields)
        found = student(room, "anna")
        assert (found.section, found.solved, found.error) == (None, 0, "")
        anna.delete(REPORT + "anna")
        anna.rpush(REPORT + "anna", "no report")
        assert student(room, "anna").tried == 0


def test_an_error_is_one_short_line_without_signs_for_a_terminal(room: Class) -> None:
    room.add("anna", "Anna\x1b[2J\n" + "a" * 200)
    room.add("ben")
    room.teacher.hset(STUDENTS, "ben", "no JSON")
    room.teacher.hset(REPORT + "anna", "error", "\x1b[31mEvil\r\n" + "y" * 1_000_000)
    found = student(room, "anna")
    assert found.error.isprintable()
    assert found.error.startswith(" [31mEvil  yyy")
    assert len(found.error) == 200
    assert found.name.isprintable()
    assert len(found.name) == 60
    assert student(room, "ben").name == "ben"


def test_the_middle_of_a_class() -> None:
    from helpers._classroom.lessons import sections

    places = list(sections().values())
    students = (
        Student("a", "A", True, places[2], 1, 2, 10.0, 4, 100),
        Student("b", "B", False, places[20], 3, 4, 600.0, 8, 900, "KeyError: …"),
        Student("c", "C", True, places[5], 2, 2, None, 0, 0),
        Student("d", "D", False, None),
    )
    middle = ClassState(students, 1_500_000, 256_000_000).middle
    assert middle == Middle(2, places[5], 1.5, 2, 305.0, 2, 50, 1)
    assert exercises(middle.solved, middle.tried) == "1.5 of 2"
    assert standing(ClassState(students, 1_500_000, 256_000_000)) == (
        "Connected: 2 · With an error: 1 · Memory: 1.5 MB of 256 MB"
    )
    assert [quiet(one) for one in (None, 0, 59.9, 60, 119, 7300)] == ["–", "now", "now", "1 min", "1 min", "121 min"]


def test_students_come_by_name(room: Class) -> None:
    for slug, name in (("s01", "béla"), ("s02", "Anna"), ("s03", "anna"), ("s04", "Zoë")):
        room.add(slug, name)
    assert [one.name for one in read(room.teacher).students] == ["Anna", "anna", "béla", "Zoë"]


def test_a_full_server_says_how_full_it_is(room: Class) -> None:
    room.teacher.config_set("maxmemory", 256 << 20)
    assert read(room.teacher).limit == 256 << 20


def test_following_goes_on_where_the_server_was_gone() -> None:
    server = EmbeddedServer().start()
    states = follow(connect(server.url))
    assert isinstance(next(states), ClassState)
    server.stop()
    assert isinstance(next(states), redis.RedisError)


def test_a_reading_that_takes_long_is_made_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    moments, pauses = iter([0.0, 0.5, 0.5, 2.5, 2.51, 2.51]), list[float]()
    monkeypatch.setattr("helpers._classroom.state.read", lambda client: ClassState(()))
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(threading.Event, "wait", lambda self, seconds: pauses.append(seconds))
    states = follow(None)  # type: ignore[arg-type]
    next(states)
    with pytest.raises((StopIteration, RuntimeError)):
        for _ in states:
            pass
    assert pauses == [pytest.approx(2.0), pytest.approx(0.99)]
