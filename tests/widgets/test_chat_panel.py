"""The Python side of the panel, and what it talks with. `test_ipywidgets_7.py` runs it with Colab's versions too."""

import asyncio
import base64
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
import redis
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    UsageMetadata,
    message_to_dict,
)
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough
from langchain_core.runnables.history import RunnableWithMessageHistory
from typing_extensions import TypedDict

from helpers._histories.histories import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers._localization.languages import LANGUAGES
from helpers._localization.messages import speak
from helpers._models.choice import chat_model
from helpers.widgets import ChatPanel, chat_panel
from helpers.widgets.said import message_of
from tests.support.alike import ALIKE
from tests.support.watching import watching
from tests.widgets.page import HOSTILE, Page, eventually, no_live_markup, stands_alone, visible


def factory(client: Any, **options: Any) -> Any:
    return lambda session_id: RedisChatMessageHistory(session_id, client=client, **options)


@pytest.fixture
async def page(client: redis.Redis) -> AsyncIterator[Page]:
    panel = ChatPanel(chat_model(), "bob", factory(client, ttl=3600, window=4, max_messages=6))
    yield Page(panel)
    panel.close()


def lines(page: Page) -> list[str]:
    """The list as the page has it, from the oldest record."""
    return [one["line"] for one in page.data["records"] if one["n"] >= page.data["first"]]


def said(page: Page) -> list[str]:
    """What is being said, with all pieces in their places."""
    texts = [one["text"] for one in page.data["talk"]["said"]]
    for event in page.events:
        if (more := event.get("more")) and len(texts) > more["at"] and len(texts[more["at"]]) == more["after"]:
            texts[more["at"]] += more["text"]
    return texts


def state(page: Page) -> str:
    found: str = page.data["talk"]["state"]
    return found


async def test_a_typed_line_is_answered_and_the_list_grows(page: Page, client: redis.Redis) -> None:
    assert page.data["session"]["length"] == 0
    page.ask("send", text="Hi! I'm Bob.")
    await eventually(lambda: len(lines(page)) == 2 and state(page) == "")
    assert client.llen("message_store:bob") == 2
    human, ai = page.data["records"]
    assert "Nice to meet you, Bob!" in ai["text"]
    assert [one["bytes"] for one in (ai, human)] == list(map(len, client.lrange("message_store:bob", 0, -1)))
    assert [(one["role"], one["who"]) for one in (human, ai)] == [("human", "You"), ("ai", "Assistant")]
    session = page.data["session"]
    assert session["said"][0] == "Messages: 2 / 6"
    assert 3590 < session["expires"] / 1000 - time.time() <= 3600
    assert (session["window"], session["cap"], session["newest_first"]) == (4, 6, True)
    assert page.data["fresh"] == 0


async def test_what_is_known_does_not_travel_again(page: Page, client: redis.Redis) -> None:
    panel: Any = page.widget
    for number in range(4):
        await panel.send(f"line {number}")
    assert len(lines(page)) == 6
    assert lines(page) == [one["line"] for one in page.data["records"]][-6:]
    told: list[Any] = []
    panel._wire.send = told.append
    await panel.send("one more")
    assert sum(json.dumps(told).count(f"line {number}") for number in range(4)) <= 2  # the model repeats one of them
    told.clear()
    page.ask("look")
    await eventually(lambda: not panel._tasks)
    assert [one for one in told if "heard" not in one] == []


async def test_a_long_talk_does_not_pile_up(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_panel, "SHOWN", 2)
    panel = ChatPanel(RunnableLambda(lambda _: "yes"), "bob", factory(client, max_messages=2))
    page = Page(panel)
    for number in range(10):
        await panel.send(f"line {number}")
        assert lines(page) == [f"line {number}", "yes"]
    assert len(page.data["records"]) <= 10
    assert page.data["records"][-1]["n"] == 19
    panel.close()


async def test_what_is_asked_while_it_answers_is_left_alone(client: redis.Redis) -> None:
    going = asyncio.Event()

    async def slow(messages: Any) -> str:
        await going.wait()
        return "done"

    panel = ChatPanel(RunnableLambda(slow), "bob", factory(client))
    page = Page(panel)
    page.ask("send", text="first")
    await eventually(lambda: state(page) == "answering")
    for action, details in (("send", {"text": "second"}), ("switch", {"session_id": "x"}), ("clear", {}), ("look", {})):
        page.ask(action, **details)
    with pytest.raises(RuntimeError, match="waiting for an answer"):
        await panel.send("third")
    going.set()
    await eventually(lambda: state(page) == "")
    assert lines(page) == ["first", "done"]
    assert panel.session_id == "bob"
    panel.close()


