"""Memorystore for Redis: find instances, create and delete them, and reach one by its name."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import redis
import redis.asyncio
from google.api_core.operation import Operation
from google.cloud import redis_v1

from helpers.connection import forget
from helpers.errors import HelpersError
from helpers.google_clients import CALL_SECONDS, cloud_redis_client, emulator_host, enum_name, is_encrypted
from helpers.google_errors import InstanceExistsError, MemorystoreError, advised
from helpers.instance_access import connection_pool_options
from helpers.progress import Progress
from helpers.resource_names import ResourceName
from helpers.voice import say

Tier = Literal["BASIC", "STANDARD_HA"]

WAIT_SECONDS = 1800
"""How long a creation, a failover or a deletion is waited for. They take minutes."""
_FIRST_POLL, _LONGEST_POLL = 0.25, 10.0


class NotConfirmedError(HelpersError, ValueError):
    """A deletion was not confirmed with the instance's name. Nothing was deleted."""


class StillRunningError(HelpersError, TimeoutError):
    """An operation takes longer than it was waited for. It goes on all the same."""


class UnreachableRegionsWarning(UserWarning):
    """Some regions did not answer, so a list of instances is incomplete."""


@dataclass(frozen=True)
class Instance:
    """An instance as the API describes it.

    Attributes:
        name: The full name, which `connect` takes.
        state: ``READY``, ``CREATING`` and so on; a state that the client library does not know stays a number.
        tier: ``BASIC`` (one node) or ``STANDARD_HA`` (with a replica and failover).
        memory_gb: The size, in GB.
        redis_version: The engine's version, such as ``REDIS_7_2``.
        host: The address inside the instance's network; empty until it is ready.
        port: 6379, or 6378 with TLS.
        auth: Whether a password (the AUTH string) is needed.
        tls: Whether connections are encrypted.
        network: The network that it can be reached from.
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
        """Take over what the API says."""
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

    Attributes:
        unreachable: The regions that did not answer, whose instances are missing.
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

    Regions that could not be reached are named in the result's `unreachable`, and warned of.

    Args:
        project: The project's ID.
        region: A region such as ``us-central1``; ``-`` means all.

    Raises:
        MemorystoreError: The API refuses or can't be reached. Also a `google.api_core` exception.
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
    """One instance, as it is now.

    Args:
        name: Its full name.

    Raises:
        InstanceNotFoundError: There is none of that name; other `MemorystoreError` as in `list_instances`.
    """
    resource = _instance(name)
    with advised(f"look up {resource}"):
        described = cloud_redis_client(resource.project).get_instance(name=str(resource), timeout=CALL_SECONDS)
    return Instance.from_api(described)


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

    What decides its price is printed first. **It is billed by the hour from now on until it is deleted.**
    Interrupting the wait does not stop the creation: call again with the same name to go on waiting.

    Args:
        name: The full name, ``projects/PROJECT/locations/REGION/instances/INSTANCE``.
        tier: ``BASIC``, the cheapest, or ``STANDARD_HA``, with a replica and failover.
        memory_gb: The size in GB, from 1 (BASIC) or 5 (read replicas) to 300.
        redis_version: The engine's version.
        auth: Whether to ask for a password, which `connect` then fetches by itself.
        tls: Whether to encrypt connections, which can't be changed later.
        network: The full name of the network to be reached from; ``None`` is the project's default one.
        timeout: How long to wait, in seconds.

    Raises:
        InstanceExistsError: The name is taken by an instance that is not being created just now.
        QuotaExceededError, PermissionMissingError, ApiDisabledError: As they say; all are `MemorystoreError`.
        StillRunningError: It takes longer than `timeout`. The creation goes on.
    """
    resource = _instance(name)
    choices: dict[str, Any] = {"tier": tier, "memory_gb": memory_gb, "redis_version": redis_version}
    print(creation_announcement(name, **choices))
    is_done = begin_creation(name, **choices, auth=auth, tls=tls, network=network)
    _wait(say("Creating {id}", id=resource.id), say("{id} is ready.", id=resource.id), is_done, timeout)
    return get_instance(str(resource))


