"""Agents' threads, found, looked into, exported, imported and deleted beside histories."""

import base64
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.serde.base import CipherProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from helpers import RedisSaver, chat_model
from helpers._connecting.connection import connect
from helpers._histories.histories import RedisChatMessageHistory
from helpers.embedded import EmbeddedServer
from helpers.errors import THREAD_RIGHTS, NotAHistoryError, WriteOutcomeUnknownError
from helpers.sessions import (
    DamagedExportError,
    Session,
    SessionExistsError,
    delete_session,
    export_sessions,
    find_sessions,
    import_sessions,
    look_into,
    read_whole,
)
from tests.support.cluster import running_cluster
from tests.support.fault_proxy import FaultProxy
from tests.support.watching import watching


def look_up_order(order: int) -> str:
    """What an order cost."""
    return f"Order {order}: 12.50"


class Cipher(CipherProtocol):
    """What a reader brings for encryption."""

    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "fernet", self._fernet.encrypt(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        return self._fernet.decrypt(ciphertext)


def photo(kilobytes: int) -> HumanMessage:
    data = base64.b64encode(os.urandom(kilobytes * 768)).decode()
    return HumanMessage(
        [{"type": "text", "text": "And this?"}, {"type": "image", "base64": data, "mime_type": "image/png"}]
    )


def found(client: Any, *prefix: str) -> list[Session]:
    return sorted(one for some in find_sessions(client, *prefix) for one in some)


def of(thread_id: str) -> Any:
    return {"configurable": {"thread_id": thread_id}}


def agent_of(saver: RedisSaver, *middleware: Any) -> Any:
    return create_agent(chat_model(), [look_up_order], checkpointer=saver, middleware=middleware)


def talk(saver: RedisSaver, thread_id: str, *texts: str | HumanMessage) -> Any:
    agent = agent_of(saver)
    for text in texts:
        agent.invoke({"messages": [text if isinstance(text, HumanMessage) else HumanMessage(text)]}, of(thread_id))
    return agent


@pytest.fixture
def saver(client: redis.Redis) -> RedisSaver:
    """A server with a thread of two turns, one with a tool, beside a history and what is neither."""
    made = RedisSaver(client, ttl=100)
    talk(made, "bob", "Hi! I'm Bob.", "What did order 4711 cost?")
    RedisChatMessageHistory("bob", client=client).add_user_message("Hi")
    client.hset("thread:somebody", mapping={"life": "42", "name": "a game's"})
    client.hset("message_store:somebody", "name", "a game's")
    client.set("thread:text", "no thread")
    return made


def test_threads_are_found_beside_histories_and_nothing_else(saver: RedisSaver, client: redis.Redis) -> None:
    history, thread = found(client)
    assert (history.key, history.kind, history.messages, history.checkpoints) == ("message_store:bob", "history", 1, 0)
    assert (thread.key, thread.kind, thread.messages, thread.role) == ("thread:bob", "thread", 6, "ai")
    assert "12.50" in thread.last
    assert thread.checkpoints == len(list(saver.list(of("bob"))))
    assert thread.ttl is not None
    assert 90 < thread.ttl <= 100
    assert (thread.bytes, thread.estimated) == (
        sum(map(len, [*client.hgetall("thread:bob"), *client.hvals("thread:bob")])),
        False,
    )
    assert found(client, "message_store:") == [history]
    assert [one.key for one in found(client, "")] == ["message_store:bob", "thread:bob"]
    assert [replace(one, ttl=None) for one in found(connect_decoding(client))] == [history, replace(thread, ttl=None)]


def connect_decoding(client: redis.Redis) -> Any:
    options = client.connection_pool.connection_kwargs
    return connect(f"redis://{options['host']}:{options['port']}", decode_responses=True, protocol=3)


def test_looking_into_a_thread(saver: RedisSaver, client: redis.Redis) -> None:
    stored = look_into(client, "thread:bob")
    messages = agent_of(saver).get_state(of("bob")).values["messages"]
    assert [(one.role, one.text) for one in stored.records] == [(one.type, one.text) for one in messages]
    assert [one.index for one in stored.records] == [0, 1, 2, 3, 4, 5]
    assert [one.calls for one in stored.records] == [(), (), (), ("look_up_order(order=4711)",), (), ()]
    assert [one.bytes for one in stored.records] == [client.hstrlen("thread:bob", f"messages@{n}") for n in range(6)]
    assert (stored.kind, stored.length, stored.newest_first, stored.waiting) == ("thread", 6, False, False)
    assert (stored.checkpoints, stored.bytes) == (found(client)[1].checkpoints, found(client)[1].bytes)
    latest = look_into(client, "thread:bob", latest=2)
    assert (latest.records, latest.length) == (stored.records[-2:], 6)
    with pytest.raises(NotAHistoryError):
        look_into(client, "thread:somebody")


def test_only_what_the_latest_checkpoint_names_is_shown(saver: RedisSaver, client: redis.Redis) -> None:
    agent = agent_of(saver)
    earlier = next(one for one in agent.get_state_history(of("bob")) if len(one.values["messages"]) == 2)
    agent.invoke({"messages": [HumanMessage("What's my name?")]}, earlier.config)  # a fork
    stored = look_into(client, "thread:bob", latest=3)
    assert [(one.index, one.role) for one in stored.records] == [(1, "ai"), (6, "human"), (7, "ai")]
    assert stored.length == 4
    assert found(client)[1].messages == 4


def test_what_has_not_changed_is_not_read_again(client: redis.Redis) -> None:
    saver = RedisSaver(client)
    talk(saver, "photos", photo(200), photo(200))
    first = look_into(client, "thread:photos", newest_first=False)
    client.expire("thread:photos", 50)
    with watching(client) as seen:
        before = client.info("stats")["total_net_output_bytes"]
        second = look_into(client, "thread:photos", newest_first=False, since=first)
        assert client.info("stats")["total_net_output_bytes"] - before < 10_000
    assert seen
    assert second.records is first.records
    assert second.ttl == pytest.approx(50, abs=1)
    saver.put_writes(next(saver.list(of("photos"))).config, [("x", 1)], "task")
    third = look_into(client, "thread:photos", newest_first=False, since=second)
    assert third.bytes > second.bytes
    saver.prune(["photos"])
    assert look_into(client, "thread:photos", newest_first=False, since=third).checkpoints == 1
    saver.delete_thread("photos")
    assert look_into(client, "thread:photos", newest_first=False, since=third).length == 0


def test_of_long_messages_the_beginning_travels(client: redis.Redis) -> None:
    talk(
        RedisSaver(client),
        "long",
        photo(1000),
        HumanMessage("h\u00e9 \ud83d and \U0001f600, ".replace("\ud83d", "x") * 20_000),
    )
    before = client.info("stats")["total_net_output_bytes"]
    records = look_into(client, "thread:long").records
    (only,) = found(client)
    assert client.info("stats")["total_net_output_bytes"] - before < 100_000
    assert records[0].text == "And this? [image]…"
    assert records[0].bytes > 1_000_000
    assert records[2].text.startswith("h\u00e9 x and \U0001f600, h\u00e9")
    assert records[2].role == "human"
    assert only.estimated
    assert 0.9 < only.bytes / sum(map(len, client.hvals("thread:long"))) < 1.3


def test_a_question_that_waits_is_told(client: redis.Redis) -> None:
    saver = RedisSaver(client)
    agent = agent_of(saver, HumanInTheLoopMiddleware(interrupt_on={"look_up_order": True}))
    agent.invoke({"messages": [HumanMessage("What did order 4711 cost?")]}, of("bob"))
    stored = look_into(client, "thread:bob")
    assert (stored.waiting, stored.length) == (True, 2)
    agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), of("bob"))
    stored = look_into(client, "thread:bob", since=stored)
    assert (stored.waiting, stored.length) == (False, 4)


