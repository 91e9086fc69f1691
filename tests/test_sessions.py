"""Sessions found, looked into, exported, imported and deleted, and nothing else touched."""

import base64
import json
import os
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    UsageMetadata,
    message_to_dict,
)

from helpers._connecting.connection import connect
from helpers._histories.histories import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers.embedded import EmbeddedServer
from helpers.errors import NotAHistoryError, WriteOutcomeUnknownError
from helpers.sessions import (
    DamagedExportError,
    Session,
    SessionExistsError,
    SessionNotFoundError,
    delete_session,
    export_sessions,
    find_sessions,
    import_sessions,
    is_newest_first,
    look_into,
    read_whole,
    readable,
    tally,
)
from tests.conftest import eventually
from tests.support.cluster import Cluster, running_cluster
from tests.support.fault_proxy import FaultProxy
from tests.support.watching import watching

Spoil = Callable[[list[str]], list[str]]


def found(client: redis.Redis | redis.RedisCluster, prefix: str = "message_store:") -> list[Session]:
    return sorted(one for some in find_sessions(client, prefix) for one in some)


@pytest.fixture
def chats(client: redis.Redis) -> redis.Redis:
    """A server with two sessions of one class, one of the other, and what is none."""
    anna = RedisChatMessageHistory("anna", client=client, ttl=100)
    anna.add_messages([HumanMessage("Hi! I'm Anna."), AIMessage("Hello Anna.")])
    RedisChatMessageHistory("bob", client=client).add_user_message("Hé <b>")
    MemorystoreChatMessageHistory(client, "carla").add_messages([HumanMessage("one"), HumanMessage("two")])
    client.set("message_store:text", "no list")
    client.rpush("message_store:numbers", "1", "2")
    client.rpush("message_store:broken", b"\xff\xfe")
    client.hset("message_store:hash", "field", "value")
    client.zadd("message_store:scores", {"x": 1})
    return client


def test_sessions_are_found_and_nothing_else(chats: redis.Redis) -> None:
    anna, bob = found(chats)
    assert (anna.key, anna.messages, anna.role, anna.last) == ("message_store:anna", 2, "ai", "Hello Anna.")
    assert anna.bytes == sum(map(len, chats.lrange(anna.key, 0, -1)))
    assert anna.ttl is not None
    assert 90 < anna.ttl <= 100
    assert (bob.key, bob.messages, bob.role, bob.last, bob.ttl) == ("message_store:bob", 1, "human", "Hé <b>", None)


def test_without_a_prefix_both_kinds_are_read_from_their_own_end(chats: redis.Redis) -> None:
    assert [(one.key, one.last) for one in found(chats, "")] == [
        ("carla", "two"),
        ("message_store:anna", "Hello Anna."),
        ("message_store:bob", "Hé <b>"),
    ]


def test_a_prefix_is_taken_literally(client: redis.Redis) -> None:
    for session in ("a*b", "axb", "a[c]", "a?"):
        RedisChatMessageHistory(session, client=client).add_user_message("Hi")
    assert [one.key for one in found(client, "message_store:a*")] == ["message_store:a*b"]
    assert [one.key for one in found(client, "message_store:a[c")] == ["message_store:a[c]"]
    assert [one.key for one in found(client, "message_store:a?")] == ["message_store:a?"]
    for session in ("back\\slash", "backslash", "a^b"):
        RedisChatMessageHistory(session, client=client).add_user_message("Hi")
    assert [one.key for one in found(client, "message_store:back\\s")] == ["message_store:back\\slash"]
    assert [one.key for one in found(client, "message_store:a^")] == ["message_store:a^b"]


