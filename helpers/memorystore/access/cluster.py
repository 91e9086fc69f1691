"""Connections to one Memorystore for Redis Cluster: each of its nodes verified, signed in to with IAM.

A cluster has one address to begin with, its discovery endpoint, where a client learns the addresses of the
nodes. All of them show certificates that the cluster's authorities signed.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import redis
import redis.asyncio
from google.auth.credentials import TokenState
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from redis.credentials import CredentialProvider
from redis.exceptions import RedisClusterException

from helpers._connecting.clients import DEFAULTS, Connector
from helpers._credentials.authentication import application_default_credentials
from helpers._credentials.secrets import Secret
from helpers._localization.messages import say, words
from helpers.errors import (
    AuthenticationFailedError,
    BlockedCommandError,
    ConnectionFailedError,
    HelpersError,
    InstanceNotReadyError,
    SignInError,
    connection_error,
)
from helpers.memorystore.access.pinned_tls import pinned_context
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_cluster_client
from helpers.memorystore.api.errors import MemorystoreError, advised
from helpers.memorystore.api.names import ResourceName

# Names rather than the library's constants: this module loads without the optional package.
_NOT_READY = ("CREATING", "DELETING")
_TLS = "TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION"
_IAM = "AUTH_MODE_IAM_AUTH"
_SHARED_AUTHORITY = "SERVER_CA_MODE_GOOGLE_MANAGED_SHARED_CA"

# Nodes come and go; the discovery endpoint stays, so that is where each new look at the cluster begins.
_TOPOLOGY = {"dynamic_startup_nodes": False}

_RENEW_SECONDS = 5.0
"""How soon the authorities are fetched once more. Each of the nodes may refuse at once."""

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
    """What the API said of a cluster.

    Attributes:
        host: The discovery endpoint's address.
        port: Its port.
        iam: Whether it is signed in to with access tokens.
        certificates: Its authorities, in PEM; none where it has no TLS.
    """

    host: str
    port: int
    iam: bool
    certificates: tuple[str, ...]


class AccessTokens(CredentialProvider):
    """Access tokens of the application default credentials, as redis-py sends them.

    A token is renewed before it expires, at google-auth's threshold of 3 minutes 45 seconds. What was signed in
    with it stays connected:
    https://cloud.google.com/memorystore/docs/cluster/about-iam-auth

    Args:
        project: The project to look for credentials in.

    Raises:
        SignInError: There are no credentials, or they give no token.
    """

    def __init__(self, project: str) -> None:
        self._credentials = application_default_credentials(project)
        self._lock = threading.Lock()
        self.get_credentials()

    def get_credentials(self) -> tuple[str, Secret]:
        """User and token for the next connection.

        Raises:
            TokenUnavailableError: The old token has expired, and no new one could be had.
        """
        with self._lock:
            if self._credentials.token_state is not TokenState.FRESH:
                try:
                    self._credentials.refresh(_BriefRequest())
                except GoogleAuthError as error:
                    # One that is about to expire is still good for now.
                    if self._credentials.token_state is TokenState.INVALID:
                        raise _no_token(error) from error
            return self._current()

    async def get_credentials_async(self) -> tuple[str, Secret]:
        """Like `get_credentials`; the event loop goes on meanwhile."""
        if self._credentials.token_state is TokenState.FRESH:
            return self._current()
        return await asyncio.to_thread(self.get_credentials)

    def _current(self) -> tuple[str, Secret]:
        return "default", Secret(self._credentials.token)


class _BriefRequest(Request):
    """HTTP for google-auth with a time limit; its own is two minutes."""

    def __call__(  # type: ignore[no-untyped-def]
        self, url, method="GET", body=None, headers=None, timeout=CALL_SECONDS, **options
    ):
        return super().__call__(url, method, body, headers, timeout, **options)  # type: ignore[no-untyped-call]


def _no_token(error: GoogleAuthError) -> TokenUnavailableError:
    said = error.args[0] if error.args and isinstance(error.args[0], str) else type(error).__name__
    return TokenUnavailableError(
        f"The Google Cloud credentials gave no access token: {said.strip().splitlines()[0].rstrip('.')}.\n"
        + say(
            "Sign in again. On a laptop run: gcloud auth application-default login. On Google Cloud, check that the "
            "runtime's service account is enabled."
        )
    )


class ClusterAccess:
    """How to reach one cluster.

    Args:
        resource: The cluster's name.
        signs_in: Whether to sign in with access tokens, where the cluster wants them.

    Raises:
        HelpersError: The optional package is not installed.
        InstanceNotReadyError: The cluster is being created or deleted.
        ConnectionFailedError: It has no address, or encrypts and has no authority to verify it by.
        MemorystoreError: The API refuses, or can't be reached.
        SignInError: There are no credentials, or they give no token.
    """

    def __init__(self, resource: ResourceName, *, signs_in: bool = True) -> None:
        self.resource = resource
        self._lock = threading.Lock()
        self._renewed = -_RENEW_SECONDS
        self._contexts: dict[tuple[tuple[str, ...], str], ssl.SSLContext] = {}
        self.found = self._look_up()
        self.tokens = AccessTokens(resource.project) if self.found.iam and signs_in else None

    def context(self, used: Lookup, host: str) -> ssl.SSLContext | None:
        """What a TLS connection to a node is verified with; ``None`` without TLS.

        Args:
            used: The knowledge that the connection goes by.
            host: The node's address.
        """
        if not used.certificates:
            return None
        key = (used.certificates, host)
        if key not in self._contexts:
            self._contexts[key] = pinned_context(used.certificates, host)
        return self._contexts[key]

    def renew(self, used: Lookup) -> bool:
        """Look the cluster up again after a node's certificate was refused.

        Args:
            used: The knowledge that the connection went by.

        Returns:
            Whether its authorities have changed, so that another attempt is worth it.
        """
        with self._lock:
            if self.found == used and time.monotonic() - self._renewed >= _RENEW_SECONDS:
                self._renewed = time.monotonic()
                try:
                    # Without encryption from now on? A server that shows a wrong certificate has no say in that.
                    found = self._look_up()
                    self.found = found if found.certificates else used
                except (MemorystoreError, redis.RedisError):
                    return False  # what is reported is why the certificate was refused
            return self.found.certificates != used.certificates

    def advised(self, error: BaseException, node: str | None = None) -> ConnectionFailedError:
        """The error that says what to do about a connection that could not be made.

        Args:
            error: What redis-py raised.
            node: Host and port of the node that it was about; ``None`` for the cluster as such.
        """
        if isinstance(error, (redis.AuthenticationError, redis.ResponseError)) and self.tokens:
            # Whatever AUTH is answered with, it is about the account.
            error, advice = redis.AuthenticationError(str(error)), say(_ROLE)
        elif _certificate_refused(error):
            advice = say(_CERTIFICATE)
        elif isinstance(error, (redis.TimeoutError, TimeoutError)):
            advice = say(_UNREACHABLE)
        else:
            advice = None
        return connection_error(error, f"{self.resource} ({node})" if node else str(self.resource), advice)

    def _look_up(self) -> Lookup:
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
        found = [pem for chain in answer.managed_server_ca.ca_certs for pem in chain.certificates if pem.strip()]
        if not found:
            raise ConnectionFailedError(
                f"{resource} is encrypted, and the API names no certificate authority to verify its nodes by.\n"
                + say("Wait a minute and connect again; the console shows its certificate authorities.")
            )
        return tuple(found)

    def __repr__(self) -> str:
        return f"<ClusterAccess {self.resource}>"


class NodeConnection(redis.Connection):
    """A connection to one node of a cluster, verified and signed in.

    redis-py lets no argument of ours through to it, so `connection_class` makes a class of each cluster.
    """

    access: ClassVar[ClusterAccess]
    asynchronous: ClassVar[type["AsyncClusterClient"]]

    def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect and sign in; what another attempt can't mend is told at once."""
        try:
            super().connect_check_health(*args, **options)
        except (redis.ConnectionError, redis.ResponseError) as error:
            if not _is_final(error):
                raise
            raise self.access.advised(error, f"{self.host}:{self.port}") from error

    def _connect(self) -> Any:
        used = self.access.found
        try:
            return self._open(used)
        except ssl.SSLCertVerificationError:
            if not self.access.renew(used):
                raise
            return self._open(self.access.found)

    def _open(self, used: Lookup) -> Any:
        plain = super()._connect()  # type: ignore[no-untyped-call]
        try:
            context = self.access.context(used, self.host)
            return context.wrap_socket(plain, server_hostname=self.host) if context else plain
        except BaseException:
            plain.close()
            raise

    def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        """As redis-py's, with a reply read in any case.

        After the handshake TLS 1.3 servers send session tickets. redis-py takes what it has not read for a stray
        reply, and gives the connection up, unless the answer to AUTH was read.
        """
        super().on_connect_check_health(*args, **options)
        if isinstance(self._sock, ssl.SSLSocket) and not (self.credential_provider or self.password):
            self._send_ping()

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a reply; an error that Memorystore is the reason for says so."""
        try:
            return super().read_response(*args, **options)
        except redis.ResponseError as error:
            if "unknown command" in str(error):
                raise BlockedCommandError(str(error)) from error
            raise


class AsyncNodeConnection(redis.asyncio.Connection):
    """`NodeConnection` for redis-py's asyncio client."""

    access: ClassVar[ClusterAccess]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used = self.access.found
        self._opened: asyncio.StreamWriter | None = None

    async def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect and sign in; what another attempt can't mend is told at once."""
        try:
            await super().connect_check_health(*args, **options)
        except (redis.ConnectionError, redis.ResponseError) as error:
            if not _is_final(error):
                raise
            if self._opened:
                # redis-py takes its leave of a refused connection without waiting for the answer, which may come
                # when the loop has ended.
                self._opened.transport.abort()
            raise self.access.advised(error, f"{self.host}:{self.port}") from error

    async def _connect(self) -> None:
        self._used, self._opened = self.access.found, None
        try:
            await super()._connect()  # type: ignore[no-untyped-call]
        except ssl.SSLCertVerificationError:
            if not await asyncio.to_thread(self.access.renew, self._used):
                raise
            self._used = self.access.found
            await super()._connect()  # type: ignore[no-untyped-call]
        self._opened = self._writer

    def _connection_arguments(self) -> dict[str, Any]:
        arguments = dict(super()._connection_arguments())
        context = self.access.context(self._used, self.host)
        return arguments | {"ssl": context, "server_hostname": self.host} if context else arguments

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a reply; an error that Memorystore is the reason for says so."""
        try:
            return await super().read_response(*args, **options)
        except redis.ResponseError as error:
            if "unknown command" in str(error):
                raise BlockedCommandError(str(error)) from error
            raise


class ClusterClient(redis.RedisCluster):
    """redis-py's client, with errors that say what is wrong rather than that no node could be reached."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's."""
        with _reason():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


class AsyncClusterClient(redis.asyncio.RedisCluster):
    """`ClusterClient` for asyncio.

    Args:
        options: As for `redis.asyncio.RedisCluster`.
    """

    connection_class: ClassVar[type[AsyncNodeConnection]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | _TOPOLOGY)
        # The constructor takes no class for connections. It has handed its options to the nodes it starts from;
        # those that it finds later get them from the nodes manager, which shares this dictionary.
        self.connection_kwargs["connection_class"] = self.connection_class
        for node in self.nodes_manager.startup_nodes.values():
            node.connection_class = self.connection_class

    async def initialize(self, *args: Any, **options: Any) -> redis.asyncio.RedisCluster:
        """As redis-py's."""
        with _reason():
            return await super().initialize(*args, **options)


