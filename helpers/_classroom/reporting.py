"""A student's reports: which section was reached, which exercises are solved, and what failed; in a class only.

A cell that has run is told to a thread, which sends what is new. It never raises, and nothing waits for it: a server
that is gone is tried again after the next cell.
"""

import ast
import atexit
import json
import os
import queue
import re
import sys
import threading
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, overload

from helpers._classroom import lessons
from helpers._classroom.rules import ABOUT, REPORT, student
from helpers._connecting.connection import address, connect
from helpers._localization.messages import say
from helpers.environment import environment

ERROR_LENGTH = 200
"""How much of an error's first line is reported."""
_TIMEOUT_SECONDS = 2.0
_LAST_SECONDS = 1.0
_KNOWN_TEXTS = 10_000


@overload
def join_class(session_id: str, endpoint: str | None = None) -> str: ...
@overload
def join_class(session_id: None = None, endpoint: str | None = None) -> None: ...
def join_class(session_id: str | None = None, endpoint: str | None = None) -> str | None:
    """Take part in a class, if the endpoint is a student's address there. Otherwise it does nothing.

    A student may use only sessions whose IDs begin with the student's own short name, so this is put before the ID. In
    a notebook, each cell that runs is then reported to the teacher, in the background: the section that it belongs to
    and, if it fails, the first line of the error without texts of the student's. One printed sentence says so.

    Args:
        session_id: The ID of a session or thread.
        endpoint: The address of a server, as `connect` takes it; ``None`` or blank means ``REDIS_URL``.

    Returns:
        The ID to use: in a class ``NAME-ID``, unless it begins like that; elsewhere the given one.
    """
    global _reporter
    url = address(endpoint)
    slug = "" if environment().in_page else student(url)
    if not slug:
        _reporter = None
        return session_id
    if _reporter is None or _reporter.url != url:
        _reporter = _Reporter(url, slug)
    _watch_cells()
    print(
        say(
            "You take part in a class as {name}: this notebook reports to your teacher which section you have reached, "
            "which exercises you have solved and, if a cell fails, the first line of the error, but no text that you "
            "wrote.",
            name=slug,
        )
    )
    return session_id if session_id is None or session_id.startswith(f"{slug}-") else f"{slug}-{session_id}"


def exercise(lesson: str, name: str, solved: bool) -> None:
    """Report that an exercise was checked; outside of a class it does nothing. It never raises, and never waits.

    What was solved once stays solved.

    Args:
        lesson: The lesson's name, such as ``01_redis``.
        name: The exercise's name in it.
        solved: Whether the check was passed.
    """
    if (reporter := _reporter) is not None:
        reporter.take(_Checked(lesson, name, bool(solved)))


@dataclass(frozen=True)
class _Ran:
    """A cell that has run."""

    cell_id: str | None
    source: str
    failed: bool | None
    """None: it was interrupted."""
    error: str


@dataclass(frozen=True)
class _Checked:
    """An exercise that was checked."""

    lesson: str
    name: str
    solved: bool