def test_none_comes_twice_though_scan_repeats_itself(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.sessions.SCAN_COUNT", 1501)
    keys = {f"message_store:{number}": "x" for number in range(4096)}
    client.mset(keys)
    cursor, page = client.scan(count=1501)
    kept = [str(key, "utf-8") for key in page[-10:] if isinstance(key, bytes)]
    client.delete(*kept)
    for key in kept:
        RedisChatMessageHistory(key.removeprefix("message_store:"), client=client).add_user_message("Hi")
    search = find_sessions(client)
    sessions = next(search)
    # Redis makes its table of keys smaller, and some of those that were scanned come after the cursor again.
    client.delete(*(keys.keys() - kept))
    assert eventually(lambda: bool({key.encode() for key in kept} & set(client.scan(cursor, count=10)[1])))
    for some in search:
        sessions += some
    assert sorted(one.key for one in sessions) == sorted(kept)


def test_a_client_that_decodes(chats: redis.Redis, server: EmbeddedServer) -> None:
    decoding = connect(server.url, decode_responses=True)
    assert [replace(one, ttl=None) for one in found(decoding)] == [replace(one, ttl=None) for one in found(chats)]
    assert (
        list(export_sessions(decoding, ["message_store:anna"]))[2:]
        == (list(export_sessions(chats, ["message_store:anna"]))[2:])
    )


@pytest.mark.real_server
def test_what_a_user_may_not_read_is_left_out(chats: redis.Redis, server: EmbeddedServer) -> None:
    rules = "reset on >anna ~message_store:anna* -@all +ping +scan +eval +llen +lrange +pttl"
    chats.execute_command("ACL", "SETUSER", "anna", *rules.split())
    anna = connect(server.url, username="anna", password="anna")
    assert [one.key for one in found(anna)] == ["message_store:anna"]
    for command in ("scan", "eval", "llen", "lrange", "pttl"):
        chats.execute_command("ACL", "SETUSER", "anna", f"-{command}")
        with pytest.raises(redis.ResponseError, match=r"(?i)permission|can't run this command"):
            found(anna)
        chats.execute_command("ACL", "SETUSER", "anna", f"+{command}")


# What the server does for it.


@pytest.mark.real_server
def test_a_hundred_thousand_keys_hold_nobody_up(client: redis.Redis) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(100_000):
        pipeline.set(f"message_store:other-{number}", "x")
    pipeline.execute()
    for number in range(300):
        RedisChatMessageHistory(f"session-{number}", client=client).add_user_message("Hi")
    client.config_resetstat()
    assert len(found(client)) == 300
    done = client.info("commandstats")
    assert "cmdstat_keys" not in done
    assert done["cmdstat_scan"]["calls"] > 90  # a thousand keys at a time, or about that


def photo(kilobytes: int) -> HumanMessage:
    data = base64.b64encode(os.urandom(kilobytes * 768)).decode()
    return HumanMessage([{"type": "text", "text": "And this?"}, {"type": "image", "base64": data}])


@pytest.mark.parametrize(
    "messages", [[HumanMessage("x" * 500)] * 20_000, [photo(500), AIMessage("A cat.")] * 50], ids=["long", "photos"]
)
def test_a_large_session_does_not_hold_the_server_up_either(client: redis.Redis, messages: list[BaseMessage]) -> None:
    history = RedisChatMessageHistory("large", client=client)
    history.add_messages(messages)
    true_size = sum(map(len, client.lrange(history.key, 0, -1)))
    with watching(client) as seen:
        (only,) = found(client)
    assert seen.records_read == 2
    assert only.messages == len(messages)
    assert only.estimated
    assert 0.9 < only.bytes / true_size < 1.3


def test_small_sessions_are_added_up(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("small", client=client)
    history.add_messages([HumanMessage("x" * number) for number in range(150)])
    (only,) = found(client)
    assert (only.bytes, only.estimated) == (sum(map(len, client.lrange(history.key, 0, -1))), False)


def test_whoever_may_not_ask_for_memory_gets_an_estimate(client: redis.Redis, server: EmbeddedServer) -> None:
    RedisChatMessageHistory("few", client=client).add_messages([HumanMessage("x" * number) for number in range(90)])
    RedisChatMessageHistory("long", client=client).add_messages([HumanMessage("x" * 500)] * 20_000)
    RedisChatMessageHistory("photos", client=client).add_messages([photo(500)] * 50)
    rules = "reset on >anna ~* -@all +ping +scan +eval +llen +lrange +pttl"
    client.execute_command("ACL", "SETUSER", "anna", *rules.split())
    sizes = {key: sum(map(len, client.lrange(key, 0, -1))) for key in client.scan_iter()}
    with watching(client) as seen:
        sessions = found(connect(server.url, username="anna", password="anna"))
    assert seen.records_read < 250
    assert [(one.key, one.estimated) for one in sessions] == [
        ("message_store:few", False),
        ("message_store:long", True),
        ("message_store:photos", True),
    ]
    for one in sessions:
        assert abs(one.bytes / sizes[one.key.encode()] - 1) < 0.01


@pytest.mark.real_server
def test_sessions_of_a_cluster_are_found_on_every_node() -> None:
    with running_cluster() as cluster:
        _on_a_cluster(cluster)


def _on_a_cluster(cluster: Cluster) -> None:
    client = connect(cluster.url)
    for number in range(30):
        RedisChatMessageHistory(f"s{number}", client=client).add_user_message(f"Hi {number}")
    sessions = found(client)
    assert len(sessions) == 30
    assert isinstance(client, redis.RedisCluster)
    nodes = {client.get_node_from_key(one.key).name for one in sessions}
    assert len(nodes) == 3
    lines = list(export_sessions(client, [one.key for one in sessions]))
    for one in sessions:
        delete_session(client, one.key)
    assert found(client) == []
    assert len(import_sessions(client, lines)) == 30
    assert found(client) == sessions
    client.lpush(b"message_store:\xff", unsigned(HumanMessage("Hi")))
    decoding = connect(cluster.url, decode_responses=True)
    (odd,) = found(decoding, "message_store:\udcff")
    assert look_into(decoding, odd.key).records[0].text == "Hi"
    lines = list(export_sessions(decoding, [odd.key]))
    delete_session(decoding, odd.key)
    assert found(decoding) == sessions
    assert import_sessions(decoding, lines) == [odd.key]


def test_looking_into_a_session(chats: redis.Redis) -> None:
    stored = look_into(chats, "message_store:anna", newest_first=True)
    assert (stored.length, [(one.index, one.role, one.text) for one in stored.records]) == (
        2,
        [(0, "ai", "Hello Anna."), (1, "human", "Hi! I'm Anna.")],
    )
    assert [one.bytes for one in stored.records] == list(map(len, chats.lrange("message_store:anna", 0, -1)))
    latest = look_into(chats, "carla", newest_first=False, latest=1)
    assert [(one.index, one.text) for one in latest.records] == [(1, "two")]
    assert look_into(chats, "message_store:none", newest_first=True).records == ()


@pytest.mark.parametrize("latest", [None, 0, 1, 10, 11, 34, 35, 99])
def test_looking_into_a_long_session(client: redis.Redis, latest: int | None) -> None:
    places = list(range(35))
    client.rpush("message_store:x", *(unsigned(HumanMessage(f"line {place}")) for place in places))
    for newest_first in (True, False):
        stored = look_into(client, "message_store:x", newest_first=newest_first, latest=latest)
        wanted = places if latest is None else places[:latest] if newest_first else places[max(0, 35 - latest) :]
        assert [(one.index, one.text) for one in stored.records] == [(place, f"line {place}") for place in wanted]


def test_fewer_than_no_records_is_refused(chats: redis.Redis) -> None:
    with pytest.raises(ValueError, match="latest must be a whole number from 0, or None, not -5"):
        look_into(chats, "carla", latest=-5)


def test_the_last_millisecond_is_a_time_to_live(chats: redis.Redis) -> None:
    seen = set()

    def run_out() -> bool:
        chats.lpush("message_store:brief", *chats.lrange("message_store:bob", 0, -1))
        chats.pexpire("message_store:brief", 2)
        while (stored := look_into(chats, "message_store:brief", newest_first=True)).length:
            seen.add(stored.ttl)
        return bool({0.0, None} & seen)

    assert eventually(run_out)
    assert None not in seen


def test_damaged_and_unusual_records_are_shown_as_they_are(client: redis.Redis) -> None:
    blocks = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "data:"}}, "this"]
    history = RedisChatMessageHistory("odd", client=client)
    history.add_messages([HumanMessage(blocks)])  # type: ignore[arg-type]
    client.lpush(history.key, b"\xff not JSON", '{"type": "human"}', "[]", "null", "no" * 1000)
    records = look_into(client, history.key, newest_first=True).records
    assert [(one.role, one.text) for one in records] == [
        ("", "no" * 100),
        ("", "null"),
        ("", "[]"),
        ("", '{"type": "human"}'),
        ("", "\ufffd not JSON"),
        ("human", "See [image_url] this"),
    ]


