"""The offline model calls tools, in an agent as well, and sums up."""

import time
from collections.abc import Callable
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, HumanInTheLoopMiddleware, SummarizationMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel

from helpers._models.offline import OfflineChatModel
from tests.models.test_models import INTRODUCTIONS, PASTED, QUESTIONS, STAND_IN, repeated

CONFIG: RunnableConfig = {"configurable": {"thread_id": "bob"}}
MODEL = OfflineChatModel()
ASKED = {
    "en": "What did order 4711 cost?",
    "ko": "주문 4711번은 얼마였나요?",
    "zh": "订单4711的价格是多少？",
    "fr": "Combien a coûté la commande 4711 ?",
    "es": "¿Cuánto costó el pedido 4711?",
    "ja": "注文4711はいくらでしたか？",
    "pt": "Quanto custou o pedido 4711? Não lembro mais.",
    "de": "Wie viel hat Bestellung 4711 gekostet?",
    "it": "Quanto è costato l’ordine 4711?",
    "id": "Berapa harga pesanan 4711?",
}


def look_up_order(order: int) -> str:
    """What an order cost."""
    return f"Order {order}: 12.50"


def refund(order: int, amount: float, reason: str | None = None) -> str:
    """Give money back."""
    return f"{amount} of {order} refunded"


def note(text: str) -> str:
    """Write something down."""
    return f"noted: {text}"


def weather(city: Literal["Paris", "Seoul", "서울"], unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """The weather in a city."""
    return f"{city}: 20 {unit}"


def multiply(a: float, b: float) -> float:
    """Multiply."""
    return a * b


def current_time() -> str:
    """What time it is."""
    return "noon"


TOOLS: list[Callable[..., Any]] = [look_up_order, refund, note, weather, multiply, current_time]


def called(text: str, tool_choice: Any = None) -> tuple[str, dict[str, Any]] | None:
    message = MODEL.bind_tools(TOOLS, tool_choice=tool_choice).invoke(text)
    if not message.tool_calls:
        return None
    [call] = message.tool_calls
    return call["name"], call["args"]


def agent(*middleware: AgentMiddleware[Any, Any]) -> Any:
    return create_agent(MODEL, TOOLS, middleware=middleware, checkpointer=InMemorySaver())


def asking(text: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text)]}


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("Refund 12.50 for order 4711", ("refund", {"order": 4711, "amount": 12.5})),
        ("Order 4711: refund 12,50 €, “it broke”.", ("refund", {"order": 4711, "amount": 12.5, "reason": "it broke"})),
        ("Refund order 4,711 with 12", ("refund", {"order": 4711, "amount": 12})),
        ("What is 6 times 7? Multiply!", ("multiply", {"a": 6, "b": 7})),
        ("Multiply 2 by -3.5.", ("multiply", {"a": 2, "b": -3.5})),
        ('Note "buy 3 eggs".', ("note", {"text": "buy 3 eggs"})),
        ("Notez « acheter du lait »", ("note", {"text": "acheter du lait"})),
        ("「牛乳を買う」とメモして", ("note", {"text": "牛乳を買う"})),
        ("Is it warm in seoul?", ("weather", {"city": "Seoul"})),
        ("서울은 fahrenheit로 몇 도야?", ("weather", {"city": "서울", "unit": "fahrenheit"})),
        ("What is the current time?", ("current_time", {})),
        ("第４７１１号订单", ("look_up_order", {"order": 4711})),
    ],
)
def test_the_tool_is_called_that_the_message_fills(text: str, call: tuple[str, dict[str, Any]]) -> None:
    assert called(text) == call


@pytest.mark.parametrize(
    "text",
    [
        "Hi! I'm User7.",
        "What's my name?",
        "It is 2026-11-26, 10:30, at redis://host:6379/0 on 10.0.0.1.",
        "Python3 costs 4711x",
        "It's Parisian",
        "“",
    ],
)
def test_no_tool_is_called_where_nothing_fills_it(text: str) -> None:
    assert called(text) is None


