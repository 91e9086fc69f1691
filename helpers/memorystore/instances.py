"""Instances of Memorystore for Redis: which there are, and what a client of one's own needs to reach one."""

import warnings
from dataclasses import dataclass
from typing import Any, Self

import redis
import redis.asyncio
from google.cloud import redis_v1

from helpers._localization.messages import say
from helpers.memorystore.access.services import connection_pool_options
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_client, enum_name, is_encrypted
from helpers.memorystore.api.errors import advised
from helpers.memorystore.api.names import ResourceName


class UnreachableRegionsWarning(UserWarning):
    """Some regions did not answer, so a list of instances is incomplete."""


@dataclass(frozen=True)
class Instance:
    """An instance as the API describes it.

    Attributes:
        name: The full name, which `connect` takes.
        state: ``READY``, ``CREATING`` and so on; the number of one that the client library does not know.
        tier: ``BASIC`` (one node) or ``STANDARD_HA`` (with a replica and failover).
        memory_gb: The size in GiB.
        redis_version: The engine's version, such as ``REDIS_7_2``.
        host: The address inside the instance's network; empty until it is ready.
        port: 6379, or 6378 with TLS.
        auth: Whether a password (the AUTH string) is needed.
        tls: Whether connections are encrypted.
        network: The full name of the network that it can be reached from.
    """

    name: str
    state: str
    tier: str
    memory_gb: int
    redis_version: str
    host: str
    port: int
    auth: bool
    tls: bool
    network: str

    @property
    def project(self) -> str:
        """The project's ID."""
        return ResourceName.parse(self.name).project

    @property
    def region(self) -> str:
        """The region, such as ``us-central1``."""
        return ResourceName.parse(self.name).region

    @property
    def id(self) -> str:
        """The instance's own ID, the last part of its name."""
        return ResourceName.parse(self.name).id

    @property
    def ready(self) -> bool:
        """Whether it can be used now."""
        return self.state == "READY"

    @classmethod
    def from_api(cls, described: redis_v1.Instance) -> Self:
        """Take over what the API says.

        Args:
            described: The message of Google's client library.

        Returns:
            The same in the terms of this class.
        """
        return cls(
            name=described.name,
            state=enum_name(described, "state"),
            tier=enum_name(described, "tier"),
            memory_gb=described.memory_size_gb,
            redis_version=described.redis_version,
            host=described.host,
            port=described.port,
            auth=described.auth_enabled,
            tls=is_encrypted(described),
            network=described.authorized_network,
        )


class Instances(list[Instance]):
    """A list of instances that shows itself as a table.

    Args:
        instances: The instances, in the order of the list.
        unreachable: The regions that did not answer, whose instances are missing; kept as an attribute.
    """

    def __init__(self, instances: list[Instance], unreachable: tuple[str, ...] = ()) -> None:
        super().__init__(instances)
        self.unreachable = unreachable

    def __str__(self) -> str:
        rows = [("INSTANCE", "REGION", "TIER", "SIZE", "VERSION", "AUTH", "TLS", "STATE")]
        for one in self:
            marks = ("yes" if one.auth else "no", "yes" if one.tls else "no")
            rows.append((one.id, one.region, one.tier, f"{one.memory_gb} GB", one.redis_version, *marks, one.state))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        text = "\n".join(lines) if self else say("No instances.")
        if self.unreachable:
            text += "\n" + say("Not reached: {regions}.", regions=", ".join(self.unreachable))
        return text

    __repr__ = __str__


def list_instances(project: str, region: str = "-") -> Instances:
    """The project's instances, in one region or in all.

    Args:
        project: The project's ID.
        region: A region such as ``us-central1``; ``-`` means all.

    Returns:
        A list that shows itself as a table; regions that did not answer are in its `unreachable`, and warned of.

    Raises:
        MemorystoreError: The API refuses, or can't be reached within 10 seconds; its kinds tell which.
        SignInError: There are no credentials.
    """
    client = cloud_redis_client(project)
    with advised(f"list the instances of {project}"):
        pager = client.list_instances(parent=f"projects/{project}/locations/{region}", timeout=CALL_SECONDS)
        # A region that can't be reached gets an entry of the name "-".
        found = [Instance.from_api(one) for one in pager if not one.name.endswith("/instances/-")]
        # The last page's list is the whole one.
        unreachable = tuple(place.rpartition("/")[2] for place in pager.unreachable)
    if unreachable:
        warnings.warn(
            say(
                "The list is incomplete: {regions} could not be reached. Try again later.",
                regions=", ".join(unreachable),
            ),
            UnreachableRegionsWarning,
            stacklevel=2,
        )
    return Instances(found, unreachable)


def get_instance(name: str) -> Instance:
    """Look one instance up.

    Args:
        name: Its full name.

    Returns:
        The instance as it is now.

    Raises:
        InstanceNotFoundError: There is none of that name.
        MemorystoreError: The API refuses for another reason, or can't be reached within 10 seconds.
        SignInError: There are no credentials.
    """
    resource = ResourceName.of_instance(name)
    with advised(f"look up {resource}"):
        described = cloud_redis_client(resource.project).get_instance(name=str(resource), timeout=CALL_SECONDS)
    return Instance.from_api(described)


def connection_options(
    name: str, *, tunnel: str | None = None, asynchronous: bool = False, **options: Any
) -> dict[str, Any]:
    """What a redis-py client of one's own needs to reach an instance as `connect` does.

    redis-py's own keyword arguments can neither trust the instance's authorities alone nor verify another name than
    the host's. redis-py leaves it to you to close a pool that you passed in: ``client.connection_pool.close()``, or
    ``await client.aclose(close_connection_pool=True)``.

    Args:
        name: The instance's full name.
        tunnel: The local end of a tunnel to it, ``HOST:PORT``; ``None`` goes to the instance's own address.
        asynchronous: Whether the client is redis-py's asyncio one.
        options: Options of redis-py's connections and their pool, such as ``decode_responses`` or ``max_connections``,
            and for Valkey those of `connect`: ``reader``, ``network``, ``username``.

    Returns:
        The one argument ``connection_pool``: ``redis.Redis(**connection_options(name))``, or with
        ``asynchronous=True`` ``redis.asyncio.Redis(…)``.

    Raises:
        ValueError: The tunnel is malformed, the instance's version does not speak the ``protocol``, or it is in cluster
            mode, where a client has a pool for each node: `connect` makes one.
        InstanceNotReadyError: The instance is being created or deleted.
        MemorystoreError: The API refuses, or can't be reached within 10 seconds.
        SignInError: There are no credentials.
    """
    made = connection_pool_options(name, options | ({"tunnel": tunnel} if tunnel else {}))
    if asynchronous:
        made["connection_class"] = made["connection_class"].asynchronous
        return {"connection_pool": redis.asyncio.ConnectionPool(**made)}
    return {"connection_pool": redis.ConnectionPool(**made)}
