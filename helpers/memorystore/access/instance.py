"""Connections to one Memorystore instance: its address, password and authorities, fetched and renewed.

An instance is asked about when its first connection is made, and again when that knowledge turns out to be
out of date: a certificate that a newer authority signed, an AUTH string that was rotated, an address that no
longer answers. Each fault is answered by one new look, and then reported.
"""

import asyncio
import ssl
import threading
import time
from typing import Any, NamedTuple

import redis
import redis.asyncio
from redis.credentials import CredentialProvider

from helpers._connecting.clients import DEFAULTS, Connector, read_session_tickets
from helpers._connecting.failover import AsyncFailoverRetry, FailoverRetry
from helpers._credentials.secrets import Secret
from helpers._localization.messages import say, words
from helpers.errors import BlockedCommandError, ConnectionFailedError, InstanceNotReadyError, connection_error
from helpers.memorystore.access.pinned_tls import pinned_context
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_client, enum_name, is_encrypted
from helpers.memorystore.api.errors import MemorystoreError, advised
from helpers.memorystore.api.names import ResourceName

_LOOK_AGAIN_SECONDS = 5.0
"""How soon an instance that does not answer is looked up again: a failover needs no more than that."""


_ROTATED = words(
    "The AUTH string was rotated: it was fetched again, and refused again. If it was changed a moment ago, "
    "wait a minute and call again."
)


_BEFORE_RESP3 = ("REDIS_3", "REDIS_4", "REDIS_5")


class Lookup(NamedTuple):
    """What the API said of an instance."""

    host: str
    port: int
    auth: bool
    certificates: tuple[str, ...]
    redis_version: str


class Knowledge(NamedTuple):
    """What a connection went by."""

    lookup: Lookup
    auth_string: Secret | None


class InstanceAccess(CredentialProvider):
    """How to reach one instance; redis-py's source of credentials for it.

    Args:
        resource: The instance's name.
        tunnel: The local end of a tunnel to it, ``HOST:PORT``. What is verified stays the instance's address.

    Raises:
        ValueError: The tunnel's end is not of that form.
        InstanceNotReadyError: The instance is being created or deleted.
        MemorystoreError: The API refuses, or can't be reached.
    """

    def __init__(self, resource: ResourceName, tunnel: str | None = None) -> None:
        self.resource = resource
        self._tunnel = _host_and_port(tunnel) if tunnel else None
        self._lock = threading.Lock()
        self._auth_string: Secret | None = None
        self._looked_up = 0.0
        self._found, self._context = self._look_up()
        self.get_credentials()

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port that a socket goes to."""
        return self._tunnel or (self._found.host, self._found.port)

    @property
    def address(self) -> str:
        """The instance's address, which its certificate must name."""
        return self._found.host

    @property
    def context(self) -> ssl.SSLContext | None:
        """What TLS connections are verified with; ``None`` without TLS."""
        return self._context

    @property
    def redis_version(self) -> str:
        """The engine's version, such as ``REDIS_7_2``."""
        return self._found.redis_version

    @property
    def where(self) -> str:
        """The instance as errors name it."""
        through = f" through {self._tunnel[0]}:{self._tunnel[1]}" if self._tunnel else ""
        return f"{self.resource} ({self._found.host}:{self._found.port}{through})"

    @property
    def knowledge(self) -> Knowledge:
        """What a connection that is made now goes by."""
        return Knowledge(self._found, self._auth_string)

    def renew(self, used: Knowledge, after: BaseException) -> bool:
        """Look the instance up again after a connection could not be made.

        Args:
            used: The knowledge that the connection went by.
            after: Why it could not be made.

        Returns:
            Whether something has changed, so that another attempt is worth it.
        """
        certificate_refused = isinstance(after, ssl.SSLCertVerificationError)
        with self._lock:
            if self._found != used.lookup:
                return True  # another connection has seen to it
            if not certificate_refused and time.monotonic() - self._looked_up < _LOOK_AGAIN_SECONDS:
                return False
            try:
                self._found, self._context = self._look_up()
            except (MemorystoreError, redis.RedisError):
                return False  # what is reported is why the connection could not be made
            return self._found != used.lookup

    def renew_auth_string(self, used: Knowledge) -> bool:
        """Fetch the AUTH string again after one was refused.

        Args:
            used: The knowledge that the connection went by.

        Returns:
            Whether it is another one now.
        """
        with self._lock:
            if self._auth_string == used.auth_string:
                self._found, self._context = self._look_up()
                self._auth_string = self._fetch_auth_string()
            return self._auth_string != used.auth_string

    def get_credentials(self) -> Any:
        """What AUTH is sent with: the AUTH string, or nothing where AUTH is off."""
        with self._lock:
            if self._auth_string is None:
                self._auth_string = self._fetch_auth_string()
            return (self._auth_string,) if self._auth_string else ()

    async def get_credentials_async(self) -> Any:
        """Like `get_credentials`; the event loop goes on meanwhile."""
        if self._auth_string is None:
            return await asyncio.to_thread(self.get_credentials)
        return self.get_credentials()

    def _look_up(self) -> tuple[Lookup, ssl.SSLContext | None]:
        resource = self.resource
        with advised(f"look up {resource}"):
            found = cloud_redis_client(resource.project).get_instance(name=str(resource), timeout=CALL_SECONDS)
        self._looked_up = time.monotonic()
        state = enum_name(found, "state")
        if state in ("CREATING", "DELETING") or not found.host:
            raise InstanceNotReadyError(str(resource), state)
        lookup = Lookup(
            host=found.host,
            port=found.port or 6379,
            auth=found.auth_enabled,
            certificates=tuple(certificate.cert for certificate in found.server_ca_certs),
            redis_version=found.redis_version,
        )
        if is_encrypted(found):
            return lookup, pinned_context(lookup.certificates, lookup.host)
        return lookup, None

    def _fetch_auth_string(self) -> Secret:
        if not self._found.auth:
            return Secret()
        with advised(f"fetch the AUTH string of {self.resource}"):
            answer = cloud_redis_client(self.resource.project).get_instance_auth_string(
                name=str(self.resource), timeout=CALL_SECONDS
            )
        return Secret(answer.auth_string)

    def __repr__(self) -> str:
        return f"<InstanceAccess {self.where}>"


