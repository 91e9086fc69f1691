"""One Memorystore for Valkey instance, in either mode: its endpoints, what it is signed in to with, its authorities.

With cluster mode disabled it is one server at its primary endpoint; replicas are read at its reader endpoint. With
cluster mode enabled a client begins at the discovery endpoint
(https://cloud.google.com/memorystore/docs/valkey/connect-instance). All of them are addresses that Private Service
Connect has in a network of the customer's, of which there may be several.
"""

import re
from importlib.metadata import version
from typing import Any, NamedTuple

import redis
from google.cloud import memorystore_v1
from redis.cluster import LoadBalancingStrategy
from redis.credentials import CredentialProvider

from helpers._connecting.clients import DEFAULTS, Connector
from helpers._credentials.secrets import Secret
from helpers._localization import formats
from helpers._localization.messages import say, words
from helpers.errors import (
    AuthenticationFailedError,
    ConnectionFailedError,
    InstanceNotReadyError,
    ReaderRefusedError,
)
from helpers.memorystore.access.cluster_client import UNREACHABLE, cluster_client, refuse_tunnel
from helpers.memorystore.access.connections import MemorystoreConnection, authorities, certificate_refused, tunnel_end
from helpers.memorystore.access.tokens import SignedInAccess, own_credentials
from helpers.memorystore.api.clients import CALL_SECONDS, enum_name, memorystore_client
from helpers.memorystore.api.errors import advised
from helpers.memorystore.api.finding import Found, describe

_Instance, _Kind = memorystore_v1.Instance, memorystore_v1.ConnectionType
_NOT_READY = (_Instance.State.CREATING, _Instance.State.DELETING)
_MODES = {_Instance.Mode.CLUSTER: True, _Instance.Mode.CLUSTER_DISABLED: False, _Instance.Mode.STANDALONE: False}
# By its number, and what belongs to it by name: google-cloud-memorystore knows it from 0.5.4 on, which needs a newer
# protobuf than Colab has.
_TOKEN_AUTH = 3
_ENDPOINTS = {
    _Kind.CONNECTION_TYPE_DISCOVERY: "discovery",
    _Kind.CONNECTION_TYPE_PRIMARY: "primary",
    _Kind.CONNECTION_TYPE_READER: "reader",
}

_CERTIFICATE = words(
    "Don't go on: the server is not the instance's, or it was given an address that its certificate does not name. "
    "Check your network, or where the tunnel leads, and the instance's certificate authorities in the console."
)
_TOKEN_REFUSED = words(
    "The token was fetched again, and refused again. If tokens were changed a moment ago, wait a minute and call again."
)
_OF_THE_OTHER_KIND = "MOVED|[Cc]luster mode is not enabled|cluster support disabled"
_OTHER_KIND = words(
    "The server there is not the instance, whose mode is different: check your network, or where the tunnel leads."
)
_NOBODY = words("In the console, add a user and a token for it, or connect with your own username=… and password=….")


class Lookup(NamedTuple):
    """What the API said of an instance.

    Attributes:
        host: The address of the endpoint to begin at.
        port: Its port.
        cluster: Whether cluster mode is enabled.
        iam: Whether access tokens are wanted.
        credentials: User and token, where the instance has tokens of its own (TOKEN_AUTH).
        certificates: Its authorities; none where it has no TLS.
        networks: The networks that it has such an endpoint in.
    """

    host: str
    port: int
    cluster: bool
    iam: bool
    credentials: tuple[()] | tuple[str, Secret]
    certificates: tuple[str, ...]
    networks: tuple[str, ...]


