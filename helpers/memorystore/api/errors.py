"""What Google Cloud's API refuses, in words, with the advice that helps.

Each error is also the `google.api_core` exception that it stands for. This module loads google-api-core;
`helpers.errors` holds what needs no Google library.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.api_core import exceptions as google
from google.rpc.error_details_pb2 import ErrorInfo

from helpers._localization.messages import say, words
from helpers.errors import HelpersError


class MemorystoreError(HelpersError, google.GoogleAPICallError):
    """The Memorystore API did not do what it was asked for. Each kind is also google-api-core's for that status."""

    def __str__(self) -> str:
        return str(self.message)


class ApiDisabledError(MemorystoreError, google.PermissionDenied):
    """The project has not switched the API on."""


class PermissionMissingError(MemorystoreError, google.PermissionDenied):
    """The account lacks a permission."""


class SignInRefusedError(MemorystoreError, google.Unauthenticated):
    """The credentials are not accepted, or have expired."""


class InstanceNotFoundError(MemorystoreError, google.NotFound):
    """There is no such instance, project or region."""


class AmbiguousNameError(HelpersError, ValueError):
    """Both services have an instance of one name, and it does not say which one is meant."""


class InstanceExistsError(MemorystoreError, google.AlreadyExists):
    """The name of a new instance is taken."""


class QuotaExceededError(MemorystoreError, google.ResourceExhausted):
    """The project may not have more, or asks too often.

    Sources: https://cloud.google.com/memorystore/docs/redis/quotas and
    https://docs.cloud.google.com/memorystore/docs/valkey/quotas.
    """


class RequestInvalidError(MemorystoreError, google.InvalidArgument):
    """A choice is one that the service does not offer."""


class NotPossibleNowError(MemorystoreError, google.FailedPrecondition):
    """The instance's tier or state does not allow it."""


class ApiTimeoutError(MemorystoreError, google.DeadlineExceeded):
    """The API did not answer in time."""


class ApiUnreachableError(MemorystoreError, google.ServiceUnavailable):
    """The API could not be reached."""


def _permission(error: google.GoogleAPICallError) -> str:
    """The missing permission: named in the details, or at least in the text."""
    named = (error.metadata or {}).get("permission", "")
    if not named and (found := re.search(r"\b(redis|memorystore)\.(?!googleapis\b)\w+\.\w+", error.message or "")):
        named = found[0]
    return str(named)


def _role_advice(error: google.GoogleAPICallError) -> str:
    """Which role to ask for.

    The roles of either service have the same names (https://cloud.google.com/memorystore/docs/redis/access-control,
    https://docs.cloud.google.com/memorystore/docs/valkey/access-control).
    """
    permission = _permission(error)
    family = "memorystore" if (permission or _service(error)).startswith("memorystore.") else "redis"
    if permission.endswith((".list", ".get")):
        role = f"roles/{family}.viewer"
    elif permission.endswith(".getAuthString"):
        return say(
            "Ask the project's owner for the permission {permission}: roles/redis.admin gives it, or a custom role of "
            "roles/redis.viewer and this permission.",
            permission=permission,
        )
    elif permission.endswith(".connect"):
        role = f"roles/{family}.dbConnectionUser"
    else:
        role = f"roles/{family}.admin"
    if not permission:
        return say("Ask the project's owner for the role {role}.", role=role)
    return say(
        "Ask the project's owner for the permission {permission}: {role} gives it.", permission=permission, role=role
    )


def _service(error: google.GoogleAPICallError) -> str:
    """The service that refused: named in the details, or at least in the text."""
    named = (error.metadata or {}).get("service", "")
    if not named and (found := re.search(r"\b\w+\.googleapis\.com", error.message or "")):
        named = found[0]
    return str(named)


# Google says so at the end of a creation, and needs one for each network and region
# (https://docs.cloud.google.com/memorystore/docs/valkey/networking).
_NO_POLICY = "no service connection policy"
_POLICY_ADVICE = words(
    "Have a network administrator create one in the instance's network and region, then call again: {command}"
)
_POLICY_COMMAND = (
    "gcloud network-connectivity service-connection-policies create NAME --service-class=gcp-memorystore "
    "--network=NETWORK --region=REGION --subnets=SUBNET"
)

