"""What the histories store, return, bound and refuse."""

import asyncio
import inspect
import json
import subprocess
import sys
import traceback
import warnings
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import redis
import redis.asyncio
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
from langchain_core.runnables import RunnableLambda
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
    inside = "config|resetstat eval lrange exists set lpush rpush ltrim expire".split()
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


TURN: list[BaseMessage] = [
    HumanMessage("weather?"),
    AIMessage("", tool_calls=[CALL, CALL | {"id": "call-2"}]),
    ToolMessage("31", tool_call_id="call-1"),
    ToolMessage("30", tool_call_id="call-2"),
    AIMessage("warm"),
]


@pytest.mark.parametrize("window", range(1, 12))
def test_a_window_begins_with_no_tools_result_and_no_call_without_its_question(make: Make, window: int) -> None:
    make().add_messages(TURN * 2)
    seen = make(window=window).messages
    make("capped", max_messages=window).add_messages(TURN * 2)
    assert make("capped", max_messages=window).messages == seen
    assert seen == (TURN * 2)[10 - len(seen) :]
    assert len(seen) == {1: 1, 2: 1, 3: 1, 4: 1, 5: 5, 6: 6, 7: 6, 8: 6, 9: 6}.get(window, 10)


@pytest.mark.parametrize("kept", range(1, 11))
def test_whoever_capped_a_session_no_reader_begins_with_a_tools_result(make: Make, kept: int) -> None:
    make(max_messages=kept).add_messages(TURN * 2)
    for options in ({}, {"window": 10}, {"max_messages": 50}, {"window": 1}):
        assert [message.type for message in make(**options).messages][:1] != ["tool"]


def test_what_was_not_cut_comes_back_whole(make: Make) -> None:
    begun_by_the_model = [AIMessage("", tool_calls=[CALL]), ToolMessage("31", tool_call_id="call-1"), AIMessage("warm")]
    make().add_messages(begun_by_the_model)
    for options in ({}, {"window": 4}, {"max_messages": 4}):
        assert make(**options).messages == begun_by_the_model


async def test_a_window_within_one_turn_is_not_empty(make: Make) -> None:
    make().add_messages(TURN[:4])
    assert make(window=3).messages == TURN[1:4] == await make(window=3).aget_messages()


@pytest.mark.parametrize("window", [None, *range(1, 12)])
async def test_a_window_may_begin_with_the_persons_words(make: Make, window: int | None) -> None:
    make().add_messages([AIMessage("How can I help?"), *TURN, *TURN])
    history = make(window=window, start_on="human")
    expected = {None: 10, 10: 10, 11: 10}.get(window, 5 if window is not None and window >= 5 else 0)
    assert history.messages == (TURN * 2)[10 - expected :] == await history.aget_messages()


def test_system_messages_stay_before_the_persons_words(make: Make) -> None:
    make().add_messages([SystemMessage("Be kind."), *TURN])
    assert make(start_on="human").messages == [SystemMessage("Be kind."), *TURN]
    with pytest.raises(ValueError, match="start_on"):
        make(start_on="ai")


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


@pytest.mark.parametrize("session_id", [None, 7, b"bytes"])
def test_a_session_id_must_be_a_string(make: Make, session_id: object) -> None:
    with pytest.raises(ValueError, match="session_id"):
        make(session_id)


def test_a_key_is_never_empty(client: redis.Redis) -> None:
    assert RedisChatMessageHistory("", client=client).key == "message_store:"  # as the official class has it
    with pytest.raises(ValueError, match="session_id"):
        RedisChatMessageHistory("", key_prefix="", client=client)
    with pytest.raises(ValueError, match="session_id"):
        MemorystoreChatMessageHistory(client, "")


@pytest.mark.parametrize("session_id", ["{a}b", "a}b{", "*", "a b\nc", "🦜", " ", "a" * 1000])
def test_any_other_string_names_a_session(make: Make, session_id: str) -> None:
    make(session_id).add_user_message("hi")
    assert [message.content for message in make(session_id).messages] == ["hi"]


