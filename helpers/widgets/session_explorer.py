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
    DEFAULT_PREFIX,
    Session,
    delete_session,
    export_sessions,
    find_sessions,
    import_sessions,
    is_newest_first,
    look_into,
)
from helpers.widgets import pages
from helpers.widgets.live import Live, button, confirm_button

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


class SessionExplorer(Live):
    """The chat sessions of a server: how many messages, how large, how long to live, and what was said last.

    They are searched for with SCAN, on every node of a cluster, without holding the server up; what is found appears as
    it comes. Only chat sessions are listed or touched, whatever else the server holds.

    Args:
        client: A redis-py client, such as `connect` returns.
        prefix: What the keys begin with; ``""`` finds all sessions, those of `MemorystoreChatMessageHistory` too.

    Attributes:
        sessions: The sessions that were found.
    """

    def __init__(self, client: Client, prefix: str = DEFAULT_PREFIX) -> None:
        super().__init__()
        self.sessions: list[Session] = []
        self._client, self._prefix = client, prefix
        self._column, self._descending, self._page = "session", False, 0
        self._filter = self._error = ""
        self._search: Iterator[list[Session]] | None = None
        self._opened: Session | None = None

    def __repr__(self) -> str:
        return f"<SessionExplorer {self._prefix + '*'!r}>"

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
            keys: The Redis keys of the sessions; ``None``: all in `sessions`.

        Returns:
            How many lines were written.

        Raises:
            OSError: The file can't be made; `FileExistsError` where it is there.
            redis.RedisError: The server can't be reached, or refuses.
        """
        wanted = [one.key for one in self.sessions] if keys is None else keys
        count = 0
        with Path(path).open("x", encoding="utf-8") as file:
            for line in export_sessions(self._client, wanted):
                file.write(line)
                count += 1
        return count

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
        with Path(path).open(encoding="utf-8") as file:
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
        self._show_error(self._error)
        if self._search is not None:
            self._start(self._search_on(self._search))
        return shown

    # Searching.

    def _begin(self) -> None:
        self.sessions, self._error = [], ""
        self._search = find_sessions(self._client, self._prefix)

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
        """The session's ID: its key without the part of the prefix that ends in a colon."""
        return session.key.removeprefix(self._prefix[: self._prefix.rfind(":") + 1])

    def _shown(self) -> list[Session]:
        """The sessions that pass the filter, in the chosen order."""
        wanted = self._filter.casefold()
        found = [one for one in self.sessions if wanted in one.key.casefold() or wanted in one.last.casefold()]
        found.sort()  # by key, which stays the order among equals
        found.sort(key=_ORDERS[self._column], reverse=self._descending)
        return found

    def _status(self, shown: list[Session]) -> str:
        text = say("Sessions: {shown} of {all}", shown=len(shown), all=len(self.sessions))
        return f"{text} · {say('searching …')}" if self._search is not None else text

    def _chart(self, shown: list[Session]) -> Any:
        largest = sorted(shown, key=lambda one: one.bytes, reverse=True)[:_BARS]
        bars = [
            {"name": self._name(one), "bytes": one.bytes, "percent": round(100 * one.bytes / largest[0].bytes)}
            for one in largest
        ]
        return pages.render("chart.html", title=say("The largest sessions"), bars=bars)

    def _picture(self) -> str:
        shown = self._shown()
        rows = [{"name": self._name(one), "session": one, "ttl": pages.minutes(one.ttl)} for one in shown[:ROWS]]
        return pages.render(
            "sessions.html",
            title=say("Sessions"),
            pattern=self._prefix + "*",
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
            column: button(labels[column], partial(self._sort, column), tooltip=say("Sort by this column"))
            for column in _COLUMNS
        }
        self._cells = [_Row.make(partial(self._open_row, place)) for place in range(ROWS)]
        for header in self._headers.values():
            header.layout.width = "100%"
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
        self._upload = ipywidgets.FileUpload(accept=".jsonl", multiple=False, description=say("Import"))
        self._upload.observe(self._uploaded, "value")
        self._uploads = 0
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
        self._begin()
        assert self._search is not None
        self._start(self._search_on(self._search))

    # One session.

    def _open_row(self, place: int) -> None:
        shown = self._shown()
        index = self._page * ROWS + place
        if index < len(shown):
            self._start(self._open(shown[index]))

    async def _open(self, session: Session) -> None:
        newest_first = is_newest_first(session.key, self._prefix)
        stored = await asyncio.to_thread(look_into, self._client, session.key, newest_first=newest_first, latest=READ)
        self._opened = session
        name = self._name(session)
        self._detail.children = (
            ipywidgets.HTML(pages.render("heading.html", text=name)),
            ipywidgets.HTML(
                pages.render(
                    "conversation.html",
                    records=stored.records[::-1] if newest_first else stored.records,
                    earlier=stored.length > len(stored.records),
                    earlier_label=say("Earlier messages: {count}", count=stored.length - len(stored.records)),
                    empty_label=say("The session is gone."),
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
        self._opened, self._detail.children = None, ()

    async def _delete(self, session: Session) -> None:
        await asyncio.to_thread(delete_session, self._client, session.key)
        self.sessions = [one for one in self.sessions if one.key != session.key]
        self._close_detail()
        self._say(say("Deleted: {name}", name=self._name(session)))
        self._draw()

    # Export and import.

    def _export_clicked(self) -> None:
        self._start(self._export_link([one.key for one in self._shown()], "sessions"))

    async def _export_link(self, keys: list[str], name: str) -> None:
        self._show_error("")
        text = await asyncio.to_thread(self._exported, keys)
        if text is None:
            self._say(say("Too large for a link on the page: use {call}.", call='export("sessions.jsonl")'))
            return
        content = base64.b64encode(text.encode()).decode()
        file = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in name) + ".jsonl"
        self._say(
            say("Sessions: {count}", count=len(keys)),
            href=f"data:application/jsonl;base64,{content}",
            file=file,
            link=say("Save {file}", file=file),
        )

    def _exported(self, keys: list[str]) -> str | None:
        lines, length = [], 0
        for line in export_sessions(self._client, keys):
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
            lines = content.decode("utf-8", "replace").splitlines()
            keys = await asyncio.to_thread(import_sessions, self._client, lines, self._prefix)
            self._say(say("Imported sessions: {count}", count=len(keys)))
        finally:
            self._replace_upload()
        self._refresh_quietly()

    def _replace_upload(self) -> None:
        """Have the button take the same file again. How to empty it differs between ipywidgets 7 and 8."""
        assert self._root is not None
        bar = self._root.children[0]
        fresh = ipywidgets.FileUpload(accept=".jsonl", multiple=False, description=say("Import"))
        fresh.observe(self._uploaded, "value")
        bar.children = (*bar.children[:-1], fresh)
        self._upload.close()
        self._upload = fresh

    def _refresh_quietly(self) -> None:
        self._begin()
        assert self._search is not None
        self._start(self._search_on(self._search))

    def _say(self, text: str, href: str = "", file: str = "", link: str = "") -> None:
        self._note.value = pages.render("note.html", text=text, href=href, file=file, link=link)

    def _failed(self, error: Exception) -> None:
        self._show_error(str(error) or type(error).__name__)

    def _show_error(self, text: str) -> None:
        self._error = text
        if self._root is not None:
            self._problem.value = pages.render("error.html", error=text)


class _Row(NamedTuple):
    """The widgets of one row of the table."""

    name: Any
    messages: Any
    bytes: Any
    ttl: Any
    last: Any

    @classmethod
    def make(cls, on_open: Callable[[], None]) -> "_Row":
        opening = button("", on_open, tooltip=say("Read this session"))
        opening.layout.width = "100%"
        return cls(opening, *(ipywidgets.HTML() for _ in range(4)))

    def show(self, session: Session | None, name: str) -> None:
        for widget in self:
            widget.layout.display = None if session else "none"
        if session is None:
            return
        self.name.description = name
        self.messages.value = _cell(str(session.messages), right=True)
        self.bytes.value = _cell(str(session.bytes), right=True)
        self.ttl.value = _cell(pages.minutes(session.ttl))
        self.last.value = _cell(pages.quoted(session.role, session.last))


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


def _cell(text: str, right: bool = False) -> Any:
    return pages.render("cell.html", text=text, right=right)
