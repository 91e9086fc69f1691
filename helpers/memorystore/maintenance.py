"""What an instance goes through in its life: a failover, another AUTH string."""

from google.api_core.operation import Operation
from google.cloud import redis_v1

from helpers._localization.messages import say
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_client
from helpers.memorystore.api.errors import advised
from helpers.memorystore.api.names import ResourceName
from helpers.memorystore.operations import WAIT_SECONDS, operation_done, wait_for


def failover_instance(name: str, *, wait: bool = True, timeout: float = WAIT_SECONDS) -> Operation:
    """Have a STANDARD_HA instance change over to its replica, as it does by itself when its node fails.

    Connections drop, and for some seconds nothing answers. The address stays. Google does not begin it where the
    replica lacks 30 MB or more (https://cloud.google.com/memorystore/docs/redis/initiate-manual-failover).

    Args:
        name: The instance's full name.
        wait: Whether to wait for the end.
        timeout: How long to wait, in seconds.

    Returns:
        google-api-core's operation, whose `done` tells whether it has ended.

    Raises:
        NotPossibleNowError: It has no replica (BASIC), or is not READY.
        MemorystoreError: The API refuses for another reason, or can't be reached.
        SignInError: There are no credentials.
        StillRunningError: It takes longer than `timeout`. The failover goes on.
    """
    resource = ResourceName.of_instance(name)
    with advised(f"start a failover of {resource}"):
        operation = cloud_redis_client(resource.project).failover_instance(
            name=str(resource),
            # Asks for a replica that is up to date, rather than to lose what it lacks.
            data_protection_mode=redis_v1.FailoverInstanceRequest.DataProtectionMode.LIMITED_DATA_LOSS,  # type: ignore[arg-type]
            timeout=CALL_SECONDS,
        )
    if wait:
        label, done = say("Failover of {id}", id=resource.id), say("{id} has failed over.", id=resource.id)
        wait_for(label, done, lambda: operation_done(operation), timeout)
    return operation


def rotate_auth_string(name: str, *, timeout: float = WAIT_SECONDS) -> None:
    """Give an instance a new AUTH string, by switching AUTH off and on again.

    There is no other way (https://cloud.google.com/memorystore/docs/redis/auth-overview): between the two, the
    instance asks for no password. Clients made by `connect` fetch the new string when the old one is refused.

    Args:
        name: The instance's full name.
        timeout: How long to wait, in seconds.

    Raises:
        MemorystoreError: The API refuses, or can't be reached.
        SignInError: There are no credentials.
        StillRunningError: It takes longer than `timeout`; call again until it ends, for AUTH may be off.
    """
    resource = ResourceName.of_instance(name)
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
        if not operation_done(steps[-1]):
            return False
        if len(steps) == 1:
            steps.append(switch(True))
            return False
        return True

    try:
        label = say("Rotating the AUTH string of {id}", id=resource.id)
        wait_for(label, say("{id} has a new AUTH string.", id=resource.id), is_done, timeout)
    except BaseException:
        if len(steps) == 1:
            print(
                say("{id} asks for no password now: call rotate_auth_string again to switch AUTH on.", id=resource.id)
            )
        raise
