"""What a saver is given and finds: bad input, foreign and damaged values, servers that refuse, and what it keeps."""

import asyncio
import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Annotated, Any, TypedDict

import numpy
import ormsgpack
import pytest
import redis
import redis.asyncio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from helpers import RedisSaver
from helpers.embedded import EmbeddedServer
from helpers.errors import (
    THREAD_RIGHTS,
    CheckpointNotFoundError,
    DamagedThreadError,
    HelpersError,
    MissingRightsError,
    NotAThreadError,
    ReadReplicaError,
    ServerFullError,
    ThreadExistsError,
    UnstorableStateError,
)
from tests.conftest import client_of
from tests.support.agent import counting_agent, question, said, talk, thread
from tests.support.official import ROOT

KEY = "thread:bob"


@dataclasses.dataclass
class Own:
    """A class of the reader's own."""

    price: int


class OwnModel(BaseModel):
    """Another one."""

    price: int


class Colour(Enum):
    """Another one."""

    RED = "red"


def put(saver: RedisSaver, config: Any = None, checkpoint_id: Any = None, **values: Any) -> Any:
    """Store a checkpoint; its config."""
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = values
    checkpoint["id"] = checkpoint_id or checkpoint["id"]
    return saver.put(config or thread(), checkpoint, {"source": "loop"}, {})


def values_of(saver: RedisSaver, config: Any = None) -> Any:
    found = saver.get_tuple(config or thread())
    return found.checkpoint["channel_values"] if found else None


def writes_of(saver: RedisSaver, config: Any = None) -> Any:
    found = saver.get_tuple(config or thread())
    return found.pending_writes if found else None


def words(count: int, start: int = 0) -> list[str]:
    return [f"word {number} ".ljust(100, ".") for number in range(start, start + count)]


@pytest.fixture
def saver(client: redis.Redis) -> RedisSaver:
    return RedisSaver(client)


def fields(client: redis.Redis, key: Any = KEY) -> dict[bytes, bytes]:
    found: Any = client.hgetall(key)
    return dict(found)


def advised(error: pytest.ExceptionInfo[Any]) -> str:
    """An error's advice, which is its last line of two."""
    first, advice = str(error.value).splitlines()
    assert first
    assert advice.endswith((".", "}}", ")"))
    return advice


# --- what a saver is made of --------------------------------------------------------------------


def test_an_asyncio_client_is_no_client() -> None:
    with pytest.raises(ValueError, match=r"redis\.asyncio\.client\.Redis") as caught:
        RedisSaver(redis.asyncio.Redis())  # type: ignore[arg-type]
    assert "helpers.connect" in advised(caught)
    with pytest.raises(ValueError, match="async_client must be an asyncio client"):
        RedisSaver(redis.Redis(), async_client=redis.Redis())  # type: ignore[arg-type]


