"""Connections to Memorystore: verified, signed in, and renewed where what is known has become out of date.

One class serves redis-py's ordinary clients and one its asyncio clients, for instances and for the nodes of clusters.
What differs is the `Access`. It comes as source of credentials, the one object that redis-py hands on to all of its
connections.
"""

import asyncio
import functools
import os
import ssl
import threading
import time
from typing import Any, ClassVar

import redis
import redis.asyncio
from redis.credentials import CredentialProvider

from helpers._connecting.clients import read_session_tickets
from helpers._connecting.failover import FailoverRetry
from helpers._localization.messages import say
from helpers.errors import (
    AuthenticationFailedError,
    BlockedCommandError,
    ConnectionFailedError,
    HelpersError,
    InstanceGoneError,
)
from helpers.memorystore.access.pinned_tls import pinned_context
from helpers.memorystore.api.errors import InstanceNotFoundError, MemorystoreError
from helpers.memorystore.api.names import ResourceName

LOOK_AGAIN_SECONDS = 5.0
"""How soon a resource is looked up again: a failover, or each of a cluster's nodes that refuses, needs no more."""

_pinned = functools.lru_cache(maxsize=256)(pinned_context)


class CredentialsUnavailableError(MemorystoreError, AuthenticationFailedError):
    """The credentials were refused, and the API does not give the ones that count now."""


class Access(CredentialProvider):
    """How to reach one resource."""

    gone = False
    """Whether it is there no more, or is something else now, so that `connect` starts over."""
    found: Any
    """What the API said of it, and so what a connection that is made now goes by. It is replaced as a whole."""
    signs_in_by: ClassVar[str] = "AUTH string"
    """What the API gives to sign in with, as errors call it."""
    tunnel: tuple[str, int] | None = None
    """The local end of a tunnel to the one server that it has, host and port."""

    def __init__(self, resource: ResourceName) -> None:
        self.resource = resource
        self._locks: dict[int, threading.Lock] = {}
        self._looked_up, self._in_vain = time.monotonic(), -LOOK_AGAIN_SECONDS

    @property
    def lock(self) -> threading.Lock:
        """One a process: a forked child finds it open, whoever holds it in its parent."""
        return self._locks.setdefault(os.getpid(), threading.Lock())

    def look_up(self) -> Any:
        """Ask the API again."""
        raise NotImplementedError

    def way(self, used: Any, host: str, port: int) -> tuple[str, int, str]:
        """Host and port that a socket goes to, and what the certificate there must name."""
        return host, port, host

    def way_to_one(self, used: Any) -> tuple[str, int, str]:
        """The `way` to what is one server, or to the tunnel's end; what is verified is the server."""
        return (*(self.tunnel or (used.host, used.port)), used.host)

    @property
    def place_of_one(self) -> str:
        """Where what is one server is, and through which tunnel, as errors name it."""
        through = f" through {self.tunnel[0]}:{self.tunnel[1]}" if self.tunnel else ""
        return f"({self.found.host}:{self.found.port}{through})"

    def is_another(self, used: Any, found: Any) -> bool:
        """Whether what was `found` is of a kind that a client made for what was `used` can't talk to."""
        return False

    def advise(self, error: redis.RedisError, server: str) -> None:
        """Raise the error that says what to do about a connection that failed, where there is more to say."""
        raise NotImplementedError

    def renew(self, used: Any, after: redis.RedisError) -> bool:
        """Ask the API again after a connection could not be made by the knowledge that it `used`.

        Returns:
            Whether something has changed, so that another attempt is worth it.

        Raises:
            CredentialsUnavailableError: The credentials were refused, and the API does not give those that count now.
            InstanceGoneError: It was deleted, or is a cluster now, or is none any more.
        """
        if not isinstance(after, (redis.ConnectionError, redis.TimeoutError)):
            return False
        signed_in = not isinstance(after, redis.AuthenticationError)
        with self.lock:
            if self.found is not used:
                return True  # another connection has seen to it
            last = self._in_vain if certificate_refused(after) else self._looked_up
            if signed_in and time.monotonic() - last < LOOK_AGAIN_SECONDS:
                return False
            try:
                found = self.look_up()
            except InstanceNotFoundError as error:
                self.gone = True
                raise InstanceGoneError(str(self.resource), "was deleted") from error
            except HelpersError as error:
                if not signed_in:
                    raise CredentialsUnavailableError(f"The {self.signs_in_by} is refused. {error}") from error  # type: ignore[no-untyped-call]
                found = used  # what is reported is why the connection could not be made
            self._looked_up = time.monotonic()
            if self.is_another(used, found):
                self.gone = True
                raise InstanceGoneError(str(self.resource), "was recreated in another mode")
            # Without encryption from now on? A server that shows a wrong certificate has no say in that.
            if found == used or (used.certificates and not found.certificates):
                self._in_vain = self._looked_up
                return False
            self.found = found
            return True

    def reword(self, error: redis.RedisError, used: Any) -> None:
        """Raise what a refused command means at Memorystore, where it means more than it says."""
        if isinstance(error, redis.ResponseError) and "unknown command" in str(error):
            raise BlockedCommandError(str(error)) from error
        if "uthentication required" in str(error) and self.renew(used, error):
            # Nothing was carried out: have redis-py make another connection.
            raise redis.ConnectionError("AUTH was switched on since this connection was made") from error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.resource}>"


