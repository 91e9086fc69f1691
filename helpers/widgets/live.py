"""What the widgets share: one set of data, shown live and as a picture, and work that does not block the kernel."""

import asyncio
import json
import re
import secrets
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from functools import cache
from importlib.util import find_spec
from typing import Any, ClassVar

from IPython.display import display, update_display
from markupsafe import Markup

from helpers._localization.messages import language, say
from helpers.widgets import pages
from helpers.widgets.modules import joined, texts

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_HALVES = re.compile("[\ud800-\udfff]")


class Live:
    """A widget whose view and whose picture are made from the same data.

    The data are JSON. A module of ``static/`` makes the view of them: where anywidget has a kernel hear it, in a saved
    notebook that is trusted, and on an exported page. GitHub, a screen reader that gets no further and a reader without
    scripts find the picture, which is plain HTML.

    JupyterLab prefers a live view to a picture, and finds no view when the notebook is opened again. There, the view
    asks for the picture to be shown in its place, and lives in it from then on.
    """

    _module: ClassVar[str]
    """The name of the module that makes the view."""

    def __init__(self) -> None:
        self._loop = _running_loop()
        self._tasks: set[asyncio.Task[None] | Future[None]] = set()
        self._id = secrets.token_hex(8)
        self._data: dict[str, Any] = {"error": ""}
        self._wire: Any = None
        self._telling = threading.Lock()
        self._pictures: dict[str, dict[str, Any]] = {}
        self._actions: dict[str, Callable[..., Any]] = {"hello": self._hello, "picture": self._show_pictures}

    def _ipython_display_(self) -> None:
        data, metadata = self._bundle()
        name = secrets.token_hex(8)
        if WIDGET_VIEW in data:
            self._pictures[name] = {kind: data[kind] for kind in data if kind != WIDGET_VIEW}
        display(data, metadata=metadata, raw=True, display_id=name)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self._bundle()[0]

    def _bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a notebook gets: a text, the picture, and the view where it is possible; and what is said of them."""
        self._prepare()
        said = {text: say(text) for text in texts(joined(self._module))}
        self._tell(id=self._id, language=language(), texts=said, **self._state())
        text = {"text/plain": repr(self)}
        if find_spec("anywidget") is None:
            return text | {"text/html": self._enlivened(_picture_only())}, {}
        if self._wire is None:
            self._wire = _wire_class(self._module)(data=self._data)
            self._data["model"] = self._wire.model_id
            self._wire.on_msg(self._heard)
        shown = self._wire._repr_mimebundle_()
        view, metadata = shown if isinstance(shown, tuple) else (shown, {})
        return text | {"text/html": self._enlivened(), WIDGET_VIEW: view[WIDGET_VIEW]}, metadata

    def _enlivened(self, note: str = "") -> str:
        """The picture, and in it the data and the script that make it a view where scripts may run."""
        kept = json.dumps(clean(self._data | self._kept()), ensure_ascii=False).replace("<", "\\u003c")
        return str(
            pages.render(
                "live.html",
                title=self._title(),
                id=self._id,
                module=self._module,
                picture=Markup(self._picture()),  # noqa: S704 - made by a template
                note=note,
                data=Markup(kept),  # noqa: S704 - no tag can begin in it
                script=Markup(joined(self._module)),  # noqa: S704 - files of this package
            )
        )

    def close(self) -> None:
        """Take the widget off the page, and stop what it does."""
        for task in list(self._tasks):
            task.cancel()
        if self._wire is not None:
            self._wire.send({"closed": True})
            self._wire.close()
            self._wire = None

    # What a widget says of itself.

    def _title(self) -> str:
        """What a screen reader calls it."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Get what is to be shown; called each time before it is."""

    def _state(self) -> dict[str, Any]:
        """What is to be shown now, as JSON by name."""
        raise NotImplementedError

    def _kept(self) -> dict[str, Any]:
        """What a saved notebook keeps otherwise than `_state` has it: less of it, say."""
        return {}

    def _picture(self) -> str:
        """The present state as HTML."""
        raise NotImplementedError

    # Talking with the page.

    def _tell(self, **changed: Any) -> None:
        """Change parts of what is shown; what stays the same is not sent again."""
        changed = {name: clean(value) for name, value in changed.items()}
        with self._telling:
            self._send(
                {"set": {k: value for k, value in changed.items() if k not in self._data or self._data[k] != value}}
            )

    def _add(self, name: str, items: Sequence[Any]) -> None:
        """Append to a list that is shown."""
        with self._telling:
            self._send({"add": {name: clean(list(items))}})

    def _event(self, **event: Any) -> None:
        """Tell those who look now; whoever comes later is not told."""
        if self._wire is not None:
            self._wire.send({"event": clean(event)})

    def _send(self, message: dict[str, dict[str, Any]]) -> None:
        for name, value in message.get("set", {}).items():
            self._data[name] = value
        for name, items in message.get("add", {}).items():
            self._data.setdefault(name, []).extend(items)
        if not any(message.values()):
            return
        self._data["version"] = self._data.get("version", 0) + 1
        if self._wire is not None:
            self._wire.send(message | {"version": self._data["version"]})

    def _heard(self, _: Any, message: Mapping[str, Any], buffers: Sequence[Any] = ()) -> None:
        """Do what the page asks for: call one of `_actions`, and await what it gives."""
        details = dict(message)
        action, number = self._actions.get(details.pop("ask", "")), details.pop("number", 0)
        if action is None:
            return
        if buffers:
            details["buffers"] = buffers
        if number and self._wire is not None:
            self._wire.send({"heard": number})
        try:
            work = action(**details)
        except Exception as error:
            self._failed(error)
            return
        if asyncio.iscoroutine(work):
            self._start(work)

    def _hello(self, version: int = 0) -> None:
        """A page has made its model. What was told meanwhile went by it."""
        if version != self._data["version"] and self._wire is not None:
            self._wire.send({"set": self._data})

    def _show_pictures(self) -> None:
        while self._pictures:
            name, data = self._pictures.popitem()
            update_display(data, raw=True, display_id=name)

    def _failed(self, error: Exception) -> None:
        """Show an error that came up in the background."""
        self._show_error(str(error) or type(error).__name__)

    def _show_error(self, text: str) -> None:
        self._tell(error=text)

    @property
    def _error(self) -> str:
        return str(self._data["error"])

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done on the kernel's event loop, without waiting for it.

        A click may arrive on another thread (JupyterLab's subshells), so its loop is not asked for.
        """

        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                self._failed(error)

        running = _running_loop()
        loop = self._loop if self._loop is not None and self._loop.is_running() else running
        if loop is None:
            asyncio.run(guarded())
            return
        task: Any = (
            loop.create_task(guarded()) if loop is running else asyncio.run_coroutine_threadsafe(guarded(), loop)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def clean(value: Any) -> Any:
    """What can be sent as JSON in UTF-8: half of a surrogate pair becomes U+FFFD, a tuple a list."""
    if isinstance(value, str):
        return _HALVES.sub("\ufffd", value) if not value.isascii() else value
    if isinstance(value, Mapping):
        return {name: clean(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one) for one in value]
    return value


@cache
def _wire_class(module: str) -> Any:
    """The model of a widget: its module, its data, and messages to and fro."""
    import anywidget
    import traitlets

    return type("Wire", (anywidget.AnyWidget,), {"_esm": joined(module), "data": traitlets.Dict().tag(sync=True)})


def _picture_only() -> str:
    return say("This is a picture. To use it, install anywidget, restart the kernel and run the cell again.")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
