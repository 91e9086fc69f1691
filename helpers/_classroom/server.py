"""The server of a class: started, so that it outlives the terminal, found again, and stopped."""

import errno
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import redis

from helpers._classroom.folder import (
    AUTHORITY,
    CERTIFICATE,
    CHATS,
    CLASS,
    GATE,
    GATE_LOG,
    SERVER,
    SERVER_LOG,
    TEACHER,
    ClassFolder,
)
from helpers._classroom.preflight import kit_version
from helpers._classroom.rules import ABOUT
from helpers._connecting.connection import connect
from helpers._connecting.pinned import OPTION
from helpers._localization.messages import say
from helpers._tls.listener import bound_socket
from helpers.embedded.server import Engine, server_program
from helpers.errors import ClassroomError, ConnectionFailedError, EmbeddedServerError, require

ENGINES: dict[str, Engine] = {"embedded": "valkey", "redis-server": "redis"}
"""What the class's server can be, by the name that the command line has for it."""
EVERYWHERE = "*"
"""The address that means all of this computer's."""
PORT = 6379

_LOOPBACK = "127.0.0.1"
_START_SECONDS, _STOP_SECONDS, _POLL_SECONDS = 20.0, 10.0, 0.05
_ATTEMPTS = 10
_SIZE = re.compile(r"([1-9][0-9]{0,6})(mb|gb)", re.IGNORECASE)
_LEAST_MEGABYTES = 16
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
# Selectors of keys that may be read and not written came with Redis 7.0.
_OLDEST_REDIS = 7
_NOWHERE = "192.0.2.1"  # RFC 5737: an address for documentation, to which nothing is sent here
Tell = Callable[[str], object]


@dataclass(frozen=True)
class ClassServer:
    """How a class's server is run. A restart takes the same again.

    Attributes:
        bind: The address that it listens at, or `EVERYWHERE`.
        host: The address or the name by which the students reach it.
        port: Its port.
        tls: Whether it speaks TLS.
        memory: How much its data may take, such as ``256mb``.
        language: The language of the class.
        engine: One of `ENGINES`.
        keep: Whether chats survive a restart.
        secret: What the teacher signs in with, and what the students' passwords are made from.
        digest: The SHA-256 of its certificate; blank without TLS.
        names: What the certificate names.
        pid: The server's process.
        gate: The process that speaks TLS for it; 0 without TLS.
        inner: The port at which that process reaches the server.
    """

    bind: str
    host: str
    port: int
    tls: bool
    memory: str
    language: str
    engine: str
    keep: bool
    secret: str
    digest: str = ""
    names: tuple[str, ...] = ()
    pid: int = 0
    gate: int = 0
    inner: int = 0

    def __repr__(self) -> str:
        return f"<ClassServer {self.where}>"

    @property
    def where(self) -> str:
        """The address that students use, without a user."""
        return f"{'rediss' if self.tls else 'redis'}://{_in_address(self.host)}:{self.port}"

    def address(self, user: str, password: str) -> str:
        """The one line by which somebody connects: where, as whom, and how to know the server."""
        scheme, _, place = self.where.partition("//")
        return f"{scheme}//{user}:{password}@{place}" + (f"?{OPTION}={self.digest}" if self.tls else "")

    @property
    def own_address(self) -> str:
        """The teacher's, from this computer, whatever the students reach it by."""
        port = self.inner if self.tls else self.port
        host = _LOOPBACK if self.tls or self.bind == EVERYWHERE else self.bind
        return f"redis://default:{self.secret}@{_in_address(host)}:{port}"


def load(folder: ClassFolder) -> ClassServer:
    """How the class's server was last run.

    Raises:
        ClassroomError: There is no class in the folder.
    """
    folder.check()
    found = folder.read(CLASS)
    try:
        known = {one.name: found[one.name] for one in fields(ClassServer) if one.name in found}
        return ClassServer(**known | {"names": tuple(known.get("names", ()))})
    except TypeError as error:
        raise ClassroomError(
            f"{folder.path / CLASS} does not describe a class.\n"
            + say("Restore the file, or start a class in another folder: --folder FOLDER")
        ) from error


def is_running(folder: ClassFolder) -> bool:
    """Whether the class's server lives."""
    return folder.lives(SERVER)


