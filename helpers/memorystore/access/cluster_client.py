"""What all of Google's clusters are reached with: one client, for Redis Cluster and for Valkey in cluster mode.

A cluster has one address to begin with, its discovery endpoint, where a client learns the addresses of the
nodes. All of them show certificates that the cluster's authorities signed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn

import redis
import redis.asyncio
from redis.exceptions import RedisClusterException

from helpers._connecting.clients import DEFAULTS
from helpers._localization.messages import say, words
from helpers.errors import ConnectionFailedError, ConnectionTimeoutError, HelpersError
from helpers.memorystore.access.connections import Access, MemorystoreConnection

UNREACHABLE = words(
    "A cluster's addresses are private, and no single tunnel reaches all of its nodes: run this inside its "
    "network, such as in an Agent Platform Workbench instance there."
)


# redis-py looks at the cluster anew, and tries again, after errors of exactly these classes: ours are subclasses.
_RETRIED = (*redis.RedisCluster.ERRORS_ALLOW_RETRY, ConnectionFailedError, ConnectionTimeoutError)


class AsyncClusterClient(redis.asyncio.RedisCluster):
    """`ClusterClient` for asyncio."""

    ERRORS_ALLOW_RETRY = _RETRIED  # type: ignore[assignment]

    async def initialize(self, *args: Any, **options: Any) -> redis.asyncio.RedisCluster:
        """As redis-py's."""
        with _reason():
            try:
                return await super().initialize(*args, **options)
            except RedisClusterException as error:
                if isinstance(error.__cause__, HelpersError):
                    raise
                # The connection to the discovery endpoint has broken while it was idle.
                return await super().initialize(*args, **options)


class ClusterClient(redis.RedisCluster):
    """redis-py's client, with errors that say what is wrong rather than that no node could be reached."""

    asynchronous: ClassVar[type] = AsyncClusterClient
    ERRORS_ALLOW_RETRY = _RETRIED  # type: ignore[assignment]

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's."""
        try:
            with _reason():
                return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (ConnectionFailedError, RedisClusterException):
            # No node answers, whatever was tried: the next `connect` asks again what there is.
            self.nodes_manager.connection_kwargs["credential_provider"].gone = True
            raise


@contextmanager
def _reason() -> Iterator[None]:
    """Raise the error that redis-py's summary of a search for nodes ends in, where it is one of ours."""
    try:
        yield
    except RedisClusterException as error:
        if isinstance(error.__cause__, HelpersError):
            raise error.__cause__ from error.__cause__.__cause__
        raise


def cluster_client(access: Access, options: dict[str, Any]) -> redis.RedisCluster:
    """A client of the cluster that `access` leads to; `options` are as for `redis.RedisCluster`."""
    settings: dict[str, Any] = DEFAULTS | {
        "connection_class": MemorystoreConnection,
        "credential_provider": access,
        # Nodes come and go; the discovery endpoint stays, so that is where each new look at the cluster begins.
        "dynamic_startup_nodes": False,
    }
    # Not rediss://, which would put redis-py's own TLS in the place of the connection class.
    host = f"[{access.found.host}]" if ":" in access.found.host else access.found.host
    return ClusterClient.from_url(f"redis://{host}:{access.found.port}", **settings | options)


def refuse_tunnel(name: str) -> NoReturn:
    """Say why a cluster can't be reached through a tunnel, and what works.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        f"{name} can't be reached through a tunnel: each of a cluster's nodes has an address of its own, "
        f"and a tunnel leads to one.\n{say(UNREACHABLE)}"
    )
