"""The Python side of the widgets, with the ipywidgets at hand. `test_ipywidgets_7.py` runs it with Colab's too."""

import asyncio
import html
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import ipywidgets
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
)
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough
from langchain_core.runnables.history import RunnableWithMessageHistory
from typing_extensions import TypedDict

from helpers._histories.histories import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers._models.choice import chat_model
from helpers.widgets import ChatPanel
from helpers.widgets import controls as live
from helpers.widgets.controls import WIDGET_VIEW
from tests.support.watching import watching

SEVEN = ipywidgets.__version__.startswith("7.")
HOSTILE = "<img src=x onerror=alert(1)>"
PROJECT = "projects/practice/locations/us-central1/instances"


def factory(client: Any, **options: Any) -> Any:
    return lambda session_id: RedisChatMessageHistory(session_id, client=client, **options)


def show(widget: Any) -> dict[str, Any]:
    """Show a widget as a cell does; returns what the notebook gets."""
    shown: dict[str, Any] = widget._repr_mimebundle_()
    sendable(shown)
    return shown


def sendable(what: Any) -> None:
    """What a kernel sends to the page is JSON in UTF-8."""
    if isinstance(what, live.Live):
        what = [one.get_state() for one in children(what._root)]
    json.dumps(what, ensure_ascii=False, default=repr).encode()


