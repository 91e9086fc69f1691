"""The asyncio twin of a redis-py client, one for each event loop that asks.

A twin reaches the same server in the same way, or there is none: what can't be carried over is refused before
anything is sent. A class of redis-py has the asyncio class of the same name beside it; any other one names its own in
an attribute of itself, `asynchronous`.
"""

import asyncio
import functools
import inspect
import sys
import weakref
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import redis
import redis.asyncio.sentinel as asyncio_sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.cluster import LoadBalancingStrategy
from redis.maint_notifications import MaintNotificationsConfig

from helpers._connecting.clients import Client, without_blocking
from helpers.errors import NoAsyncClientError

AsyncClient = redis.asyncio.Redis | redis.asyncio.RedisCluster

MAX_CONNECTIONS = 64
"""Connections that one event loop opens to one server; further tasks wait for a free one."""
_WAIT_SECONDS = 30

_TWINS = "_helpers_redis_twins"
"""The attribute of an event loop that holds its twins. Connections hold their loop, so that nothing that outlives the
loop may hold them: a loop that nobody closes takes them along."""


# Options that hold what belongs to one client, which makes its own. The retries are those of the connection.
_OF_ONE_CLIENT = ("connection_pool", "event_dispatcher", "himport_registry", "maint", "orig_", "oss_", "retry")
# What must be the same, however it came about.
_ALIKE = "host port path db username password protocol client_name cert_reqs check_hostname ca_certs ca_data".split()


class _SentinelPool(asyncio_sentinel.SentinelConnectionPool, redis.asyncio.BlockingConnectionPool):
    """Connections to what a Sentinel names, for which tasks wait."""


class _Twin(NamedTuple):
    client: AsyncClient
    keeper: AsyncGenerator[None, None]


async def async_twin(client: Client) -> AsyncClient:
    """The asyncio client that reaches the same server, with the same credentials, as `client`.

    A connection belongs to the event loop that opened it. Each loop therefore gets a client of its
    own, which closes when the loop shuts down (`asyncio.run` and Jupyter both let asynchronous
    generators finish first, which is where the closing hangs).

    Raises:
        NoAsyncClientError: There is none that is sure to.
    """
    loop = asyncio.get_running_loop()
    twins = vars(loop).get(_TWINS) or vars(loop).setdefault(_TWINS, weakref.WeakKeyDictionary())
    twin: _Twin | None = twins.get(client)
    if twin is None or twin.keeper.ag_frame is None:  # type: ignore[attr-defined]  # its generator has ended
        made = _made(client)
        twin = twins[client] = _Twin(made, _closed_with_loop(made))
        first, last = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(first, functools.partial(_close_later, loop))
        await anext(twin.keeper)
        sys.set_asyncgen_hooks(first, last)
    return twin.client


def _close_later(loop: asyncio.AbstractEventLoop, keeper: AsyncGenerator[None, None]) -> None:
    """Close the twin of a client that is gone. Unlike asyncio's own way it says nothing where the loop is gone too."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: loop.create_task(keeper.aclose()))


async def _closed_with_loop(client: AsyncClient) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await client.aclose()
        if isinstance(client, redis.asyncio.RedisCluster):
            # redis-py passes its nodes over where a fault has left it wanting a new look at the cluster.
            await client.nodes_manager.aclose("nodes_cache")
            await client.nodes_manager.aclose("startup_nodes")
        elif manager := getattr(client.connection_pool, "sentinel_manager", None):
            await manager.aclose()


def _made(client: Any) -> Any:
    kind = _client_class(client)
    if isinstance(client, redis.RedisCluster):
        return _cluster(client, kind)
    return kind.from_pool(_pool(client.connection_pool))


def _counterpart(kind: type) -> Any:
    found = vars(kind).get("asynchronous")
    if kind.__module__.startswith("redis."):
        found = getattr(sys.modules.get(kind.__module__.replace("redis.", "redis.asyncio.", 1)), kind.__name__, None)
    if found is None:
        raise NoAsyncClientError(f"{kind.__module__}.{kind.__qualname__} names no asyncio class in its place")
    return found


def _client_class(client: Any) -> Any:
    """The asyncio class of a client that carries commands out as redis-py's own does."""
    base = redis.RedisCluster if isinstance(client, redis.RedisCluster) else redis.Redis
    changed = dict(vars(client))
    for kind in type(client).__mro__:
        if kind is base or "asynchronous" in vars(kind):
            break
        changed |= vars(kind)
    for name in changed:
        if not name.startswith("__") and inspect.isfunction(getattr(base, name, None)):
            raise NoAsyncClientError(f"its {name} is not redis-py's")
    return _counterpart(kind)


