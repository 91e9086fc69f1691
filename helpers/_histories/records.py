"""One message, one JSON record: what the official classes write and read, only faster.

A record is ``{"type": …, "data": …}``, LangChain's own `message_to_dict` as JSON. Plain messages, which
nearly all are, take a short way that ends in the same bytes and objects; every other goes LangChain's way.
"""

import json
import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    message_to_dict,
    messages_from_dict,
)
from pydantic import BaseModel

# orjson reads an integer that is too long for 64 bits as a float; in a plain message there can be none.
_LONG_INTEGER = re.compile(rb"[0-9]{18}")
_FREE = ("content", "id", "name")
# The slots of a pydantic model, to be filled without the detour through its __setattr__.
_set_fields, _set_names, _set_extra, _set_private = (
    vars(BaseModel)[slot].__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


class _Plain(NamedTuple):
    """The messages of one class that hold a text, perhaps a name and an id, and nothing else of note."""

    kind: type[BaseMessage]
    size: int
    others: Callable[[dict[str, Any]], Any]  # takes a message's other fields …
    usual: Any  # … which are these
    names: set[str]


def _plain(kind: type[BaseMessage]) -> _Plain:
    # What such a message has beside, and with which values, LangChain itself says.
    fields = kind("").__dict__
    others = itemgetter(*(name for name in fields if name not in _FREE))
    return _Plain(kind, len(fields), others, others(fields), set(fields))


_BY_CLASS: dict[type[BaseMessage], _Plain] = {kind: _plain(kind) for kind in (HumanMessage, AIMessage, SystemMessage)}
_BY_TYPE = {"human": _BY_CLASS[HumanMessage], "ai": _BY_CLASS[AIMessage], "system": _BY_CLASS[SystemMessage]}


def encode(message: BaseMessage) -> str | bytes:
    """A message as its record."""
    plain = _BY_CLASS.get(type(message))
    if plain is not None:
        data = message.__dict__
        if type(data["content"]) is str and plain.others(data) == plain.usual and not message.__pydantic_extra__:
            try:
                return orjson.dumps({"type": data["type"], "data": data})
            except TypeError:
                pass  # half of a surrogate pair, which JSON can hold and UTF-8 can't
    return json.dumps(message_to_dict(message))


def signed(record: str | bytes, write_id: str) -> str | bytes:
    """A record that also carries the id of its write; the official classes pass over it."""
    if isinstance(record, bytes):
        return b'%s,"write":"%s"}' % (record[:-1], write_id.encode())
    return f'{record[:-1]}, "write": "{write_id}"}}'


def decode(record: str | bytes) -> BaseMessage:
    """The message of a record.

    Raises:
        Exception: The record is not JSON, or not a message; which it is depends on the damage.
    """
    try:
        fields = orjson.loads(record)
    except orjson.JSONDecodeError:
        fields = json.loads(record)  # NaN and half surrogates, if it is JSON at all
    return _message(fields, record)


def decode_all(records: Sequence[str | bytes]) -> list[BaseMessage]:
    """The messages of many records, a good deal faster than one by one.

    Raises:
        Exception: One of them is damaged; `decode` tells which.
    """
    if not records:
        return []
    if isinstance(records[0], str):
        together: Any = f"[{','.join(records)}]"  # type: ignore[arg-type]
    else:
        together = b"[%s]" % b",".join(records)  # type: ignore[arg-type]
    parsed = orjson.loads(together)
    if len(parsed) != len(records):
        raise ValueError("a record holds more or less than one value")
    return list(map(_message, parsed, records))


def _message(fields: Any, record: str | bytes) -> BaseMessage:
    plain = _BY_TYPE.get(fields["type"])
    if plain is not None:
        kind, size, others, usual, names = plain
        data = fields["data"]
        # With as many fields as there are names, and each of them there, there can be no other.
        try:
            if len(data) == size and others(data) == usual and type(data["content"]) is str:
                message_id, name = data["id"], data["name"]
                if (message_id is None or type(message_id) is str) and (name is None or type(name) is str):
                    # As validation would leave it, with nothing left to validate.
                    message = kind.__new__(kind)
                    _set_fields(message, data)
                    _set_names(message, names.copy())
                    _set_extra(message, {})
                    _set_private(message, None)
                    return message
        except (KeyError, TypeError):
            pass
    if _LONG_INTEGER.search(record if isinstance(record, bytes) else record.encode()):
        fields = json.loads(record)
    return messages_from_dict([fields])[0]


def glimpse(record: str | bytes) -> tuple[str, str] | None:
    """A record's role and text, to be shown in a list; None where it is not a chat message.

    Args:
        record: What Redis holds. Of content in blocks, those that are not text appear as ``[their type]``.
    """
    try:
        match json.loads(record):
            case {"type": str(role), "data": {"content": str(text)}}:
                return role, text
            case {"type": str(role), "data": {"content": [*blocks]}}:
                return role, " ".join(map(_block, blocks))
    except ValueError:
        pass
    return None


def _block(block: Any) -> str:
    match block:
        case str(text) | {"type": "text", "text": str(text)}:
            return text
        case {"type": str(kind)}:
            return f"[{kind}]"
    return "[?]"
