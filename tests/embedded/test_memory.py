"""The engine inside the process answers as a server does, and is all that a web page needs."""

import importlib
import json
import pkgutil
import random
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha1
from typing import Any

import orjson
import ormsgpack
import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint

import helpers
from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, RedisSaver, connect, sessions
from helpers import environment as environments
from helpers._classroom.state import _reports
from helpers._in_page import plain_json, plain_msgpack
from helpers.embedded import EmbeddedServer, memory
from helpers.errors import ConnectionFailedError, EmbeddedServerError, HelpersError
from helpers.sessions import (
    delete_session,
    export_sessions,
    find_sessions,
    import_sessions,
    look_into,
    read_whole,
    tally,
)
from tests.conftest import ROOT, client_of

SEED = 20261127
OPERATIONS, BEFORE_EMPTIED = 3200, 100
TTL = 100_000


@pytest.fixture
def inside() -> Iterator[EmbeddedServer]:
    """An empty server in this process."""
    with EmbeddedServer("memory") as server:
        yield server


class Recording(redis.Connection):
    """A connection that keeps what was asked and answered, and the memory that a key took which was asked for that."""

    def __init__(self, *args: Any, record: "list[list[Any]]", beside: redis.Redis, **options: Any) -> None:
        self._record, self._unread, self._beside = record, record[:0], beside
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]

    def send_command(self, *args: Any, **options: Any) -> None:
        self._unread.append([args])
        super().send_command(*args, **options)  # type: ignore[no-untyped-call]

    def pack_commands(self, commands: Any) -> Any:
        commands = list(commands)
        self._unread.extend([command] for command in commands)
        return super().pack_commands(commands)  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **options: Any) -> Any:
        asked = self._unread.pop(0)
        self._record.append(asked)
        try:
            asked.append(super().read_response(*args, **options))
        except redis.ResponseError as error:
            asked.append(error)
            raise
        finally:
            if "MEMORY" in str(asked[0][1:2]):
                asked.append(self._beside.memory_usage(asked[0][3], samples=1000))
        return asked[1]


def alike(one: Any, other: Any) -> bool:
    """Whether two answers are the same, but for some milliseconds of a time to live, and an error beyond its kind."""
    if isinstance(one, Exception):
        return type(one) is type(other) and str(one).split()[0] == str(other).split()[0]
    if isinstance(one, list):
        if one and all(isinstance(each, bytes) for each in one):
            return sorted(one) == sorted(other)  # fields come in any order
        return isinstance(other, list) and len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, int) and isinstance(other, int) and min(one, other) > TTL * 900:
        return abs(one - other) < TTL * 100
    return type(one) is type(other) and bool(one == other)


def keys_of(command: Sequence[Any]) -> list[Any]:
    """The keys that a command names."""
    name, *rest = command
    return rest[2 : 2 + int(rest[1])] if name in ("EVAL", "EVALSHA") else rest[:1]


def stored(client: redis.Redis, keys: Iterable[Any]) -> dict[Any, Any]:
    """What a server holds under some keys, and whether it will expire."""
    read: dict[Any, Callable[[Any], Any]] = {
        b"none": lambda _: None,
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
    }
    return {key: (read[client.type(key)](key), client.ttl(key) > 0) for key in keys}


def messages(chance: random.Random) -> list[Any]:
    kinds = (HumanMessage, AIMessage)
    return [chance.choice(kinds)("다카르 é {}" * chance.randrange(1, 4)) for _ in range(chance.randrange(1, 5))]


def write_history(client: redis.Redis, chance: random.Random) -> None:
    bounds: Any = {"ttl": chance.choice([None, TTL]), "max_messages": chance.choice([None, None, 3])}
    name = chance.choice(["a", "b", "{c", "other"])
    history: Any = (
        RedisChatMessageHistory(name, client=client, **bounds)
        if chance.random() < 0.5
        else MemorystoreChatMessageHistory(client, f"message_store:list-{name}", **bounds)
    )
    if chance.random() < 0.15:
        history.clear()
    else:
        history.add_messages(messages(chance) * (600 if chance.random() < 0.01 else 1))
    assert len(history.messages) == len(history)