@pytest.mark.parametrize("name", ["ttl", "window", "max_messages"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "7", True, "-7", "a week"])
def test_bounds_are_positive_whole_numbers(make: Make, name: str, value: object) -> None:
    if name == "ttl" and value in (0, "7"):
        return  # see the next test
    with pytest.raises(ValueError, match=name):
        make(**{name: value})


@pytest.mark.parametrize(("value", "ttl"), [(0, None), ("0", None), ("", None), ("3600", 3600)])
def test_a_ttl_is_taken_as_the_official_classes_take_it(make: Make, value: Any, ttl: int | None) -> None:
    assert make(ttl=value).ttl == ttl


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
    shown = "".join(traceback.format_exception(caught.value))
    assert "secret" not in shown
    assert shown.count(reason) == 1  # the error alone, without those on the way to it
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


@pytest.mark.parametrize("window", [None, 2, 3, 6, 100])
async def test_the_index_of_a_damaged_record_is_its_place_in_the_session(
    make: Make, client: redis.Redis, window: int | None
) -> None:
    history = make(window=window)
    history.add_messages(pairs(3))
    push: Any = client.lpush if isinstance(history, RedisChatMessageHistory) else client.rpush
    push(history.key, '{"type": "human", "data": {"content": 7, "name": {"secret": 1}}}')
    history.add_user_message("last")
    reads: list[Any] = [lambda: asyncio.to_thread(getattr, history, "messages"), history.aget_messages]
    for read in reads:
        with pytest.raises(CorruptMessageError, match=f"Record 6 of {history.key!r}") as caught:
            await read()
        assert caught.value.index == 6
        assert "secret" not in "".join(traceback.format_exception(caught.value))


async def test_a_warning_of_damage_names_the_callers_line(make: Make, client: redis.Redis) -> None:
    make().add_messages(pairs(1))
    client.rpush(make().key, "damage")
    history = make(on_corrupt="skip")
    with pytest.warns(UserWarning, match="1 record") as warned:
        _ = history.messages
    with pytest.warns(UserWarning, match="1 record") as warned_too:
        await history.aget_messages()
    assert [warning.filename for warning in (*warned, *warned_too)] == [__file__] * 2


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["redis_url", "redis_client", "index_name", "sessionId", "connection_string"])
def test_an_argument_of_another_packages_class_is_refused_with_the_names_that_there_are(make: Make, name: str) -> None:
    with pytest.raises(TypeError, match=rf"has no argument {name}\.\n.*client") as caught:
        make(**{name: "redis://localhost"})
    assert "session_id" in str(caught.value)
    assert "localhost" not in str(caught.value)


def test_a_subclass_may_have_arguments_of_its_own(client: redis.Redis) -> None:
    class Audited(RedisChatMessageHistory):
        def __init__(self, person: str, **options: Any) -> None:
            super().__init__(f"of {person}", **options)

    assert Audited(person="bob", client=client).session_id == "of bob"
    with pytest.raises(TypeError, match="has no argument redis_url"):
        RedisChatMessageHistory("bob", client=client, redis_url="redis://localhost")  # type: ignore[call-arg]
    assert list(inspect.signature(RedisChatMessageHistory).parameters)[:4] == ["session_id", "url", "key_prefix", "ttl"]


class NotOurs:
    """Like a client of valkey-py."""


