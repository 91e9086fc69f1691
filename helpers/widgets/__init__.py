"""Widgets that show what the tutorials talk about: a chat with its list, all sessions, all instances.

Each is live where there is a kernel, and a picture in plain HTML where there is none. They work with
ipywidgets 7.7.1, which Colab has, and with 8; and they bring no JavaScript of their own.
"""

from helpers.widgets.chat_panel import ChatPanel
from helpers.widgets.instance_picker import InstancePicker
from helpers.widgets.session_explorer import SessionExplorer

__all__ = ["ChatPanel", "InstancePicker", "SessionExplorer"]