def stepwise(*some: str) -> tuple[Any, list[asyncio.Event]]:
    """A runnable that waits for an event after each piece of its answer."""
    steps = [asyncio.Event() for _ in some]

    async def answering(messages: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for _ in messages:
            for piece, step in zip(some, steps, strict=True):
                yield piece
                await step.wait()

    return RunnableGenerator(answering), steps


async def test_pieces_are_told_as_they_come_and_each_once(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_panel, "_TOLD_SECONDS", 0.0)
    runnable, steps = stepwise("one 🌞 ", "two ", "three")
    panel = ChatPanel(runnable, "bob", factory(client))
    page = Page(panel)
    page.ask("send", text="count")
    await eventually(lambda: said(page) == ["one 🌞 "])
    assert page.data["talk"]["question"]["text"] == "count"
    assert not client.exists("message_store:bob")
    steps[0].set()
    await eventually(lambda: any("more" in one for one in page.events))
    assert page.events == [{"more": {"at": 0, "after": len("one 🌞 ") + 1, "text": "two "}}]
    assert panel._data["talk"]["said"][0]["text"] == "one 🌞 two "  # for a page that comes now
    steps[1].set()
    steps[2].set()
    await eventually(lambda: lines(page) == ["count", "one 🌞 two three"])
    assert state(page) == ""
    panel.close()


async def test_the_last_piece_waits_for_no_other(client: redis.Redis) -> None:
    runnable, steps = stepwise("one ", "two ", "three")
    panel = ChatPanel(runnable, "bob", factory(client))
    page = Page(panel)
    page.ask("send", text="count")
    steps[0].set()
    steps[1].set()
    await eventually(lambda: said(page) == ["one two three"])
    steps[2].set()
    await eventually(lambda: state(page) == "")
    panel.close()


async def test_an_answer_is_stopped_and_asked_for_again(client: redis.Redis) -> None:
    runnable, steps = stepwise("half ", "whole")
    panel = ChatPanel(runnable, "bob", factory(client))
    page = Page(panel)
    page.ask("stop")  # nothing is said
    sending = asyncio.ensure_future(panel.send("Tell me."))
    await eventually(lambda: said(page) == ["half "])
    page.ask("stop")
    with pytest.raises(RuntimeError, match=r"^The answer was stopped\.$"):
        await sending
    assert state(page) == "stopped"
    assert said(page) == ["half "]
    assert page.data["error"] == ""
    assert not client.exists("message_store:bob")
    for step in steps:
        step.set()
    page.ask("send", text="Tell me.")
    await eventually(lambda: lines(page) == ["Tell me.", "half whole"])
    assert client.llen("message_store:bob") == 2
    panel.close()


async def test_who_cancels_a_send_is_not_told_that_the_reader_did(client: redis.Redis) -> None:
    runnable, _ = stepwise("half ")
    panel = ChatPanel(runnable, "bob", factory(client))
    sending = asyncio.ensure_future(panel.send("Tell me."))
    await eventually(lambda: panel._data["talk"]["said"])
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert panel._data["talk"]["state"] == "stopped"


async def test_a_stop_that_comes_while_it_is_stored_comes_too_late(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing, going = asyncio.Event(), asyncio.Event()
    add = RedisChatMessageHistory.aadd_messages

    async def slowly(self: Any, messages: Any) -> None:
        storing.set()
        await going.wait()
        await add(self, messages)

    monkeypatch.setattr(RedisChatMessageHistory, "aadd_messages", slowly)
    panel = ChatPanel(RunnableLambda(lambda _: "yes"), "bob", factory(client))
    page = Page(panel)
    sending = asyncio.ensure_future(panel.send("Tell me."))
    await storing.wait()
    page.ask("stop")
    await asyncio.sleep(0)
    going.set()
    assert await sending == "yes"
    assert lines(page) == ["Tell me.", "yes"]
    assert state(page) == ""


async def test_an_answer_that_was_not_stored_is_not_asked_for_twice(client: redis.Redis) -> None:
    answers = iter(["first", "second", "third"])
    panel = ChatPanel(RunnableLambda(lambda _: next(answers)), "bob", factory(client))
    page = Page(panel)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.RedisError):
            await panel.send("Tell me.")
    finally:
        client.config_set("maxmemory", 0)
    assert state(page) == "failed"
    assert await panel.send("Tell me.") == "first"
    assert lines(page) == ["Tell me.", "first"]
    assert await panel.send("Tell me.") == "second"
    assert client.llen("message_store:bob") == 4


def blocking_generator(messages: Iterator[Any]) -> Iterator[str]:
    for _ in messages:
        time.sleep(0.3)
        yield "sync "
        time.sleep(0.3)
        yield "pieces"


def blocking_call(messages: Any) -> str:
    time.sleep(0.6)
    return "sync call"


@pytest.mark.parametrize(
    ("runnable", "answer"),
    [(RunnableGenerator(blocking_generator), "sync pieces"), (RunnableLambda(blocking_call), "sync call")],
    ids=["generator", "call"],
)
async def test_a_runnable_without_async_does_not_block_the_kernel(
    client: redis.Redis, runnable: Runnable[Any, Any], answer: str
) -> None:
    panel = ChatPanel(runnable, "bob", factory(client))
    sending = asyncio.ensure_future(panel.send("Hi"))
    longest, before = 0.0, time.monotonic()
    while not sending.done():
        await asyncio.sleep(0.01)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    assert await sending == answer
    assert longest < 0.25
    assert [one.content for one in RedisChatMessageHistory("bob", client=client).messages] == ["Hi", answer]


def prompt_chain(model: BaseChatModel, *names: str) -> Any:
    question, history = names
    return ChatPromptTemplate.from_messages([MessagesPlaceholder(history), ("human", f"{{{question}}}")]) | model


def with_history(client: redis.Redis) -> Any:
    return RunnableWithMessageHistory(
        prompt_chain(chat_model(), "question", "past"),
        factory(client),
        input_messages_key="question",
        history_messages_key="past",
    )


@pytest.mark.parametrize("kind", ["model", "chain", "with history", "bound", "named"])
async def test_whatever_a_runnable_takes(client: redis.Redis, kind: str) -> None:
    names: dict[str, Any] = {}
    if kind == "model":
        runnable: Any = chat_model()
    elif kind == "chain":
        runnable = prompt_chain(chat_model(), "input", "earlier")
    elif kind == "named":
        runnable = prompt_chain(chat_model(), "input", "earlier")
        names = {"input_key": "input", "history_key": "earlier"}
    else:
        runnable = with_history(client)
        runnable = runnable.with_config(tags=["a"]) if kind == "bound" else runnable
    panel = ChatPanel(runnable, "bob", factory(client), **names)
    await panel.send("Hi! I'm Bob.")
    assert "Bob" in await panel.send("What's my name?")
    assert client.llen("message_store:bob") == 4


# Where an answer is, and what is stored of it.


def rag(value: Any) -> Any:
    return {**value, "context": ["page 3"], "answer": "In the attic."}


def agent(messages: list[BaseMessage]) -> dict[str, Any]:
    call = AIMessage("", tool_calls=[{"name": "look", "args": {"in": "attic"}, "id": "1"}])
    return {"messages": [*messages, call, ToolMessage("a key", tool_call_id="1"), AIMessage("In the attic.")]}


def pieces(*some: Any) -> Runnable[Any, Any]:
    def generate(_: Iterator[Any]) -> Iterator[Any]:
        yield from some

    async def generate_async(_: AsyncIterator[Any]) -> AsyncIterator[Any]:
        for one in some:
            yield one

    return RunnableGenerator(generate, generate_async)


class Messages(TypedDict):
    messages: list[AnyMessage]


QUESTION = "Where is the key?"


@pytest.mark.parametrize(
    ("runnable", "names"),
    [
        (RunnableLambda(rag), {"input_key": "question", "history_key": "history"}),
        (RunnableLambda(rag), {"input_key": "question", "history_key": "messages"}),
        (RunnablePassthrough.assign(answer=pieces("In the ", "attic.")), {"input_key": "question"}),
        (RunnableLambda(lambda _: {"output": AIMessage("In the attic.")}), {}),
        (RunnableLambda(lambda _: {"place": "In the attic.", "floor": 2}), {"output_key": "place"}),
        (pieces({}, {"answer": "In the"}, {"answer": "In the attic."}), {}),
        (RunnableLambda(lambda _: [AIMessage("In the attic.")]), {}),
    ],
    ids=["RAG", "RAG with messages", "RAG in pieces", "message in a dict", "named", "more and more", "list"],
)
async def test_an_answer_is_found_in_what_a_chain_gives(
    client: redis.Redis, runnable: Runnable[Any, Any], names: dict[str, Any]
) -> None:
    panel = ChatPanel(runnable, "bob", factory(client), **names)
    assert await panel.send(QUESTION) == "In the attic."
    stored = RedisChatMessageHistory("bob", client=client).messages
    assert [(one.type, one.content) for one in stored] == [("human", QUESTION), ("ai", "In the attic.")]


@pytest.mark.parametrize("by_name", [False, True])
async def test_all_that_an_agent_said_is_stored(client: redis.Redis, by_name: bool) -> None:
    runnable: Runnable[Any, Any] = RunnableLambda(agent)
    if by_name:
        runnable = RunnableLambda(lambda value: agent(value["messages"]))
        runnable = runnable.with_types(input_type=Messages)
    panel = ChatPanel(runnable, "bob", factory(client))
    for _ in range(2):
        assert await panel.send(QUESTION) == "In the attic."
    stored = RedisChatMessageHistory("bob", client=client).messages
    assert [one.type for one in stored] == ["human", "ai", "tool", "ai"] * 2
    assert isinstance(stored[1], AIMessage)
    assert stored[1].tool_calls[0]["args"] == {"in": "attic"}


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ({"place": "attic", "floor": 2}, r"among \['place', 'floor'\].\nName it: ChatPanel\(…, output_key='floor'\)"),
        ({"answer": None}, r"among \['answer'\]"),
        ({"messages": []}, r"among \['messages'\]"),
        ([], r"among \[\]"),
    ],
)
async def test_an_answer_that_is_not_found_is_not_stored_but_said(
    client: redis.Redis, answer: Any, advice: str
) -> None:
    panel = ChatPanel(RunnableLambda(lambda _: answer), "bob", factory(client))
    page = Page(panel)
    with pytest.raises(ValueError, match=f"^The answer can't be told {advice}"):
        await panel.send(QUESTION)
    assert "output_key=" in page.data["error"]
    assert not client.exists("message_store:bob")


