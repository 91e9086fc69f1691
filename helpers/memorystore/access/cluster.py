"""Connections to one Memorystore for Redis Cluster: each of its nodes verified, signed in to with IAM.

A cluster has one address to begin with, its discovery endpoint, where a client learns the addresses of the
nodes. All of them show certificates that the cluster's authorities signed.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, NamedTuple

import redis
import redis.asyncio
from google.auth.credentials import TokenState
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from redis.credentials import CredentialProvider, UsernamePasswordCredentialProvider
from redis.exceptions import RedisClusterException

from helpers._connecting.clients import DEFAULTS, Connector, without_blocking
from helpers._credentials.authentication import application_default_credentials
from helpers._credentials.secrets import Secret
from helpers._localization.messages import say, words
from helpers.errors import (
    AuthenticationFailedError,
    ConnectionFailedError,
    HelpersError,
    InstanceNotReadyError,
    SignInError,
    connection_error,
)
from helpers.memorystore.access.connections import Access, MemorystoreConnection, authorities, certificate_refused
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_cluster_client
from helpers.memorystore.api.errors import advised
from helpers.memorystore.api.names import ResourceName

# Names rather than the library's constants: this module loads without the optional package.
_NOT_READY = ("CREATING", "DELETING")
_TLS = "TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION"
_IAM = "AUTH_MODE_IAM_AUTH"
_SHARED_AUTHORITY = "SERVER_CA_MODE_GOOGLE_MANAGED_SHARED_CA"

_ROLE = words(
    "Ask the project's owner to give your account roles/redis.dbConnectionUser, which allows connecting "
    "(redis.clusters.connect); it takes a minute to have effect."
)
_CERTIFICATE = words(
    "Don't go on: the server is not one of the cluster's nodes, or it was given an address that its certificate "
    "does not name. Check your network, and the cluster's certificate authorities in the console."
)
_UNREACHABLE = words(
    "A cluster's addresses are private, and no single tunnel reaches all of its nodes: run this inside its "
    "network, such as in a Vertex AI Workbench instance there."
)


class TokenUnavailableError(SignInError, AuthenticationFailedError):
    """No access token could be had for signing in to a cluster."""


class Lookup(NamedTuple):
    """What the API said of a cluster: its discovery endpoint, whether it wants access tokens, and its authorities."""

    host: str
    port: int
    iam: bool
    certificates: tuple[str, ...]


class AccessTokens(CredentialProvider):
    """Access tokens of the application default credentials, as redis-py sends them.

    A token is renewed before it expires, at google-auth's threshold of 3 minutes 45 seconds. What was signed in
    with it stays connected: https://cloud.google.com/memorystore/docs/cluster/about-iam-auth

    Raises:
        SignInError: There are no credentials, or they give no token.
    """

    def __init__(self, project: str) -> None:
        self._credentials = application_default_credentials(project)
        self._locks: dict[int, threading.Lock] = {}  # one a process, so that a forked child finds it open
        self.get_credentials()

    def get_credentials(self) -> tuple[str, Secret]:
        """User and token for the next connection.

        Raises:
            TokenUnavailableError: The old token has expired, and no new one could be had.
        """
        with self._locks.setdefault(os.getpid(), threading.Lock()):
            if self._credentials.token_state is not TokenState.FRESH:
                try:
                    # google-auth's own time limit is two minutes.
                    self._credentials.refresh(partial(Request(), timeout=CALL_SECONDS))
                except GoogleAuthError as error:
                    # One that is about to expire is still good for now.
                    if self._credentials.token_state is TokenState.INVALID:
                        raise _no_token(error) from error
            return "default", Secret(self._credentials.token)


def _no_token(error: GoogleAuthError) -> TokenUnavailableError:
    said = error.args[0] if error.args and isinstance(error.args[0], str) else type(error).__name__
    return TokenUnavailableError(
        f"The Google Cloud credentials gave no access token: {said.strip().splitlines()[0].rstrip('.')}.\n"
        + say(
            "Sign in again. On a laptop run: gcloud auth application-default login. On Google Cloud, check that the "
            "runtime's service account is enabled."
        )
    )


class ClusterAccess(Access):
    """How to reach one cluster. Without credentials of the caller's own it is signed in to with access tokens.

    Raises:
        HelpersError: The optional package is not installed.
        InstanceNotReadyError, ConnectionFailedError, MemorystoreError, SignInError: As `connect` does.
    """

    found: Lookup

    def __init__(self, resource: ResourceName, credentials: CredentialProvider | None = None) -> None:
        super().__init__(resource)
        self.found = self.look_up()
        self._has_tokens = self.found.iam and not credentials
        provider = AccessTokens(resource.project) if self._has_tokens else credentials
        self._credentials: CredentialProvider | None = provider and without_blocking(provider)

    def get_credentials(self) -> Any:
        """What AUTH is sent with; nothing where there is no need for it."""
        return self._credentials.get_credentials() if self._credentials else ()

    async def get_credentials_async(self) -> Any:
        """Like `get_credentials`; the event loop goes on meanwhile."""
        return await self._credentials.get_credentials_async() if self._credentials else ()

    def renew(self, used: Lookup, after: redis.RedisError) -> bool:
        """Ask again after a node's certificate was refused: other faults the client sees to."""
        return certificate_refused(after) and super().renew(used, after)

    def advise(self, error: redis.RedisError, server: str) -> None:
        """Raise the error that says what to do."""
        where = f"{self.resource} ({server})"
        if isinstance(error, HelpersError):
            return
        if certificate_refused(error):
            raise connection_error(error, where, say(_CERTIFICATE)) from error
        if isinstance(error, (redis.AuthenticationError, redis.ResponseError)) and self._has_tokens:
            # Whatever AUTH is answered with, it is about the account.
            raise connection_error(redis.AuthenticationError(str(error)), where, say(_ROLE)) from error
        if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
            advice = say(_UNREACHABLE) if isinstance(error, redis.TimeoutError) else None
            raise connection_error(error, where, advice) from error

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
        return authorities(resource, (pem for chain in answer.managed_server_ca.ca_certs for pem in chain.certificates))


