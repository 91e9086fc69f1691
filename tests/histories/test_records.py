"""One message, one record: what is written can be read, by LangChain too, and what is read is what LangChain reads."""

import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import uuid
from collections.abc import Callable
from typing import Any, Literal

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
    filter_messages,
    message_chunk_to_message,
    message_to_dict,
    messages_from_dict,
    trim_messages,
)
from pydantic import BaseModel, Field, SecretStr, computed_field
from pydantic_core import to_jsonable_python

from helpers._histories.records import DamagedRecordError, decode, encode, encode_all, glimpse, signed
from helpers.errors import HelpersError, UnstorableMessageError
from tests.histories.test_compatibility import CALL, MESSAGES, dicts

HUMAN, AI = message_to_dict(HumanMessage("x"))["data"], message_to_dict(AIMessage("x"))["data"]
USAGE = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}


# --- what is read is what LangChain reads ---------------------------------------------------------

STRANGE: list[dict[str, Any]] = [
    {"type": "human", "data": {"content": "hi"}},
    {"type": "human", "data": {"content": "hi", "example": True, "colour": "red"}},
    {"type": "human", "data": HUMAN | {"name": ""}},
    {"type": "human", "data": HUMAN | {"id": 7}},
    {"type": "human", "data": HUMAN | {"content": []}},
    {"type": "human", "data": HUMAN | {"content": ["a", {"type": "text", "text": "b"}]}},
    {"type": "human", "data": HUMAN | {"content_blocks": [{"type": "text", "text": "instead"}]}},
    {"type": "human", "data": HUMAN | {"response_metadata": {"deep": [{}]}}},
    {"type": "system", "data": message_to_dict(SystemMessage("x"))["data"] | {"additional_kwargs": {"a": 1}}},
    {"type": "ai", "data": AI | {"colour": [1]}},
    {"type": "ai", "data": AI | {"response_metadata": {"big": 2**70, "f": 1e300}}},
    {"type": "ai", "data": AI | {"usage_metadata": {**USAGE, "input_tokens": 3.0, "mine": 1}}},
    {"type": "ai", "data": AI | {"tool_calls": [{"name": "f", "args": {}, "id": None, "extras": {"a": 1}}]}},
    {"type": "ai", "data": AI | {"additional_kwargs": {"tool_calls": [
        {"id": "1", "function": {"name": "f", "arguments": '{"a": 1}'}, "type": "function"},
        {"id": "2", "function": {"name": "f", "arguments": "{"}, "type": "function"},
    ]}}},
    {"type": "tool", "data": {"content": ["a", 1], "tool_call_id": 5}},
    {"type": "tool", "data": {"tool_call_id": "5"}},
    {"type": "tool", "data": {"content": 5, "tool_call_id": "5", "artifact": {"rows": [[1, None]]}, "status": "error"}},
    {"type": "remove", "data": {"content": "", "id": "1"}},
    *dicts([
        AIMessageChunk(content="a", tool_call_chunks=[{"name": "f", "args": "{", "id": "1", "index": 0}]),
        AIMessageChunk(content="a", chunk_position="last"),
        HumanMessageChunk(content="a"),
        SystemMessageChunk(content="a"),
        ToolMessageChunk(content="a", tool_call_id="1"),
        ChatMessageChunk(content="a", role="critic"),
        FunctionMessageChunk(content="a", name="f"),
    ]),
]  # fmt: skip


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


@pytest.mark.parametrize("record", [*dicts(MESSAGES), *STRANGE], ids=lambda record: record["type"])
@pytest.mark.parametrize("form", ["json", "compact", "text", "signed"])
def test_decoding_builds_what_langchain_builds(record: dict[str, Any], form: str) -> None:
    separators = (",", ":") if form == "compact" else None
    text = json.dumps(record, separators=separators, ensure_ascii=form != "compact")
    raw: dict[str, str | bytes] = {"text": text, "signed": signed(text.encode(), "0f")}
    (wanted,) = messages_from_dict([json.loads(text)])
    assert same(decode(raw.get(form, text.encode())), wanted)


