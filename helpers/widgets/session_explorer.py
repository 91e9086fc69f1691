"""All sessions of a server as a table to sort, filter, read, export, import and delete."""

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from helpers._connecting.clients import Client
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.sessions import (
    PREFIXES,
    Session,
    delete_session,
    export_sessions,
    find_sessions,
    import_sessions,
    look_into,
    readable,
)
from helpers.widgets import pages
from helpers.widgets.live import Live

READ = 200
"""How many of an opened session's latest messages are shown."""
KEPT = 200
"""How many sessions a saved notebook keeps."""
FILE_BYTES = 5_000_000
"""The largest export that goes through the page; a connection refuses much larger messages."""
_SHOWN = 160
_PATIENCE_SECONDS = 2.0
_TOLD_SECONDS = 0.3
_END: Any = object()


class SessionExplorer(Live):
    """The chat sessions of a server: how many messages, how large, how long to live, and what was said last.

    Histories and agents' threads are searched for with SCAN, on every node of a cluster, without holding the server up;
    what is found appears as it comes. Only they are listed or touched, whatever else the server holds.

    Args:
        client: A redis-py client, such as `connect` returns.
        prefix: What the keys begin with, or several such; ``""`` finds all sessions, those of
            `MemorystoreChatMessageHistory` too.
        newest_first: Whether the newest record is at the head of their lists; ``None`` finds it out for each.

    Attributes:
        sessions: The sessions that were found.
    """

    _module = "session_explorer"

    def __init__(
        self, client: Client, prefix: str | tuple[str, ...] = PREFIXES, *, newest_first: bool | None = None
    ) -> None:
        super().__init__()
        self.sessions: list[Session] = []
        self._client, self._prefix, self._newest_first = client, prefix, newest_first
        self._prefixes = (prefix,) if isinstance(prefix, str) else prefix
        self._search: Iterator[list[Session]] | None = None
        self._keys: dict[str, str] = {}
        self._rows: list[dict[str, Any]] = []
        self._note, self._opened = "", ""
        self._actions |= {
            "refresh": self._refresh_asked,
            "open": self._open,
            "close": self._close_opened,
            "export": self._export_asked,
            "import": self._import,
            "delete": self._delete,
        }

    def __repr__(self) -> str:
        return f"<SessionExplorer {self._pattern!r}>"

    @property
    def _pattern(self) -> str:
        return " ".join(f"{one}*" for one in self._prefixes)

    def refresh(self) -> list[Session]:
        """Search again, to the end.

        Returns:
            What `sessions` is now.

        Raises:
            redis.RedisError: The server can't be reached, or refuses.
        """
        self._begin()
        self._go_on(math.inf)
        self._tell(**self._state())
        return self.sessions

    def export(self, path: str | Path, keys: list[str] | None = None) -> int:
        """Write sessions to a file of JSON Lines.

        Args:
            path: The file; it must not be there yet.
            keys: The Redis keys of the sessions; ``None``: all that are found and still there.

        Returns:
            How many lines were written.

        Raises:
            SessionNotFoundError: There is no such session. No file is left.
            OSError: The file can't be made; `FileExistsError` where it is there.
            redis.RedisError: The server can't be reached, or refuses.
        """
        if keys is None and (self._search is not None or not self.sessions):
            self.refresh()
        wanted = [one.key for one in self.sessions] if keys is None else keys
        lines = export_sessions(self._client, wanted, missing_ok=keys is None)
        file = Path(path).open("x", encoding="utf-8")  # noqa: SIM115
        try:
            with file:
                return sum(1 for line in lines if file.write(line))
        except BaseException:
            Path(path).unlink()
            raise

    def load(self, path: str | Path) -> list[str]:
        """Store the sessions of an exported file again, all or none; `sessions` shows them after `refresh`.

        Args:
            path: What `export` wrote.

        Returns:
            Their Redis keys.

        Raises:
            OSError: The file can't be read.
            DamagedExportError: A line is not what was exported; it names the line.
            SessionExistsError: A session is there already.
            redis.RedisError: The server can't be reached, or refuses. What was stored before that stays.
        """
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return import_sessions(self._client, file, self._prefix)

    def _prepare(self) -> None:
        # A moment's search is waited for, so that the picture shows something; the rest comes in the background.
        try:
            self._begin()
            self._go_on(_PATIENCE_SECONDS)
        except Exception as error:
            self._failed(error)
        if self._search is not None:
            self._start(self._search_on(self._search))

    # Searching.

    def _begin(self) -> Iterator[list[Session]]:
        self.sessions, self._rows, self._note = [], [], ""
        self._show_error("")
        self._search = search = find_sessions(self._client, self._prefix, newest_first=self._newest_first)
        return search

    def _take(self, some: list[Session]) -> list[dict[str, Any]]:
        rows = [self._row(one) for one in some]
        self.sessions.extend(some)
        self._rows.extend(rows)
        return rows

    def _go_on(self, seconds: float) -> None:
        """Search for some time."""
        deadline = time.monotonic() + seconds
        search = self._search
        try:
            for some in search or ():
                self._take(some)
                if time.monotonic() > deadline:
                    return
        except Exception:
            self._search = None
            raise
        self._search = None

    async def _search_on(self, search: Iterator[list[Session]]) -> None:
        """Search to the end without blocking the kernel. A new search takes its place."""
        rows: list[dict[str, Any]] = []
        told = time.monotonic()
        try:
            while self._search is search:
                some = await asyncio.to_thread(next, search, _END)
                if self._search is not search or some is _END:
                    break
                rows += self._take(some)
                if time.monotonic() - told > _TOLD_SECONDS:
                    self._add("rows", rows)
                    rows, told = [], time.monotonic()
        finally:
            if self._search is search:
                self._search = None
                self._add("rows", rows)
                self._tell(searching=False)

    def _refresh_asked(self) -> None:
        search = self._begin()
        self._tell(**self._state())
        self._start(self._search_on(search))

    # What is shown.

    def _title(self) -> str:
        return say("Sessions")

    def _name(self, session: Session) -> str:
        """The session's ID: its key without the part of the prefix that ends in a colon."""
        prefix = next((one for one in self._prefixes if session.key.startswith(one)), "")
        return readable(session.key.removeprefix(prefix[: prefix.rfind(":") + 1]))

    def _row(self, one: Session) -> dict[str, Any]:
        number = f"{len(self._keys)}"
        self._keys[number] = one.key
        last = _unordered(one.newest_first, one.messages) or (pages.quoted(one.role, one.last) if one.messages else "–")
        cells = {
            "session": self._name(one),
            "session:mark": say("Thread") if one.kind == "thread" else "",
            "messages": one.messages,
            "bytes": {"value": one.bytes, "text": "≈ "} if one.estimated else one.bytes,
            "until": None if one.ttl is None else time.time() + one.ttl,
            "last": last[:_SHOWN],
        }
        return {"id": number, "cells": cells}

    def _state(self) -> dict[str, Any]:
        columns = (
            ("session", say("Session"), "name", True),
            ("messages", say("Messages"), "number", False),
            ("bytes", say("Bytes"), "bytes", False),
            ("until", say("Time to live"), "until", False),
            ("last", say("Last message"), "text", False),
        )
        return {
            "caption": say("Sessions"),
            "about": self._pattern,
            "columns": pages.columns(*columns),
            "rows": self._rows,
            "searching": self._search is not None,
            "note": self._note,
            "opened": self._data.get("opened"),
        }

    def _kept(self) -> dict[str, Any]:
        more = len(self._rows) - KEPT
        note = say("Not saved here: {count} more", count=formats.number(more)) if more > 0 else ""
        return {"rows": self._rows[:KEPT], "searching": False, "note": note, "opened": None}

    def _picture(self) -> str:
        return pages.table(self._data, say("Sessions: {shown} of {all}"), say("searching …"))

    # One session, and some.

    async def _open(self, id: str) -> None:  # noqa: A002 - as the page says it
        key = self._keys[id]
        stored = await asyncio.to_thread(look_into, self._client, key, newest_first=self._newest_first, latest=READ)
        session = next((one for one in self.sessions if one.key == key), Session(key, 0, 0, None, "", ""))
        records = stored.records[::-1] if stored.newest_first else stored.records
        facts = [say("Checkpoints: {count}", count=formats.number(stored.checkpoints))] if stored.checkpoints else []
        earlier = stored.length - len(stored.records)
        self._tell(
            error="",
            opened={
                "id": id,
                "name": self._name(session),
                "facts": facts,
                "warning": _unordered(stored.newest_first, stored.length),
                "earlier": say("Earlier messages: {count}", count=formats.number(earlier)) if earlier else "",
                "empty": say("No messages yet.") if stored.checkpoints else say("The session is gone."),
                "waiting": pages.waiting(stored.waiting),
                "records": [
                    {"role": one.role, "who": pages.role(one.role), "text": one.text, "calls": list(one.calls)}
                    for one in records
                ],
            },
        )

    def _close_opened(self) -> None:
        self._tell(opened=None)

    async def _delete(self, ids: Sequence[str]) -> None:
        names = []
        for one in [one for one in self.sessions if one.key in {self._keys[number] for number in ids}]:
            await asyncio.to_thread(delete_session, self._client, one.key)
            names.append(self._name(one))
            place = self.sessions.index(one)
            del self.sessions[place], self._rows[place]
        name = names[0] if len(names) == 1 else f"{len(names)}"
        self._note = say("Deleted: {name}", name=name)
        self._tell(**self._state() | {"error": "", "opened": None})

    async def _export_asked(self, ids: Sequence[str], name: str = "") -> None:
        keys = [self._keys[number] for number in ids]
        text = await asyncio.to_thread(self._exported, keys, missing_ok=not name)
        if text is None:
            call = 'export("sessions.jsonl")'
            self._tell(error=say("Too large for the page: use {call}.", call=call))
            return
        file = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in name or "sessions") + ".jsonl"
        self._tell(error="", note=say("Exported sessions: {count}", count=formats.number(text.count('"ttl_ms": '))))
        self._event(name=file, text=text)

    def _exported(self, keys: list[str], *, missing_ok: bool) -> str | None:
        lines, length = [], 0
        for line in export_sessions(self._client, keys, missing_ok=missing_ok):
            length += len(line)
            if length > FILE_BYTES:
                return None
            lines.append(line)
        return "".join(lines)

    async def _import(self, buffers: Sequence[Any]) -> None:
        text = bytes(buffers[0]).decode("utf-8", "replace")
        keys = await asyncio.to_thread(import_sessions, self._client, text, self._prefix)
        search = self._begin()
        self._note = say("Imported sessions: {count}", count=formats.number(len(keys)))
        self._tell(**self._state())
        await self._search_on(search)


def _unordered(newest_first: bool | None, messages: int) -> str:
    return say("Order unknown: pass newest_first=True or False.") if newest_first is None and messages > 1 else ""
