"""Memorystore for Valkey by name: who is trusted, what is signed in with, what changes meanwhile, what is said.

Most of it on the emulator, whose instances are real servers. What it does not do, such as descriptions of other
times, comes from a small API of the tests' own.
"""

import asyncio
import datetime
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import google.auth._helpers
import grpc
import pytest
import redis
import redis.asyncio
from google.cloud import memorystore_v1
from langchain_core.messages import HumanMessage
from redis.crc import key_slot

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, RedisSaver, connect
from helpers._connecting.asynchronous import async_twin
from helpers._connecting.connection import forget
from helpers._histories import writing
from helpers.embedded import EmbeddedServer
from helpers.emulator import Emulator
from helpers.emulator.servers.certificates import Authority
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import (
    AuthenticationFailedError,
    ConnectionFailedError,
    ConnectionTimeoutError,
    InstanceNotReadyError,
    ReadReplicaError,
    SignInError,
)
from helpers.memorystore import connection_options
from helpers.memorystore.access.tokens import TokenUnavailableError
from helpers.memorystore.access.valkey import ValkeyAccess
from helpers.memorystore.api.clients import memorystore_client
from helpers.memorystore.api.errors import ApiUnreachableError, MemorystoreError, PermissionMissingError
from helpers.sessions import find_sessions
from tests.conftest import eventually
from tests.connecting.test_connection import failure, silent  # noqa: F401 - a fixture
from tests.support.agent import counting_agent, question, said
from tests.support.agent import thread as config_of
from tests.support.cluster import running_cluster
from tests.support.errors import everything_said, last_line
from tests.support.memorystore_api import Apis
from tests.support.valkey import NAME, create_valkey

FULL = f"//memorystore.googleapis.com/{NAME}"
THROUGH = pytest.mark.parametrize("tunnelled", [False, True], ids=["direct", "tunnel"])
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
MODES = pytest.mark.parametrize("cluster", [False, True], ids=["standalone", "cluster"])
ROLE = "roles/memorystore.dbConnectionUser"