def test_a_signed_record_is_one_with_a_mark() -> None:
    record = encode(HumanMessage("x"))
    assert json.loads(signed(record, "0f")) == json.loads(record) | {"write": "0f"}


def test_a_chat_message_of_langchainjs_is_read_with_its_role() -> None:
    data = {"content": "x", "role": "critic", "additional_kwargs": {}, "response_metadata": {}}
    wanted = ChatMessage(content="x", role="critic", additional_kwargs={}, response_metadata={})
    assert decode(json.dumps({"type": "generic", "data": data})) == wanted
    assert decode(json.dumps({"type": "generic", "data": data | {"type": "generic"}})) == wanted


def test_decoded_messages_do_not_share_state() -> None:
    changed, other = map(decode, encode_all([AIMessage("x")] * 2))
    fields, names = dict(other), set(other.model_fields_set)
    changed.content = "y"
    changed.additional_kwargs["a"] = changed.response_metadata["a"] = 1
    changed.tool_calls.append(CALL)  # type: ignore[attr-defined]
    changed.__pydantic_fields_set__.add("b")
    changed.extra = 1  # type: ignore[attr-defined]
    for untouched in (other, decode(encode(AIMessage("x")))):
        assert same(untouched, AIMessage(**AI))
        assert (dict(untouched), untouched.model_fields_set) == (fields, names)


DAMAGE = {
    "": "not JSON",
    "nul": "not JSON",
    "{not json: secret": "not JSON",
    "[" * 100_000: "not JSON",
    '{"a":' * 100_000: "not JSON",
    "1" * 5000: "not JSON",
    "null": "it is laid out otherwise",
    "[]": "it is laid out otherwise",
    '"secret"': "it is laid out otherwise",
    "{}": "field 'type' is missing",
    '{"type": "human"}': "field 'data' is missing",
    '{"type": "human", "data": {"text": "secret"}}': "field 'content' is missing",
    '{"type": "human", "data": {"content": {"secret": 1}}}': "field 'content' is not valid",
    '{"type": "human", "data": {"content": ["secret", 1]}}': "field 'content' is not valid",
    json.dumps({"type": "human", "data": vars(HumanMessage("")) | {"content": 5}}): "field 'content' is not valid",
    '{"type": "human", "data": {"content": "secret", "id": true}}': "field 'id' is not valid",
    '{"type": "human", "data": {"content": "secret", "name": 5}}': "field 'name' is not valid",
    '{"type": "human", "data": {"content": "secret", "type": "ai"}}': "field 'type' is not valid",
    '{"type": "human", "data": "secret"}': "it is laid out otherwise",
    '{"type": "ai", "data": ["secret"]}': "it is laid out otherwise",
    '{"type": "ai", "data": ["content", "secret"]}': "it is laid out otherwise",
    '{"type": "ai", "data": {"content": "secret", "usage_metadata": {}}}': "field 'usage_metadata' is not valid",
    '{"type": "ai", "data": {"content": "secret", "tool_calls": [{"secret": 1}]}}': "it is laid out otherwise",
    '{"type": "tool", "data": {"content": "secret"}}': "field 'tool_call_id' is missing",
    '{"type": "generic", "data": {"content": "secret"}}': "field 'role' is missing",
    '{"type": "robot", "data": {"content": "secret"}}': "unknown type 'robot'",
    '{"type": null, "data": {"content": "secret"}}': "unknown type None",
    '{"type": ["secret"], "data": {}}': "it is laid out otherwise",
}


@pytest.mark.parametrize(("record", "reason"), DAMAGE.items(), ids=lambda text: text[:40])
def test_damage_is_named_and_not_quoted(record: str, reason: str) -> None:
    for raw in (record, record.encode()):
        with pytest.raises(DamagedRecordError) as caught:
            decode(raw)
        assert str(caught.value) == reason
        assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("joined", ["{0},{0}", "{0} {0}", "{0}{0}", "{0}]", "[{0}]", "{0},"])
