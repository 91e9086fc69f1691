"""How the API refuses: status codes with `google.rpc.ErrorInfo`, and the projects that provoke them.

Reasons of Google Cloud at large are those of ``google/api/error_reason.proto``, under the domain
``googleapis.com``; those of the service itself go under ``redis.googleapis.com``.
"""

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

SERVICE = "redis.googleapis.com"
UNREACHABLE_REGION = "europe-west1"

PROVOKING_PROJECTS = {
    "api-disabled": "the API is not enabled: every call is PERMISSION_DENIED, SERVICE_DISABLED",
    "viewer-only": "the account may only look: whatever changes something, and the AUTH string, is "
    "PERMISSION_DENIED, IAM_PERMISSION_DENIED; there is one instance to look at, 'shared' in us-central1",
    "quota-exceeded": "nothing more may be created: RESOURCE_EXHAUSTED, RESOURCE_QUOTA_EXCEEDED",
    "region-down": f"{UNREACHABLE_REGION} can't be reached: a list over all regions names it as unreachable, "
    "with a placeholder in place of its instances; a call to it is UNAVAILABLE",
}
"""Project IDs with something wrong about them, and what. Any other project is in order."""

_LOOKING = ("list", "get")


class ApiError(Exception):
    """A call, or an operation, that the service refuses.

    Args:
        code: The gRPC status code.
        message: What the caller reads.
        reason: `ErrorInfo`'s reason, in capitals; blank for no `ErrorInfo`.
        metadata: `ErrorInfo`'s metadata.
        domain: Whose reason it is.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        domain: str = SERVICE,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status_pb2.Status(code=code.value[0], message=message)
        if reason:
            info = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata or {})
            packed = any_pb2.Any()
            packed.Pack(info)
            self.status.details.append(packed)


def not_found(name: str) -> ApiError:
    """No resource has that name."""
    return ApiError(
        grpc.StatusCode.NOT_FOUND, f"Resource '{name}' was not found", "RESOURCE_NOT_FOUND", {"resource": name}
    )


def already_exists(name: str) -> ApiError:
    """The name is taken."""
    return ApiError(
        grpc.StatusCode.ALREADY_EXISTS,
        f"Resource '{name}' already exists",
        "RESOURCE_ALREADY_EXISTS",
        {"resource": name},
    )


def invalid(field: str, message: str) -> ApiError:
    """A field of the request can't be what it is."""
    return ApiError(
        grpc.StatusCode.INVALID_ARGUMENT, f"Invalid value for {field}: {message}", "INVALID_FIELD", {"field": field}
    )


def not_possible_now(name: str, message: str) -> ApiError:
    """The request is right, and the instance's tier or state does not allow it."""
    return ApiError(grpc.StatusCode.FAILED_PRECONDITION, message, "FAILED_PRECONDITION", {"resource": name})


def refuse_by_project(project: str, location: str, permission: str) -> None:
    """Raise what the project is there to provoke.

    Args:
        project: The project's ID.
        location: The region asked, ``-`` for all of them, or blank.
        permission: What the call needs, such as ``redis.instances.create``.

    Raises:
        ApiError: As `PROVOKING_PROJECTS` has it.
    """
    what, _, verb = permission.removeprefix("redis.").partition(".")
    consumer = {"service": SERVICE, "consumer": f"projects/{project}"}
    if project == "api-disabled":
        title = "Google Cloud Memorystore for Redis API"
        address = f"https://console.developers.google.com/apis/api/{SERVICE}/overview?project={project}"
        raise ApiError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"{title} has not been used in project {project} before or it is disabled. Enable it by visiting "
            f"{address} then retry. If you enabled this API recently, wait a few minutes for the action to "
            "propagate to our systems and retry.",
            "SERVICE_DISABLED",
            consumer | {"containerInfo": project, "serviceTitle": title, "activationUrl": address},
            "googleapis.com",
        )
    if project == "viewer-only" and verb not in _LOOKING:
        resource = f"projects/{project}/locations/{location}" if location else f"projects/{project}"
        raise ApiError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"Permission '{permission}' denied on resource '//{SERVICE}/{resource}' (or it may not exist).",
            "IAM_PERMISSION_DENIED",
            {"permission": permission, "resource": resource},
            "googleapis.com",
        )
    if project == "quota-exceeded" and (what, verb) == ("instances", "create"):
        # The wording is a guess after that of other services; the reason is the one documented for quotas.
        limit = "RedisCapacityGbPerProjectPerRegion"
        raise ApiError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"Quota limit '{limit}' has been exceeded. Limit: 0 in region {location}.",
            "RESOURCE_QUOTA_EXCEEDED",
            consumer
            | {
                "quota_limit": limit,
                "quota_limit_value": "0",
                "quota_location": location,
                "quota_metric": f"{SERVICE}/redis_capacity_gb",
            },
            "googleapis.com",
        )
    if project == "region-down" and location == UNREACHABLE_REGION:
        raise ApiError(grpc.StatusCode.UNAVAILABLE, f"Location {location} is temporarily unavailable.")
