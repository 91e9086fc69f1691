"""Memorystore for Redis Cluster: real nodes behind TLS, a real gRPC server as the API, a metadata server for tokens."""

import asyncio
import datetime
import logging
import socket
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent import futures
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import google.auth._helpers
import grpc
import pytest
import redis
from google.cloud import redis_cluster_v1 as api
from google.cloud.redis_cluster_v1.services.cloud_redis_cluster.transports import CloudRedisClusterGrpcTransport
from redis.crc import key_slot

from helpers import RedisChatMessageHistory, connect
from helpers._connecting.asynchronous import async_twin
from helpers._connecting.connection import forget
from helpers._tls.listener import Listener
from helpers.emulator.servers.certificates import Authority
from helpers.errors import (
    AuthenticationFailedError,
    BlockedCommandError,
    ConnectionFailedError,
    HelpersError,
    InstanceNotReadyError,
    SignInError,
)
from helpers.memorystore.access import cluster
from helpers.memorystore.access.connections import MemorystoreConnection
from helpers.memorystore.access.tokens import TokenUnavailableError
from helpers.memorystore.api.errors import InstanceNotFoundError, PermissionMissingError
from tests.conftest import eventually
from tests.histories.test_exactly_once import pair
from tests.support.cluster import SLOTS, Cluster, running_cluster
from tests.support.metadata_server import MetadataServer, running_metadata_server