def test_an_encrypted_thread_is_listed_and_read_with_the_key_alone(client: redis.Redis) -> None:
    serde = EncryptedSerializer(Cipher(), JsonPlusSerializer(allowed_msgpack_modules=None))
    talk(RedisSaver(client, serde=serde), "bob", "What did order 4711 cost?")
    talk(RedisSaver(client), "eve", "Hi! I'm Eve.")
    bob, eve = found(client)
    assert (bob.kind, bob.messages, bob.role, bob.last) == ("thread", 4, "encrypted", "")
    assert eve.role == "ai"
    assert {(one.role, one.text) for one in look_into(client, "thread:bob").records} == {("encrypted", "")}
    records = look_into(client, "thread:bob", serde=serde).records
    assert [one.role for one in records] == ["human", "ai", "tool", "ai"]
    assert records[1].calls == ("look_up_order(order=4711)",)
    assert records[0].text == "What did order 4711 cost?"
    other = EncryptedSerializer(Cipher(), JsonPlusSerializer(allowed_msgpack_modules=None))
    assert {one.role for one in look_into(client, "thread:bob", serde=other).records} == {""}


@pytest.mark.parametrize(
    ("field", "value", "messages"),
    [
        ("messages@5", None, 6),
        ("messages@5", b"\xff\xfe", 6),
        ("messages@5", b"msgpack:" + b"\x91" * 100_000, 6),
        ("messages@5", b"msgpack:\x81\xa7content\xa2Hi", 6),
        ("messages@5", b"pickle:cos\nsystem\n(S'touch /tmp/pwned'\ntR.", 6),
        ("checkpoint", b"no record", 1),
        ("checkpoint", b"- - 0", 0),
        ("ids:", b"", 0),
    ],
)
def test_a_damaged_thread_is_listed_as_such_and_the_others_as_they_are(
    saver: RedisSaver, client: redis.Redis, field: str, value: bytes | None, messages: int
) -> None:
    if field == "checkpoint":
        field = f"checkpoint:{next(saver.list(of('bob'))).config['configurable']['checkpoint_id']}:"
    client.hset("thread:bob", field, value) if value is not None else client.hdel("thread:bob", field)
    history, thread = found(client)
    assert (thread.kind, thread.messages, thread.role) == ("thread", messages, "")
    assert history.last == "Hi"
    stored = look_into(client, "thread:bob")
    assert stored.length == messages
    assert not messages or stored.records[-1].role == ""
    delete_session(client, "thread:bob")
    assert not client.exists("thread:bob")


