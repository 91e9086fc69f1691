"""Clients of Google's APIs, made once a process, for Google Cloud or for an emulator of it."""

import logging
import os
from typing import Any

import grpc
from google.cloud import memorystore_v1, redis_v1
from google.cloud.memorystore_v1.services.memorystore.transports import MemorystoreGrpcTransport
from google.cloud.redis_v1.services.cloud_redis.transports import CloudRedisGrpcTransport

from helpers._credentials.authentication import application_default_credentials
from helpers._localization.messages import say
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import require
from helpers.memorystore.api.names import Service

CALL_SECONDS = 10
"""How long one call may take. The library's own limit is 600 seconds."""

_made: dict[tuple[Any, ...], Any] = {}


def emulator_host() -> str | None:
    """Where the emulator is, or ``None`` for Google Cloud.

    Raises:
        ValueError: The environment variable is set to something other than HOST:PORT.
    """
    host = os.environ.get(EMULATOR_VARIABLE, "").strip()
    if not host:
        return None
    name, _, port = host.rpartition(":")
    if not name or "/" in host or not port.isdecimal():
        raise ValueError(
            f"{EMULATOR_VARIABLE} is {host!r}.\n"
            + say("Its form is {form}, for example {example}.", form="HOST:PORT", example="127.0.0.1:8090")
        )
    return host


def cloud_redis_client(project: str) -> redis_v1.CloudRedisClient:
    """The real client of the Memorystore for Redis API.

    Args:
        project: The project to bill its calls to.

    Raises:
        SignInError: There are no credentials. The emulator asks for none.
    """
    client: redis_v1.CloudRedisClient = _once(redis_v1.CloudRedisClient, CloudRedisGrpcTransport, project)
    return client


def memorystore_client(project: str) -> memorystore_v1.MemorystoreClient:
    """The real client of the Memorystore for Valkey API.

    Args:
        project: The project to bill its calls to.

    Raises:
        SignInError: There are no credentials. The emulator asks for none.
    """
    client: memorystore_v1.MemorystoreClient
    client = _once(memorystore_v1.MemorystoreClient, MemorystoreGrpcTransport, project)
    return client


def client_of(service: Service, project: str) -> Any:
    """The client of either service's API: both have the calls for instances under the same names."""
    return cloud_redis_client(project) if service == "redis" else memorystore_client(project)


def _once(kind: Any, transport: Any, project: str) -> Any:
    """A client of a kind, for the emulator or else for a project."""
    host = emulator_host()
    # gRPC does not survive a fork, and no thread waits for what another one is at: a child would, for ever.
    key = (os.getpid(), kind, host or "", "" if host else project)
    if key not in _made:
        if host:
            made = kind(transport=transport(channel=grpc.insecure_channel(host)))
        else:
            made = kind(credentials=application_default_credentials(project))
        _made.setdefault(key, made)
    return _made[key]


def enum_name(described: Any, field: str) -> str:
    """The name of an enum field's value, or its number where the library is older than the value.

    proto-plus would warn of such a value, and give the bare number.
    """
    message = type(described).pb(described)
    number = getattr(message, field)
    known = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return known.name if known else str(number)


def is_encrypted(instance: redis_v1.Instance | memorystore_v1.Instance) -> bool:
    """Whether an instance speaks TLS. A mode that the library does not know counts as one that does."""
    plain = ("DISABLED", "TRANSIT_ENCRYPTION_DISABLED", "TRANSIT_ENCRYPTION_MODE_UNSPECIFIED")
    return enum_name(instance, "transit_encryption_mode") not in plain


def cloud_redis_cluster_client(project: str) -> Any:
    """The real client of the Memorystore for Redis Cluster API, a `redis_cluster_v1.CloudRedisClusterClient`.

    Args:
        project: The project to bill its calls to.

    Raises:
        MissingExtraError: The optional package that it is in is not installed.
        SignInError: There are no credentials. The emulator asks for none.
    """
    require("cluster", "google.cloud.redis_cluster_v1")
    from google.cloud import redis_cluster_v1
    from google.cloud.redis_cluster_v1.services.cloud_redis_cluster.transports import CloudRedisClusterGrpcTransport

    return _once(redis_cluster_v1.CloudRedisClusterClient, CloudRedisClusterGrpcTransport, project)


class _WithoutSecrets(logging.Filter):
    """Lets no secret into the libraries' logs, which GOOGLE_SDK_PYTHON_LOGGING_SCOPE asks for."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(getattr(record, "rpcName", "")).rstrip("'").endswith(_WITH_SECRETS)


_WITH_SECRETS = ("/GetInstanceAuthString", "/GetAuthToken", "/ListAuthTokens", "/AddAuthToken", "/AddTokenAuthUser")
for _service in ("redis_v1.services.cloud_redis", "memorystore_v1.services.memorystore"):
    for _transport in ("grpc", "grpc_asyncio"):
        logging.getLogger(f"google.cloud.{_service}.transports.{_transport}").addFilter(_WithoutSecrets())