def children(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from children(child)


def live_text(widget: Any) -> str:
    """What the live widget shows, as HTML."""
    assert widget._root is not None
    return "\n".join(one.value for one in children(widget._root) if isinstance(one, ipywidgets.HTML))


def named(widget: Any, label: str, kind: Any = ipywidgets.Button) -> Any:
    """The one control of a kind that says something."""
    found = [
        one
        for one in children(widget._root)
        if isinstance(one, kind) and one.description.rstrip(" ▲▼") == label and one.layout.display != "none"
    ]
    assert len(found) == 1, (label, [one.description for one in found])
    return found[0]


def press_enter(field: Any) -> None:
    field._handle_custom_msg({"event": "submit"}, [])  # what the page sends, in ipywidgets 7 and 8


def enter(widget: Any, label: str, text: str) -> Any:
    field = named(widget, label, ipywidgets.Text)
    field.value = text
    press_enter(field)
    return field


async def eventually(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


def visible(page: str) -> str:
    """The text of a piece of HTML."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def no_live_markup(page: str) -> None:
    """Nothing in a piece of HTML was a message and became an element."""
    assert "<img" not in page
    assert "<script" not in page
    assert HOSTILE in html.unescape(page)


# The panel.


@pytest.fixture
async def panel(client: redis.Redis) -> AsyncIterator[ChatPanel]:
    made = ChatPanel(chat_model(), "bob", factory(client, ttl=3600, window=4, max_messages=6))
    show(made)
    yield made
    made.close()


async def test_a_typed_line_is_answered_and_the_list_grows(panel: ChatPanel, client: redis.Redis) -> None:
    field = enter(panel, "Message", "Hi! I'm Bob.")
    await eventually(lambda: field.value == "")
    await eventually(lambda: client.llen("message_store:bob") == 2)
    await eventually(lambda: "Nice to meet you, Bob!" in live_text(panel))
    assert not named(panel, "Send").disabled
    assert "Messages: 2 / 6" in visible(live_text(panel))
    records = client.lrange("message_store:bob", 0, -1)
    for index, (record, role) in enumerate(zip(records, ("ai", "human"), strict=True)):
        assert f"{index} {role} {len(record)}" in visible(live_text(panel))
    assert re.search(r"expires in (1:00:00|59:5\d)", live_text(panel))


async def test_the_button_sends_too_and_an_empty_line_does_not(panel: ChatPanel, client: redis.Redis) -> None:
    enter(panel, "Message", "   ")
    await asyncio.sleep(0.3)
    assert not client.exists("message_store:bob")
    named(panel, "Message", ipywidgets.Text).value = "Hi! I'm Bob."
    named(panel, "Send").click()
    await eventually(lambda: client.llen("message_store:bob") == 2)


async def test_what_is_typed_while_busy_stays(client: redis.Redis) -> None:
    going = asyncio.Event()

    async def slow(messages: Any) -> str:
        await going.wait()
        return "done"

    panel = ChatPanel(RunnableLambda(slow), "bob", factory(client))
    show(panel)
    enter(panel, "Message", "first")
    await eventually(lambda: panel._busy)
    assert named(panel, "Answering …").disabled
    field = enter(panel, "Message", "second")
    await asyncio.sleep(0.3)
    assert field.value == "second"
    with pytest.raises(RuntimeError, match="waiting for an answer"):
        await panel.send("third")
    going.set()
    await eventually(lambda: client.llen("message_store:bob") == 2)
    panel.close()


async def test_keystrokes_that_a_click_overtook_are_waited_for(panel: ChatPanel, client: redis.Redis) -> None:
    field = named(panel, "Message", ipywidgets.Text)
    field.value = "Hi! I"
    named(panel, "Send").click()
    await asyncio.sleep(0.05)
    field.value = "Hi! I'm Bob."
    await eventually(lambda: client.llen("message_store:bob") == 2)
    assert RedisChatMessageHistory("bob", client=client).messages[0].content == "Hi! I'm Bob."


async def test_pieces_are_shown_as_they_come(client: redis.Redis) -> None:
    steps: list[asyncio.Event] = [asyncio.Event(), asyncio.Event()]

    async def answering(messages: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for _ in messages:
            yield "one "
            await steps[0].wait()
            yield "two "
            await steps[1].wait()
            yield "three"

    panel = ChatPanel(RunnableGenerator(answering), "bob", factory(client))
    show(panel)
    enter(panel, "Message", "count")
    await eventually(lambda: "one" in live_text(panel))
    assert "two" not in live_text(panel)
    assert "count" in live_text(panel)
    assert not client.exists("message_store:bob")
    await asyncio.sleep(0.06)
    steps[0].set()
    await eventually(lambda: "one two" in live_text(panel))
    steps[1].set()
    await eventually(lambda: client.llen("message_store:bob") == 2)
    await eventually(lambda: "one two three" in live_text(panel))
    panel.close()


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
    show(panel)
    with pytest.raises(ValueError, match=f"^The answer can't be told {advice}"):
        await panel.send(QUESTION)
    assert "output_key=" in live_text(panel)
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
    show(panel)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.RedisError, match=r"maxmemory"):
            await panel.send("Hi! I'm Bob.")
    finally:
        client.config_set("maxmemory", 0)
    assert "used memory" in live_text(panel)
    assert logging.getLogger("langchain_core.callbacks.manager").filters == []
    await panel.send("Hi! I'm Bob.")
    assert client.llen("message_store:bob") == 2
    assert 'role="alert"' not in live_text(panel)


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


async def test_an_error_is_shown_with_its_advice_and_the_line_kept(panel: ChatPanel, client: redis.Redis) -> None:
    client.set("message_store:bob", "something else")
    field = enter(panel, "Message", "Hi!")
    await eventually(lambda: 'role="alert"' in live_text(panel))
    assert "Choose another session_id or key_prefix; nothing was changed." in live_text(panel)
    assert field.value == "Hi!"
    client.delete("message_store:bob")
    press_enter(field)
    await eventually(lambda: client.llen("message_store:bob") == 2)
    await eventually(lambda: 'role="alert"' not in live_text(panel))


async def test_sessions_are_switched_and_offered(panel: ChatPanel, client: redis.Redis) -> None:
    RedisChatMessageHistory("anna", client=client).add_user_message("I am Anna's line.")
    other = ChatPanel(chat_model(), "bob", factory(client))
    show(other)
    box = named(other, "Session", ipywidgets.Combobox)
    assert box.options == ("anna",)
    box.value = "anna"
    press_enter(box)
    await eventually(lambda: "Anna&#39;s line" in live_text(other))
    assert other.session_id == "anna"
    box.value = "new one"
    named(other, "Open").click()
    await eventually(lambda: "message_store:new one" in live_text(other))
    assert "The list does not exist" in live_text(other)
    other.close()


async def test_clearing_takes_two_clicks(
    panel: ChatPanel, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await panel.send("Hi")
    monkeypatch.setattr(live, "CONFIRM_SECONDS", 0.1)
    button = named(panel, "Clear")
    button.click()
    assert button.description == "Clear: click again"
    await eventually(lambda: button.description == "Clear")
    assert client.exists("message_store:bob")
    button.click()
    button.click()
    await eventually(lambda: not client.exists("message_store:bob"))
    await eventually(lambda: "No messages yet." in live_text(panel))


async def test_what_others_write_appears_and_the_clock_runs_while_it_is_seen(
    panel: ChatPanel, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.widgets.chat_panel._EVERY_SECONDS", 0.05)
    RedisChatMessageHistory("bob", client=client, ttl=100).add_user_message("from elsewhere")
    await asyncio.sleep(0.2)
    assert "from elsewhere" not in live_text(panel)  # no page shows it yet
    assert panel._root is not None
    panel._root._view_count = 1
    await eventually(lambda: "from elsewhere" in live_text(panel))
    first = re.search(r"expires in \d:\d\d", live_text(panel))
    assert first
    await eventually(lambda: first[0] not in live_text(panel))
    panel._root._view_count = 0
    await eventually(lambda: not panel._watching)


async def test_a_panel_that_is_seen_outlives_a_fault(
    panel: ChatPanel, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.widgets.chat_panel._EVERY_SECONDS", 0.05)
    assert panel._root is not None
    panel._root._view_count = 1
    client.set("message_store:bob", "something else")
    await eventually(lambda: "WRONGTYPE" in live_text(panel))
    client.delete("message_store:bob")
    RedisChatMessageHistory("bob", client=client).add_user_message("back again")
    await eventually(lambda: "back again" in live_text(panel))
    await eventually(lambda: 'role="alert"' not in live_text(panel))


async def test_a_list_that_stays_is_not_read_again(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.widgets.chat_panel._EVERY_SECONDS", 0.01)
    history = RedisChatMessageHistory("bob", client=client)
    history.add_messages([HumanMessage("x" * 100_000)] * 20)
    history.add_ai_message("Short.")
    panel = ChatPanel(chat_model(), "bob", factory(client))
    show(panel)
    assert panel._root is not None
    looks = 0
    with watching(client) as seen:
        panel._root._view_count = 1
        await asyncio.sleep(0.5)
        panel._root._view_count = 0
        await eventually(lambda: not panel._watching)
    looks = sum(words[0] == "LLEN" for words in seen.commands)
    assert looks > 2
    assert seen.records_read == looks
    panel.close()


async def test_offering_sessions_takes_no_time_on_a_large_server(client: redis.Redis) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(60_000):
        pipeline.set(f"message_store:other-{number}", "x")
    pipeline.execute()
    panel = ChatPanel(chat_model(), "bob", factory(client))
    before = time.monotonic()
    show(panel)
    assert time.monotonic() - before < 1.5
    panel.close()


async def test_window_and_cap_are_drawn(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("bob", client=client)
    for number in range(6):
        history.add_user_message(f"line {number}")
    page = visible(show(ChatPanel(chat_model(), "bob", factory(client, window=2, max_messages=6)))["text/html"])
    in_order = ["0 human", "1 human", "The chain is given the latest 2", "2 human", "5 human", "Redis keeps 6 at most"]
    places = [page.index(one) for one in in_order]
    assert places == sorted(places)
    oldest_first = MemorystoreChatMessageHistory(client, "carla")
    for number in range(4):
        oldest_first.add_user_message(f"line {number}")
    panel = ChatPanel(
        chat_model(), "carla", lambda name: MemorystoreChatMessageHistory(client, name, window=2, max_messages=4)
    )
    page = visible(show(panel)["text/html"])
    places = [
        page.index(one) for one in ["Redis keeps 4 at most", "0 human", "1 human", "is given the latest 2", "2 human"]
    ]
    assert places == sorted(places)
    panel.close()


async def test_a_long_session_shows_its_end(client: redis.Redis) -> None:
    RedisChatMessageHistory("bob", client=client).messages  # noqa: B018
    history = RedisChatMessageHistory("bob", client=client)
    for number in range(70):
        history.add_user_message(f"line {number}.")
    page = visible(show(ChatPanel(chat_model(), "bob", factory(client)))["text/html"])
    assert "line 69." in page
    assert "line 20." in page
    assert "line 19." not in page
    assert page.count("Earlier messages: 20") == 2


# All of them.


async def test_a_message_that_is_html_is_shown_and_never_run(client: redis.Redis) -> None:
    panel = ChatPanel(RunnableLambda(lambda messages: HOSTILE), HOSTILE, factory(client))
    show(panel)
    await panel.send(HOSTILE)
    for page in (show(panel)["text/html"], live_text(panel)):
        no_live_markup(page)

    def failing(messages: Any) -> str:
        raise ValueError(HOSTILE)

    broken = ChatPanel(RunnableLambda(failing), "bob", factory(client))
    show(broken)
    enter(broken, "Message", "Hi")
    await eventually(lambda: 'role="alert"' in live_text(broken))
    no_live_markup(live_text(broken))
    panel.close()
    broken.close()


async def test_what_a_notebook_keeps_stands_alone(panel: ChatPanel, client: redis.Redis) -> None:
    await panel.send("Hi! I'm Bob.")
    shown = show(panel)
    assert set(shown) == {"text/plain", "text/html", WIDGET_VIEW}
    assert shown["text/plain"] == "<ChatPanel 'message_store:bob'>"
    picture = shown["text/html"]
    assert "Nice to meet you, Bob!" in picture
    assert "expires within 60 min" in picture
    # GitHub and JupyterLab drop style sheets and scripts; a screen reader needs captions and headers.
    assert "<style" not in picture
    assert "<caption" in picture
    assert '<th scope="col"' in picture
    assert 'role="log"' in picture
    assert 'lang="en"' in picture
    # Black or white would vanish on one of the two themes.
    assert not re.search(r"[ ;\"](color|background): *(#000|#fff|black|white)", picture)


async def test_closing_leaves_no_widget_and_no_task(client: redis.Redis) -> None:
    before = set(map(id, _all_widgets()))
    panel = ChatPanel(chat_model(), "bob", factory(client))
    show(panel)
    assert panel._root is not None
    panel._root._view_count = 1
    await asyncio.sleep(0.01)
    assert panel._tasks
    panel.close()
    await asyncio.sleep(0.01)
    assert not panel._tasks
    left = [one for one in _all_widgets() if id(one) not in before]
    assert [one for one in left if not type(one).__name__.endswith(("Layout", "Style"))] == []


def _all_widgets() -> list[Any]:
    if SEVEN:
        return list(ipywidgets.Widget.widgets.values())
    from ipywidgets.widgets import widget as module

    return list(module._instances.values())
