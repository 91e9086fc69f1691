"""One message, one JSON record: what the official classes write and read, only faster.

A record is ``{"type": …, "data": …}``, LangChain's own `message_to_dict` as JSON. pydantic writes and parses it, and
the validators of LangChain's classes make the messages, without the way round through their constructors.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
)
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json, to_jsonable_python

from helpers._localization.messages import say
from helpers.errors import UnstorableMessageError

# What a conversation consists of, by the names that records have for it.
_KINDS: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "chat": ChatMessage,
    "function": FunctionMessage,
}


class _AnyText:
    """Equal to every text, and to nothing else."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return type(other) is str


# A text and nothing else has nothing to validate: its fields go into the slots of a pydantic model as they are.
_BARE = {name: vars(_KINDS[name]("")) | {"content": _AnyText()} for name in ("human", "ai", "system")}
_AROUND = {name: to_json({"type": name, "data": vars(_KINDS[name](""))}).split(b'""', 1) for name in _BARE}
_WRITING: dict[type, tuple[Any, Any, Any]] = {
    kind: (name, _BARE.get(name), _AROUND.get(name)) for name, kind in _KINDS.items()
}
_READING: dict[Any, tuple[Any, Any, Any, set[str]]] = {
    name: (kind, kind.__pydantic_validator__.validate_python, _BARE.get(name, ...), set(_BARE.get(name, ())))
    for name, kind in _KINDS.items()
}
_UNKNOWN = (None, None, ..., set[str]())
_lay_fields, _lay_names, _lay_extra, _lay_private = (
    vars(BaseModel)[slot].__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class DamagedRecordError(ValueError):
    """A record is not a message. Says why, and names types and fields, but quotes no content."""


def encode_all(messages: Iterable[BaseMessage]) -> list[bytes]:
    """The records of messages.

    A chunk, as streaming leaves it, is stored as the message that it is a chunk of. What JSON can't hold is stored as
    pydantic writes it: a date in ISO 8601, a set as a list, an object by its fields, bytes as text. Bytes that are not
    UTF-8 are stored as URL-safe base64.

    Raises:
        UnstorableMessageError: One of them is not a message, or holds what could not be read back.
    """
    return [encode(message, number) for number, message in enumerate(messages)]


def encode(message: BaseMessage, number: int = 0) -> bytes:
    """Like `encode_all`, for the message of that number."""
    name, bare, around = _WRITING.get(type(message), (None, None, None))
    if name and not message.__pydantic_extra__:
        try:
            if (fields := vars(message)) == bare:
                return to_json(fields["content"]).join(around)
            return to_json({"type": name, "data": fields}, by_alias=False)
        except ValueError:
            pass  # half of a surrogate pair, which LangChain's way holds, or bytes, which `_jsonable` does
    elif isinstance(message, BaseMessageChunk) and (whole := _whole(message)):
        return encode(whole, number)
    if not isinstance(message, BaseMessage) or message.type not in _KINDS:
        _refuse(message, number, "is no chat message")
    parts = []
    for field in (*dict(message), *type(message).model_computed_fields):
        try:
            parts.append(json.dumps(message.model_dump(include={field}), default=_jsonable)[1:-1])
        except (TypeError, ValueError, RecursionError):
            _refuse(message, number, f"holds in {field!r} what JSON can't")
    record = b'{"type": "%s", "data": {%s}}' % (message.type.encode(), ", ".join(filter(None, parts)).encode())
    try:
        decode(record)
    except DamagedRecordError as error:
        _refuse(message, number, f"could not be read back: {error}")
    return record


def _whole(chunk: BaseMessageChunk) -> BaseMessage | None:
    # LangChain's `message_chunk_to_message` takes a class's first parent, which for a subclass is a chunk again.
    passing = ("type", "tool_call_chunks", "chunk_position")
    fields = {name: value for name, value in chunk if name not in passing}
    return next((kind.model_construct(**fields) for kind in _KINDS.values() if isinstance(chunk, kind)), None)


def _jsonable(value: Any) -> Any:
    try:
        return to_jsonable_python(value)
    except UnicodeDecodeError:
        return to_jsonable_python(value, bytes_mode="base64")


def _refuse(message: object, number: int, why: str) -> NoReturn:
    kind = type(message).__name__ + (f", type {message.type!r}" if isinstance(message, BaseMessage) else "")
    raise UnstorableMessageError(
        f"Nothing was stored: messages[{number}] ({kind}) {why}.\n"
        + say(
            "Pass a list of LangChain messages (human, AI, system, tool, function or chat) with values "
            "that JSON can hold."
        )
    ) from None


def signed(record: bytes, write_id: str) -> bytes:
    """A record that also carries the id of its write; the official classes pass over it."""
    return b'%s,"write":"%s"}' % (record[:-1], write_id.encode())


def decode(record: str | bytes) -> BaseMessage:
    """The message of a record, as LangChain's `messages_from_dict` makes it.

    Raises:
        DamagedRecordError: The record is not JSON, or not a message.
    """
    fields: Any = None
    try:
        try:
            fields = from_json(record)
        except ValueError:
            fields = json.loads(record)  # half of a surrogate pair, or deeper than pydantic reads
        name, data = fields["type"], fields["data"]
        kind, validate, bare, names = _READING.get(name, _UNKNOWN)
        if data == bare:
            message: BaseMessage = object.__new__(kind)
            _lay_fields(message, data)
            _lay_names(message, names.copy())
            _lay_extra(message, {})
            _lay_private(message, None)
            return message
        if kind is None or "content" not in data or "content_blocks" in data:
            if name == "generic":  # a ChatMessage of langchainjs
                name, data = "chat", {**data, "type": "chat"}
            return messages_from_dict([{"type": name, "data": data}])[0]
        # What `kind(**data)` comes to, after three constructors that have nothing to do.
        return validate(data, self_instance=object.__new__(kind))  # type: ignore[no-any-return]
    except KeyError as error:
        reason = f"field {error.args[0]!r} is missing"
    except ValidationError as error:
        place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
        field = (*place, "data")[0]
        reason = f"field {field!r} is {'not valid' if field in fields['data'] else 'missing'}"
    except (ValueError, RecursionError):
        reason = f"unknown type {fields['type']!r:.60}" if fields else "not JSON"
    except (AttributeError, TypeError):
        reason = "it is laid out otherwise"
    raise DamagedRecordError(reason)


def glimpse(record: str | bytes) -> tuple[str, str, dict[str, Any]] | None:
    """A record's role and text, to be shown in a list, and its fields; None where it is not a chat message.

    Args:
        record: What Redis holds. Of content in blocks, those that are not text appear as ``[their type]``, and half of
            a surrogate pair, which can't be shown, as U+FFFD.
    """
    try:
        match json.loads(record):
            case {"type": str(role), "data": {"content": str() | list() as content} as fields}:
                return *shown(role, content), fields
    except (ValueError, RecursionError):
        pass
    return None


def shown(role: str, content: str | list[Any]) -> tuple[str, str]:
    """A message's role and text, as `glimpse` gives them."""
    text = content if isinstance(content, str) else " ".join(map(_block, content))
    return _HALF_PAIR.sub("\ufffd", role), _HALF_PAIR.sub("\ufffd", text)


def called(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The calls of tools that a message's fields hold, each to be shown; what is no call is left out."""
    calls: Any = fields.get("tool_calls")
    return tuple(
        f"{call['name']}({', '.join(f'{argument}={value!r}' for argument, value in call['args'].items())})"
        for call in (calls if isinstance(calls, list) else ())
        if isinstance(call, dict) and "name" in call and isinstance(call.get("args"), dict)
    )


def _block(block: Any) -> str:
    match block:
        case str(text) | {"type": "text", "text": str(text)}:
            return text
        case {"type": str(kind)}:
            return f"[{kind}]"
    return "[?]"
