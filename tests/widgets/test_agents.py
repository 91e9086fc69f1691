"""A panel that talks with an agent."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

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
from helpers.widgets import ChatPanel, chat_panel
from tests.support.watching import watching
from tests.test_sessions_of_agents import Cipher, look_up_order
from tests.widgets.page import Page, eventually, visible

QUESTION = "What did order 4711 cost?"


def agent_of(saver: Any, *middleware: Any, tools: Any = (look_up_order,)) -> Runnable[Any, Any]:
    made: Runnable[Any, Any] = create_agent(chat_model(), [*tools], checkpointer=saver, middleware=middleware)
    return made


@pytest.fixture
async def page(client: redis.Redis) -> AsyncIterator[Page]:
    panel = ChatPanel(agent_of(RedisSaver(client, ttl=3600)), "bob")
    yield Page(panel)
    panel.close()


def messages(client: redis.Redis, thread_id: str = "bob") -> list[Any]:
    state = agent_of(RedisSaver(client)).get_state({"configurable": {"thread_id": thread_id}})  # type: ignore[attr-defined]
    return list(state.values.get("messages", []))


def roles(page: Page) -> list[str]:
    """Who said the records that the page shows."""
    return [one["role"] for one in page.data["records"] if one["n"] >= page.data["first"]]


def marked(page: Page) -> list[str]:
    return [one["role"] for one in page.data["records"] if one["n"] >= page.data["fresh"]]


def calls(some: Any) -> list[str]:
    return [call["shown"] for one in some for call in one["calls"]]


def silent(page: Page) -> bool:
    return bool(page.data["talk"]["state"] == "")


async def test_a_typed_line_is_answered_and_the_thread_grows(page: Page, client: redis.Redis) -> None:
    panel: Any = page.widget
    page.ask("send", text=QUESTION)
    await eventually(lambda: roles(page) == ["human", "ai", "tool", "ai"] and silent(page))
    assert [one.type for one in messages(client)] == ["human", "ai", "tool", "ai"]
    records = page.data["records"]
    assert calls(records) == ["look_up_order(order=4711)"]
    assert (records[2]["name"], records[2]["text"]) == ("look_up_order", "Order 4711: 12.50")
    for number, record in enumerate(records):
        assert record["index"] == number
        assert record["bytes"] == client.hstrlen("thread:bob", f"messages@{number}")
    session = page.data["session"]
    assert session["thread"]
    assert session["said"][0] == "Messages: 4"
    assert session["said"][1].startswith("Checkpoints: ")
    assert repr(panel) == "<ChatPanel 'thread:bob'>"
    assert panel.session_id == "bob"
    assert "→ look_up_order(order=4711)" in visible(Page(panel).picture)


async def test_only_what_the_latest_message_added_is_marked(page: Page, client: redis.Redis) -> None:
    panel: Any = page.widget
    assert "Bob" in await panel.send("Hi! I'm Bob.")
    assert await panel.send(QUESTION)
    assert marked(page) == ["human", "ai", "tool", "ai"]
    assert len(roles(page)) == 6
    other = ChatPanel(agent_of(RedisSaver(client)), "bob")
    its_page = Page(other)
    assert marked(its_page) == []
    assert " new " not in visible(its_page.picture)
    agent_of(RedisSaver(client)).invoke(
        {"messages": [HumanMessage("from elsewhere")]}, {"configurable": {"thread_id": "bob"}}
    )
    its_page.ask("look")
    await eventually(lambda: marked(its_page) == ["human", "ai"])
    other.close()


async def test_what_the_agent_does_is_shown_as_it_comes(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_panel, "_EVERY_SECONDS", 0.05)
    going = asyncio.Event()

    async def look_up_slowly(order: int) -> str:
        """What an order cost."""
        await going.wait()
        return "12.50"

    panel = ChatPanel(agent_of(RedisSaver(client), tools=[look_up_slowly]), "bob")
    page = Page(panel)
    page.ask("send", text=QUESTION)
    await eventually(lambda: calls(page.data["talk"]["said"]) == ["look_up_slowly(order=4711)"])
    await eventually(lambda: calls(page.data["records"]) == ["look_up_slowly(order=4711)"])
    assert page.data["talk"]["from"] == 0  # from there on it shows as it comes, and not twice
    going.set()
    await eventually(lambda: silent(page))
    assert roles(page) == ["human", "ai", "tool", "ai"]
    panel.close()


async def test_an_agent_that_is_stopped_goes_on_where_it_was(client: redis.Redis) -> None:
    going, asked = asyncio.Event(), 0

    async def look_up_slowly(order: int) -> str:
        """What an order cost."""
        nonlocal asked
        asked += 1
        await going.wait()
        return "12.50"

    panel = ChatPanel(agent_of(RedisSaver(client), tools=[look_up_slowly]), "bob")
    page = Page(panel)
    page.ask("send", text=QUESTION)
    await eventually(lambda: asked == 1)
    page.ask("stop")
    await eventually(lambda: page.data["talk"]["state"] == "stopped")
    assert page.data["talk"]["from"] == 0
    assert roles(page) == ["human", "ai"]
    going.set()
    page.ask("send", text=QUESTION)
    await eventually(lambda: silent(page))
    assert [one.type for one in messages(client)] == ["human", "ai", "tool", "ai"]
    assert asked == 2
    panel.close()


async def test_a_question_of_the_agents_own_waits(client: redis.Redis) -> None:
    asking = HumanInTheLoopMiddleware(interrupt_on={"look_up_order": True})
    agent = agent_of(RedisSaver(client), asking)
    panel = ChatPanel(agent, "bob")
    page = Page(panel)
    await panel.send(QUESTION)
    waits = "The agent waits for your decision: agent.invoke(Command(resume=…), config)"
    assert page.data["session"]["waiting"] == waits
    page = Page(panel)
    assert waits in visible(page.picture)
    page.ask("send", text="Never mind.")
    await eventually(lambda: "takes no message now" in page.data["error"])
    await eventually(lambda: page.data["talk"]["state"] == "failed")
    assert page.data["talk"]["question"]["text"] == "Never mind."
    assert len(messages(client)) == 2
    await agent.ainvoke(Command(resume={"decisions": [{"type": "approve"}]}), {"configurable": {"thread_id": "bob"}})
    page.ask("send", text="Never mind.")
    await eventually(lambda: len(messages(client)) == 6 and silent(page))
    assert page.data["session"]["waiting"] == ""
    panel.close()


async def test_an_error_is_shown_and_the_same_line_said_again_is_stored_once(client: redis.Redis) -> None:
    failing = True

    def look_up(order: int) -> str:
        """What an order cost."""
        if failing:
            raise OSError("The shop is closed.")
        return "12.50"

    panel = ChatPanel(agent_of(RedisSaver(client), tools=[look_up]), "bob")
    page = Page(panel)
    page.ask("send", text=QUESTION)
    await eventually(lambda: page.data["talk"]["state"] == "failed" and panel._answering is None)
    assert "The shop is closed." in page.data["error"]
    assert [one.type for one in messages(client)] == ["human", "ai"]
    failing = False
    page.ask("send", text=QUESTION)
    await eventually(lambda: silent(page))
    assert [one.type for one in messages(client)] == ["human", "ai", "tool", "ai"]  # it went on from the tool
    assert page.data["error"] == ""
    panel.close()


async def test_an_agent_without_async_answers_too_and_its_question_is_stored_once(client: redis.Redis) -> None:
    @wrap_model_call
    def as_it_is(request: Any, handler: Any) -> Any:
        return handler(request)

    panel = ChatPanel(agent_of(RedisSaver(client), as_it_is).with_config(tags=["a"]), "bob")
    assert "12.50" in await panel.send(QUESTION)
    assert [one.type for one in messages(client)] == ["human", "ai", "tool", "ai"]


async def test_threads_are_switched_offered_and_cleared(page: Page, client: redis.Redis) -> None:
    first: Any = page.widget
    RedisChatMessageHistory("history", client=client, key_prefix="thread:").add_user_message("no thread")
    await first.send("Hi! I'm Bob.")
    panel = ChatPanel(agent_of(RedisSaver(client)), "anna")
    other = Page(panel)
    other.ask("offer")
    await eventually(lambda: other.data["offered"] == ["bob"])
    other.ask("switch", session_id="bob")
    await eventually(lambda: "Nice to meet you, Bob!" in str(other.data["records"]))
    other.ask("clear")
    await eventually(lambda: not roles(other))
    assert not client.exists("thread:bob")
    await eventually(lambda: not roles(page))  # a panel of the same kernel
    assert client.exists("thread:history")
    await panel.send("Hi! I'm Bob.")
    assert marked(other) == ["human", "ai"]
    panel.close()


async def test_looking_again_reads_little(page: Page, client: redis.Redis) -> None:
    panel: Any = page.widget
    await panel.send("Hi! I'm Bob. " + "x" * 50_000)
    before = client.info("stats")["total_net_output_bytes"]
    with watching(client):
        page.ask("look")
        await eventually(lambda: not panel._tasks)
    assert client.info("stats")["total_net_output_bytes"] - before < 12_000


async def test_an_encrypted_thread_is_read_by_its_own_agent(client: redis.Redis) -> None:
    serde = EncryptedSerializer(Cipher(), JsonPlusSerializer(allowed_msgpack_modules=None))
    panel = ChatPanel(agent_of(RedisSaver(client, serde=serde)), "bob")
    page = Page(panel)
    await panel.send(QUESTION)
    assert calls(page.data["records"]) == ["look_up_order(order=4711)"]
    assert "4711" not in str(client.hvals("thread:bob"))
    panel.close()


@pytest.mark.parametrize("checkpointer", [None, InMemorySaver()])
def test_an_agent_without_a_redis_saver_is_told(checkpointer: Any) -> None:
    with pytest.raises(TypeError, match=r"Without a history_factory .*\n.*checkpointer=RedisSaver"):
        ChatPanel(agent_of(checkpointer), "bob")


def test_a_thread_id_that_is_none_is_told(client: redis.Redis) -> None:
    with pytest.raises(ValueError, match="thread_id"):
        ChatPanel(agent_of(RedisSaver(client)), "")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_speaks_the_readers_language(page: Page, client: redis.Redis, language: str) -> None:
    speak(language)
    panel: Any = page.widget
    await panel.send(QUESTION)
    again = Page(panel)
    shown = visible(again.picture) + again.data["texts"]["Thread"]
    alike = {("de", "Checkpoints: "), ("es", "Checkpoints: "), ("pt-BR", "Checkpoints: ")}
    alike |= {("de", "Thread"), ("id", "Thread"), ("it", "Thread"), ("pt-BR", "Thread")}
    for text in ("Checkpoints: ", "Thread", " new "):
        assert (text in shown) == (language == "en" or (language, text) in alike)