@pytest.mark.parametrize(
    ("tool_choice", "call"),
    [
        ("auto", None),
        (False, None),
        ("none", None),
        ({"type": "none"}, None),
        ("any", ("note", {"text": "Hello"})),
        ("required", ("note", {"text": "Hello"})),
        (True, ("note", {"text": "Hello"})),
        ("note", ("note", {"text": "Hello"})),
        ("weather", ("weather", {})),
        ({"type": "function", "function": {"name": "note"}}, ("note", {"text": "Hello"})),
        ({"type": "tool", "name": "note"}, ("note", {"text": "Hello"})),
    ],
)
def test_a_choice_is_honoured(tool_choice: Any, call: tuple[str, dict[str, Any]] | None) -> None:
    tools: list[Callable[..., Any]] = [look_up_order, note, weather]
    message = MODEL.bind_tools(tools, tool_choice=tool_choice).invoke("Hello")
    assert [(one["name"], one["args"]) for one in message.tool_calls] == ([call] if call else [])


def test_none_means_none_and_a_name_means_that_tool() -> None:
    assert called("Order 4711", "none") is None
    assert called("Order 4711", "multiply") == ("multiply", {"a": 4711})


def test_an_unknown_tool_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"'refnd'.\nName it: tool_choice='look_up_order' \| 'refund'\.$"):
        MODEL.bind_tools([look_up_order, refund], tool_choice="refnd")


def test_a_providers_own_tool_is_left_to_the_provider() -> None:
    own = {"type": "web_search_20250305", "name": "web_search"}
    assert MODEL.bind_tools([own, look_up_order]).invoke("Order 4711").tool_calls[0]["name"] == "look_up_order"


def test_only_a_message_without_an_answer_calls() -> None:
    model = MODEL.bind_tools(TOOLS, tool_choice="any")
    assert not model.invoke([HumanMessage("Order 4711"), AIMessage("It cost 12.50.")]).tool_calls
    assert not model.invoke([SystemMessage("Order 4711")]).tool_calls


def test_calls_have_ids_that_stay_apart_and_repeat_on_every_run() -> None:
    question = HumanMessage("Order 4711")
    first = MODEL.bind_tools(TOOLS).invoke([question])
    assert first.tool_calls == MODEL.bind_tools(TOOLS).invoke([question]).tool_calls
    result = ToolMessage("12.50", tool_call_id=first.tool_calls[0]["id"])
    later = MODEL.bind_tools(TOOLS).invoke([question, first, result, AIMessage("12.50"), question]).tool_calls
    assert [later[0]["id"], first.tool_calls[0]["id"]] == ["call_2", "call_1"]


def test_results_are_quoted_with_the_names_of_their_tools() -> None:
    calls = [tool_call(name=name, args={}, id=name[0]) for name in ("add", "multiply")]
    results = [ToolMessage("5", tool_call_id="a"), ToolMessage("{6}", name="times", tool_call_id="m")]
    answer = MODEL.invoke([HumanMessage("2 and 3?"), AIMessage("", tool_calls=calls), *results])
    assert answer.text == f"{STAND_IN['en']} The tool add answers: 5\nThe tool times answers: {{6}}"
    assert not answer.tool_calls


