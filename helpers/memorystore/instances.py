"""Instances of either service: which there are, and what a client of one's own needs to reach one."""

import warnings
from dataclasses import dataclass
from typing import Any, Self

import redis
import redis.asyncio
from google.cloud import memorystore_v1, redis_v1

from helpers._localization import formats
from helpers._localization.messages import say, words
from helpers.memorystore.access.services import connection_pool_options
from helpers.memorystore.access.valkey import endpoints
from helpers.memorystore.api.clients import CALL_SECONDS, client_of, enum_name, is_encrypted
from helpers.memorystore.api.errors import MemorystoreError, advised, reworded
from helpers.memorystore.api.finding import ask, find, reason_and_advice
from helpers.memorystore.api.names import TITLES, ResourceName, Service

STATES = {
    "ACTIVE": words("ACTIVE"),
    "CREATING": words("CREATING"),
    "DELETING": words("DELETING"),
    "FAILING_OVER": words("FAILING_OVER"),
    "IMPORTING": words("IMPORTING"),
    "MAINTENANCE": words("MAINTENANCE"),
    "READY": words("READY"),
    "REPAIRING": words("REPAIRING"),
    "UPDATING": words("UPDATING"),
}
"""The states of both services as a table shows them: as the API writes them, which a translation explains."""


class UnreachableRegionsWarning(UserWarning):
    """Some regions did not answer, so a list of instances is incomplete."""


class ServiceNotAskedWarning(UserWarning):
    """One of the services could not be asked, so a list is without its instances."""


@dataclass(frozen=True)
class Instance:
    """An instance as the API describes it.

    Attributes:
        name: The full name, which `connect` takes.
        state: ``READY`` (or ``ACTIVE`` in Memorystore for Valkey), ``CREATING`` and so on; the number of one that the
            client library does not know.
        tier: ``BASIC`` (one node) or ``STANDARD_HA`` (with a replica and failover); in Memorystore for Valkey the type
            of the nodes, such as ``SHARED_CORE_NANO``.
        memory_gb: The size in GiB, all shards together.
        redis_version: The engine's version, such as ``REDIS_7_2`` or ``VALKEY_9_0``.
        host: The address inside the instance's network, in Memorystore for Valkey the primary's or the one where a
            cluster is discovered; empty until it is ready.
        port: 6379, or 6378 with TLS in Memorystore for Redis.
        auth: Whether one has to sign in: with the AUTH string, or in Memorystore for Valkey with a token.
        tls: Whether connections are encrypted.
        network: The full name of the network that it can be reached from.
        service: ``redis`` (Memorystore for Redis) or ``valkey`` (Memorystore for Valkey).
        mode: ``CLUSTER`` or ``CLUSTER_DISABLED`` in Memorystore for Valkey, else empty.
    """

    name: str
    state: str
    tier: str
    memory_gb: float
    redis_version: str
    host: str
    port: int
    auth: bool
    tls: bool
    network: str
    service: Service = "redis"
    mode: str = ""

    @property
    def full_name(self) -> str:
        """The name with its service's host before it: no instance of the other service has the same."""
        return ResourceName.parse(self.name).of(self.service).full

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
        return self.state in ("READY", "ACTIVE")

    @classmethod
    def from_api(cls, described: redis_v1.Instance | memorystore_v1.Instance) -> Self:
        """Take over what the API says.

        Args:
            described: The message of Google's client library of either service.

        Returns:
            The same in the terms of this class.
        """
        if isinstance(described, memorystore_v1.Instance):
            return cls._of_valkey(described)
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

    @classmethod
    def _of_valkey(cls, described: memorystore_v1.Instance) -> Self:
        mode = enum_name(described, "mode").replace("STANDALONE", "CLUSTER_DISABLED")  # its deprecated spelling
        host, port, network = _way_in(described)
        return cls(
            name=described.name,
            state=enum_name(described, "state"),
            tier=enum_name(described, "node_type"),
            memory_gb=round(described.node_config.size_gb * described.shard_count, 2),
            redis_version=described.engine_version,
            host=host,
            port=port,
            auth=enum_name(described, "authorization_mode") not in ("AUTH_DISABLED", "AUTHORIZATION_MODE_UNSPECIFIED"),
            tls=is_encrypted(described),
            network=network,
            service="valkey",
            mode=mode,
        )