def connection_class(access: ClusterAccess) -> type[NodeConnection]:
    """The class of one cluster's connections; its attribute `asynchronous` is the class of its asyncio clients."""
    asynchronous_connection = type("AsyncClusterConnection", (AsyncNodeConnection,), {"access": access})
    asynchronous = type("AsyncNamedClusterClient", (AsyncClusterClient,), {"connection_class": asynchronous_connection})
    return type("ClusterConnection", (NodeConnection,), {"access": access, "asynchronous": asynchronous})


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
    """The way to the cluster of a full name.

    Args:
        name: The cluster's full name.
        options: As for `redis.RedisCluster`; they count before what this module sets.

    Raises:
        ValueError: The name is malformed, or there is a tunnel, which can't lead to a cluster.
        HelpersError, InstanceNotReadyError, ConnectionFailedError, MemorystoreError, SignInError: As
            `ClusterAccess` does.
    """
    resource = ResourceName.parse(name)
    if "tunnel" in options:
        raise ValueError(
            f"{resource} can't be reached through a tunnel: each of a cluster's nodes has an address of its own, "
            f"and a tunnel leads to one.\n{say(_UNREACHABLE)}"
        )
    # Who brings credentials does without ours: redis-py takes no two kinds.
    access = ClusterAccess(resource, signs_in=options.keys().isdisjoint({"password", "credential_provider"}))
    found = access.found
    settings: dict[str, Any] = DEFAULTS | {
        "connection_class": connection_class(access),
        **_TOPOLOGY,
    }
    if access.tokens:
        settings["credential_provider"] = access.tokens
    # Not rediss://, which would put redis-py's own TLS in the place of the connection class.
    host = f"[{found.host}]" if ":" in found.host else found.host
    url = f"redis://{host}:{found.port}"

    def make() -> redis.RedisCluster:
        try:
            client = ClusterClient.from_url(url, **settings | options)
            client.ping()
            return client
        except RedisClusterException as error:
            # redis-py's summary of what happened at the last node that it tried.
            if not isinstance(error.__cause__, (redis.RedisError, OSError)):
                raise
            reason: BaseException = error.__cause__
        except (redis.RedisError, OSError) as error:
            reason = error
        if isinstance(reason, HelpersError):
            raise reason
        raise access.advised(reason) from reason

    return Connector(make, str(resource))


def _name(value: Any) -> str:
    """An enum value's name; a value that the library does not know is a number."""
    return str(getattr(value, "name", value))


def _certificate_refused(error: BaseException) -> bool:
    # redis-py raises its own error while it handles the one of `ssl`.
    return isinstance(error.__context__, ssl.SSLCertVerificationError)


def _is_final(error: Exception) -> bool:
    """Whether an error is to be told at once, and has not been put into words yet.

    The others stay as redis-py made them: its cluster client tries again after those that it knows.
    """
    if isinstance(error, HelpersError):
        return False
    return isinstance(error, (redis.AuthenticationError, redis.ResponseError)) or _certificate_refused(error)