class InstanceConnection(redis.Connection):
    """A connection to one instance, verified and signed in.

    Args:
        access: The way to the instance.
        options: As for `redis.Connection`.
    """

    @staticmethod
    def asynchronous(options: dict[str, Any]) -> dict[str, Any]:
        """What the pool of the asyncio client for the same instance takes beside what this one took."""
        return {
            "connection_class": AsyncInstanceConnection,
            "access": options["access"],
            "retry": AsyncFailoverRetry(),
        }

    def __init__(self, *, access: InstanceAccess, **options: Any) -> None:
        host, port = access.endpoint
        super().__init__(host=host, port=port, credential_provider=access, **options)  # type: ignore[no-untyped-call]
        self._access = access
        self._used = access.knowledge

    def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect and sign in, with a second attempt where the AUTH string has changed."""
        try:
            try:
                super().connect_check_health(*args, **options)
            except redis.AuthenticationError:
                if not self._access.renew_auth_string(self._used):
                    raise
                super().connect_check_health(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise _advised_error(error, self._access) from error

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Sign in."""
        super().on_connect_check_health(check_health)
        if self._access.context is not None and not self._access.get_credentials():
            read_session_tickets(self)

    def _connect(self) -> Any:
        try:
            return self._open()
        except OSError as error:
            if not self._access.renew(self._used, error):
                raise
            return self._open()

    def _open(self) -> Any:
        self._used = self._access.knowledge
        self.host, self.port = self._access.endpoint
        plain = super()._connect()  # type: ignore[no-untyped-call]
        context = self._access.context
        if context is None:
            return plain
        try:
            return context.wrap_socket(plain, server_hostname=self._access.address)
        except BaseException:
            plain.close()
            raise

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a reply; an error that Memorystore is the reason for says so."""
        try:
            return super().read_response(*args, **options)
        except redis.ResponseError as error:
            if "unknown command" in str(error):
                raise BlockedCommandError(str(error)) from error
            raise
        except redis.AuthenticationError as error:
            _reconnect_if_auth_is_new(self._access, self._used, error)
            raise


class AsyncInstanceConnection(redis.asyncio.Connection):
    """`InstanceConnection` for redis-py's asyncio client."""

    def __init__(self, *, access: InstanceAccess, **options: Any) -> None:
        host, port = access.endpoint
        super().__init__(host=host, port=port, credential_provider=access, **options)
        self._access = access
        self._used = access.knowledge
        self._opened: asyncio.StreamWriter | None = None

    async def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect and sign in, with a second attempt where the AUTH string has changed."""
        try:
            try:
                await super().connect_check_health(*args, **options)
            except redis.AuthenticationError:
                if not await asyncio.to_thread(self._access.renew_auth_string, self._used):
                    raise
                await super().connect_check_health(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if self._opened:
                # redis-py takes its leave of a refused connection without waiting for the answer, which may
                # come when the loop has ended.
                self._opened.transport.abort()
            raise _advised_error(error, self._access) from error

    async def _connect(self) -> None:
        try:
            await self._open()
        except OSError as error:
            if not await asyncio.to_thread(self._access.renew, self._used, error):
                raise
            await self._open()

    async def _open(self) -> None:
        self._used = self._access.knowledge
        self.host, self.port = self._access.endpoint
        self._opened = None
        await super()._connect()  # type: ignore[no-untyped-call]
        self._opened = self._writer

    def _connection_arguments(self) -> dict[str, Any]:
        arguments = dict(super()._connection_arguments())
        if self._access.context is not None:
            arguments |= {"ssl": self._access.context, "server_hostname": self._access.address}
        return arguments

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a reply; an error that Memorystore is the reason for says so."""
        try:
            return await super().read_response(*args, **options)
        except redis.ResponseError as error:
            if "unknown command" in str(error):
                raise BlockedCommandError(str(error)) from error
            raise
        except redis.AuthenticationError as error:
            if "uthentication required" in str(error):
                await asyncio.to_thread(_reconnect_if_auth_is_new, self._access, self._used, error)
            raise


