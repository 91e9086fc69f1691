"""Creating an instance, after what decides its price has been said."""

from collections.abc import Callable
from typing import Any

from google.api_core.operation import Operation

from helpers._connecting.connection import forget
from helpers._localization.messages import say
from helpers.memorystore.api.clients import CALL_SECONDS, client_of, emulator_host
from helpers.memorystore.api.errors import InstanceExistsError, InstanceNotFoundError, advised
from helpers.memorystore.api.names import ResourceName, Service
from helpers.memorystore.choices import Choices, NodeType, Tier, chosen
from helpers.memorystore.instances import Instance, get_instance
from helpers.memorystore.operations import WAIT_SECONDS, operation_done, wait_for


def create_instance(
    name: str,
    *,
    service: Service | None = None,
    tier: Tier | None = None,
    memory_gb: int | None = None,
    redis_version: str | None = None,
    node_type: NodeType | None = None,
    shard_count: int | None = None,
    replica_count: int | None = None,
    cluster_mode: bool | None = None,
    engine_version: str | None = None,
    auth: bool = True,
    tls: bool = True,
    network: str | None = None,
    exist_ok: bool = False,
    timeout: float = WAIT_SECONDS,
) -> Instance:
    """Create an instance and wait until it can be used, which takes minutes.

    What decides its price is printed first. **It is billed from now on, used or not, until it is deleted**
    (https://cloud.google.com/memorystore/docs/redis/pricing, https://cloud.google.com/memorystore/valkey/pricing).
    Interrupting the wait does not stop the creation: call again with the same name to go on waiting.

    Memorystore for Valkey needs a service connection policy in the network and region, of the service class
    ``gcp-memorystore`` (https://docs.cloud.google.com/memorystore/docs/valkey/networking).

    Args:
        name: The full name, ``projects/PROJECT/locations/REGION/instances/INSTANCE``.
        service: ``redis`` (Memorystore for Redis) or ``valkey`` (Memorystore for Valkey); ``None`` is what the name
            says, and where it says none ``redis``.
        tier: Of Memorystore for Redis: ``BASIC``, the cheapest and the default, or ``STANDARD_HA``, with a replica and
            failover. It can't be changed later.
        memory_gb: Of Memorystore for Redis: the size in whole GiB, 1 by default and 300 at most
            (https://cloud.google.com/memorystore/docs/redis/redis-tiers).
        redis_version: Of Memorystore for Redis: the engine's version, as the API writes it, such as ``REDIS_6_X``; by
            default ``REDIS_7_2``.
        node_type: Of Memorystore for Valkey: the type of the nodes, by default ``SHARED_CORE_NANO``, which is for
            development and has no SLA (https://docs.cloud.google.com/memorystore/docs/valkey/instance-node-specification).
        shard_count: Of Memorystore for Valkey: into how many shards the data is divided, 1 by default. More than one
            needs cluster mode.
        replica_count: How many replicas there are beside the primary, of each shard; 0 by default. Of Memorystore for
            Redis: 0 or 1, another way to choose the `tier`.
        cluster_mode: Of Memorystore for Valkey: whether it is a cluster, which can't be changed later; by default not.
        engine_version: Of Memorystore for Valkey: the engine's version, as the API writes it, such as ``VALKEY_8_0``;
            by default ``VALKEY_9_0``.
        auth: Whether one has to sign in, which `connect` then does by itself: with the AUTH string, or in Memorystore
            for Valkey with an access token of Google Cloud's (IAM).
        tls: Whether to encrypt connections, which can't be changed later.
        network: The full name of the network to be reached from; ``None`` is the project's ``default`` one.
        exist_ok: Whether to return an existing instance as it is, whatever its state and the choices above. If it is
            being created, it is waited for.
        timeout: How long to wait, in seconds.

    Returns:
        The instance as it is after the wait.

    Raises:
        ValueError: It is no such name, service, choice or number, or a choice of the other service. Told before
            anything is printed.
        InstanceExistsError: The name is taken by an instance that is not being created just now, and `exist_ok` is
            false.
        QuotaExceededError: The project's capacity in the region, or its number of requests, is used up.
        NotPossibleNowError: The network has no service connection policy.
        MemorystoreError: The API refuses for another reason, or can't be reached; its kinds tell them apart.
        SignInError: There are no credentials.
        StillRunningError: It takes longer than `timeout`. The creation goes on.
    """
    resource, choices = chosen(
        name,
        service,
        {
            "tier": tier,
            "memory_gb": memory_gb,
            "redis_version": redis_version,
            "node_type": node_type,
            "shard_count": shard_count,
            "replica_count": replica_count,
            "cluster_mode": cluster_mode,
            "engine_version": engine_version,
            "auth": auth,
            "tls": tls,
            "network": network,
        },
    )
    if exist_ok and (existing := _existing(resource)) and existing.state != "CREATING":
        return existing
    print(_announcement(resource, choices))
    is_done = _begin(resource, choices)
    wait_for(say("Creating {id}", id=resource.id), say("{id} is ready.", id=resource.id), is_done, timeout)
    return get_instance(resource.full)


def creation_announcement(name: str, *, service: Service | None = None, **choices: Any) -> str:
    """What decides the price of an instance that is about to be created, and what it will cost."""
    return _announcement(*chosen(name, service, choices))


def begin_creation(name: str, *, service: Service | None = None, **choices: Any) -> Callable[[], bool]:
    """Start what `create_instance` waits for. Returns what tells whether it has ended well."""
    return _begin(*chosen(name, service, choices))


def _existing(resource: ResourceName) -> Instance | None:
    try:
        return get_instance(resource.full)
    except InstanceNotFoundError:
        return None


def _announcement(resource: ResourceName, choices: Choices) -> str:
    free = emulator_host() is not None
    cost = say("On the emulator it costs nothing.") if free else say("It is billed by the hour until it is deleted.")
    return f"{choices.announcement(resource)}\n{cost}"


def _begin(resource: ResourceName, choices: Choices) -> Callable[[], bool]:
    operation: Operation | None = None
    doing = f"create {resource.full}"
    try:
        with advised(doing):
            operation = client_of(choices.service, resource.project).create_instance(
                parent=resource.location,
                instance_id=resource.id,
                instance=choices.described(resource),
                timeout=CALL_SECONDS,
            )
    except InstanceExistsError:
        if get_instance(resource.full).state != "CREATING":
            raise
    forget(resource.full)

    def is_done() -> bool:
        if operation is not None:
            return operation_done(operation, doing)
        return get_instance(resource.full).state != "CREATING"

    return is_done
