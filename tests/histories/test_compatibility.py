"""Each side reads what the other wrote: ours, and the official classes in environments of their own."""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers._histories.records import decode, decode_all, encode
from helpers.embedded import EmbeddedServer
from tests.conftest import ROOT
from tests.support.official import COMMUNITY, MEMORYSTORE, official_python

CALL = {"name": "weather", "args": {"city": "다카르", "days": [1, 2.5]}, "id": "call-1", "type": "tool_call"}

MESSAGES: list[BaseMessage] = [
    HumanMessage("Hi!"),
    AIMessage("Hello."),
    SystemMessage("Be kind."),
    HumanMessage("", id="h-1", name="Bob"),
    AIMessage("with an id", id="run-1", name="model"),
    HumanMessage([{"type": "text", "text": "and"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]),
    AIMessage("", tool_calls=[CALL]),
    AIMessage("", invalid_tool_calls=[{"name": "w", "args": "{", "id": "2", "error": "x", "type": "invalid_tool_call"}]),
    AIMessage("", additional_kwargs={"tool_calls": [{"id": "3", "function": {"name": "f", "arguments": "{}"}, "type": "function"}]}),
    ToolMessage("31 °C", tool_call_id="call-1", artifact={"celsius": [31, None]}, status="error", name="weather"),
    AIMessage(
        "metadata",
        usage_metadata={"input_tokens": 3, "output_tokens": 5, "total_tokens": 8, "input_token_details": {"cache_read": 1}},
        response_metadata={"model_name": "m", "logprobs": -0.25, "finish_reason": None, "n": 2**53 + 1},
        additional_kwargs={"refusal": None},
    ),
    AIMessageChunk(content="a chunk", id="c-1"),
    ChatMessage(content="as another", role="critic"),
    FunctionMessage(content="42", name="answer"),
    *map(HumanMessage, ["한국어", "中文（全角）", "français « »", "¿español?", "العربية", "हिन्दी", "👩‍👩‍👧 🌞", "line\nbreak\t\u2028\x00\x7f", '"\\/']),
]  # fmt: skip


class Official(NamedTuple):
    """An official class and ours of the same name."""

    package: str
    python: Path
    ours: Any

    def history(self, client: redis.Redis) -> Any:
        return self.ours(session_id="bob", client=client)

    def run(self, url: str, action: str, messages: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        worker = ROOT / "tests" / "support" / "official_worker.py"
        done = subprocess.run(
            [str(self.python), "-P", str(worker), self.package, url, "bob", action],
            input=json.dumps(messages),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        answer: list[dict[str, Any]] = json.loads(done.stdout)
        return answer


@pytest.fixture(scope="module", params=["community", "memorystore"])
def official(request: pytest.FixtureRequest) -> Official:
    if request.param == "community":
        return Official("community", official_python(COMMUNITY), RedisChatMessageHistory)
    return Official("memorystore", official_python(MEMORYSTORE), MemorystoreChatMessageHistory)


def dicts(messages: list[BaseMessage]) -> list[dict[str, Any]]:
    return list(map(message_to_dict, messages))


def known_to(official: Official, messages: list[dict[str, Any]], server: EmbeddedServer, client: redis.Redis) -> Any:
    """The messages as the official class itself returns them once it has written them.

    Its LangChain is another one: it may add or default fields of its own.
    """
    returned = official.run(server.url, "write", messages)
    client.flushall()
    return returned


def test_it_reads_what_we_wrote(official: Official, server: EmbeddedServer, client: redis.Redis) -> None:
    wanted = known_to(official, dicts(MESSAGES), server, client)
    official.history(client).add_messages(MESSAGES)
    assert official.run(server.url, "read") == wanted
    assert [message["data"]["content"] for message in wanted] == [message.content for message in MESSAGES]


def test_we_read_what_it_wrote(official: Official, server: EmbeddedServer, client: redis.Redis) -> None:
    official.run(server.url, "write", dicts(MESSAGES))
    stored = client.lrange(official.history(client).key, 0, -1)
    records = [json.loads(record) for record in (stored[::-1] if official.package == "community" else stored)]
    messages = official.history(client).messages
    # What LangChain here builds from the records as they stand, fields of the other's own included.
    assert messages == messages_from_dict(records)
    assert [message.content for message in messages] == [message.content for message in MESSAGES]
    assert [message.type for message in messages] == [message.type for message in MESSAGES]


def test_both_write_into_one_conversation(official: Official, server: EmbeddedServer, client: redis.Redis) -> None:
    history = official.history(client)
    history.add_messages([HumanMessage("1"), AIMessage("2")])
    official.run(server.url, "write", dicts([HumanMessage("3"), AIMessage("4")]))
    history.add_messages([HumanMessage("5")])
    assert [message.content for message in history.messages] == list("12345")
    assert [message["data"]["content"] for message in official.run(server.url, "read")] == list("12345")


# --- the short way of plain messages ends where LangChain's does --------------------------------

UNKNOWN: list[dict[str, Any]] = [
    {"type": "human", "data": {"content": "hi"}},
    {"type": "human", "data": {"content": "hi", "example": True, "colour": "red"}},
    {"type": "ai", "data": message_to_dict(AIMessage("x"))["data"] | {"colour": [1]}},
    {"type": "ai", "data": message_to_dict(AIMessage("x"))["data"] | {"response_metadata": {"big": 2**70, "f": 1e300}}},
    {"type": "human", "data": message_to_dict(HumanMessage("x"))["data"] | {"name": ""}},
    {"type": "system", "data": {**message_to_dict(SystemMessage("x"))["data"], "additional_kwargs": {"a": 1}}},
]


def same(one: BaseMessage, other: BaseMessage) -> bool:
    return (
        type(one) is type(other)
        and one == other
        and one.__dict__ == other.__dict__
        and one.__pydantic_fields_set__ == other.__pydantic_fields_set__
        and one.__pydantic_extra__ == other.__pydantic_extra__
        and one.__pydantic_private__ == other.__pydantic_private__
        and repr(one) == repr(other)
        and one.model_copy(deep=True) == other
    )


@pytest.mark.parametrize("record", [*dicts(MESSAGES), *UNKNOWN], ids=lambda record: record["type"])
@pytest.mark.parametrize("form", ["json", "compact", "text"])
def test_decoding_builds_what_langchain_builds(record: dict[str, Any], form: str) -> None:
    separators = (",", ":") if form == "compact" else None
    text = json.dumps(record, separators=separators, ensure_ascii=form != "compact")
    raw = text if form == "text" else text.encode()
    (wanted,) = messages_from_dict([json.loads(text)])
    assert same(decode(raw), wanted)
    assert all(same(made, wanted) for made in decode_all([raw, raw]))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_encoding_stores_what_langchain_stores(message: BaseMessage) -> None:
    assert json.loads(encode(message)) == json.loads(json.dumps(message_to_dict(message)))


def test_numbers_survive() -> None:
    metadata = {"long": 2**80, "tiny": 5e-324, "nan": float("nan"), "inf": float("-inf")}
    again = decode(encode(AIMessage("x", response_metadata=metadata)))
    assert str(again.response_metadata) == str(metadata)


def test_a_message_of_ones_own_class_keeps_its_fields() -> None:
    class Note(HumanMessage):
        colour: str = "red"

    note = Note(content="x")
    assert decode(encode(note)) == messages_from_dict([message_to_dict(note)])[0]


def test_decoded_messages_do_not_share_state() -> None:
    one, other = decode_all([encode(AIMessage("x"))] * 2)
    one.additional_kwargs["a"] = 1
    one.__pydantic_fields_set__.add("b")
    assert other.additional_kwargs == {}
    assert decode(encode(AIMessage("x"))).__pydantic_fields_set__ == other.__pydantic_fields_set__