class Thinking(GenericFakeChatModel):
    """A model that streams reasoning, a text, a tool call in two pieces and what it used."""

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        usage = UsageMetadata(input_tokens=3, output_tokens=4, total_tokens=7)
        calls: list[Any] = [{"name": "look", "args": '{"in": ', "id": "1", "index": 0}]
        goes_on: list[Any] = [{"name": None, "args": '"attic"}', "id": None, "index": 0}]
        for chunk in (
            AIMessageChunk(content=[{"type": "reasoning", "reasoning": "Hm.", "index": 0}]),
            AIMessageChunk(content=[{"type": "text", "text": "I ", "index": 1}]),
            AIMessageChunk(content=[{"type": "text", "text": "look.", "index": 1}], tool_call_chunks=calls),
            AIMessageChunk(content="", tool_call_chunks=goes_on),
            AIMessageChunk(content="", usage_metadata=usage, response_metadata={"model_name": "m"}),
            AIMessageChunk(content="", chunk_position="last"),
        ):
            yield ChatGenerationChunk(message=chunk)


async def test_what_the_model_made_is_stored_whole(client: redis.Redis) -> None:
    panel = ChatPanel(Thinking(messages=iter([])), "bob", factory(client))
    assert await panel.send("Hi") == "I look."
    answer = RedisChatMessageHistory("bob", client=client).messages[1]
    assert type(answer) is AIMessage
    assert [(one["name"], one["args"]) for one in answer.tool_calls] == [("look", {"in": "attic"})]
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] == 7
    assert answer.content_blocks[0] == {"type": "reasoning", "reasoning": "Hm.", "index": 0}
    assert answer.response_metadata["model_name"] == "m"


