"""`redis+sentinel://`: the addresses of langchain_community's class, through real Sentinels."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage

from helpers import RedisChatMessageHistory, connect
from helpers._connecting.asynchronous import async_twin
from helpers._connecting.failover import AsyncFailoverRetry
from helpers.embedded import EmbeddedServer
from helpers.errors import AuthenticationFailedError, ConnectionFailedError, NoAsyncClientError
from tests.conftest import eventually
from tests.connecting.test_asynchronous import both_sides, port
from tests.connecting.test_connection import failure
from tests.support.official import COMMUNITY, official_python
from tests.support.recorder import Recorder
from tests.support.sentinel import running_sentinel

PASSWORD = "correct/horse@battery"
ENCODED = "correct%2Fhorse%40battery"


@pytest.fixture(scope="module")
def primary() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@pytest.fixture(scope="module")
def sentinel(primary: EmbeddedServer) -> Iterator[int]:
    with running_sentinel(port(primary)) as running:
        yield running


@pytest.fixture(scope="module")
def with_password() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        with redis.Redis.from_url(server.url, protocol=2) as client:
            client.execute_command("CONFIG", "SET", "requirepass", PASSWORD)
        yield server


def single(url: str, **options: Any) -> redis.Redis:
    client = connect(url, **options)
    assert isinstance(client, redis.Redis)
    return client


def test_sync_and_async(sentinel: int) -> None:
    history = RedisChatMessageHistory("a session", f"redis+sentinel://127.0.0.1:{sentinel}/mymaster/3")
    history.clear()
    history.add_user_message("hello")
    asyncio.run(history.aadd_messages([HumanMessage("there")]))
    assert [message.content for message in asyncio.run(history.aget_messages())] == ["hello", "there"]
    assert single(f"redis+sentinel://127.0.0.1:{sentinel}/mymaster/3").llen(history.key) == 2
    assert single(f"redis+sentinel://127.0.0.1:{sentinel}/mymaster").llen(history.key) == 0


@pytest.mark.parametrize("path", ["", "/", "/mymaster", "/mymaster/", "/mymaster/0"])
def test_what_is_left_out(path: str, sentinel: int) -> None:
    assert connect(f"redis+sentinel://127.0.0.1:{sentinel}{path}").ping()


def test_several_of_which_one_is_away(sentinel: int, primary: EmbeddedServer) -> None:
    with running_sentinel(port(primary)) as away:
        pass
    assert connect(f"redis+sentinel://127.0.0.1:{away},127.0.0.1:{sentinel}/mymaster").ping()


@pytest.mark.parametrize("of_the_sentinel", ["the same", "none", "another"])
def test_passwords(of_the_sentinel: str, with_password: EmbeddedServer) -> None:
    own = {"the same": PASSWORD, "none": "", "another": "another"}[of_the_sentinel]
    with running_sentinel(port(with_password), primary_password=PASSWORD, password=own, service="chats") as running:
        url = f"redis+sentinel://:{ENCODED}@127.0.0.1:{running}/chats/1"
        options = {"sentinel_kwargs": {"password": own}} if of_the_sentinel == "another" else {}
        history = RedisChatMessageHistory("a session", client=single(url, **options))
        history.add_user_message("hello")
        assert len(asyncio.run(history.aget_messages())) == 1
        if of_the_sentinel == "another":
            assert isinstance(failure(url), AuthenticationFailedError)
            assert connect(url, **options) is connect(url, sentinel_kwargs={"password": own})
        history.clear()


def test_both_sides_say_the_same(with_password: EmbeddedServer) -> None:
    with (
        Recorder(port(with_password)) as before_server,
        running_sentinel(before_server.port, primary_password=PASSWORD, password=PASSWORD) as running,
        Recorder(running) as before_sentinel,
    ):
        client = single(f"redis+sentinel://:{ENCODED}@127.0.0.1:{before_sentinel.port}/mymaster/2")
        (sync,), (asynchronous,) = both_sides(client, before_server)
        assert sync.until(b"LRANGE") == asynchronous.until(b"LRANGE")
        assert [b"AUTH", PASSWORD.encode()] in sync.commands
        assert [b"SELECT", b"2"] in sync.commands
        asked = [each.until(b"SENTINEL") for each in before_sentinel.asked(b"SENTINEL")]
        assert asked[0] == [[b"AUTH", PASSWORD.encode()], [b"PING"], [b"SENTINEL"]]
        assert asked[1:] == [[[b"AUTH", PASSWORD.encode()], [b"SENTINEL"]]]


def test_redis_pys_own_sentinel_client(sentinel: int) -> None:
    manager = redis.Sentinel([("127.0.0.1", sentinel)], protocol=2)
    for client in (manager.master_for("mymaster", db=3, protocol=2), manager.slave_for("mymaster", protocol=2)):
        history = RedisChatMessageHistory("another session", client=client)
        assert asyncio.run(history.aget_messages()) == history.messages == []


def test_one_that_maps_addresses_is_refused(sentinel: int) -> None:
    class Mapping(redis.Sentinel):
        """As behind a network that translates addresses."""

    manager: Any = Mapping
    client = manager([("127.0.0.1", sentinel)]).master_for("mymaster")
    with pytest.raises(NoAsyncClientError, match="Mapping"):
        asyncio.run(RedisChatMessageHistory("a session", client=client).aget_messages())


def test_one_that_is_told_where_the_primary_is(sentinel: int) -> None:
    manager: Any = redis.Sentinel
    client = manager([("127.0.0.1", sentinel)], force_master_ip="127.0.0.9").master_for("mymaster")
    history = RedisChatMessageHistory("a session", client=client)
    where_nobody_is = r"127\.0\.0\.9"
    with pytest.raises(redis.ConnectionError, match=where_nobody_is):
        _ = history.messages
    with pytest.raises(redis.ConnectionError, match=where_nobody_is):
        asyncio.run(history.aget_messages())


async def test_the_twin_tries_for_as_long(sentinel: int) -> None:
    client = connect(f"redis+sentinel://127.0.0.1:{sentinel}/mymaster")
    twin: Any = await async_twin(client)
    assert type(twin.connection_pool.make_connection().retry) is AsyncFailoverRetry


def fails_over(sentinel: redis.Redis) -> bool:
    """Whether a Sentinel begins; not before it knows the replica well enough."""
    try:
        return bool(sentinel.execute_command("SENTINEL", "FAILOVER", "mymaster"))
    except redis.ResponseError:
        return False


def test_a_primary_that_changes() -> None:
    with ExitStack() as stack:
        first, second = stack.enter_context(EmbeddedServer()), stack.enter_context(EmbeddedServer())
        # Clients that try again: the Sentinel cuts them off when it changes their server's part.
        first_client, second_client = (
            stack.enter_context(redis.Redis(port=port(server), protocol=2)) for server in (first, second)
        )
        second_client.execute_command("REPLICAOF", "127.0.0.1", port(first))
        assert eventually(lambda: second_client.info("replication")["master_link_status"] == "up")
        running = stack.enter_context(running_sentinel(port(first)))
        asked = stack.enter_context(redis.Redis(port=running, protocol=2))
        assert eventually(lambda: asked.sentinel_masters()["mymaster"]["num-slaves"] == 1, seconds=20)
        history = RedisChatMessageHistory("a session", f"redis+sentinel://127.0.0.1:{running}/mymaster")
        history.add_user_message("before")
        assert eventually(lambda: second_client.llen(history.key) == 1)
        assert eventually(lambda: fails_over(asked), seconds=20)
        # Until then the old primary takes writes that get lost.
        assert eventually(lambda: first_client.info("replication")["role"] == "slave", seconds=20)
        history.add_user_message("after")
        asyncio.run(history.aadd_messages([HumanMessage("and async")]))
        assert [message.content for message in history.messages] == ["before", "after", "and async"]
        assert second_client.llen(history.key) == 3


# What is wrong, in words.


def test_no_sentinel_is_there() -> None:
    with EmbeddedServer() as server:
        gone = port(server)
    error = failure(f"redis+sentinel://:SECRET@127.0.0.1:{gone}/mymaster")
    assert str(error).startswith(f"Could not connect to redis+sentinel://127.0.0.1:{gone}/mymaster: ")
    assert str(error).splitlines()[-1].startswith("Nothing is listening there")
    assert "SECRET" not in str(error)


def test_a_service_that_it_does_not_know(sentinel: int) -> None:
    error = failure(f"redis+sentinel://127.0.0.1:{sentinel}/another")
    assert isinstance(error, ConnectionFailedError)
    assert "No master found for 'another'" in str(error)
    assert str(error).splitlines()[-1].startswith("Check the service name")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel://127.0.0.1:26379/mymaster/first", "database"),
        ("redis+sentinel://127.0.0.1:26379,127.0.0.1:99999/mymaster", "port"),
        ("redis+sentinel://:p@ss@127.0.0.1:26379/mymaster", "percent-encoded"),
    ],
)
def test_an_address_of_the_wrong_form(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        connect(url)


# Beside the class that it takes the place of.


def test_as_langchain_community_has_it(sentinel: int) -> None:
    url = f"redis+sentinel://127.0.0.1:{sentinel}/mymaster/0"
    ours = RedisChatMessageHistory("with the official class", url)
    ours.clear()
    ours.add_user_message("from ours")
    program = (
        "import sys; from langchain_community.chat_message_histories import RedisChatMessageHistory as History; "
        "history = History('with the official class', url=sys.argv[1]); history.add_user_message('from theirs'); "
        "print(*[message.content for message in history.messages], sep=', ')"
    )
    command = [str(official_python(COMMUNITY)), "-W", "ignore", "-c", program, url]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "from ours, from theirs"
    assert [message.content for message in ours.messages] == ["from ours", "from theirs"]
    ours.clear()