def _reconnect_if_auth_is_new(access: InstanceAccess, used: Knowledge, error: redis.AuthenticationError) -> None:
    """Where AUTH was switched on after a connection was made, have redis-py make another: nothing was carried out."""
    if "uthentication required" in str(error) and access.renew_auth_string(used):
        raise redis.ConnectionError("AUTH was switched on since this connection was made") from error


def _advised_error(error: redis.RedisError, access: InstanceAccess) -> ConnectionFailedError:
    advice = say(_ROTATED) if isinstance(error, redis.AuthenticationError) else None
    return connection_error(error, access.where, advice)


def connector(name: str, options: dict[str, Any]) -> Connector:
    """The way to the instance of a full name.

    Args:
        name: The instance's full name.
        options: As for `redis.Redis`, and ``tunnel``.

    Raises:
        ValueError: The name or the tunnel is malformed.
        InstanceNotReadyError, MemorystoreError, SignInError: As `InstanceAccess` does.
    """
    tunnel = options.pop("tunnel", None)
    pool_options = connection_pool_options(ResourceName.of_instance(name), tunnel, options)
    where = pool_options["access"].where
    return Connector(lambda: redis.Redis(connection_pool=redis.ConnectionPool(**pool_options)), where)


def connection_pool_options(
    resource: ResourceName, tunnel: str | None, options: dict[str, Any], *, asynchronous: bool = False
) -> dict[str, Any]:
    """Options of a redis-py connection pool whose connections reach the instance.

    Raises:
        InstanceNotReadyError, MemorystoreError, SignInError, ValueError: As `InstanceAccess` does. ValueError
            also for a protocol that the instance's version does not speak.
    """
    access = InstanceAccess(resource, tunnel)
    if options.get("protocol", 2) not in (2, "2") and access.redis_version.startswith(_BEFORE_RESP3):
        raise ValueError(
            f"{resource} is {access.redis_version}, which speaks RESP2 only.\n" + say("Leave protocol= out.")
        )
    # RESP2, the default here, is what every version speaks.
    return (
        DEFAULTS
        | {
            "connection_class": AsyncInstanceConnection if asynchronous else InstanceConnection,
            "access": access,
            "retry": AsyncFailoverRetry() if asynchronous else FailoverRetry(),
        }
        | options
    )


def _host_and_port(tunnel: str) -> tuple[str, int]:
    host, _, port = tunnel.strip().rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(
            f"{tunnel!r} is not the end of a tunnel.\n"
            + say("Its form is {form}, such as {example}.", form="HOST:PORT", example="127.0.0.1:6378")
        )
    return host.strip("[]"), int(port)
