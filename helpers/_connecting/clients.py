"""What all clients of redis-py that are made here have in common."""

from collections.abc import Callable
from typing import Any, NamedTuple

import redis

Client = redis.Redis | redis.RedisCluster

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
    """

    make: Callable[[], Client]
    where: str


def read_session_tickets(connection: Any) -> None:
    """Ask something over a new TLS connection that nothing was read from yet.

    A server sends TLS 1.3 session tickets after the handshake. redis-py finds them on a connection that it
    wants to use, takes them for a reply that nobody read, and after a second such find gives up
    ("Connection not ready"). What is read at sign-in, or here, takes them along.
    """
    connection.send_command("PING", check_health=False)
    connection.read_response()
