"""What a new instance is to be like, in each service: the choices, their price, and the API's words for them."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

from google.cloud import memorystore_v1, redis_v1

from helpers._localization import formats
from helpers._localization.messages import say
from helpers.memorystore.api.names import TITLES, ResourceName, Service

Tier = Literal["BASIC", "STANDARD_HA"]
NodeType = Literal[
    "SHARED_CORE_NANO",
    "CUSTOM_PICO",
    "CUSTOM_MICRO",
    "CUSTOM_MINI",
    "STANDARD_SMALL",
    "HIGHCPU_MEDIUM",
    "HIGHMEM_MEDIUM",
    "STANDARD_LARGE",
    "HIGHMEM_XLARGE",
    "HIGHMEM_2XLARGE",
]
"""In the order of Google's list (https://docs.cloud.google.com/memorystore/docs/valkey/instance-node-specification)."""


@dataclass(frozen=True)
class RedisChoices:
    """A new instance of Memorystore for Redis. `create_instance` says what each choice means."""

    service: ClassVar[Service] = "redis"
    tier: Tier | None = None
    memory_gb: int = 1
    replica_count: int | None = None
    redis_version: str = "REDIS_7_2"
    auth: bool = True
    tls: bool = True
    network: str | None = None

    def __post_init__(self) -> None:
        if self.tier is None:  # set in the way that a frozen dataclass leaves open
            object.__setattr__(self, "tier", "STANDARD_HA" if self.replica_count else "BASIC")
        _check_one_of("tier", self.tier, get_args(Tier))
        if self.replica_count is not None:
            _check_number("replica_count", self.replica_count, 0)
            replicas = int(self.tier == "STANDARD_HA")
            if self.replica_count != replicas:
                raise ValueError(f"replica_count must be {replicas} in tier {self.tier}, not {self.replica_count}.")
        if isinstance(self.memory_gb, bool) or not isinstance(self.memory_gb, int):
            raise ValueError(f"memory_gb must be a whole number of GiB, not {self.memory_gb!r}.")

    def announcement(self, resource: ResourceName) -> str:
        """What decides the price."""
        return say(
            "Creating {id} in {region}: {tier} tier, {size}, {redis_version}.",
            id=resource.id, region=resource.region,
            tier=self.tier or "", size=formats.gigabytes(self.memory_gb), redis_version=self.redis_version,
        )  # fmt: skip

    def described(self, resource: ResourceName) -> redis_v1.Instance:
        """The same for the API."""
        mode = redis_v1.Instance.TransitEncryptionMode
        return redis_v1.Instance(
            tier=getattr(redis_v1.Instance.Tier, str(self.tier)),
            memory_size_gb=self.memory_gb,
            redis_version=self.redis_version,
            auth_enabled=self.auth,
            transit_encryption_mode=mode.SERVER_AUTHENTICATION if self.tls else mode.DISABLED,
            authorized_network=self.network or "",
        )


@dataclass(frozen=True)
class ValkeyChoices:
    """A new instance of Memorystore for Valkey. `create_instance` says what each choice means."""

    service: ClassVar[Service] = "valkey"
    node_type: NodeType = "SHARED_CORE_NANO"
    shard_count: int = 1
    replica_count: int = 0
    cluster_mode: bool = False
    engine_version: str = "VALKEY_9_0"
    auth: bool = True
    tls: bool = True
    network: str | None = None

    def __post_init__(self) -> None:
        _check_one_of("node_type", self.node_type, get_args(NodeType))
        _check_number("shard_count", self.shard_count, 1)
        _check_number("replica_count", self.replica_count, 0)
        if self.shard_count > 1 and not self.cluster_mode:
            raise ValueError(
                f"shard_count must be 1 without cluster mode, not {self.shard_count}.\n"
                + say("For more shards: {argument}.", argument="cluster_mode=True")
            )

    def announcement(self, resource: ResourceName) -> str:
        """What decides the price: a node costs by its type, and there are so many of them."""
        return say(
            "Creating {id} in {region}, {service}: {nodes} × {node_type} (shards: {shards}, replicas of each: "
            "{replicas}), {engine_version}.",
            id=resource.id, region=resource.region, service=TITLES[self.service],
            nodes=formats.number(self.shard_count * (1 + self.replica_count)), node_type=self.node_type,
            shards=formats.number(self.shard_count), replicas=formats.number(self.replica_count),
            engine_version=self.engine_version,
        )  # fmt: skip

    def described(self, resource: ResourceName) -> memorystore_v1.Instance:
        """The same for the API."""
        types = memorystore_v1.Instance
        encryption, authorization = types.TransitEncryptionMode, types.AuthorizationMode
        # The network's own end of Private Service Connect, which Google makes where a service connection policy lets it
        # (https://docs.cloud.google.com/memorystore/docs/valkey/networking).
        connection = memorystore_v1.PscAutoConnection(
            project_id=resource.project, network=self.network or f"projects/{resource.project}/global/networks/default"
        )
        return types(
            node_type=getattr(types.NodeType, self.node_type),
            shard_count=self.shard_count,
            replica_count=self.replica_count,
            mode=types.Mode.CLUSTER if self.cluster_mode else types.Mode.CLUSTER_DISABLED,
            engine_version=self.engine_version,
            authorization_mode=authorization.IAM_AUTH if self.auth else authorization.AUTH_DISABLED,
            transit_encryption_mode=(
                encryption.SERVER_AUTHENTICATION if self.tls else encryption.TRANSIT_ENCRYPTION_DISABLED
            ),
            endpoints=[types.InstanceEndpoint(connections=[types.ConnectionDetail(psc_auto_connection=connection)])],
        )


SIZES: dict[Service, tuple[str, tuple[str, ...]]] = {
    "redis": ("tier", get_args(Tier)),
    "valkey": ("node_type", get_args(NodeType)),
}
"""Each service's first choice, the one that decides the price, and what is offered; the first is the default."""

Choices = RedisChoices | ValkeyChoices
_KINDS: dict[Service, type[Choices]] = {"redis": RedisChoices, "valkey": ValkeyChoices}


def chosen(name: str, service: Service | None, given: dict[str, Any]) -> tuple[ResourceName, Choices]:
    """What is to be created: its name, with its service, and what it is to be like.

    Args:
        name: The full name.
        service: Which service; ``None`` where the name says it, else Memorystore for Redis.
        given: The choices by name; one that is ``None`` is left to the service's default.

    Raises:
        ValueError: It is no such name, service or choice, or one of the other service.
    """
    resource = ResourceName.of_instance(name)
    if service is not None:
        _check_one_of("service", service, tuple(TITLES))
    if service and resource.service and service != resource.service:
        raise ValueError(
            f"{resource.full} is a name of {TITLES[resource.service]}, and service is {service!r}.\n"
            + say("Leave one of them out: either one names the service.")
        )
    resource = resource.of(resource.service or service or "redis")
    kind = _KINDS[resource.service or "redis"]
    made = {choice: value for choice, value in given.items() if value is not None}
    own = [field.name for field in fields(kind)]
    if foreign := [choice for choice in made if choice not in own]:
        raise ValueError(
            f"{TITLES[kind.service]} has no {', '.join(foreign)}.\n"
            + say("Its choices are {choices}.", choices=formats.listing(own))
        )
    return resource, kind(**made)


def _check_one_of(choice: str, value: Any, offered: tuple[str, ...]) -> None:
    if value not in offered:
        raise ValueError(f"{choice} must be {' or '.join(offered)}, not {value!r}.")


def _check_number(choice: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{choice} must be a whole number from {least} on, not {value!r}.")