@pytest.mark.real_server
def test_who_may_not_read_hashes_still_lists_histories(
    saver: RedisSaver, client: redis.Redis, server: EmbeddedServer
) -> None:
    rules = "reset on >anna ~message_store:* ~thread:* -@all +ping +scan +eval +llen +lrange +pttl"
    client.execute_command("ACL", "SETUSER", "anna", *rules.split())
    anna = connect(server.url, username="anna", password="anna")
    assert [one.key for one in found(anna)] == ["message_store:bob"]
    client.execute_command("ACL", "SETUSER", "anna", "+hget", "+hmget", "+hgetall")
    assert [one.kind for one in found(anna)] == ["history", "thread"]


def test_a_server_without_langgraph_is_looked_at_too(saver: RedisSaver, server: EmbeddedServer) -> None:
    script = f"""
    import sys
    sys.modules["langgraph"] = None  # as if it were not installed
    from helpers import connect
    from helpers.errors import MissingExtraError
    from helpers.sessions import delete_session, export_sessions, find_sessions, import_sessions, look_into
    client = connect({server.url!r})
    (thread,) = (one for some in find_sessions(client, "thread:") for one in some)
    assert (thread.messages, thread.role) == (6, "ai"), thread
    assert look_into(client, thread.key).records[3].calls == ("look_up_order(order=4711)",)
    lines = list(export_sessions(client, [thread.key]))
    try:
        delete_session(client, thread.key)
    except MissingExtraError as error:
        print(error)
    client.delete(thread.key)
    assert import_sessions(client, lines) == [thread.key]
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert 'pip install "chat-history-tutorials[agents]"' in result.stdout
    assert len(agent_of(saver).get_state(of("bob")).values["messages"]) == 6


def test_deleting_takes_a_thread_and_nothing_else(saver: RedisSaver, client: redis.Redis) -> None:
    delete_session(client, "thread:bob")
    assert not client.exists("thread:bob")
    for key in ("thread:somebody", "thread:text", "message_store:somebody"):
        with pytest.raises(NotAHistoryError):
            delete_session(client, key)
        assert client.exists(key)
    assert sorted(client.scan_iter()) == sorted(
        [b"thread:somebody", b"thread:text", b"message_store:somebody", b"message_store:bob"]
    )


@pytest.mark.real_server
def test_who_has_an_agents_rights_alone_deletes_threads(
    saver: RedisSaver, client: redis.Redis, server: EmbeddedServer
) -> None:
    rules = f"reset on >anna ~thread:* -@all {THREAD_RIGHTS}"
    client.execute_command("ACL", "SETUSER", "anna", *rules.split())
    anna = connect(server.url, username="anna", password="anna")
    delete_session(anna, "thread:bob")
    assert not client.exists("thread:bob")
    for key in ("thread:somebody", "message_store:bob"):
        with pytest.raises(redis.ResponseError):
            delete_session(anna, key)
        assert client.exists(key)


# Export and import.


def state(saver: RedisSaver, thread_id: str) -> Any:
    return [(one.config, one.checkpoint, one.metadata, one.pending_writes) for one in saver.list(of(thread_id))]


def test_a_round_trip_loses_nothing(saver: RedisSaver, client: redis.Redis) -> None:
    serde = EncryptedSerializer(Cipher(), JsonPlusSerializer(allowed_msgpack_modules=None))
    secret = RedisSaver(client, serde=serde)
    talk(secret, "sécret:\u2028", "Hi! I'm Eve.")
    keys = ["thread:bob", "message_store:bob", "thread:sécret:\u2028"]
    before: list[Any] = [client.hgetall(keys[0]), client.lrange(keys[1], 0, -1), client.hgetall(keys[2])]
    states = state(saver, "bob"), state(secret, "sécret:\u2028")
    lines = list(export_sessions(client, keys))
    assert all(line.count("\n") == 1 and line.isascii() for line in lines)
    for key in keys:
        delete_session(client, key)
    assert import_sessions(client, "".join(lines)) == keys
    after: list[Any] = [client.hgetall(keys[0]), client.lrange(keys[1], 0, -1), client.hgetall(keys[2])]
    for one in (0, 2):
        assert before[one].pop(b"life") != after[one].pop(b"life")
    assert after == before
    assert (state(saver, "bob"), state(secret, "sécret:\u2028")) == states
    assert 90 < client.ttl("thread:bob") <= 100


def test_a_saver_that_knew_the_thread_of_before_does_not_take_the_imported_one_for_it(
    saver: RedisSaver, client: redis.Redis
) -> None:
    lines = list(export_sessions(client, ["thread:bob"]))
    agent = talk(saver, "bob", "Thank you!")
    delete_session(client, "thread:bob")
    import_sessions(client, lines)
    agent.invoke({"messages": [HumanMessage("Thank you!")]}, of("bob"))
    expected = [one.text for one in agent.get_state(of("bob")).values["messages"]]
    assert len(expected) == 8
    assert [one.text for one in agent_of(RedisSaver(client)).get_state(of("bob")).values["messages"]] == expected


def test_what_holds_no_thread_is_what_it_was_before_there_were_any(saver: RedisSaver, client: redis.Redis) -> None:
    formats = ["chat-sessions/1", "chat-sessions/2"]
    for keys, wanted in (
        ([], formats[:1]),
        (["message_store:bob"], formats[:1]),
        (["message_store:bob", "thread:bob"], formats),
        (["thread:bob", "message_store:bob"], formats[1:]),
    ):
        lines = [json.loads(line) for line in export_sessions(client, keys)]
        assert [line["format"] for line in lines if "format" in line] == wanted
        assert "format" in lines[0]
    lines = list(export_sessions(client, ["message_store:bob"]))
    delete_session(client, "message_store:bob")
    assert import_sessions(client, lines, "message_store:") == ["message_store:bob"]


@pytest.mark.parametrize(
    ("number", "change", "reason"),
    [
        (2, lambda line: line.replace("thread:bob", "thread:eve"), "checksum"),
        (2, lambda line: line.replace('"thread"', '"session"'), "does not begin a session"),
        (3, lambda line: json.dumps(json.loads(line) | {"field": "messages@9"}), "checksum"),
        (3, lambda line: json.dumps(json.loads(line) | {"field": 1}), "not a message of the session above"),
        (3, lambda line: json.dumps({"crc32": 0, "record": ""}), "not a message of the session above"),
        (5, lambda line: "", "not JSON"),
    ],
)
def test_damage_is_refused_with_its_line(
    saver: RedisSaver, client: redis.Redis, number: int, change: Callable[[str], str], reason: str
) -> None:
    lines = list(export_sessions(client, ["thread:bob"]))
    client.delete("thread:bob")
    lines[number - 1] = change(lines[number - 1])
    with pytest.raises(DamagedExportError, match=f"Line {number} of the export is damaged: .*{reason}"):
        import_sessions(client, lines)
    assert not client.exists("thread:bob")


def test_what_is_there_is_never_overwritten(saver: RedisSaver, client: redis.Redis) -> None:
    lines = list(export_sessions(client, ["message_store:bob", "thread:bob"]))
    client.delete("message_store:bob")
    with pytest.raises(SessionExistsError, match="thread:bob"):
        import_sessions(client, lines)
    assert not client.exists("message_store:bob")


@pytest.mark.parametrize("seed", range(5))
def test_an_import_that_lost_its_reply_is_repeated(
    saver: RedisSaver, client: redis.Redis, server: EmbeddedServer, seed: int
) -> None:
    lines = list(export_sessions(client, ["thread:bob", "message_store:bob"]))
    before = client.hgetall("thread:bob")
    client.delete("thread:bob", "message_store:bob")
    with FaultProxy(int(server.url.rpartition(":")[2]), seed, rate=0.7) as proxy:
        user = redis.Redis.from_url(f"redis://127.0.0.1:{proxy.port}", protocol=2, socket_timeout=0.1, retry=None)
        while True:
            try:
                assert import_sessions(user, lines) == ["thread:bob", "message_store:bob"]
                break
            except WriteOutcomeUnknownError:
                pass
        proxy.settle()
    assert {name: value for name, value in client.hgetall("thread:bob").items() if name != b"life"} == {
        name: value for name, value in before.items() if name != b"life"
    }


@pytest.mark.real_server
def test_threads_of_a_cluster() -> None:
    with running_cluster() as cluster:
        client = connect(cluster.url)
        saver = RedisSaver(client)
        for number in range(6):
            talk(saver, f"{number}", "What did order 4711 cost?")
        RedisChatMessageHistory("bob", client=client).add_user_message("Hi")
        sessions = found(client)
        assert [one.kind for one in sessions] == ["history"] + ["thread"] * 6
        assert {one.messages for one in sessions[1:]} == {4}
        lines = list(export_sessions(client, [one.key for one in sessions]))
        for one in sessions:
            delete_session(client, one.key)
        assert found(client) == []
        import_sessions(client, lines)
        assert found(client) == sessions
        assert len(look_into(client, "thread:3").records) == 4


# Moving a conversation.


def test_a_history_becomes_a_thread_and_a_thread_a_history(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("bob", client=client)
    call: Any = {"name": "look_up_order", "args": {"order": 4711}, "id": "1"}
    said = [SystemMessage("Be kind."), HumanMessage("Hi! I'm Bob."), AIMessage("Hello Bob."), HumanMessage("4711?")]
    history.add_messages([*said, AIMessage("", tool_calls=[call])])
    agent = agent_of(RedisSaver(client))
    agent.update_state(of("bob"), {"messages": history.messages[:3]}, as_node="model")
    snapshot = agent.get_state(of("bob"))
    assert snapshot.next == ()
    assert [(one.type, one.text) for one in snapshot.values["messages"]] == [(one.type, one.text) for one in said[:3]]
    answer = agent.invoke({"messages": [HumanMessage("What's my name?")]}, of("bob"))["messages"][-1]
    assert "Bob" in answer.text
    back = RedisChatMessageHistory("back", client=client)
    back.add_messages(agent.get_state(of("bob")).values["messages"])
    assert back.messages == agent.get_state(of("bob")).values["messages"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_message_of_a_thread_can_be_read_whole(client: redis.Redis, encrypted: bool) -> None:
    serde = EncryptedSerializer(Cipher(), JsonPlusSerializer(allowed_msgpack_modules=None)) if encrypted else None
    agent: Any = create_agent(chat_model(), [], checkpointer=RedisSaver(client, serde=serde))
    photo = {"type": "image", "base64": "A" * 50_000, "mime_type": "image/png"}
    agent.invoke({"messages": [HumanMessage([photo])]}, {"configurable": {"thread_id": "bob"}})
    question = look_into(client, "thread:bob", serde=serde).records[0]
    assert question.cut != encrypted
    whole = read_whole(client, "thread:bob", question, serde=serde)
    assert whole is not None
    assert whole.fields["content"] == [photo]
    assert whole.role == "human"
