"""An emulator for this process to practise on, in a process of its own."""

import atexit
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from helpers._localization.messages import say, words
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import EmbeddedServerError

PRACTICE_PROJECT = "practice"

_STOP_SECONDS = 10.0
_LINE = words(
    "Practising on a Memorystore emulator on this computer: nothing reaches Google Cloud, and nothing costs anything."
)


class _PracticeEmulator:
    """``python -m helpers.emulator`` as a child that ends with this process, however this process ends."""

    def __init__(self) -> None:
        detached: dict[str, Any] = (
            # Away from the process group that a cell's interrupt (Ctrl-C) reaches.
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        # -P keeps the reader's folder off the import path; this package may not be installed.
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "helpers.emulator", "--until-stdin-closes", "--operation-seconds", "1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            **detached,
        )
        atexit.register(self.stop)
        self.host = ""
        said: list[str] = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said.append(line)
            if line.startswith(f"export {EMULATOR_VARIABLE}="):
                self.host = line.strip().partition("=")[2]
                break
        if not self.host:
            self.stop()
            advice = say("To see why, run: {command}", command="python -m helpers.emulator")
            raise EmbeddedServerError("".join(said).strip() or f"The emulator did not start.\n{advice}")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        atexit.unregister(self.stop)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


_started: dict[int, _PracticeEmulator] = {}
_lock = threading.Lock()


def practice_project() -> str:
    """Have an emulator to practise on, and print one line that says so.

    Where ``MEMORYSTORE_EMULATOR_HOST`` is not set, an emulator is started and the variable set to it.
    It ends with this process. One that was started here and has died is replaced, empty.

    Returns:
        The project ID to use there.

    Raises:
        EmbeddedServerError: It can't be started here; the message says why.
    """
    with _lock:
        host = os.environ.get(EMULATOR_VARIABLE, "").strip()
        emulator = _started.get(os.getpid())
        if emulator is not None and not emulator.running:
            emulator.stop()
            del _started[os.getpid()]
            host = "" if host == emulator.host else host
        elif emulator is not None and not host:
            host = os.environ[EMULATOR_VARIABLE] = emulator.host
        if not host:
            emulator = _started[os.getpid()] = _PracticeEmulator()
            os.environ[EMULATOR_VARIABLE] = emulator.host
    print(say(_LINE))
    return PRACTICE_PROJECT
