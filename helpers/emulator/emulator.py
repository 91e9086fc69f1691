"""The emulator as an object: a gRPC server and its instances, in a thread of this process."""

import asyncio
import atexit
import concurrent.futures
import inspect
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import grpc.aio

from helpers._tls.listener import bound_socket
from helpers.embedded.server import EmbeddedServer, Engine
from helpers.emulator.servers.instances import Settings
from helpers.emulator.servers.tokens import DEFAULT_SECONDS
from helpers.emulator.service import Service


class Emulator:
    """The APIs of Memorystore for Redis and for Valkey on a port of 127.0.0.1, with instances that are real servers.

    Set ``MEMORYSTORE_EMULATOR_HOST`` to `host` for `helpers` to use it, or give Google's own clients a channel to it:
    ``CloudRedisGrpcTransport(channel=grpc.insecure_channel(emulator.host))``, ``MemorystoreGrpcTransport`` likewise.
    It issues the access tokens for IAM authentication too, as ``google.iam.credentials.v1.IAMCredentials``.

    A method that takes an instance's name takes those of either service, ``projects/…``, and where both have an
    instance of that name ``//redis.googleapis.com/projects/…`` or ``//memorystore.googleapis.com/projects/…``. It
    raises `LookupError` where there is none of that name, and `RuntimeError` while the emulator is not running.

    On Linux every endpoint has a loopback address of its own and the service's ports, 6378 (TLS of Memorystore for
    Redis) and 6379; elsewhere it is 127.0.0.1 and a free port. Some project IDs have something wrong about them:
    `helpers.emulator.api.errors.PROVOKING_PROJECTS`.

    Args:
        port: Where the API listens; 0 for a free port.
        operation_seconds: How many seconds creating and updating an instance take; deleting takes half of it.
        failover_seconds: How many seconds a failover takes, nothing being accepted meanwhile.
        engine: The instances' server, as for `EmbeddedServer`. fakeredis has no users, replicas and clusters, so of
            Memorystore for Valkey it does single nodes without authentication.
        common_name_only: Whether server certificates name their address as the common name alone, as some of Google's.
        token_seconds: How many seconds an access token is good for.

    Raises:
        EmbeddedServerError: There is no server here.
        ValueError: No engine has that name.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        operation_seconds: float = 2.0,
        failover_seconds: float = 2.0,
        engine: Engine | None = None,
        common_name_only: bool = False,
        token_seconds: float = DEFAULT_SECONDS,
    ) -> None:
        # A server that is not there is missed now, and not when an instance is created.
        engine = EmbeddedServer(engine).engine
        self._settings = Settings(operation_seconds, failover_seconds, engine, common_name_only)
        self._token_seconds = token_seconds
        self._port = port
        self.host = ""
        """Where the API is, as HOST:PORT: the value for ``MEMORYSTORE_EMULATOR_HOST``. Blank when stopped."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._service: Service | None = None

    def start(self) -> Self:
        """Start serving. Starting a running emulator does nothing.

        Returns:
            The emulator itself.

        Raises:
            OSError: The port is taken.
        """
        if self._thread is not None:
            return self
        started: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="memorystore-emulator", daemon=True)
        self._thread.start()
        atexit.register(self.stop)
        try:
            self.host = f"127.0.0.1:{started.result()}"
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop serving and end every instance. Returns when all is gone; stopping twice does no harm."""
        atexit.unregister(self.stop)
        thread, self._thread, self.host = self._thread, None, ""
        if thread is None:
            return
        if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join()
        self._loop = self._stopping = self._service = None

    def _run(self, started: "concurrent.futures.Future[int]") -> None:
        # The one kind of loop that watches sockets of ours on every system.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: "concurrent.futures.Future[int]") -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        service = self._service = Service(self._settings, token_seconds=self._token_seconds)
        # By default two servers may share a port, and gRPC's own complaint goes to stderr.
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        try:
            bound_socket(("127.0.0.1", self._port)).close()
            server.add_generic_rpc_handlers(service.handlers())
            port = server.add_insecure_port(f"127.0.0.1:{self._port}")
            await server.start()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(port)
        try:
            await self._stopping.wait()
        finally:
            await server.stop(None)
            await service.close()

    def tunnel(self, name: str) -> str:
        """Open a tunnel to an instance, as SSH would: at an address that the instance's certificate does not name.

        Args:
            name: The instance's full name.

        Returns:
            The tunnel's local end, as HOST:PORT.

        Raises:
            ValueError: The instance is still being created.
        """
        return str(self._call(lambda service: service.instance(name).open_tunnel()))

    def rotate_server_certificate(self, name: str) -> None:
        """Give an instance a new server certificate, of its newest authority, and drop its connections.

        Google does this every 180 days (https://cloud.google.com/memorystore/docs/redis/about-in-transit-encryption).

        Args:
            name: The instance's full name.

        Raises:
            ValueError: The instance has no in-transit encryption, or is still being created.
        """
        self._call(lambda service: service.instance(name).rotate_server_certificate())

    def add_certificate_authority(self, name: str) -> None:
        """Add an authority to those an instance names; the server certificate follows at its next rotation.

        Google does this five years before an authority expires (source: as for `rotate_server_certificate`).

        Args:
            name: The instance's full name.

        Raises:
            ValueError: The instance has no in-transit encryption.
        """
        self._call(lambda service: service.instance(name).add_certificate_authority())

    def drop_connections(self, name: str) -> None:
        """End every client's connection to an instance, as maintenance does. They may come back at once.

        Args:
            name: The instance's full name.
        """
        self._call(lambda service: service.instance(name).drop_connections())

    def revoke_tokens(self) -> None:
        """Have every access token that was issued so far be refused from now on. Connections are not dropped.

        Google Cloud does this where access is revoked
        (https://cloud.google.com/iam/docs/create-short-lived-credentials-direct).
        """
        self._call(lambda service: service.revoke_tokens())

    def _call(self, action: Callable[[Service], Any]) -> Any:
        loop, service = self._loop, self._service
        if loop is None or service is None:
            raise RuntimeError("The emulator is not running.")

        async def run() -> Any:
            result: Any | Awaitable[Any] = action(service)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(run(), loop).result()

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
        return f"<Emulator {self.host or 'stopped'}>"
