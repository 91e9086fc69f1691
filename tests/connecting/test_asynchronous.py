"""The asyncio side of a client: the same server in the same way, or an error before anything is sent."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ConstantBackoff
from redis.cluster import LoadBalancingStrategy
from redis.credentials import CredentialProvider
from redis.retry import Retry

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, connect
from helpers._connecting.asynchronous import _parameters, async_twin
from helpers.embedded import EmbeddedServer
from helpers.emulator.servers.certificates import Authority
from helpers.errors import HelpersError, NoAsyncClientError
from tests.conftest import eventually
from tests.support.cluster import running_cluster
from tests.support.recorder import Conversation, Recorder

USER, PASSWORD = "ann", "correct-horse"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def signed_in_server() -> Iterator[EmbeddedServer]:
    """A server with a user of its own beside the default one."""
    with EmbeddedServer() as server:
        with redis.Redis.from_url(server.url, protocol=2) as client:
            client.execute_command("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all")
        yield server


def port(server: EmbeddedServer) -> int:
    return int(server.url.rpartition(":")[2])


@pytest.fixture
def plain(signed_in_server: EmbeddedServer) -> Iterator[Recorder]:
    with Recorder(port(signed_in_server)) as recorder:
        yield recorder


@pytest.fixture
def tls(signed_in_server: EmbeddedServer, authority: Authority) -> Iterator[Recorder]:
    context = authority.server_context("127.0.0.1", common_name_only=False)
    with Recorder(port(signed_in_server), context) as recorder:
        yield recorder


def pem(authority: Authority) -> str:
    return str(authority.described().cert)


def both_sides(client: Any, *recorders: Recorder) -> tuple[list[Conversation], list[Conversation]]:
    """What was said when a client was asked for messages, and what when its asyncio side was."""
    said = []
    for asynchronous in (False, True):
        for recorder in recorders:
            recorder.conversations.clear()
        if isinstance(client, redis.Redis):
            client.connection_pool.disconnect()
            client.connection_pool.reset()
        else:
            client.disconnect_connection_pools()
        history = RedisChatMessageHistory("a session", client=client)
        assert (asyncio.run(history.aget_messages()) if asynchronous else history.messages) == []
        said.append([each for recorder in recorders for each in recorder.asked(b"LRANGE")])
    return said[0], said[1]


class Provider(CredentialProvider):
    """Written without asyncio in mind, as most are."""

    def get_credentials(self) -> Any:
        return USER, PASSWORD


OWN: dict[str, Any] = {"username": USER, "password": PASSWORD}
PLAIN: dict[str, Callable[[int], Any]] = {
    "as it comes": lambda port: redis.Redis(port=port),
    "RESP2": lambda port: redis.Redis(port=port, protocol=2, driver_info=None),
    "all that there is": lambda port: redis.Redis(port=port, db=3, protocol=3, client_name="me", **OWN),
    "a database, by URL": lambda port: redis.Redis.from_url(f"redis://{USER}:{PASSWORD}@127.0.0.1:{port}/5"),
    "connect": lambda port: connect(f"redis://{USER}:{PASSWORD}@127.0.0.1:{port}/7"),
    "credentials": lambda port: redis.Redis(port=port, credential_provider=Provider(), protocol=2),
    "texts": lambda port: redis.Redis(port=port, decode_responses=True, encoding="latin-1"),
    "a blocking pool": lambda port: redis.Redis.from_pool(redis.BlockingConnectionPool(port=port, db=2)),
    "one connection": lambda port: redis.Redis(port=port, single_connection_client=True, db=4),
    "a subclass that adds to it": lambda port: type("Mine", (redis.Redis,), {"mine": lambda self: 1})(port=port, db=6),
    "no notices of maintenance": lambda port: redis.Redis(
        port=port, maint_notifications_config=redis.maint_notifications.MaintNotificationsConfig(enabled=False)
    ),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_both_sides_say_the_same(kind: str, plain: Recorder) -> None:
    sync, asynchronous = both_sides(PLAIN[kind](plain.port), plain)
    assert [each.encrypted for each in sync + asynchronous] == [False, False]
    assert sync[0].until(b"LRANGE") == asynchronous[0].until(b"LRANGE")


def test_what_is_said_has_user_database_and_protocol(plain: Recorder) -> None:
    _, (said,) = both_sides(PLAIN["all that there is"](plain.port), plain)
    assert [b"HELLO", b"3", b"AUTH", USER.encode(), PASSWORD.encode()] in said.commands
    assert [b"SELECT", b"3"] in said.commands
    assert [b"CLIENT", b"SETNAME", b"me"] in said.commands


TLS: dict[str, Callable[[int, str], Any]] = {
    "as redis-py's documentation has it": lambda port, ca: redis.Redis(port=port, ssl=True, ssl_ca_data=ca),
    "a user": lambda port, ca: redis.Redis(host="127.0.0.1", port=port, ssl=True, ssl_ca_data=ca, db=1, **OWN),
    "by URL": lambda port, ca: redis.Redis.from_url(f"rediss://127.0.0.1:{port}/1", ssl_ca_data=ca),
    "connect": lambda port, ca: connect(f"rediss://{USER}:{PASSWORD}@127.0.0.1:{port}", ssl_ca_data=ca),
    "connect without a password": lambda port, ca: connect(f"rediss://127.0.0.1:{port}", ssl_ca_data=ca),
    "not verified": lambda port, ca: redis.Redis(port=port, ssl=True, ssl_cert_reqs="none"),
}


@pytest.mark.parametrize("kind", TLS)
def test_both_sides_speak_tls(kind: str, tls: Recorder, authority: Authority) -> None:
    client = TLS[kind](tls.port, pem(authority))
    if kind == "as redis-py's documentation has it":
        client.connection_pool.connection_kwargs["host"] = "127.0.0.1"  # which is what the certificate names
    sync, asynchronous = both_sides(client, tls)
    assert [each.encrypted for each in sync + asynchronous] == [True, True]
    # Without a password redis-py's ordinary connection has to ask something, for the session tickets.
    assert [each for each in sync[0].until(b"LRANGE") if each != [b"PING"]] == asynchronous[0].until(b"LRANGE")


def test_tls_without_a_password_connects_every_time(tls: Recorder, authority: Authority) -> None:
    client = TLS["connect without a password"](tls.port, pem(authority))
    for _ in range(50):  # redis-py's own connection takes session tickets for a reply now and then
        client.connection_pool.disconnect()
        assert client.ping()


@pytest.mark.parametrize("kind", [kind for kind in TLS if kind != "not verified"])
def test_both_sides_verify(kind: str, tls: Recorder) -> None:
    client = redis.Redis(host="127.0.0.1", port=tls.port, ssl=True, ssl_ca_data=pem(Authority()), **OWN)
    with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(RedisChatMessageHistory("a session", client=client).aget_messages())
    assert [each.commands for each in tls.conversations if each.commands] == []


def test_a_unix_socket(signed_in_server: EmbeddedServer, tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with Recorder(port(signed_in_server), path=path) as recorder:
        for client in (connect(f"unix://{path}?db=2"), redis.Redis(unix_socket_path=str(path), db=3, **OWN)):
            (sync,), (asynchronous,) = both_sides(client, recorder)
            # redis-py's asyncio connection signs in twice there.
            assert {*map(tuple, sync.until(b"LRANGE"))} == {*map(tuple, asynchronous.until(b"LRANGE"))}


# A cluster.


@pytest.fixture(scope="module")
def nodes(authority: Authority) -> Iterator[list[Recorder]]:
    """Recorders before the nodes of a cluster; clients are told of no other ports."""
    with ExitStack() as stack:
        recorders = [stack.enter_context(Recorder()) for _ in range(3)]
        cluster = stack.enter_context(running_cluster([recorder.port for recorder in recorders]))
        for recorder, server, node in zip(recorders, cluster.servers, cluster.nodes, strict=True):
            recorder.target = server.port
            node.execute_command("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all")
        yield recorders


CLUSTER: dict[str, Callable[[int, str], Any]] = {
    "connect": lambda port, ca: connect(f"redis+cluster://{USER}:{PASSWORD}@127.0.0.1:{port}"),
    "connect, TLS": lambda port, ca: connect(f"rediss+cluster://{USER}:{PASSWORD}@127.0.0.1:{port}", ssl_ca_data=ca),
    "connect, TLS without a password": lambda port, ca: connect(f"rediss+cluster://127.0.0.1:{port}", ssl_ca_data=ca),
    "constructor": lambda port, ca: redis.RedisCluster("127.0.0.1", port, client_name="me", protocol=2, **OWN),
    "constructor, RESP3": lambda port, ca: redis.RedisCluster("127.0.0.1", port, **OWN),
    "constructor, TLS": lambda port, ca: redis.RedisCluster("127.0.0.1", port, ssl=True, ssl_ca_data=ca, **OWN),
    "by URL, TLS": lambda port, ca: redis.RedisCluster.from_url(
        f"rediss://{USER}:{PASSWORD}@127.0.0.1:{port}", ssl_ca_data=ca, protocol=2
    ),
    "credentials, TLS": lambda port, ca: redis.RedisCluster(
        "127.0.0.1", port, ssl=True, ssl_ca_data=ca, protocol=2, credential_provider=Provider()
    ),
    "reading from replicas": lambda port, ca: redis.RedisCluster(
        "127.0.0.1", port, protocol=2, load_balancing_strategy=LoadBalancingStrategy.ROUND_ROBIN, **OWN
    ),
}


@pytest.mark.parametrize("kind", CLUSTER)
def test_both_sides_of_a_cluster_say_the_same(kind: str, nodes: list[Recorder], authority: Authority) -> None:
    encrypted = "TLS" in kind
    for recorder in nodes:
        recorder.tls = authority.server_context("127.0.0.1", common_name_only=False) if encrypted else None
    client = CLUSTER[kind](nodes[0].port, pem(authority))
    (sync,), asynchronous = both_sides(client, *nodes)
    left_out = ([b"PING"], [b"CLUSTER", b"SLOTS"], [b"COMMAND"])
    assert asynchronous  # redis-py's asyncio client may ask a wrong node first
    for each in asynchronous:
        assert [sync.encrypted, each.encrypted] == [encrypted, encrypted]
        assert [said for said in sync.until(b"LRANGE") if said not in left_out] == [
            said for said in each.until(b"LRANGE") if said not in left_out
        ]
        assert [b"READONLY"] in each.commands or kind != "reading from replicas"
    seen = [each for recorder in nodes for each in recorder.conversations]
    assert len({each.encrypted for each in seen}) == 1
    client.close()


# What can't be carried over.


class Tunnel(redis.Connection):
    """A connection class of one's own."""


