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
    message_chunk_to_message,
    message_to_dict,
    messages_from_dict,
)

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory
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
    # It stores a streamed answer as a chunk; we, as the message that its readers look for.
    wanted = known_to(official, dicts(list(map(message_chunk_to_message, MESSAGES))), server, client)
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
