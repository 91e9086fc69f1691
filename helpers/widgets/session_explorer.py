"""All sessions of a server as a table to sort, filter, read, export, import and delete."""

import asyncio
import base64
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import ipywidgets

from helpers._connecting.clients import Client
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
from helpers.widgets.controls import Live, button, confirm_button

ROWS = 10
"""Sessions on a page."""
READ = 200
"""How many of an opened session's latest messages are shown."""
LINK_BYTES = 5_000_000
"""The largest export that the page carries as a link; browsers stumble over much larger ones."""
_BARS = 8
_PATIENCE_SECONDS = 2.0
_REDRAWN_SECONDS = 0.5
_END: Any = object()
_WIDE = {"width": "100%"}


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

    def __init__(
        self, client: Client, prefix: str | tuple[str, ...] = PREFIXES, *, newest_first: bool | None = None
    ) -> None:
        super().__init__()
        self.sessions: list[Session] = []
        self._client, self._prefix, self._newest_first = client, prefix, newest_first
        self._prefixes = (prefix,) if isinstance(prefix, str) else prefix
        self._column, self._descending, self._page = "session", False, 0
        self._filter = ""
        self._search: Iterator[list[Session]] | None = None

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
        self._draw()
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

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        # A moment's search is waited for, so that the picture shows something; the rest comes in the background.
        try:
            self._begin()
            self._go_on(_PATIENCE_SECONDS)
        except Exception as error:
            self._error = str(error)
        shown = super()._repr_mimebundle_(include, exclude)
        self._draw()
        if self._search is not None:
            self._start(self._search_on(self._search))
        return shown

    # Searching.

    def _begin(self) -> Iterator[list[Session]]:
        self.sessions, self._error = [], ""
        self._search = search = find_sessions(self._client, self._prefix, newest_first=self._newest_first)
        return search

    def _go_on(self, seconds: float) -> None:
        """Search for some time."""
        deadline = time.monotonic() + seconds
        search = self._search
        try:
            for some in search or ():
                self.sessions.extend(some)
                if time.monotonic() > deadline:
                    return
        except Exception:
            self._search = None
            raise
        self._search = None

    async def _search_on(self, search: Iterator[list[Session]]) -> None:
        """Search to the end without blocking the kernel. A new search takes its place."""
        drawn = 0.0
        try:
            while self._search is search:
                some = await asyncio.to_thread(next, search, _END)
                if self._search is not search:
                    return
                if some is _END:
                    break
                self.sessions.extend(some)
                if time.monotonic() - drawn > _REDRAWN_SECONDS:
                    self._draw()
                    drawn = time.monotonic()
        finally:
            if self._search is search:
                self._search = None
                self._draw()

    # What is shown.

    def _name(self, session: Session) -> str:
        """The session's ID: its key without the part of the prefix that ends in a colon; a thread says what it is."""
        prefix = next((one for one in self._prefixes if session.key.startswith(one)), "")
        name = readable(session.key.removeprefix(prefix[: prefix.rfind(":") + 1]))
        return f"{name} · {say('Thread')}" if session.kind == "thread" else name

    def _shown(self) -> list[Session]:
        """The sessions that pass the filter, in the chosen order."""
        wanted = self._filter.casefold()
        texts = {one: f"{readable(one.key)}\n{self._name(one)}\n{one.last}" for one in self.sessions}
        found = [one for one, text in texts.items() if wanted in text.casefold()]
        found.sort()  # by key, which stays the order among equals
        found.sort(key=_ORDERS[self._column], reverse=self._descending)
        return found

    def _status(self, shown: list[Session]) -> str:
        text = say("Sessions: {shown} of {all}", shown=len(shown), all=len(self.sessions))
        return f"{text} · {say('searching …')}" if self._search is not None else text

    def _chart(self, shown: list[Session]) -> Any:
        largest = sorted(shown, key=lambda one: one.bytes, reverse=True)[:_BARS]
        bars = [
            {
                "name": self._name(one),
                "size": _about(one) + pages.size(one.bytes),
                "percent": round(100 * one.bytes / largest[0].bytes),
            }
            for one in largest
        ]
        return pages.render("chart.html", title=say("The largest sessions"), bars=bars)

    def _picture(self) -> str:
        shown = self._shown()
        rows = [{"name": self._name(one), "cells": _cells(one)} for one in shown[:ROWS]]
        return pages.render(
            "sessions.html",
            title=say("Sessions"),
            pattern=self._pattern,
            rows=rows,
            status=self._error or self._status(shown),
            chart=self._chart(shown),
            labels=_labels(),
        )

    # The widget.

    def _build(self) -> ipywidgets.DOMWidget:
        labels = _labels()
        filtering = ipywidgets.Text(description=say("Filter"), placeholder=say("part of an ID or of the last message"))
        filtering.observe(self._filtered, "value")
        self._note = ipywidgets.HTML()
        self._headers = {
            name: button(labels[name], partial(self._sort, name), tooltip=say("Sort by this column"), layout=_WIDE)
            for name in _COLUMNS
        }
        self._cells = [_Row.make(partial(self._open_row, place)) for place in range(ROWS)]
        table = ipywidgets.GridBox(
            [*self._headers.values(), *(widget for row in self._cells for widget in row)],
            layout={
                "grid_template_columns": "minmax(9em, 2fr) 7em 7em 8em minmax(9em, 3fr)",
                "grid_gap": "0 8px",
                "width": "100%",
            },
        )
        self._pager = ipywidgets.HTML()
        self._before = button("◀", lambda: self._turn(-1), tooltip=say("Previous page"))
        self._after = button("▶", lambda: self._turn(1), tooltip=say("Next page"))
        self._bars, self._problem = ipywidgets.HTML(), ipywidgets.HTML()
        self._upload = self._new_upload()
        self._detail = ipywidgets.VBox()
        return ipywidgets.VBox(
            [
                ipywidgets.HBox(
                    [
                        filtering,
                        button(say("Search again"), self._refresh_clicked),
                        button(say("Export"), self._export_clicked, tooltip=say("Export the sessions that are shown")),
                        self._upload,
                    ],
                    layout={"flex_flow": "row wrap"},
                ),
                self._problem,
                self._note,
                table,
                ipywidgets.HBox([self._before, self._after, self._pager]),
                self._detail,
                self._bars,
            ],
            layout={"border": "1px solid rgba(127, 127, 127, 0.35)", "padding": "8px"},
        )

    def _draw(self) -> None:
        if self._root is None:
            return
        shown = self._shown()
        last_page = max(0, (len(shown) - 1) // ROWS)
        self._page = min(self._page, last_page)
        page = shown[self._page * ROWS : (self._page + 1) * ROWS]
        for column, header in self._headers.items():
            arrow = (" ▼" if self._descending else " ▲") if column == self._column else ""
            header.description = _labels()[column] + arrow
        for row, session in zip(self._cells, [*page, *[None] * (ROWS - len(page))], strict=True):
            row.show(session, self._name(session) if session else "")
        self._pager.value = pages.render(
            "note.html",
            text=say("Page {page} of {pages}", page=self._page + 1, pages=last_page + 1) + " · " + self._status(shown),
            href="",
        )
        self._before.disabled, self._after.disabled = self._page == 0, self._page == last_page
        self._bars.value = self._chart(shown)

    def _filtered(self, change: Any) -> None:
        self._filter, self._page = change["new"].strip(), 0
        self._draw()

    def _sort(self, column: str) -> None:
        self._descending = not self._descending if column == self._column else column != "session"
        self._column, self._page = column, 0
        self._draw()

    def _turn(self, pages_on: int) -> None:
        self._page = max(0, self._page + pages_on)
        self._draw()

    def _refresh_clicked(self) -> None:
        self._show_error("")
        self._say("")
        self._start(self._search_on(self._begin()))

    # One session.

    def _open_row(self, place: int) -> None:
        shown = self._shown()
        index = self._page * ROWS + place
        if index < len(shown):
            self._start(self._open(shown[index]))

    async def _open(self, session: Session) -> None:
        stored = await asyncio.to_thread(
            look_into, self._client, session.key, newest_first=self._newest_first, latest=READ
        )
        name = self._name(session)
        self._detail.children = (
            ipywidgets.HTML(pages.render("heading.html", text=" · ".join([name, *_checkpoints(stored.checkpoints)]))),
            ipywidgets.HTML(pages.render("error.html", error=_unordered(stored.newest_first, stored.length))),
            ipywidgets.HTML(
                pages.render(
                    "conversation.html",
                    records=stored.records[::-1] if stored.newest_first else stored.records,
                    earlier=stored.length > len(stored.records),
                    earlier_label=say("Earlier messages: {count}", count=stored.length - len(stored.records)),
                    empty_label=say("No messages yet.") if stored.checkpoints else say("The session is gone."),
                    waiting=pages.waiting(stored.waiting),
                ),
                layout={"max_height": "300px", "overflow": "auto"},
            ),
            ipywidgets.HBox(
                [
                    button(say("Close"), self._close_detail),
                    button(say("Export this session"), lambda: self._start(self._export_link([session.key], name))),
                    confirm_button(say("Delete"), lambda: self._start(self._delete(session)), self._start),
                ]
            ),
        )

    def _close_detail(self) -> None:
        self._detail.children = ()

    async def _delete(self, session: Session) -> None:
        await asyncio.to_thread(delete_session, self._client, session.key)
        self.sessions = [one for one in self.sessions if one.key != session.key]
        self._close_detail()
        self._say(say("Deleted: {name}", name=self._name(session)))
        self._draw()

    # Export and import.

    def _export_clicked(self) -> None:
        self._start(self._export_link([one.key for one in self._shown()], "sessions", missing_ok=True))

    async def _export_link(self, keys: list[str], name: str, *, missing_ok: bool = False) -> None:
        self._show_error("")
        text = await asyncio.to_thread(self._exported, keys, missing_ok)
        if text is None:
            self._say(say("Too large for a link on the page: use {call}.", call='export("sessions.jsonl")'))
            return
        content = base64.b64encode(text.encode()).decode()
        file = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in name) + ".jsonl"
        self._say(
            say("Sessions: {count}", count=text.count('"ttl_ms": ')),
            href=f"data:application/jsonl;base64,{content}",
            file=file,
            link=say("Save {file}", file=file),
        )

    def _exported(self, keys: list[str], missing_ok: bool) -> str | None:
        lines, length = [], 0
        for line in export_sessions(self._client, keys, missing_ok=missing_ok):
            length += len(line)
            if length > LINK_BYTES:
                return None
            lines.append(line)
        return "".join(lines)

    def _uploaded(self, change: Any) -> None:
        # ipywidgets 7 gives a dict by file name, 8 a tuple; and each sets it once more when it is emptied.
        value = change["new"]
        files = list(value.values()) if isinstance(value, dict) else list(value)
        if files:
            self._start(self._import(bytes(files[0]["content"])))

    async def _import(self, content: bytes) -> None:
        self._show_error("")
        try:
            text = content.decode("utf-8", "replace")
            keys = await asyncio.to_thread(import_sessions, self._client, text, self._prefix)
            self._say(say("Imported sessions: {count}", count=len(keys)))
        finally:
            self._replace_upload()
        self._start(self._search_on(self._begin()))

    def _replace_upload(self) -> None:
        """Have the button take the same file again. How to empty it differs between ipywidgets 7 and 8."""
        assert self._root is not None
        bar = self._root.children[0]
        self._upload.close()
        self._upload = self._new_upload()
        bar.children = (*bar.children[:-1], self._upload)

    def _new_upload(self) -> Any:
        made = ipywidgets.FileUpload(accept=".jsonl", multiple=False, description=say("Import"))
        made.observe(self._uploaded, "value")
        return made

    def _say(self, text: str, href: str = "", file: str = "", link: str = "") -> None:
        self._note.value = pages.render("note.html", text=text, href=href, file=file, link=link)


