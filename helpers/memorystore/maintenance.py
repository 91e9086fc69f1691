"""What an instance goes through in its life: a failover, another AUTH string."""

from google.api_core.operation import Operation
from google.cloud import redis_v1

from helpers._localization.messages import say
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_client
from helpers.memorystore.api.errors import RequestInvalidError, advised
from helpers.memorystore.api.finding import find
from helpers.memorystore.api.names import TITLES, ResourceName
from helpers.memorystore.operations import WAIT_SECONDS, operation_done, wait_for


def failover_instance(name: str, *, wait: bool = True, timeout: float = WAIT_SECONDS) -> Operation:
    """Have a STANDARD_HA instance change over to its replica, as it does by itself when its node fails.

    Connections drop, and for some seconds nothing answers. The address stays. Google does not begin it where the
    replica lacks 30 MB or more (https://cloud.google.com/memorystore/docs/redis/initiate-manual-failover).

    Memorystore for Redis alone offers this. In Memorystore for Valkey a shard with replicas fails over by itself, and
    what can be asked for is a simulated maintenance
    (https://docs.cloud.google.com/memorystore/docs/valkey/simulate-maintenance).

    Args:
        name: The instance's full name.
        wait: Whether to wait for the end.
        timeout: How long to wait, in seconds.

    Returns:
        google-api-core's operation, whose `done` tells whether it has ended.

    Raises:
        RequestInvalidError: It is an instance of Memorystore for Valkey.
        AmbiguousNameError: Both services have an instance of that name.
        NotPossibleNowError: It has no replica (BASIC), or is not READY.
        MemorystoreError: The API refuses for another reason, or can't be reached.
        SignInError: There are no credentials.
        StillRunningError: It takes longer than `timeout`. The failover goes on.
    """
    resource, is_valkey = _service_of(name)
    if is_valkey:
        raise RequestInvalidError(  # type: ignore[no-untyped-call]
            f"Could not start a failover of {resource.full}: {TITLES['valkey']} has none to be started.\n"
            + say(
                "If it has replicas, it fails over by itself. To see that, simulate maintenance: {command}",
                command=f"gcloud memorystore instances update {resource.id} --project={resource.project} "
                f"--location={resource.region} --simulate-maintenance-event",
            )
        )
    with advised(f"start a failover of {resource}"):
        operation = cloud_redis_client(resource.project).failover_instance(
            name=str(resource),
            # Asks for a replica that is up to date, rather than to lose what it lacks.
            data_protection_mode=redis_v1.FailoverInstanceRequest.DataProtectionMode.LIMITED_DATA_LOSS,  # type: ignore[arg-type]
            timeout=CALL_SECONDS,
        )
    if wait:
        label, done = say("Failover of {id}", id=resource.id), say("{id} has failed over.", id=resource.id)
        wait_for(label, done, lambda: operation_done(operation, f"fail {resource} over"), timeout)
    return operation


def rotate_auth_string(name: str, *, timeout: float = WAIT_SECONDS) -> None:
    """Give an instance a new AUTH string, by switching AUTH off and on again.

    There is no other way (https://cloud.google.com/memorystore/docs/redis/auth-overview): between the two, the
    instance asks for no password. Clients made by `connect` fetch the new string when the old one is refused.

    Memorystore for Valkey has no AUTH string: access tokens (IAM) end by themselves within an hour, and tokens of the
    instance's own are added and deleted one by one.

    Args:
        name: The instance's full name.
        timeout: How long to wait, in seconds.

    Raises:
        RequestInvalidError: It is an instance of Memorystore for Valkey.
        AmbiguousNameError: Both services have an instance of that name.
        MemorystoreError: The API refuses, or can't be reached.
        SignInError: There are no credentials.
        StillRunningError: It takes longer than `timeout`; call again until it ends, for AUTH may be off.
    """
    resource, is_valkey = _service_of(name)
    if is_valkey:
        raise RequestInvalidError(  # type: ignore[no-untyped-call]
            f"Could not rotate the AUTH string of {resource.full}: {TITLES['valkey']} has none.\n"
            + say(
                "With IAM, access tokens expire within an hour, and connect renews them. With TOKEN_AUTH, "
                "add another token and delete the old one: {calls}.",
                calls="MemorystoreClient.add_auth_token, delete_auth_token",
            )
        )
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
        if not operation_done(steps[-1], f"rotate the AUTH string of {resource}"):
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
            print(say("{id} requires no password now: call rotate_auth_string again to turn AUTH on.", id=resource.id))
        raise


def _service_of(name: str) -> tuple[ResourceName, bool]:
    """A name with its service, and whether that is Memorystore for Valkey."""
    resource = ResourceName.of_instance(name)
    if not resource.service:
        resource = find(resource).resource
    return resource, resource.service == "valkey"
