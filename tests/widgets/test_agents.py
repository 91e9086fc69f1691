"""A panel that talks with an agent, and the explorer with its thread."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import ipywidgets
import pytest
import redis
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, wrap_model_call
from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from helpers import RedisSaver, chat_model
from helpers._histories.histories import RedisChatMessageHistory
from helpers._localization.languages import LANGUAGES
from helpers._localization.messages import speak
from helpers.widgets import ChatPanel, SessionExplorer, chat_panel
from tests.support.watching import watching
from tests.test_sessions_of_agents import Cipher, look_up_order
from tests.widgets.test_widgets import (
    enter,
    eventually,
    live_text,
    named,
    press_enter,
    show,
    visible,
)

QUESTION = "What did order 4711 cost?"


def agent_of(saver: Any, *middleware: Any, tools: Any = (look_up_order,)) -> Runnable[Any, Any]:
    made: Runnable[Any, Any] = create_agent(chat_model(), [*tools], checkpointer=saver, middleware=middleware)
    return made


@pytest.fixture
async def panel(client: redis.Redis) -> AsyncIterator[ChatPanel]:
    made = ChatPanel(agent_of(RedisSaver(client, ttl=3600)), "bob")
    show(made)
    yield made
    made.close()


def messages(client: redis.Redis, thread_id: str = "bob") -> list[Any]:
    state = agent_of(RedisSaver(client)).get_state({"configurable": {"thread_id": thread_id}})  # type: ignore[attr-defined]
    return list(state.values.get("messages", []))


async def test_a_typed_line_is_answered_and_the_thread_grows(panel: ChatPanel, client: redis.Redis) -> None:
    assert "No messages yet." in visible(live_text(panel))
    field = enter(panel, "Message", QUESTION)
    await eventually(lambda: field.value == "")
    await eventually(lambda: not panel._busy)
    assert [one.type for one in messages(client)] == ["human", "ai", "tool", "ai"]
    shown = visible(live_text(panel))
    assert shown.count("→ look_up_order(order=4711)") == 1
    assert "Tool Order 4711: 12.50" in shown
    for number in range(4):
        size = client.hstrlen("thread:bob", f"messages@{number}")
        assert re.search(rf" {number} (human|ai|tool) new {size} ", shown)
    assert re.search(r"Messages: 4 · Checkpoints: \d · [\d.]+ kB · expires in (1:00:00|59:5\d)", shown)
    assert repr(panel) == "<ChatPanel 'thread:bob'>"
    assert panel.session_id == "bob"


async def test_only_what_the_latest_message_added_is_marked(panel: ChatPanel, client: redis.Redis) -> None:
    assert "Bob" in await panel.send("Hi! I'm Bob.")
    assert await panel.send(QUESTION)
    rows = re.findall(r" (\d) (human|ai|tool)( new)? ", visible(panel._list.value))
    assert [bool(mark) for _, _, mark in rows] == [False, False, True, True, True, True]
    other = ChatPanel(agent_of(RedisSaver(client)), "bob")
    assert " new " not in visible(show(other)["text/html"])
    agent_of(RedisSaver(client)).invoke(
        {"messages": [HumanMessage("from elsewhere")]}, {"configurable": {"thread_id": "bob"}}
    )
    await other._refresh()
    assert visible(other._list.value).count(" new ") == 2
    other.close()


async def test_what_the_agent_does_is_shown_as_it_comes(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_panel, "_EVERY_SECONDS", 0.05)
    going = asyncio.Event()

    async def look_up_slowly(order: int) -> str:
        """What an order cost."""
        await going.wait()
        return "12.50"

    panel = ChatPanel(agent_of(RedisSaver(client), tools=[look_up_slowly]), "bob")
    show(panel)
    assert panel._root is not None
    panel._root._view_count = 1
    enter(panel, "Message", QUESTION)
    await eventually(lambda: "look_up_slowly(order=4711)" in panel._pending.value)
    await eventually(lambda: "look_up_slowly(order=4711)" in panel._list.value)
    assert QUESTION not in panel._conversation.value  # it is shown once
    assert visible(live_text(panel)).count("You " + QUESTION) == 1
    going.set()
    await eventually(lambda: not panel._busy)
    assert visible(panel._conversation.value).count(QUESTION) == 1
    assert panel._pending.value == ""
    panel.close()


async def test_a_question_of_the_agents_own_waits(client: redis.Redis) -> None:
    asking = HumanInTheLoopMiddleware(interrupt_on={"look_up_order": True})
    agent = agent_of(RedisSaver(client), asking)
    panel = ChatPanel(agent, "bob")
    show(panel)
    await panel.send(QUESTION)
    waits = "The agent waits for your decision: agent.invoke(Command(resume=…), config)"
    assert waits in visible(live_text(panel))
    assert waits in visible(show(panel)["text/html"])
    field = enter(panel, "Message", "Never mind.")
    await eventually(lambda: 'role="alert"' in live_text(panel))
    assert field.value == "Never mind."
    assert len(messages(client)) == 2
    await agent.ainvoke(Command(resume={"decisions": [{"type": "approve"}]}), {"configurable": {"thread_id": "bob"}})
    press_enter(field)
    await eventually(lambda: len(messages(client)) == 6)
    await eventually(lambda: "waits" not in live_text(panel))
    panel.close()


async def test_an_error_is_shown_and_the_same_line_said_again_is_stored_once(client: redis.Redis) -> None:
    failing = True

    def look_up(order: int) -> str:
        """What an order cost."""
        if failing:
            raise OSError("The shop is closed.")
        return "12.50"

    panel = ChatPanel(agent_of(RedisSaver(client), tools=[look_up]), "bob")
    show(panel)
    field = enter(panel, "Message", QUESTION)
    await eventually(lambda: "The shop is closed." in live_text(panel))
    await eventually(lambda: not panel._busy)
    assert field.value == QUESTION
    assert [one.type for one in messages(client)] == ["human", "ai"]
    failing = False
    press_enter(field)
    await eventually(lambda: not panel._busy and field.value == "")
    assert [one.type for one in messages(client)] == ["human", "ai", "tool", "ai"]  # it went on from the tool
    assert 'role="alert"' not in live_text(panel)
    panel.close()


async def test_an_agent_without_async_answers_too_and_its_question_is_stored_once(client: redis.Redis) -> None:
    @wrap_model_call
    def as_it_is(request: Any, handler: Any) -> Any:
        return handler(request)

    panel = ChatPanel(agent_of(RedisSaver(client), as_it_is).with_config(tags=["a"]), "bob")
    assert "12.50" in await panel.send(QUESTION)
    assert [one.type for one in messages(client)] == ["human", "ai", "tool", "ai"]


async def test_threads_are_switched_offered_and_cleared(panel: ChatPanel, client: redis.Redis) -> None:
    RedisChatMessageHistory("history", client=client, key_prefix="thread:").add_user_message("no thread")
    await panel.send("Hi! I'm Bob.")
    other = ChatPanel(agent_of(RedisSaver(client)), "anna")
    show(other)
    box = named(other, "Thread", ipywidgets.Combobox)
    assert box.options == ("bob",)
    box.value = "bob"
    press_enter(box)
    await eventually(lambda: "Nice to meet you, Bob!" in live_text(other))
    named(other, "Clear").click()
    named(other, "Clear: click again").click()
    await eventually(lambda: not client.exists("thread:bob"))
    await eventually(lambda: "Messages:" not in live_text(other))
    assert client.exists("thread:history")
    await other.send("Hi! I'm Bob.")
    assert visible(other._list.value).count(" new ") == 2
    other.close()


async def test_an_idle_panel_reads_little(panel: ChatPanel, client: redis.Redis) -> None:
    await panel.send("Hi! I'm Bob. " + "x" * 50_000)
    await panel._refresh()
    before = client.info("stats")["total_net_output_bytes"]
    with watching(client):
        await panel._refresh()
    assert client.info("stats")["total_net_output_bytes"] - before < 12_000


async def test_an_encrypted_thread_is_read_by_its_own_agent(client: redis.Redis) -> None:
    serde = EncryptedSerializer(Cipher(), JsonPlusSerializer(allowed_msgpack_modules=None))
    panel = ChatPanel(agent_of(RedisSaver(client, serde=serde)), "bob")
    show(panel)
    await panel.send(QUESTION)
    assert "→ look_up_order(order=4711)" in visible(live_text(panel))
    assert "4711" not in str(client.hvals("thread:bob"))
    assert "encrypted" in visible(show(SessionExplorer(client))["text/html"])
    panel.close()


@pytest.mark.parametrize("checkpointer", [None, InMemorySaver()])
def test_an_agent_without_a_redis_saver_is_told(checkpointer: Any) -> None:
    with pytest.raises(TypeError, match=r"Without a history_factory .*\n.*checkpointer=RedisSaver"):
        ChatPanel(agent_of(checkpointer), "bob")


def test_a_thread_id_that_is_none_is_told(client: redis.Redis) -> None:
    with pytest.raises(ValueError, match="thread_id"):
        ChatPanel(agent_of(RedisSaver(client)), "")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_they_speak_the_readers_language(panel: ChatPanel, client: redis.Redis, language: str) -> None:
    speak(language)
    await panel.send(QUESTION)
    made = ChatPanel(agent_of(RedisSaver(client)), "bob")
    shown = visible(show(made)["text/html"]) + visible(show(SessionExplorer(client))["text/html"])
    for text in ("Checkpoints: ", "Thread", " new "):
        assert (text in shown + visible(live_text(panel))) == (
            language == "en"
            or (language, text) in {("pt-BR", "Thread"), ("pt-BR", "Checkpoints: "), ("es", "Checkpoints: ")}
        )
    made.close()