@pytest.mark.parametrize("depth", [1_500, 15_000, 100_000])
def test_a_newest_record_of_nothing_but_brackets_is_damaged(client: redis.Redis, depth: int) -> None:
    RedisChatMessageHistory("deep", client=client).add_user_message("Hi")
    RedisChatMessageHistory("other", client=client).add_user_message("Hi")
    client.lpush("message_store:deep", "[" * depth)
    deep, other = found(client)
    assert (deep.messages, deep.role, deep.last[:200], other.last) == (2, "", "[" * 200, "Hi")
    assert [one.role for one in look_into(client, deep.key).records] == ["", "human"]
    client.rpush("message_store:other", "[" * depth)
    assert found(client)[1].last == "Hi"


def test_of_long_records_the_beginning_travels(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("long", client=client)
    half = "h\u00e9 \ud83d and \U0001f600, \\ud83d " * 20_000
    history.add_messages([HumanMessage(half), photo(100), AIMessage("y" * 19_000), SystemMessage(half[:20])])
    before = client.info("stats")["total_net_output_bytes"]
    records = look_into(client, history.key).records
    assert client.info("stats")["total_net_output_bytes"] - before < 100_000
    assert [one.role for one in records] == ["system", "ai", "human", "human"]
    assert [one.bytes for one in records] == list(map(len, client.lrange(history.key, 0, -1)))
    assert records[1].text == "y" * 19_000
    assert records[2].text == "And this? [image]…"
    shown = "h\u00e9 \ufffd and \U0001f600, \\ufffd "
    assert records[3].text[:100] == (shown * 10)[:100]
    assert records[3].text.endswith("…")
    assert found(client)[0].role == "system"
    for before in ("", "x"):  # cut between letters, and in one
        history.add_user_message(before + "é" * 20_000)
        assert look_into(client, history.key, latest=1).records[0].text[:9] == (before + "é" * 9)[:9]


def test_what_has_not_changed_is_not_read_again(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("photos", client=client, ttl=100, max_messages=10)
    history.add_messages([photo(100)] * 9)
    history.add_ai_message("Nine cats. " * 100)

    def look(since: Any, **options: Any) -> Any:
        return look_into(client, history.key, newest_first=True, latest=5, since=since, **options)

    first = look(None)
    client.expire(history.key, 50)
    with watching(client) as seen:
        second = look(first)
    assert seen.records_read == 1
    assert second.records is first.records
    assert second.ttl == pytest.approx(50, abs=1)
    history.add_ai_message("Nine cats. " * 100)  # as long as before, and so is the list
    third = look(second)
    assert [one.text for one in third.records[:2]] == ["Nine cats. " * 100] * 2
    client.rpush("message_store:alike", "at both ends", "between", "at both ends")
    alike = look_into(client, "message_store:alike", newest_first=True, latest=1)
    assert look_into(client, alike.key, newest_first=False, latest=1, since=alike).records[0].index == 2
    client.copy(history.key, "message_store:copy")
    assert look_into(client, "message_store:copy", newest_first=True, since=third).key == "message_store:copy"
    history.clear()
    assert (look(third).length, look(third).records) == (0, ())


# Which end is the newest.

ASKED = [HumanMessage("Which tea do I like?"), AIMessage("Oolong.")]


def unsigned(message: BaseMessage) -> str:
    """A record as the official classes write it."""
    return json.dumps(message_to_dict(message))


def of_langchainjs(message: BaseMessage) -> str:
    kept: dict[str, Any] = {"content": message.content, "additional_kwargs": {}, "response_metadata": {}}
    return json.dumps({"type": message.type, "data": kept}, separators=(",", ":"))


@pytest.mark.parametrize(
    ("key", "layout", "messages"),
    [
        ("message_store:x", unsigned, [HumanMessage("one"), HumanMessage("two")]),
        ("tea:x", of_langchainjs, [HumanMessage("one"), HumanMessage("two")]),
        ("x", of_langchainjs, [AIMessage("Hello!"), HumanMessage("two")]),
        ("tea:x", unsigned, ASKED),
        ("x", unsigned, ASKED),
        ("x", unsigned, [SystemMessage("Be kind."), *ASKED, HumanMessage("two")]),
        ("x", unsigned, [*ASKED, AIMessage("", tool_calls=[]), ToolMessage("green", tool_call_id="1")]),
        ("x", unsigned, [AIMessage("Hello!"), *ASKED, ToolMessage("green", tool_call_id="1")]),
        ("x", unsigned, [HumanMessage("x" * 30_000), AIMessage("y" * 30_000)]),
    ],
)
def test_an_order_is_found_out_by_what_the_records_say(
    client: redis.Redis, key: str, layout: Callable[[BaseMessage], str], messages: list[BaseMessage]
) -> None:
    client.lpush(key, *map(layout, messages))
    (only,) = found(client, key)
    assert (only.newest_first, only.last[:10]) == (True, str(messages[-1].content)[:10])
    assert look_into(client, key).records[0].text[:10] == str(messages[-1].content)[:10]
    if layout is unsigned and key != "message_store:x":
        client.delete(key)
        client.rpush(key, *map(layout, messages))
        (only,) = found(client, key)
        assert (only.newest_first, only.last[:10]) == (False, str(messages[-1].content)[:10])
        assert look_into(client, key, latest=1).records[0].text[:10] == str(messages[-1].content)[:10]


@pytest.mark.parametrize("messages", [[AIMessage("Hello!"), HumanMessage("two")], [HumanMessage("two")] * 2])
@pytest.mark.parametrize("size", [1, 3_000])
def test_what_this_package_wrote_says_its_order_itself(
    client: redis.Redis, messages: list[BaseMessage], size: int
) -> None:
    messages = [*messages, HumanMessage("newest" * size)]
    for number in range(2):
        MemorystoreChatMessageHistory(client, f"tea:{number}").add_messages(messages)
        RedisChatMessageHistory(f"coffee:{number}", client=client, key_prefix="").add_messages(messages)
    MemorystoreChatMessageHistory(client, "message_store:x").add_messages(messages)
    for one in found(client, ""):
        assert one.last.startswith("newest")
        assert one.newest_first is one.key.startswith("coffee")


def test_no_prefix_but_one_says_an_order() -> None:
    assert is_newest_first("message_store:bob", "message_store:")
    assert not is_newest_first("app:bob", "app:")
    assert not is_newest_first("bob")


def test_an_order_that_can_not_be_known_is_not_guessed_and_can_be_given(client: redis.Redis) -> None:
    for end in ("first", "last"):
        client.rpush(f"x:{end}", unsigned(HumanMessage("head")), unsigned(HumanMessage("tail")))
    client.rpush("x:single", unsigned(HumanMessage("alone")))
    client.rpush("bare", *['{"type": "human", "data": {"content": "by hand"}}'] * 2)
    assert [one.newest_first for one in found(client, "bare")] == [None]
    assert [(one.newest_first, one.role, one.last) for one in found(client, "x:")] == [
        (None, "", ""),
        (None, "", ""),
        (None, "human", "alone"),
    ]
    stored = look_into(client, "x:first")
    assert (stored.newest_first, [one.text for one in stored.records]) == (None, ["head", "tail"])
    for given, newest in ((True, "head"), (False, "tail")):
        sessions = [one for some in find_sessions(client, "x:", newest_first=given) for one in some]
        assert {one.last for one in sessions} == {newest, "alone"}
        (record,) = look_into(client, "x:first", newest_first=given, latest=1).records
        assert record.text == newest
    # Both classes wrote to one key.
    MemorystoreChatMessageHistory(client, "message_store:x").add_user_message("tail")
    RedisChatMessageHistory("x", client=client).add_user_message("head")
    assert [one.newest_first for one in found(client)] == [None]


# Keys of any bytes.


@pytest.mark.parametrize("decoding", [False, True])
def test_keys_that_are_not_utf_8_are_found_exported_and_deleted(
    chats: redis.Redis, server: EmbeddedServer, decoding: bool
) -> None:
    odd = b"message_store:\xff\xfe*"
    chats.lpush(odd, *chats.lrange("message_store:anna", 0, -1)[::-1])
    records = chats.lrange(odd, 0, -1)
    user = connect(server.url, decode_responses=decoding)
    third = found(user)[2]
    assert third.last == "Hello Anna."
    assert readable(third.key) == r"message_store:\udcff\udcfe*"
    assert found(user, third.key) == [third]
    assert len(look_into(user, third.key).records) == 2
    lines = list(export_sessions(user, [third.key]))
    delete_session(user, third.key)
    assert not chats.exists(odd)
    chats.set(odd, "no list")
    with pytest.raises(NotAHistoryError):
        delete_session(user, third.key)
    chats.delete(odd)
    assert import_sessions(user, lines) == [third.key]
    assert chats.lrange(odd, 0, -1) == records


def test_deleting_touches_sessions_only(chats: redis.Redis) -> None:
    delete_session(chats, "message_store:anna")
    assert not chats.exists("message_store:anna")
    with pytest.raises(NotAHistoryError):
        delete_session(chats, "message_store:text")
    assert chats.get("message_store:text") == b"no list"


# Export and import.


def test_a_round_trip_loses_nothing(chats: redis.Redis) -> None:
    chats.lpush("message_store:anna", b'{"type":"human","data":{"content":"\xff\xfe"}}', "\u2028\n\x00".encode())
    keys = ["message_store:anna", "message_store:bob", "carla"]
    before = {key: (chats.lrange(key, 0, -1), chats.pttl(key)) for key in keys}
    lines = list(export_sessions(chats, keys))
    assert all(line.count("\n") == 1 and line.isascii() for line in lines)
    for key in keys:
        delete_session(chats, key)
    assert import_sessions(chats, lines, prefix="") == keys
    for key in keys:
        records, ttl = before[key]
        assert chats.lrange(key, 0, -1) == records
        assert abs(chats.pttl(key) - ttl) < 5000


def test_an_export_of_nothing_is_an_error(chats: redis.Redis) -> None:
    for one_key in ("message_store:anna", b"message_store:anna"):
        with pytest.raises(
            TypeError,
            match=r"not a list of keys.\nPass a list of Redis keys of existing sessions, such as \[history.key\]",
        ):
            export_sessions(chats, one_key)  # type: ignore[arg-type]
    keys = ["message_store:bob", "anna"]  # a session's ID in place of its key
    with pytest.raises(SessionNotFoundError, match="no session under the key 'anna'"):
        list(export_sessions(chats, keys))
    assert len(list(export_sessions(chats, keys, missing_ok=True))) == 3
    with pytest.raises(NotAHistoryError):
        list(export_sessions(chats, ["message_store:text"]))


def test_keys_are_exported_once_and_may_be_bytes(chats: redis.Redis) -> None:
    keys: Any = ["message_store:anna", *chats.keys("message_store:[ab]*"), "message_store:bob"]
    lines = list(export_sessions(chats, [key for key in keys if key != b"message_store:broken"]))
    assert len(lines) == 6


def test_the_last_millisecond_is_exported(chats: redis.Redis) -> None:
    def exported() -> list[Any]:
        return list(map(json.loads, export_sessions(chats, ["message_store:brief"], missing_ok=True)))

    seen = set()
    for _ in range(100):
        chats.lpush("message_store:brief", *chats.lrange("message_store:bob", 0, -1))
        chats.pexpire("message_store:brief", 2)
        while len(lines := exported()) > 1:
            seen.add(lines[1]["ttl_ms"])
    assert seen <= {1, 2}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text + "\n\n  \n",
        lambda text: text.rstrip(),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(r"\u2028", "\u2028").replace(r"\u0085", "\x85").replace(r"\u00e9", "é"),
    ],
    ids=["byte order mark", "empty lines", "no last line feed", "CRLF", "not escaped"],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_what_editors_do_to_a_file_does_no_harm(
    client: redis.Redis, tmp_path: Any, change: Callable[[str], str], as_text: bool
) -> None:
    client.rpush("message_store:x", unsigned(HumanMessage("x")), '{"type": "h", "data": {"content": "\u2028 \x85 é"}}')
    records = client.lrange("message_store:x", 0, -1)
    text = change("".join(export_sessions(client, ["message_store:x"])))
    client.delete("message_store:x")
    (tmp_path / "x.jsonl").write_bytes(text.encode())
    with (tmp_path / "x.jsonl").open(encoding="utf-8") as file:
        assert import_sessions(client, text if as_text else file) == ["message_store:x"]
    assert client.lrange("message_store:x", 0, -1) == records


def without(number: int) -> Spoil:
    return lambda lines: lines[: number - 1] + lines[number:]


def changed(number: int, old: str, new: str) -> Spoil:
    def spoil(lines: list[str]) -> list[str]:
        assert old in lines[number - 1]
        return [*lines[: number - 1], lines[number - 1].replace(old, new, 1), *lines[number:]]

    return spoil


def signed(record: str) -> str:
    return json.dumps({"crc32": zlib.crc32(record.encode()), "record": record}) + "\n"


# Lines of the export: 1 the format, 2 anna, 3 and 4 her messages, 5 bob, 6 his message.
DAMAGE: dict[str, tuple[Spoil, int, str]] = {
    "nothing": (lambda lines: [], 1, "ends before it"),
    "no format": (without(1), 1, "begins with"),
    "another format": (changed(1, "sessions/1", "sessions/9"), 1, "begins with"),
    "a session lost": (without(2), 2, "does not begin a session"),
    "a message lost": (without(3), 4, "not a message of the session above"),
    "the last message lost": (without(6), 6, "ends before it"),
    "cut off in a line": (lambda lines: [*lines[:-1], lines[-1][:30]], 6, "not JSON"),
    "a letter changed": (changed(3, "Hello Anna", "Hello Enna"), 3, "checksum"),
    "a key changed": (changed(2, "anna", "anne"), 2, "checksum"),
    "a time to live changed": (changed(5, "null", "5"), 5, "checksum"),
    "a session twice": (lambda lines: lines + lines[1:4], 7, "there twice"),
    "a message too many": (lambda lines: [*lines, signed("{}")], 7, "does not begin a session"),
    "half an emoji": (changed(3, "Hello Anna", r"Hello \ud83d"), 3, "checksum"),
    "no JSON": (lambda lines: [*lines[:3], "no JSON\n", *lines[4:]], 4, "not JSON"),
    "a list": (lambda lines: [*lines[:3], "[]\n", *lines[4:]], 4, "not a message"),
    "an empty line": (lambda lines: [*lines[:3], "\n", *lines[4:]], 4, "not JSON"),
    "nothing but empty lines": (lambda lines: ["\n", "\n"], 1, "ends before it"),
    "an empty line at the beginning": (lambda lines: ["\n", *lines], 1, "not JSON"),
    "the end lost and empty lines": (lambda lines: [*lines[:-1], "\n", "\n"], 6, "ends before it"),
    "nothing but brackets": (lambda lines: [*lines[:3], "[" * 100_000, *lines[4:]], 4, "not JSON"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_with_its_line(chats: redis.Redis, kind: str) -> None:
    spoil, line, reason = DAMAGE[kind]
    lines = list(export_sessions(chats, ["message_store:anna", "message_store:bob"]))
    assert len(lines) == 6
    chats.delete("message_store:anna", "message_store:bob")
    before = sorted(chats.scan_iter())
    with pytest.raises(DamagedExportError, match=f"Line {line} of the export is damaged: .*{reason}") as caught:
        import_sessions(chats, spoil(lines))
    assert caught.value.line == line
    assert "nothing was imported" in str(caught.value)
    assert sorted(chats.scan_iter()) == before


def test_a_key_outside_of_the_prefix_is_refused(chats: redis.Redis) -> None:
    lines = list(export_sessions(chats, ["carla"]))
    delete_session(chats, "carla")
    with pytest.raises(DamagedExportError, match="'carla' does not begin with 'message_store:'"):
        import_sessions(chats, lines)
    assert not chats.exists("carla")


def test_what_is_there_is_never_overwritten(chats: redis.Redis) -> None:
    lines = list(export_sessions(chats, ["message_store:anna", "message_store:bob"]))
    delete_session(chats, "message_store:anna")
    with pytest.raises(SessionExistsError, match="already has 'message_store:bob'"):
        import_sessions(chats, lines)
    assert not chats.exists("message_store:anna")


def test_a_session_that_appears_meanwhile_is_kept_and_the_rest_taken_back(
    chats: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = list(export_sessions(chats, ["message_store:anna", "message_store:bob"]))
    for key in ("message_store:anna", "message_store:bob"):
        delete_session(chats, key)
    monkeypatch.setattr(chats, "exists", lambda key: 0)  # as it was when it was asked
    chats.rpush("message_store:bob", "somebody else's")
    with pytest.raises(SessionExistsError):
        import_sessions(chats, lines)
    assert chats.lrange("message_store:bob", 0, -1) == [b"somebody else's"]
    assert chats.llen("message_store:anna") == 0


def test_the_beginning_of_a_session_is_not_that_session(chats: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = list(export_sessions(chats, ["message_store:anna"]))
    chats.ltrim("message_store:anna", 0, 0)
    monkeypatch.setattr(chats, "exists", lambda key: 0)
    with pytest.raises(SessionExistsError):
        import_sessions(chats, lines)


def test_only_what_the_import_stored_is_taken_back(chats: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ["message_store:anna", "message_store:bob", "carla"]
    lines = list(export_sessions(chats, keys))
    alike = chats.lrange("message_store:bob", 0, -1)
    chats.delete(*keys)
    monkeypatch.setattr(chats, "exists", lambda key: 0)  # as it was when it was asked
    chats.rpush("message_store:bob", *alike)  # the same import, by somebody else
    chats.rpush("carla", "somebody else's")
    with pytest.raises(SessionExistsError, match="carla"):
        import_sessions(chats, lines, prefix="")
    assert chats.lrange("message_store:bob", 0, -1) == alike
    assert chats.llen("message_store:anna") == 0


def test_what_was_said_in_an_imported_session_since_is_not_taken_back(
    chats: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = list(export_sessions(chats, ["message_store:bob", "carla"]))
    chats.delete("message_store:bob", "carla")
    run: Any = chats.execute_command

    def meanwhile(*words: Any, **options: Any) -> Any:
        reply = run(*words, **options)
        if words[0] == "EVAL" and words[3] == b"message_store:bob" and chats.llen("carla") == 0:
            chats.lpush("message_store:bob", "said since")
            chats.rpush("carla", "somebody else's")
        return reply

    monkeypatch.setattr(chats, "execute_command", meanwhile)
    with pytest.raises(SessionExistsError, match="carla"):
        import_sessions(chats, lines, prefix="")
    assert chats.lrange("message_store:bob", 0, 0) == [b"said since"]


def lines_with(ttl: Any) -> list[str]:
    """An export of one session whose time to live was edited, checksum and all."""
    record = unsigned(HumanMessage("Hi"))
    checksum = zlib.crc32(json.dumps(("message_store:x", 1, ttl)).encode())
    session = {"crc32": checksum, "session": "message_store:x", "messages": 1, "ttl_ms": ttl}
    return [json.dumps({"format": "chat-sessions/1"}), json.dumps(session), signed(record)]


def test_what_the_server_refuses_is_not_half_imported(chats: redis.Redis, server: EmbeddedServer) -> None:
    before = sorted(chats.keys())
    with pytest.raises(redis.ResponseError, match="expire"):
        import_sessions(chats, lines_with(2**63 - 1))
    rules = "reset on >anna ~message_store:* -@all +ping +eval +exists +rpush +del +lrange"
    chats.execute_command("ACL", "SETUSER", "anna", *rules.split())
    anna = connect(server.url, username="anna", password="anna")
    with pytest.raises(redis.ResponseError):
        import_sessions(anna, lines_with(1000))
    assert sorted(chats.keys()) == before
    assert import_sessions(anna, lines_with(None)) == ["message_store:x"]


# Imports whose replies are lost.


def behind(proxy: FaultProxy, kind: str) -> redis.Redis | redis.RedisCluster:
    url = f"redis://127.0.0.1:{proxy.port}"
    if kind == "one":
        return connect(url, socket_timeout=0.1)
    options = {"retry": None} if kind == "no retries" else {}
    return redis.Redis.from_url(url, protocol=2, socket_timeout=0.1, **options)


@pytest.mark.parametrize("kind", ["no retries", "one", "ten"])
@pytest.mark.parametrize("seed", range(5))
def test_an_import_that_lost_its_reply_is_repeated(
    chats: redis.Redis, server: EmbeddedServer, seed: int, kind: str
) -> None:
    keys = ["message_store:anna", "message_store:bob", "carla"]
    lines = list(export_sessions(chats, keys))
    before = {key: chats.lrange(key, 0, -1) for key in keys}
    chats.delete(*keys)
    with FaultProxy(int(server.url.rpartition(":")[2]), seed, rate=0.7) as proxy:
        user = behind(proxy, kind)
        unknown = 0
        while True:
            try:
                assert import_sessions(user, lines, prefix="") == keys
                break
            except WriteOutcomeUnknownError:
                unknown += 1
        proxy.settle()
        proxy.calm = True
        # It has succeeded, so the same file once more is no repetition.
        with pytest.raises(SessionExistsError):
            import_sessions(user, lines, prefix="")
    assert proxy.faults
    assert unknown or kind != "no retries"
    assert {key: chats.lrange(key, 0, -1) for key in keys} == before


def test_a_repeated_import_takes_back_what_it_stored_before(
    chats: redis.Redis, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ["no reply"])
    lines = list(export_sessions(chats, ["message_store:bob", "carla"]))
    chats.delete("message_store:bob", "carla")
    with FaultProxy(int(server.url.rpartition(":")[2]), seed=0, rate=1) as proxy:
        user = behind(proxy, "no retries")
        with pytest.raises(WriteOutcomeUnknownError, match="message_store:bob"):
            import_sessions(user, lines, prefix="")
        assert chats.exists("message_store:bob")
        proxy.calm = True
        monkeypatch.setattr(user, "exists", lambda key: 0)  # as it was when it was asked
        chats.rpush("carla", "somebody else's")
        with pytest.raises(SessionExistsError, match="carla"):
            import_sessions(user, lines, prefix="")
    assert not chats.exists("message_store:bob")


def test_a_repeated_import_does_not_take_other_words_for_its_own(chats: redis.Redis, server: EmbeddedServer) -> None:
    lines = list(export_sessions(chats, ["message_store:bob"]))
    chats.delete("message_store:bob")
    with FaultProxy(int(server.url.rpartition(":")[2]), seed=0, rate=1) as proxy:
        user = behind(proxy, "no retries")
        with pytest.raises(WriteOutcomeUnknownError):
            import_sessions(user, lines)
        proxy.settle()
        proxy.calm = True
        RedisChatMessageHistory("bob", client=chats).add_user_message("said since")
        with pytest.raises(SessionExistsError):
            import_sessions(user, lines)
    assert RedisChatMessageHistory("bob", client=chats).messages[-1].content == "said since"


def test_a_record_has_its_fields_and_can_be_read_whole(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("bob", client=client)
    photo = {"type": "image", "base64": "A" * 50_000, "mime_type": "image/png"}
    usage = UsageMetadata(input_tokens=3, output_tokens=4, total_tokens=7)
    call: Any = {"name": "look", "args": {"in": "attic"}, "id": "1"}
    history.add_messages([HumanMessage([photo]), AIMessage("", tool_calls=[call], usage_metadata=usage)])
    answer, question = look_into(client, history.key, newest_first=True).records
    assert answer.calls == ("look(in='attic')",)
    assert answer.fields["usage_metadata"] == usage
    assert not answer.cut
    assert question.cut
    whole = read_whole(client, history.key, question)
    assert whole is not None
    assert whole.fields["content"] == [photo]
    assert not whole.cut
    history.add_user_message("another in its place")
    assert read_whole(client, history.key, question) is None
    client.set(history.key, "something else")
    with pytest.raises(NotAHistoryError):
        read_whole(client, history.key, question)


NO_CALLS = ['"x"', "[1]", '[{"name": "a"}]', '[{"args": {}}]', '[{"name": "a", "args": 1}]', "null"]


@pytest.mark.parametrize("calls", NO_CALLS)
def test_what_is_no_call_is_left_out(client: redis.Redis, calls: str) -> None:
    data = '{"content": "hi", "tool_calls": ' + calls + "}"
    client.rpush("message_store:bob", '{"type": "ai", "data": ' + data + "}")
    (record,) = look_into(client, "message_store:bob").records
    assert (record.role, record.text, record.calls) == ("ai", "hi", ())


@pytest.mark.real_server
def test_a_tally_is_the_sessions_messages_and_what_redis_says_they_take(chats: redis.Redis) -> None:
    keys = [str(key, "utf-8") for key in chats.scan_iter()]
    counted = tally(chats, [*keys, "message_store:gone"])
    assert {key: one.messages for key, one in counted.items()} == {
        "message_store:anna": 2,
        "message_store:bob": 1,
        "message_store:numbers": 2,
        "message_store:broken": 1,
        "carla": 2,
        "message_store:gone": 0,
    }
    for key, one in counted.items():
        assert one.bytes == (chats.memory_usage(key) or 0)


def test_a_tally_takes_many_keys_and_any_bytes(client: redis.Redis) -> None:
    names = [b"message_store:%d" % number for number in range(120)] + [b"message_store:\xff"]
    for place, name in enumerate(names):
        client.rpush(name, *["{}"] * (place % 3 + 1))
    keys = [name.decode("utf-8", "surrogateescape") for name in names]
    counted = tally(client, keys)
    assert list(counted) == keys
    assert [one.messages for one in counted.values()] == [place % 3 + 1 for place in range(121)]
    assert tally(client, []) == {}


@pytest.mark.real_server
def test_who_may_not_ask_for_memory_is_told_the_messages(chats: redis.Redis, server: EmbeddedServer) -> None:
    rules = "reset on nopass ~* -@all +ping +eval +llen +hmget"
    chats.execute_command("ACL", "SETUSER", "counts", *rules.split())
    counts = connect(server.url, username="counts", password="any")
    assert tally(counts, ["message_store:anna"]) == {"message_store:anna": (2, 0)}
    counts.close()
    chats.execute_command("ACL", "DELUSER", "counts")