@pytest.fixture(params=[False, True], ids=["alternative name", "common name"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator whose certificates name the address in the one or the other way."""
    with Emulator(operation_seconds=0.1, common_name_only=request.param) as running:
        monkeypatch.setenv(EMULATOR_VARIABLE, running.host)
        yield running


@pytest.fixture
def emulator(memorystore_emulator: Emulator) -> Emulator:
    """An emulator with an instance that has IAM authentication and TLS, cluster mode disabled."""
    create_valkey()
    return memorystore_emulator


def through(emulator: Emulator, tunnelled: bool) -> dict[str, str]:
    return {"tunnel": emulator.tunnel(NAME)} if tunnelled else {}


def access_of(client: Any) -> ValkeyAccess:
    pool = client.nodes_manager if isinstance(client, redis.RedisCluster) else client.connection_pool
    access: ValkeyAccess = pool.connection_kwargs["credential_provider"]
    return access


def call(client: Any, asynchronous: bool, *command: Any) -> Any:
    """Carry out a command, through the client or through its asyncio twin."""

    async def call_async() -> Any:
        return await (await async_twin(client)).execute_command(*command)

    return asyncio.run(call_async()) if asynchronous else client.execute_command(*command)


def chat(client: Any, asynchronous: bool, count: int = 8) -> None:
    """Store a message in each of some sessions, on all of a cluster's nodes, and read it."""

    async def chat_async() -> None:
        for history in histories:
            before = len(await history.aget_messages())
            await history.aadd_messages([HumanMessage("hello")])
            assert len(await history.aget_messages()) == before + 1

    histories = [RedisChatMessageHistory(f"session {number}", client=client) for number in range(count)]
    if asynchronous:
        asyncio.run(chat_async())
        return
    for history in histories:
        before = len(history.messages)
        history.add_messages([HumanMessage("hello")])
        assert len(history.messages) == before + 1


def issued(emulator: Emulator) -> list[str]:
    """The access tokens that the emulator's instances accept."""
    tokens: list[str] = emulator._call(lambda service: service._valkey.tokens.good())
    return tokens


def impersonate(emulator: Emulator, *certificates: Any) -> None:
    """Have other certificates shown at the instance's endpoints, the last one by those that are left."""

    def show(service: Any) -> None:
        for place, listener in enumerate(service.instance(NAME).listeners):
            listener.tls = certificates[min(place, len(certificates) - 1)]

    emulator._call(show)
    emulator.drop_connections(NAME)


def authorities() -> str:
    answer = memorystore_client("a-project").get_certificate_authority(name=f"{NAME}/certificateAuthority")
    return "\n".join(pem for chain in answer.managed_server_ca.ca_certs for pem in chain.certificates)


def endpoint(kind: str = "CONNECTION_TYPE_PRIMARY") -> tuple[str, int]:
    """Where the API says that an endpoint of the instance is."""
    for one in memorystore_client("a-project").get_instance(name=NAME).endpoints:
        for connection in one.connections:
            found = connection.psc_auto_connection
            if found.connection_type == getattr(memorystore_v1.ConnectionType, kind):
                return found.ip_address, found.port
    raise LookupError(kind)


# The name is all it takes.


@THROUGH
@BOTH
def test_a_conversation(either: Emulator, tunnelled: bool, asynchronous: bool) -> None:
    create_valkey()
    client = connect(NAME, **through(either, tunnelled))
    assert type(client) is redis.Redis
    assert connect(NAME, **through(either, tunnelled)) is client
    chat(client, asynchronous, 2)
    history = MemorystoreChatMessageHistory(connect(FULL), "another")
    history.add_user_message("hello")
    assert [message.content for message in history.messages] == ["hello"]
    assert call(client, asynchronous, "EXISTS", "message_store:another", "another") == 1


@pytest.mark.parametrize(("auth", "tls"), [(False, False), (False, True)])
@BOTH
def test_what_is_off_is_not_used(memorystore_emulator: Emulator, auth: bool, tls: bool, asynchronous: bool) -> None:
    create_valkey(auth="IAM_AUTH" if auth else "AUTH_DISABLED", tls=tls)
    chat(connect(NAME), asynchronous, 2)
    assert bool(issued(memorystore_emulator)) is auth


def test_tls_without_a_password_connects_every_time(memorystore_emulator: Emulator) -> None:
    """Session tickets are no reply that nobody read."""
    create_valkey(auth="AUTH_DISABLED")
    client: Any = connect(NAME)
    for _ in range(30):
        client.connection_pool.disconnect()
        assert client.ping()


@BOTH
def test_the_authorities_that_a_region_shares(memorystore_emulator: Emulator, asynchronous: bool) -> None:
    create_valkey(server_ca_mode="GOOGLE_MANAGED_SHARED_CA")
    chat(connect(NAME), asynchronous, 1)


def test_options_for_a_client_of_ones_own(emulator: Emulator) -> None:
    for tunnel in (None, emulator.tunnel(NAME)):
        client = redis.Redis(**connection_options(NAME, tunnel=tunnel, decode_responses=True))
        client.set("a key", "a value")
        assert client.get("a key") == "a value"
        client.connection_pool.close()


async def test_options_for_an_asyncio_client_of_ones_own(emulator: Emulator) -> None:
    for tunnel in (None, emulator.tunnel(NAME)):
        made = connection_options(FULL, tunnel=tunnel, asynchronous=True, decode_responses=True)
        client = redis.asyncio.Redis(**made)
        await client.set("a key", "a value")
        assert await client.get("a key") == "a value"
        await client.aclose(close_connection_pool=True)


def test_resp3(emulator: Emulator) -> None:
    client: Any = connect(NAME, protocol=3)
    assert client.hgetall("none") == {}


def test_a_password_of_ones_own(emulator: Emulator) -> None:
    issuing = access_of(connect(NAME))
    user, token = issuing.get_credentials()
    count = len(issued(emulator))
    chat(connect(NAME, username=user, password=token), False, 1)
    assert len(issued(emulator)) == count
    with pytest.raises(AuthenticationFailedError) as caught:
        connect(NAME, password="a password of mine")
    assert "a password of mine" not in str(caught.value) + repr(caught.value)


# Replicas.


@pytest.fixture
def replicated(memorystore_emulator: Emulator) -> Emulator:
    create_valkey(replica_count=1)
    return memorystore_emulator


@pytest.mark.filterwarnings("error")
@BOTH
def test_a_reader_reads_and_never_writes(replicated: Emulator, asynchronous: bool) -> None:
    writer, reader = connect(NAME), connect(NAME, reader=True)
    assert writer is not reader
    host, port = endpoint("CONNECTION_TYPE_READER")
    assert access_of(reader).where == f"{FULL} ({host}:{port})"
    assert access_of(writer).where != access_of(reader).where
    history = RedisChatMessageHistory("bob", client=writer)
    history.add_user_message("hello")
    assert call(writer, asynchronous, "WAIT", 1, 5000) == 1
    shown = RedisChatMessageHistory("bob", client=reader)
    messages = asyncio.run(shown.aget_messages()) if asynchronous else shown.messages
    assert [message.content for message in messages] == ["hello"]
    with pytest.raises(redis.ReadOnlyError):
        call(reader, asynchronous, "SET", "a key", "a value")
    assert call(writer, asynchronous, "EXISTS", "a key") == 0


def test_a_history_of_a_reader_waits_for_no_failover(replicated: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    history = RedisChatMessageHistory("bob", client=connect(NAME, reader=True))
    monkeypatch.setattr(writing.Write, "pause_after", tried_once(writing.Write.pause_after))
    refused: Callable[[], None]
    for refused in (lambda: history.add_user_message("hello"), history.clear):
        with pytest.raises(ReadReplicaError, match="a read only replica"):
            refused()


def tried_once(pause_after: Callable[..., float]) -> Callable[..., float]:
    def raises(*args: Any, **options: Any) -> float:
        pause_after(*args, **options)
        raise AssertionError("It would be tried again.")

    return raises


def test_the_readers_certificate_must_name_the_reader(replicated: Emulator) -> None:
    """The primary's would do for an ordinary client that checks the authority alone."""
    host, _ = endpoint()
    authority = replicated._call(lambda service: service.instance(NAME).authorities[-1])
    impersonate(replicated, authority.server_context(host, common_name_only=False))
    assert connect(NAME).ping()
    with pytest.raises(ConnectionFailedError, match="IP address mismatch"):
        connect(NAME, reader=True)


# Who is trusted. Each attack is first shown to work against redis-py's ordinary settings.


def ordinary_client(emulator: Emulator, tunnelled: bool) -> redis.Redis:
    """What the usual advice gives: the instance's authorities, a token, and no check of the name."""
    client = connect(NAME)
    user, token = access_of(client).get_credentials()
    host, port = endpoint()
    place = emulator.tunnel(NAME).split(":") if tunnelled else [host, str(port)]
    return redis.Redis(
        host=place[0], port=int(place[1]), username=user, password=token, protocol=2, driver_info=None,
        ssl=True, ssl_ca_data=authorities(), ssl_check_hostname=False,
    )  # fmt: skip


@THROUGH
def test_an_authority_of_the_system_is_refused(
    emulator: Emulator, tunnelled: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordinary, trusted = ordinary_client(emulator, tunnelled), Authority()
    (tmp_path / "system.pem").write_text(trusted.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    impersonate(emulator, trusted.server_context(endpoint()[0], common_name_only=False))
    assert ordinary.ping()
    client = connect_before(emulator, tunnelled)
    forget(NAME)
    error = failure(NAME, **through(emulator, tunnelled))
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert last_line(error).startswith("Don't go on")
    for asynchronous in (False, True):
        with pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
            call(client, asynchronous, "PING")


def connect_before(emulator: Emulator, tunnelled: bool) -> Any:
    """A client that knows the instance, and has no connection to it."""
    return redis.Redis(**connection_options(NAME, tunnel=through(emulator, tunnelled).get("tunnel")))


@THROUGH
@BOTH
@pytest.mark.parametrize("common_name_only", [False, True], ids=["alternative name", "common name"])
def test_the_right_authority_with_another_instances_address_is_refused(
    emulator: Emulator, tunnelled: bool, common_name_only: bool, asynchronous: bool
) -> None:
    ordinary = ordinary_client(emulator, tunnelled)
    authority = emulator._call(lambda service: service.instance(NAME).authorities[-1])
    impersonate(emulator, authority.server_context("127.83.0.1", common_name_only=common_name_only))
    assert ordinary.ping()
    client = connect_before(emulator, tunnelled)
    with pytest.raises(ConnectionFailedError, match="IP address mismatch") as caught:
        call(client, asynchronous, "PING")
    assert last_line(caught.value).startswith("Don't go on")


@BOTH
def test_another_instance_of_the_region_is_refused(memorystore_emulator: Emulator, asynchronous: bool) -> None:
    """Instances that share their authorities still differ in their addresses."""
    create_valkey(server_ca_mode="GOOGLE_MANAGED_SHARED_CA")
    create_valkey(f"{NAME}-2", server_ca_mode="GOOGLE_MANAGED_SHARED_CA")
    client = connect_before(memorystore_emulator, False)
    theirs = connect(NAME, tunnel=memorystore_emulator.tunnel(NAME))
    assert theirs.ping()
    with pytest.raises(ConnectionFailedError, match="IP address mismatch"):
        connect(NAME, tunnel=memorystore_emulator.tunnel(f"{NAME}-2"))
    assert call(client, asynchronous, "PING")


def test_a_refused_server_never_sees_a_token(emulator: Emulator) -> None:
    seen: list[bytes] = []
    trap = Authority().server_context(endpoint()[0], common_name_only=False)

    def serve(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        try:
            with trap.wrap_socket(plain, server_side=True) as secured:
                seen.append(secured.recv(1024))
        except OSError:
            seen.append(b"")

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        failure(NAME, tunnel=f"127.0.0.1:{listener.getsockname()[1]}")
        thread.join(5)
    assert seen == [b""]


# What changes meanwhile.


@BOTH
def test_a_server_certificate_that_is_rotated(either: Emulator, asynchronous: bool) -> None:
    create_valkey()
    client = connect(NAME)
    for _ in range(3):
        chat(client, asynchronous, 1)
        either.rotate_server_certificate(NAME)


@BOTH
@THROUGH
def test_an_authority_that_is_added(emulator: Emulator, asynchronous: bool, tunnelled: bool) -> None:
    client = connect(NAME, **through(emulator, tunnelled))
    for _ in range(2):
        chat(client, asynchronous, 1)
        emulator.add_certificate_authority(NAME)
        emulator.rotate_server_certificate(NAME)  # from now on the new authority's
    chat(client, asynchronous, 1)


def test_encryption_that_is_gone_all_of_a_sudden(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shows a wrong certificate is not spoken to in clear, whatever the API says of encryption now."""
    client = connect(NAME)
    without = access_of(client).found._replace(certificates=())
    impersonate(emulator, Authority().server_context(endpoint()[0], common_name_only=False))
    monkeypatch.setattr(ValkeyAccess, "look_up", lambda access: without)
    for _ in range(2):
        with pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
            client.ping()


@BOTH
def test_a_token_is_renewed_before_it_expires(
    emulator: Emulator, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(NAME)
    chat(client, asynchronous, 1)
    assert len(issued(emulator)) == 1
    # 200 seconds before the token expires, where google-auth finds it good, but no longer fresh.
    now: Callable[[], datetime.datetime] = google.auth._helpers.utcnow
    monkeypatch.setattr(google.auth._helpers, "utcnow", lambda: now() + datetime.timedelta(seconds=3400))
    emulator.drop_connections(NAME)
    chat(client, asynchronous, 1)
    assert len(issued(emulator)) > 1


@BOTH
def test_a_token_that_is_revoked(emulator: Emulator, asynchronous: bool) -> None:
    client = connect(NAME)
    for _ in range(3):
        chat(client, asynchronous, 1)
        emulator.revoke_tokens()
        chat(client, False, 1)  # who is signed in stays so
        emulator.drop_connections(NAME)
    chat(client, asynchronous, 1)
    assert len(issued(emulator)) == 1


def test_many_connections_that_find_a_revoked_token_at_once(emulator: Emulator) -> None:
    client = connect(NAME)
    emulator.revoke_tokens()
    emulator.drop_connections(NAME)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(client.ping())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8
    assert len(issued(emulator)) == 1


async def test_many_tasks_that_find_a_revoked_token_at_once(emulator: Emulator) -> None:
    client = connect(NAME)
    emulator.revoke_tokens()
    twin = await async_twin(client)
    assert await asyncio.gather(*(twin.ping() for _ in range(8))) == [True] * 8
    assert len(issued(emulator)) == 1


@BOTH
def test_a_token_that_is_revoked_while_no_other_can_be_had(
    emulator: Emulator, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(NAME)
    access_of(client)._tokens._credentials._host = "127.0.0.1:1"
    emulator.revoke_tokens()
    emulator.drop_connections(NAME)
    with pytest.raises(TokenUnavailableError, match="gave no access token") as caught:
        call(client, asynchronous, "PING")
    assert isinstance(caught.value, redis.AuthenticationError)
    assert isinstance(caught.value, SignInError)
    access_of(client)._tokens._credentials._host = emulator.host
    assert call(client, asynchronous, "PING")


@BOTH
def test_an_account_that_may_not_connect(
    memorystore_emulator: Emulator, asynchronous: bool, log: pytest.LogCaptureFixture
) -> None:
    """The project of whom may only look: its tokens are accepted nowhere."""
    name = "projects/viewer-only/locations/us-central1/instances/shared-valkey"
    client = redis.Redis(**connection_options(name))
    errors = []
    with pytest.raises(AuthenticationFailedError) as caught:
        call(client, asynchronous, "PING")
    errors.append(caught.value)
    with pytest.raises(AuthenticationFailedError) as caught:
        connect(name)
    errors.append(caught.value)
    for error in errors:
        assert str(error).startswith(f"Could not connect to //memorystore.googleapis.com/{name} (")
        assert ROLE in last_line(error)
        assert "memorystore.instances.connect" in last_line(error)
        assert "ya29" not in everything_said(error, __file__) + log.text + repr(
            [vars(record) for record in log.records]
        )


def test_no_repr_has_the_token(emulator: Emulator) -> None:
    client: Any = connect(NAME)
    history = MemorystoreChatMessageHistory(client, "a session")
    access = access_of(client)
    seen = [
        client,
        client.connection_pool,
        client.connection_pool.connection_kwargs,
        access,
        vars(access),
        vars(history),
    ]
    assert "ya29" not in repr(seen)
    assert str(access.get_credentials()[1]).startswith("ya29")


def test_an_instance_that_was_created_anew_by_somebody_else_is_found(emulator: Emulator) -> None:
    client = connect(NAME)
    before = endpoint()
    operation = memorystore_client("a-project").delete_instance(name=NAME)
    operation.result()
    create_valkey()
    assert endpoint() != before
    access_of(client)._looked_up -= 60  # as if it had been a minute ago
    assert client.ping()


# Cluster mode.


@pytest.fixture(scope="module")
def clusters() -> Iterator[Emulator]:
    """An emulator with a cluster that has IAM authentication and TLS."""
    with Emulator(operation_seconds=0.1) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv(EMULATOR_VARIABLE, running.host)
        create_valkey(cluster=True, replica_count=1)
        yield running


@pytest.fixture
def cluster(clusters: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The same, with certificates of its own, and no token that is good."""
    monkeypatch.setenv(EMULATOR_VARIABLE, clusters.host)
    clusters.revoke_tokens()
    clusters.rotate_server_certificate(NAME)
    yield clusters
    forget(NAME)


SESSION = {
    node: next(
        name for name in map(str, range(1000)) if key_slot(f"message_store:{name}".encode()) * 3 // 16384 == node
    )
    for node in range(3)
}
"""A session on each of the three shards."""


@BOTH
def test_a_conversation_on_a_cluster(cluster: Emulator, asynchronous: bool) -> None:
    client = connect(NAME)
    assert isinstance(client, redis.RedisCluster)
    assert connect(NAME) is client
    assert access_of(client).where == FULL
    chat(client, asynchronous)
    assert len(client.get_primaries()) == 3
    assert len(issued(cluster)) == 1


def test_sessions_and_threads(cluster: Emulator) -> None:
    client = connect(NAME)
    client.flushall()
    for session in SESSION.values():
        RedisChatMessageHistory(session, client=client).add_user_message("hello")
    agent = counting_agent(RedisSaver(client))
    for name in ("alice", "bob"):
        agent.invoke(question(1), config_of(name))
        agent.invoke(question(2), config_of(name))
    assert said(RedisSaver(client), config_of("bob")) == talk_of(1, 2)
    found = {session.key for page in find_sessions(client) for session in page}
    assert found == {f"message_store:{session}" for session in SESSION.values()} | {"thread:alice", "thread:bob"}


def talk_of(*numbers: int) -> list[str]:
    return [f"{kind} {number}" for number in numbers for kind in ("question", "answer")]


@BOTH
def test_replicas_of_a_cluster_are_read(cluster: Emulator, asynchronous: bool) -> None:
    writer, reader = connect(NAME), connect(NAME, reader=True)
    keys = [f"message_store:{session}" for session in SESSION.values()]

    async def read_async() -> list[int]:
        twin: Any = await async_twin(reader)
        await twin.get("none")  # redis-py's asyncio client sends its very first command anywhere
        return [len(await twin.lrange(key, 0, -1)) for key in keys]

    for session in SESSION.values():  # the reader's writes go to the primaries
        history = RedisChatMessageHistory(session, client=reader)
        asyncio.run(history.aadd_messages([HumanMessage("hi")])) if asynchronous else history.add_user_message("hi")
    lengths = [writer.llen(key) for key in keys]
    before = commands_of_replicas(writer)
    reads = 0

    def read() -> list[int]:
        nonlocal reads
        reads += len(keys)
        return asyncio.run(read_async()) if asynchronous else [len(reader.lrange(key, 0, -1)) for key in keys]

    assert eventually(lambda: read() == lengths)
    assert commands_of_replicas(writer) == before + reads


def commands_of_replicas(client: Any) -> int:
    """How often the cluster's replicas were asked for a list."""
    found = client.info("commandstats", target_nodes=redis.RedisCluster.REPLICAS)
    return sum(node.get("cmdstat_lrange", {"calls": 0})["calls"] for node in found.values())


@BOTH
def test_a_token_that_is_revoked_on_a_cluster(cluster: Emulator, asynchronous: bool) -> None:
    client = connect(NAME)
    for _ in range(2):
        chat(client, asynchronous)
        cluster.revoke_tokens()
        cluster.drop_connections(NAME)
    chat(client, asynchronous)
    assert len(issued(cluster)) == 1


@BOTH
def test_an_authority_that_is_added_to_a_cluster(cluster: Emulator, asynchronous: bool) -> None:
    client = connect(NAME)
    for _ in range(2):
        chat(client, asynchronous)
        cluster.add_certificate_authority(NAME)
        cluster.rotate_server_certificate(NAME)
    chat(client, asynchronous)


@BOTH
@pytest.mark.parametrize("place", ["discovery", "nodes"])
@pytest.mark.parametrize("fault", ["an authority of the system", "another address"])
def test_a_server_that_is_not_the_clusters(
    cluster: Emulator, asynchronous: bool, place: str, fault: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = connect(NAME)
    trusted = Authority()
    (tmp_path / "system.pem").write_text(trusted.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))

    def impostors(service: Any) -> None:
        instance = service.instance(NAME)
        ours = instance.authorities[-1]
        for number, listener in enumerate(instance.listeners):
            if (number == 0) is (place == "discovery"):
                listener.tls = (
                    trusted.server_context(listener.address[0], common_name_only=False)
                    if fault == "an authority of the system"
                    else ours.server_context("127.83.0.1", common_name_only=False)
                )

    cluster._call(impostors)
    cluster.drop_connections(NAME)
    said = "self-signed certificate" if fault == "an authority of the system" else "IP address mismatch"
    user, token = access_of(client).get_credentials()
    ordinary = redis.RedisCluster(
        *endpoint("CONNECTION_TYPE_DISCOVERY"), ssl=True, ssl_ca_data=authorities(), ssl_check_hostname=False,
        protocol=2, username=user, password=token,
    )  # fmt: skip
    assert ordinary.get("a key") is None
    ordinary.close()
    if place == "nodes":
        with pytest.raises(ConnectionFailedError, match=said) as caught:
            call(client, asynchronous, "GET", "a key")
        assert last_line(caught.value).startswith("Don't go on")
    forget(NAME)
    with pytest.raises(ConnectionFailedError, match=said) as caught:
        connect(NAME) if place == "discovery" else chat(connect(NAME), asynchronous)
    assert str(caught.value).startswith(f"Could not connect to {FULL} (")
    assert last_line(caught.value).startswith("Don't go on")


def test_a_cluster_given_to_a_tunnel(cluster: Emulator) -> None:
    with pytest.raises(ValueError, match=f"^{FULL} can't be reached through a tunnel: each of a cluster's") as caught:
        connect(NAME, tunnel="127.0.0.1:1")
    assert "run this inside its network" in last_line(caught.value)
    with pytest.raises(ValueError, match="can't be reached through a tunnel"):
        connection_options(NAME, tunnel="127.0.0.1:1")


def test_options_for_a_client_of_ones_own_of_a_cluster(cluster: Emulator) -> None:
    with pytest.raises(ValueError, match=f"^{FULL} is in cluster mode, where no single connection pool") as caught:
        connection_options(NAME)
    assert "connect(NAME)" in last_line(caught.value)


def test_no_repr_of_a_clusters_client_has_the_token(cluster: Emulator) -> None:
    client: Any = connect(NAME)
    shown = repr([client, vars(client), vars(client.nodes_manager), client.get_nodes(), vars(access_of(client))])
    assert "ya29" not in shown


@pytest.mark.parametrize(("auth", "tls"), [("AUTH_DISABLED", False), ("AUTH_DISABLED", True)])
@BOTH
def test_what_is_off_is_not_used_on_a_cluster(
    memorystore_emulator: Emulator, auth: str, tls: bool, asynchronous: bool
) -> None:
    create_valkey(cluster=True, auth=auth, tls=tls)
    chat(connect(NAME), asynchronous)
    assert issued(memorystore_emulator) == []


# What a user sees, and the advice that helps.


def test_an_instance_that_never_answers(emulator: Emulator, silent: int) -> None:  # noqa: F811
    error = failure(NAME, tunnel=f"127.0.0.1:{silent}")
    assert isinstance(error, ConnectionTimeoutError)
    assert str(error).startswith(f"Could not connect to {FULL} (")
    assert "inside its network" in last_line(error)


def test_a_tunnel_that_is_not_running(emulator: Emulator) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    error = failure(NAME, tunnel=f"127.0.0.1:{port}")
    assert "refused" in str(error)
    assert "the tunnel to it is running" in last_line(error)


@pytest.mark.parametrize("tunnel", ["localhost", "127.0.0.1:", "127.0.0.1:99999"])
def test_a_tunnel_of_the_wrong_form(emulator: Emulator, tunnel: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT, for example 127\.0\.0\.1:6378"):
        connect(NAME, tunnel=tunnel)


# Descriptions of every kind, each of a plain server of this machine.


def place(port: int | str, kind: str = "PRIMARY", host: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    """A Private Service Connect connection; a server's URL stands for its port."""
    number = int(str(port).rpartition(":")[2])
    return {"ip_address": host, "port": number, "connection_type": f"CONNECTION_TYPE_{kind}", **more}


def described(*places: dict[str, Any], automatic: bool = True, **more: Any) -> memorystore_v1.Instance:
    """An instance that is ready, with cluster mode disabled and an endpoint for each connection."""
    field = "psc_auto_connection" if automatic else "psc_connection"
    settings = {"name": NAME, "state": "ACTIVE", "mode": "CLUSTER_DISABLED"} | more
    return memorystore_v1.Instance(endpoints=[{"connections": [{field: one}]} for one in places], **settings)


NETWORKS = ["projects/p/global/networks/one", "projects/p/global/networks/two"]


@pytest.mark.parametrize("automatic", [True, False], ids=["automatic", "of the customer's"])
def test_endpoints(automatic: bool, apis: Apis, server: EmbeddedServer) -> None:
    apis.valkey.instance = described(
        place(1, "READER"),
        place(2, "PRIMARY", psc_connection_status="NOT_FOUND"),
        place(3, "UNSPECIFIED"),
        place(4, "PRIMARY", host=""),
        place(server.url, "PRIMARY", psc_connection_status="ACTIVE"),
        automatic=automatic,
    )
    assert connect(NAME).ping()


def test_endpoints_of_older_instances(apis: Apis, server: EmbeddedServer) -> None:
    apis.valkey.instance = described(psc_auto_connections=[place(1, "READER"), place(server.url)])
    assert connect(NAME).ping()


@pytest.mark.parametrize("mode", ["STANDALONE", "MODE_UNSPECIFIED", 77])
def test_modes_without_a_cluster(mode: Any, apis: Apis, server: EmbeddedServer) -> None:
    apis.valkey.instance = described(place(server.url), mode=mode)
    assert type(connect(NAME)) is redis.Redis


def test_several_networks(apis: Apis, server: EmbeddedServer, silent: int) -> None:  # noqa: F811
    apis.valkey.instance = described(place(silent, network=NETWORKS[0]), place(server.url, network=NETWORKS[1]))
    error = failure(NAME)
    assert isinstance(error, ConnectionTimeoutError)
    assert ", ".join(NETWORKS) in last_line(error)
    assert "network=" in last_line(error)
    assert connect(NAME, network=NETWORKS[1]).ping()
    assert connect(NAME, network="two").ping()
    with pytest.raises(ValueError, match=r"no primary endpoint in the network 'three'\.\nIt has one in: ") as caught:
        connect(NAME, network="three")
    assert ", ".join(NETWORKS) in last_line(caught.value)


def test_no_endpoint(apis: Apis) -> None:
    apis.valkey.instance = described()
    with pytest.raises(ConnectionFailedError, match=rf"^{FULL} has no primary endpoint") as caught:
        connect(NAME)
    assert "Private Service Connect" in last_line(caught.value)
    apis.valkey.instance = described(place(1))
    with pytest.raises(ConnectionFailedError, match=rf"^{FULL} has no reader endpoint") as caught:
        connect(NAME, reader=True)
    assert last_line(caught.value).startswith("Only an instance with replicas has one")


@pytest.mark.parametrize("state", ["CREATING", "DELETING"])
def test_states_that_nothing_can_be_done_in(state: str, apis: Apis) -> None:
    apis.valkey.instance = described(place(1), state=state)
    with pytest.raises(InstanceNotReadyError) as caught:
        connect(NAME)
    assert caught.value.state == state
    assert str(caught.value).startswith(f"{FULL} can't be connected to: its state is {state}.")
    assert ("Wait until it is ACTIVE" in last_line(caught.value)) is (state == "CREATING")


@pytest.mark.parametrize("state", ["UPDATING", "MIGRATING", "STATE_UNSPECIFIED", 77])
@pytest.mark.filterwarnings("error")
def test_states_that_it_can_be_used_in(state: Any, apis: Apis, server: EmbeddedServer) -> None:
    apis.valkey.instance = described(place(server.url), state=state)
    assert connect(NAME).ping()


def test_an_encryption_that_is_not_known_counts_as_one(apis: Apis, server: EmbeddedServer) -> None:
    apis.valkey.instance = described(place(server.url), transit_encryption_mode=77)
    with pytest.raises(ConnectionFailedError, match="names no certificate authority"):
        connect(NAME)


def test_authorities_of_the_customers_own(apis: Apis, server: EmbeddedServer) -> None:
    pool = "projects/p/locations/us-central1/caPools/mine"
    apis.valkey.instance = described(
        place(server.url),
        transit_encryption_mode="SERVER_AUTHENTICATION",
        server_ca_mode="CUSTOMER_MANAGED_CAS_CA",
        server_ca_pool=pool,
    )
    with pytest.raises(ConnectionFailedError, match="whose authorities are yours") as caught:
        connect(NAME)
    assert pool in last_line(caught.value)
    apis.authorities = [[Authority().pem]]  # what the API gives counts
    with pytest.raises(ConnectionFailedError, match="Could not connect to"):
        connect(NAME)


@pytest.mark.parametrize(
    ("method", "doing"),
    [
        ("GetCertificateAuthority", "fetch the certificate authorities of"),
        ("ListTokenAuthUsers", "fetch a token of"),
        ("ListAuthTokens", "fetch a token of"),
        ("GetAuthToken", "fetch a token of"),
    ],
)
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED])
def test_what_the_api_does_not_give(method: str, doing: str, code: grpc.StatusCode, apis: Apis) -> None:
    apis.valkey.instance = described(
        place(1),
        transit_encryption_mode="SERVER_AUTHENTICATION" if "Certificate" in method else "TRANSIT_ENCRYPTION_DISABLED",
        authorization_mode="AUTH_DISABLED" if "Certificate" in method else "TOKEN_AUTH",
    )
    apis.users = {"alice": ["a token"]}
    apis.failures[f"valkey {method}"] = (code, "not now")
    with pytest.raises(MemorystoreError, match=rf"^Could not {doing} {FULL}: .*not now\.\n") as caught:
        connect(NAME)
    forbidden = code is grpc.StatusCode.PERMISSION_DENIED
    assert type(caught.value) is (PermissionMissingError if forbidden else ApiUnreachableError)
    assert apis.calls[f"valkey {method}"] == 1


# Tokens of the instance's own.


@pytest.fixture
def tokened(apis: Apis) -> Iterator[redis.Redis]:
    """A server with two users, whose tokens the API gives; an administrator's client of it."""
    with EmbeddedServer() as running:
        apis.valkey.instance = described(place(running.url), authorization_mode="TOKEN_AUTH")
        apis.users = {"none": [], "alice": ["alice-old", "alice-new"], "bob": ["bob-1"]}
        admin = redis.Redis.from_url(running.url, protocol=2)
        for user, tokens in apis.users.items():
            admin.execute_command("ACL", "SETUSER", user, "on", *(f">{token}" for token in tokens), "+@all", "~*")
        admin.execute_command("ACL", "SETUSER", "default", "resetpass")
        yield admin
        admin.close()


@BOTH
@pytest.mark.parametrize("listed", [False, True], ids=["fetched", "listed"])
def test_the_first_user_with_a_token(
    listed: bool, asynchronous: bool, tokened: redis.Redis, apis: Apis, log: pytest.LogCaptureFixture
) -> None:
    apis.tokens_in_list = listed
    client = connect(NAME)
    assert call(client, asynchronous, "ACL", "WHOAMI") == b"alice"
    assert access_of(client).get_credentials() == ("alice", "alice-new")
    assert apis.calls["valkey GetAuthToken"] == (0 if listed else 1)
    shown = repr([client, vars(access_of(client)), [vars(record) for record in log.records]]) + log.text
    assert "alice-new" not in shown


@BOTH
def test_a_user_by_name(asynchronous: bool, tokened: redis.Redis) -> None:
    assert call(connect(NAME, username="bob"), asynchronous, "ACL", "WHOAMI") == b"bob"
    mine = connect(NAME, username="alice", password="alice-old")
    assert call(mine, asynchronous, "ACL", "WHOAMI") == b"alice"


@pytest.mark.parametrize(
    ("username", "said"),
    [(None, "no user of it has a token"), ("none", "its user 'none' has no token"), ("eve", "its user 'eve' has no")],
)
def test_nobody_to_sign_in_as(username: str | None, said: str, tokened: redis.Redis, apis: Apis) -> None:
    apis.users = {"none": []}
    with pytest.raises(AuthenticationFailedError) as caught:
        connect(NAME, username=username)
    first, last = str(caught.value).splitlines()
    assert first == f"There is nobody to sign in to {FULL} as: {said}{' token' * (username == 'eve')} (users: none)."
    assert last.startswith("In the console, add a user and a token for it")


@pytest.mark.parametrize("mode", ["AUTH_DISABLED", "IAM_AUTH"])
def test_a_user_where_there_are_none(mode: str, apis: Apis, server: EmbeddedServer) -> None:
    apis.valkey.instance = described(place(server.url), authorization_mode=mode)
    with pytest.raises(ValueError, match=rf"^{FULL} .* has no users of its own that 'alice' could be") as caught:
        connect(NAME, username="alice")
    assert last_line(caught.value).startswith("Leave username= out")


@BOTH
def test_a_token_of_its_own_that_is_replaced(asynchronous: bool, tokened: redis.Redis, apis: Apis) -> None:
    client = connect(NAME)
    chat(client, asynchronous, 1)
    tokened.execute_command("ACL", "SETUSER", "alice", "resetpass", ">alice-newest")
    apis.users["alice"] = ["alice-newest"]
    tokened.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    chat(client, asynchronous, 1)


@BOTH
def test_a_token_of_its_own_that_is_refused(asynchronous: bool, tokened: redis.Redis, apis: Apis) -> None:
    client = connect(NAME)
    tokened.execute_command("ACL", "SETUSER", "alice", "resetpass", ">alice-newest")
    tokened.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    with pytest.raises(AuthenticationFailedError) as caught:
        call(client, asynchronous, "GET", "key")
    assert str(caught.value).startswith(f"Could not connect to {FULL} (")
    assert last_line(caught.value).startswith("The token was fetched again, and refused again")
    assert "alice-new" not in everything_said(caught.value, __file__)


def test_authentication_that_is_switched_on(tokened: redis.Redis, apis: Apis) -> None:
    """It can be at any time: https://cloud.google.com/memorystore/docs/valkey/manage-basic-auth"""
    tokened.execute_command("ACL", "SETUSER", "default", "nopass")
    wanted = apis.valkey.instance.authorization_mode
    apis.valkey.instance.authorization_mode = "AUTH_DISABLED"
    client = connect(NAME)
    apis.valkey.instance.authorization_mode = wanted
    tokened.execute_command("ACL", "SETUSER", "default", "resetpass")
    tokened.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert call(client, False, "ACL", "WHOAMI") == b"alice"


@MODES
@BOTH
def test_tokens_that_are_rotated(memorystore_emulator: Emulator, cluster: bool, asynchronous: bool) -> None:
    """A second token, and then the first one's end: https://cloud.google.com/memorystore/docs/valkey/manage-basic-auth"""
    create_valkey(cluster=cluster, auth="TOKEN_AUTH")
    api = memorystore_client("a-project")

    def done(operation: Any) -> None:
        assert eventually(operation.done)
        operation.result()

    def add_token(name: str) -> None:
        done(
            api.add_auth_token(
                token_auth_user=f"{NAME}/tokenAuthUsers/chat", auth_token=memorystore_v1.AuthToken(name=name)
            )
        )

    with pytest.raises(AuthenticationFailedError, match=r"nobody to sign in to .* \(users: none\)"):
        connect(NAME)
    done(api.add_token_auth_user(instance=NAME, token_auth_user="chat"))
    add_token("first")
    client = connect(NAME)
    chat(client, asynchronous)
    add_token("second")
    chat(client, asynchronous)
    done(api.delete_auth_token(name=f"{NAME}/tokenAuthUsers/chat/authTokens/first"))
    memorystore_emulator.drop_connections(NAME)
    chat(client, asynchronous)
    user, token = access_of(client).get_credentials()
    assert user == "chat"
    assert token == api.get_auth_token(name=f"{NAME}/tokenAuthUsers/chat/authTokens/second").token


# A server of the other kind.


def test_a_server_of_the_other_kind(apis: Apis, server: EmbeddedServer) -> None:
    apis.valkey.instance = described(place(server.url, "DISCOVERY"), mode="CLUSTER")
    error = failure(NAME)
    assert str(error).startswith(f"Could not connect to {FULL}: ")
    assert last_line(error).startswith("The server there is not the instance, whose mode is different")
    with running_cluster() as cluster:
        apis.valkey.instance = described(place(cluster.servers[0].port))
        error = failure(NAME)
        assert str(error).startswith(f"{FULL} (127.0.0.1:{cluster.servers[0].port}) answers")
        assert last_line(error).startswith("The server there is not the instance, whose mode is different")
