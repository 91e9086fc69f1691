"""Which service has an instance: both services use the same form of name, so where it names none, both are asked."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from helpers._localization.messages import say
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_client, memorystore_client
from helpers.memorystore.api.errors import (
    AmbiguousNameError,
    InstanceNotFoundError,
    MemorystoreError,
    advised,
    reworded,
)
from helpers.memorystore.api.names import TITLES, ResourceName


class Found(NamedTuple):
    """An instance, and the service that has it.

    Attributes:
        resource: Its name, with its service.
        described: What the API says of it: a `redis_v1.Instance` or a `memorystore_v1.Instance`.
    """

    resource: ResourceName
    described: Any


def find(resource: ResourceName) -> Found:
    """Look an instance up, in the service that its name says, or in both at once.

    Raises:
        InstanceNotFoundError: Each service that could have it was asked, and none has it.
        AmbiguousNameError: Both services have an instance of that name.
        MemorystoreError: A service could not be asked, and the other one has no such instance.
        SignInError: There are no credentials.
    """
    if resource.service:
        return Found(resource, describe(resource))
    names = [resource.of(service) for service in TITLES]
    with ThreadPoolExecutor(len(names), thread_name_prefix="memorystore-find") as threads:
        asked = {name: threads.submit(describe, name) for name in names}
    for future in asked.values():  # no credentials, say: neither service's doing
        if (error := future.exception()) and not isinstance(error, MemorystoreError):
            raise error
    found = [name for name in names if not asked[name].exception()]
    if len(found) > 1:
        raise AmbiguousNameError(
            f"{resource} is the name of two instances, one of {' and one of '.join(TITLES.values())}.\n"
            + say("Say which one you mean: {names}.", names=_either(names))
        )
    if found:
        return Found(found[0], asked[found[0]].result())
    raise _not_found(resource, {name: future.exception() for name, future in asked.items()})


def describe(resource: ResourceName) -> Any:
    """What the API of its service, which the name must say, answers about an instance.

    Raises:
        MemorystoreError: The API refuses, or can't be reached in time.
        SignInError: There are no credentials.
    """
    client: Any = cloud_redis_client if resource.service == "redis" else memorystore_client
    with advised(f"look up {resource.full}"):
        # Google's library would repeat for a minute what it calls for Valkey and can't reach.
        return client(resource.project).get_instance(name=str(resource), timeout=CALL_SECONDS, retry=None)


def _not_found(resource: ResourceName, answers: dict[ResourceName, Any]) -> MemorystoreError:
    """What each service answered, as the error of the first one that could not be asked."""
    failed = [error for error in answers.values() if not isinstance(error, InstanceNotFoundError)]
    if not failed:
        error = next(iter(answers.values()))
        services = " nor ".join(TITLES.values())
        return reworded(error, f"Could not find {resource}: neither {services} has it.\n{_parts(error)[1]}")
    said = "; ".join(f"{title} {_said(error)}" for title, error in zip(TITLES.values(), answers.values(), strict=True))
    lines = [
        f"Could not find {resource}: {said}.",
        say("If you know its service, name that one alone: {names}.", names=_either(list(answers))),
        *dict.fromkeys(_parts(error)[1] for error in failed),
    ]
    return reworded(failed[0], "\n".join(lines))


def _said(error: MemorystoreError) -> str:
    if isinstance(error, InstanceNotFoundError):
        return "has no such instance"
    return f"could not be asked: {_parts(error)[0]}"


def _parts(error: MemorystoreError) -> tuple[str, str]:
    """Why a look-up failed, without what was tried, and what to do."""
    first, _, advice = str(error).partition("\n")
    return first.partition(": ")[2].rstrip("."), advice


def _either(names: list[ResourceName]) -> str:
    return " / ".join(name.full for name in names)
