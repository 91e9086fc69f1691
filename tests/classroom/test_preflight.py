"""What `doctor` says to a student before the lesson: that the room is ready, or the one thing to do."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from helpers import connect, doctor
from helpers._classroom import server
from helpers._classroom.rules import ABOUT
from helpers._connecting.connection import forget
from helpers._doctor.checks import Check
from helpers._localization.messages import speak
from helpers.embedded import EmbeddedServer
from helpers.errors import HelpersError
from tests.classroom.test_students import fill
from tests.conftest import eventually
from tests.support.room import Room, room_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")


@pytest.fixture(autouse=True)
def english() -> None:
    speak("en")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_in(tmp_path / "class") as made:
        yield made


def of_redis(url: str) -> list[Check]:
    """The lines of a report that are about Redis, and so about the class."""
    checks = list(doctor(url).checks)
    first = [check.name for check in checks].index("Redis")
    after = next(place for place, check in enumerate(checks) if place > first and check.name)
    return checks[first:after]


@pytest.mark.parametrize("tls", ["--tls", "--no-tls"])
def test_the_room_is_ready(room: Room, tls: str) -> None:
    room.start(tls)
    room.done("add", "anna")
    report = doctor(room.address("anna"))
    assert str(report).splitlines()[-1] == "Ready: all is well."
    *_, last = of_redis(room.address("anna"))
    assert re.fullmatch(
        r"The class is ready for you, student-anna; its server has been running since \d\d:\d\d", last.found
    )
    assert (last.status, last.advice) == ("good", "")
    assert room.address("anna").rpartition("@")[0].rpartition(":")[2] not in str(report) + str(report._repr_html_())


def test_it_says_so_in_a_terminal(room: Room) -> None:
    room.start()
    room.done("add", "anna")
    run = subprocess.run(
        [sys.executable, "-m", "helpers", "doctor"],
        env=os.environ | {"HELPERS_LANGUAGE": "en", "REDIS_URL": room.address("anna")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0
    assert "The class is ready for you, student-anna" in run.stdout


def test_a_class_that_forgets_says_so(room: Room) -> None:
    room.start("--forget")
    room.done("add", "anna")
    assert of_redis(room.address("anna"))[-1].found.endswith(", it loses the chats if it is restarted")


def test_a_new_password_that_the_student_does_not_have_yet(room: Room) -> None:
    room.start()
    room.done("add", "anna")
    line = room.address("anna")
    connect(line)
    room.done("reset", "anna")
    for _ in range(2):  # in a notebook that was connected, and in one that was not
        (only,) = of_redis(line)
        assert only.status == "bad"
        assert f"redis://127.0.0.1:{room.port}" in only.found
        assert only.advice == (
            "The password of student-anna is wrong or was replaced: ask your teacher for your new line."
        )
        forget(line)


def test_the_server_has_ended(room: Room) -> None:
    room.start()
    room.done("add", "anna")
    line = room.address("anna")
    connect(line)
    os.kill(room.server.pid, signal.SIGKILL)
    assert eventually(lambda: not server.is_running(room.folder))
    for _ in range(2):
        (only,) = of_redis(line)
        assert only.status == "bad"
        assert only.advice.startswith(f"No server is listening at 127.0.0.1, port {room.port}. Tell your teacher")
        forget(line)
    room.done("start")
    assert of_redis(line)[-1].found.startswith("The class is ready for you, student-anna")


def test_a_firewall_between() -> None:
    """A port that takes no further connection: what is sent to it is answered by nobody."""
    with closing(socket.socket()) as wall, closing(socket.socket()) as first:
        wall.bind(("127.0.0.1", 0))
        wall.listen(0)
        port = wall.getsockname()[1]
        first.connect(("127.0.0.1", port))
        (only,) = of_redis(f"redis://student-anna:secret@127.0.0.1:{port}")
    assert only.status == "bad"
    assert f"redis://127.0.0.1:{port}" in only.found
    assert only.advice.startswith(f"Nothing answered at 127.0.0.1, port {port}.")
    assert "firewall" in only.advice
    assert "secret" not in only.found + only.advice


def test_another_server_at_the_address(room: Room) -> None:
    room.start("--tls")
    room.done("add", "anna")
    line = room.address("anna")
    (only,) = of_redis(re.sub("=[0-9a-f]{8}", "=00000000", line))
    assert only.status == "bad"
    assert only.advice == "This is not the server that your line is for: ask your teacher for your new line."


def test_the_memory_is_full(room: Room) -> None:
    room.start("--memory", "16mb")
    room.done("add", "anna")

    def told() -> tuple[str, str]:
        fill(room.student("anna"), "anna")
        last = of_redis(room.address("anna"))[-1]
        return last.status, last.found

    # A connection that closes gives some memory back.
    assert eventually(lambda: told() == ("bad", "The class's memory is full: the server stores nothing more."))
    assert room.teacher().exists("class:report:anna") == 0


def test_another_version_of_the_kit(room: Room) -> None:
    room.start()
    room.done("add", "anna")
    room.teacher().hset(ABOUT, "kit", "0.0.9")
    *_, warning, ready = of_redis(room.address("anna"))
    assert warning.status == "warning"
    assert "0.0.9" in warning.found
    assert ready.status == "good"


def test_a_server_that_has_lost_its_class(room: Room) -> None:
    room.start()
    room.done("add", "anna")
    room.teacher().delete(ABOUT)
    last = of_redis(room.address("anna"))[-1]
    assert (last.status, last.found) == ("bad", "The server has no information about its class.")


def test_somebody_who_is_called_so_on_another_server() -> None:
    with EmbeddedServer() as other:
        with redis.Redis.from_url(other.url, protocol=2) as admin:
            rules = "on >secret ~message_store:* -@all +ping +eval +lrange +llen".split()
            admin.execute_command("ACL", "SETUSER", "student-anna", *rules)
        url = other.url.replace("//", "//student-anna:secret@")
        assert [one for one in of_redis(url) if "class" in one.found] == []


@pytest.mark.parametrize("url", ["redis://student-anna:x@127.0.0.1:99999", "redis://student-anna:a#b@127.0.0.1"])
def test_an_address_that_is_none(url: str) -> None:
    (only,) = of_redis(url)
    assert only.status == "bad"
    assert "is not an endpoint" in only.found
    with pytest.raises((HelpersError, ValueError)):
        connect(url)
