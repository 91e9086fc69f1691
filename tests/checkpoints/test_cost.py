"""What a thread costs is in step with what changes, and what makes it cheap changes nothing of what is read."""

from typing import Any

import redis
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6

from helpers import RedisSaver

BOB: RunnableConfig = {"configurable": {"thread_id": "bob", "checkpoint_ns": ""}}
CALL: Any = {"name": "weather", "args": {"where": {"city": ["Dakar"]}}, "id": "1", "type": "tool_call"}
TOKENS: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def put(saver: RedisSaver, values: list[Any], step: int = 0) -> None:
    checkpoint: Any = empty_checkpoint() | {"id": str(uuid6(clock_seq=step)), "channel_values": {"messages": values}}
    saver.put(BOB, checkpoint, {}, {})


def read(saver: RedisSaver) -> list[Any]:
    found = saver.get_tuple(BOB)
    assert found
    messages: list[Any] = found.checkpoint["channel_values"]["messages"]
    return messages


def test_what_is_made_from_memory_is_what_the_serializer_revives(client: "redis.Redis") -> None:
    messages: list[AnyMessage] = [
        HumanMessage("Hello", id="1"),
        AIMessage("", id="2", tool_calls=[CALL], usage_metadata=TOKENS, additional_kwargs={"number": 1}),
        ToolMessage("31 °C", tool_call_id="1", id="3", artifact={"exact": [31.0, b"\0", {1, 2}]}),
        SystemMessage([{"type": "text", "text": "Be kind."}], id="4"),
    ]
    saver = RedisSaver(client)
    put(saver, messages)
    for _ in range(3):
        again, cold = read(saver), read(RedisSaver(client))
        assert [type(one) for one in again] == [type(one) for one in cold]
        assert [one.__getstate__() for one in again] == [one.__getstate__() for one in cold]


def test_a_message_that_was_made_from_memory_and_changed_in_place_is_noticed(client: "redis.Redis") -> None:
    saver = RedisSaver(client)
    put(saver, [HumanMessage("Hello", id="1"), AIMessage("Hi", id="2", additional_kwargs={"seen": 1})])
    for _ in range(3):
        messages = read(saver)
    messages[1].additional_kwargs["seen"] = True
    assert read(saver)[1].additional_kwargs["seen"] is not True
    put(saver, messages, 1)
    for reader in (saver, RedisSaver(client)):
        assert read(reader)[1].additional_kwargs["seen"] is True
    fields: Any = client.hkeys("thread:bob")
    assert sum(field.startswith(b"messages@") for field in fields) == 3


def test_elements_that_repeat_do_not_hold_up_the_server(client: "redis.Redis") -> None:
    saver = RedisSaver(client, keep=2)
    values = [part for number in range(2000) for part in ("the same " * 10, f"another {number} " * 10)]
    for step in range(4):
        values = [*values[:-1], f"new {step} " * 20]
        put(saver, values, step)
    assert read(saver) == values
    fields: Any = client.hkeys("thread:bob")
    assert sum(field.startswith(b"messages@") for field in fields) == 2002