def signed_in(folder: ClassFolder) -> tuple[redis.Redis, ClassServer]:
    """The class's server with a client that is the teacher's.

    Raises:
        ClassroomError: It does not run.
        ConnectionFailedError: It does not answer.
    """
    server = load(folder)
    if not is_running(folder):
        raise ClassroomError(
            f"The class's server at {server.where} is not running.\n"
            + say("To start it again, run: {command}", command=folder.command("start"))
        )
    try:
        client: Any = connect(server.own_address)
        client.ping()
    except (ConnectionFailedError, redis.ResponseError) as error:
        if "BUSY" not in str(error):
            raise
        _end_script(server)
        client = connect(server.own_address)
    return client, server


@dataclass(frozen=True)
class Wishes:
    """What the teacher asks for at a start; ``None``: as last time, or the default.

    Attributes:
        bind: The address to listen at, a host name, or `EVERYWHERE`.
        host: What students reach it by, if that is another address or a name.
        port: The port.
        tls: Whether to speak TLS.
        memory: How much its data may take.
        language: The language of the class.
        engine: One of `ENGINES`.
        keep: Whether chats survive a restart.
    """

    bind: str | None = None
    host: str | None = None
    port: int | None = None
    tls: bool | None = None
    memory: str | None = None
    language: str | None = None
    engine: str | None = None
    keep: bool | None = None


def start(
    folder: ClassFolder, wishes: Wishes, language: str, users: Callable[[ClassServer], Iterable[str]], tell: Tell
) -> ClassServer:
    """Start the class's server, in processes that outlive this one.

    Args:
        folder: The class's folder, with the command's lock.
        wishes: What is asked for.
        language: The language of the class if none was ever chosen.
        users: The rules of the students' users, a line of configuration each.
        tell: Takes sentences on what is slow.

    Returns:
        The server, which answers.

    Raises:
        ClassroomError: It can't be started; nothing is left running.
        EmbeddedServerError: There is no such server on this computer.
        MissingExtraError: TLS needs a package that is not installed.
    """
    before = load(folder) if folder.exists else None
    if before and is_running(folder):
        if not before.tls or folder.lives(GATE):
            raise ClassroomError(
                f"The server of the class in {folder.path} is already running, at {before.where}.\n"
                + say("Use it, stop it first, or start another class with --folder FOLDER and --port PORT.")
            )
        return _with_gate(folder, before)
    server, addresses = _settled(wishes, before, language)
    _see_to_chats(folder, before, server)
    _end(folder, GATE, before.gate if before else 0)  # one that was left alone
    for one in addresses:
        _see_to_port(one, server)
    server = _with_certificate(folder, server, addresses) if server.tls else replace(server, digest="", names=())
    server = replace(server, pid=0, gate=0, inner=0)
    try:
        server = _started(folder, server, addresses, list(users(server)), tell)
        if server.tls:
            server = _with_gate(folder, server)
        _introduce(server)
    except BaseException:
        stop(folder, load(folder) if folder.exists else server)
        if before:
            folder.write(CLASS, asdict(before))
        raise
    folder.write_text(TEACHER, server.own_address + "\n")
    return server


def stop(folder: ClassFolder, server: ClassServer) -> bool:
    """End the class's processes, and wait until they are gone.

    Returns:
        Whether the server had to be killed.
    """
    _end(folder, GATE, server.gate)
    return _end(folder, SERVER, server.pid)


