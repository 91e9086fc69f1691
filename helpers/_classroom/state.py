"""How a class stands: what its server knows of each student, read in a few milliseconds, and the class's middle.

For 100 students with 13 sessions each one reading takes the server about 10 ms, in pieces of 0.2 ms, between which it
serves others; benchmarks/classroom.py measures it. What a student has reported is taken for whatever it may be.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

import redis
from redis.client import NEVER_DECODE

from helpers._classroom import lessons
from helpers._classroom.rules import REPORT, STUDENTS, USER_PREFIX
from helpers._connecting.clients import Client
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.sessions import PREFIXES, SCAN_COUNT, tally

EVERY_SECONDS = 1.0
"""How often a class is read."""
NAME_LENGTH = 60
"""How much of a student's name is shown."""
# A reading may take this share of the time; a larger one is made less often.
_SHARE = 0.2
_AT_ONCE = 50
# KEYS: some reports. Each as names and values, as far as a report of ours goes, so that no student can make it long.
_REPORTS = """\
local found = {}
for place, key in ipairs(KEYS) do
  local fields = {}
  local size = redis.pcall('HLEN', key)
  if type(size) == 'number' and size <= 200 then
    for _, part in ipairs(redis.call('HGETALL', key)) do fields[#fields + 1] = string.sub(part, 1, 800) end
  end
  found[place] = fields
end
return found
"""


@dataclass(frozen=True)
class Student:
    """A student, as the server knows of them.

    Attributes:
        slug: The short name.
        name: The name as the teacher gave it, clipped.
        connected: Whether a program is connected as the student's user.
        section: The section of the last cell that has run; None: none is known.
        solved: How many exercises are solved.
        tried: How many were checked.
        quiet: The seconds since the last sign of life, a report or a command; None: there was none.
        messages: How many messages the student's sessions hold.
        bytes: The memory that these sessions take.
        error: The first line of the error, if the last cell failed; else empty.
    """

    slug: str
    name: str
    connected: bool = False
    section: lessons.Section | None = None
    solved: int = 0
    tried: int = 0
    quiet: float | None = None
    messages: int = 0
    bytes: int = 0
    error: str = ""


@dataclass(frozen=True)
class Middle:
    """The middle of a class: of each figure the median.

    Attributes:
        connected: How many students are connected.
        section: The section that half of those who report have reached; None: nobody has reported.
        solved: Exercises solved.
        tried: Exercises checked.
        quiet: Seconds since the last sign of life, of those who gave one.
        messages: Messages stored.
        bytes: Memory taken.
        failing: How many students' last cell failed.
    """

    connected: int
    section: lessons.Section | None
    solved: float
    tried: float
    quiet: float | None
    messages: float
    bytes: float
    failing: int