class Watched(redis.Redis):
    """A client that carries commands out in a way of its own."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


class OwnPool(redis.ConnectionPool):
    """A pool of one's own."""


def patched(port: int) -> redis.Redis:
    client = redis.Redis(port=port)
    client.execute_command = partial(client.execute_command)  # type: ignore[method-assign]
    return client


def check(connection: Any) -> None:
    connection.on_connect()


CHECK: dict[str, Any] = {"redis_connect_func": check}


REFUSED: dict[str, Callable[[int], Any]] = {
    "fakeredis": lambda port: fakeredis.FakeRedis(host="127.0.0.1", port=port),
    "a connection class": lambda port: redis.Redis.from_pool(redis.ConnectionPool(connection_class=Tunnel, port=port)),
    "a check at each connection": lambda port: redis.Redis(port=port, **CHECK),
    "a parser": lambda port: redis.Redis.from_pool(
        redis.ConnectionPool(port=port, parser_class=type("Mine", (redis._parsers._RESP2Parser,), {}), protocol=2)
    ),
    "a packer": lambda port: redis.Redis.from_pool(redis.ConnectionPool(port=port, command_packer=lambda *_: b"")),
    "OCSP": lambda port: redis.Redis(port=port, ssl=True, ssl_validate_ocsp=True),
    "stapled OCSP": lambda port: redis.Redis(port=port, ssl=True, ssl_validate_ocsp_stapled=True),
    "a client class": lambda port: Watched(port=port),
    "a patched client": patched,
    "a pool": lambda port: redis.Redis.from_pool(OwnPool(port=port)),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("ask", ["aget_messages", "aadd_messages", "aclear"])
def test_what_can_not_be_carried_over_is_refused(kind: str, ask: str, plain: Recorder) -> None:
    history = MemorystoreChatMessageHistory(REFUSED[kind](plain.port), "a session")
    arguments = [[HumanMessage("hello")]] if ask == "aadd_messages" else []
    with pytest.raises(NoAsyncClientError) as caught:
        asyncio.run(getattr(history, ask)(*arguments))
    assert isinstance(caught.value, HelpersError)
    assert "async_client=" in str(caught.value).splitlines()[-1]
    assert plain.conversations == []


def test_a_check_at_each_connection_to_a_cluster_is_refused(nodes: list[Recorder]) -> None:
    for recorder in nodes:
        recorder.tls = None
    client = redis.RedisCluster("127.0.0.1", nodes[0].port, protocol=2, **CHECK)
    with pytest.raises(NoAsyncClientError, match="redis_connect_func="):
        asyncio.run(RedisChatMessageHistory("a session", client=client).aget_messages())
    client.close()


def test_a_twin_that_would_go_elsewhere_is_refused(plain: Recorder) -> None:
    """Whatever went wrong on the way there: here the class that is named leaves the user out."""

    class Careless(redis.asyncio.Connection):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options | {"username": None, "password": None, "db": 0})

    class Named(redis.Connection):
        asynchronous = Careless

    client = redis.Redis.from_pool(redis.ConnectionPool(connection_class=Named, port=plain.port, db=1, **OWN))
    with pytest.raises(NoAsyncClientError, match="differ in db, username, password"):
        asyncio.run(RedisChatMessageHistory("a session", client=client).aget_messages())
    assert plain.conversations == []