@pytest.mark.parametrize(
    "value",
    ["redis://localhost", NotOurs(), redis.asyncio.Redis(), redis.asyncio.RedisCluster("localhost"), redis.Redis],
)
def test_what_is_no_client_of_redis_py_is_refused_by_its_full_name(make: Make, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^client must be .*redis\.Redis[\s\S]*\n.*connect") as caught:
        make(client=value)
    assert f"{type(value).__module__}.{type(value).__qualname__}" in str(caught.value)
    assert "localhost" not in str(caught.value).replace("redis://", "")


def test_a_blank_address_beside_a_client_is_none(client: redis.Redis) -> None:
    assert RedisChatMessageHistory("bob", "", client=client).redis_client is client


@pytest.mark.parametrize("value", [HumanMessage("hi"), "hi"])
async def test_what_is_no_list_of_messages_is_refused_in_words(make: Make, client: redis.Redis, value: Any) -> None:
    class Redacting(type(make())):  # type: ignore[misc]
        def add_message(self, message: BaseMessage) -> None:
            super().add_message(message)

    for history in (make(), Redacting(session_id="bob", client=client)):
        with pytest.raises(ValueError, match=rf"a list of messages, not one {type(value).__name__}"):
            history.add_messages(value)
        with pytest.raises(ValueError, match=rf"a list of messages, not one {type(value).__name__}"):
            await history.aadd_messages(value)
    assert client.keys() == []


def test_a_history_in_a_text_is_its_name(make: Make, client: redis.Redis) -> None:
    make().add_user_message("my secret")
    client.config_resetstat()
    assert f"{make()}" == str(make()) == repr(make()) == f"<{type(make()).__name__} {make().key!r}>"
    assert "cmdstat_lrange" not in client.info("commandstats")


# --- subclasses ---------------------------------------------------------------------------------


class RedactsEach:
    def add_message(self, message: BaseMessage) -> None:
        super().add_message(type(message)(str(message.content).replace("4111", "****")))  # type: ignore[misc]


class RedactsAll:
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        redacted = [type(message)(str(message.content).replace("4111", "****")) for message in messages]
        super().add_messages(redacted)  # type: ignore[misc]


class RedactsBoth(RedactsEach, RedactsAll):
    pass


class ShowsLess:
    @property
    def messages(self) -> list[BaseMessage]:
        return super().messages[-1:]  # type: ignore[misc,no-any-return]


class Keeps:
    kept: int = 0

    def clear(self) -> None:
        type(self).kept += len(self)  # type: ignore[arg-type]
        super().clear()  # type: ignore[misc]


Subclass = Callable[..., Any]


@pytest.fixture
def subclass(make: Make, client: redis.Redis) -> Subclass:
    """Makes a history of a subclass of either class, by its mixin."""

    def made(mixin: type) -> Any:
        return type(mixin.__name__, (mixin, type(make())), {})(session_id="bob", client=client)

    return made


SEEN: list[Any] = []


def chained(history: Any, answer: str) -> Any:
    """A chain that keeps what its model was given."""

    def model(messages: list[BaseMessage]) -> AIMessage:
        SEEN.append(messages)
        return AIMessage(answer)

    return RunnableWithMessageHistory(RunnableLambda(model), lambda session_id: history)


CONFIG: Any = {"configurable": {"session_id": "bob"}}
CARD = "4111 is my card"
WAYS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "add_message": lambda history: asyncio.to_thread(history.add_message, HumanMessage(CARD)),
    "add_messages": lambda history: asyncio.to_thread(history.add_messages, [HumanMessage(CARD), AIMessage(CARD)]),
    "add_user_message": lambda history: asyncio.to_thread(history.add_user_message, CARD),
    "add_ai_message": lambda history: asyncio.to_thread(history.add_ai_message, AIMessage(CARD)),
    "aadd_messages": lambda history: history.aadd_messages([HumanMessage(CARD), AIMessage(CARD)]),
    "invoke": lambda history: asyncio.to_thread(chained(history, CARD).invoke, CARD, CONFIG),
    "ainvoke": lambda history: chained(history, CARD).ainvoke(CARD, CONFIG),
}