class AsyncClusterClient(redis.asyncio.RedisCluster):
    """`ClusterClient` for asyncio."""

    async def initialize(self, *args: Any, **options: Any) -> redis.asyncio.RedisCluster:
        """As redis-py's."""
        with _reason():
            return await super().initialize(*args, **options)


class ClusterClient(redis.RedisCluster):
    """redis-py's client, with errors that say what is wrong rather than that no node could be reached."""

    asynchronous: ClassVar[type] = AsyncClusterClient

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's."""
        with _reason():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


@contextmanager
def _reason() -> Iterator[None]:
    """Raise the error that redis-py's summary of a search for nodes ends in, where it is one of ours."""
    try:
        yield
    except RedisClusterException as error:
        if isinstance(error.__cause__, HelpersError):
            raise error.__cause__ from error.__cause__.__cause__
        raise


def connector(name: str, options: dict[str, Any]) -> Connector:
    """The way to the cluster of a full name; `options` are as for `redis.RedisCluster`.

    Raises:
        ValueError: The name is malformed, or there is a tunnel, which can't lead to a cluster.
    """
    resource = ResourceName.parse(name)
    if "tunnel" in options:
        raise ValueError(
            f"{resource} can't be reached through a tunnel: each of a cluster's nodes has an address of its own, "
            f"and a tunnel leads to one.\n{say(_UNREACHABLE)}"
        )
    options = dict(options)  # redis-py takes no two kinds of credentials
    username, password = options.pop("username", None), options.pop("password", None)
    own = UsernamePasswordCredentialProvider(username, password) if username or password else None
    access = ClusterAccess(resource, options.pop("credential_provider", own))
    settings: dict[str, Any] = DEFAULTS | {
        "connection_class": MemorystoreConnection,
        "credential_provider": access,
        # Nodes come and go; the discovery endpoint stays, so that is where each new look at the cluster begins.
        "dynamic_startup_nodes": False,
    }
    # Not rediss://, which would put redis-py's own TLS in the place of the connection class.
    host = f"[{access.found.host}]" if ":" in access.found.host else access.found.host
    url = f"redis://{host}:{access.found.port}"

    return Connector(lambda: ClusterClient.from_url(url, **settings | options), str(resource))


def _name(value: Any) -> str:
    """An enum value's name; a value that the library does not know is a number."""
    return str(getattr(value, "name", value))
