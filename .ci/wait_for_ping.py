"""Wait until a Redis answers PING: python .ci/wait_for_ping.py redis://HOST:PORT SECONDS."""

import socket
import sys
import time
from urllib.parse import urlsplit


def answer(host: str, port: int) -> str:
    """What a server says to PING, or why it says nothing."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            with connection.makefile("rb") as replies:
                line = replies.readline(200)
    except OSError as error:
        return f"no answer: {error}"
    return line.decode(errors="replace").strip() or "no answer: the connection was closed"


def main(url: str, seconds: float) -> int:
    """Ask until the answer is PONG; returns the exit status."""
    address, began = urlsplit(url), time.monotonic()
    host, port = address.hostname or "127.0.0.1", address.port or 6379
    while (said := answer(host, port)) != "+PONG":
        if time.monotonic() - began > seconds:
            print(f"{host}:{port} did not answer PING within {seconds:g} s. At last: {said}", file=sys.stderr)
            return 1
        time.sleep(0.5)
    print(f"{host}:{port} answers PING after {time.monotonic() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
