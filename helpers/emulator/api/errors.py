"""How the APIs refuse: status codes with `google.rpc.ErrorInfo`, and the projects that provoke them.

Reasons of Google Cloud at large are those of ``google/api/error_reason.proto``, under the domain
``googleapis.com``; those of a service itself go under the service's host.
"""

from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

UNREACHABLE_REGION = "europe-west1"

PROVOKING_PROJECTS = {
    "api-disabled": "neither API is enabled: every call is PERMISSION_DENIED, SERVICE_DISABLED",
    "redis-only": "the API of Memorystore for Valkey is not enabled",
    "valkey-only": "the API of Memorystore for Redis is not enabled",
    "viewer-only": "the account may only look: whatever changes something, the AUTH string and authentication tokens "
    "are PERMISSION_DENIED, IAM_PERMISSION_DENIED, and no instance accepts its access tokens; in us-central1 there is "
    "an instance to look at in each service, 'shared' (Redis) and 'shared-valkey' (Valkey)",
    "quota-exceeded": "nothing more may be created: RESOURCE_EXHAUSTED, RESOURCE_QUOTA_EXCEEDED",
    "region-down": f"{UNREACHABLE_REGION} can't be reached: a list over all regions names it as unreachable "
    "(Memorystore for Redis puts a placeholder in place of its instances); a call to it is UNAVAILABLE",
}
"""Project IDs with something wrong about them, and what. Any other project is in order."""

VIEWER_PROJECT = "viewer-only"

_LOOKING = ("list", "get")
_SECRET = ("authTokens",)
"""What a viewer may not look at either."""


@dataclass(frozen=True)
class Api:
    """One of Google's services.

    Attributes:
        host: Where it is on Google Cloud; also the domain of its own reasons.
        title: What the console calls it.
        prefix: What its permissions begin with.
        quota: The limit on what may be created, and its metric.
        enabled_alone: The project that has the other service's API disabled.
    """

    host: str
    title: str
    prefix: str
    quota: tuple[str, str]
    enabled_alone: str


REDIS = Api(
    "redis.googleapis.com",
    "Google Cloud Memorystore for Redis API",
    "redis",
    ("RedisCapacityGbPerProjectPerRegion", "redis_capacity_gb"),
    "redis-only",
)
VALKEY = Api(
    "memorystore.googleapis.com", "Memorystore API", "memorystore", ("NodesPerProjectPerRegion", "nodes"), "valkey-only"
)


class ApiError(Exception):
    """A call, or an operation, that a service refuses.

    Args:
        code: The gRPC status code.
        message: What the caller reads.
        reason: `ErrorInfo`'s reason, in capitals; blank for no `ErrorInfo`.
        metadata: `ErrorInfo`'s metadata.
        domain: Whose reason it is; blank for the service that is asked.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        domain: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self._message, self._reason, self._metadata, self._domain = message, reason, metadata or {}, domain

    def status(self, api: Api) -> status_pb2.Status:
        """What goes over the wire.

        Args:
            api: The service that is asked.
        """
        status = status_pb2.Status(code=self.code.value[0], message=self._message)
        if self._reason:
            info = error_details_pb2.ErrorInfo(
                reason=self._reason, domain=self._domain or api.host, metadata=self._metadata
            )
            packed = any_pb2.Any()
            packed.Pack(info)
            status.details.append(packed)
        return status


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


def not_emulated(message: str) -> ApiError:
    """Google's service does it, and the emulator can't."""
    return ApiError(grpc.StatusCode.UNIMPLEMENTED, message)


def refuse_by_project(api: Api, project: str, location: str, permission: str) -> None:
    """Raise what the project is there to provoke.

    Args:
        api: The service that is asked.
        project: The project's ID.
        location: The region asked, ``-`` for all of them, or blank.
        permission: What the call needs, without the service's prefix, such as ``instances.create``.

    Raises:
        ApiError: As `PROVOKING_PROJECTS` has it.
    """
    what, _, verb = permission.partition(".")
    consumer = {"service": api.host, "consumer": f"projects/{project}"}
    alone = [each.enabled_alone for each in (REDIS, VALKEY) if each is not api]
    if project in ("api-disabled", *alone):
        address = f"https://console.developers.google.com/apis/api/{api.host}/overview?project={project}"
        raise ApiError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"{api.title} has not been used in project {project} before or it is disabled. Enable it by visiting "
            f"{address} then retry. If you enabled this API recently, wait a few minutes for the action to "
            "propagate to our systems and retry.",
            "SERVICE_DISABLED",
            consumer | {"containerInfo": project, "serviceTitle": api.title, "activationUrl": address},
            "googleapis.com",
        )
    if project == VIEWER_PROJECT and (verb not in _LOOKING or what in _SECRET):
        resource = f"projects/{project}/locations/{location}" if location else f"projects/{project}"
        full = f"{api.prefix}.{permission}"
        raise ApiError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"Permission '{full}' denied on resource '//{api.host}/{resource}' (or it may not exist).",
            "IAM_PERMISSION_DENIED",
            {"permission": full, "resource": resource},
            "googleapis.com",
        )
    if project == "quota-exceeded" and (what, verb) == ("instances", "create"):
        # The wording is a guess after that of other services; the reason is the one documented for quotas.
        limit, metric = api.quota
        raise ApiError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"Quota limit '{limit}' has been exceeded. Limit: 0 in region {location}.",
            "RESOURCE_QUOTA_EXCEEDED",
            consumer
            | {
                "quota_limit": limit,
                "quota_limit_value": "0",
                "quota_location": location,
                "quota_metric": f"{api.host}/{metric}",
            },
            "googleapis.com",
        )
    if project == "region-down" and location == UNREACHABLE_REGION:
        raise ApiError(grpc.StatusCode.UNAVAILABLE, f"Location {location} is temporarily unavailable.")