def _pool(pool: Any) -> Any:
    kind, (original, options) = _counterpart(type(pool)), _carried_over(pool)
    kind = _SentinelPool if kind is asyncio_sentinel.SentinelConnectionPool else redis.asyncio.BlockingConnectionPool
    options |= {"max_connections": MAX_CONNECTIONS, "timeout": _WAIT_SECONDS}
    if kind is _SentinelPool:
        asked: Any = pool.sentinel_manager
        manager = _counterpart(type(asked))([], asked.min_other_sentinels, force_master_ip=asked._force_master_ip)
        manager.sentinels = [_made(one) for one in asked.sentinels]
        options |= {"service_name": pool.service_name, "sentinel_manager": manager}
        options |= {"is_master": pool.is_master, "check_connection": pool.check_connection}
    made = kind(**options)
    _compare(original, made.make_connection())
    return made


def _cluster(client: Any, kind: Any) -> Any:
    if client.user_on_connect_func:
        raise NoAsyncClientError("its redis_connect_func= can't be carried over")
    manager = client.nodes_manager
    node = next(node for node in list(manager.nodes_cache.values()) if node.redis_connection)
    original, options = _carried_over(node.redis_connection.connection_pool, client.on_connect)
    options = {name: value for name, value in options.items() if name not in {"host", "port", "retry"}}
    twin = kind(
        startup_nodes=[ClusterNode(node.host, node.port) for node in manager.startup_nodes.values()],
        retry=_retry(client.retry),
        require_full_coverage=manager._require_full_coverage,
        dynamic_startup_nodes=manager._dynamic_startup_nodes,
        address_remap=manager.address_remap,
        reinitialize_steps=client.reinitialize_steps,
        load_balancing_strategy=client.load_balancing_strategy
        or (LoadBalancingStrategy.ROUND_ROBIN if client.read_from_replicas else None),
        **{name: value for name, value in options.items() if name in _parameters(kind)},
    )
    # Its connections take more options than its constructor does, which hands this dictionary to every node.
    del options["maint_notifications_config"]
    twin.connection_kwargs.update(options)
    nodes = [ClusterNode(node.host, node.port, **twin.connection_kwargs) for node in manager.startup_nodes.values()]
    twin.nodes_manager.startup_nodes = {node.name: node for node in nodes}
    _compare(original, ClusterNode(node.host, node.port, **twin.connection_kwargs).acquire_connection())
    return twin


def _carried_over(pool: Any, *of_the_client: Any) -> tuple[Any, dict[str, Any]]:
    """A connection of a pool, not opened, and what an asyncio pool needs for its own."""
    kind = _counterpart(pool.connection_class)
    original = pool.connection_class(**pool.connection_kwargs)
    options = {
        "connection_class": kind,
        "retry": _retry(original.retry),
        "maint_notifications_config": pool.connection_kwargs.get(
            "maint_notifications_config", MaintNotificationsConfig(enabled=False)
        ),
    }
    before, after = _parameters(pool.connection_class), _parameters(kind)
    if "host" in after:  # a host that is not named counts for less there
        options["host"] = original.host
    for name, value in pool.connection_kwargs.items():
        if name.startswith(_OF_ONE_CLIENT) or value in of_the_client:
            continue
        if name in after and not callable(value):  # code that was written for one side is no use on the other
            options[name] = without_blocking(value) if value and name == "credential_provider" else value
        elif value is not None and (name not in before or value != before[name].default):
            raise NoAsyncClientError(f"its {name}= can't be carried over")
    return original, options


@functools.cache
def _parameters(kind: type) -> dict[str, inspect.Parameter]:
    """What a class's constructor takes, and those that it passes the rest on to."""
    made_by = [vars(base)["__init__"] for base in reversed(kind.__mro__) if "__init__" in vars(base)]
    return {name: one for each in made_by for name, one in inspect.signature(each).parameters.items()}


def _retry(retry: Any) -> Any:
    named = vars(type(retry)).get("asynchronous")
    return named() if named else Retry(retry._backoff, retry._retries, retry._supported_errors)


def _compare(original: Any, twin: Any) -> None:
    """Make sure that nothing went wrong above: both connections go to the same place, by the same way."""
    differing = [name for name in _ALIKE if getattr(original, name, None) != getattr(twin, name, None)]
    if isinstance(original, redis.SSLConnection) != isinstance(twin, redis.asyncio.SSLConnection):
        differing.append("TLS")
    if bool(original.credential_provider) != bool(twin.credential_provider):
        differing.append("credential_provider")
    if differing:
        raise NoAsyncClientError(f"its connections would differ in {', '.join(differing)}")
