"""Kernels' worth of students: a process each with IPython, which runs the cells that it is sent.

What all of them import is imported once, by a process that each of them is forked off.
"""

import atexit
import importlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from multiprocessing.connection import Client, Connection, Listener
from typing import Any, NamedTuple

from helpers import chat_model
from tests.conftest import ROOT
from tools.tutorials import neutral_environment

_IMPORTED = (
    "anywidget",
    "helpers._classroom.reporting",
    "helpers._histories.histories",
    "helpers.embedded",
    "helpers.exercises",
    "helpers.widgets.chat_panel",
    "helpers.widgets.session_explorer",
    "IPython.core.interactiveshell",
    "langchain_core.prompts",
    "langchain_core.runnables.history",
    "langchain_core.tools",
)
_PATIENCE_SECONDS = 300.0


class Cell(NamedTuple):
    """A cell of a notebook."""

    id: str
    source: str


class Ran(NamedTuple):
    """What became of a cell.

    Attributes:
        id: The cell's ID.
        printed: What it printed.
        error: What failed; blank if nothing did.
    """

    id: str
    printed: str
    error: str


class Kernel:
    """A process that runs a student's cells.

    Args:
        place: Where kernels are to be had.
        redis_url: The address in its environment.
    """

    def __init__(self, place: str, redis_url: str) -> None:
        self._line = Client(place, "AF_UNIX")
        self._line.send(redis_url)
        self.pid: int = self._line.recv()

    def begin(self, cells: Sequence[Cell]) -> None:
        """Have it run cells, one after the other."""
        self._line.send(list(cells))

    def ran(self) -> list[Ran]:
        """What became of the cells that it was to run; waits for that."""
        assert self._line.poll(_PATIENCE_SECONDS), "a student's cells did not run through"
        done: list[Ran] = self._line.recv()
        return done

    def run(self, *cells: Cell) -> list[Ran]:
        """Run cells."""
        self.begin(cells)
        return self.ran()

    def end(self) -> None:
        """End it as Jupyter does."""
        self._line.send(None)
        with suppress(EOFError):
            self._line.recv()
        self._line.close()

    def kill(self) -> None:
        """End it without its doing anything more."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._line.close()


class School:
    """Where kernels are to be had."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._kernels: list[Kernel] = []

    def kernel(self, redis_url: str) -> Kernel:
        """A kernel of a student's."""
        self._kernels.append(Kernel(self._place, redis_url))
        return self._kernels[-1]

    def close(self) -> None:
        """End the kernels that still live."""
        for one in self._kernels:
            one.kill()


@contextmanager
def a_school() -> Iterator[School]:
    """Where kernels are to be had until the block is left."""
    with tempfile.TemporaryDirectory(prefix="school-") as folder:
        process = subprocess.Popen(
            # Not as a program, since the cells' own names are in the main module.
            [sys.executable, "-c", "from tests.support import pupils; pupils.fork_off('place')"],
            cwd=folder,
            env=neutral_environment(HELPERS_LANGUAGE="en", IPYTHONDIR=folder, PYTHONPATH=str(ROOT)),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"open\n"
            school = School(f"{folder}/place")
            try:
                yield school
            finally:
                school.close()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def _serve(line: Connection) -> None:
    """Be a student's kernel."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    os.environ["REDIS_URL"] = line.recv()
    shell: Any = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    line.send(os.getpid())
    with suppress(EOFError):
        while (cells := line.recv()) is not None:
            line.send([_ran(shell, *cell) for cell in cells])
    atexit._run_exitfuncs()


def _ran(shell: Any, cell_id: str, source: str) -> Ran:
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        result = shell.run_cell(source, store_history=True, cell_id=cell_id)
    error = result.error_before_exec or result.error_in_exec
    return Ran(cell_id, printed.getvalue(), f"{type(error).__name__}: {error}" if error else "")


def fork_off(place: str) -> None:
    """Fork a kernel off for each who asks for one."""
    for name in _IMPORTED:
        importlib.import_module(name)
    chat_model().invoke("Hi!")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who end
    with Listener(place, "AF_UNIX") as listener:
        print("open", flush=True)
        while True:
            with listener.accept() as line:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    try:
                        _serve(line)
                    except BaseException:
                        traceback.print_exc()
                    finally:
                        os._exit(0)
