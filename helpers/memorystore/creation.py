"""Creating an instance, after what decides its price has been said."""

from collections.abc import Callable
from typing import Any, Literal, get_args

from google.api_core.operation import Operation
from google.cloud import redis_v1

from helpers._connecting.connection import forget
from helpers._localization.messages import say
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_client, emulator_host
from helpers.memorystore.api.errors import InstanceExistsError, advised
from helpers.memorystore.api.names import ResourceName
from helpers.memorystore.instances import Instance, get_instance
from helpers.memorystore.operations import WAIT_SECONDS, operation_done, wait_for

Tier = Literal["BASIC", "STANDARD_HA"]


def create_instance(
    name: str,
    *,
    tier: Tier = "BASIC",
    memory_gb: int = 1,
    redis_version: str = "REDIS_7_2",
    auth: bool = True,
    tls: bool = True,
    network: str | None = None,
    timeout: float = WAIT_SECONDS,
) -> Instance:
    """Create an instance and wait until it can be used, which takes minutes.

    What decides its price is printed first. **It is billed from now on, used or not, until it is deleted**
    (https://cloud.google.com/memorystore/docs/redis/pricing). Interrupting the wait does not stop the creation: call
    again with the same name to go on waiting.

    Args:
        name: The full name, ``projects/PROJECT/locations/REGION/instances/INSTANCE``.
        tier: ``BASIC``, the cheapest, or ``STANDARD_HA``, with a replica and failover. It can't be changed later.
        memory_gb: The size in whole GiB, 300 at most (https://cloud.google.com/memorystore/docs/redis/redis-tiers).
        redis_version: The engine's version, as the API writes it, such as ``REDIS_6_X``.
        auth: Whether to ask for a password (the AUTH string), which `connect` then fetches by itself.
        tls: Whether to encrypt connections, which can't be changed later.
        network: The full name of the network to be reached from; ``None`` is the project's ``default`` one.
        timeout: How long to wait, in seconds.

    Returns:
        The instance as it is after the wait.

    Raises:
        ValueError: It is no such name, tier or number. Told before anything is printed.
        InstanceExistsError: The name is taken by an instance that is not being created just now.
        QuotaExceededError: The project's capacity in the region, or its number of requests, is used up.
        MemorystoreError: The API refuses for another reason, or can't be reached; its kinds tell them apart.
        SignInError: There are no credentials.
        StillRunningError: It takes longer than `timeout`. The creation goes on.
    """
    resource = ResourceName.of_instance(name)
    choices: dict[str, Any] = {"tier": tier, "memory_gb": memory_gb, "redis_version": redis_version}
    print(creation_announcement(name, **choices))
    is_done = begin_creation(name, **choices, auth=auth, tls=tls, network=network)
    wait_for(say("Creating {id}", id=resource.id), say("{id} is ready.", id=resource.id), is_done, timeout)
    return get_instance(str(resource))


def creation_announcement(
    name: str, *, tier: Tier = "BASIC", memory_gb: int = 1, redis_version: str = "REDIS_7_2"
) -> str:
    """What decides the price of an instance that is about to be created, and what it will cost."""
    resource = _checked(name, tier, memory_gb)
    announced = say(
        "Creating {id} in {region}: {tier} tier, {memory_gb} GB, {redis_version}.",
        id=resource.id, region=resource.region, tier=tier, memory_gb=memory_gb, redis_version=redis_version,
    )  # fmt: skip
    free = emulator_host() is not None
    cost = say("On the emulator it costs nothing.") if free else say("It is billed by the hour until it is deleted.")
    return f"{announced}\n{cost}"


def begin_creation(
    name: str,
    *,
    tier: Tier = "BASIC",
    memory_gb: int = 1,
    redis_version: str = "REDIS_7_2",
    auth: bool = True,
    tls: bool = True,
    network: str | None = None,
) -> Callable[[], bool]:
    """Start what `create_instance` waits for. Returns what tells whether it has ended well."""
    resource = _checked(name, tier, memory_gb)
    client = cloud_redis_client(resource.project)
    mode = redis_v1.Instance.TransitEncryptionMode
    wanted = redis_v1.Instance(
        tier=getattr(redis_v1.Instance.Tier, tier),
        memory_size_gb=memory_gb,
        redis_version=redis_version,
        auth_enabled=auth,
        transit_encryption_mode=mode.SERVER_AUTHENTICATION if tls else mode.DISABLED,
        authorized_network=network or "",
    )
    operation: Operation | None = None
    try:
        with advised(f"create {resource}"):
            operation = client.create_instance(
                parent=resource.location, instance_id=resource.id, instance=wanted, timeout=CALL_SECONDS
            )
    except InstanceExistsError:
        if get_instance(str(resource)).state != "CREATING":
            raise
    forget(str(resource))

    def is_done() -> bool:
        if operation is not None:
            return operation_done(operation)
        return get_instance(str(resource)).state != "CREATING"

    return is_done


def _checked(name: str, tier: Tier, memory_gb: int) -> ResourceName:
    if tier not in get_args(Tier):
        raise ValueError(f"tier must be {' or '.join(get_args(Tier))}, not {tier!r}.")
    if not isinstance(memory_gb, int):
        raise ValueError(f"memory_gb must be a whole number of GiB, not {memory_gb!r}.")
    return ResourceName.of_instance(name)
