"""What the histories store, return, bound and refuse."""

import asyncio
import json
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import redis
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    filter_messages,
    message_chunk_to_message,
    message_to_dict,
)
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, connect
from helpers.embedded import EmbeddedServer
from helpers.errors import CorruptMessageError, UnstorableMessageError

History = RedisChatMessageHistory | MemorystoreChatMessageHistory
Make = Callable[..., History]

CALL = {"name": "weather", "args": {"city": "다카르"}, "id": "call-1", "type": "tool_call"}
MESSAGES: list[BaseMessage] = [
    SystemMessage("Be kind."),
    HumanMessage("Hi!", id="h-1", name="Bob"),
    HumanMessage([{"type": "text", "text": "and this"}, {"type": "image_url", "image_url": {"url": "data:,"}}]),
    AIMessage("", tool_calls=[CALL], id="a-1"),
    ToolMessage("31 °C", tool_call_id="call-1", artifact={"celsius": 31}, status="success"),
    AIMessage(
        "따뜻해요 🌞",
        usage_metadata={"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
        response_metadata={"model_name": "m", "logprobs": float("-inf")},
    ),
    AIMessageChunk(content="in piec", id="chunk"),
    FunctionMessage(content="42", name="answer"),
    HumanMessage("\ud83d alone, \x00, \u2028, مرحبا, नमस्ते"),
]
READ = list(map(message_chunk_to_message, MESSAGES))  # a streamed answer is stored as the message it is


@pytest.fixture(params=["redis", "memorystore"])
def make(request: pytest.FixtureRequest, client: redis.Redis) -> Make:
    """Makes a history of either class on an empty server."""

    def redis_history(session_id: Any = "bob", **options: Any) -> History:
        return RedisChatMessageHistory(session_id, **{"client": client} | options)

    def memorystore_history(session_id: Any = "bob", **options: Any) -> History:
        return MemorystoreChatMessageHistory(options.pop("client", client), session_id, **options)

    return redis_history if request.param == "redis" else memorystore_history


def pairs(count: int) -> list[BaseMessage]:
    return [kind(f"{number}") for number in range(count) for kind in (HumanMessage, AIMessage)]


def test_messages_come_back_as_they_were(make: Make) -> None:
    history = make()
    history.add_messages(MESSAGES[:4])
    history.add_messages(MESSAGES[4:])
    assert history.messages == READ
    assert list(map(type, history.messages)) == list(map(type, READ))
    assert len(history) == len(MESSAGES)


async def test_messages_come_back_as_they_were_through_the_async_methods(make: Make) -> None:
    history = make()
    await history.aadd_messages(MESSAGES)
    assert await history.aget_messages() == READ == history.messages
    await history.aclear()
    assert await history.aget_messages() == []


def test_the_official_classes_can_read_what_is_stored(make: Make, client: redis.Redis) -> None:
    history = make()
    history.add_messages(MESSAGES)
    records = [json.loads(record) for record in client.lrange(history.key, 0, -1)]
    if isinstance(history, RedisChatMessageHistory):
        assert history.key == "message_store:bob"
        records.reverse()  # the newest is at the head
    else:
        assert history.key == "bob"
    assert [{"type": r["type"], "data": r["data"]} for r in records] == list(map(message_to_dict, READ))


def test_what_the_official_classes_stored_can_be_read(make: Make, client: redis.Redis) -> None:
    history = make()
    push = client.lpush if isinstance(history, RedisChatMessageHistory) else client.rpush
    for message in MESSAGES:
        push(history.key, json.dumps(message_to_dict(message)))
    assert history.messages == MESSAGES


def test_the_constructors_take_the_official_classes_arguments(server: EmbeddedServer) -> None:
    by_place = RedisChatMessageHistory("foo", server.url, "chat/", 60)
    by_name = RedisChatMessageHistory(session_id="foo", url=server.url, key_prefix="chat/", ttl=60)
    for history in (by_place, by_name):
        assert (history.key, history.ttl) == ("chat/foo", 60)
        assert history.redis_client is connect(server.url)
    client = connect(server.url)
    for other in (
        MemorystoreChatMessageHistory(client, "foo", 60),
        MemorystoreChatMessageHistory(client=client, session_id="foo", ttl=60),
    ):
        assert (other.key, other.ttl, other.redis_client) == ("foo", 60, client)


def test_url_and_client_are_not_both_given(server: EmbeddedServer, client: redis.Redis) -> None:
    with pytest.raises(ValueError, match="either url or client"):
        RedisChatMessageHistory("foo", server.url, client=client)


@pytest.mark.real_server
def test_a_write_is_one_request_and_so_is_a_read(make: Make, client: redis.Redis) -> None:
    history = make(ttl=60, max_messages=50, window=10)
    client.config_resetstat()
    history.add_messages(pairs(1000))
    _ = history.messages
    calls = client.info("commandstats")
    assert calls["cmdstat_eval"]["calls"] == 1
    assert calls["cmdstat_lrange"]["calls"] == 1
    # The rest is what the script itself calls, at the server.
    inside = "config|resetstat eval lrange exists lpush rpush ltrim expire".split()
    assert set(calls) <= {f"cmdstat_{name}" for name in inside}


def test_ttl_restarts_with_each_write(make: Make, client: redis.Redis) -> None:
    history = make(ttl=100)
    history.add_user_message("1")
    client.expire(history.key, 5)
    history.add_user_message("2")
    assert 95 <= client.ttl(history.key) <= 100


def test_without_ttl_the_key_stays(make: Make, client: redis.Redis) -> None:
    history = make()
    history.add_user_message("1")
    assert client.ttl(history.key) == -1


def test_max_messages_bounds_what_redis_keeps(make: Make) -> None:
    history = make(max_messages=3)
    history.add_messages(pairs(10))
    assert [message.content for message in history.messages] == ["8", "9", "9"]
    history.add_user_message("10")
    assert [message.content for message in history.messages] == ["9", "9", "10"]
    assert len(history) == 3


def test_window_bounds_what_is_read(make: Make) -> None:
    make().add_messages(pairs(10))
    history = make(window=4)
    assert history.messages == pairs(10)[-4:]
    assert len(history) == 20
    assert make(window=100).messages == pairs(10)


@pytest.mark.parametrize("window", range(1, 8))
def test_a_window_never_begins_with_a_tools_result(make: Make, window: int) -> None:
    conversation: list[BaseMessage] = [
        HumanMessage("weather?"),
        AIMessage("", tool_calls=[CALL, CALL | {"id": "call-2"}]),
        ToolMessage("31", tool_call_id="call-1"),
        ToolMessage("30", tool_call_id="call-2"),
        AIMessage("warm"),
    ]
    make().add_messages(conversation)
    seen = make(window=window).messages
    make("capped", max_messages=window).add_messages(conversation)
    assert make("capped", max_messages=window).messages == seen
    assert seen == conversation[len(conversation) - len(seen) :]
    assert len(seen) == {1: 1, 2: 1, 3: 1, 4: 4}.get(window, 5)


def test_messages_added_together_stay_together(make: Make, server: EmbeddedServer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def chat(name: int) -> None:
        history = make()
        for turn in range(25):
            history.add_messages([HumanMessage(f"{name}.{turn}"), AIMessage(f"{name}.{turn}")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(chat, range(8)))
    messages = make().messages
    assert len(messages) == 400
    for question, answer in zip(messages[::2], messages[1::2], strict=True):
        assert (question.type, answer.type) == ("human", "ai")
        assert question.content == answer.content


def test_processes_that_write_at_once_keep_their_pairs_together(make: Make, server: EmbeddedServer) -> None:
    program = (
        "import sys, helpers\n"
        "from langchain_core.messages import AIMessage, HumanMessage\n"
        "kind, url, name = sys.argv[1:]\n"
        "history = getattr(helpers, kind)(session_id='bob', client=helpers.connect(url))\n"
        "for turn in range(50):\n"
        "    history.add_messages([HumanMessage(f'{name}.{turn}'), AIMessage(f'{name}.{turn}')])\n"
    )
    kind = type(make()).__name__
    writers = [subprocess.Popen([sys.executable, "-c", program, kind, server.url, str(n)]) for n in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    messages = make().messages
    assert len(messages) == 400
    assert all(q.content == a.content for q, a in zip(messages[::2], messages[1::2], strict=True))


def test_clear_removes_this_session_and_nothing_else(make: Make, client: redis.Redis) -> None:
    make("bob").add_user_message("mine")
    make("bobby").add_user_message("not mine")
    client.set("other", "value")
    make("bob").clear()
    assert make("bob").messages == []
    assert make("bobby").messages
    assert client.get("other") == b"value"
    make("bob").clear()


def test_an_empty_history_is_still_a_history(make: Make) -> None:
    assert len(make()) == 0
    assert make()


def test_adding_nothing_stores_nothing(make: Make, client: redis.Redis) -> None:
    make().add_messages([])
    assert client.keys() == []


@pytest.mark.parametrize("session_id", ["", None, 7, b"bytes"])
def test_a_session_id_must_be_a_string(make: Make, session_id: object) -> None:
    with pytest.raises(ValueError, match="session_id"):
        make(session_id)


@pytest.mark.parametrize("session_id", ["{a}b", "a}b{", "*", "a b\nc", "🦜", " ", "a" * 1000])
def test_any_other_string_names_a_session(make: Make, session_id: str) -> None:
    make(session_id).add_user_message("hi")
    assert [message.content for message in make(session_id).messages] == ["hi"]


@pytest.mark.parametrize("name", ["ttl", "window", "max_messages"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "7", True])
def test_bounds_are_positive_whole_numbers(make: Make, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        make(**{name: value})


def test_on_corrupt_is_raise_or_skip(make: Make) -> None:
    with pytest.raises(ValueError, match="on_corrupt"):
        make(on_corrupt="ignore")


GOOD = json.dumps(message_to_dict(HumanMessage("secret")))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("{not json: secret", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (f"{GOOD},{GOOD}", "not JSON"),
        ('"secret"', "laid out otherwise"),
        ("[]", "laid out otherwise"),
        ('{"type": "robot", "data": {"content": "secret"}}', "unknown type 'robot'"),
        ('{"type": "human", "data": {"text": "secret"}}', "field 'content' is missing"),
        ('{"type": "human", "data": {"content": ["secret", 1]}}', "field 'content' is not valid"),
    ],
    ids=lambda text: text[:40],
)
def test_damage_is_named_or_skipped(make: Make, client: redis.Redis, damage: str, reason: str) -> None:
    history = make()
    history.add_messages(pairs(1))
    push = client.lpush if isinstance(history, RedisChatMessageHistory) else client.rpush
    push(history.key, damage)
    history.add_user_message("last")
    with pytest.raises(CorruptMessageError) as caught:
        _ = history.messages
    assert (caught.value.key, caught.value.index) == (history.key, 2)
    assert repr(history.key) in str(caught.value)
    assert reason in str(caught.value)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    tolerant = make(on_corrupt="skip")
    with pytest.warns(UserWarning, match=f"1 record.*{history.key}") as warned:
        assert [message.content for message in tolerant.messages] == ["0", "0", "last"]
    assert len(warned) == 1
    assert "secret" not in str(warned[0].message)


@pytest.mark.parametrize(
    "thing", [RemoveMessage(id="1"), "text", ToolMessage("x", tool_call_id="1", artifact=object())]
)
async def test_what_can_not_be_stored_is_refused_before_anything_is_sent(
    make: Make, client: redis.Redis, thing: Any
) -> None:
    history = make()
    history.add_messages(pairs(1))
    client.config_resetstat()
    with pytest.raises(UnstorableMessageError, match=rf"messages\[2\] \({type(thing).__name__}"):
        history.add_messages([*pairs(1), thing])
    with pytest.raises(UnstorableMessageError, match=rf"messages\[0\] \({type(thing).__name__}"):
        await history.aadd_messages([thing])
    assert set(client.info("commandstats")) <= {"cmdstat_info", "cmdstat_config|resetstat"}
    assert history.messages == pairs(1)


def test_a_streamed_answer_is_found_by_its_type(make: Make) -> None:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history"), ("human", "{q}")])
    model = GenericFakeChatModel(messages=iter([AIMessage("Paris of course")]))
    chain = RunnableWithMessageHistory(prompt | model, make, input_messages_key="q", history_messages_key="history")
    assert len(list(chain.stream({"q": "capital?"}, {"configurable": {"session_id": "bob"}}))) > 1
    (answer,) = filter_messages(make().messages, include_types=["ai"])
    assert (type(answer), answer.content) == (AIMessage, "Paris of course")


def test_messages_cannot_be_assigned(make: Make) -> None:
    with pytest.raises(NotImplementedError, match="add_messages"):
        make().messages = []


def test_a_client_that_decodes(make: Make, server: EmbeddedServer) -> None:
    history = make(client=connect(server.url, decode_responses=True))
    history.add_messages(MESSAGES)
    assert history.messages == READ


def test_a_resp3_client(make: Make, server: EmbeddedServer) -> None:
    history = make(client=connect(server.url, protocol=3))
    history.add_messages(MESSAGES)
    assert history.messages == READ


def test_event_loops_in_turn(make: Make) -> None:
    history = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(3):
            asyncio.run(history.aadd_messages([HumanMessage(str(number))]))
        messages = asyncio.run(history.aget_messages())
    assert [message.content for message in messages] == ["0", "1", "2"]


@pytest.mark.real_server
async def test_many_tasks_share_a_bounded_number_of_connections(make: Make, client: redis.Redis) -> None:
    history = make()
    before = client.info("clients")["connected_clients"]

    async def chat(number: int) -> None:
        await history.aadd_messages([HumanMessage(f"{number}"), AIMessage(f"{number}")])

    await asyncio.gather(*map(chat, range(500)))
    assert client.info("clients")["connected_clients"] - before <= 64
    messages = await history.aget_messages()
    assert len(messages) == 1000
    assert all(q.content == a.content for q, a in zip(messages[::2], messages[1::2], strict=True))


async def test_async_methods_do_not_use_threads(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("an executor was used")

    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
    history = make()
    await history.aadd_messages(pairs(2))
    assert await history.aget_messages() == pairs(2)


async def test_the_async_twin_has_the_same_credentials(server: EmbeddedServer, client: redis.Redis) -> None:
    client.execute_command("ACL", "SETUSER", "twin", "on", ">right", "~*", "+@all")
    history = RedisChatMessageHistory("bob", client=connect(server.url, username="twin", password="right"))
    await history.aadd_messages(pairs(1))
    assert await history.aget_messages() == pairs(1)


@pytest.mark.real_server
def test_many_histories_share_the_connections_of_one_endpoint(server: EmbeddedServer, client: redis.Redis) -> None:
    before = client.info("clients")["connected_clients"]
    histories = [RedisChatMessageHistory(f"session {number}", server.url) for number in range(1000)]
    for history in histories:
        history.add_user_message("hi")
    assert client.info("clients")["connected_clients"] - before <= 1


@pytest.mark.real_server
def test_the_acl_rule_of_the_tutorial_is_all_a_history_needs(server: EmbeddedServer, client: redis.Redis) -> None:
    client.execute_command(
        *"ACL SETUSER chat on >pass ~message_store:*".split(),
        *"-@all +ping +eval +exists +set +lpush +ltrim +expire +llen +lrange +del".split(),
    )
    limited = connect(server.url, username="chat", password="pass")
    history = RedisChatMessageHistory("acl", client=limited, ttl=60, max_messages=10, window=5)
    history.add_messages(pairs(20))
    assert len(history) == 10
    assert len(history.messages) == 5
    history.clear()
    with pytest.raises(redis.exceptions.NoPermissionError):
        RedisChatMessageHistory("acl", key_prefix="other:", client=limited).add_user_message("no")