def write_thread(client: redis.Redis, chance: random.Random) -> None:
    saver = RedisSaver(client, ttl=chance.choice([None, TTL]), keep=chance.choice([None, 1, 3]))
    name = chance.choice(["a", "b", "other"])
    config: Any = {"configurable": {"thread_id": name, "checkpoint_ns": chance.choice(["", "", "sub:1"])}}
    match chance.randrange(13):
        case 0:
            saver.delete_thread(name)
        case 1 | 12:
            saver.copy_thread(name, chance.choice("abcd"))
        case 2:
            saver.prune([name], strategy=chance.choice(["keep_latest", "delete"]))
        case 3:
            saver.delete_for_runs([chance.choice("xyz")])
        case 4:
            list(saver.list(config, limit=chance.choice([None, 2])))
            saver.get_delta_channel_history(config=config, channels=["messages"])
        case _:
            found = saver.get_tuple(config)
            checkpoint = empty_checkpoint() | {
                "channel_values": dict(found.checkpoint["channel_values"]) if found else {}
            }
            held = checkpoint["channel_values"].get("messages", [])
            checkpoint["channel_values"] |= {
                "messages": chance.choice([held, held[1:], held[:2]]) + messages(chance),
                "other": chance.choice([1, "x" * 500]),
            }
            before = found.config if found and chance.random() < 0.9 else config
            written = saver.put(before, checkpoint, {"run_id": chance.choice("xyz")}, {})
            if chance.random() < 0.5:
                saver.put_writes(written, [("messages", messages(chance)), ("__interrupt__", "?")], str(uuid.uuid4()))


def use_sessions(client: redis.Redis, chance: random.Random) -> None:
    found = [one for some in find_sessions(client) for one in some]
    if not found:
        return
    key = chance.choice(found).key
    match chance.randrange(8):
        case 6:
            tally(client, [*(one.key for one in found), "message_store:other", "thread:other", "thread:gone"])
        case 7:
            client.hset("class:report:anna", chance.choice("abc"), "x" * chance.choice([1, 1000]))
            _reports(client, ["anna", "ben"])
        case 0 | 3:
            delete_session(client, key)
        case 2:
            client.rpush(b"message_store:\xff", "no text for a key")
            delete_session(client, "message_store:\udcff")
            _, held, *is_thread = sessions._run(client, sessions._READ, key)
            fields = dict(zip(held[::2], held[1::2], strict=True)) if is_thread else {}
            life = fields.pop(b"life", b"")
            kept = [part for field in fields.items() for part in field] if is_thread else held
            sessions._run(client, sessions._TAKE_BACK, key, -1, life, *kept[:-1], chance.choice([b"", *kept[-1:]]))
        case 1:
            text = "".join(export_sessions(client, [key]))
            with suppress(HelpersError):  # it is there
                import_sessions(client, text)
            client.delete(key)
            import_sessions(client, text)
        case _:
            seen = look_into(client, key, latest=2)
            look_into(client, key, latest=2, since=seen)
            for one in look_into(client, key).records[:1]:
                read_whole(client, key, replace(one, cut=True))


def spoil(client: redis.Redis, chance: random.Random) -> None:
    """Put something else where a history or a thread is, or a stranger's field into it."""
    key = chance.choice(["message_store:other", "thread:other"])
    match chance.randrange(4):
        case 0:
            client.set(key, "mine")
        case 1:
            client.hset(key, "next:", "damaged")
        case 2:
            client.rpush(key, "no record")
        case _:
            client.delete(key)