def test_a_class_may_name_its_counterpart_and_is_not_heir_to_one(plain: Recorder) -> None:
    class There(redis.asyncio.Connection):
        pass

    class Here(redis.Connection):
        asynchronous = There

    class Heir(Here):
        pass

    def client(kind: type) -> redis.Redis:
        return redis.Redis.from_pool(redis.ConnectionPool(connection_class=kind, port=plain.port, db=1))

    sync, asynchronous = both_sides(client(Here), plain)
    assert sync[0].until(b"LRANGE") == asynchronous[0].until(b"LRANGE")
    with pytest.raises(NoAsyncClientError, match="Heir names no asyncio class"):
        asyncio.run(RedisChatMessageHistory("a session", client=client(Heir)).aget_messages())


def test_a_client_class_may_name_its_counterpart_too(plain: Recorder) -> None:
    class There(redis.asyncio.Redis):
        pass

    class Here(Watched):
        asynchronous = There

    class Heir(Here):
        def of_its_own(self) -> None:
            pass

    class Changed(Here):
        def execute_command(self, *args: Any, **options: Any) -> Any:
            return super().execute_command(*args, **options)

    async def ask(kind: Any) -> type:
        return type(await async_twin(kind(port=plain.port)))

    assert [asyncio.run(ask(kind)) for kind in (Here, Heir)] == [There, There]
    with pytest.raises(NoAsyncClientError, match="its execute_command is not redis-py's"):
        asyncio.run(ask(Changed))


