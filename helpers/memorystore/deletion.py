"""Deleting an instance, once its name has been repeated."""

from collections.abc import Callable

from helpers._connecting.connection import forget
from helpers._localization.messages import say
from helpers.errors import HelpersError
from helpers.memorystore.api.clients import CALL_SECONDS, client_of, enum_name
from helpers.memorystore.api.errors import InstanceNotFoundError, NotPossibleNowError, advised
from helpers.memorystore.api.finding import Found, describe, find
from helpers.memorystore.api.names import ResourceName
from helpers.memorystore.operations import WAIT_SECONDS, operation_done, wait_for


class NotConfirmedError(HelpersError, ValueError):
    """A deletion was not confirmed with the instance's name. Nothing was deleted."""


def delete_instance(name: str, *, confirm: str | None = None, timeout: float = WAIT_SECONDS) -> None:
    """Delete an instance of either service and everything in it, and wait until it is gone.

    Args:
        name: The instance's full name. Where it does not say the service, the instance is looked for in both.
        confirm: The instance's ID or full name once more. ``None`` asks whoever sits at the notebook or terminal.
        timeout: How long to wait, in seconds.

    Raises:
        NotConfirmedError: The name was not repeated. Nothing was deleted.
        InstanceNotFoundError: There is nothing to delete.
        AmbiguousNameError: Both services have an instance of that name. Nothing was deleted.
        NotPossibleNowError: The instance is being created, for example, or it is protected from deletion.
        MemorystoreError: The API refuses for another reason, or can't be reached.
        SignInError: There are no credentials.
        StillRunningError: It takes longer than `timeout`. The deletion goes on.
    """
    found = find(ResourceName.of_instance(name))
    resource = found.resource
    is_done = _begin(found, _asked(resource) if confirm is None else confirm)
    wait_for(say("Deleting {id}", id=resource.id), say("{id} is deleted.", id=resource.id), is_done, timeout)


def begin_deletion(name: str, confirm: str) -> Callable[[], bool]:
    """Start what `delete_instance` waits for. Returns what tells whether it has ended well."""
    return _begin(find(ResourceName.of_instance(name)), confirm)


def _begin(found: Found, confirm: str) -> Callable[[], bool]:
    resource = found.resource
    if confirm.strip() not in (resource.id, str(resource), resource.full):
        raise NotConfirmedError(
            f"Nothing was deleted: {confirm.strip()!r} is not the name of {resource}.\n" + _advice(resource)
        )
    if getattr(found.described, "deletion_protection_enabled", False):
        raise NotPossibleNowError(  # type: ignore[no-untyped-call]
            f"Could not delete {resource.full}: it is protected from deletion.\n"
            + say(
                "If you are sure, turn its protection off first: {command}",
                command=f"gcloud memorystore instances update {resource.id} --project={resource.project} "
                f"--location={resource.region} --no-deletion-protection-enabled",
            )
        )
    doing = f"delete {resource.full}"
    if enum_name(found.described, "state") == "DELETING":  # an earlier call's, which is waited for on
        forget(resource.full)
        return lambda: _is_gone(resource)
    with advised(doing):
        client = client_of(resource.service or "redis", resource.project)
        operation = client.delete_instance(name=str(resource), timeout=CALL_SECONDS)
    forget(resource.full)
    return lambda: operation_done(operation, doing)


def _is_gone(resource: ResourceName) -> bool:
    try:
        describe(resource)
    except InstanceNotFoundError:
        return True
    return False


def _asked(resource: ResourceName) -> str:
    print(say("This deletes {name} and everything in it. It cannot be undone.", name=resource.full))
    try:
        return input(say("Type {id} to delete it: ", id=resource.id))
    except (EOFError, RuntimeError) as error:  # nobody to ask: no terminal, or a run without a reader
        raise NotConfirmedError(
            f"Nothing was deleted: there is nobody to ask about {resource}.\n" + _advice(resource)
        ) from error


def _advice(resource: ResourceName) -> str:
    return say("To delete it and everything in it, repeat its name: {argument}.", argument=f"confirm={resource.id!r}")
