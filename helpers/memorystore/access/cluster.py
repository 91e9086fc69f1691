"""Connections to one Memorystore for Redis Cluster: each of its nodes verified, signed in to with IAM."""

from typing import Any, NamedTuple

import redis
from redis.credentials import CredentialProvider

from helpers._connecting.clients import Connector
from helpers._localization.messages import say, words
from helpers.errors import ConnectionFailedError, InstanceNotReadyError
from helpers.memorystore.access.cluster_client import UNREACHABLE, cluster_client, refuse_tunnel
from helpers.memorystore.access.connections import authorities, certificate_refused
from helpers.memorystore.access.tokens import SignedInAccess, own_credentials
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_cluster_client
from helpers.memorystore.api.errors import advised
from helpers.memorystore.api.names import ResourceName

# Names rather than the library's constants: this module loads without the optional package.
_NOT_READY = ("CREATING", "DELETING")
_TLS = "TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION"
_IAM = "AUTH_MODE_IAM_AUTH"
_SHARED_AUTHORITY = "SERVER_CA_MODE_GOOGLE_MANAGED_SHARED_CA"

_CERTIFICATE = words(
    "Don't go on: the server is not one of the cluster's nodes, or it was given an address that its certificate "
    "does not name. Check your network, and the cluster's certificate authorities in the console."
)


class Lookup(NamedTuple):
    """What the API said of a cluster: its discovery endpoint, whether it wants access tokens, and its authorities."""

    host: str
    port: int
    iam: bool
    certificates: tuple[str, ...]


class ClusterAccess(SignedInAccess):
    """How to reach one cluster. Without credentials of the caller's own it is signed in to with access tokens.

    Raises:
        HelpersError: The optional package is not installed.
        InstanceNotReadyError, ConnectionFailedError, MemorystoreError, SignInError: As `connect` does.
    """

    found: Lookup
    role = "roles/redis.dbConnectionUser"
    permission = "redis.clusters.connect"

    def __init__(self, resource: ResourceName, own: CredentialProvider | None = None) -> None:
        super().__init__(resource, own)
        self.begin(self.look_up())

    def advice(self, error: BaseException) -> str | None:
        """What to do about a node that is not the cluster's, or that can't be reached."""
        if certificate_refused(error):
            return say(_CERTIFICATE)
        return say(UNREACHABLE) if isinstance(error, (redis.TimeoutError, TimeoutError)) else None

    def look_up(self) -> Lookup:
        """Ask the API."""
        resource, client = self.resource, cloud_redis_cluster_client(self.resource.project)
        with advised(f"look up {resource}"):
            found = client.get_cluster(name=str(resource), timeout=CALL_SECONDS)
        state = _name(found.state)
        if state in _NOT_READY:
            raise InstanceNotReadyError(str(resource), state)
        endpoint = next((endpoint for endpoint in found.discovery_endpoints if endpoint.address), None)
        if endpoint is None:
            raise ConnectionFailedError(
                f"{resource} has no discovery endpoint, so there is no address to connect to.\n"
                + say("Give it a Private Service Connect endpoint in your network, in the console, and connect again.")
            )
        certificates: tuple[str, ...] = ()
        if _name(found.transit_encryption_mode) == _TLS:
            certificates = self._authorities(client, shared=_name(found.server_ca_mode) == _SHARED_AUTHORITY)
        return Lookup(endpoint.address, endpoint.port or 6379, _name(found.authorization_mode) == _IAM, certificates)

    def _authorities(self, client: Any, *, shared: bool) -> tuple[str, ...]:
        resource = self.resource
        with advised(f"fetch the certificate authorities of {resource}"):
            if shared:
                name = f"{resource.location}/sharedRegionalCertificateAuthority"
                answer = client.get_shared_regional_certificate_authority(name=name, timeout=CALL_SECONDS)
            else:
                name = f"{resource}/certificateAuthority"
                answer = client.get_cluster_certificate_authority(name=name, timeout=CALL_SECONDS)
        return authorities(
            str(resource), (pem for chain in answer.managed_server_ca.ca_certs for pem in chain.certificates)
        )


def connector(name: str, options: dict[str, Any]) -> Connector:
    """The way to the cluster of a full name; `options` are as for `redis.RedisCluster`.

    Raises:
        ValueError: The name is malformed, or there is a tunnel, which can't lead to a cluster.
    """
    resource = ResourceName.parse(name)
    if "tunnel" in options:
        refuse_tunnel(str(resource))
    options = dict(options)
    access = ClusterAccess(resource, own_credentials(options))
    return Connector(lambda: cluster_client(access, options), str(resource), advice=access.advice)


def _name(value: Any) -> str:
    """An enum value's name; a value that the library does not know is a number."""
    return str(getattr(value, "name", value))
