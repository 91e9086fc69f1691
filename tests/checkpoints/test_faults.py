"""A thread holds what was said, once and whole, whatever happens to connections, servers and processes."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from langgraph.checkpoint.base import empty_checkpoint

from helpers import RedisSaver, connect
from helpers._histories import writing
from helpers.embedded import EmbeddedServer
from helpers.errors import NotWrittenError, WriteOutcomeUnknownError
from tests.conftest import eventually
from tests.histories.test_exactly_once import TIMEOUT, Durable
from tests.support import fault_proxy
from tests.support.agent import counting_agent, question, said, talk, thread
from tests.support.fault_proxy import FAULTS, FaultProxy
from tests.support.official import ROOT

BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
KEY = "thread:bob"


@pytest.fixture
def port(server: EmbeddedServer, client: redis.Redis) -> int:
    """The port of an empty server."""
    return int(server.url.rpartition(":")[2])


@pytest.fixture
def durable() -> Iterator[Durable]:
    with tempfile.TemporaryDirectory() as folder:
        running = Durable(Path(folder))
        yield running
        running.server.stop()


def go_on(agent: Any, turns: range, *, asynchronous: bool) -> None:
    """Ask an agent one question after the other."""

    async def ask() -> None:
        for number in turns:
            await agent.ainvoke(question(number), thread())

    if asynchronous:
        return asyncio.run(ask())
    for number in turns:
        agent.invoke(question(number), thread())
    return None


def retrying(proxy: FaultProxy) -> redis.Redis:
    """A client that reads again what came too late, as redis-py's own do."""
    return redis.Redis(port=proxy.port, protocol=2, socket_timeout=TIMEOUT)


def values_of(client: redis.Redis, channel: bytes) -> list[bytes]:
    fields: Any = client.hkeys(KEY)
    return [field for field in fields if field.startswith(channel + b"@")]


def stored_messages(client: redis.Redis) -> int:
    """How many messages Redis holds of the thread, whichever checkpoints name them."""
    return len(values_of(client, b"messages"))


# --- faults of the connection -------------------------------------------------------------------


@BOTH
def test_a_tenth_of_the_requests_is_lost_or_late(
    asynchronous: bool, port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_proxy, "FAULTS", ("no reply", "late"))
    with FaultProxy(port, 7, rate=0.1) as proxy:
        agent = counting_agent(RedisSaver(retrying(proxy)))
        go_on(agent, range(60), asynchronous=asynchronous)
        proxy.settle()
    assert min(proxy.faults["no reply"], proxy.faults["late"]) >= 5
    assert said(RedisSaver(client)) == talk(60)
    assert stored_messages(client) == 120


@BOTH
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault(
    fault: str, asynchronous: bool, port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_proxy, "FAULTS", (fault,))
    with FaultProxy(port, 3, rate=0.3) as proxy:
        agent = counting_agent(RedisSaver(retrying(proxy), keep=3))
        go_on(agent, range(5), asynchronous=asynchronous)
        proxy.settle()
    assert proxy.faults[fault] >= 3
    assert said(RedisSaver(client)) == talk(5)
    assert stored_messages(client) == 10


def put(saver: RedisSaver, words: list[str], config: Any = None) -> Any:
    """Store a checkpoint of a list."""
    words = [word.ljust(100) for word in words]
    checkpoint = empty_checkpoint() | {"channel_values": {"words": words}}
    return saver.put(config or thread(), checkpoint, {}, {})


def words_of(saver: RedisSaver) -> list[str]:
    found = saver.get_tuple(thread())
    return [word.strip() for word in found.checkpoint["channel_values"]["words"]] if found else []