def creation_announcement(
    name: str, *, tier: Tier = "BASIC", memory_gb: int = 1, redis_version: str = "REDIS_7_2"
) -> str:
    """What decides the price of an instance that is about to be created, and what it will cost."""
    resource = _instance(name)
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
    resource = _instance(name)
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
    _forget(resource)

    def is_done() -> bool:
        if operation is not None:
            return _operation_done(operation)
        return get_instance(str(resource)).state != "CREATING"

    return is_done


def delete_instance(name: str, *, confirm: str | None = None, timeout: float = WAIT_SECONDS) -> None:
    """Delete an instance and everything in it, and wait until it is gone.

    Args:
        name: The instance's full name.
        confirm: The instance's ID or full name once more. ``None`` asks for it.
        timeout: How long to wait, in seconds.

    Raises:
        NotConfirmedError: The name was not repeated. Nothing was deleted.
        MemorystoreError: The API refuses; `InstanceNotFoundError` where there is nothing to delete.
        StillRunningError: It takes longer than `timeout`. The deletion goes on.
    """
    resource = _instance(name)
    is_done = begin_deletion(name, _asked(resource) if confirm is None else confirm)
    _wait(say("Deleting {id}", id=resource.id), say("{id} is deleted.", id=resource.id), is_done, timeout)


def begin_deletion(name: str, confirm: str) -> Callable[[], bool]:
    """Start what `delete_instance` waits for. Returns what tells whether it has ended well."""
    resource = _instance(name)
    if confirm.strip() not in (resource.id, str(resource)):
        raise NotConfirmedError(
            f"Nothing was deleted: {confirm.strip()!r} is not the name of {resource}.\n"
            + say(
                "To delete it with all that it holds, repeat its name: {argument}.", argument=f"confirm={resource.id!r}"
            )
        )
    with advised(f"delete {resource}"):
        operation = cloud_redis_client(resource.project).delete_instance(name=str(resource), timeout=CALL_SECONDS)
    _forget(resource)
    return lambda: _operation_done(operation)


def failover_instance(name: str, *, wait: bool = True, timeout: float = WAIT_SECONDS) -> Operation:
    """Have a STANDARD_HA instance change over to its replica, as it does by itself when its node fails.

    Connections drop, and for some seconds nothing answers. The address stays.

    Args:
        name: The instance's full name.
        wait: Whether to wait for the end.
        timeout: How long to wait, in seconds.

    Returns:
        google-api-core's operation, whose `done` tells whether it has ended.

    Raises:
        NotPossibleNowError: It has no replica (BASIC), or is not READY.
        StillRunningError: It takes longer than `timeout`.
    """
    resource = _instance(name)
    with advised(f"start a failover of {resource}"):
        operation = cloud_redis_client(resource.project).failover_instance(
            name=str(resource),
            # Asks for a replica that is up to date, rather than to lose what it lacks.
            data_protection_mode=redis_v1.FailoverInstanceRequest.DataProtectionMode.LIMITED_DATA_LOSS,  # type: ignore[arg-type]
            timeout=CALL_SECONDS,
        )
    if wait:
        label, done = say("Failover of {id}", id=resource.id), say("{id} has failed over.", id=resource.id)
        _wait(label, done, lambda: _operation_done(operation), timeout)
    return operation


def rotate_auth_string(name: str, *, timeout: float = WAIT_SECONDS) -> None:
    """Give an instance a new AUTH string, by switching AUTH off and on again: there is no other way.

    For the moment between the two, the instance asks for no password. Clients made by `connect` fetch the
    new string by themselves when the old one is refused.

    Args:
        name: The instance's full name.
        timeout: How long to wait, in seconds.

    Raises:
        MemorystoreError: The API refuses.
        StillRunningError: It takes longer than `timeout`; call again until it ends, for AUTH may be off.
    """
    resource = _instance(name)
    client = cloud_redis_client(resource.project)

    def switch(auth: bool) -> Operation:
        with advised(f"switch AUTH {'on' if auth else 'off'} for {resource}"):
            return client.update_instance(
                update_mask={"paths": ["auth_enabled"]},
                instance=redis_v1.Instance(name=str(resource), auth_enabled=auth),
                timeout=CALL_SECONDS,
            )

    steps = [switch(False)]

    def is_done() -> bool:
        if not _operation_done(steps[-1]):
            return False
        if len(steps) == 1:
            steps.append(switch(True))
            return False
        return True

    try:
        label = say("Rotating the AUTH string of {id}", id=resource.id)
        _wait(label, say("{id} has a new AUTH string.", id=resource.id), is_done, timeout)
    except BaseException:
        if len(steps) == 1:
            print(
                say("{id} asks for no password now: call rotate_auth_string again to switch AUTH on.", id=resource.id)
            )
        raise