def own_addresses() -> list[str]:
    """The addresses of this computer that others may reach it by, the likeliest first."""
    found: list[str] = []
    # Connecting a socket of this kind sends nothing: the system only chooses the address that it would send from.
    with suppress(OSError), closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.connect((_NOWHERE, 9))
        found.append(probe.getsockname()[0])
    with suppress(OSError):
        found += [str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return [one for one in dict.fromkeys(found) if not one.startswith(("127.", "0."))]


def written_though_full(client: redis.Redis, write: Callable[[], object]) -> None:
    """Have the teacher's write done, even if the students' data have used up the server's memory."""
    try:
        write()
    except redis.OutOfMemoryError:
        found: Any = client.config_get("maxmemory")
        client.config_set("maxmemory", 0)
        try:
            write()
        finally:
            client.config_set("maxmemory", found["maxmemory"])


def _end_script(server: ClassServer) -> None:
    """End a student's script that does not end by itself, and keeps everybody waiting."""
    with redis.Redis.from_url(server.own_address, protocol=2, driver_info=None) as client:
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            try:
                client.script_kill()
            except redis.ResponseError as error:
                if "NOTBUSY" in str(error):
                    return
                if "UNKILLABLE" in str(error):
                    break
            time.sleep(_POLL_SECONDS)  # it ends when it is next interrupted
    raise ClassroomError(
        f"A script keeps the class's server at {server.where} busy, and can't be ended.\n"
        + say("Stop the server and start it again.")
    )


def password_hash(password: str) -> str:
    """A password as the server's configuration has it."""
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def _settled(wishes: Wishes, before: ClassServer | None, language: str) -> tuple[ClassServer, list[str]]:
    """What is to be run, and the addresses to listen at."""

    def wished(name: str, default: Any) -> Any:
        given = getattr(wishes, name)
        return given if given is not None else getattr(before, name) if before else default

    port, memory = wished("port", PORT), str(wished("memory", "256mb")).lower()
    size = _SIZE.fullmatch(memory)
    if not size or int(size[1]) * (1024 if size[2] == "gb" else 1) < _LEAST_MEGABYTES:
        raise ClassroomError(
            f"{memory!r} is not a memory size.\n"
            + say("Use a form such as {example}, at least {least}.", example="256mb", least=f"{_LEAST_MEGABYTES}mb")
        )
    bind = wished("bind", "") or next(iter(own_addresses()), _LOOPBACK)
    resolved = _resolved(bind, port)
    host = wishes.host or (before.host if before and wishes.bind is None else "") or _host(bind)
    if not _NAME.fullmatch(host):
        raise ClassroomError(
            f"{host!r} is not a host name or an address.\n"
            + say("Use a form such as {example}.", example="class.example, 192.168.1.20")
        )
    server = ClassServer(
        bind=EVERYWHERE if bind == EVERYWHERE else resolved[0],
        host=host,
        port=port,
        tls=wished("tls", False),
        memory=memory,
        language=wished("language", language),
        engine=wished("engine", "") or _engine(),
        keep=wished("keep", True),
        secret=before.secret if before else secrets.token_urlsafe(24),
        digest=before.digest if before else "",
        names=before.names if before else (),
    )
    return server, resolved


def _host(bind: str) -> str:
    return next(iter(own_addresses()), _LOOPBACK) if bind == EVERYWHERE else bind


def _resolved(bind: str, port: int) -> list[str]:
    """The IP addresses to listen at."""
    if bind == EVERYWHERE:
        return ["0.0.0.0", "::"] if _has_ipv6() else ["0.0.0.0"]  # noqa: S104 - asked for
    try:
        found = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _not_ours(bind) from error
    return [str(found[0][4][0])]


def _has_ipv6() -> bool:
    with suppress(OSError), closing(bound_socket(("::", 0))):
        return True
    return False


def _not_ours(bind: str) -> ClassroomError:
    found = ", ".join([*own_addresses(), _LOOPBACK])
    return ClassroomError(
        f"{bind} is not an address of this computer.\n"
        + say(
            "Its addresses are {addresses}. Pass one with --bind, or '*' for all; if students reach this computer by "
            "another address, pass that with --host.",
            addresses=found,
        )
    )


def _see_to_port(address: str, server: ClassServer) -> None:
    """See that nobody else has the port, before a server is started that would only say so in its log."""
    try:
        with closing(bound_socket((address, server.port))) as probe:
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise _not_ours(server.bind) from error
        if error.errno == errno.EADDRINUSE:
            with closing(bound_socket((address, 0))) as other:
                free = other.getsockname()[1]
            raise ClassroomError(
                f"Port {server.port} of {address} is taken: another program listens there.\n"
                + say("End that program, or choose another port, such as --port {port}.", port=str(free))
            ) from error
        raise ClassroomError(
            f"Port {server.port} of {address} can't be had: {error.strerror}.\n"
            + say("Choose a port from 1024 to 65535, such as --port {port}.", port=str(PORT))
        ) from error


def _engine() -> str:
    for name, engine in ENGINES.items():
        with suppress(EmbeddedServerError):
            server_program(engine)
            return name
    return next(iter(ENGINES))


def _see_to_chats(folder: ClassFolder, before: ClassServer | None, server: ClassServer) -> None:
    """See that no chats are lost because the server is to be run otherwise than last time."""
    if before is None or not (folder.path / CHATS).exists():
        return
    if not server.keep:
        raise ClassroomError(
            f"{folder.path} holds the chats of a class that keeps them, and --forget would not load them.\n"
            + say("Leave --forget out, or export what you need and delete the class: stop --delete")
        )
    if before.engine != server.engine:
        raise ClassroomError(
            f"{folder.path} holds chats that {before.engine} has stored, and {server.engine} may not be able to read.\n"
            + say("Pass --engine {engine}, or start a class in another folder: --folder FOLDER", engine=before.engine)
        )


def _with_certificate(folder: ClassFolder, server: ClassServer, addresses: Sequence[str]) -> ClassServer:
    """The server with a certificate: the one that there is, if it is for these addresses."""
    require("class", "cryptography")
    from helpers._tls.certificates import Authority, fingerprint

    everywhere = server.bind == EVERYWHERE
    found = [server.host, *(own_addresses() if everywhere else addresses), _LOOPBACK, "localhost"]
    names = tuple(dict.fromkeys(found))
    file = folder.path / CERTIFICATE
    if set(names) <= set(server.names) and file.exists() and fingerprint(file.read_bytes()) == server.digest:
        return server
    authority = Authority("Class CA")
    pem = authority.server_pem(names)
    folder.write_text(CERTIFICATE, pem.decode())
    folder.write_text(AUTHORITY, authority.pem)
    return replace(server, digest=fingerprint(pem), names=names)


def _started(
    folder: ClassFolder, server: ClassServer, addresses: Sequence[str], users: list[str], tell: Tell
) -> ClassServer:
    """The server, run, answering, and known to the folder."""
    program = server_program(ENGINES[server.engine])
    if server.engine == "redis-server":
        _see_to_version(program)
    for attempt in range(1, _ATTEMPTS + 1):
        # Behind TLS any port will do, which somebody may take before the server does.
        running = replace(server, inner=_free_port()) if server.tls else server
        text = "\n".join([*_config(running, addresses), *users, ""])
        log = folder.path / SERVER_LOG
        logged = log.stat().st_size if log.exists() else 0
        lock = folder.locked(SERVER)
        try:
            process = _detached([str(program), "-"], folder, SERVER_LOG, lock)
        finally:
            os.close(lock)
        running = replace(running, pid=process.pid)
        folder.write(CLASS, asdict(running))
        try:
            assert process.stdin is not None
            with suppress(OSError), process.stdin as stdin:  # one that has ended already says why, below
                stdin.write(text.encode())
            if _answers(process, running, tell):
                process.returncode = 0  # it is not this process's to wait for
                return running
        except BaseException:
            _kill(process)
            raise
        _kill(process)
        said = _last_words(log, logged)
        if not (server.tls and attempt < _ATTEMPTS and "already in use" in said):
            raise ClassroomError(
                f"The class's server did not start: {said}.\n" + say("Fix that, then start the server again.")
            )
    raise AssertionError("unreachable")


def _config(server: ClassServer, addresses: Sequence[str]) -> list[str]:
    """The server's configuration. It goes to the server unseen, and to no disk; of passwords it holds the hashes."""
    return [
        f"bind {' '.join([_LOOPBACK] if server.tls else addresses)}",
        f"port {server.inner if server.tls else server.port}",
        f"maxmemory {server.memory}",
        # With any other policy the server would delete one student's chats to make room for another's.
        "maxmemory-policy noeviction",
        'save ""',
        f"appendonly {'yes' if server.keep else 'no'}",
        f"appenddirname {CHATS}",
        "lua-time-limit 2000",  # from then on who calls is told that a script keeps the server busy
        "tcp-keepalive 60",  # a laptop that was closed is not counted as connected for long
        f"user default on {password_hash(server.secret)} ~* &* +@all",
    ]


def _detached(command: list[str], folder: ClassFolder, log: str, lock: int) -> "subprocess.Popen[bytes]":
    """A process that outlives this one, with the lock by which it is known to live."""
    with (folder.path / log).open("ab") as output:
        (folder.path / log).chmod(0o600)
        # The package may not be installed, and the folder must hide no module.
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if log == GATE_LOG else output,
            stderr=output,
            cwd=folder.path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,
            pass_fds=[lock],
            umask=0o077,
        )