async def test_a_history_that_can_not_be_written_is_said(client: redis.Redis) -> None:
    panel = ChatPanel(with_history(client), "bob", factory(client))
    page = Page(panel)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.RedisError, match=r"maxmemory"):
            await panel.send("Hi! I'm Bob.")
    finally:
        client.config_set("maxmemory", 0)
    assert "used memory" in page.data["error"]
    assert logging.getLogger("langchain_core.callbacks.manager").filters == []
    await panel.send("Hi! I'm Bob.")
    assert client.llen("message_store:bob") == 2
    assert page.data["error"] == ""


async def test_a_chain_with_history_that_lacks_a_name_is_told_which(client: redis.Redis) -> None:
    keeping = RunnableWithMessageHistory(RunnableLambda(rag), factory(client), input_messages_key="question")
    with pytest.raises(ValueError, match=r"RunnableWithMessageHistory\(…, output_messages_key='answer'\)"):
        await ChatPanel(keeping, "bob", factory(client)).send(QUESTION)
    keeping = RunnableWithMessageHistory(
        RunnableLambda(rag),
        factory(client),
        input_messages_key="question",
        output_messages_key="answer",
    )
    assert await ChatPanel(keeping, "bob", factory(client)).send(QUESTION) == "In the attic."
    assert client.llen("message_store:bob") == 2


