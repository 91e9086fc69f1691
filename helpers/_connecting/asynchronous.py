"""The asyncio twin of a redis-py client, one for each event loop that asks."""

import asyncio
import weakref
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import redis
import redis.asyncio
import redis.asyncio.cluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

AsyncClient = redis.asyncio.Redis | redis.asyncio.RedisCluster

MAX_CONNECTIONS = 64
"""Connections that one event loop opens to one server; further tasks wait for a free one."""
_WAIT_SECONDS = 30

# What describes the connection rather than the machinery around it. The sync client's retry, event
# and maintenance objects are of no use to an asyncio connection.
_SHARED = frozenset(
    "client_name credential_provider db driver_info encoding encoding_errors health_check_interval host "
    "password path port protocol socket_connect_timeout socket_keepalive socket_keepalive_options "
    "socket_timeout username".split()
)


class _Twin(NamedTuple):
    client: AsyncClient
    keeper: AsyncGenerator[None, None]


_twins: weakref.WeakKeyDictionary[Any, dict[asyncio.AbstractEventLoop, _Twin]] = weakref.WeakKeyDictionary()


async def async_twin(client: Any) -> AsyncClient:
    """The asyncio client that reaches the same server, with the same credentials, as `client`.

    A connection belongs to the event loop that opened it. Each loop therefore gets a client of its
    own, which closes when the loop shuts down (`asyncio.run` and Jupyter both let asynchronous
    generators finish first, which is where the closing hangs).
    """
    loops = _twins.setdefault(client, {})
    loop = asyncio.get_running_loop()
    if loop not in loops:
        for ended in [other for other in loops if other.is_closed()]:
            del loops[ended]
        asynchronous = _make(client)
        keeper = _close_with_loop(loops, loop, asynchronous)
        loops[loop] = _Twin(asynchronous, keeper)
        await anext(keeper)
    return loops[loop].client


async def _close_with_loop(
    loops: dict[asyncio.AbstractEventLoop, _Twin], loop: asyncio.AbstractEventLoop, client: AsyncClient
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        loops.pop(loop, None)
        await client.aclose()
        if isinstance(client, redis.asyncio.RedisCluster):
            # redis-py passes its nodes over where a fault has left it wanting a new look at the cluster.
            await client.nodes_manager.aclose("nodes_cache")
            await client.nodes_manager.aclose("startup_nodes")


def _make(client: Any) -> AsyncClient:
    if isinstance(client, redis.RedisCluster):
        return _cluster(client.nodes_manager)
    pool = client.connection_pool
    # A Memorystore instance's connections name the asyncio ones that verify and retry the way they do.
    named = getattr(pool.connection_class, "asynchronous", None)
    options = (
        named(pool.connection_kwargs)
        if named
        else {
            "connection_class": _connection_class(pool.connection_class),
            "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        }
    )
    return redis.asyncio.Redis.from_pool(
        redis.asyncio.BlockingConnectionPool(
            max_connections=MAX_CONNECTIONS,
            timeout=_WAIT_SECONDS,
            **_connection_options(pool.connection_kwargs) | options,
        )
    )


def _cluster(manager: Any) -> redis.asyncio.RedisCluster:
    options = _connection_options(manager.connection_kwargs)
    options = {name: value for name, value in options.items() if name not in {"host", "port", "path", "db"}}
    nodes = [redis.asyncio.cluster.ClusterNode(node.host, node.port) for node in manager.startup_nodes.values()]
    # A Memorystore cluster's connections name the kind of client that verifies servers the way they do.
    connection_class = manager.connection_kwargs.get("connection_class")
    kind: type[redis.asyncio.RedisCluster] = getattr(connection_class, "asynchronous", redis.asyncio.RedisCluster)
    return kind(startup_nodes=nodes, address_remap=manager.address_remap, **options)


def _connection_options(options: dict[str, Any]) -> dict[str, Any]:
    names = _SHARED | {name for name in options if name.startswith("ssl_")}
    return {
        name: value for name, value in options.items() if name in names and (value is not None or name == "driver_info")
    }


def _connection_class(kind: type) -> type[redis.asyncio.connection.AbstractConnection]:
    if issubclass(kind, redis.UnixDomainSocketConnection):
        return redis.asyncio.UnixDomainSocketConnection
    if issubclass(kind, redis.SSLConnection):
        return redis.asyncio.SSLConnection
    return redis.asyncio.Connection
