"""Arguments that histories and checkpointers have in common, refused in words."""

import warnings
from functools import cache

import redis

from helpers._connecting.asynchronous import AsyncClient
from helpers._connecting.clients import Client
from helpers._localization.messages import say

_HIGHEST = 9 * 10**15
"""About as many seconds as Redis takes for an expiry, and as high as its scripts count."""


def given_client(client: Client) -> Client:
    """A client that is one of redis-py's."""
    if not isinstance(client, (redis.Redis, redis.RedisCluster)):
        raise ValueError(
            "client must be a client of redis-py, redis.Redis or redis.RedisCluster, "
            f"not {type(client).__module__}.{type(client).__qualname__}.\n"
            + say("Create it with helpers.connect(ADDRESS), for Valkey too; the async methods use it as well.")
        )
    return client


@cache
def warn_that_it_forgets() -> None:
    """Say, once, what a program without an address does not see."""
    text = "No address was given, so an embedded server keeps the chats, and it ends with this program."
    warnings.warn(f"{text}\n{say('Set REDIS_URL, or pass url=redis://HOST:PORT, to keep it.')}", stacklevel=3)


def given_async_client(client: AsyncClient | None) -> AsyncClient | None:
    """An asyncio client that is one of redis-py's, or none."""
    if client is not None and not isinstance(client, AsyncClient):
        raise ValueError(f"async_client must be an asyncio client of redis-py, not {type(client).__name__}.")
    return client


def positive(name: str, value: int | None, unit: str) -> int | None:
    """A bound that Redis can take, or none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _HIGHEST:
        raise ValueError(
            f"{name} must be a positive whole number of {unit} below {_HIGHEST:.0e} or None, not {value!r}."
        )
    return value