def _answers(process: "subprocess.Popen[bytes]", server: ClassServer, tell: Tell) -> bool:
    """Whether the server comes up: how long it loads the chats of last time depends on how many they are."""
    deadline, said = time.monotonic() + _START_SECONDS, False
    with redis.Redis.from_url(server.own_address, protocol=2, driver_info=None, socket_timeout=2, retry=None) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                return bool(client.ping())
            except redis.BusyLoadingError:
                deadline = time.monotonic() + _START_SECONDS
                if not said:
                    tell(say("Loading the chats from last time …"))
                    said = True
            except redis.AuthenticationError:
                return False  # somebody else's, at the port that this one could not get
            except redis.RedisError:
                pass
            time.sleep(_POLL_SECONDS)
    return False


def _with_gate(folder: ClassFolder, server: ClassServer) -> ClassServer:
    """The server with a process that speaks TLS for it."""
    config = {
        "addresses": _resolved(server.bind, server.port),
        "port": server.port,
        "target": server.inner,
        "certificate": str(folder.path / CERTIFICATE),
    }
    lock = folder.locked(GATE)
    try:
        process = _detached([sys.executable, "-P", "-m", "helpers._classroom.gate"], folder, GATE_LOG, lock)
    finally:
        os.close(lock)
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError), process.stdin as stdin:
        stdin.write(json.dumps(config).encode() + b"\n")
    with process.stdout as stdout:
        line = stdout.readline()  # it says one, or ends
    answer = json.loads(line) if line else {"error": _last_words(folder.path / GATE_LOG)}
    if "error" in answer:
        _kill(process)
        raise ClassroomError(
            f"TLS for the class's server can't be had at {server.where}: {answer['error']}.\n"
            + say("Fix that, then start the server again.")
        )
    process.returncode = 0
    server = replace(server, gate=process.pid)
    folder.write(CLASS, asdict(server))
    return server


