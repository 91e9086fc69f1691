"""What a write's attempts do at the server, how they are sent, and what is said where one is refused."""

import asyncio
import gc
import itertools
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis
import redis.asyncio
from langchain_core.messages import BaseMessage, HumanMessage
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, connect
from helpers._histories import writing
from helpers._histories.writing import Write
from helpers.embedded import EmbeddedServer
from helpers.errors import (
    RIGHTS,
    CertificateRefusedError,
    HelpersError,
    MissingRightsError,
    NotWrittenError,
    ReadReplicaError,
    ServerFullError,
    WriteOutcomeUnknownError,
    WriteRefusedError,
)
from tests.conftest import eventually
from tests.histories.test_exactly_once import BOTH, TIMEOUT, Classes, open_history, pair, pairs
from tests.support.fault_proxy import FaultProxy
from tests.support.line import Line

SYNC_AND_ASYNC = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def texts(history: Any) -> list[str]:
    return [str(message.content) for message in history.messages]


def add(history: Any, messages: Sequence[BaseMessage], asynchronous: bool) -> None:
    asyncio.run(history.aadd_messages(messages)) if asynchronous else history.add_messages(messages)


# --- attempts at the server ---------------------------------------------------------------------


def attempts(write: Write, count: int, client: Any) -> list[tuple[Any, ...]]:
    """The commands of as many attempts, none of which was answered."""
    made = [write.command(client)]
    while len(made) < count:
        write.pause_after(redis.TimeoutError("no answer"), sent=True)
        made.append(write.command(client))
    return made


@BOTH
@pytest.mark.parametrize("order", [order for n in (1, 2, 3) for order in itertools.permutations(range(3), n)], ids=str)
def test_attempts_store_once_in_whatever_order_they_arrive(
    kind: Classes, order: tuple[int, ...], client: redis.Redis
) -> None:
    history = open_history(kind, client)
    history.add_messages(pair(0))
    commands = attempts(history._appending(pair(1)), 3, client)
    for place in order:
        client.execute_command(*commands[place])
        history.add_messages([HumanMessage("of somebody else")])
    assert texts(history) == ["question 0", "answer 0", "question 1", "answer 1"] + ["of somebody else"] * len(order)


@BOTH
@pytest.mark.parametrize("carried_out", [True, False])
def test_what_arrives_late_does_not_bring_back_what_was_cleared(
    kind: Classes, carried_out: bool, client: redis.Redis
) -> None:
    history = open_history(kind, client)
    first, second, third = attempts(history._appending(pair(0)), 3, client)
    if carried_out:
        client.execute_command(*first)  # and its reply is lost
    client.execute_command(*third)  # this one's arrives
    history.clear()
    for command in (second,) if carried_out else (first, second):
        client.execute_command(*command)
    assert texts(history) == []


@BOTH
@pytest.mark.parametrize("since", [0, 1, 98, 99, 100, 101, 198, 199, 200, 201, 350])
def test_a_write_is_found_under_whatever_was_written_since(kind: Classes, since: int, client: redis.Redis) -> None:
    history = open_history(kind, client)
    history.add_messages(pairs(80))
    first, second = attempts(history._appending(pair(100)), 2, client)
    client.execute_command(*first)
    if since:
        history.add_messages([HumanMessage("since")] * since)
    client.execute_command(*second)
    assert texts(history).count("question 100") == 1
    assert len(history) == 162 + since


@BOTH
@pytest.mark.parametrize("count", [999, 1000, 1001, 2500])
def test_many_messages_are_stored_each_once_and_in_order(kind: Classes, count: int, client: redis.Redis) -> None:
    messages = [HumanMessage(str(number)) for number in range(count)]
    history = open_history(kind, client)
    history.add_messages(messages)
    assert history.messages == messages


