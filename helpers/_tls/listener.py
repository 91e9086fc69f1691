"""What clients connect to: a TCP or TLS listener that passes bytes on to a server behind it."""

import asyncio
import itertools
import secrets
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress

Address = tuple[str, int]

_CHUNK = 65536
_BACKLOG = 128
_HANDSHAKE_SECONDS = 10.0
_SHUTDOWN_SECONDS = 1.0
_ATTEMPTS = 20


def bound_socket(address: Address) -> socket.socket:
    """A socket that has an address and does not listen yet, so connecting to it is refused.

    Args:
        address: An IP address of either family, and a port.

    Raises:
        OSError: The address is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def socket_of_its_own(port: int) -> socket.socket:
    """A bound socket on a loopback address that nothing else uses, at a port if that can be.

    Linux answers on all of 127.0.0.0/8. Elsewhere it is 127.0.0.1 and a free port.
    """
    for _ in range(_ATTEMPTS):
        address = f"127.83.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}"
        with suppress(OSError):
            return bound_socket((address, port))
    with suppress(OSError):
        return bound_socket((address, 0))
    return bound_socket(("127.0.0.1", 0))


class Listener:
    """Accepts connections and joins each with one of its own to a target.

    Args:
        bound: The socket to listen on, bound and not yet listening; the listener closes it.
        *targets: Where the bytes go; where there are several, each connection goes to the next one in turn.
        tls: How to speak TLS to clients; ``None`` for plain TCP. A new value counts for the
            connections that come after it.
    """

    def __init__(self, bound: socket.socket, *targets: Address, tls: ssl.SSLContext | None = None) -> None:
        self.address: Address = bound.getsockname()
        self.targets: Sequence[Address] = targets
        self.tls = tls
        self._turns = itertools.count()
        self._socket = bound
        self._connections: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Listen, at first or again after `refuse`."""
        self._socket.listen(_BACKLOG)
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def drop_connections(self) -> None:
        """End every connection at once. Who connects again is served."""
        for connection in self._connections:
            connection.cancel()

    def refuse(self) -> None:
        """Drop the connections and refuse new ones, keeping the address for `open`."""
        self._stop_listening()
        self._socket = bound_socket(self.address)

    async def close(self) -> None:
        """Drop the connections and give the address up. Closing twice does no harm."""
        if self._socket.fileno() >= 0:
            self._stop_listening()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _stop_listening(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self.drop_connections()

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:  # the client is gone already
            return
        connection.setblocking(False)
        task = asyncio.create_task(self._serve(connection))
        self._connections.add(task)

        def end(task: asyncio.Task[None]) -> None:
            self._connections.discard(task)
            connection.close()

        task.add_done_callback(end)

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transports: list[asyncio.WriteTransport] = []
        try:
            # The handshake is part of this task, so dropping the connections ends it too.
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self.tls,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS if self.tls else None,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS if self.tls else None,
            )
            transports.append(transport)
            target = self.targets[next(self._turns) % len(self.targets)]
            there, back = await asyncio.open_connection(*target)
            transports.append(back.transport)
            await _join(reader, back, there, asyncio.StreamWriter(transport, protocol, reader, loop))
        except OSError:
            pass  # either side is gone, or the client does not speak TLS
        finally:
            for one in transports:
                one.abort()


async def _join(
    client: asyncio.StreamReader,
    to_server: asyncio.StreamWriter,
    server: asyncio.StreamReader,
    to_client: asyncio.StreamWriter,
) -> None:
    """Pass bytes both ways until the server has no more to say, or either side breaks."""
    requests = asyncio.create_task(_pass_on(client, to_server))
    try:
        # A client that has finished sending still gets its answers: the server hears of it, answers and closes.
        await _pass_on(server, to_client)
        to_client.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(to_client.wait_closed(), _SHUTDOWN_SECONDS)
    finally:
        requests.cancel()
        await asyncio.gather(requests, return_exceptions=True)


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
    except OSError:
        sink.transport.abort()