@pytest.mark.parametrize(("language", "question"), ASKED.items())
async def test_an_agent_asks_its_tool_in_every_language(language: str, question: str) -> None:
    messages = agent().invoke(asking(question), CONFIG)["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert messages[1].tool_calls[0]["args"] == {"order": 4711}
    assert messages[1].response_metadata["finish_reason"] == "tool_calls"
    assert messages[3].text.startswith(STAND_IN[language])
    assert messages[3].text.endswith("Order 4711: 12.50")
    assert "look_up_order" in messages[3].text
    alike = (await agent().ainvoke(asking(question), CONFIG))["messages"]
    assert [(one.text, getattr(one, "tool_calls", 0)) for one in alike] == [
        (one.text, getattr(one, "tool_calls", 0)) for one in messages
    ]


async def test_a_call_is_streamed_as_a_chunk() -> None:
    options: dict[str, Any] = {"config": CONFIG, "stream_mode": "messages"}
    now = [piece for piece, _ in agent().stream(asking(ASKED["ja"]), **options)]
    then = [piece async for piece, _ in agent().astream(asking(ASKED["ja"]), **options)]
    for pieces in (now, then):
        call, result, *answer = pieces
        assert isinstance(call, AIMessageChunk)
        assert (call.text, call.chunk_position) == ("", "last")
        [chunk] = call.tool_call_chunks
        assert (chunk["name"], chunk["args"], chunk["id"]) == ("look_up_order", '{"order": 4711}', "call_1")
        assert isinstance(result, ToolMessage)
        assert len(answer) > 3
        assert [piece.chunk_position for piece in answer[-2:]] == [None, "last"]


@pytest.mark.parametrize(
    ("decision", "answer"),
    [
        ({"type": "approve"}, "12.5 of 4711 refunded"),
        ({"type": "reject", "message": "Not that much."}, "Not that much."),
    ],
)
def test_a_person_decides_on_a_call(decision: dict[str, str], answer: str) -> None:
    asked = agent(HumanInTheLoopMiddleware({"refund": True}))
    [interrupt] = asked.invoke(asking("Refund 12.50 for order 4711"), CONFIG)["__interrupt__"]
    assert interrupt.value["action_requests"][0]["args"] == {"order": 4711, "amount": 12.5}
    messages = asked.invoke(Command(resume={"decisions": [decision]}), CONFIG)["messages"]
    assert messages[-1].text.startswith(STAND_IN["en"])
    assert messages[-1].text.endswith(answer)


def test_structured_answers() -> None:
    class Order(BaseModel):
        number: int
        wish: str

    wanted = Order(number=4711, wish="blue")
    assert MODEL.with_structured_output(Order).invoke("“blue” for 4711") == wanted
    answering: Any = create_agent(MODEL, response_format=ToolStrategy(Order))
    answer = answering.invoke(asking("“blue” for 4711"))
    assert answer["structured_response"] == wanted


@pytest.mark.parametrize("language", INTRODUCTIONS)
async def test_a_conversation_that_was_summed_up_is_still_known(language: str) -> None:
    summing = SummarizationMiddleware(MODEL, trigger=("messages", 6), keep=("messages", 2))
    summed = agent(summing)
    for turn, question in enumerate([INTRODUCTIONS[language][0], *[ASKED[language], QUESTIONS[language][0]] * 4]):
        messages = (await summed.ainvoke(asking(question), CONFIG))["messages"]
        assert len(messages) < 9
        if question in QUESTIONS[language]:
            assert "Bob" in messages[-1].text
        elif turn:
            assert messages[-1].text.endswith("12.50")
    [summary] = [one for one in messages if one.additional_kwargs]
    assert summary.text.count(STAND_IN[language]) == 1
    assert summary.text.count("\n- ") == summary.text.count("Bob") + summary.text.count("4711") == 2


def test_a_prompt_of_ones_own_is_summed_up_too() -> None:
    prompt = 'Résume : <message type="human">1 &lt; 2</message>\n<message type="ai">Bon</message>'
    assert MODEL.invoke(prompt).text.splitlines()[1:] == ["- 1 < 2"]


def test_of_lines_that_were_said_again_the_latest_are_quoted() -> None:
    prompt = '<message type="human">red\nblue\ngreen\ngrey\nred</message>'
    assert MODEL.invoke(prompt).text.splitlines()[1:] == ["- green", "- grey", "- red"]


@pytest.mark.parametrize(
    "piece",
    ["4", "-1.", "1,", "“", '"', '"a', "「a」", "서울", "\n4 ", '<message type="human">', '<message type="human">4\n'],
)
def test_a_pasted_text_takes_no_more_than_linear_time(piece: str) -> None:
    for model in (MODEL, MODEL.bind_tools(TOOLS)):
        began = time.thread_time()
        model.invoke(repeated(piece))
        assert time.thread_time() - began < 0.5
    assert len(repeated(piece)) == PASTED