def scripts() -> set[str]:
    """Each whole script of the package: those that are no part of another one."""
    found = set()
    for module in pkgutil.walk_packages(helpers.__path__, "helpers."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            parts = value if isinstance(value, tuple) else (value,)
            found |= {part for part in parts if isinstance(part, str) and "redis.call(" in part}
    return {one for one in found if not any(one != other and one in other for other in found)}


@pytest.mark.real_server
def test_it_answers_and_stores_as_a_server_does(
    server: EmbeddedServer, client: redis.Redis, inside: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each script of the package is among the commands, or the engine would not be known to run it.

    How much memory a key takes is the servers' own affair, so the engine says here what the server has said.
    """
    record: list[list[Any]] = []
    pool = redis.ConnectionPool.from_url(
        server.url, connection_class=Recording, record=record, beside=client, protocol=2, driver_info=None
    )
    twin = client_of(inside)
    connection: Any = twin.connection_pool.get_connection()
    chance, compared, ran = random.Random(SEED), 0, set()
    size: list[int] = []
    monkeypatch.setattr(memory, "_size", lambda _: size[0])
    for number in range(1, OPERATIONS + 1):
        watched = redis.Redis(connection_pool=pool)  # whose end, whenever that is noticed, leaves the pool alone
        if chance.random() < 0.4:  # whose writes reckon with having been sent before
            watched.execute_command = watched.execute_command  # type: ignore[method-assign]
        operation = chance.choices([write_history, write_thread, use_sessions, spoil], [5, 8, 4, 1])[0]
        with suppress(HelpersError, redis.ResponseError, ValueError):
            operation(watched, chance)
        for asked, answered, *measured in record:
            size[:] = measured
            connection.send_command(*asked)
            try:
                answer = connection.read_response()
            except redis.ResponseError as error:
                answer = error
            if asked[0] == "SCAN":
                continue  # in an order of its own
            if sessions._TALLY in asked[1:2] and isinstance(answer, list):  # how much memory each takes is its own
                answered, answer = ([counted for counted, _ in one] for one in (answered, answer))
            assert alike(answered, answer), (operation.__name__, asked, answered, answer)
            if asked[0] in ("EVAL", "EVALSHA") and not isinstance(answer, redis.ResponseError):
                ran.add(asked[1])
        compared += len(record)
        used = {key for asked, *_ in record for key in keys_of(asked)}
        assert stored(client, used) == stored(twin, used)
        record.clear()
        if number % BEFORE_EMPTIED == 0:
            everything = set(client.scan_iter())
            assert everything == set(twin.scan_iter())
            assert stored(client, everything) == stored(twin, everything)
            for one in (client, twin):
                one.flushall()
    assert compared > 3 * OPERATIONS
    whole = {script: sha1(script.encode()).hexdigest() for script in scripts()}  # noqa: S324
    assert len(whole) > 15
    assert [script[-90:] for script, name in whole.items() if not {script, name} & ran] == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("local x = 1 +", "a name expected"),
        ("local x = 'open", "unexpected"),
        ("x = 1", "only locals"),
        ("repeat until true", "a name expected"),
        ("return nope(1)", "nonexistent global variable 'nope'"),
        ("return nil + 1", "arithmetic on a nil value"),
        ("return ({}).a.b", "index a nil value"),
        ("return {} < {}", "compare table with table"),
        ("return ('a')()", "call a string value"),
        ("return redis.call('PING', {})", "must be strings or integers"),
        ("return redis.call('NOPE')", "unknown command"),
    ],
)
def test_a_script_that_it_does_not_know_is_refused_in_words(inside: EmbeddedServer, script: str, said: str) -> None:
    with pytest.raises(redis.ResponseError, match=said):
        client_of(inside).eval(script, 0)


@pytest.mark.real_server
@pytest.mark.parametrize(
    "script",
    [
        "local a, b, c = (function() return 1, 2, 3 end)() return {a, b, c}",
        "local t = {} for i = 10, 1, -3 do t[#t + 1] = i end return t",
        "local n = 0 while true do n = n + 1 if n == 7 then break end end return n",
        "local t = {5, 3, 4} table.sort(t) return t",
        "local t = {5, 3, 4} table.sort(t, function(a, b) return a > b end) return table.concat(t, '-')",
        "return {string.match('k=v; x=y', '(%w+)=(%w+)'), string.find('a.b', '.', 1, true), string.sub('lo', -3, -2)}",
        "return {string.gsub('a1b22', '%d+', function(d) return '<' .. d .. '>' end)}",
        "return {string.gsub('hello world', '(%w+) (%w+)', '%2 %1'), string.match('x-12', '%-?%d+$')}",
        "return {tostring(1.5), 10 / 4 .. '', 7 .. '', tonumber('0x'), tonumber(' 12 '), tonumber('1e2')}",
        "return {1, 2, nil, 4}",
        "return {false, true, not nil, 1 == 1.0, 'a' < 'b', nil == false}",
        "local x = false or 'default' local y = nil and 1 return {x, y == nil, 3.99, -3.99}",
        "local words = {} for w in string.gmatch('a bb  ccc', '%S+') do words[#words + 1] = #w end return words",
        "local n = 0 local function count(...) n = n + #{...} end count(1, 2) count() count('x') return n",
        "if 1 > 2 then return 'a' elseif 2 >= 2 and 3 ~= 4 then return 'b' else return 'c' end",
        "return redis.error_reply('MINE is wrong')",
        "return {math.max(1, 9, 3), math.min(2, 1), math.floor(-1.5), math.ceil(1.2), unpack({7, 8})}",
        "return {type(1), type('a'), type({}), type(nil), type(tostring)}",
        "return redis.call('SET', 'key', 'value')",
    ],
)
def test_lua_means_what_it_means_on_a_server(client: redis.Redis, inside: EmbeddedServer, script: str) -> None:
    answers = []
    for one in (client, client_of(inside)):
        try:
            answers.append(one.eval(script, 0))
        except redis.ResponseError as error:
            answers.append(error)
    assert alike(*answers), answers


@pytest.mark.real_server
@pytest.mark.parametrize("count", [200, 1500])
def test_it_says_about_how_much_memory_a_key_takes(client: redis.Redis, inside: EmbeddedServer, count: int) -> None:
    """Near enough for a session's size, which is an estimate: no two servers lay out their memory alike."""
    twin = client_of(inside)
    for one in (client, twin):
        one.rpush("list", *(f"record {number} ".ljust(300, ".") for number in range(count)))
        one.hset("hash", mapping={f"messages@{number}": "." * 300 for number in range(count)})
    for key in ("list", "hash"):
        assert twin.memory_usage(key) == pytest.approx(client.memory_usage(key, samples=1000), rel=0.25)
    assert client.memory_usage("none") is twin.memory_usage("none") is None


def test_users_may_do_what_their_rules_say(inside: EmbeddedServer) -> None:
    admin: Any = connect(inside.url)
    admin.execute_command(
        "ACL",
        "SETUSER",
        "chat",
        "on",
        ">word",
        "~message_store:*",
        "-@all",
        *"+ping +eval +llen +lpush +exists +set +ltrim +expire +lrange +del".split(),
    )
    user = connect(inside.url, username="chat", password="word")
    history = RedisChatMessageHistory("bob", client=user)
    history.add_user_message("hello")
    assert len(history.messages) == 1
    for refused in (
        lambda: user.lrange("invoices", 0, -1),
        lambda: user.eval("return 1", 1, "invoices"),
        lambda: user.hget("message_store:bob", "life"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            refused()
    with pytest.raises(redis.ResponseError, match="ACL failure in script"):
        user.eval("return redis.call('LRANGE', 'invoices', 0, -1)", 0)
    with pytest.raises(redis.AuthenticationError, match=r"invalid username-password pair[\s\S]*Check the user name"):
        connect(inside.url, username="chat", password="mistyped")
    with pytest.raises(redis.AuthenticationError, match="without any password configured"):
        connect(inside.url, password="word")


def test_servers_are_apart_and_end(inside: EmbeddedServer) -> None:
    with EmbeddedServer("memory") as other:
        connect(other.url).set("key", "value")
        connect(f"{other.url}/1").set("key", "other")
        assert connect(inside.url).keys() == []
        assert connect(other.url, decode_responses=True).get("key") == "value"
        assert other.running
    assert not other.running
    with pytest.raises(ConnectionFailedError, match="no server of this process has that address"):
        connect("memory://server-0")
    with pytest.raises(EmbeddedServerError, match="takes no configuration"):
        EmbeddedServer("memory", config={"maxmemory": "1mb"}).start()


async def test_both_clients_reach_one_server(inside: EmbeddedServer) -> None:
    history = RedisChatMessageHistory("bob", client=connect(inside.url))
    await history.aadd_messages([HumanMessage("hello")])
    assert await history.aget_messages() == history.messages == [HumanMessage("hello")]


@pytest.mark.parametrize(
    "endpoint",
    [
        "redis://:secret@127.0.0.1:6379",
        "rediss+cluster://u:secret@host",
        "unix:///tmp/secretless",
        "projects/p/locations/r/instances/i",
        "nonsense",
    ],
)
def test_a_page_says_at_once_that_it_can_open_no_connection(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    environments.environment.cache_clear()
    try:
        assert environments.environment().platform is environments.Platform.WEB_PAGE
        assert EmbeddedServer().engine == "memory"
        with pytest.raises(ConnectionFailedError, match=r"web page can't connect[\s\S]*Colab") as caught:
            connect(endpoint)
    finally:
        environments.environment.cache_clear()
    assert "secret@" not in str(caught.value)


def test_lessons_run_as_in_a_page() -> None:
    """What one of them does in another process is all that fails."""
    lessons = [str(ROOT / f"notebooks/en/{name}.ipynb") for name in ("01_redis", "03_agents")]
    command = [sys.executable, "-m", "tests.support.page", *lessons]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["03_agents, cell 'process': RuntimeError(\"can't start new thread\")"]


def plain(chance: random.Random, depth: int, *, keys: Callable[[], Any], binary: bool) -> Any:
    text = "".join(chance.choice('aé다🌞\n"\\\x00') for _ in range(chance.choice([0, 3, 40, 300])))
    number = chance.choice([0, -1, 127, 255, -33, 2**16, -(2**31), 2**53, chance.randrange(-(2**63), 2**63)])
    scalars: list[Any] = [
        None,
        True,
        False,
        number,
        chance.choice([0.1, 1e16, 1e-7, -2.5, 1e300, chance.random()]),
        text,
    ]
    scalars += [text.encode() * chance.choice([1, 250])] * binary
    if depth == 0 or chance.random() < 0.4:
        return chance.choice(scalars)
    inner = [plain(chance, depth - 1, keys=keys, binary=binary) for _ in range(chance.choice([0, 1, 4, 17]))]
    return chance.choice([inner, tuple(inner), {keys(): one for one in inner}])


def test_json_is_written_as_orjson_writes_it() -> None:
    chance = random.Random(SEED)
    for _ in range(500):
        value = plain(chance, 3, keys=lambda: str(chance.random()), binary=False)
        written = orjson.dumps(value)
        assert plain_json.dumps(value) == written
        assert plain_json.loads(written) == orjson.loads(written) == json.loads(written)
    assert plain_json.dumps([float("nan"), {1}], default=list) == orjson.dumps([float("nan"), {1}], default=list)
    with pytest.raises(TypeError):
        plain_json.dumps("\ud800")
    with pytest.raises(ValueError, match="value"):
        plain_json.loads("NaN")


def test_msgpack_is_written_as_ormsgpack_writes_it() -> None:
    chance = random.Random(SEED)

    def key() -> Any:
        return chance.choice([str(chance.random()), chance.randrange(1000), None, b"key", (1, "a")])

    def default(one: Any) -> Any:
        kind: Any = plain_msgpack.Ext if packer is plain_msgpack else ormsgpack.Ext
        return kind(5, packer.packb(sorted(one))) if isinstance(one, set) else list(one)

    passed = "DATACLASS", "DATETIME", "ENUM", "SUBCLASS", "TUPLE", "UUID"
    strict = sum(getattr(ormsgpack, f"OPT_PASSTHROUGH_{name}") for name in passed)
    loose = strict - ormsgpack.OPT_PASSTHROUGH_TUPLE - ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    loose |= ormsgpack.OPT_NON_STR_KEYS | ormsgpack.OPT_REPLACE_SURROGATES
    for _ in range(500):
        value = [plain(chance, 3, keys=key, binary=True), {chance.randrange(9) for _ in range(chance.randrange(20))}]
        for option in (strict | ormsgpack.OPT_NON_STR_KEYS, loose):
            packed = []
            for packer in (ormsgpack, plain_msgpack):
                packed.append(packer.packb(value, default=default, option=option))
            assert packed[0] == packed[1]
            hook: Any = lambda tag, data: (tag, data)  # noqa: E731
            held = [one.unpackb(packed[0], ext_hook=hook, option=option & 2) for one in (ormsgpack, plain_msgpack)]
            assert held[0] == held[1]


WRONG = [
    b"",
    b"\xc1",
    b"\x91",
    b"\xa1\xff",
    b"\x81\x01\x02",
    b"\x81\xc4\x01a\x02",
    b"\xd4\x05a",
    b"\x81\x81\x01\x02\x03",
]
UNPACKABLE = [2**64, -(2**63) - 1, "\ud800", {1: 2}, {(): 1}, {1}, 1j, type("Text", (str,), {})("x")]


@pytest.mark.parametrize("data", WRONG)
def test_what_is_no_msgpack_is_refused(data: bytes) -> None:
    for one in (ormsgpack, plain_msgpack):
        with pytest.raises(ValueError):  # noqa: PT011  # each has words of its own
            one.unpackb(data)


@pytest.mark.parametrize("value", UNPACKABLE, ids=repr)
def test_what_msgpack_can_not_hold_is_refused(value: Any) -> None:
    for one in (ormsgpack, plain_msgpack):
        with pytest.raises(TypeError):
            one.packb(value, option=ormsgpack.OPT_PASSTHROUGH_SUBCLASS)