def test_a_record_holds_one_message_and_no_more(joined: str) -> None:
    with pytest.raises(DamagedRecordError):
        decode(joined.format(encode(HumanMessage("x")).decode()))


def test_a_type_that_is_a_text_is_cut() -> None:
    with pytest.raises(DamagedRecordError) as caught:
        decode(json.dumps({"type": "x" * 1000, "data": {}}))
    assert len(str(caught.value)) < 100


# --- what is written is what LangChain writes -----------------------------------------------------


def stored(message: BaseMessage) -> dict[str, Any]:
    """The record of a message, as every JSON parser reads it."""
    record: dict[str, Any] = json.loads(encode(message))
    assert record.keys() == {"type", "data"}
    return record


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_encoding_stores_what_langchain_stores(message: BaseMessage) -> None:
    message = message_chunk_to_message(message)
    assert stored(message) == json.loads(json.dumps(message_to_dict(message)))
    assert decode(encode(message)) == message


class Mixin:
    colour = "red"


class MyChunk(AIMessageChunk):
    pass


class MyMixedChunk(Mixin, AIMessageChunk):
    pass


class MyToolChunk(ToolMessageChunk):
    pass


CALL_CHUNKS: list[Any] = [
    {"name": "weather", "args": '{"city": "다', "id": "call-1", "index": 0},
    {"name": None, "args": '카르"}', "id": None, "index": 0},
    {"name": "weather", "args": "[", "id": "call-2", "index": 1},
]
STREAMED = AIMessageChunk(content="Par", id="run-1", response_metadata={"model_name": "m"})
for call in CALL_CHUNKS:
    STREAMED += AIMessageChunk(content="is", tool_call_chunks=[call])
STREAMED += AIMessageChunk(content="", usage_metadata=USAGE, chunk_position="last")  # type: ignore[arg-type]
CHUNKS: list[BaseMessage] = [
    STREAMED,
    AIMessageChunk(content="a", additional_kwargs={"tool_calls": [
        {"id": "3", "index": 0, "function": {"name": "f", "arguments": "{}"}, "type": "function"},
    ]}),
    AIMessageChunk(content="\ud83d cut"),
    AIMessageChunk(content=[{"type": "text", "text": "a", "index": 0}], response_metadata={"logprob": float("-inf")}),
    HumanMessageChunk(content="a", name="Bob"),
    SystemMessageChunk(content="a"),
    ToolMessageChunk(content="a", tool_call_id="1", artifact={"a": 1}, status="error"),
    ChatMessageChunk(content="a", role="critic"),
    FunctionMessageChunk(content="a", name="f"),
]  # fmt: skip


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: chunk.type)
def test_chunks_are_stored_as_the_messages_they_are_chunks_of(chunk: BaseMessage) -> None:
    wanted = message_chunk_to_message(chunk)
    assert stored(chunk) == json.loads(json.dumps(message_to_dict(wanted)))
    assert decode(encode(chunk)) == wanted
    assert not isinstance(wanted, BaseMessageChunk)


@pytest.mark.parametrize("kind", [MyChunk, MyMixedChunk, type("Mine", (MyMixedChunk,), {})])
def test_subclasses_of_chunks_are_messages_too(kind: Any) -> None:
    chunk = kind(content="a", tool_call_chunks=CALL_CHUNKS[:1], colour=DAY)
    assert stored(chunk) == stored(AIMessage("a", tool_calls=chunk.tool_calls, colour="2026-05-01"))
    assert stored(MyToolChunk(content="a", tool_call_id="1")) == stored(ToolMessage("a", tool_call_id="1"))
    assert stored(BaseMessageChunk(content="a", type="human")) == stored(HumanMessage("a"))


def test_langchain_filters_and_trims_what_was_streamed() -> None:
    messages = list(map(decode, encode_all([HumanMessage("capital?"), STREAMED, *CHUNKS[4:]])))
    assert filter_messages(messages, include_types=["ai"]) == messages[1:2]
    assert trim_messages(messages[:2], token_counter=len, max_tokens=10, end_on="ai") == messages[:2]
    assert [message.type for message in messages[2:]] == ["human", "system", "tool", "chat", "function"]