@BOTH
@SYNC_AND_ASYNC
def test_a_repeated_clear_deletes_nothing_new(
    kind: Classes, asynchronous: bool, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = open_history(kind, client)
    direct.add_messages(pairs(3))
    port = int(client.connection_pool.connection_kwargs["port"])
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    with FaultProxy(port, 1, rate=1) as proxy:
        history = open_history(kind, connect(proxy.url, socket_timeout=TIMEOUT))

        def in_between() -> None:
            if not proxy.calm:
                direct.add_messages(pair(9))
                proxy.calm = True

        _between_attempts(monkeypatch, in_between)
        asyncio.run(history.aclear()) if asynchronous else history.clear()
    assert proxy.faults["no reply"] == 1
    assert direct.messages == pair(9)


def _between_attempts(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    pause_after = Write.pause_after

    def doing(self: Write, *args: Any, **options: Any) -> float:
        do()
        return pause_after(self, *args, **options)

    monkeypatch.setattr(Write, "pause_after", doing)


@BOTH
@SYNC_AND_ASYNC
def test_a_clear_whose_outcome_is_unknown_is_no_earlier_one_when_called_again(
    kind: Classes, asynchronous: bool, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    direct = open_history(kind, client)
    direct.add_messages(pairs(3))
    with FaultProxy(int(client.connection_pool.connection_kwargs["port"]), 1, rate=1) as proxy:
        history = open_history(kind, connect(proxy.url, socket_timeout=TIMEOUT))

        def clear() -> None:
            asyncio.run(history.aclear()) if asynchronous else history.clear()

        with pytest.raises(WriteOutcomeUnknownError) as caught:
            clear()
        assert "messages" not in str(caught.value).splitlines()[-1]
        direct.add_messages(pair(4))
        proxy.calm = True
        clear()
    assert direct.messages == []


# --- what is refused ----------------------------------------------------------------------------


def user_url(client: redis.Redis, rights: str) -> str:
    client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pass", "~message_store:*", *rights.split())
    return f"redis://limited:pass@127.0.0.1:{client.connection_pool.connection_kwargs['port']}"


@SYNC_AND_ASYNC
@pytest.mark.parametrize("missing", "+set +lpush +ltrim +expire +exists +eval".split())
def test_a_right_that_is_missing_is_found_before_anything_is_stored(
    missing: str, asynchronous: bool, client: redis.Redis
) -> None:
    url = user_url(client, f"-@all {RIGHTS.replace(missing + ' ', '')}")
    history = RedisChatMessageHistory("bob", client=connect(url), ttl=60, max_messages=50)
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(MissingRightsError) as caught:
            add(history, pair(0), asynchronous)
        assert time.monotonic() - started < 5  # waiting does not help
    assert isinstance(caught.value, redis.exceptions.NoPermissionError)
    assert isinstance(caught.value, NotWrittenError)
    assert missing in str(caught.value).splitlines()[-1]
    first = str(caught.value).splitlines()[0]
    assert f"{missing[1:]}' command." in first or "run this command" in first  # as the server has it
    assert "@user_script" not in first
    client.execute_command("ACL", "DELUSER", "limited")
    assert client.keys() == []


@BOTH
@pytest.mark.parametrize("missing", "+set +ltrim +expire +lrange +llen".split())
def test_a_right_that_a_further_attempt_lacks_stores_nothing_twice(
    kind: Classes, missing: str, client: redis.Redis
) -> None:
    limited: Any = connect(user_url(client, f"+@all -{missing[1:]} ~*"))
    first, *others = attempts(open_history(kind, client, ttl=9, max_messages=50)._appending(pair(0)), 4, client)
    client.execute_command(*first)
    for command in others:
        with pytest.raises(redis.ResponseError):
            limited.execute_command(*command)
    assert len(open_history(kind, client)) == 2
    assert len(client.keys()) == 1  # no fence, which would say that it was carried out
    client.execute_command(*others[0])
    assert len(open_history(kind, client)) == 2


@BOTH
@pytest.mark.parametrize("missing", "+set +del +exists".split())
def test_clear_without_the_rights_to_it_deletes_nothing(kind: Classes, missing: str, client: redis.Redis) -> None:
    open_history(kind, client).add_messages(pair(0))
    limited = connect(user_url(client, f"~* +@all -{missing[1:]}"))
    with pytest.raises(MissingRightsError):
        open_history(kind, limited).clear()
    assert open_history(kind, client).messages == pair(0)


@BOTH
@pytest.mark.parametrize("name", ["ttl", "max_messages", "window"])
def test_a_bound_that_no_redis_takes_is_refused_by_the_constructor(
    kind: Classes, name: str, client: redis.Redis
) -> None:
    for value in (10**16, 10**20):
        with pytest.raises(ValueError, match=name):
            open_history(kind, client, **{name: value})
    history = open_history(kind, client, **{name: 9 * 10**15 - 1})
    history.add_messages(pairs(2))
    assert history.messages == pairs(2)


@BOTH
@pytest.mark.parametrize("bounds", [{"ttl": 10**16}, {"max_messages": 10**20}], ids=str)
def test_a_bound_that_the_server_refuses_is_found_before_anything_is_stored(
    kind: Classes, bounds: dict[str, int], client: redis.Redis
) -> None:
    history = open_history(kind, client)
    vars(history).update(bounds)
    for _ in range(3):
        with pytest.raises(WriteRefusedError):
            history.add_messages(pair(0))
    assert client.keys() == []


@pytest.fixture
def setting(client: redis.Redis) -> Iterator[Callable[[str, str], None]]:
    """Changes a setting of the server for the time of a test."""
    usual: dict[str, str] = {}

    def change(name: str, value: str) -> None:
        usual.setdefault(name, str(client.config_get(name)[name]))
        client.config_set(name, value)

    yield change
    for name, value in usual.items():
        client.config_set(name, value)


@BOTH
@SYNC_AND_ASYNC
def test_a_server_whose_memory_is_full(
    kind: Classes, asynchronous: bool, client: redis.Redis, setting: Callable[[str, str], None]
) -> None:
    history = open_history(kind, client, ttl=60, max_messages=50)
    history.add_messages(pair(0))
    setting("maxmemory", "1kb")
    with pytest.raises(ServerFullError, match=r"Nothing was written[\s\S]*memory is full") as caught:
        add(history, pair(1), asynchronous)
    assert isinstance(caught.value, redis.exceptions.OutOfMemoryError)
    assert history.messages == pair(0)
    asyncio.run(history.aclear()) if asynchronous else history.clear()  # which is what helps
    assert history.messages == []


@SYNC_AND_ASYNC
def test_a_server_that_waits_for_replicas(
    asynchronous: bool, client: redis.Redis, setting: Callable[[str, str], None]
) -> None:
    setting("min-replicas-to-write", "1")
    with pytest.raises(WriteRefusedError, match=r"Nothing was written[\s\S]*replicas follow it"):
        add(RedisChatMessageHistory("bob", client=client), pair(0), asynchronous)
    setting("min-replicas-to-write", "0")
    assert client.keys() == []


@BOTH
@SYNC_AND_ASYNC
def test_a_read_replica(kind: Classes, asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    with EmbeddedServer() as server, closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        client: Any = connect(server.url)
        client.execute_command("REPLICAOF", "127.0.0.1", nobody.getsockname()[1])
        with pytest.raises(ReadReplicaError) as caught:
            add(open_history(kind, client), pair(0), asynchronous)
        assert isinstance(caught.value, redis.exceptions.ReadOnlyError)
        assert not isinstance(caught.value, WriteOutcomeUnknownError)
        assert "primary" in str(caught.value).splitlines()[-1]


def test_a_server_that_cannot_save(tmp_path: Path) -> None:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server, whose data folder can be taken away")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "data"
    folder.mkdir()
    with subprocess.Popen([program, "--port", str(port), "--dir", str(folder)], stdout=subprocess.DEVNULL) as process:
        try:
            client = redis.Redis(port=port, protocol=2)
            assert eventually(lambda: _is_up(client))
            folder.rmdir()
            client.bgsave()
            assert eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
            history = RedisChatMessageHistory("bob", client=client)
            with pytest.raises(WriteRefusedError, match=r"MISCONF[\s\S]*save to its disk"):
                history.add_messages(pair(0))
            with pytest.raises(WriteRefusedError, match=r"MISCONF[\s\S]*save to its disk"):
                history.clear()
            with pytest.raises(HelpersError, match="save to its disk"):
                connect(f"redis://127.0.0.1:{port}")
        finally:
            process.kill()


def _is_up(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


# Up to version 6 Redis words what a script was refused so.
OLD = "-ERR Error running script (call to f_5ad2): @user_script:9: @user_script: 9: -{}\r\n"


@contextmanager
def answering(reply: str) -> Iterator[redis.Redis]:
    """A client of something that answers everything with one reply: a version of Redis that is not to be had here."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                while True:
                    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return

        def answer(connection: socket.socket) -> None:
            with connection:
                while connection.recv(1 << 16):
                    connection.sendall(reply.encode())

        threading.Thread(target=serve, daemon=True).start()
        yield redis.Redis(port=listener.getsockname()[1], protocol=2, driver_info=None)


@SYNC_AND_ASYNC
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (OLD.format("READONLY You can't write against a read only slave."), ReadReplicaError),
        (OLD.format("OOM command not allowed when used memory > 'maxmemory'."), ServerFullError),
        (OLD.format("NOPERM this user has no permissions to run the 'expire' command"), MissingRightsError),
        (
            "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
            WriteRefusedError,
        ),
        ("-LOADING Redis is loading the dataset in memory\r\n", NotWrittenError),
        ("-CLUSTERDOWN The cluster is down\r\n", WriteRefusedError),
        ("-TRYAGAIN Multiple keys request during rehashing of slot\r\n", WriteRefusedError),
        ("-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n", WriteRefusedError),
    ],
)
def test_words_of_servers_that_are_not_to_be_had_here(
    reply: str, kind: type[Exception], asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    with answering(reply) as client:
        tried: list[float] = []
        _between_attempts(monkeypatch, lambda: tried.append(time.monotonic()))
        with pytest.raises(kind) as caught:
            add(RedisChatMessageHistory("bob", client=client), pair(0), asynchronous)
    assert isinstance(caught.value, NotWrittenError)
    assert not isinstance(caught.value, WriteOutcomeUnknownError)
    # It is tried again where that may help: memory and rights do not come by waiting.
    assert (len(tried) == 1) == (kind in (ServerFullError, MissingRightsError))


@SYNC_AND_ASYNC
def test_a_password_that_has_changed_is_told_at_once(asynchronous: bool, client: redis.Redis) -> None:
    history = RedisChatMessageHistory("bob", client=connect(user_url(client, "+@all")))
    client.execute_command(*"ACL SETUSER limited resetpass >another".split())
    client.execute_command(*"CLIENT KILL USER limited".split())
    started = time.monotonic()
    with pytest.raises(redis.AuthenticationError, match=r"message_store:bob[\s\S]*password"):
        add(history, pair(0), asynchronous)
    assert time.monotonic() - started < 5


@SYNC_AND_ASYNC
def test_a_server_that_wants_a_password_by_now(asynchronous: bool) -> None:
    with answering("-NOAUTH Authentication required.\r\n") as client:
        with pytest.raises(redis.AuthenticationError, match=r"message_store:bob[\s\S]*requires a password") as caught:
            add(RedisChatMessageHistory("bob", client=client), pair(0), asynchronous)
        assert not isinstance(caught.value, WriteOutcomeUnknownError)


# --- how they are sent --------------------------------------------------------------------------


@SYNC_AND_ASYNC
def test_a_large_message_over_a_slow_line_is_stored(asynchronous: bool, client: redis.Redis) -> None:
    with Line(int(client.connection_pool.connection_kwargs["port"]), rate=3_000_000) as line:
        history = RedisChatMessageHistory("bob", client=connect(line.url, socket_timeout=0.5))
        started = time.monotonic()
        photo = HumanMessage(os.urandom(3_000_000).hex())
        add(history, [photo], asynchronous)
        assert time.monotonic() - started > 1  # several times the time-out
    assert RedisChatMessageHistory("bob", client=client).messages == [photo]


@SYNC_AND_ASYNC
def test_what_was_not_sent_whole_is_known_not_to_be_written_and_does_not_arrive_later(
    asynchronous: bool, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    monkeypatch.setattr(writing, "_SLOW_LINE", 1e9)
    direct = RedisChatMessageHistory("bob", client=client)
    with Line(int(client.connection_pool.connection_kwargs["port"])) as line, asyncio.Runner() as runner:
        history = RedisChatMessageHistory("bob", client=connect(line.url, socket_timeout=0.2))
        photo = HumanMessage("x" * 12_000_000)

        def send() -> None:
            runner.run(history.aadd_messages([photo])) if asynchronous else history.add_messages([photo])

        line.flows.clear()
        with pytest.raises(NotWrittenError, match=r"12\.0 MB could not be sent[\s\S]*pass socket_timeout=") as caught:
            send()
        assert not isinstance(caught.value, WriteOutcomeUnknownError)
        line.flows.set()
        runner.run(asyncio.sleep(0.5))
        assert len(direct) == 0
        send()
    assert direct.messages == [photo]


@SYNC_AND_ASYNC
async def test_a_pool_that_has_no_connection_left(
    asynchronous: bool, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    port = client.connection_pool.connection_kwargs["port"]
    kind: Any = redis.asyncio if asynchronous else redis
    pool = kind.BlockingConnectionPool(max_connections=1, timeout=0.1, port=port, protocol=2)
    own = kind.Redis(connection_pool=pool)
    taken = await pool.get_connection() if asynchronous else pool.get_connection()

    async def write() -> None:
        appending = RedisChatMessageHistory("bob", client=client)._appending(pair(0))
        await writing.carry_out_async(own, appending) if asynchronous else writing.carry_out(own, appending)

    with pytest.raises(NotWrittenError, match="No connection available"):
        await write()
    await pool.release(taken) if asynchronous else pool.release(taken)
    await write()
    assert stored(client) == pair(0)
    await pool.disconnect() if asynchronous else pool.disconnect()


def test_what_fails_after_the_reply_leaves_the_outcome_open(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.1)
    with Line(int(client.connection_pool.connection_kwargs["port"])) as line:
        own = redis.Redis(port=line.port, protocol=2, retry=redis.retry.Retry(NoBackoff(), 0))
        own.ping()
    (connection,) = own.connection_pool._available_connections
    connection.mark_for_reconnect()  # as a server has redis-py do that is about to move
    with pytest.raises(WriteOutcomeUnknownError):
        RedisChatMessageHistory("bob", client=own).add_messages(pair(0))
    assert stored(client) == pair(0)


@pytest.mark.parametrize("lost", [redis.TimeoutError("no reply"), redis.exceptions.ReadOnlyError("no")], ids=repr)
def test_a_search_for_other_nodes_does_not_hide_what_was_sent(lost: Exception) -> None:
    # As redis-py's cluster client raises them, and helpers' own one after it.
    searched = redis.exceptions.RedisClusterException("no node")
    told = CertificateRefusedError("of another node")
    searched.__context__, searched.__cause__ = lost, told
    told.__context__ = searched
    assert writing._sent(None, searched) == writing._sent(None, told) == isinstance(lost, redis.TimeoutError)


@SYNC_AND_ASYNC
@pytest.mark.parametrize("where", ["class", "subclass", "client"])
def test_whoever_watches_the_commands_sees_the_writes(
    where: str, asynchronous: bool, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    kind: Any = redis.asyncio.Redis if asynchronous else redis.Redis

    def watching(send: Any) -> Any:
        def watched(*args: Any, **options: Any) -> Any:
            seen.extend(part for part in args if part in ("EVAL", "LRANGE"))
            return send(*args, **options)

        return watched

    port = int(client.connection_pool.connection_kwargs["port"])
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    with FaultProxy(port, 1, rate=0.6) as proxy:
        made = redis.Redis(port=proxy.port, protocol=2, socket_timeout=TIMEOUT)  # which resends, of itself
        history = RedisChatMessageHistory("bob", client=made)

        async def chat() -> None:
            watched = await history._async_client() if asynchronous else made
            if where == "client":
                monkeypatch.setattr(watched, "execute_command", watching(watched.execute_command))
            elif where == "class":
                real = kind.execute_command
                monkeypatch.setattr(kind, "execute_command", lambda self, *a, **o: watching(real)(self, *a, **o))
            else:
                real = kind.execute_command
                own = {"execute_command": lambda self, *a, **o: watching(real)(self, *a, **o)}
                monkeypatch.setattr(watched, "__class__", type("Audited", (kind,), own))
            for number in range(10):
                if asynchronous:
                    await history.aadd_messages(pair(number))
                else:
                    history.add_messages(pair(number))

        asyncio.run(chat())
        proxy.settle()
    assert proxy.faults["no reply"] >= 3
    assert stored(client) == pairs(10)
    # One with what somebody put upon the client itself resends of itself, out of sight.
    assert 10 <= seen.count("EVAL") <= 10 + proxy.faults["no reply"]
    assert where == "client" or seen.count("EVAL") == 10 + proxy.faults["no reply"]


def test_what_a_client_has_resent_by_itself_leaves_the_outcome_open(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    send: Any = client.execute_command

    def resending(*command: Any, **options: Any) -> Any:
        send(*command, **options)
        with EmbeddedServer() as gone:  # the reply is lost, and then there is nobody to connect to
            away: Any = redis.Redis.from_url(gone.url, protocol=2)
        return away.execute_command(*command, **options)

    with monkeypatch.context() as patch:
        patch.setattr(client, "execute_command", resending)
        with pytest.raises(WriteOutcomeUnknownError):
            RedisChatMessageHistory("bob", client=client).add_messages(pair(0))
    RedisChatMessageHistory("bob", client=client).add_messages(pair(0))
    assert stored(client) == pair(0)


def stored(client: redis.Redis) -> list[BaseMessage]:
    return RedisChatMessageHistory("bob", client=client).messages


@SYNC_AND_ASYNC
async def test_a_client_is_left_as_it_was(asynchronous: bool, server: EmbeddedServer, client: redis.Redis) -> None:
    closed: list[bool] = []

    class Tunnelled(redis.Redis):
        __slots__ = ("far_end",)

        def close(self) -> None:
            closed.append(True)
            super().close()

    retry = redis.retry.Retry(NoBackoff(), 7)
    kind = redis.Redis if asynchronous else Tunnelled  # for which there is no asyncio side
    history = RedisChatMessageHistory(
        "bob", client=kind.from_url(server.url, protocol=2, retry=retry, socket_timeout=3)
    )
    own: Any = await history._async_client() if asynchronous else history.redis_client
    usual = (await own.connection_pool.get_connection() if asynchronous else own.connection_pool.get_connection()).retry
    messages = [*pairs(3), HumanMessage("x" * 2_000_000)]  # for which there is more time
    await history.aadd_messages(messages) if asynchronous else history.add_messages(messages)
    gc.collect()
    assert closed == []
    assert [(each.retry, each.socket_timeout) for each in own.connection_pool._available_connections] == [(usual, 3)]
    assert usual.get_retries() > 0
    assert stored(client) == messages


@BOTH
def test_a_client_of_one_connection_in_several_threads(kind: Classes, client: redis.Redis) -> None:
    port = int(client.connection_pool.connection_kwargs["port"])
    with FaultProxy(port, 3, rate=0.1) as proxy:
        own = redis.Redis(port=proxy.port, protocol=2, socket_timeout=TIMEOUT, single_connection_client=True)

        def chat(name: str) -> None:
            history = kind(session_id=name, client=own)
            for number in range(25):
                history.add_messages([HumanMessage(f"{name} {number}")])
                assert texts(history) == [f"{name} {earlier}" for earlier in range(number + 1)]
                assert len(history) == number + 1

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(chat, "abcdefgh"))
        proxy.settle()
        assert own.connection is not None
        assert own.connection.retry.get_retries() > 0
        own.close()


async def test_an_asyncio_client_of_one_connection_in_several_tasks(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply", "before"))
    retry = AsyncRetry(NoBackoff(), 2)
    with FaultProxy(int(client.connection_pool.connection_kwargs["port"]), 3, rate=0.3) as proxy:
        own = redis.asyncio.Redis(port=proxy.port, socket_timeout=TIMEOUT, single_connection_client=True, retry=retry)

        async def chat(name: str) -> None:
            for number in range(10):
                appending = RedisChatMessageHistory(name, client=client)._appending(pair(number))
                await writing.carry_out_async(own, appending)

        await asyncio.gather(*map(chat, "abcd"))
        await own.aclose()
    assert proxy.faults["no reply"] >= 3
    for name in "abcd":
        assert RedisChatMessageHistory(name, client=client).messages == pairs(10)


@SYNC_AND_ASYNC
async def test_a_client_of_one_connection_writes_over_it(asynchronous: bool, client: redis.Redis) -> None:
    options: dict[str, Any] = {"port": client.connection_pool.connection_kwargs["port"], "protocol": 2}
    own: Any = (redis.asyncio.Redis if asynchronous else redis.Redis)(single_connection_client=True, **options)
    await own.select(1) if asynchronous else own.select(1)
    appending = RedisChatMessageHistory("bob", client=client)._appending(pair(0))
    await writing.carry_out_async(own, appending) if asynchronous else writing.carry_out(own, appending)
    await own.aclose() if asynchronous else own.close()
    with redis.Redis(db=1, **options) as there:
        assert stored(there) == pair(0)
    assert stored(client) == []


@SYNC_AND_ASYNC
def test_a_connection_to_what_has_become_a_replica_is_made_anew(asynchronous: bool, client: redis.Redis) -> None:
    with EmbeddedServer() as old, closing(socket.socket()) as nobody, asyncio.Runner() as runner:
        nobody.bind(("127.0.0.1", 0))
        with Line(int(old.url.rpartition(":")[2])) as line:
            history = RedisChatMessageHistory("bob", client=redis.Redis(port=line.port, protocol=2))

            def send(number: int) -> None:
                runner.run(history.aadd_messages(pair(number))) if asynchronous else history.add_messages(pair(number))

            send(0)
            with redis.Redis.from_url(old.url, protocol=2) as admin:
                admin.replicaof("127.0.0.1", nobody.getsockname()[1])
            line.target = int(client.connection_pool.connection_kwargs["port"])  # the address leads to the new primary
            send(1)
    assert stored(client) == pair(1)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_where_redis_py_caches_at_the_clients_side(
    asynchronous: bool, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, client: redis.Redis
) -> None:
    from redis.cache import CacheConfig
    from redis.connection import CacheProxyConnection

    # Only Redis 7.4 and later, says redis-py, though the server here has it too.
    monkeypatch.setattr(CacheProxyConnection, "MIN_ALLOWED_VERSION", "1.0")
    monkeypatch.setattr(CacheProxyConnection, "DEFAULT_SERVER_NAME", _name_of(client))
    caching = redis.Redis.from_url(server.url, protocol=3, cache_config=CacheConfig())
    for kind in (RedisChatMessageHistory, MemorystoreChatMessageHistory):
        history = open_history(kind, caching)
        history.add_messages(pairs(3))
        for _ in range(4):
            assert history.messages == pairs(3)
        history.add_messages(pair(3))
        assert eventually(lambda history=history: history.messages == pairs(4))  # type: ignore[misc]
    caching.close()


def _name_of(client: redis.Redis) -> str:
    return "valkey" if "valkey_version" in client.info("server") else "redis"


@BOTH
def test_a_fake_server_of_unit_tests(kind: Classes) -> None:
    history = open_history(kind, fakeredis.FakeRedis(), ttl=60, max_messages=3)
    history.add_messages([*pairs(2), HumanMessage("x" * 2_000_000)])
    assert texts(history) == ["question 1", "answer 1", "x" * 2_000_000]
    history.clear()
    assert history.messages == []


@pytest.mark.parametrize("session", ["x}", "a}b{", "}"])
def test_a_session_with_an_odd_brace_costs_no_search_at_each_write(session: str, client: redis.Redis) -> None:
    history = RedisChatMessageHistory(session, client=client)
    history.add_messages(pair(0))
    before = writing._tag_of.cache_info().misses
    history.add_messages(pair(1))
    assert writing._tag_of.cache_info().misses == before
    assert history.messages == pairs(2)
