from .chat_panel import ChatPanel as ChatPanel
from .class_view import ClassView as ClassView
from .instance_picker import InstancePicker as InstancePicker
from .session_explorer import SessionExplorer as SessionExplorer