class ValkeyAccess(SignedInAccess):
    """How to reach one instance. `options` are a client's, from which those that are meant for this are taken.

    Raises:
        ValueError: The tunnel's end is not of its form, the instance is a cluster and there is one, no endpoint is in
            the network that is named, or a user is named and it has none.
        InstanceNotReadyError, ConnectionFailedError, MemorystoreError, SignInError: As `connect` does.
    """

    found: Lookup
    signs_in_by = "token"
    # https://cloud.google.com/memorystore/docs/valkey/about-iam-auth
    role = "roles/memorystore.dbConnectionUser"
    permission = "memorystore.instances.connect"

    def __init__(self, instance: Found, options: dict[str, Any]) -> None:
        # A user name without a password names the user whose token is fetched.
        self._username = options.pop("username", None) if not options.get("password") else None
        own: CredentialProvider | None = own_credentials(options)
        super().__init__(instance.resource, own)
        self.reader, self._network = bool(options.pop("reader", False)), options.pop("network", None)
        tunnel = options.pop("tunnel", None)
        self.tunnel = tunnel_end(tunnel) if tunnel else None
        self.begin(self._read(instance.described))
        if self._username and not (own or self.found.credentials):
            raise ValueError(
                f"{self.where} has no users of its own that {self._username!r} could be one of.\n"
                + say("Leave username= out: it is for token authentication, or for your own password=….")
            )

    @property
    def where(self) -> str:
        """The instance as errors name it."""
        return self.resource.full if self.found.cluster else self.at("")

    def at(self, server: str) -> str:
        """A server of the instance, as errors name it."""
        return f"{self.resource.full} {f'({server})' if self.found.cluster else self.place_of_one}"

    def way(self, used: Lookup, host: str, port: int) -> tuple[str, int, str]:
        """To the node of a cluster; or else to the endpoint or the tunnel's end, where the endpoint is verified."""
        return (host, port, host) if used.cluster else self.way_to_one(used)

    def is_another(self, used: Lookup, found: Lookup) -> bool:
        """Whether it was made anew in the other mode."""
        return used.cluster != found.cluster

    def fetched(self, found: Lookup) -> Any:
        """User and token, where the instance has tokens of its own."""
        return found.credentials

    def outdated(self, used: Lookup, after: redis.RedisError) -> bool:
        """Whether a fault may come of what is known: any may, where there is one address."""
        return not used.cluster or super().outdated(used, after)

    def advice(self, error: BaseException) -> str | None:
        """What to do about a server that is not the instance's, that refuses a token, or that can't be reached."""
        if certificate_refused(error):
            return say(_CERTIFICATE)
        if re.search(_OF_THE_OTHER_KIND, str(error)):
            return say(_OTHER_KIND)
        if isinstance(error, redis.AuthenticationError):
            return say(_TOKEN_REFUSED) if self.found.credentials and not self._own else None
        if not isinstance(error, (redis.TimeoutError, TimeoutError)):
            return None
        if len(self.found.networks) > 1 and not (self._network or self.tunnel):
            return say(
                "It has an endpoint in each of these networks: {networks}. Name the one that this runs in: {argument}.",
                networks=formats.listing(self.found.networks), argument="network=…",
            )  # fmt: skip
        return say(UNREACHABLE) if self.found.cluster else None

    def reword(self, error: redis.RedisError, used: Lookup) -> None:
        """Say of a reader's refusal that it is no failover, which would pass."""
        if isinstance(error, redis.exceptions.ReadOnlyError) and self.reader and not used.cluster:
            raise ReaderRefusedError(str(error)) from error
        super().reword(error, used)

    def look_up(self) -> Lookup:
        """Ask the API, for authorities and tokens too."""
        return self._read(describe(self.resource))

    def _read(self, described: memorystore_v1.Instance) -> Lookup:
        """What counts of an instance's description, with what is not in it."""
        # The message itself: proto-plus warns of each number that the library does not know yet.
        instance = _Instance.pb(described)
        if instance.state in _NOT_READY:
            raise InstanceNotReadyError(self.resource.full, enum_name(described, "state"))
        cluster = _MODES.get(instance.mode, bool(endpoints(instance, _Kind.CONNECTION_TYPE_DISCOVERY)))
        if cluster and self.tunnel:
            refuse_tunnel(self.resource.full)
        host, port, networks = self._endpoint(instance, cluster)
        authorization, encryption = _Instance.AuthorizationMode, _Instance.TransitEncryptionMode
        return Lookup(
            host,
            port,
            cluster,
            instance.authorization_mode == authorization.IAM_AUTH,
            self._token() if instance.authorization_mode == _TOKEN_AUTH and not self._own else (),
            # A mode that is not known counts as one that encrypts.
            ()
            if instance.transit_encryption_mode
            in (encryption.TRANSIT_ENCRYPTION_DISABLED, encryption.TRANSIT_ENCRYPTION_MODE_UNSPECIFIED)
            else self._authorities(instance),
            networks,
        )

    def _endpoint(self, instance: Any, cluster: bool) -> tuple[str, int, tuple[str, ...]]:
        if cluster:
            kind = _Kind.CONNECTION_TYPE_DISCOVERY
        else:
            kind = _Kind.CONNECTION_TYPE_READER if self.reader else _Kind.CONNECTION_TYPE_PRIMARY
        # Without a replica it would be the primary, which takes writes.
        alone = self.reader and not cluster and not instance.replica_count
        found = [] if alone else endpoints(instance, kind)
        networks = tuple(dict.fromkeys(network for _, _, network in found))
        if not found:
            lacking = f"{self.resource.full} has no {_ENDPOINTS[kind]} endpoint, so there is no address to connect to."
            if self.reader and not cluster:
                advice = say(
                    "Only an instance with replicas has one: add a replica, or leave {name}= out.", name="reader"
                )
            else:
                advice = say(
                    "Give it a Private Service Connect endpoint in your network, in the console, and connect again."
                )
            raise ConnectionFailedError(f"{lacking}\n{advice}")
        wanted = self._network
        of_network = [one for one in found if not wanted or wanted in (one[2], one[2].rpartition("/")[2])]
        if not of_network:
            raise ValueError(
                f"{self.resource.full} has no {_ENDPOINTS[kind]} endpoint in the network {wanted!r}.\n"
                + say("It has one in: {networks}.", networks=formats.listing(networks))
            )
        return of_network[0][0], of_network[0][1], networks

    def _authorities(self, instance: Any) -> tuple[str, ...]:
        client, resource, modes = memorystore_client(self.resource.project), self.resource, _Instance.ServerCaMode
        with advised(f"fetch the certificate authorities of {resource.full}"):
            if instance.server_ca_mode == modes.GOOGLE_MANAGED_SHARED_CA:
                name = f"{resource.location}/sharedRegionalCertificateAuthority"
                answer: Any = client.get_shared_regional_certificate_authority(name=name, timeout=CALL_SECONDS)
            else:
                name = f"{resource}/certificateAuthority"
                answer = client.get_certificate_authority(name=name, timeout=CALL_SECONDS, retry=None)
        found = [pem for chain in answer.managed_server_ca.ca_certs for pem in chain.certificates]
        # Those of a customer: https://cloud.google.com/memorystore/docs/valkey/use-customer-managed-ca
        if instance.server_ca_mode == modes.CUSTOMER_MANAGED_CAS_CA and not found:
            raise ConnectionFailedError(
                f"The API names no certificate authority of {resource.full}, whose authorities are yours.\n"
                + say(
                    "Connect by its address, with the certificates of its pool in a file: {command}",
                    command=f"gcloud privateca pools get-ca-certs {instance.server_ca_pool} --output-file=FILE; "
                    "connect('rediss://HOST:PORT', ssl_ca_certs='FILE')",
                )
            )
        return authorities(resource.full, found)

    def _token(self) -> tuple[str, Secret]:
        """A user of the instance and the newest token of theirs, which is the last one to be taken away.

        Source: https://cloud.google.com/memorystore/docs/valkey/manage-basic-auth
        """
        client, resource = memorystore_client(self.resource.project), self.resource
        if not hasattr(client, "list_token_auth_users"):
            known = f"google-cloud-memorystore {version('google-cloud-memorystore')}"
            raise ConnectionFailedError(
                f"{resource.full} has tokens of its own (TOKEN_AUTH), which {known} does not know.\n"
                + say("Run: {command}", command='pip install "google-cloud-memorystore>=0.5.4"')
            )
        with advised(f"fetch a token of {resource.full}"):
            users = {
                user.name.rpartition("/")[2]: user.name
                for user in client.list_token_auth_users(parent=str(resource), timeout=CALL_SECONDS)
            }
            for user in [self._username] if self._username else users:
                tokens = client.list_auth_tokens(parent=users[user], timeout=CALL_SECONDS) if user in users else ()
                active = [one for one in tokens if enum_name(one, "state") not in ("CREATING", "DELETING")]
                for token in sorted(active, key=_created, reverse=True):
                    secret = token.token or client.get_auth_token(name=token.name, timeout=CALL_SECONDS).token
                    return user, Secret(secret)
        said = ", ".join(users) or "none"
        nobody = f"its user {self._username!r} has no token" if self._username else "no user of it has a token"
        raise AuthenticationFailedError(
            f"There is nobody to sign in to {resource.full} as: {nobody} (users: {said}).\n{say(_NOBODY)}"
        )


