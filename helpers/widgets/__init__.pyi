from .chat_panel import ChatPanel as ChatPanel
from .instance_picker import InstancePicker as InstancePicker
from .session_explorer import SessionExplorer as SessionExplorer
