"""A TCP proxy before a Redis server that breaks writes in the ways in which networks do."""

import random
import select
import socket
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

FAULTS = ("before", "during", "no reply", "half a reply", "late", "late reply")
LATE_SECONDS = 0.15


class FaultProxy:
    """Passes everything on, but for writes (EVAL), some of which it breaks:

    * before: the connection drops before the request reaches the server;
    * during: it drops in the middle of the request;
    * no reply: it drops after the server has carried the write out;
    * half a reply: it drops in the middle of the reply;
    * late: the request is held back until its sender has given up, and delivered then;
    * late reply: the reply is.

    Args:
        port: The server's port on this machine.
        seed: The same seed gives the same sequence of faults.
        rate: What share of the writes is broken.
    """

    def __init__(self, port: int, seed: int, rate: float = 0.5) -> None:
        self._server = ("127.0.0.1", port)
        self._random, self._rate = random.Random(seed), rate  # noqa: S311 - repeatable is what it is for
        self._lock = threading.Lock()
        self._late: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.faults: Counter[str] = Counter()
        self.calm = False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.close()
        self.settle()

    def settle(self) -> None:
        """Wait until everything that was held back has been delivered."""
        for thread in list(self._late):
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._server)
        except OSError:
            client.close()
            return
        with client, server:
            try:
                while True:
                    ready, _, _ = select.select((client, server), (), ())
                    if server in ready:  # the rest of a long reply
                        if not (rest := server.recv(1 << 20)):
                            return
                        client.sendall(rest)
                    elif not (request := client.recv(1 << 20)) or not self._exchange(client, server, request):
                        return
            except OSError:
                return

    def _exchange(self, client: socket.socket, server: socket.socket, request: bytes) -> bool:
        """Carry one request and its reply over. Returns whether the connection goes on."""
        fault = self._choose(request)
        if fault == "before":
            return False
        if fault == "during":
            server.sendall(request[: len(request) // 2])
            return False
        if fault == "late":
            self._deliver_late(request)
            time.sleep(LATE_SECONDS)
            return False
        server.sendall(request)
        reply = server.recv(1 << 20)
        if fault == "no reply":
            return False
        if fault == "half a reply":
            client.sendall(reply[: len(reply) // 2])
            return False
        if fault == "late reply":
            time.sleep(LATE_SECONDS)
        client.sendall(reply)
        return bool(reply)

    def _choose(self, request: bytes) -> str | None:
        with self._lock:
            if self.calm or b"EVAL" not in request or self._random.random() >= self._rate:
                return None
            fault = self._random.choice(FAULTS)
            self.faults[fault] += 1
            return fault

    def _deliver_late(self, request: bytes) -> None:
        def deliver() -> None:
            time.sleep(LATE_SECONDS)
            with socket.create_connection(self._server) as server:
                server.sendall(request)
                server.recv(1 << 16)

        thread = threading.Thread(target=deliver)
        thread.start()
        self._late.append(thread)
