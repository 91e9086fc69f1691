"""A local stand-in for the Memorystore for Redis API, for practice and tests.

Real gRPC, real Redis-compatible servers, real TLS; loopback only, free, and forgotten when it ends.
``python -m helpers.emulator`` runs one by itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.emulator.emulator import Emulator
    from helpers.emulator.practice import practice_project

# Loaded when first used: the pytest plugin beside this file is imported by every run of the tests.
_HOMES = {"Emulator": "helpers.emulator.emulator", "practice_project": "helpers.emulator.practice"}

__all__ = ["Emulator", "practice_project"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
