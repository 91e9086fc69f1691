"""A class as a table: who is there, how far each student is, and whose last cell failed."""

import threading
import weakref
from typing import Any

import redis

from helpers._classroom.state import ClassState, Student, exercises, follow, quiet, reached, read, standing
from helpers._connecting.clients import Client
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.widgets import pages
from helpers.widgets.live import Live

KEPT = 200
"""How many students a saved notebook keeps."""
_ENDING_SECONDS = 2.0


class ClassView(Live):
    """The students of a class, live: a row each, and the class's median below them.

    Students report by running cells of the lessons after `join_class`. The server is read once a second, in a thread,
    so that the table stays live while a cell of this notebook runs.

    Args:
        client: A redis-py client of the class's server, connected as the teacher.

    Attributes:
        state: How the class stood when it was last read; None before that.
    """

    _module = "class_view"

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.state: ClassState | None = None
        self._client = client

    def __repr__(self) -> str:
        return "<ClassView>"

    def refresh(self) -> ClassState:
        """Read the class now.

        Returns:
            What `state` is now.

        Raises:
            redis.RedisError: The server can't be reached, or refuses.
        """
        self._take(state := read(self._client))
        return state

    def close(self) -> None:
        """Take the widget off the page, and stop reading for it."""
        with _lock:
            feed = _feeds.get(self._client)
        if feed is not None:
            feed.leave(self)
        super().close()

    def _prepare(self) -> None:
        try:
            self.refresh()
        except redis.RedisError as error:
            self._failed(error)
        with _lock:
            feed = _feeds.get(self._client)
            if feed is None or not feed.enter(self):
                _feeds[self._client] = _Feed(self._client, self)

    def _take(self, state: ClassState) -> None:
        self.state = state
        self._tell(error="", **self._state())

    # What is shown.

    def _title(self) -> str:
        return say("Class")

    def _state(self) -> dict[str, Any]:
        columns = (
            ("student", say("Student"), "name", True),
            ("connected", say("Online"), "flag", False),
            ("lesson", say("Lesson"), "state", False),
            ("section", say("Section"), "text", False),
            ("error", say("Error"), "text", False),
            ("exercises", say("Exercises"), "number", False),
            ("quiet", say("Last seen"), "number", False),
            ("messages", say("Messages"), "number", False),
            ("bytes", say("Bytes"), "bytes", False),
        )
        state = self.state or ClassState(())
        return {
            "caption": say("Class"),
            "about": "",
            "columns": pages.columns(*columns),
            "rows": [{"id": one.slug, "cells": _cells(one)} for one in state.students],
            "middle": _middle(state) if state.students else None,
            "searching": False,
            "note": standing(state) if state.students else "",
        }

    def _kept(self) -> dict[str, Any]:
        return {"rows": self._data["rows"][:KEPT]}

    def _picture(self) -> str:
        return pages.table(self._data, say("Students: {shown} of {all}"), "")


class _Feed:
    """Reads a class in a thread, and shows all views of it how it stands, until the last of them is closed."""

    def __init__(self, client: Client, first: ClassView) -> None:
        self._views = weakref.WeakSet([first])
        self._ended = threading.Event()
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._go_on, args=(client,), name="helpers-class-view", daemon=True)
        self._thread.start()

    def enter(self, view: ClassView) -> bool:
        """Have a view shown what is read. Returns whether anything still is."""
        with self._changing:
            if not self._ended.is_set():
                self._views.add(view)
            return not self._ended.is_set()

    def leave(self, view: ClassView) -> None:
        """Show a view nothing any more."""
        with self._changing:
            self._views.discard(view)
            if not self._views:
                self._ended.set()
        if self._ended.is_set():
            self._thread.join(_ENDING_SECONDS)

    def _go_on(self, client: Client) -> None:
        for state in follow(client, self._ended):
            self._show(state)

    def _show(self, state: ClassState | redis.RedisError) -> None:
        with self._changing:
            views = list(self._views)
            if not views:
                self._ended.set()
        for view in views:
            if isinstance(state, ClassState):
                view._take(state)
            else:
                view._failed(state)


_feeds: "weakref.WeakKeyDictionary[Client, _Feed]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _cells(one: Student) -> dict[str, Any]:
    lesson, section = reached(one.section)
    place = f"{one.section.place:03}" if one.section else ""
    return {
        "student": one.name,
        "connected": one.connected,
        "lesson": {"value": place, "text": lesson},
        "section": {"value": place, "text": section},
        "exercises": {"value": one.solved, "text": exercises(one.solved, one.tried)},
        "quiet": {"value": None if one.quiet is None else one.quiet // 60, "text": quiet(one.quiet)},
        "messages": one.messages,
        "bytes": one.bytes,
        "error": {"value": one.error, "text": one.error, "tone": "warn"},
    }


def _middle(state: ClassState) -> dict[str, Any]:
    middle = state.middle
    lesson, section = reached(middle.section)
    return {
        "student": say("Median"),
        "connected": "",
        "lesson": lesson,
        "section": section,
        "exercises": exercises(middle.solved, middle.tried),
        "quiet": quiet(middle.quiet),
        "messages": formats.number(middle.messages, 1),
        "bytes": formats.number(round(middle.bytes)),
        "error": "",
    }