def test_what_can_not_be_told_is_said(client: redis.Redis) -> None:
    prompt = ChatPromptTemplate.from_messages([("human", "{a} {b}")])
    with pytest.raises(ValueError, match=r"takes 'a', 'b'.*\n.*input_key"):
        ChatPanel(prompt | chat_model(), "bob", factory(client))
    with pytest.raises(TypeError, match="history_factory made str"):
        ChatPanel(chat_model(), "bob", lambda session_id: session_id)  # type: ignore[arg-type, return-value]


async def test_an_error_is_shown_with_its_advice_until_it_went_well(page: Page, client: redis.Redis) -> None:
    client.set("message_store:bob", "something else")
    page.ask("send", text="Hi!")
    await eventually(lambda: state(page) == "failed")
    await eventually(lambda: "Choose another session_id or key_prefix; nothing was changed." in page.data["error"])
    assert page.data["talk"]["question"]["text"] == "Hi!"
    client.delete("message_store:bob")
    page.ask("send", text="Hi!")
    await eventually(lambda: client.llen("message_store:bob") == 2 and state(page) == "")
    assert page.data["error"] == ""


async def test_sessions_are_switched_and_offered(client: redis.Redis) -> None:
    RedisChatMessageHistory("anna", client=client).add_user_message("I am Anna's line.")
    client.set("message_store:other", "no chat")
    panel = ChatPanel(chat_model(), "bob", factory(client))
    page = Page(panel)
    page.ask("offer")
    await eventually(lambda: page.data["offered"] == ["anna"])
    page.ask("switch", session_id="anna")
    await eventually(lambda: lines(page) == ["I am Anna's line."])
    assert panel.session_id == page.data["session"]["id"] == "anna"
    page.ask("switch", session_id="new one")
    await eventually(lambda: page.data["session"]["key"] == "message_store:new one")
    assert lines(page) == []
    assert "The list does not exist" in visible(Page(panel).picture)
    panel.close()


async def test_an_answer_to_a_session_that_was_left_is_stored_and_not_shown(client: redis.Redis) -> None:
    runnable, steps = stepwise("half ", "whole")
    panel = ChatPanel(runnable, "bob", factory(client))
    page = Page(panel)
    sending = asyncio.ensure_future(panel.send("Tell me."))
    await eventually(lambda: said(page) == ["half "])
    panel.switch("anna")
    for step in steps:
        step.set()
    await sending
    assert lines(page) == []
    assert state(page) == ""
    assert client.llen("message_store:bob") == 2
    panel.close()


async def test_the_session_is_cleared(page: Page, client: redis.Redis) -> None:
    panel: Any = page.widget
    await panel.send("Hi")
    page.ask("clear")
    await eventually(lambda: not lines(page))
    assert not client.exists("message_store:bob")
    assert page.data["session"]["expires"] is None
    await panel.send("Hi again")
    assert lines(page)[0] == "Hi again"


async def test_an_idle_panel_asks_redis_nothing(page: Page, client: redis.Redis) -> None:
    before = client.info("commandstats")
    await asyncio.sleep(1.5)
    after = client.info("commandstats")
    assert {name for name in after if after[name]["calls"] != before.get(name, {}).get("calls")} == {"cmdstat_info"}


async def test_what_others_write_appears_when_it_is_looked_for(page: Page, client: redis.Redis) -> None:
    RedisChatMessageHistory("bob", client=client, ttl=100).add_user_message("from elsewhere")
    assert lines(page) == []
    page.ask("look")
    await eventually(lambda: lines(page) == ["from elsewhere"])
    assert page.data["session"]["expires"] / 1000 - time.time() <= 100
    client.set("message_store:bob", "something else")
    page.ask("look")
    await eventually(lambda: "WRONGTYPE" in page.data["error"])