@pytest.mark.parametrize("what", ["put", "put_writes", "copy_thread"])
def test_a_late_first_attempt_comes_after_the_thread_was_deleted(
    what: str, port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_proxy, "FAULTS", ("late",))
    other = RedisSaver(client)
    config = put(other, ["one"])
    with FaultProxy(port, 1, rate=1) as proxy:
        saver = RedisSaver(connect(proxy.url, socket_timeout=TIMEOUT))
        threading.Timer(TIMEOUT, lambda: setattr(proxy, "calm", True)).start()
        if what == "put":
            put(saver, ["one", "two"])
        elif what == "put_writes":
            saver.put_writes(config, [("words", ["two"])], "task")
        else:
            saver.copy_thread("bob", "copy")
        assert proxy.faults["late"] == 1
        other.delete_thread("bob")
        other.delete_thread("copy")
        proxy.settle()
    assert client.keys("thread:bob") == client.keys("thread:copy") == []


class Busy(FaultProxy):
    """Between a fault and the next attempt somebody else does something."""

    meanwhile: Callable[[], Any] = bool

    def _exchange(self, *arguments: Any) -> bool:
        goes_on = super()._exchange(*arguments)
        if not goes_on:
            self.calm = True
            self.meanwhile()
        return goes_on


@BOTH
def test_another_writes_after_a_deletion_whose_reply_was_lost(
    asynchronous: bool, port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_proxy, "FAULTS", ("no reply",))
    other = RedisSaver(client)
    other.delete_thread("nobody")  # the server knows the script, so that the first attempt deletes
    put(other, ["one"])
    with Busy(port, 1, rate=1) as proxy:
        proxy.meanwhile = lambda: put(other, ["another"])
        saver = RedisSaver(connect(proxy.url))
        asyncio.run(saver.adelete_thread("bob")) if asynchronous else saver.delete_thread("bob")
    assert proxy.faults["no reply"] == 1
    assert words_of(other) == ["another"]


@BOTH
def test_what_is_known_when_the_time_is_up(
    asynchronous: bool, port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    monkeypatch.setattr(fault_proxy, "FAULTS", ("no reply",))
    counting_agent(RedisSaver(client)).invoke(question(0), thread())
    with FaultProxy(port, 1, rate=1) as proxy:
        proxy.calm = True
        agent = counting_agent(RedisSaver(connect(proxy.url)), lambda: setattr(proxy, "calm", False))
        with pytest.raises(WriteOutcomeUnknownError, match=KEY) as caught:
            go_on(agent, range(1, 2), asynchronous=asynchronous)
    assert str(caught.value).splitlines()[-1] == (
        "Once the server answers, agent.get_state(config) shows what is stored, and "
        "agent.invoke(None, config) continues from there."
    )
    counting_agent(RedisSaver(client)).invoke(None, thread())
    assert said(RedisSaver(client)) == talk(2)
    assert stored_messages(client) == 4


@BOTH
def test_what_was_never_sent_is_known_not_to_be_stored(asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        saver = RedisSaver(redis.Redis(port=closed.getsockname()[1], protocol=2))

        def write() -> None:
            if asynchronous:
                asyncio.run(saver.aput_writes(thread(checkpoint_id="1"), [], "task"))
            else:
                put(saver, [])

        with pytest.raises(NotWrittenError, match=r"Nothing was written[^\n]*\n[^\n]*[Cc]heck"):
            write()


@BOTH
def test_a_failing_read_is_no_new_thread(
    asynchronous: bool, port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_proxy, "FAULTS", ("no reply",))
    counting_agent(RedisSaver(client)).invoke(question(0), thread())
    before = client.hgetall(KEY)
    with FaultProxy(port, 1, rate=1) as proxy:
        agent = counting_agent(RedisSaver(connect(proxy.url, socket_timeout=TIMEOUT)))
        with pytest.raises(redis.ConnectionError):
            go_on(agent, range(1, 2), asynchronous=asynchronous)
        assert client.hgetall(KEY) == before
        proxy.calm = True
        go_on(agent, range(1, 2), asynchronous=asynchronous)
    assert said(RedisSaver(client)) == talk(2)


# --- faults of the server -----------------------------------------------------------------------


@BOTH
def test_a_server_that_restarts_with_its_data(asynchronous: bool, durable: Durable) -> None:
    def restart() -> None:
        durable.server.terminate()
        durable.start()

    agent = counting_agent(RedisSaver(durable.url), restart)
    go_on(agent, range(3), asynchronous=asynchronous)
    restart()
    go_on(agent, range(3, 4), asynchronous=asynchronous)
    with redis.Redis.from_url(durable.url, protocol=2) as client:
        assert said(RedisSaver(client)) == talk(4)
        assert stored_messages(client) == 8


@BOTH
@pytest.mark.parametrize("keep", [None, 1, 20])
def test_a_server_that_is_empty_all_at_once(asynchronous: bool, keep: int | None, client: redis.Redis) -> None:
    agent = counting_agent(RedisSaver(client, keep=keep))
    go_on(agent, range(3), asynchronous=asynchronous)
    replaced = counting_agent(agent.checkpointer, client.flushall)
    go_on(replaced, range(3, 4), asynchronous=asynchronous)
    assert said(RedisSaver(client)) == talk(4)
    go_on(agent, range(4, 6), asynchronous=asynchronous)
    assert said(RedisSaver(client)) == talk(6)
    assert stored_messages(client) == 12


# --- several at once ----------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 3])
def test_two_processes_do_not_mix_their_checkpoints(
    keep: int, server: EmbeddedServer, client: redis.Redis, tmp_path: Path
) -> None:
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.checkpoint_worker",
                server.url,
                name,
                "30",
                str(keep),
                tmp_path / name,
            ],
            cwd=ROOT,
        )
        for name in ("one", "two")
    ]
    put_by_either: dict[str, list[str]] = {}
    saver = RedisSaver(client)
    while any(worker.poll() is None for worker in workers):  # whoever reads meanwhile is not troubled
        list(saver.list(thread()))
        time.sleep(0.1)
    for place, worker in enumerate(workers):
        assert worker.returncode == 0
        put_by_either |= json.loads((tmp_path / ("one", "two")[place]).read_text())
    stored = {one.checkpoint["id"]: one.checkpoint["channel_values"]["words"] for one in saver.list(thread())}
    assert len(stored) == (keep or 60)
    assert stored == {name: words for name, words in put_by_either.items() if name in stored}
    assert len(values_of(client, b"words")) == len({word for words in stored.values() for word in words})