def _created(token: Any) -> int:
    created: int = type(token).pb(token).create_time.ToNanoseconds()
    return created


def endpoints(instance: Any, kind: int) -> list[tuple[str, int, str]]:
    """Address, port and network of each endpoint of a kind, those first that are not known to be gone.

    Instances that were made before there were `endpoints` name theirs elsewhere.
    """
    details = [detail for endpoint in instance.endpoints for detail in endpoint.connections]
    named = [getattr(detail, one) for detail in details if (one := detail.WhichOneof("connection"))]
    for places in (named, instance.psc_auto_connections):
        found = [place for place in places if place.connection_type == kind and place.ip_address]
        found.sort(key=lambda place: place.psc_connection_status == memorystore_v1.PscConnectionStatus.NOT_FOUND)
        if found:
            return [(place.ip_address, place.port or 6379, place.network) for place in found]
    if kind == _Kind.CONNECTION_TYPE_DISCOVERY:
        return [(one.address, one.port or 6379, one.network) for one in instance.discovery_endpoints if one.address]
    return []


def connector(instance: Found, options: dict[str, Any]) -> Connector:
    """The way to an instance; `options` are as for `redis.RedisCluster` in cluster mode, else as for `redis.Redis`.

    Besides ``tunnel``, ``reader``, ``network`` and ``username`` are as for `connect`.
    """
    options = dict(options)
    access = ValkeyAccess(instance, options)
    if access.found.cluster:
        if access.reader:
            # Writes go to the primaries all the same; a shard without a replica is read there too.
            options = {"load_balancing_strategy": LoadBalancingStrategy.ROUND_ROBIN_REPLICAS} | options
        return Connector(lambda: cluster_client(access, options), access.where, advice=access.advice)
    settings = _pool_options(access, options)
    return Connector(
        lambda: redis.Redis(connection_pool=redis.ConnectionPool(**settings)),
        access.where,
        reader=access.reader,
        advice=access.advice,
    )


def connection_pool_options(instance: Found, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a redis-py connection pool whose connections reach the instance; `options` as for `connector`.

    Raises:
        ValueError: The instance is a cluster, whose client has a pool for each node; and what `ValkeyAccess` raises.
    """
    options = dict(options)
    access = ValkeyAccess(instance, options)
    if access.found.cluster:
        raise ValueError(
            f"{access.where} is in cluster mode, where no single connection pool reaches all of its nodes.\n"
            + say("Use the client that {call} returns: a redis.RedisCluster, for asyncio too.", call="connect(NAME)")
        )
    return _pool_options(access, options)


def _pool_options(access: ValkeyAccess, options: dict[str, Any]) -> dict[str, Any]:
    return DEFAULTS | dict(connection_class=MemorystoreConnection, credential_provider=access, **options)
