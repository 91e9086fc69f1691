"""Widgets made of controls of ipywidgets: a live view, a picture, and work that does not block the kernel."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import ipywidgets

from helpers._localization.messages import say
from helpers.widgets import pages

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CONFIRM_SECONDS = 5.0
"""How long a button that destroys something waits for its second click."""
_SETTLED_SECONDS = 0.1


class Live:
    """A widget with a picture.

    A notebook with a kernel shows the widget; GitHub, an exported page or a screen reader that gets no further
    finds the picture, which is plain HTML and as accessible as a table is.
    """

    _problem: ipywidgets.HTML

    def __init__(self) -> None:
        self._loop = _running_loop()
        self._tasks: set[asyncio.Task[None] | Future[None]] = set()
        self._root: ipywidgets.DOMWidget | None = None
        self._error = ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        if self._root is None:
            self._root = self._build()
        picture = str(self._picture())
        self._show_error(self._error)
        return {
            "text/plain": repr(self),
            "text/html": picture,
            WIDGET_VIEW: {"version_major": 2, "version_minor": 0, "model_id": self._root.model_id},
        }

    def close(self) -> None:
        """Take the widget off the page, and stop what it does."""
        for task in list(self._tasks):
            task.cancel()
        if self._root is not None:
            _close(self._root)
            self._root = None

    def _build(self) -> ipywidgets.DOMWidget:
        """The widget, made when it is first shown, `_problem` in it."""
        raise NotImplementedError

    def _picture(self) -> str:
        """The widget's present state as HTML."""
        raise NotImplementedError

    def _failed(self, error: Exception) -> None:
        """Show an error that came up in the background."""
        self._show_error(str(error) or type(error).__name__)

    def _show_error(self, text: str) -> None:
        self._error = text
        if self._root is not None:
            self._problem.value = pages.render("error.html", error=text)

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


def confirm_button(label: str, action: Callable[[], None], start: Callable[[Any], None]) -> ipywidgets.Button:
    """A button that acts at its second click. The first one asks, for some seconds.

    Args:
        label: What it says.
        action: Called at the second click.
        start: Has a coroutine run in the background.
    """
    made = ipywidgets.Button(description=label, layout={"width": "auto"})
    armings = 0

    def disarm() -> None:
        made.description, made.button_style = label, ""

    async def wait(arming: int) -> None:
        await asyncio.sleep(CONFIRM_SECONDS)
        if arming == armings:
            disarm()

    def clicked(_: Any) -> None:
        nonlocal armings
        armings += 1
        if made.button_style:
            disarm()
            action()
        else:
            made.description = say("{label}: click again", label=label)
            made.button_style = "danger"
            start(wait(armings))

    made.on_click(clicked)
    return made


def on_enter(field: ipywidgets.Text, action: Callable[[], None]) -> None:
    """Call something when Enter is pressed in a text field.

    `Text.on_submit` is deprecated in ipywidgets 8, and what is to take its place also acts when the field loses
    the focus. The message that it listens to is the same in 7 and 8.
    """

    def received(_: Any, content: Any, __: Any) -> None:
        if content.get("event") == "submit":
            action()

    field.on_msg(received)


async def settled(field: Any) -> str:
    """A field's text once the page has sent all of it.

    While the kernel is busy a page holds keystrokes back, and a click or an Enter overtakes them.
    """
    while True:
        value = str(field.value)
        await asyncio.sleep(_SETTLED_SECONDS)
        if field.value == value:
            return value.strip()


def button(label: str, action: Callable[[], None], **options: Any) -> ipywidgets.Button:
    """A button that calls something."""
    made = ipywidgets.Button(description=label, **{"layout": {"width": "auto"}, **options})
    made.on_click(lambda _: action())
    return made


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _close(widget: ipywidgets.Widget) -> None:
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()