def test_threads_and_tasks_that_share_a_saver(client: redis.Redis) -> None:
    saver = RedisSaver(client, keep=2)
    put_by_any: dict[str, list[str]] = {}

    def write(name: int) -> None:
        for number in range(40):
            found = saver.get_tuple(thread())
            words = found.checkpoint["channel_values"]["words"][-5:] if found else []
            words = [*words, f"{name} {number}".ljust(100)]
            checkpoint = empty_checkpoint() | {"channel_values": {"words": words}}
            put_by_any[checkpoint["id"]] = words
            saver.put(found.config if found else thread(), checkpoint, {}, {})
            list(saver.list(thread()))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    for one in saver.list(thread()):
        assert one.checkpoint["channel_values"]["words"] == put_by_any[one.checkpoint["id"]]


def worker(url: str, first: int, last: int, stop: int = -1) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.support.agent_worker", url, str(first), str(last), str(stop)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_for(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout
    assert any(said.strip() == line for said in iter(process.stdout.readline, ""))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_worker_is_killed(server: EmbeddedServer, client: redis.Redis) -> None:
    with worker(server.url, 0, 3) as between:
        wait_for(between, "done 2")
        between.kill()
    saver = RedisSaver(client)
    assert said(saver) == talk(3)
    agent = counting_agent(saver)
    agent.invoke(question(3), thread())
    with worker(server.url, 4, 7, stop=5) as amidst:
        wait_for(amidst, "stopped")
        assert eventually(lambda: said(saver)[-1] == "question 5")  # LangGraph stores it while the model answers
        amidst.kill()
    assert said(saver) == [*talk(5), "question 5"]
    agent.invoke(None, thread())  # the turn goes on where it was
    agent.invoke(question(6), thread())
    assert said(RedisSaver(client)) == talk(7)
    assert stored_messages(client) == 14
