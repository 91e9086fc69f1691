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
_views: "weakref.WeakKeyDictionary[Client, weakref.WeakSet[ClassView]]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


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
            _views.get(self._client, weakref.WeakSet()).discard(self)
        super().close()

    def _prepare(self) -> None:
        try:
            self.refresh()
        except redis.RedisError as error:
            self._failed(error)
        with _lock:
            views = _views.get(self._client)
            if views is None:
                views = _views[self._client] = weakref.WeakSet()
                threading.Thread(target=_feed, args=(self._client,), name="helpers-class-view", daemon=True).start()
            views.add(self)

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


def _feed(client: Client) -> None:
    """Show all views of a class how it stands, until the last of them is closed."""
    for state in follow(client):
        with _lock:
            views = list(_views[client])
            if not views:
                del _views[client]
                return
        for view in views:
            if isinstance(state, ClassState):
                view._take(state)
            else:
                view._failed(state)
        del views[:], state


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
