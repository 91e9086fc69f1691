"""What a client says on the wire: a listener before a Redis server that passes everything on and writes it down."""

import selectors
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

import hiredis


class Conversation(NamedTuple):
    """One connection: the first byte that came, and the commands, whatever they were wrapped in."""

    first: bytes
    commands: list[list[bytes]]

    @property
    def encrypted(self) -> bool:
        """Whether it began as TLS does."""
        return self.first == b"\x16"

    def until(self, command: bytes) -> list[list[bytes]]:
        """What was said before a command, and the command itself, without its arguments."""
        names = [each[0] for each in self.commands]
        return [*self.commands[: names.index(command)], [command]]


class Recorder:
    """A server's stand-in at an address of its own.

    Args:
        target: The server's port on this machine; it may be given later.
        tls: The settings to speak TLS to clients by; None for plain text.
        path: A Unix socket to listen at, in place of a port.
    """

    def __init__(self, target: int = 0, tls: ssl.SSLContext | None = None, path: Path | None = None) -> None:
        self.target, self.tls = target, tls
        self.conversations: list[Conversation] = []
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.bind(str(path) if path else ("127.0.0.1", 0))
        self.port: int = 0 if path else self._listener.getsockname()[1]
        self._listener.listen()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def asked(self, command: bytes) -> list[Conversation]:
        """The conversations with a command in them."""
        return [each for each in self.conversations if command in [said[0] for said in each.commands]]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, plain: socket.socket) -> None:
        conversation = Conversation(plain.recv(1, socket.MSG_PEEK), [])
        self.conversations.append(conversation)
        reader = hiredis.Reader()
        with suppress(OSError), selectors.DefaultSelector() as ready:
            client = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                ready.register(client, selectors.EVENT_READ, server)
                ready.register(server, selectors.EVENT_READ, client)
                while True:
                    for key, _ in ready.select():
                        said = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]  # more than a TLS record holds
                        if not said:
                            return
                        if key.fileobj is client:
                            reader.feed(said)
                            while (command := reader.gets()) is not False:
                                conversation.commands.append(command)
                        key.data.sendall(said)