@pytest.mark.parametrize("kind", [redis.Connection, redis.SSLConnection, redis.UnixDomainSocketConnection])
def test_what_is_not_given_means_the_same_on_both_sides(kind: type) -> None:
    """An option that is left out is left out there too: redis-py's defaults have to be the same."""
    counterpart = getattr(redis.asyncio, kind.__name__)
    sync, asynchronous = _parameters(kind), _parameters(counterpart)
    of_the_side = {"parser_class", "self"}  # each side has its own
    for name in sync.keys() & asynchronous.keys() - of_the_side:
        assert sync[name].default == asynchronous[name].default, name


async def test_all_that_describes_a_connection_is_carried_over(plain: Recorder) -> None:
    described = {
        "socket_timeout": 1.25, "socket_connect_timeout": 2.5, "socket_keepalive": False, "health_check_interval": 7,
        "db": 3, "client_name": "me", "protocol": 2, "legacy_responses": False,
    }  # fmt: skip
    texts = {"encoding": "latin-1", "encoding_errors": "replace", "decode_responses": True}
    options: dict[str, Any] = {**described, **texts, "socket_read_size": 4096}
    twin: Any = await async_twin(redis.Redis(port=plain.port, **options))
    made = twin.connection_pool.make_connection()
    assert {name: getattr(made, name) for name in described} == described
    assert {name: getattr(made.encoder, name) for name in texts} == texts
    assert made._socket_read_size == 4096