def connection_options(
    name: str, *, tunnel: str | None = None, asynchronous: bool = False, **options: Any
) -> dict[str, Any]:
    """What a redis-py client of one's own needs to reach an instance as `connect` does.

    `redis.Redis(**connection_options(name))`, or with ``asynchronous=True`` `redis.asyncio.Redis(…)`. It is a
    connection pool: redis-py's own keyword arguments can neither trust the instance's authorities alone nor
    verify another name than the host's. redis-py leaves it to you to close a pool that you passed in:
    ``client.connection_pool.close()``, or ``await client.aclose(close_connection_pool=True)``.

    Args:
        name: The instance's full name.
        tunnel: The local end of a tunnel to it, ``HOST:PORT``.
        asynchronous: Whether the client is redis-py's asyncio one.
        options: Options of the connections, such as ``decode_responses`` or ``max_connections``.

    Raises:
        InstanceNotReadyError: The instance is being created or deleted.
        MemorystoreError: The API refuses, or can't be reached.
        SignInError: There are no credentials.
    """
    resource = _instance(name)
    pool_options = connection_pool_options(resource, tunnel, options, asynchronous=asynchronous)
    if asynchronous:
        return {"connection_pool": redis.asyncio.ConnectionPool(**pool_options)}
    return {"connection_pool": redis.ConnectionPool(**pool_options)}


def _instance(name: str) -> ResourceName:
    resource = ResourceName.parse(name)
    if resource.collection != "instances":
        raise ValueError(f"{resource} is a cluster.\n" + say("This takes instances; connect takes both."))
    return resource


def _operation_done(operation: Operation) -> bool:
    """Whether an operation has ended well.

    Raises:
        MemorystoreError: It has ended otherwise.
    """
    with advised("see the operation through"):
        if not operation.done():
            return False
        operation.result(timeout=CALL_SECONDS)
    return True


def _wait(label: str, done: str, is_done: Callable[[], bool], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    pause = _FIRST_POLL
    with Progress(label) as progress:
        try:
            while not is_done():
                if time.monotonic() + pause > deadline:
                    raise StillRunningError(
                        f"Not done after {timeout:.0f} seconds, and it goes on: {label}.\n"
                        + say("See how it is with list_instances, or call again to go on waiting.")
                    )
                until = time.monotonic() + pause
                while (left := until - time.monotonic()) > 0:
                    time.sleep(min(left, 0.5))
                    progress.step()
                pause = min(pause * 1.5, _LONGEST_POLL)
        except KeyboardInterrupt:
            progress.done(
                say(
                    "{label}: no longer waited for. It goes on all the same; list_instances shows how it is.",
                    label=label,
                )
            )
            raise
        progress.done(done)


def _asked(resource: ResourceName) -> str:
    print(say("This deletes {name} and all that it holds. It cannot be undone.", name=resource))
    try:
        return input(say("Type {id} to delete it: ", id=resource.id))
    except (EOFError, RuntimeError) as error:  # nobody to ask: no terminal, or a run without a reader
        raise NotConfirmedError(
            f"Nothing was deleted: there is nobody to ask about {resource}.\n"
            + say(
                "To delete it with all that it holds, repeat its name: {argument}.", argument=f"confirm={resource.id!r}"
            )
        ) from error


def _forget(resource: ResourceName) -> None:
    """Drop the clients of an instance that is gone, or that had the name before."""
    forget(str(resource))


__all__ = [
    "Instance",
    "Instances",
    "MemorystoreError",
    "NotConfirmedError",
    "StillRunningError",
    "UnreachableRegionsWarning",
    "connection_options",
    "create_instance",
    "delete_instance",
    "failover_instance",
    "get_instance",
    "list_instances",
    "rotate_auth_string",
]