def test_numbers_survive() -> None:
    metadata = {"long": 2**80, "tiny": 5e-324, "nan": float("nan"), "inf": float("-inf"), "exact": 2**53 + 1}
    for message in (AIMessage("x", response_metadata=metadata), AIMessage("\ud83d", response_metadata=metadata)):
        assert str(decode(encode(message)).response_metadata) == str(metadata)


class Note(HumanMessage):
    colour: str = "red"
    secret: str = Field(default="s", exclude=True)

    @computed_field
    def twice(self) -> str:
        return f"{self.content}" * 2


def test_a_message_of_ones_own_class_keeps_its_fields() -> None:
    note: Any = Note
    for message in (note(content="x"), note(content="x\ud83d", later=1), HumanMessage("x", colour="red", size=[4])):
        assert stored(message) == json.loads(json.dumps(message_to_dict(message)))
        assert decode(encode(message)) == messages_from_dict([message_to_dict(message)])[0]


# --- what JSON can't hold -------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


class Booking(BaseModel):
    day: datetime.date
    guest: str = Field(default="Bob", serialization_alias="who")
    card: SecretStr = SecretStr("4111")


@dataclasses.dataclass
class Row:
    at: datetime.datetime
    price: decimal.Decimal


DAY = datetime.date(2026, 5, 1)
NOON = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
VALUES: list[tuple[Any, Any]] = [
    (DAY, "2026-05-01"),
    (NOON, "2026-05-01T12:00:00Z"),
    (datetime.timedelta(seconds=90), "PT1M30S"),
    (decimal.Decimal("1.10"), "1.10"),
    (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ({7}, [7]),
    (frozenset("a"), ["a"]),
    ((1, (2,)), [1, [2]]),
    (b"text", "text"),
    (b"\xff\x00", "_wA="),
    ({b"\xff"}, ["_w=="]),
    (Colour.RED, "red"),
    (pathlib.Path("a"), "a"),
    (Booking(day=DAY), {"day": "2026-05-01", "guest": "Bob", "card": "**********"}),
    (Row(NOON, decimal.Decimal(2)), {"at": "2026-05-01T12:00:00Z", "price": "2"}),
    ([{"row": Row(NOON, decimal.Decimal(2))}], [{"row": {"at": "2026-05-01T12:00:00Z", "price": "2"}}]),
    ({1: DAY}, {"1": "2026-05-01"}),
    (HumanMessage("nested"), message_to_dict(HumanMessage("nested"))["data"]),
    (json.loads("[" * 500 + "]" * 500), json.loads("[" * 500 + "]" * 500)),
]
HOLDERS: list[Callable[[Any], BaseMessage]] = [
    lambda value: ToolMessage("x", tool_call_id="1", artifact=value),
    lambda value: AIMessage("x", additional_kwargs={"parsed": value}),
    lambda value: AIMessage("x", response_metadata={"at": {"deep": value}}),
    lambda value: HumanMessage("x", extra=value),
    lambda value: SystemMessage("half \ud83d", additional_kwargs={"a": value}),
    lambda value: AIMessageChunk(content="x", additional_kwargs={"parsed": value}),
]


@pytest.mark.parametrize(("value", "wanted"), VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("holder", HOLDERS)
def test_what_json_can_not_hold_is_stored_as_pydantic_writes_it(
    holder: Callable[[Any], BaseMessage], value: Any, wanted: Any
) -> None:
    message = holder(value)
    assert stored(message) == stored(holder(wanted))
    assert decode(encode(message)) == message_chunk_to_message(holder(wanted))


def test_pydantic_agrees() -> None:
    for value, wanted in VALUES[:9]:
        assert to_jsonable_python(value) == wanted


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
ABYSS: list[Any] = []
for _ in range(100_000):
    ABYSS = [ABYSS]
UNSTORABLE = [object(), print, CIRCLE, ABYSS, ValueError("secret"), {"a": [object()]}, {("secret",): "half \ud83d"}]


@pytest.mark.parametrize("value", UNSTORABLE, ids=lambda value: type(value).__name__)
def test_what_can_not_be_stored_is_named_by_message_and_field(value: Any) -> None:
    for message, field in [
        (ToolMessage("x", tool_call_id="1", artifact=value), "artifact"),
        (AIMessage("x", additional_kwargs={"parsed": value}), "additional_kwargs"),
        (AIMessage("x", response_metadata={"a": {"b": value}}), "response_metadata"),
        (AIMessageChunk(content="x", response_metadata={"a": {"b": value}}), "response_metadata"),
        (HumanMessage("x", colour=value), "colour"),
    ]:
        with pytest.raises(UnstorableMessageError, match=rf"messages\[1\] .*{field}") as caught:
            encode_all([HumanMessage("fine"), message])
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__


class Thought(AIMessage):
    type: Literal["thought"] = "thought"  # type: ignore[assignment]


class Free(BaseMessage):
    type: str = "free"


NO_MESSAGES: list[Any] = [
    RemoveMessage(id="1"),
    Thought(content="x"),
    Free(content="x"),
    BaseMessage(content="x", type="robot"),
    BaseMessage(content="x", type="AIMessageChunk"),
    BaseMessage(content="x", type="tool"),  # a ToolMessage has a tool_call_id
    BaseMessageChunk(content="x", type="robot"),
    "text",
    ("human", "text"),
    {"type": "human", "data": {"content": "text"}},
    {"role": "user", "content": "text"},
    b"{}",
    None,
    Booking(day=DAY),
    HumanMessage,
]


@pytest.mark.parametrize("thing", NO_MESSAGES, ids=lambda thing: type(thing).__name__)
def test_what_is_no_message_is_refused_by_number_and_type(thing: Any) -> None:
    with pytest.raises(UnstorableMessageError) as caught:
        encode_all([HumanMessage("1"), AIMessage("2"), thing, HumanMessage("3")])
    first, advice = str(caught.value).splitlines()
    assert first.startswith(f"Nothing was stored: messages[2] ({type(thing).__name__}")
    assert getattr(thing, "type", "(") in first
    assert "list" in advice
    assert isinstance(caught.value, HelpersError)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


# --- what lists show ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ('{"type": "human", "data": {"content": "hi"}}', ("human", "hi")),
        ('{"type": "generic", "data": {"content": "hi", "role": "critic"}}', ("generic", "hi")),
        ('{"type": "ai", "data": {"content": [{"type": "text", "text": "a"}, "b"]}}', ("ai", "a b")),
        ('{"type": "ai", "data": {"content": [{"type": "image"}, 5]}}', ("ai", "[image] [?]")),
        ('{"type": "human", "data": {"content": "cut \\ud83d here"}}', ("human", "cut \ufffd here")),
        ('{"type": "human", "data": {"content": "\\ud83d"}}', ("human", "\ufffd")),
        ('{"type": "human", "data": {"content": "\\udf1e\\ud83d"}}', ("human", "\ufffd\ufffd")),
        ('{"type": "human", "data": {"content": "\\ud83c\\udf1e"}}', ("human", "🌞")),
        ('{"type": "\\ud83d", "data": {"content": [{"type": "\\ud83d"}]}}', ("\ufffd", "[\ufffd]")),
        ('{"type": "human", "data": {}}', None),
        ('{"type": 5, "data": {"content": "hi"}}', None),
        ("[]", None),
        ("nul", None),
        ("", None),
        ("[" * 100_000, None),
        ('{"type":' * 100_000, None),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_glimpse_can_always_be_shown(record: str, shown: tuple[str, str] | None) -> None:
    for raw in (record, record.encode()):
        seen = glimpse(raw)
        assert (seen and seen[:2]) == shown
        "".join(seen[:2] if seen else ()).encode()
        assert seen is None or seen[2] == json.loads(record)["data"]


def test_bytes_that_are_no_text_are_no_glimpse() -> None:
    assert glimpse(b'{"type": "human", "data": {"content": "\xff"}}') is None