# A client of the caller's.


def test_an_asyncio_client_of_ones_own() -> None:
    server = fakeredis.FakeServer()
    here, there = fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server)
    for history in (
        RedisChatMessageHistory("a session", client=here, async_client=there),
        MemorystoreChatMessageHistory(here, "a session", async_client=there),
    ):
        history.add_user_message("hello")
        asyncio.run(history.aadd_messages([HumanMessage("there")]))
        assert [message.content for message in history.messages] == ["hello", "there"]


@pytest.mark.parametrize("wrong", [redis.Redis(), "redis://localhost", object()])
def test_a_client_that_is_not_an_asyncio_one(wrong: Any) -> None:
    with pytest.raises(ValueError, match="async_client must be an asyncio client"):
        MemorystoreChatMessageHistory(redis.Redis(), "a session", async_client=wrong)


# Retries, credentials and pools.


async def test_the_twin_tries_as_often(plain: Recorder) -> None:
    retry = Retry(ConstantBackoff(0.01), 4, supported_errors=(redis.ConnectionError,))
    twin: Any = await async_twin(redis.Redis(port=plain.port, retry=retry, retry_on_error=[redis.BusyLoadingError]))
    made = twin.connection_pool.make_connection().retry
    assert type(made) is AsyncRetry
    assert (made._backoff, made.get_retries()) == (ConstantBackoff(0.01), 4)
    assert redis.BusyLoadingError in made._supported_errors


@pytest.mark.parametrize("dynamic", [False, True])
async def test_the_twin_of_a_cluster_tries_and_looks_as_its_original(dynamic: bool, nodes: list[Recorder]) -> None:
    retry = Retry(ConstantBackoff(0.01), 7)
    client = redis.RedisCluster(
        "127.0.0.1", nodes[0].port, retry=retry, dynamic_startup_nodes=dynamic, protocol=2, **OWN
    )
    twin: Any = await async_twin(client)
    assert (twin.retry._backoff, twin.retry.get_retries()) == (ConstantBackoff(0.01), 7)
    assert twin.nodes_manager._dynamic_startup_nodes is dynamic


def test_a_loop_goes_on_while_credentials_are_fetched(plain: Recorder) -> None:
    ticked = threading.Event()

    class Slow(Provider):
        def get_credentials(self) -> Any:
            assert ticked.wait(5), "the event loop stands still"
            return super().get_credentials()

    async def ask() -> None:
        asyncio.get_running_loop().call_later(0.05, ticked.set)
        await RedisChatMessageHistory("a session", client=client).aget_messages()

    client = redis.Redis(port=plain.port, credential_provider=Slow())
    asyncio.run(ask())


