"""A TCP line to a server on this machine that can be slow, be held, and lead elsewhere from now on."""

import contextlib
import socket
import threading
import time
from typing import Self


class Line:
    """Passes bytes on.

    Args:
        target: The server's port on this machine; connections made after it is changed go to the new one.
        rate: Bytes a second on the way there; ``None``: no limit.

    Attributes:
        flows: While it is not set, nothing gets there.
    """

    def __init__(self, target: int, rate: float | None = None) -> None:
        self.target, self._rate = target, rate
        self.flows = threading.Event()
        self.flows.set()
        self._listener = socket.socket()
        # As little as possible stands between the two ends.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.flows.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # and who waits in accept wakes
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                threading.Thread(target=self._pass_on, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(far, near, False), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, there: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                if there:
                    self.flows.wait()
                other.sendall(data)
                if there and self._rate:
                    time.sleep(len(data) / self._rate)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
