"""A display for what takes minutes and can't say how far it is: a widget in a notebook, text elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from helpers._localization import formats
from helpers.environment import in_notebook

_TEXT_EVERY = 30.0


class Progress:
    """Shows what is waited for, and for how long, until `done` puts one lasting line in its place.

    Args:
        label: What is waited for.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._started = time.monotonic()
        self._spoken = self._started
        self._finished = False
        self._widget: Any = None
        self._handle: Any = None

    def __enter__(self) -> Self:
        if in_notebook():
            self._show_widget()
        else:
            self._write(f"{self._label} …", last=not sys.stderr.isatty())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._finished:
            self.done("")
        if self._widget is not None:
            self._widget.close()

    def step(self, detail: str = "") -> None:
        """Say that it still goes on.

        Args:
            detail: What the service says of it now.
        """
        passed = formats.seconds(time.monotonic() - self._started)
        text = formats.label(self._label, formats.facts(passed, detail))
        if self._widget is not None:
            self._widget.children[1].value = text
        elif self._handle is None and sys.stderr.isatty():
            self._write(text)
        elif self._handle is None and time.monotonic() - self._spoken >= _TEXT_EVERY:
            self._spoken = time.monotonic()
            self._write(text, last=True)

    def done(self, text: str) -> None:
        """End the display and leave a line in its place, or nothing."""
        self._finished = True
        if self._handle is not None:
            self._handle.update({"text/plain": text}, raw=True)
            return
        if sys.stderr.isatty():
            self._write("")
        if text:
            print(text)

    def _show_widget(self) -> None:
        import ipywidgets
        from IPython.display import display

        bar = ipywidgets.IntProgress(value=1, max=1, bar_style="info", layout={"width": "8em"})
        self._widget = ipywidgets.HBox([bar, ipywidgets.Label(f"{self._label} …")])
        # Not the widget itself: ipywidgets 7 shows it without the id by which it is replaced in the end.
        view = {"version_major": 2, "version_minor": 0, "model_id": self._widget.model_id}
        shown = {"text/plain": f"{self._label} …", "application/vnd.jupyter.widget-view+json": view}
        self._handle = display(shown, raw=True, display_id=True)

    def _write(self, text: str, last: bool = False) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")
        elif text:
            sys.stderr.write(text)
        if last:
            sys.stderr.write("\n")
        sys.stderr.flush()