async def test_a_list_that_stays_is_not_read_again(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("bob", client=client)
    history.add_messages([HumanMessage("x" * 100_000)] * 20)
    history.add_ai_message("Short.")
    panel = ChatPanel(chat_model(), "bob", factory(client))
    page = Page(panel)
    with watching(client) as seen:
        page.ask("look")
        await eventually(lambda: not panel._tasks)
    assert seen.records_read == 1
    panel.close()


async def test_panels_of_one_kernel_tell_each_other(page: Page, client: redis.Redis) -> None:
    other = ChatPanel(chat_model(), "bob", factory(client))
    elsewhere = ChatPanel(chat_model(), "anna", factory(client))
    pages = [Page(other), Page(elsewhere)]
    page.ask("send", text="Hi! I'm Bob.")
    await eventually(lambda: len(lines(pages[0])) == 2)
    await other.send("Hello again.")
    await eventually(lambda: len(lines(page)) == 4)
    other.clear()
    await eventually(lambda: not lines(page))
    assert lines(pages[1]) == []
    other.close()
    elsewhere.close()


async def test_both_of_two_panels_that_are_asked_at_once_store_all(page: Page, client: redis.Redis) -> None:
    other = Page(ChatPanel(chat_model(), "bob", factory(client)))
    page.ask("send", text="one")
    other.ask("send", text="two")
    await eventually(lambda: len(lines(page)) == len(lines(other)) == 4)
    assert lines(page) == lines(other)
    assert sorted(set(lines(page)) & {"one", "two"}) == ["one", "two"]


async def test_only_the_records_that_are_new_are_marked(page: Page, client: redis.Redis) -> None:
    panel: Any = page.widget

    def marked() -> list[str]:
        return [one["line"] for one in page.data["records"] if one["n"] >= page.data["fresh"]]

    await panel.send("Hi! I'm Bob.")
    assert len(marked()) == 2
    await panel.send("What's my name?")
    assert marked()[0] == "What's my name?"
    assert len(marked()) == 2
    RedisChatMessageHistory("bob", client=client).add_user_message("from elsewhere")
    page.ask("look")
    await eventually(lambda: len(marked()) == 3)
    other = Page(ChatPanel(chat_model(), "bob", factory(client)))
    assert other.data["fresh"] == other.data["records"][-1]["n"] + 1
    assert " new " in visible(Page(panel).picture)
    assert " new " not in visible(other.picture)


PIXEL = base64.b64encode(b"\x89PNG" + bytes(60)).decode()
LARGE = base64.b64encode(b"\x89PNG" + bytes(60_000)).decode()
PHOTOS: list[tuple[Any, Any]] = [
    ({"type": "image", "base64": PIXEL, "mime_type": "image/png"}, f"data:image/png;base64,{PIXEL}"),
    (
        {"type": "image", "source_type": "base64", "data": PIXEL, "mime_type": "image/gif"},
        f"data:image/gif;base64,{PIXEL}",
    ),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": PIXEL}},
        f"data:image/webp;base64,{PIXEL}",
    ),
    ({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PIXEL}"}}, f"data:image/jpeg;base64,{PIXEL}"),
    ({"type": "image_url", "image_url": "https://example.com/x.png"}, "https://example.com/x.png"),
    ({"type": "image", "url": "https://example.com/x.png"}, "https://example.com/x.png"),
    ({"type": "image", "base64": "<svg>", "mime_type": "image/svg+xml"}, None),
    ({"type": "image", "base64": '" onerror="', "mime_type": "image/png"}, None),
    ({"type": "image_url", "image_url": "javascript:alert(1)"}, None),
    ({"type": "image", "source": 5}, None),
    ({"type": "image"}, None),
]


@pytest.mark.parametrize(("block", "address"), PHOTOS)
def test_a_photo_is_in_its_message_or_behind_a_link(block: Any, address: str | None) -> None:
    assert message_of("human", {"content": [block]})["photos"] == [address]


async def test_a_large_photo_travels_once_and_when_it_is_seen(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("bob", client=client)
    block = {"type": "image", "base64": LARGE, "mime_type": "image/png"}
    history.add_messages([HumanMessage([block]), AIMessage("a cat")])
    panel = ChatPanel(chat_model(), "bob", factory(client))
    page = Page(panel)
    (n,) = (one["n"] for one in page.data["records"] if "photos" in one)
    assert LARGE[:1000] not in json.dumps(page.data)
    page.ask("photo", n=n, place=0)
    await eventually(lambda: page.events)
    assert page.events == [{"photo": {"n": n, "place": 0, "address": f"data:image/png;base64,{LARGE}"}}]
    await panel.send("And this?")
    page.ask("photo", n=n, place=3)
    page.ask("photo", n=99, place=0)
    await eventually(lambda: not panel._tasks)
    assert len(page.events) == 1 or all("photo" not in one for one in page.events[1:])
    assert len(page.shown["text/html"]) < 100_000 + len(LARGE)
    panel.close()


async def test_what_a_model_thought_used_and_called_is_told(client: redis.Redis) -> None:
    panel = ChatPanel(Thinking(messages=iter([])), "bob", factory(client))
    page = Page(panel)
    await panel.send("Hi")
    answer = page.data["records"][1]
    assert answer["text"] == "I look."
    assert answer["reasoning"] == "Hm."
    assert answer["usage"] == {"input": 3, "output": 4, "total": 7}
    assert answer["calls"] == [{"shown": "look(in='attic')", "whole": '{\n  "in": "attic"\n}'}]
    panel.close()


async def test_whatever_a_record_holds_is_told(client: redis.Redis) -> None:
    odd: list[dict[str, Any]] = [
        {"content": [1, None, {"type": 5}, {"type": "text"}, {"type": "reasoning", "summary": [{"text": "so"}, 5]}]},
        {"content": "x", "tool_calls": {"name": 1}, "usage_metadata": "many", "name": 5},
        {"content": "x", "usage_metadata": {"input_tokens": "<b>"}},
        {"content": "x" * 50_000},
        {"content": []},
    ]
    for data in odd:
        client.rpush("message_store:bob", json.dumps({"type": "ai", "data": data}))
    client.rpush(
        "message_store:bob", b"\xff\xfe", '"', json.dumps({"type": "tool", "data": {"content": "r", "name": "look"}})
    )
    page = Page(ChatPanel(chat_model(), "bob", factory(client)))
    assert page.data["error"] == ""
    assert len(lines(page)) == len(odd) + 3
    by_role = {one["role"]: one for one in page.data["records"]}
    assert by_role["tool"]["name"] == "look"
    assert by_role[""]["who"] == "damaged"
    assert any(one["text"].endswith("x…") for one in page.data["records"])


async def test_offering_sessions_takes_no_time_on_a_large_server(client: redis.Redis) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(60_000):
        pipeline.set(f"message_store:other-{number}", "x")
    pipeline.execute()
    panel = ChatPanel(chat_model(), "bob", factory(client))
    before = time.monotonic()
    assert panel._offered() == []
    assert time.monotonic() - before < 1.5
    panel.close()


async def test_window_and_cap_are_drawn(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("bob", client=client)
    for number in range(6):
        history.add_user_message(f"line {number}")
    page = visible(Page(ChatPanel(chat_model(), "bob", factory(client, window=2, max_messages=6))).picture)
    in_order = ["0 human", "1 human", "The chain gets the latest 2", "2 human", "5 human", "Redis keeps at most 6"]
    places = [page.index(one) for one in in_order]
    assert places == sorted(places)
    oldest_first = MemorystoreChatMessageHistory(client, "carla")
    for number in range(4):
        oldest_first.add_user_message(f"line {number}")
    panel = ChatPanel(
        chat_model(), "carla", lambda name: MemorystoreChatMessageHistory(client, name, window=2, max_messages=4)
    )
    page = visible(Page(panel).picture)
    places = [
        page.index(one) for one in ["Redis keeps at most 4", "0 human", "1 human", "gets the latest 2", "2 human"]
    ]
    assert places == sorted(places)
    panel.close()


async def test_a_long_session_shows_its_end(client: redis.Redis) -> None:
    RedisChatMessageHistory("bob", client=client).messages  # noqa: B018
    history = RedisChatMessageHistory("bob", client=client)
    for number in range(70):
        history.add_user_message(f"line {number}.")
    page = visible(Page(ChatPanel(chat_model(), "bob", factory(client))).picture)
    assert "line 69." in page
    assert "line 20." in page
    assert "line 19." not in page
    assert page.count("Earlier messages: 20") == 2


HALF = "\ud83d"


def offers(page: Page, names: list[str]) -> bool:
    return bool(page.data["offered"] == names)


@pytest.mark.filterwarnings("ignore:1 record")
async def test_half_an_emoji_and_any_byte_are_shown(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("cut", client=client)
    history.add_messages([HumanMessage(f"see you {HALF}"), AIMessage(f"bye {HALF}")])
    client.rpush("message_store:raw", client.lindex(history.key, 0) or b"", b"\xff\xfe")
    client.rpush(b"message_store:\xff\xfe", *client.lrange(history.key, 0, -1))
    for session in ("cut", "raw"):
        panel = ChatPanel(RunnableLambda(lambda _: f"{HALF} answers"), session, factory(client, on_corrupt="skip"))
        page = Page(panel)
        await panel.send(HALF)
        assert "\ufffd answers" in lines(page)
        page.ask("offer")
        await eventually(partial(offers, page, ["cut", "raw"]))
        panel.close()


async def test_half_an_emoji_in_a_name_or_an_error_is_shown(client: redis.Redis) -> None:
    def failing(_: Any) -> str:
        raise ValueError(f"{HALF} failed")

    for panel in (
        ChatPanel(chat_model(), HALF, factory(client)),
        ChatPanel(RunnableLambda(failing), "bob", factory(client)),
    ):
        page = Page(panel)
        with pytest.raises(ValueError, match=r"surrogates|failed"):
            await panel.send("Hi")
        assert page.data["error"]
        panel.close()


async def test_an_order_that_is_not_known_can_be_given(client: redis.Redis) -> None:
    client.rpush("x:1", *(json.dumps(message_to_dict(HumanMessage(text))) for text in ("at the head", "at the end")))
    for given, order in ((True, ["at the end", "at the head"]), (False, ["at the head", "at the end"])):
        panel = ChatPanel(chat_model(), "x:1", factory(client, key_prefix=""), newest_first=given)
        assert lines(Page(panel)) == order


async def test_a_server_that_is_gone_is_told_and_not_raised() -> None:
    from helpers._connecting.connection import connect
    from helpers.embedded import EmbeddedServer

    server = EmbeddedServer().start()
    panel = ChatPanel(chat_model(), "bob", factory(connect(server.url)))
    server.stop()
    page = Page(panel)
    assert "refused" in page.data["error"]
    assert "refused" in page.picture
    panel.close()


async def test_a_message_that_is_html_is_shown_and_never_run(client: redis.Redis) -> None:
    panel = ChatPanel(RunnableLambda(lambda messages: HOSTILE), HOSTILE, factory(client))
    await panel.send(HOSTILE)
    page = Page(panel)
    no_live_markup(page.picture)
    assert "<img" not in page.shown["text/html"].partition("<script")[2].partition("</script>")[0]

    def failing(messages: Any) -> str:
        raise ValueError(HOSTILE)

    broken = ChatPanel(RunnableLambda(failing), "bob", factory(client))
    with pytest.raises(ValueError, match="onerror"):
        await broken.send("Hi")
    broken._read()
    assert HOSTILE in Page(broken).data["error"]
    no_live_markup(Page(broken).picture)


async def test_what_a_notebook_keeps_stands_alone(page: Page, client: redis.Redis) -> None:
    panel: Any = page.widget
    await panel.send("Hi! I'm Bob.")
    page = Page(panel)
    assert page.shown["text/plain"] == "<ChatPanel 'message_store:bob'>"
    assert "Nice to meet you, Bob!" in page.picture
    assert "expires within 60 min" in page.picture
    stands_alone(page.picture)
    assert 'role="log"' in page.picture
    assert [one["line"] for one in page.kept["records"]] == lines(page)
    assert page.kept["talk"]["state"] == ""


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
async def test_all_text_is_in_the_readers_language(client: redis.Redis, language: str) -> None:
    def texts() -> list[str]:
        panel = ChatPanel(chat_model(), "bob", factory(client, window=2, max_messages=6, ttl=60))
        made = Page(panel)
        panel.close()
        found = [*made.data["texts"].values(), *made.data["session"]["said"], visible(made.picture)]
        # One word may be the same in two languages.
        return [text for text in found if len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\{\w+\}", "", text))) > 1]

    RedisChatMessageHistory("bob", client=client, ttl=60).add_user_message("12345")
    english = texts()
    speak(language)
    translated = texts()
    assert len(english) > 10
    assert [one for one in translated if one in english and one not in ALIKE] == []


async def test_closing_ends_an_answer(client: redis.Redis) -> None:
    runnable, _ = stepwise("half ")
    panel = ChatPanel(runnable, "bob", factory(client))
    page = Page(panel)
    page.ask("send", text="Tell me.")
    await eventually(lambda: said(page) == ["half "])
    panel.close()
    await eventually(lambda: panel._answering is None and not panel._tasks)
    assert page.closed
    assert not client.exists("message_store:bob")
