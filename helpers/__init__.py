"""Chat history in Redis and Google Cloud Memorystore: the plumbing behind the tutorials.

Everything public is named here and loaded when it is first used, so that ``import helpers`` costs
next to nothing.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Google's libraries say when they load that they will drop a Python one day. In a notebook of a reader that is noise.
warnings.filterwarnings("ignore", "You are using a Python version .* which Google will stop supporting", FutureWarning)

if TYPE_CHECKING:
    from helpers.authentication import authenticate
    from helpers.checkup import doctor
    from helpers.connection import connect
    from helpers.history import MemorystoreChatMessageHistory, RedisChatMessageHistory
    from helpers.models import chat_model
    from helpers.secret_store import secret
    from helpers.voice import speak

_HOMES = {
    "MemorystoreChatMessageHistory": "helpers.history",
    "RedisChatMessageHistory": "helpers.history",
    "authenticate": "helpers.authentication",
    "chat_model": "helpers.models",
    "connect": "helpers.connection",
    "doctor": "helpers.checkup",
    "secret": "helpers.secret_store",
    "speak": "helpers.voice",
}

__all__ = [
    "MemorystoreChatMessageHistory",
    "RedisChatMessageHistory",
    "authenticate",
    "chat_model",
    "connect",
    "doctor",
    "secret",
    "speak",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
