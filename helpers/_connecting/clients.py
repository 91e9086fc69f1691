"""What all clients of redis-py that are made here have in common."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import redis
import redis.asyncio
from redis.asyncio.sentinel import SentinelManagedSSLConnection
from redis.credentials import CredentialProvider
from redis.sentinel import SentinelManagedConnection

Client = redis.Redis | redis.RedisCluster


def beginning_with(prefix: str) -> str:
    """The pattern of keys, for SCAN, that begin with a prefix, which stands for itself."""
    return re.sub(r"[*?\[\\]", r"\\\g<0>", prefix) + "*"


DEFAULTS: dict[str, Any] = {
    # RESP2 is what every server speaks, Memorystore's from 3.2 to 7.2 too, and nothing here needs RESP3.
    "protocol": 2,
    # No CLIENT SETINFO on every new connection: two requests that managed servers block anyway.
    "driver_info": None,
    "socket_connect_timeout": 3,
    "socket_timeout": 5,
}


class Connector(NamedTuple):
    """The way to the server behind an endpoint.

    Attributes:
        make: Makes the client.
        where: What errors call the server; no secret is in it.
        reader: Whether a read replica is what is wanted.
        advice: Tells what to do about a fault; ``None`` where its own words say enough.
    """

    make: Callable[[], Client]
    where: str
    reader: bool = False
    advice: Callable[[BaseException], str | None] = lambda fault: None


def read_session_tickets(connection: Any) -> None:
    """Ask something over a new TLS connection that nothing was read from yet.

    A server sends TLS 1.3 session tickets after the handshake. redis-py finds them on a connection that it
    wants to use, takes them for a reply that nobody read, and after a second such find gives up
    ("Connection not ready"). What is read at sign-in, or here, takes them along.
    """
    connection.send_command("PING", check_health=False)
    connection.read_response()


class TlsConnection(redis.SSLConnection):
    """redis-py's TLS connection, with the session tickets read."""

    asynchronous: ClassVar[type] = redis.asyncio.SSLConnection

    def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        """Sign in."""
        super().on_connect_check_health(*args, **options)
        if not (self.credential_provider or self.username or self.password):
            read_session_tickets(self)


class TlsSentinelConnection(SentinelManagedConnection, TlsConnection):
    """The same to the server that a Sentinel names."""

    asynchronous = SentinelManagedSSLConnection


class InThread(CredentialProvider):
    """A source of credentials that was written without asyncio in mind: it is asked in a thread there."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def get_credentials(self) -> Any:
        """The credentials."""
        return self._provider.get_credentials()

    async def get_credentials_async(self) -> Any:
        """The credentials; the event loop goes on meanwhile."""
        return await asyncio.to_thread(self._provider.get_credentials)


def without_blocking(provider: Any) -> Any:
    """The source of credentials as an event loop may ask it."""
    inherited = CredentialProvider.get_credentials_async
    return InThread(provider) if getattr(type(provider), "get_credentials_async", inherited) is inherited else provider
