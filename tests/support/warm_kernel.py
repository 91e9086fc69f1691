"""What a warm kernel does first. A module of its own, which loads nothing, since each kernel would load it."""

import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread


def be_a_kernel(arguments: list[str], environment: dict[str, str], folder: str, asked_by: Connection) -> None:
    """Become a kernel.

    Args:
        arguments: Of the command that would have started it.
        environment: Its environment variables.
        folder: Its working directory.
        asked_by: Told when this is a process group of its own. The kernel ends when nobody holds its other end.
    """
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # Where the tests' own command lies, or the folder that they were started in.
    sys.path[:] = [path for path in sys.path if path not in ("", str(Path(sys.executable).parent))]
    sys.argv = arguments
    asked_by.send(True)
    Thread(target=_end_with, args=(asked_by,), daemon=True).start()
    launch_new_instance()


def _end_with(asked_by: Connection) -> None:
    with suppress(EOFError, OSError):
        asked_by.recv()
    os._exit(1)