class AsyncProvider(CredentialProvider):
    """Written for asyncio, so that it is not asked in a thread."""

    def get_credentials(self) -> Any:
        raise AssertionError("asked by the way of the other side")

    async def get_credentials_async(self) -> Any:
        return USER, PASSWORD


class Duck:
    """What redis-py asks for credentials without being told more of it."""

    def get_credentials(self) -> Any:
        return USER, PASSWORD


@pytest.mark.parametrize("provider", [AsyncProvider(), Duck()])
def test_credentials_are_asked_as_they_are_written(provider: Any, plain: Recorder) -> None:
    client = redis.Redis(port=plain.port, protocol=2, credential_provider=provider)
    assert asyncio.run(RedisChatMessageHistory("a session", client=client).aget_messages()) == []
    (said,) = plain.asked(b"LRANGE")
    assert [b"AUTH", USER.encode(), PASSWORD.encode()] in said.commands


def test_more_tasks_than_connections(plain: Recorder) -> None:
    history = RedisChatMessageHistory("a session", client=redis.Redis(port=plain.port))

    async def ask() -> None:
        await asyncio.gather(*(history.aget_messages() for _ in range(200)))

    asyncio.run(ask())
    assert len(plain.asked(b"LRANGE")) <= 64


# Event loops.


def connections(server: EmbeddedServer) -> int:
    with redis.Redis.from_url(server.url, protocol=2) as watcher:
        return len(watcher.client_list())


def in_a_loop(history: RedisChatMessageHistory, ending: str) -> None:
    async def chat() -> None:
        await asyncio.gather(history.aget_messages(), history.aget_messages())

    if ending == "asyncio.run":
        asyncio.run(chat())
        return
    loop = asyncio.new_event_loop()
    loop.run_until_complete(chat())
    if ending == "closed alone":
        loop.close()


ENDINGS = ["asyncio.run", "closed alone", "left open"]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("threads", [1, 10])
def test_loops_that_end_leave_no_connection(ending: str, threads: int, server: EmbeddedServer) -> None:
    history = RedisChatMessageHistory("a session", client=redis.Redis.from_url(server.url, protocol=2))
    history.clear()
    before = connections(server)
    failures: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(50 // threads):
                in_a_loop(history, ending)
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=use) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert failures == []
    gc.collect()
    assert eventually(lambda: connections(server) == before)


def test_a_loop_goes_on_after_its_generators_have_ended(server: EmbeddedServer) -> None:
    """Its twin was closed with them; the next one is another."""
    history = RedisChatMessageHistory("a session", client=redis.Redis.from_url(server.url, protocol=2))
    history.clear()
    before = connections(server)

    async def twin() -> Any:
        await history.aget_messages()
        return await async_twin(history.redis_client)

    loop = asyncio.new_event_loop()
    first = loop.run_until_complete(twin())
    assert loop.run_until_complete(twin()) is first
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert connections(server) == before
    loop._asyncgens_shutdown_called = False  # type: ignore[attr-defined]  # as a loop that was not told
    assert loop.run_until_complete(twin()) is not first
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert connections(server) == before


def test_a_twin_ends_with_its_client(server: EmbeddedServer) -> None:
    before = connections(server)

    async def chat() -> int:
        client = redis.Redis.from_url(server.url, protocol=2)
        await RedisChatMessageHistory("a session", client=client).aget_messages()
        return connections(server)

    with asyncio.Runner() as runner:
        assert runner.run(chat()) == before + 1
        gc.collect()
        assert eventually(lambda: runner.run(asyncio.sleep(0.01, connections(server))) == before)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_end_of_a_program_is_quiet(ending: str, server: EmbeddedServer) -> None:
    program = (
        "import sys; from helpers import RedisChatMessageHistory as History; "
        "from tests.connecting.test_asynchronous import in_a_loop; "
        "in_a_loop(History('a session', sys.argv[1]), sys.argv[2])"
    )
    command = [sys.executable, "-c", program, server.url, ending]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert (run.stdout, run.stderr) == ("", "")
