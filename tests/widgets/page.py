"""A page as a widget's Python side knows it: what it is told, and what it asks."""

import asyncio
import html
import json
import re
import time
from collections.abc import Callable
from typing import Any

from helpers.widgets.live import Live

HOSTILE = "<img src=x onerror=alert(1)>"


class Page:
    """What a page that shows a widget has been told, kept as the page keeps it."""

    def __init__(self, widget: Live) -> None:
        self.widget = widget
        self.shown: dict[str, Any] = widget._repr_mimebundle_()
        sendable(self.shown)
        self.data: dict[str, Any] = json.loads(json.dumps(widget._data))
        self.events: list[dict[str, Any]] = []
        self.heard: list[int] = []
        self.closed = False
        self._asked = 0
        widget._wire.send = self._take

    def _take(self, message: dict[str, Any], buffers: Any = None) -> None:
        sendable(message)
        message = json.loads(json.dumps(message))
        self.data.update(message.get("set", {}))
        for name, items in message.get("add", {}).items():
            self.data[name] += items
        if "event" in message:
            self.events.append(message["event"])
        if "heard" in message:
            self.heard.append(message["heard"])
        self.closed = self.closed or "closed" in message

    def ask(self, action: str, *buffers: bytes, **details: Any) -> None:
        """Ask for something, as a click does."""
        self._asked += 1
        message = {"ask": action, "number": self._asked} | details
        self.widget._heard(None, message, [memoryview(one) for one in buffers])

    def ids(self, *names: str) -> list[str]:
        """The IDs of rows, by what stands in their first column."""
        first = self.data["columns"][0]["key"]
        by_name = {row["cells"][first]: row["id"] for row in self.data["rows"]}
        return [by_name[name] for name in names]

    def column(self, key: str) -> list[Any]:
        """A column's values."""
        return [row["cells"][key] for row in self.data["rows"]]

    @property
    def picture(self) -> str:
        """The picture, without what enlivens it."""
        return re.sub(r"<script.*?</script>", "", self.shown["text/html"], flags=re.DOTALL)

    @property
    def kept(self) -> dict[str, Any]:
        """The data that the picture holds."""
        found = re.search(r"<script type=\"application/json\"[^>]*>(.*?)</script>", self.shown["text/html"], re.DOTALL)
        assert found
        kept: dict[str, Any] = json.loads(found[1])
        return kept


def sendable(what: Any) -> None:
    """What a kernel sends to a page is JSON in UTF-8."""
    json.dumps(what, ensure_ascii=False, default=repr).encode()


def visible(page: str) -> str:
    """The text of a piece of HTML."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def stands_alone(picture: str) -> None:
    """A picture is of use where style sheets and scripts are dropped, to a screen reader, and on either theme."""
    # GitHub and JupyterLab drop style sheets and scripts; a screen reader needs captions and headers.
    assert "<style" not in picture
    assert "<caption" in picture
    assert '<th scope="col"' in picture
    # Black or white would vanish on one of the two themes.
    assert not re.search(r"[ ;\"](color|background): *(#000|#fff|black|white)", picture)


def no_live_markup(page: str) -> None:
    """Nothing in a piece of HTML was a message and became an element."""
    assert "<img" not in page
    assert HOSTILE in html.unescape(page)


async def eventually(condition: Callable[[], Any], seconds: float = 10) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)
