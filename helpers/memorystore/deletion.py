"""Deleting an instance, once its name has been repeated."""

from collections.abc import Callable

from helpers._connecting.connection import forget
from helpers._localization.messages import say
from helpers.errors import HelpersError
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_client
from helpers.memorystore.api.errors import advised
from helpers.memorystore.api.names import ResourceName
from helpers.memorystore.operations import WAIT_SECONDS, operation_done, wait_for


class NotConfirmedError(HelpersError, ValueError):
    """A deletion was not confirmed with the instance's name. Nothing was deleted."""


def delete_instance(name: str, *, confirm: str | None = None, timeout: float = WAIT_SECONDS) -> None:
    """Delete an instance and everything in it, and wait until it is gone.

    Args:
        name: The instance's full name.
        confirm: The instance's ID or full name once more. ``None`` asks whoever sits at the notebook or terminal.
        timeout: How long to wait, in seconds.

    Raises:
        NotConfirmedError: The name was not repeated. Nothing was deleted.
        InstanceNotFoundError: There is nothing to delete.
        NotPossibleNowError: The instance is not READY, because it is being created for example.
        MemorystoreError: The API refuses for another reason, or can't be reached.
        SignInError: There are no credentials.
        StillRunningError: It takes longer than `timeout`. The deletion goes on.
    """
    resource = ResourceName.of_instance(name)
    is_done = begin_deletion(name, _asked(resource) if confirm is None else confirm)
    wait_for(say("Deleting {id}", id=resource.id), say("{id} is deleted.", id=resource.id), is_done, timeout)


def begin_deletion(name: str, confirm: str) -> Callable[[], bool]:
    """Start what `delete_instance` waits for. Returns what tells whether it has ended well."""
    resource = ResourceName.of_instance(name)
    if confirm.strip() not in (resource.id, str(resource)):
        raise NotConfirmedError(
            f"Nothing was deleted: {confirm.strip()!r} is not the name of {resource}.\n"
            + say(
                "To delete it with all that it holds, repeat its name: {argument}.", argument=f"confirm={resource.id!r}"
            )
        )
    with advised(f"delete {resource}"):
        operation = cloud_redis_client(resource.project).delete_instance(name=str(resource), timeout=CALL_SECONDS)
    forget(str(resource))
    return lambda: operation_done(operation)


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
