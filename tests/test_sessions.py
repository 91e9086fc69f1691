"""Sessions found, looked into, exported, imported and deleted, and nothing else touched."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage

from helpers._connecting.connection import connect
from helpers._histories.histories import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers.embedded import EmbeddedServer
from helpers.errors import NotAHistoryError
from helpers.sessions import (
    DamagedExportError,
    Session,
    SessionExistsError,
    delete_session,
    export_sessions,
    find_sessions,
    import_sessions,
    look_into,
)
from tests.support.cluster import Cluster, running_cluster

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
    chats.execute_command("ACL", "SETUSER", "anna", "-scan")
    with pytest.raises(redis.exceptions.NoPermissionError):
        found(anna)


@pytest.mark.real_server
def test_a_hundred_thousand_keys_hold_nobody_up(client: redis.Redis, server: EmbeddedServer) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(100_000):
        pipeline.set(f"message_store:other-{number}", "x")
    pipeline.execute()
    for number in range(300):
        RedisChatMessageHistory(f"session-{number}", client=client).add_user_message("Hi")
    client.config_resetstat()
    client.config_set("slowlog-log-slower-than", 20_000)  # microseconds
    client.slowlog_reset()
    assert len(found(client)) == 300
    assert client.slowlog_len() == 0
    assert "cmdstat_keys" not in client.info("commandstats")


@pytest.mark.real_server
def test_a_long_session_does_not_hold_the_server_up_either(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("long", client=client)
    history.add_messages([HumanMessage("x" * 500)] * 20_000)
    client.config_set("slowlog-log-slower-than", 100_000)
    client.slowlog_reset()
    (only,) = found(client)
    assert only.messages == 20_000
    assert only.bytes > 20_000 * 500
    assert client.slowlog_len() == 0


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


def test_damaged_and_unusual_records_are_shown_as_they_are(client: redis.Redis) -> None:
    blocks = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "data:"}}, "this"]
    history = RedisChatMessageHistory("odd", client=client)
    history.add_messages([HumanMessage(blocks)])  # type: ignore[arg-type]
    client.lpush(history.key, b"\xff not JSON", '{"type": "human"}', "[]", "null")
    records = look_into(client, history.key, newest_first=True).records
    assert [(one.role, one.text) for one in records] == [
        ("", "null"),
        ("", "[]"),
        ("", '{"type": "human"}'),
        ("", "\ufffd not JSON"),
        ("human", "See [image_url] this"),
    ]


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


def test_a_session_that_is_gone_is_left_out(chats: redis.Redis) -> None:
    assert len(list(export_sessions(chats, ["message_store:gone"]))) == 1


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
    "no JSON": (lambda lines: [*lines[:3], "no JSON\n", *lines[4:]], 4, "not JSON"),
    "a list": (lambda lines: [*lines[:3], "[]\n", *lines[4:]], 4, "not a message"),
    "an empty line": (lambda lines: [*lines[:3], "\n", *lines[4:]], 4, "not JSON"),
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