@pytest.mark.parametrize("mixin", [RedactsEach, RedactsAll, RedactsBoth])
@pytest.mark.parametrize("way", WAYS)
async def test_an_overridden_way_to_write_is_heeded_by_all_others(
    mixin: type, way: str, subclass: Subclass, client: redis.Redis
) -> None:
    history = subclass(mixin)
    client.config_resetstat()
    await WAYS[way](history)
    contents = [message.content for message in await history.aget_messages()]
    assert contents == ["**** is my card"] * (1 if way in ("add_message", "add_user_message", "add_ai_message") else 2)
    assert client.info("commandstats")["cmdstat_eval"]["calls"] == 1  # together still


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_overridden_way_to_read_or_clear_is_heeded(subclass: Subclass, asynchronous: bool) -> None:
    history = subclass(ShowsLess)
    history.add_messages(pairs(2))
    assert (await history.aget_messages() if asynchronous else history.messages) == [AIMessage("1")]
    chain = chained(history, "2")
    await chain.ainvoke("2", CONFIG) if asynchronous else await asyncio.to_thread(chain.invoke, "2", CONFIG)
    assert SEEN.pop() == [AIMessage("1"), HumanMessage("2")]
    history = subclass(Keeps)
    await history.aclear() if asynchronous else history.clear()
    assert type(history).kept == 6
    assert len(history) == 0


async def test_a_subclass_that_overrides_nothing_of_that_uses_no_threads(
    subclass: Subclass, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("an executor was used")

    class Named:
        name = "a name"

    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
    history = subclass(Named)
    await history.aadd_messages(pairs(1))
    assert await history.aget_messages() == pairs(1)
    await history.aclear()


def test_what_an_override_refuses_leaves_the_others_unwritten_too(subclass: Subclass) -> None:
    class Refuses:
        def add_message(self, message: BaseMessage) -> None:
            if message.content == "1":
                raise ValueError("not this one")
            super().add_message(message)  # type: ignore[misc]

    history = subclass(Refuses)
    with pytest.raises(ValueError, match="not this one"):
        history.add_messages(pairs(2))
    assert len(history) == 0
    history.add_message(HumanMessage("0"))  # and nothing is gathered any more
    history.add_messages([AIMessage("0")])
    history.add_message(HumanMessage("2"))
    assert [message.content for message in history.messages] == ["0", "0", "2"]


def test_an_override_may_write_to_another_history_too(make: Make, client: redis.Redis) -> None:
    class Mirrored(type(make())):  # type: ignore[misc]
        mirror: Any = None

        def add_message(self, message: BaseMessage) -> None:
            if self.mirror:
                self.mirror.add_message(message)
            super().add_message(message)

    one, other = Mirrored(session_id="one", client=client), Mirrored(session_id="other", client=client)
    one.mirror = other
    one.add_messages(pairs(2))
    assert one.messages == other.messages == pairs(2)


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


# --- two requests of one session at once --------------------------------------------------------


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("before", [0, 1, 3])
async def test_no_question_is_lost_in_a_chain_without_a_history_key(
    make: Make, before: int, asynchronous: bool
) -> None:
    make().add_messages(pairs(before))

    def answer(messages: list[BaseMessage]) -> AIMessage:
        make().add_messages([HumanMessage("fast"), AIMessage("to fast")])  # another request, begun and ended meanwhile
        return AIMessage(f"to {messages[-1].content}")

    async def answer_later(messages: list[BaseMessage]) -> AIMessage:
        await make().aadd_messages([HumanMessage("fast"), AIMessage("to fast")])
        return AIMessage(f"to {messages[-1].content}")

    chain = RunnableWithMessageHistory(RunnableLambda(answer, answer_later), lambda session_id: make())
    for _ in range(2):
        if asynchronous:
            await chain.ainvoke([HumanMessage("slow")], CONFIG)
        else:
            await asyncio.to_thread(chain.invoke, [HumanMessage("slow")], CONFIG)
    assert [message.content for message in make().messages[2 * before :]] == ["fast", "to fast", "slow", "to slow"] * 2
