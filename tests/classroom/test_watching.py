"""A class in a terminal, and where there is none: real processes, and a real pseudo-terminal."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import redis

from helpers._classroom.rules import REPORT
from tests.conftest import ROOT
from tests.support.classroom import Class, a_class

WATCH = (
    "import sys\nfrom helpers import connect\nfrom helpers._classroom.watching import watch\n"
    "watch(connect(), sys.stdout)\nprint('The end.')"
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals, and no interrupt for one process alone")


@pytest.fixture
def room() -> Iterator[Class]:
    with a_class() as made:
        for slug, name in (("anna", "Anna"), ("ben", "Ben"), ("carla", "김민준")):
            made.add(slug, name)
        report(made, "anna", section="chain")
        report(made, "ben", section="short", error="NameError: name 'histories' is not defined")
        yield made


def report(room: Class, slug: str, **fields: str) -> None:
    with redis.Redis.from_url(room.addresses[slug], protocol=2) as student:
        seconds, _ = student.time()
        student.hset(REPORT + slug, mapping={"lesson": "01_redis", "seen": seconds * 1000, **fields})


class Watching:
    """The command, with what it has written so far."""

    def __init__(self, room: Class, terminal: tuple[int, int] | None) -> None:
        reading, writing = os.openpty() if terminal else os.pipe()
        if terminal:
            import fcntl
            import struct
            import termios

            fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", *terminal, 0, 0))
        self._reading = reading
        # pytest's workers tell a size of their own.
        environment = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
        self.process = subprocess.Popen(
            # As in a terminal: what a shell starts in the background inherits that it ignores Ctrl+C.
            [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + WATCH],
            stdout=writing,
            stderr=subprocess.STDOUT,
            env=environment | {"REDIS_URL": room.url, "PYTHONPATH": str(ROOT), "TERM": "xterm", "PYTHONUTF8": "1"},
        )
        os.close(writing)
        self.seen = ""

    def shows(self, text: str, seconds: float = 20) -> bool:
        """Whether it comes to write a text, and the line to its end."""
        deadline = time.monotonic() + seconds
        while "\n" not in self.seen.partition(text)[2] and time.monotonic() < deadline:
            if select.select([self._reading], [], [], 0.2)[0] and not self._read():
                break
        return text in self.seen

    def interrupted(self) -> int:
        """Press Ctrl+C; returns how it ended."""
        self.seen = ""
        self.process.send_signal(signal.SIGINT)
        assert self.shows("The end."), self.seen
        status = self.process.wait(20)
        os.close(self._reading)
        return status

    def _read(self) -> bool:
        try:
            new = os.read(self._reading, 65536)
        except OSError:  # the other end of a pseudo-terminal is closed
            new = b""
        self.seen += new.decode("utf-8", "replace")
        return bool(new)


def test_lines_where_there_is_no_terminal(room: Class) -> None:
    watching = Watching(room, None)
    assert watching.shows("Memory: ")
    head, *students, below = watching.seen.splitlines()
    assert head.split() == "Student Online Lesson Section Exercises Last seen Messages Bytes Error".split()
    assert [line.split()[0] for line in students] == ["Anna", "Ben", "김민준"]
    assert "The same with a chain" in students[0]
    assert below.startswith("Connected: 0 · With an error: 1 · Memory: ")
    assert "\x1b" not in watching.seen

    watching.seen = ""
    report(room, "carla", section="short")
    assert watching.shows("Memory: ")
    assert [line.split()[0] for line in watching.seen.splitlines()] == ["Student", "김민준", "Connected:"]
    assert watching.interrupted() == 0
    assert watching.seen == "The end.\n"


def test_a_table_in_a_terminal(room: Class) -> None:
    watching = Watching(room, (30, 150))
    assert watching.shows("Memory: ")
    places = [watching.seen.index(text) for text in ("Student", "Ben", "김민준", "Anna", "Median", "Connected: 0")]
    assert places == sorted(places), "those who need help come first"
    watching.seen = ""
    report(room, "anna", section="streaming")
    assert watching.shows("Streaming")
    assert watching.interrupted() == 0
    assert "\x1b[?1049l" in watching.seen  # the terminal is as it was
    assert "Streaming" in watching.seen.partition("\x1b[?1049l")[2]  # and what was seen last stays


def test_a_small_terminal_shows_who_needs_help(room: Class) -> None:
    for number in range(40):
        room.add(f"s{number:02}")
    watching = Watching(room, (15, 80))
    assert watching.shows("more")
    screen = watching.seen
    assert "Ben" in screen
    assert "NameError" in screen
    assert screen.count("\n") <= 15
    assert watching.interrupted() == 0
    assert all(f"s{number:02}" in watching.seen for number in range(40))


def test_a_server_that_is_gone_is_told_once() -> None:
    with a_class() as room:
        room.add("anna", "Anna")
        watching = Watching(room, None)
        assert watching.shows("Memory: ")
        watching.seen = ""
        room.teacher.shutdown(nosave=True)
        assert watching.shows("refused")
        assert not watching.shows("Memory: ", seconds=3)
        assert watching.seen.count("refused") == 1
        assert watching.interrupted() == 0