_SIGN_IN = words("Sign in again: gcloud auth application-default login.")
# gRPC's words for google-auth's: the credentials have expired or are revoked.
_UNAUTHENTICATED = "metadata from plugin failed"

_Kind = tuple[type[google.GoogleAPICallError], type[MemorystoreError], str]
_KINDS: list[_Kind] = [
    (google.Unauthenticated, SignInRefusedError, _SIGN_IN),
    (
        google.NotFound,
        InstanceNotFoundError,
        words("Check the project, region and ID; list_instances(PROJECT) lists the existing instances."),
    ),
    (google.AlreadyExists, InstanceExistsError, words("Connect to the existing one, or choose another ID.")),
    (
        google.ResourceExhausted,
        QuotaExceededError,
        words(
            "Delete an instance that you no longer need, choose another region, or request more on the "
            "console's quotas page; if there were too many requests, wait a minute."
        ),
    ),
    (google.InvalidArgument, RequestInvalidError, words("Fix what the message names, then call again.")),
    (
        google.FailedPrecondition,
        NotPossibleNowError,
        words(
            "Wait until the instance is READY, or ACTIVE in Memorystore for Valkey; a failover needs the "
            "STANDARD_HA tier."
        ),
    ),
    (google.DeadlineExceeded, ApiTimeoutError, words("Check your network, then call again.")),
    (
        google.ServiceUnavailable,
        ApiUnreachableError,
        words(
            "Check your network; if MEMORYSTORE_EMULATOR_HOST is set, check that the emulator is running "
            "at that address."
        ),
    ),
]


@contextmanager
def advised(doing: str) -> Iterator[None]:
    """Turn the API's errors into this module's.

    Args:
        doing: What is tried, to follow "Could not ".
    """
    try:
        yield
    except MemorystoreError:
        raise
    except google.GoogleAPICallError as error:
        raise api_error(error, doing) from error
    except google.RetryError as error:  # repeated until the time was over
        cause = error.cause if isinstance(error.cause, google.GoogleAPICallError) else None
        raise api_error(cause or google.DeadlineExceeded("it took too long"), doing) from error


def api_error(error: google.GoogleAPICallError, doing: str) -> MemorystoreError:
    """The error of this module that stands for one of google-api-core's.

    Args:
        error: The original; its class, its reason and its text decide.
        doing: What was tried, to follow "Could not ".
    """
    said = (error.message or type(error).__name__).strip().splitlines()[0].rstrip(".")
    if isinstance(error, google.Forbidden) and _is_disabled(error):
        kind: type[MemorystoreError] = ApiDisabledError
        service = _service(error) or "redis.googleapis.com"
        advice = say("Run: gcloud services enable {service}. Then wait a minute and try again.", service=service)
    elif isinstance(error, google.Forbidden):
        kind, advice = PermissionMissingError, _role_advice(error)
    elif isinstance(error, google.ServiceUnavailable) and _UNAUTHENTICATED in said:
        kind, advice = SignInRefusedError, say(_SIGN_IN)
    elif isinstance(error, google.FailedPrecondition) and _NO_POLICY in said.lower():
        kind, advice = NotPossibleNowError, say(_POLICY_ADVICE, command=_POLICY_COMMAND)
    else:
        kind, text = next(
            ((ours, text) for theirs, ours, text in _KINDS if isinstance(error, theirs)),
            (MemorystoreError, words("Try again in a minute; https://status.cloud.google.com shows known outages.")),
        )
        advice = say(text)
    return kind(
        f"Could not {doing}: {said}.\n{advice}",
        details=error.details,
        # The call itself, which can be neither copied nor pickled, stays with the cause.
        error_info=_info(error),
    )


def reworded(error: MemorystoreError, message: str) -> MemorystoreError:
    """An error of the same kind, and of the same cause, that says something else."""
    made = type(error)(message, details=error.details, error_info=_info(error))
    made.__cause__ = error.__cause__
    return made


def _info(error: google.GoogleAPICallError) -> Any:
    # Not a dict, which older releases of google-api-core can't read the reason from.
    return ErrorInfo(reason=error.reason or "", domain=error.domain or "", metadata=dict(error.metadata or {}))


def _is_disabled(error: google.GoogleAPICallError) -> bool:
    return error.reason == "SERVICE_DISABLED" or "has not been used in project" in (error.message or "")