def _introduce(server: ClassServer) -> None:
    """Write what everybody in the class may know of it."""
    with redis.Redis.from_url(server.own_address, protocol=2, driver_info=None) as client:
        seconds, microseconds = client.time()
        about: dict[Any, Any] = {
            "language": server.language,
            "started": seconds * 1000 + microseconds // 1000,
            "kit": kit_version(),
            "instance": secrets.token_hex(8),
            "keeps": int(server.keep),
        }
        written_though_full(client, lambda: client.hset(ABOUT, mapping=about))


def _end(folder: ClassFolder, name: str, pid: int) -> bool:
    """End a process that has a file of the folder locked, which shows that the number is still its own."""
    if not pid or not folder.lives(name):
        return False
    for sign, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
        with suppress(ProcessLookupError):
            os.killpg(pid, sign)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not folder.lives(name):
                return sign == signal.SIGKILL
            time.sleep(_POLL_SECONDS)
    raise ClassroomError(
        f"The class's process {pid} does not end.\n" + say("End it yourself: {command}", command=f"kill -9 {pid}")
    )


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _free_port() -> int:
    with closing(bound_socket((_LOOPBACK, 0))) as probe:
        return int(probe.getsockname()[1])


def _last_words(log: Path, logged: int = 0) -> str:
    """Why a process ended, by what it wrote last into its log, after what others had written."""
    lines = log.read_bytes()[logged:].decode(errors="replace").strip().splitlines() if log.exists() else []
    telling = [line for line in lines[-20:] if " # " in line and "WARNING" not in line] or lines or ["it said nothing"]
    return re.sub(r"^\S+ \d+ \w+ \d+ [\d:.]+ [#*.-] ", "", telling[-1]).rstrip(".")


def _see_to_version(program: Path) -> None:
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True).stdout  # noqa: S603
    found = re.search(r"v=(\d+)\.", said)
    if found and int(found[1]) < _OLDEST_REDIS:
        raise ClassroomError(
            f"The redis-server on the PATH is too old: {said.strip()}.\n"
            + say("Use Redis {version} or newer, or --engine embedded.", version=f"{_OLDEST_REDIS}.0")
        )


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