class _Reporter:
    """Sends what one student does to the class's server, in a thread of its own."""

    def __init__(self, url: str, slug: str) -> None:
        self.url = url
        self._key = REPORT + slug
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._known: dict[str, Any] = {}
        self._new: set[str] = set()
        self._texts: set[str] = set()
        self._instance: bytes | None = None
        self._continued = self._sent = False

    def take(self, event: _Ran | _Checked | threading.Event) -> None:
        """Have something reported; an event is set when that was tried."""
        with suppress(Exception):  # a machine without threads to spare
            self._events.put(event)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="helpers-class", daemon=True)
                self._thread.start()

    def finish(self) -> None:
        """Wait for a moment until everything is reported."""
        if self._thread is not None and self._thread.is_alive():
            done = threading.Event()
            self.take(done)
            done.wait(_LAST_SECONDS)

    def _work(self) -> None:
        while True:
            events = [self._events.get()]
            with suppress(queue.Empty):
                while True:
                    events.append(self._events.get_nowait())
            with suppress(Exception):
                for event in events:
                    self._apply(event)
                if any(not isinstance(event, threading.Event) for event in events) or self._new:
                    self._send()
            for event in events:
                if isinstance(event, threading.Event):
                    event.set()

    def _apply(self, event: _Ran | _Checked | threading.Event) -> None:
        if isinstance(event, _Ran):
            place = lessons.found(event.cell_id, event.source, self._known.get("lesson", ""))
            if place:
                self._set(lesson=place[0].lesson, section=place[0].id)
            texts = _texts(event.source)
            if len(self._texts) < _KNOWN_TEXTS:
                self._texts.update(texts)
            if event.failed is not None:
                error = _without_texts(event.error, texts, self._texts) if event.failed else None
                self._set(error=error, error_cell=place[1] if place and event.failed else None)
        elif isinstance(event, _Checked):
            name = f"exercise:{event.lesson}:{event.name}"
            before = self._known.get(name, {"solved": False, "tries": 0})
            if not before["solved"]:
                self._set(**{name: {"solved": event.solved, "tries": before["tries"] + 1}})

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            if self._known.get(name) != value:
                self._known[name] = value
                self._new.add(name)

    def _send(self) -> None:
        client: Any = connect(self.url, socket_connect_timeout=_TIMEOUT_SECONDS, socket_timeout=_TIMEOUT_SECONDS)
        if not self._continued:
            self._continue(client.hgetall(self._key))
            self._continued = True
        if not self._write(client):
            self._new.update(self._known)  # the server knows nothing of what was reported before
            self._write(client)

    def _write(self, client: Any) -> bool:
        """Write what is new, and the moment. Returns whether the server has all the rest."""
        seconds, microseconds = client.time()
        now = seconds * 1000 + microseconds // 1000
        written = {name: self._known[name] for name in self._new}
        for value in written.values():
            if isinstance(value, dict):
                value.setdefault("at", now)
        stored = {name: json.dumps(one) if isinstance(one, dict) else one for name, one in written.items()}
        gone = [name for name, value in stored.items() if value is None]
        with client.pipeline(transaction=False) as pipeline:
            pipeline.exists(self._key)
            pipeline.hget(ABOUT, "instance")
            pipeline.hset(self._key, mapping={"seen": now} | {n: v for n, v in stored.items() if v is not None})
            if gone:
                pipeline.hdel(self._key, *gone)
            existed, instance, *_ = pipeline.execute()
        self._new.difference_update(name for name, value in written.items() if self._known[name] is value)
        complete = not self._sent or bool(existed and instance == self._instance)
        self._sent, self._instance = True, instance
        return complete

    def _continue(self, stored: dict[bytes, bytes]) -> None:
        """Go on from what the student has reported from another kernel."""
        for name, value in stored.items():
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                field = name.decode()
                if not field.startswith("exercise:"):
                    continue
                before, now = json.loads(value), self._known.get(field)
                merged = {"solved": bool(before["solved"]), "tries": int(before["tries"]), "at": int(before["at"])}
                if now is not None and not merged["solved"]:
                    merged = {"solved": now["solved"], "tries": merged["tries"] + now["tries"]}
                self._known[field] = merged


def _watch_cells() -> None:
    """Have each cell of this notebook reported from now on."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        with suppress(ValueError):  # it is not there
            shell.events.unregister("post_run_cell", _cell_has_run)
        shell.events.register("post_run_cell", _cell_has_run)


def _cell_has_run(result: Any) -> None:
    """Report a cell. IPython calls it, and waits for it."""
    with suppress(Exception):
        reporter, info = _reporter, result.info
        if reporter is None or info.silent or not info.store_history:
            return
        error = result.error_before_exec or result.error_in_exec
        failed = error is not None if error is None or isinstance(error, Exception) else None
        told = _first_line(error) if failed else ""
        reporter.take(_Ran(getattr(info, "cell_id", None), str(info.raw_cell), failed, told))


def _first_line(error: BaseException) -> str:
    try:
        line = next((line for line in str(error).splitlines() if line.strip()), "")
    except Exception:  # an error of the student's that can't be shown
        line = ""
    return f"{type(error).__name__}: {line[:2000].strip()}"


_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]*@")
_QUOTED = re.compile(r"""(?<!\w)(['"])((?:(?!\1).)*)\1(?!\w)""")
_NAME = re.compile(r"[A-Za-z_][\w.]{0,59}")
# Errors of code tell of it in names that Python quotes; others may quote anything.
_OF_CODE = frozenset(
    [
        *("AttributeError", "ImportError", "IndentationError", "ModuleNotFoundError"),
        *("NameError", "SyntaxError", "TypeError", "UnboundLocalError"),
    ]
)


def _without_texts(line: str, texts: Set[str], earlier: Set[str] = frozenset()) -> str:
    """An error's first line without what the student has written in quotes, and without passwords.

    Args:
        line: The line.
        texts: The texts that stand in the cell that failed.
        earlier: Those of all cells that have run. In an error of code they stay, since a name may be among them.
    """
    of_code = line.partition(":")[0] in _OF_CODE
    line = _CREDENTIALS.sub("…@", line)
    for text in sorted(texts if of_code else texts | earlier, key=len, reverse=True):
        if text in line:
            line = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", "…", line)
    line = _QUOTED.sub(lambda found: found[0] if of_code and _NAME.fullmatch(found[2]) else "…", line)
    line = "".join(sign if sign.isprintable() else " " for sign in line)
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"


def _texts(source: str) -> set[str]:
    """The texts that stand in a cell, line by line."""
    try:
        nodes = list(ast.walk(ast.parse(source[: lessons.LONGEST])))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"""(?<=['"])[^'"\n]{3,}(?=['"])""", source))
    texts = {one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {line.strip() for text in texts for line in text.splitlines() if len(line.strip()) > 2}


_reporter: _Reporter | None = None


def _finish() -> None:
    if _reporter is not None:
        _reporter.finish()


def _leave_to_parent() -> None:
    """Have a process that was forked off report nothing: the thread is its parent's, and so is the connection."""
    global _reporter
    _reporter = None


atexit.register(_finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
