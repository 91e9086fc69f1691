"""Which service has an instance: both services use the same form of name, so where it names none, both are asked."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from helpers._localization.messages import say
from helpers.memorystore.api.clients import CALL_SECONDS, client_of
from helpers.memorystore.api.errors import (
    AmbiguousNameError,
    InstanceNotFoundError,
    MemorystoreError,
    advised,
    reworded,
)
from helpers.memorystore.api.names import TITLES, ResourceName, Service

_Answer = TypeVar("_Answer")


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
    found, failed = ask(TITLES, lambda service: describe(resource.of(service)))
    if len(found) > 1:
        raise AmbiguousNameError(
            f"{resource} is the name of two instances, one of {' and one of '.join(TITLES.values())}.\n"
            + say("Say which one you mean: {names}.", names=_either(resource))
        )
    if found:
        [(service, described)] = found.items()
        return Found(resource.of(service), described)
    raise _not_found(resource, failed) from next(iter(failed.values()))


def ask(
    services: Iterable[Service], question: Callable[[Service], _Answer]
) -> tuple[dict[Service, _Answer], dict[Service, MemorystoreError]]:
    """Ask services something, all at once.

    Args:
        services: The services.
        question: Asks one of them.

    Returns:
        What those answer that do, and the errors of the others.

    Raises:
        SignInError: There are no credentials.
    """
    asked = list(services)
    with ThreadPoolExecutor(len(asked), thread_name_prefix="memorystore-ask") as threads:
        futures = {service: threads.submit(question, service) for service in asked}
    answers: dict[Service, _Answer] = {}
    errors: dict[Service, MemorystoreError] = {}
    for service, future in futures.items():
        try:
            answers[service] = future.result()
        except MemorystoreError as error:  # whatever else is raised is no service's doing
            errors[service] = error
    return answers, errors


def reason_and_advice(error: MemorystoreError) -> tuple[str, str]:
    """Why a service did not do what it was asked for, without what that was; and what to do."""
    first, _, advice = str(error).partition("\n")
    return first.partition(": ")[2].rstrip("."), advice


def describe(resource: ResourceName) -> Any:
    """What the API of its service, which the name must say, answers about an instance.

    Raises:
        MemorystoreError: The API refuses, or can't be reached in time.
        SignInError: There are no credentials.
    """
    with advised(f"look up {resource.full}"):
        client = client_of(resource.service or "redis", resource.project)
        # Google's library would repeat for a minute what it calls for Valkey and can't reach.
        return client.get_instance(name=str(resource), timeout=CALL_SECONDS, retry=None)


def _not_found(resource: ResourceName, answers: dict[Service, MemorystoreError]) -> MemorystoreError:
    """What each service answered, as the error of the first one that could not be asked."""
    failed = [error for error in answers.values() if not isinstance(error, InstanceNotFoundError)]
    if not failed:
        error = next(iter(answers.values()))
        services = " nor ".join(TITLES.values())
        return reworded(error, f"Could not find {resource}: neither {services} has it.\n{reason_and_advice(error)[1]}")
    said = "; ".join(f"{TITLES[service]} {_said(error)}" for service, error in answers.items())
    lines = [
        f"Could not find {resource}: {said}.",
        say("If you know its service, name only that one: {names}.", names=_either(resource)),
        *dict.fromkeys(reason_and_advice(error)[1] for error in failed),
    ]
    return reworded(failed[0], "\n".join(lines))


def _said(error: MemorystoreError) -> str:
    if isinstance(error, InstanceNotFoundError):
        return "has no such instance"
    return f"could not be asked: {reason_and_advice(error)[0]}"


def _either(resource: ResourceName) -> str:
    return " / ".join(resource.of(service).full for service in TITLES)