def certificate_refused(error: BaseException) -> bool:
    """Whether a server could not prove who it is."""
    # redis-py raises its own error while it handles the one of `ssl`.
    return isinstance(error.__context__, ssl.SSLCertVerificationError)


def authorities(name: str, certificates: Any) -> tuple[str, ...]:
    """The certificate authorities of a resource that encrypts, and that errors call by its name.

    Raises:
        ConnectionFailedError: There is none, so nothing could be verified.
    """
    if found := tuple(certificate for certificate in certificates if certificate.strip()):
        return found
    raise ConnectionFailedError(
        f"{name} is encrypted, and the API names no certificate authority to verify it by.\n"
        + say("Wait a minute and connect again; the console shows its certificate authorities.")
    )


def tunnel_end(tunnel: str) -> tuple[str, int]:
    """Host and port of a tunnel's local end, ``HOST:PORT``.

    Raises:
        ValueError: It is not of that form.
    """
    host, _, port = tunnel.strip().rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(
            f"{tunnel!r} is not the end of a tunnel.\n"
            + say("Its form is {form}, for example {example}.", form="HOST:PORT", example="127.0.0.1:6378")
        )
    return host.strip("[]"), int(port)


class _Connection:
    """What both kinds of connections have in common."""

    def __init__(self, *, credential_provider: Access, host: str = "", port: int = 0, **options: Any) -> None:
        self._access, self.host, self.port = credential_provider, host, port
        self._aim()
        super().__init__(host=self.host, port=self.port, credential_provider=credential_provider, **options)  # type: ignore[call-arg]

    def _aim(self) -> None:
        """Go by what is known now."""
        self._used = self._access.found
        self.host, self.port, self._name = self._access.way(self._used, self.host, self.port)
        self._context = _pinned(self._used.certificates, self._name) if self._used.certificates else None


class AsyncMemorystoreConnection(_Connection, redis.asyncio.Connection):
    """`MemorystoreConnection` for redis-py's asyncio client."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"retry": FailoverRetry.asynchronous()} | options)

    async def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect and sign in, with a second attempt where what is known has changed."""
        try:
            try:
                await super().connect_check_health(*args, **options)
            except redis.RedisError as error:
                if not await asyncio.to_thread(self._access.renew, self._used, error):
                    raise
                await super().connect_check_health(*args, **options)
        except redis.RedisError as error:
            self._access.advise(error, f"{self.host}:{self.port}")
            raise

    async def _connect(self) -> None:
        self._aim()
        await super()._connect()  # type: ignore[no-untyped-call]

    def _connection_arguments(self) -> dict[str, Any]:
        tls = {"ssl": self._context, "server_hostname": self._name} if self._context else {}
        return dict(super()._connection_arguments()) | tls

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a reply; an error that Memorystore is the reason for says so."""
        try:
            return await super().read_response(*args, **options)
        except (redis.ResponseError, redis.AuthenticationError) as error:
            await asyncio.to_thread(self._access.reword, error, self._used)
            raise


class MemorystoreConnection(_Connection, redis.Connection):
    """A connection to one server, verified and signed in; its `credential_provider` is the `Access` to it."""

    asynchronous: ClassVar[type] = AsyncMemorystoreConnection

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"retry": FailoverRetry()} | options)

    def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect and sign in, with a second attempt where what is known has changed."""
        try:
            try:
                super().connect_check_health(*args, **options)
            except redis.RedisError as error:
                if not self._access.renew(self._used, error):
                    raise
                super().connect_check_health(*args, **options)
        except redis.RedisError as error:
            self._access.advise(error, f"{self.host}:{self.port}")
            raise

    def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        """Sign in."""
        super().on_connect_check_health(*args, **options)
        if self._context and not self._access.get_credentials():
            read_session_tickets(self)

    def _connect(self) -> Any:
        self._aim()
        plain = super()._connect()  # type: ignore[no-untyped-call]
        return self._context.wrap_socket(plain, server_hostname=self._name) if self._context else plain

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a reply; an error that Memorystore is the reason for says so."""
        try:
            return super().read_response(*args, **options)
        except (redis.ResponseError, redis.AuthenticationError) as error:
            self._access.reword(error, self._used)
            raise