class _Row(NamedTuple):
    """The widgets of one row of the table."""

    name: Any
    messages: Any
    bytes: Any
    ttl: Any
    last: Any

    @classmethod
    def make(cls, on_open: Callable[[], None]) -> "_Row":
        opening = button("", on_open, tooltip=say("Read this session"), layout=_WIDE)
        return cls(opening, *(ipywidgets.HTML() for _ in range(4)))

    def show(self, session: Session | None, name: str) -> None:
        for widget in self:
            widget.layout.display = None if session else "none"
        if session is None:
            return
        self.name.description = name
        for widget, text in zip(self[1:], _cells(session), strict=True):
            widget.value = pages.render("cell.html", text=text, right=widget in (self.messages, self.bytes))


_ORDERS: dict[str, Callable[[Session], Any]] = {
    "session": lambda one: one.key,
    "messages": lambda one: one.messages,
    "bytes": lambda one: one.bytes,
    "ttl": lambda one: math.inf if one.ttl is None else one.ttl,
    "last": lambda one: one.last,
}
_COLUMNS = tuple(_ORDERS)


def _labels() -> dict[str, str]:
    return {
        "session": say("Session"),
        "messages": say("Messages"),
        "bytes": say("Bytes"),
        "ttl": say("Time to live"),
        "last": say("Last message"),
    }


def _cells(one: Session) -> tuple[str, str, str, str]:
    """What a row says of a session, beside its name."""
    last = _unordered(one.newest_first, one.messages) or (pages.quoted(one.role, one.last) if one.messages else "–")
    return str(one.messages), _about(one) + str(one.bytes), pages.minutes(one.ttl), last


def _checkpoints(count: int) -> list[str]:
    return [say("Checkpoints: {count}", count=count)] if count else []


def _about(one: Session) -> str:
    return "≈ " if one.estimated else ""


def _unordered(newest_first: bool | None, messages: int) -> str:
    return say("Order unknown: give newest_first=True or False.") if newest_first is None and messages > 1 else ""