class Instances(list[Instance]):
    """A list of instances that shows itself as a table.

    Args:
        instances: The instances, in the order of the list.
        unreachable: The regions that did not answer, whose instances are missing; kept as an attribute.
        not_asked: The services that could not be asked, whose instances are missing; kept as an attribute.
    """

    def __init__(
        self,
        instances: list[Instance],
        unreachable: tuple[str, ...] = (),
        not_asked: tuple[Service, ...] = (),
    ) -> None:
        super().__init__(instances)
        self.unreachable = unreachable
        self.not_asked = not_asked

    @property
    def missing(self) -> str:
        """What the list lacks, in words; empty where it is complete."""
        lines = []
        if self.unreachable:
            lines.append(say("Not reached: {regions}.", regions=formats.listing(self.unreachable)))
        if self.not_asked:
            lines.append(say("Not asked: {services}.", services=formats.listing(TITLES[one] for one in self.not_asked)))
        return "\n".join(lines)

    def __str__(self) -> str:
        heads = (say("Instance"), say("Service"), say("Region"), say("Tier"), say("Size"), say("Version"))
        rows: list[tuple[str, ...]] = [(*heads, "AUTH", "TLS", say("State"))]
        for one in self:
            marks = [say("on") if each else say("off") for each in (one.auth, one.tls)]
            size, state = formats.gigabytes(one.memory_gb), say(STATES.get(one.state, one.state))
            rows.append((one.id, one.service, one.region, one.tier, size, one.redis_version, *marks, state))
        text = "\n".join(formats.aligned(rows)) if self else say("No instances.")
        return f"{text}\n{self.missing}" if self.missing else text

    __repr__ = __str__


def list_instances(project: str, region: str = "-", *, service: Service | None = None) -> Instances:
    """The project's instances of both services, in one region or in all.

    Args:
        project: The project's ID.
        region: A region such as ``us-central1``; ``-`` means all.
        service: ``redis`` (Memorystore for Redis) or ``valkey`` (Memorystore for Valkey); ``None`` asks both at once.

    Returns:
        A list that shows itself as a table. Regions that did not answer are in its `unreachable`, a service that could
        not be asked (its API is disabled or forbidden, say) in its `not_asked`, and both are warned of.

    Raises:
        ValueError: There is no such service.
        MemorystoreError: No service could be asked within 10 seconds; its kinds tell why.
        SignInError: There are no credentials.
    """
    if service not in (None, *TITLES):
        raise ValueError(f"service must be {' or '.join(TITLES)}, not {service!r}.")
    doing = f"list the instances of {project}"

    def listed(one: Service) -> tuple[list[Instance], list[str]]:
        with advised(doing):
            parent = f"projects/{project}/locations/{region}"
            # Google's library would repeat for a minute what it calls for Valkey and can't reach.
            pager = client_of(one, project).list_instances(parent=parent, timeout=CALL_SECONDS, retry=None)
            # A region that can't be reached gets an entry of the name "-".
            found = [Instance.from_api(each) for each in pager if not each.name.endswith("/instances/-")]
            # The last page's list is the whole one.
            return found, [place.rpartition("/")[2] for place in pager.unreachable]

    answers, failed = ask([service] if service else TITLES, listed)
    if not answers:
        raise _none_asked(doing, failed) from next(iter(failed.values()))
    for one, error in failed.items():
        reason, advice = reason_and_advice(error)
        warnings.warn(
            say("The list does not include {service}: {reason}.", service=TITLES[one], reason=reason) + f"\n{advice}",
            ServiceNotAskedWarning,
            stacklevel=2,
        )
    instances = [each for found, _ in answers.values() for each in found]
    unreachable = tuple(dict.fromkeys(place for _, places in answers.values() for place in places))
    if unreachable:
        warnings.warn(
            say(
                "The list is incomplete: {regions} could not be reached. Try again later.",
                regions=formats.listing(unreachable),
            ),
            UnreachableRegionsWarning,
            stacklevel=2,
        )
    return Instances(sorted(instances, key=lambda each: (each.name, each.service)), unreachable, tuple(failed))


def get_instance(name: str) -> Instance:
    """Look one instance up.

    Args:
        name: Its full name. Where it does not say the service, both are asked.

    Returns:
        The instance as it is now.

    Raises:
        InstanceNotFoundError: There is none of that name.
        AmbiguousNameError: Both services have one, and the name does not say which is meant.
        MemorystoreError: The API refuses for another reason, or can't be reached within 10 seconds.
        SignInError: There are no credentials.
    """
    return Instance.from_api(find(ResourceName.of_instance(name)).described)


def _way_in(described: memorystore_v1.Instance) -> tuple[str, int, str]:
    """Where clients of Memorystore for Valkey go first: address, port and network."""
    message, kinds = memorystore_v1.Instance.pb(described), memorystore_v1.ConnectionType
    for kind in (kinds.CONNECTION_TYPE_DISCOVERY, kinds.CONNECTION_TYPE_PRIMARY):
        if found := endpoints(message, kind):
            return found[0]
    wanted = [detail.psc_auto_connection for endpoint in message.endpoints for detail in endpoint.connections]
    return "", 0, next((one.network for one in wanted), "")


def _none_asked(doing: str, failed: dict[Service, MemorystoreError]) -> MemorystoreError:
    """What each service answered, as the error of the first one."""
    parts = {service: reason_and_advice(error) for service, error in failed.items()}
    reasons = dict.fromkeys(reason for reason, _ in parts.values())
    if len(reasons) > 1:
        reasons = dict.fromkeys(f"{TITLES[service]}: {reason}" for service, (reason, _) in parts.items())
    advice = dict.fromkeys(advice for _, advice in parts.values())
    return reworded(next(iter(failed.values())), f"Could not {doing}: {'; '.join(reasons)}.\n" + "\n".join(advice))


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