@dataclass(frozen=True)
class ClassState:
    """A class at one moment.

    Attributes:
        students: The students, by name.
        memory: How many bytes the server uses.
        limit: How many it may use; None: there is no limit.
    """

    students: tuple[Student, ...]
    memory: int = 0
    limit: int | None = None

    @property
    def middle(self) -> Middle:
        """The class's middle."""
        places = sorted((one.section for one in self.students if one.section), key=lambda one: one.place)
        seen = [one.quiet for one in self.students if one.quiet is not None]
        return Middle(
            connected=sum(one.connected for one in self.students),
            section=places[(len(places) - 1) // 2] if places else None,
            solved=self._median("solved"),
            tried=self._median("tried"),
            quiet=median(seen) if seen else None,
            messages=self._median("messages"),
            bytes=self._median("bytes"),
            failing=sum(bool(one.error) for one in self.students),
        )

    def _median(self, name: str) -> float:
        return median([float(getattr(one, name)) for one in self.students] or [0.0])


def read(client: Client) -> ClassState:
    """Read how a class stands now.

    Args:
        client: A client of the class's server that may do everything, as the teacher's.

    Raises:
        redis.RedisError: The server can't be reached, or refuses.
    """
    untyped: Any = client
    with untyped.pipeline(transaction=False) as pipeline:
        pipeline.time()
        pipeline.client_list()
        pipeline.execute_command("HGETALL", STUDENTS, **{NEVER_DECODE: True})
        pipeline.info("memory")
        (seconds, microseconds), connections, listed, memory = pipeline.execute()
    names = {slug: _name(slug, about) for slug, about in sorted(_texts(listed).items())}
    idle = idle_seconds(connections)
    reports = _reports(untyped, list(names))
    stored = _stored(client, names)
    now = seconds + microseconds / 1e6
    students = [
        _student(slug, name, reports[slug], now, idle.get(slug), stored.get(slug, (0, 0)))
        for slug, name in names.items()
    ]
    students.sort(key=lambda one: (one.name.casefold(), one.slug))
    return ClassState(tuple(students), int(memory["used_memory"]), int(memory.get("maxmemory", 0)) or None)


def follow(client: Client, ended: threading.Event | None = None) -> Iterator[ClassState | redis.RedisError]:
    """Read a class again and again, each second or, where that takes long, less often.

    Args:
        client: As `read` takes it.
        ended: Set when it is to end.

    Yields:
        How it stands, or the error that kept it from being read.
    """
    ended = ended or threading.Event()
    while not ended.is_set():
        started = time.monotonic()
        try:
            state: ClassState | redis.RedisError = read(client)
        except redis.RedisError as error:
            state = error
        took = time.monotonic() - started
        yield state
        ended.wait(max(EVERY_SECONDS - (time.monotonic() - started), took * (1 / _SHARE - 1), 0))


# What is shown, in the teacher's language.


def quiet(seconds: float | None) -> str:
    """How long ago the last sign of life was: in minutes that are full."""
    if seconds is None:
        return "–"
    return say("now") if seconds < 60 else formats.minutes(seconds // 60 * 60)


def reached(section: lessons.Section | None) -> tuple[str, str]:
    """The titles of a lesson and of a section of it."""
    return ("–", "–") if section is None else (lessons.title(section.lesson), section.title)


def exercises(solved: float, tried: float) -> str:
    """How many exercises were solved of those that were tried."""
    return say("{solved} of {tried}", solved=formats.number(solved, 1), tried=formats.number(tried, 1))


def standing(state: ClassState) -> str:
    """A class in one line: who is there, whose cells fail, and how full the server is."""
    middle = state.middle
    size = formats.size(state.memory)
    memory = say("{part} of {whole}", part=size, whole=formats.size(state.limit)) if state.limit else size
    return " · ".join(
        [
            say("Connected: {count}", count=formats.number(middle.connected)),
            say("With an error: {count}", count=formats.number(middle.failing)),
            say("Memory: {size}", size=memory),
        ]
    )


# What was read.


def _student(
    slug: str, name: str, report: Mapping[str, str], now: float, idle: float | None, stored: tuple[int, int]
) -> Student:
    checked = [_solved(value) for field, value in report.items() if field.startswith("exercise:")]
    last = [idle] if idle is not None else []
    with suppress(ValueError, LookupError, OverflowError):
        last.append(max(0.0, now - int(report["seen"]) / 1000))
    return Student(
        slug,
        name,
        connected=idle is not None,
        section=lessons.sections().get((report.get("lesson", ""), report.get("section", ""))),
        solved=sum(checked),
        tried=len(checked),
        quiet=min(last, default=None),
        messages=stored[0],
        bytes=stored[1],
        error=_plain(report.get("error", ""), 200),
    )


def _solved(value: str) -> bool:
    try:
        return json.loads(value)["solved"] is True
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _name(slug: str, about: str) -> str:
    try:
        name = _plain(str(json.loads(about)["name"]), NAME_LENGTH)
    except (ValueError, LookupError, TypeError, RecursionError):
        name = ""
    return name or slug


def idle_seconds(connections: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """For how many seconds each student who is connected has sent no command, by short name.

    Args:
        connections: The server's connections, as ``CLIENT LIST`` tells of them.
    """
    idle: dict[str, float] = {}
    for one in connections:
        user = str(one.get("user", ""))
        if user.startswith(USER_PREFIX):
            slug, seconds = user.removeprefix(USER_PREFIX), float(one.get("idle", 0))
            idle[slug] = min(seconds, idle.get(slug, seconds))
    return idle


def _reports(client: Any, slugs: Sequence[str]) -> dict[str, dict[str, str]]:
    reports: dict[str, dict[str, str]] = {}
    for start in range(0, len(slugs), _AT_ONCE):
        some = slugs[start : start + _AT_ONCE]
        keys = [REPORT + slug for slug in some]
        found = client.execute_command("EVAL", _REPORTS, len(keys), *keys, **{NEVER_DECODE: True})
        for slug, fields in zip(some, found, strict=True):
            reports[slug] = _texts(dict(zip(fields[::2], fields[1::2], strict=True)))
    return reports


def _stored(client: Client, slugs: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """How many messages and bytes the sessions of each student hold."""
    scan: Any = client.scan_iter
    owners: dict[str, str] = {}
    for key in scan(count=SCAN_COUNT, **{NEVER_DECODE: True}):
        text = key.decode("utf-8", "surrogateescape")
        for prefix in PREFIXES:
            slug, hyphen, _ = text.removeprefix(prefix).partition("-")
            if text.startswith(prefix) and hyphen and slug in slugs:
                owners[text] = slug
    stored: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for key, counted in tally(client, list(owners)).items():
        messages, size = stored[owners[key]]
        stored[owners[key]] = messages + counted.messages, size + counted.bytes
    return stored


def _texts(found: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in found.items()}


def _plain(text: str, length: int) -> str:
    """A text for a line of its own: no signs that steer a terminal, and no more than so many."""
    text = "".join(sign if sign.isprintable() else " " for sign in text[: 10 * length])
    return text if len(text) <= length else text[: length - 1] + "…"
