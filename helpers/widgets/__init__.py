"""Widgets that show what the tutorials talk about: a chat with its list, all sessions, all instances.

Each is live where there is a kernel, and a picture in plain HTML where there is none. They work with
ipywidgets 7.7.1, which Colab has, and with 8; and they bring no JavaScript of their own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.widgets.chat_panel import ChatPanel
    from helpers.widgets.instance_picker import InstancePicker
    from helpers.widgets.session_explorer import SessionExplorer

_HOMES = {
    "ChatPanel": "helpers.widgets.chat_panel",
    "InstancePicker": "helpers.widgets.instance_picker",  # which loads Google's client libraries
    "SessionExplorer": "helpers.widgets.session_explorer",
}

__all__ = ["ChatPanel", "InstancePicker", "SessionExplorer"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