def test_an_address_and_nothing(client: redis.Redis, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    put(RedisSaver(server.url), words=words(2))
    monkeypatch.setenv("REDIS_URL", server.url)
    assert values_of(RedisSaver()) == {"words": words(2)}
    assert client.keys() == [KEY.encode()]


def test_nothing_at_all_is_the_embedded_server() -> None:
    program = (
        "from helpers import RedisSaver; saver = RedisSaver(); "
        "print(saver.get_tuple({'configurable': {'thread_id': 'x'}}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "None"
    assert "Set REDIS_URL" in done.stderr


@pytest.mark.parametrize(
    "options", [{"keep": 0}, {"keep": -1}, {"keep": True}, {"ttl": 0}, {"ttl": 10**20}, {"ttl": 1.5}, {"key_prefix": 1}]
)
def test_options_out_of_range(options: dict[str, Any], client: redis.Redis) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
        RedisSaver(client, **options)


# --- threads, namespaces, checkpoints -----------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"configurable": {}},
        thread(""),
        thread(None),  # type: ignore[arg-type]
        thread("half \ud800"),
        thread(b"bob"),  # type: ignore[arg-type]
        thread(True),  # type: ignore[arg-type]
        thread(["bob"]),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_a_thread_without_a_name(config: Any, saver: RedisSaver, client: redis.Redis) -> None:
    uses: list[Callable[[], Any]] = [
        lambda: saver.get_tuple(config),
        lambda: saver.put(config, empty_checkpoint(), {}, {}),
        lambda: saver.put_writes(config, [], "task"),
        lambda: saver.delete_thread(config.get("configurable", {}).get("thread_id")),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="thread_id must be") as caught:
            use()
        assert "Name the conversation" in advised(caught)
    assert client.keys() == []


@pytest.mark.parametrize(
    "name",
    ["x" * 10_000, "🦜 ñ 中文 \u202e", "{bob}", "a}b{", "one\ntwo\r\n", "a\0b", " ", "thread:bob", "*?[a]\\", 42],
)
def test_any_name_is_a_thread_of_its_own(name: Any, saver: RedisSaver, client: redis.Redis) -> None:
    put(saver, words=words(1))
    put(saver, thread(name), words=words(3))
    put(saver, thread(name), words=words(4))
    assert values_of(saver, thread(name)) == {"words": words(4)}
    assert {one.config["configurable"]["thread_id"] for one in saver.list(None)} == {"bob", str(name)}
    saver.copy_thread(name, "copy")
    assert values_of(saver, thread("copy")) == {"words": words(4)}
    saver.delete_thread(name)
    assert values_of(saver, thread(name)) is None
    assert values_of(saver) == {"words": words(1)}


@pytest.mark.parametrize(
    "namespace", ["a b", "50%", "a@b", "x=y", "🦜\u2028\u00a0", "call:1|call:2", "a:", "%20", "\x1c"]
)
def test_namespaces(namespace: str, saver: RedisSaver) -> None:
    inner = thread(checkpoint_ns=namespace)
    put(saver, words=words(1))
    for count in (2, 3):
        config = put(saver, inner, words=words(count))
    saver.put_writes(config, [("words", 1)], "task")
    assert config["configurable"]["checkpoint_ns"] == namespace
    assert values_of(saver, inner) == {"words": words(3)}
    assert writes_of(saver, inner) == [("task", "words", 1)]
    assert values_of(saver, thread(checkpoint_ns="")) == {"words": words(1)}
    assert [one.config["configurable"]["checkpoint_ns"] for one in saver.list(thread())].count(namespace) == 2
    assert len(list(saver.list(inner))) == 2


@pytest.mark.parametrize("channel", ["a b", "50%", "a@b", "x=y", "🦜\u00a0", "a\0b", "", ",1-2", "+1"])
def test_channels(channel: str, saver: RedisSaver, client: redis.Redis) -> None:
    values = {channel: words(3), channel + "0": words(2), "a": words(1)}
    put(saver, **values)
    config = put(saver, **values | {channel: words(5)})
    saver.put_writes(config, [(channel, "x")], "task", "path")
    assert values_of(RedisSaver(client)) == values | {channel: words(5)}
    assert writes_of(saver) == [("task", channel, "x")]


def test_a_checkpoint_that_is_not_there(saver: RedisSaver, client: redis.Redis) -> None:
    put(saver, words=words(1))
    before = fields(client)
    missing = thread(checkpoint_id="1ef00000-0000-6000-8000-000000000000")
    assert saver.get_tuple(missing) is None
    assert list(saver.list(missing)) == []
    with pytest.raises(CheckpointNotFoundError, match="1ef00000") as caught:
        put(saver, missing, words=words(2))
    assert "get_state_history" in advised(caught)
    assert fields(client) == before


@pytest.mark.parametrize("checkpoint_id", ["", "-", "a b", "a:b", "a\n", None])
def test_what_is_no_checkpoints_id(checkpoint_id: Any, saver: RedisSaver, client: redis.Redis) -> None:
    checkpoint = empty_checkpoint() | {"id": checkpoint_id}
    with pytest.raises(ValueError, match="ID"):
        saver.put(thread(), checkpoint, {}, {})
    assert client.keys() == []


def test_checkpoints_out_of_order(client: redis.Redis) -> None:
    saver = RedisSaver(client, keep=2)
    for name in ("3", "1", "5", "4", "2"):
        put(saver, checkpoint_id=name, words=words(1, int(name)))
    # What came too late to be kept stays until the next one comes: its run goes on from it.
    assert [one.checkpoint["id"] for one in saver.list(thread())] == ["5", "4", "2"]
    assert values_of(saver) == {"words": words(1, 5)}
    put(saver, checkpoint_id="6", words=words(1, 6))
    assert [one.checkpoint["id"] for one in saver.list(thread())] == ["6", "5"]
    assert sum(field.startswith(b"words@") for field in fields(client)) == 2


def test_a_checkpoint_that_is_put_twice(saver: RedisSaver, client: redis.Redis) -> None:
    config = put(saver, checkpoint_id="1", words=words(2))
    saver.put_writes(config, [("words", "x")], "task")
    put(saver, checkpoint_id="1", words=words(2, 1))
    assert [one.checkpoint["channel_values"] for one in saver.list(thread())] == [{"words": words(2, 1)}]
    assert writes_of(saver) == [("task", "words", "x")]
    assert sum(field.startswith(b"words@") for field in fields(client)) == 2


# --- writes -------------------------------------------------------------------------------------


def test_writes_before_their_checkpoint(saver: RedisSaver) -> None:
    put(saver, checkpoint_id="1", words=words(1))
    later = thread(checkpoint_id="2")
    saver.put_writes(later, [("words", "x")], "task")
    assert values_of(saver) == {"words": words(1)}
    assert [one.checkpoint["id"] for one in saver.list(thread())] == ["1"]
    put(saver, thread(checkpoint_id="1"), checkpoint_id="2", words=words(2))
    assert writes_of(saver) == [("task", "words", "x")]


def test_writes_after_their_checkpoint_was_pruned(client: redis.Redis) -> None:
    saver = RedisSaver(client, keep=1)
    old = put(saver, words=words(1))
    put(saver, old, words=words(2))
    saver.put_writes(old, [("words", "x")], "task")
    assert saver.get_tuple(old) is None
    assert values_of(saver) == {"words": words(2)}
    assert len(list(saver.list(thread()))) == 1
    put(saver, words=words(3))
    assert not any(field.startswith((b"@", b"writes:")) for field in fields(client))


def test_writes_twice_and_special_ones(saver: RedisSaver) -> None:
    config = put(saver, words=words(1))
    for value in ("first", "second"):
        saver.put_writes(config, [("words", value), ("__error__", value), ("__interrupt__", value)], "b", "~1")
    saver.put_writes(config, [("words", "other")], "a", "~2")
    assert writes_of(saver) == [
        ("b", "__interrupt__", "second"),
        ("b", "__error__", "second"),
        ("b", "words", "first"),
        ("a", "words", "other"),
    ]


def test_writes_to_no_checkpoint(saver: RedisSaver, client: redis.Redis) -> None:
    with pytest.raises(ValueError, match="checkpoint_id"):
        saver.put_writes(thread(), [("words", "x")], "task")
    assert client.keys() == []


# --- values -------------------------------------------------------------------------------------

UNSTORABLE = {
    "object": object(),
    "function": len,
    "module": os,
    "generator": iter([1]),
    "in a list": [1, [object()]],
    "in an artifact": [ToolMessage("found", tool_call_id="1", artifact={"socket": object()})],
    "a class of one's own": Own(1),
    "a model of one's own": OwnModel(price=1),
    "one's own in a list": ["x" * 100, Own(1)],
    "one's own enum": Colour.RED,
    "large": [Own(number) for number in range(100)],
}


@pytest.mark.parametrize("value", UNSTORABLE.values(), ids=UNSTORABLE)
def test_what_the_serializer_cannot_hold(value: Any, saver: RedisSaver, client: redis.Redis) -> None:
    config = put(saver, words=words(1))
    before = fields(client)
    for write in (
        lambda: put(saver, config, words=words(2), cart=value),
        lambda: saver.put_writes(config, [("words", "x"), ("cart", value)], "task"),
    ):
        with pytest.raises(UnstorableStateError, match=r"'cart' holds an? \w+ that can't be stored") as caught:
            write()
        assert caught.value.channel == "cart"
        assert "allowed_msgpack_modules" in advised(caught)
    with pytest.raises(UnstorableStateError, match="'metadata'"):
        saver.put(config, empty_checkpoint(), {"source": "loop", "cart": value}, {})  # type: ignore[typeddict-unknown-key]
    assert fields(client) == before


class Shop(TypedDict):
    """A state with a class of its own."""

    cart: Any


def shop(saver: Any, value: Any) -> Any:
    graph = StateGraph(Shop)
    graph.add_node("buy", lambda _: {"cart": value})
    graph.add_edge(START, "buy")
    return graph.compile(checkpointer=saver)


def test_an_agents_state_that_cannot_be_held(saver: RedisSaver) -> None:
    with pytest.raises(UnstorableStateError, match=r"'cart' holds a Own.*\n.*'tests.checkpoints.test_saver', 'Own'"):
        shop(saver, Own(1)).invoke({"cart": None}, thread())


@pytest.mark.parametrize("value", [Own(1), OwnModel(price=2), [Own(1)] * 30], ids=["dataclass", "model", "list"])
def test_a_class_that_is_named_to_the_serializer(value: Any, client: redis.Redis) -> None:
    named = [(__name__, "Own"), (__name__, "OwnModel")]
    agent = shop(RedisSaver(client, serde=JsonPlusSerializer(allowed_msgpack_modules=named)), value)
    assert agent.invoke({"cart": None}, thread()) == {"cart": value}
    assert agent.get_state(thread()).values == {"cart": value}
    clone = RedisSaver(client).with_allowlist(named)  # as compile() does with LANGGRAPH_STRICT_MSGPACK
    assert clone.get_tuple(thread()).checkpoint["channel_values"]["cart"] == value  # type: ignore[union-attr]
    with pytest.raises(UnstorableStateError):
        put(RedisSaver(client), thread("eve"), cart=value)


VALUES: list[tuple[Any, Any]] = [
    (numpy.zeros(4, "int32"), numpy.zeros((2, 2), "int32")),
    (numpy.zeros(4, "int32"), numpy.zeros(2, "int64")),
    (["x" * 100, numpy.zeros(2, "int64")], ["x" * 100, numpy.zeros(4, "int32")]),
    (b"x" * 500, bytearray(b"x" * 500)),
    ([1] * 500, [True] * 500),
    ([1] * 500, [1.0] * 500),
    (["x" * 500], "x" * 500),
    ({"a": "x" * 500}, {"a": ["x" * 500]}),
    ([0.0] * 100, [-0.0] * 100),
]


@pytest.mark.parametrize(("one", "other"), VALUES, ids=range(len(VALUES)))
def test_values_that_are_nearly_equal(one: Any, other: Any, saver: RedisSaver, client: redis.Redis) -> None:
    for value in (one, other, one):
        put(saver, cart=value)
        for reader in (saver, RedisSaver(client)):
            found = values_of(reader)["cart"]
            assert type(found) is type(value)
            assert repr(found) == repr(value)
            assert getattr(found, "dtype", None) == getattr(value, "dtype", None)


def test_nothing_hostile_is_revived(saver: RedisSaver, client: redis.Redis, tmp_path: Any) -> None:
    put(saver, words=words(1))
    trap = tmp_path / "sprung"
    code = f"__import__('os').system('touch {trap}')"
    calls = [
        ormsgpack.packb(ormsgpack.Ext(kind, ormsgpack.packb(("os", "system", argument, "system"))))
        for kind in range(5)
        for argument in (f"touch {trap}", [f"touch {trap}"], {"command": f"touch {trap}"})
    ]
    stored = [b"msgpack:" + call for call in calls]
    stored += [
        f'json:{{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["touch {trap}"]}}'.encode(),
        b"pickle:cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.",
        b"json:" + code.encode(),
    ]
    for bytes_ in stored:
        client.hset(KEY, "words@0", bytes_)
        try:
            found = values_of(RedisSaver(client))
            assert found != {"words": words(1)}
        except DamagedThreadError as damage:
            assert damage.field == "words@0"  # noqa: PT017
    assert not trap.exists()


class Cipher:
    """AES, as LangGraph's own helper has it from a package that is not installed here."""

    key = AESGCM(b"0123456789abcdef")

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        nonce = os.urandom(12)
        return "aes", nonce + self.key.encrypt(nonce, plaintext, None)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        assert ciphername == "aes"
        return self.key.decrypt(ciphertext[:12], ciphertext[12:], None)


@pytest.fixture
def encrypting() -> EncryptedSerializer:
    return EncryptedSerializer(Cipher(), JsonPlusSerializer(allowed_msgpack_modules=None))


def test_encryption(client: redis.Redis, encrypting: EncryptedSerializer) -> None:
    saver = RedisSaver(client, serde=encrypting)
    agent = counting_agent(saver)
    for number in range(3):
        agent.invoke(question(number), thread())
    saver.put_writes(saver.get_tuple(thread()).config, [("messages", "a question")], "task")  # type: ignore[union-attr]
    everything = b"".join(name + value for name, value in fields(client).items())
    assert b"question" not in everything
    assert b"answer" not in everything
    assert said(RedisSaver(client, serde=encrypting)) == talk(3)
    assert sum(field.startswith(b"messages@") for field in fields(client)) == 6
    with pytest.raises(DamagedThreadError):
        RedisSaver(client).get_tuple(thread())


def test_what_is_not_encrypted_is_refused_under_encryption(
    client: redis.Redis, encrypting: EncryptedSerializer
) -> None:
    put(RedisSaver(client), thread("plain"), words=words(1))
    with pytest.raises(DamagedThreadError, match="not encrypted") as caught:
        RedisSaver(client, serde=encrypting).get_tuple(thread("plain"))
    assert "serde" in advised(caught)
    put(RedisSaver(client, serde=encrypting), words=words(1))
    client.hset(KEY, "words@0", fields(client, "thread:plain")[b"words@0"])
    with pytest.raises(DamagedThreadError, match="not encrypted"):
        RedisSaver(client, serde=encrypting).get_tuple(thread())


# --- damage -------------------------------------------------------------------------------------


def test_an_artifact_is_what_the_message_makes_of_it(saver: RedisSaver) -> None:
    # A message gives its artifact away as plain values, which LangGraph's other savers store too.
    found = ToolMessage("found", tool_call_id="1", artifact=[Document("text", metadata={"page": 1})])
    put(saver, messages=[found])
    (read,) = values_of(saver)["messages"]
    assert read.artifact == InMemorySaver(serde=saver.serde).serde.loads_typed(saver.serde.dumps_typed(found)).artifact
    assert read.artifact[0]["page_content"] == "text"


@pytest.fixture
def whole(client: redis.Redis) -> dict[bytes, bytes]:
    """The fields of a thread, all kinds of them."""
    saver = RedisSaver(client, keep=2)
    for count in range(1, 4):
        config = put(saver, checkpoint_id=str(count), words=words(2, count), small=1)
        saver.put_writes(config, [("words", "x" * 10), ("blob", b"y" * 10)], "task")
    return fields(client)


NOT_SEEN = "writes:3:", "deleted"  # most checkpoints have none
KINDS = ["words@3", "checkpoint:3:", "writes:3:", "@2", "ids:", "namespaces", "life", "swept", "next:words", "next:"]


@pytest.mark.parametrize("how", ["truncated", "replaced", "deleted"])
@pytest.mark.parametrize("field", KINDS)
def test_damage_is_named_and_never_half_read(
    field: str, how: str, client: redis.Redis, whole: dict[bytes, bytes]
) -> None:
    good = values_of(RedisSaver(client)), writes_of(RedisSaver(client))
    value = whole[field.encode()]
    if how == "deleted":
        # Writes alone may come before their checkpoint.
        client.hdel(KEY, field, field.replace("checkpoint", "writes"))
    else:
        client.hset(KEY, field, value[:-1] if how == "truncated" else b"\xff\0 {}")
    before = fields(client)
    saver = RedisSaver(client, keep=2)
    raised = []

    async def write() -> bool:
        await saver.aput_writes(thread(checkpoint_id="3"), [("words", "z")], "other")
        return True

    uses: list[Callable[[], Any]] = [
        lambda: values_of(saver) == good[0] and writes_of(saver) == ([] if (field, how) == NOT_SEEN else good[1]),
        lambda: {one.checkpoint["id"] for one in saver.list(thread())} <= {"3", "2"},
        lambda: put(saver, thread(checkpoint_id="3"), checkpoint_id="4", words=words(3, 2)) and True,
        lambda: asyncio.run(write()),
    ]
    for use in uses:
        try:
            assert use() is True
        except (DamagedThreadError, NotAThreadError, CheckpointNotFoundError) as error:
            if field not in ("ids:", "namespaces", "life") and isinstance(error, DamagedThreadError):
                assert error.field == field  # noqa: PT017
            raised.append(error)
    if not field.startswith(("life", "swept", "next", "namespaces", "ids")) and (field, how) != NOT_SEEN:
        assert raised, "what is read is damaged"
    if not raised:  # then what is stored reads as it should
        assert values_of(RedisSaver(client)) == {"words": words(3, 2)}
        assert values_of(RedisSaver(client), thread(checkpoint_id="3")) == good[0]
    for name, stored in before.items():
        if name.startswith((b"words@", b"@")) and int(name.rpartition(b"@")[2]) > 2:
            assert fields(client).get(name) == stored, "nothing that was there was written over"


# --- foreign keys -------------------------------------------------------------------------------


def on_bob(saver: RedisSaver) -> list[Callable[[], Any]]:
    return [
        lambda: saver.get_tuple(thread()),
        lambda: list(saver.list(thread())),
        lambda: put(saver, words=words(1)),
        lambda: saver.put_writes(thread(checkpoint_id="1"), [("words", "x")], "task"),
        lambda: saver.copy_thread("bob", "other"),
        lambda: saver.copy_thread("mine", "bob"),
        lambda: saver.prune(["bob"]),
        lambda: saver.prune(["bob"], strategy="delete"),
        lambda: saver.delete_thread("bob"),
        lambda: asyncio.run(saver.aget_tuple(thread())),
        lambda: asyncio.run(saver.aput_writes(thread(checkpoint_id="1"), [], "task")),
        lambda: asyncio.run(saver.adelete_thread("bob")),
    ]


@pytest.mark.parametrize("place", range(12))
@pytest.mark.parametrize("kind", ["string", "list", "hash"])
def test_what_others_keep_under_the_name_stays(kind: str, place: int, saver: RedisSaver, client: redis.Redis) -> None:
    put(saver, thread("mine"), words=words(1))
    theirs = {"string": ["SET"], "list": ["RPUSH"], "hash": ["HSET", "name"]}[kind]
    client.execute_command(theirs[0], KEY, *theirs[1:], "theirs")
    before: Any = client.execute_command("DUMP", KEY)
    client.script_flush()  # a server that was started just now knows no script
    with pytest.raises(NotAThreadError, match=KEY) as caught:
        on_bob(saver)[place]()
    assert "another thread_id" in advised(caught)
    assert client.execute_command("DUMP", KEY) == before
    assert [one.config["configurable"]["thread_id"] for one in saver.list(None)] == ["mine"]
    saver.delete_for_runs(["run"])
    assert client.execute_command("DUMP", KEY) == before


def test_a_copy_does_not_write_over_a_thread(client: redis.Redis) -> None:
    saver = RedisSaver(client, ttl=100)
    put(saver, words=words(2))
    put(saver, thread("eve"), words=words(1))
    with pytest.raises(ThreadExistsError, match="thread:eve"):
        saver.copy_thread("bob", "eve")
    assert values_of(saver, thread("eve")) == {"words": words(1)}
    saver.copy_thread("bob", "copy")
    assert 95 < client.ttl("thread:copy") <= 100
    saver.copy_thread("nobody", "other")
    assert not client.exists("thread:other")
    put(saver, thread("copy"), words=words(3))
    assert values_of(saver) == {"words": words(2)}


# --- servers that refuse ------------------------------------------------------------------------


@pytest.fixture(params=["valkey", "redis"])
def own_server(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """A server to be spoiled."""
    with EmbeddedServer(request.param) as running, redis.Redis.from_url(running.url, protocol=2) as client:
        yield client


def test_a_server_whose_memory_is_full(own_server: redis.Redis) -> None:
    saver = RedisSaver(own_server)
    config: Any = None
    for count in range(1, 4):
        config = put(saver, config, words=words(count))
    before = fields(own_server)
    own_server.config_set("maxmemory", "1")
    for write in (
        lambda: put(saver, config, words=words(4)),
        lambda: saver.put_writes(config, [("words", "x")], "task"),
        lambda: saver.copy_thread("bob", "copy"),
    ):
        with pytest.raises(ServerFullError, match=r"Nothing was written"):
            write()
    assert fields(own_server) == before
    assert values_of(RedisSaver(own_server)) == {"words": words(3)}
    saver.prune(["bob"])  # what makes room is possible
    assert len(list(saver.list(thread()))) == 1
    saver.delete_thread("bob")
    assert own_server.keys() == []


def test_a_read_replica(own_server: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers._histories.writing.GIVE_UP_SECONDS", 0.2)
    saver = RedisSaver(own_server)
    put(saver, words=words(1))
    own_server.replicaof("127.0.0.1", 1)
    for write in (lambda: put(saver, words=words(2)), lambda: saver.delete_thread("bob")):
        with pytest.raises(ReadReplicaError, match="primary endpoint"):
            write()
    assert values_of(saver) == {"words": words(1)}


RIGHTS = THREAD_RIGHTS.split()


@pytest.mark.parametrize("missing", [None, *RIGHTS])
def test_a_user_without_one_of_the_rights(missing: str | None, client: redis.Redis, server: EmbeddedServer) -> None:
    admin = RedisSaver(client, keep=1)
    for count in (1, 2):
        config = put(admin, words=words(count))
    put(admin, thread("eve"), words=words(1))
    rights = [right for right in RIGHTS if right != missing]
    client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pass", "~thread:*", *rights)
    limited = RedisSaver(client_of(server, username="limited", password="pass"), keep=1, ttl=100)
    refused = 0
    for use in (
        lambda: limited.get_tuple(thread()),
        lambda: list(limited.list(None)),
        lambda: limited.put_writes(config, [("words", "x")], "task"),
        lambda: put(limited, config, words=words(3, 1)),
        lambda: limited.copy_thread("bob", "copy"),
        lambda: limited.prune(["bob"]),
        lambda: limited.delete_for_runs(["run"]),
        lambda: limited.delete_thread("bob"),
    ):
        client.script_flush()
        keys: Any = client.keys("thread:*")
        before = {key: fields(client, key) for key in keys if b"write" not in key}
        try:
            use()
        except MissingRightsError as error:
            refused += 1
            assert THREAD_RIGHTS in str(error).splitlines()[-1]  # noqa: PT017
            assert {key: fields(client, key) for key in before} == before
        except redis.ResponseError as error:
            refused += 1
            assert "permission" in str(error)  # noqa: PT017
            assert {key: fields(client, key) for key in before} == before
    assert bool(refused) == (missing not in (None, "+ping"))
    client.execute_command("ACL", "DELUSER", "limited")


# --- how long it lasts --------------------------------------------------------------------------


def test_expiry_takes_the_whole_thread(client: redis.Redis) -> None:
    saver = RedisSaver(client, ttl=100)
    config = put(saver, words=words(1))
    for write in (
        lambda: put(saver, config, words=words(2)),
        lambda: saver.put_writes(config, [("words", "x")], "task"),
    ):
        client.expire(KEY, 10)
        saver.get_tuple(thread())
        assert client.ttl(KEY) <= 10  # reading is no use of a thread
        write()
        assert 95 < client.ttl(KEY) <= 100
    assert client.keys() == [KEY.encode()]
    client.pexpire(KEY, 1)
    time.sleep(0.05)
    assert client.keys() == []
    assert saver.get_tuple(thread()) is None
    put(saver, words=words(2))
    assert values_of(RedisSaver(client)) == {"words": words(2)}


# --- graphs -------------------------------------------------------------------------------------


def add(old: list[str], new: list[str]) -> list[str]:
    return old + new


class Words(TypedDict):
    """A list that grows."""

    words: Annotated[list[str], add]


def asking(saver: Any) -> Any:
    """A graph whose subgraph asks something."""
    inner = StateGraph(Words)
    inner.add_node("ask", lambda _: {"words": [interrupt("which?")]})
    inner.add_edge(START, "ask")
    outer = StateGraph(Words)
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "inner")
    outer.add_edge("inner", END)
    return outer.compile(checkpointer=saver)


@pytest.mark.real_server
def test_an_interrupt_is_answered_in_another_process(client: redis.Redis, server: EmbeddedServer) -> None:
    asking(RedisSaver(client, keep=1)).invoke({"words": words(1)}, thread())
    program = (
        "import sys; from tests.checkpoints.test_saver import *\n"
        "graph = asking(RedisSaver(sys.argv[1], keep=1))\n"
        "assert graph.get_state(thread()).tasks[0].interrupts[0].value == 'which?'\n"
        "print(graph.invoke(Command(resume='that'), thread())['words'][-1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, server.url], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "that"
    assert asking(RedisSaver(client)).get_state(thread()).next == ()


def test_prune_takes_subgraphs_along_and_leaves_what_is_asked(client: redis.Redis) -> None:
    saver = RedisSaver(client, keep=None)
    graph = asking(saver)
    for _ in range(3):
        graph.invoke({"words": words(1)}, thread())
        graph.invoke(Command(resume="that"), thread())
    graph.invoke({"words": words(1)}, thread())
    assert sum(b"ids:inner:" in field for field in fields(client)) == 4
    saver.prune(["bob"])
    assert sum(b"ids:inner:" in field for field in fields(client)) == 1
    assert graph.invoke(Command(resume="this"), thread())["words"][-1] == "this"
    with pytest.raises(ValueError, match="strategy"):
        saver.prune(["bob"], strategy="all")
    saver.prune(["bob", "nobody"], strategy="delete")
    assert client.keys() == []


def test_errors_are_the_kits_own() -> None:
    for kind in (CheckpointNotFoundError, DamagedThreadError, NotAThreadError, ThreadExistsError, UnstorableStateError):
        assert issubclass(kind, HelpersError)


def test_a_message_that_was_changed_in_place(saver: RedisSaver) -> None:
    message = HumanMessage("before " * 20, id="1")
    put(saver, messages=[message])
    message.content = "after " * 20
    put(saver, messages=[message])
    assert [one.checkpoint["channel_values"]["messages"][0].content[:6] for one in saver.list(thread())] == [
        "after ",
        "before",
    ]