T = TypeVar("T")
LOCATION = "projects/a-project/locations/us-central1"
NAME = f"{LOCATION}/clusters/chat"
ADDRESS = "127.0.0.1"
ROLE = "roles/redis.dbConnectionUser"
# One session on each of the three nodes.
SESSIONS = [
    next(name for name in map(str, range(1000)) if key_slot(f"message_store:{name}".encode()) * 3 // SLOTS == place)
    for place in range(3)
]
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


class Api:
    """The Memorystore for Redis Cluster API, with one cluster."""

    def __init__(self) -> None:
        self.cluster: Any = api.Cluster(name=NAME, state=api.Cluster.State.ACTIVE)
        self.authorities: list[list[str]] = []
        self.failure: tuple[grpc.StatusCode, str] | None = None
        self.calls: Counter[str] = Counter()

    def get_cluster(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called(f"GetCluster {request.name}", context)
        return self.cluster

    def get_authority(self, request: Any, context: grpc.ServicerContext) -> api.CertificateAuthority:
        self._called(f"GetClusterCertificateAuthority {request.name}", context)
        return api.CertificateAuthority(managed_server_ca=self._chains())

    def get_shared_authority(
        self, request: Any, context: grpc.ServicerContext
    ) -> api.SharedRegionalCertificateAuthority:
        self._called(f"GetSharedRegionalCertificateAuthority {request.name}", context)
        return api.SharedRegionalCertificateAuthority(managed_server_ca=self._chains())

    def _chains(self) -> Any:
        return {"ca_certs": [{"certificates": chain} for chain in self.authorities]}

    def _called(self, call: str, context: grpc.ServicerContext) -> None:
        self.calls[call] += 1
        if self.failure:
            context.abort(*self.failure)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve it over gRPC; host and port."""
        methods: list[tuple[str, Any, Any, Any]] = [
            ("GetCluster", self.get_cluster, api.GetClusterRequest, api.Cluster),
            (
                "GetClusterCertificateAuthority",
                self.get_authority,
                api.GetClusterCertificateAuthorityRequest,
                api.CertificateAuthority,
            ),
            (
                "GetSharedRegionalCertificateAuthority",
                self.get_shared_authority,
                api.GetSharedRegionalCertificateAuthorityRequest,
                api.SharedRegionalCertificateAuthority,
            ),
        ]
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                call, request_deserializer=request.deserialize, response_serializer=answer.serialize
            )
            for name, call, request, answer in methods
        }
        server = grpc.server(futures.ThreadPoolExecutor(2))
        service = "google.cloud.redis.cluster.v1.CloudRedisCluster"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        port = server.add_insecure_port(f"{ADDRESS}:0")
        server.start()
        yield f"{ADDRESS}:{port}"
        server.stop(0).wait()


class Nodes:
    """The nodes of a cluster, each behind a listener whose port it announces."""

    def __init__(self, stack: ExitStack) -> None:
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        stack.callback(self._loop.close)
        stack.callback(thread.join)
        stack.callback(self._loop.call_soon_threadsafe, self._loop.stop)
        self.listeners = [Listener(self._bound(), (ADDRESS, 0)) for _ in range(3)]
        self.ports = [listener.address[1] for listener in self.listeners]
        self.cluster: Cluster = stack.enter_context(running_cluster(self.ports))
        for listener, server in zip(self.listeners, self.cluster.servers, strict=True):
            listener.targets = [(ADDRESS, server.port)]
            self._run(self._open(listener))
            stack.callback(self._run, listener.close())

    def certify(self, *authorities: Authority, address: str = ADDRESS) -> None:
        """Give the nodes certificates of these authorities, the last one's to those that are left."""
        for place, listener in enumerate(self.listeners):
            authority = authorities[min(place, len(authorities) - 1)]
            listener.tls = authority.server_context(address, common_name_only=False)

    def accept(self, token: str | None) -> None:
        """Have the nodes accept one token, and no other; ``None``: whoever comes."""
        for node in self.cluster.nodes:
            node.execute_command("ACL", "SETUSER", "default", "nopass" if token is None else "resetpass", *_rule(token))

    def refused(self) -> int:
        """How often a token was refused."""
        return sum(len(node.execute_command("ACL", "LOG")) for node in self.cluster.nodes)

    def drop_connections(self) -> None:
        """End the clients' connections."""

        async def drop() -> None:
            for listener in self.listeners:
                listener.drop_connections()

        self._run(drop())
        assert eventually(lambda: not any(listener._connections for listener in self.listeners))

    def reset(self) -> None:
        self.accept(None)
        for listener in self.listeners:
            listener.tls = None
        for node in self.cluster.nodes:
            node.execute_command("ACL", "LOG", "RESET")
            node.execute_command("CONFIG", "RESETSTAT")
            node.flushall()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    @staticmethod
    async def _open(listener: Listener) -> None:
        listener.open()

    @staticmethod
    def _bound() -> socket.socket:
        made = socket.socket()
        made.bind((ADDRESS, 0))
        made.setblocking(False)
        return made


def _rule(token: str | None) -> list[str]:
    return [f">{token}"] if token else []


def pem(authority: Authority) -> str:
    return str(authority.described().cert)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def running() -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(stack)


@pytest.fixture
def nodes(running: Nodes, authority: Authority) -> Nodes:
    running.reset()
    running.certify(authority)
    return running


@pytest.fixture
def service(
    nodes: Nodes, authority: Authority, metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Api]:
    """The API; its cluster encrypts and wants tokens."""
    made = Api()
    made.cluster.discovery_endpoints = [api.DiscoveryEndpoint(address=ADDRESS, port=nodes.ports[0])]
    made.cluster.transit_encryption_mode = api.TransitEncryptionMode.TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION
    made.cluster.authorization_mode = api.AuthorizationMode.AUTH_MODE_IAM_AUTH
    made.authorities = [[pem(authority)]]
    metadata.on_token = nodes.accept
    with made.serving() as host, grpc.insecure_channel(host) as channel:
        # Not as an emulator, which would be asked for tokens too.
        client = api.CloudRedisClusterClient(transport=CloudRedisClusterGrpcTransport(channel=channel))
        monkeypatch.setattr(cluster, "cloud_redis_cluster_client", lambda project: client)
        yield made
        forget(NAME)


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MetadataServer]:
    with running_metadata_server(monkeypatch, tmp_path) as running:
        yield running


def chat(client: Any, asynchronous: bool, number: int = 0) -> None:
    """Store and read a message on each of the nodes."""

    async def chat_async() -> None:
        for history in histories:
            await history.aadd_messages(pair(number))
            assert (await history.aget_messages())[-2:] == pair(number)

    histories = [RedisChatMessageHistory(session, client=client) for session in SESSIONS]
    if asynchronous:
        asyncio.run(chat_async())
        return
    for history in histories:
        history.add_messages(pair(number))
        assert history.messages[-2:] == pair(number)


def call(client: Any, asynchronous: bool, *command: Any) -> Any:
    """Carry out a command, through the client or through its asyncio twin."""

    async def call_async() -> Any:
        return await (await async_twin(client)).execute_command(*command)

    return asyncio.run(call_async()) if asynchronous else client.execute_command(*command)


@BOTH
def test_a_conversation(asynchronous: bool, service: Api, nodes: Nodes, metadata: MetadataServer) -> None:
    client = connect(NAME)
    assert isinstance(client, redis.RedisCluster)
    assert connect(NAME) is client
    chat(client, asynchronous)
    assert [node.dbsize() for node in nodes.cluster.nodes] == [1, 1, 1]
    assert service.calls == {f"GetCluster {NAME}": 1, f"GetClusterCertificateAuthority {NAME}/certificateAuthority": 1}
    assert len(metadata.tokens) == 1
    assert call(client, asynchronous, "ACL", "WHOAMI") == b"default"


def test_options(service: Api) -> None:
    client = connect(NAME, decode_responses=True, socket_timeout=2)
    client.set("key", "value")
    assert client.get("key") == "value"
    assert client is not connect(NAME)


@BOTH
def test_no_auth_and_no_encryption(asynchronous: bool, service: Api, nodes: Nodes, metadata: MetadataServer) -> None:
    service.cluster.authorization_mode = api.AuthorizationMode.AUTH_MODE_DISABLED
    service.cluster.transit_encryption_mode = api.TransitEncryptionMode.TRANSIT_ENCRYPTION_MODE_DISABLED
    for listener in nodes.listeners:
        listener.tls = None
    chat(connect(NAME), asynchronous)
    assert metadata.tokens == []
    assert not any("cmdstat_auth" in node.info("commandstats") for node in nodes.cluster.nodes)
    assert service.calls == {f"GetCluster {NAME}": 1}


def test_a_password_of_ones_own(service: Api, nodes: Nodes, metadata: MetadataServer) -> None:
    nodes.accept("a password")
    for asynchronous in (False, True):
        chat(connect(NAME, password="a password"), asynchronous)
    assert metadata.tokens == []
    assert nodes.refused() == 0


def test_the_authority_that_a_region_shares(service: Api, authority: Authority) -> None:
    service.cluster.server_ca_mode = api.ServerCaMode.SERVER_CA_MODE_GOOGLE_MANAGED_SHARED_CA
    service.authorities = [[pem(Authority())], [pem(Authority()), pem(authority)]]
    chat(connect(NAME), asynchronous=False)
    assert service.calls[f"GetSharedRegionalCertificateAuthority {LOCATION}/sharedRegionalCertificateAuthority"] == 1


@BOTH
def test_a_token_is_renewed_before_it_expires(
    asynchronous: bool, service: Api, nodes: Nodes, metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(NAME)
    chat(client, asynchronous)
    assert len(metadata.tokens) == 1
    # 200 seconds before the token expires, where google-auth finds it good, but no longer fresh.
    now: Callable[[], datetime.datetime] = google.auth._helpers.utcnow
    monkeypatch.setattr(google.auth._helpers, "utcnow", lambda: now() + datetime.timedelta(seconds=3400))
    nodes.accept("what no token is")
    nodes.drop_connections()
    chat(client, asynchronous, 1)
    assert len(metadata.tokens) == 2
    assert nodes.refused() == 0
    # And nobody can have the next one: what is there is still good.
    monkeypatch.setattr(google.auth._helpers, "utcnow", lambda: now() + datetime.timedelta(seconds=6800))
    metadata.broken = True
    nodes.drop_connections()
    chat(client, asynchronous, 2)
    # Until it has expired.
    monkeypatch.setattr(google.auth._helpers, "utcnow", lambda: now() + datetime.timedelta(seconds=7100))
    nodes.drop_connections()
    with pytest.raises(TokenUnavailableError, match=r"gcloud auth application-default login\. ") as caught:
        call(client, asynchronous, "GET", "key")
    assert isinstance(caught.value, redis.AuthenticationError)
    assert isinstance(caught.value, SignInError)
    metadata.broken = False
    chat(client, asynchronous, 3)


def test_a_loop_goes_on_while_a_token_is_fetched(service: Api, metadata: MetadataServer, nodes: Nodes) -> None:
    client: Any = connect(NAME)
    ticked = threading.Event()

    def slow(token: str) -> None:
        assert ticked.wait(5)
        nodes.accept(token)

    async def both() -> None:
        asyncio.get_running_loop().call_later(0.1, ticked.set)
        await (await async_twin(client)).get("key")

    metadata.on_token = slow
    client.nodes_manager.connection_kwargs["credential_provider"]._tokens._credentials.token = None
    asyncio.run(both())
    assert len(metadata.tokens) == 2


def secretless(error: BaseException, caplog: pytest.LogCaptureFixture, metadata: MetadataServer) -> None:
    """Check that no token shows in an error with all of its local variables, nor in the log."""
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "auth_args = ('default', '********')" in shown
    shown += caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert metadata.tokens
    for token in metadata.tokens:
        assert token not in shown


@BOTH
def test_a_token_that_is_revoked(asynchronous: bool, service: Api, nodes: Nodes, metadata: MetadataServer) -> None:
    client = connect(NAME)
    chat(client, asynchronous)
    nodes.accept("what no token is")
    nodes.drop_connections()
    chat(client, asynchronous, 1)
    assert len(metadata.tokens) == 2
    assert service.calls[f"GetCluster {NAME}"] == 1


@BOTH
def test_a_token_that_is_refused(
    asynchronous: bool, service: Api, nodes: Nodes, metadata: MetadataServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client: Any = connect(NAME)
    chat(client, asynchronous)
    nodes.accept("another")
    metadata.on_token = lambda token: None
    nodes.drop_connections()
    with pytest.raises(AuthenticationFailedError, match=ROLE) as caught:
        chat(client, asynchronous, 1)
    secretless(caught.value, caplog, metadata)
    assert ROLE in str(caught.value).splitlines()[-1]
    forget(NAME)
    with pytest.raises(AuthenticationFailedError, match=ROLE) as caught:
        connect(NAME)
    assert str(caught.value).startswith(f"Could not connect to {NAME} (127.0.0.1:{nodes.ports[0]}): ")
    assert ROLE in str(caught.value).splitlines()[-1]
    secretless(caught.value, caplog, metadata)
    shown = repr(client) + repr(vars(client)) + repr(vars(client.nodes_manager)) + repr(client.get_nodes())
    assert not any(token in shown for token in metadata.tokens)


def test_a_permission_that_is_missing(service: Api, metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever words the service has for it: an answer to AUTH that redis-py does not know.
    def send(self: MemorystoreConnection, *args: Any, **options: Any) -> None:
        refusal = ("EVAL", "return redis.error_reply('IAM permission denied')", 0)
        original(self, *(refusal if args[0] == "AUTH" else args), **options)

    original: Any = MemorystoreConnection.send_command
    metadata.on_token = lambda token: None
    monkeypatch.setattr(MemorystoreConnection, "send_command", send)
    with pytest.raises(AuthenticationFailedError, match=f"IAM permission denied.*\n.*{ROLE}"):
        connect(NAME)


@BOTH
@pytest.mark.parametrize("fault", ["another authority", "another address"])
def test_a_node_that_is_not_the_clusters(
    fault: str, asynchronous: bool, service: Api, nodes: Nodes, authority: Authority
) -> None:
    impostor, right = nodes.listeners[2], nodes.listeners[2].tls
    if fault == "another authority":
        impostor.tls = Authority().server_context(ADDRESS, common_name_only=False)
        said = "certificate verify failed: self-signed certificate in certificate chain"
    else:
        impostor.tls = authority.server_context("127.0.0.2", common_name_only=False)
        said = "IP address mismatch, certificate is not valid for '127.0.0.1'"
    client = connect(NAME)
    with pytest.raises(ConnectionFailedError, match=said) as caught:
        call(client, asynchronous, "GET", f"message_store:{SESSIONS[2]}")
    assert f"{NAME} (127.0.0.1:{nodes.ports[2]})" in str(caught.value)
    assert str(caught.value).splitlines()[-1].startswith("Don't go on")
    assert nodes.cluster.nodes[2].info("commandstats").keys().isdisjoint({"cmdstat_auth", "cmdstat_get"})
    assert service.calls[f"GetCluster {NAME}"] == 2
    impostor.tls = right
    chat(client, asynchronous)


def test_a_cluster_is_not_asked_about_at_faults_that_the_client_sees_to(service: Api) -> None:
    client = connect(NAME)
    assert isinstance(client, redis.RedisCluster)
    access = client.nodes_manager.connection_kwargs["credential_provider"]
    access._looked_up -= 60
    assert not access.renew(access.found, redis.ConnectionError("a node is away"))
    assert service.calls[f"GetCluster {NAME}"] == 1


@pytest.mark.parametrize("fault", ["another authority", "another address"])
def test_a_discovery_endpoint_that_is_not_the_clusters(
    fault: str, service: Api, nodes: Nodes, authority: Authority
) -> None:
    if fault == "another authority":
        nodes.certify(Authority())
    else:
        nodes.certify(authority, address="127.0.0.2")
    with pytest.raises(ConnectionFailedError, match=r"Could not connect to .*certificate verify failed") as caught:
        connect(NAME)
    assert str(caught.value).splitlines()[-1].startswith("Don't go on")
    assert not any("cmdstat_auth" in node.info("commandstats") for node in nodes.cluster.nodes)


@BOTH
def test_an_authority_that_the_system_trusts(
    asynchronous: bool,
    service: Api,
    nodes: Nodes,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.cluster.authorization_mode = api.AuthorizationMode.AUTH_MODE_DISABLED
    client = connect(NAME)
    trusted = Authority()
    file = tmp_path / "system.pem"
    file.write_text(pem(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    nodes.certify(trusted)
    nodes.drop_connections()
    ordinary = redis.RedisCluster(
        ADDRESS,
        nodes.ports[0],
        ssl=True,
        ssl_ca_data=pem(authority),
        ssl_check_hostname=False,
        protocol=2,
        username="default",
        password="any will do",  # without one, redis-py stumbles over TLS 1.3's session tickets
    )
    assert ordinary.ping()
    ordinary.close()
    with pytest.raises(
        ConnectionFailedError, match="certificate verify failed: self-signed certificate in certificate chain"
    ):
        call(client, asynchronous, "PING")
    forget(NAME)
    with pytest.raises(
        ConnectionFailedError, match="certificate verify failed: self-signed certificate in certificate chain"
    ):
        connect(NAME)


@BOTH
def test_an_authority_that_is_added(asynchronous: bool, service: Api, nodes: Nodes, authority: Authority) -> None:
    client = connect(NAME)
    chat(client, asynchronous)
    newer = Authority()
    service.authorities.append([pem(newer)])
    nodes.certify(authority, newer)
    nodes.drop_connections()
    chat(client, asynchronous, 1)
    assert service.calls[f"GetCluster {NAME}"] == 2


def test_a_cluster_that_is_said_to_have_no_encryption_any_more(service: Api, nodes: Nodes) -> None:
    client = connect(NAME)
    service.cluster.transit_encryption_mode = api.TransitEncryptionMode.TRANSIT_ENCRYPTION_MODE_DISABLED
    nodes.certify(Authority())
    nodes.drop_connections()
    for _ in range(2):
        with pytest.raises(ConnectionFailedError, match="certificate verify failed"):
            client.get("key")


@pytest.mark.parametrize("state", ["CREATING", "DELETING"])
def test_a_cluster_that_is_not_ready(state: str, service: Api) -> None:
    service.cluster.state = state
    with pytest.raises(InstanceNotReadyError, match=f"its state is {state}"):
        connect(NAME)


@pytest.mark.filterwarnings("ignore:Unrecognized .* enum value")
def test_a_state_that_the_library_does_not_know(service: Api) -> None:
    service.cluster.state = 77
    service.cluster.authorization_mode = 77
    assert connect(NAME).ping()


def test_what_the_api_leaves_out(service: Api) -> None:
    service.authorities = [[]]
    with pytest.raises(ConnectionFailedError, match="names no certificate authority"):
        connect(NAME)
    service.cluster.discovery_endpoints = []
    with pytest.raises(ConnectionFailedError, match="no discovery endpoint"):
        connect(NAME)


def test_errors_of_the_api(service: Api) -> None:
    service.failure = (grpc.StatusCode.NOT_FOUND, "no such cluster")
    with pytest.raises(InstanceNotFoundError, match=f"Could not look up {NAME}: .*no such cluster"):
        connect(NAME)
    service.failure = (grpc.StatusCode.PERMISSION_DENIED, "Permission 'redis.clusters.get' denied")
    with pytest.raises(PermissionMissingError, match=r"\n.*roles/redis\.viewer"):
        connect(NAME)


def test_no_token_to_begin_with(service: Api, metadata: MetadataServer) -> None:
    metadata.broken = True
    with pytest.raises(SignInError, match="gave no access token"):
        connect(NAME)


def test_a_blocked_command(service: Api) -> None:
    client: Any = connect(NAME)
    with pytest.raises(BlockedCommandError, match="Memorystore blocks"):
        client.execute_command("NOSUCHCOMMAND", target_nodes=client.get_default_node())

    async def send() -> None:
        twin: Any = await async_twin(client)
        await twin.initialize()
        await twin.execute_command("NOSUCHCOMMAND", target_nodes=twin.get_default_node())

    with pytest.raises(BlockedCommandError, match="Memorystore blocks"):
        asyncio.run(send())


def test_session_tickets_are_no_stray_replies(service: Api, nodes: Nodes) -> None:
    service.cluster.authorization_mode = api.AuthorizationMode.AUTH_MODE_DISABLED
    for _ in range(20):
        connect(NAME)
        forget(NAME)


def test_nobody_answers(service: Api, nodes: Nodes) -> None:
    with socket.socket() as silent:
        silent.bind((ADDRESS, 0))
        service.cluster.discovery_endpoints[0].port = silent.getsockname()[1]
        with pytest.raises(ConnectionFailedError, match=r"refused\.\nNothing is listening there"):
            connect(NAME)


def test_a_tunnel_to_a_cluster(service: Api) -> None:
    with pytest.raises(ValueError, match="each of a cluster's nodes has an address of its own"):
        connect(NAME, tunnel="127.0.0.1:6378")


def test_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("google.cloud.redis_cluster_v1")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(HelpersError, match="is not installed") as caught:
        connect(NAME)
    assert str(caught.value).splitlines()[-1] == 'Run: pip install "chat-history-tutorials[cluster]"'
