"""Messages as the page of a chat gets them: what was said, what was called, thought, used and seen."""

import json
import re
from collections.abc import Mapping
from typing import Any

from helpers._histories.records import called
from helpers.sessions import Record
from helpers.widgets import pages

_PHOTO = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_LINE = 120


def message_of(role: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A message by its fields, as session.js describes it.

    Args:
        role: Its type.
        fields: What LangChain calls its fields, of any origin.
    """
    content = fields.get("content")
    blocks = [one if isinstance(one, dict) else {"type": "text", "text": str(one)} for one in _list(content)]
    texts = [str(one.get("text", "")) for one in blocks if one.get("type") == "text"]
    calls = [call for call in _list(fields.get("tool_calls")) if called({"tool_calls": [call]})]
    message = {
        "role": role,
        "who": pages.role(role),
        "text": "".join(texts),
        "calls": [
            {"shown": shown, "whole": json.dumps(call["args"], indent=2, ensure_ascii=False, default=str)}
            for call, shown in zip(calls, called({"tool_calls": calls}), strict=True)
        ],
    }
    usage = fields.get("usage_metadata")
    more: dict[str, Any] = {
        "name": fields.get("name") if role == "tool" else None,
        "reasoning": "\n".join(filter(None, map(_thought, blocks))),
        "usage": {name: usage.get(f"{name}_tokens", 0) for name in ("input", "output", "total")}
        if isinstance(usage, Mapping)
        else None,
        "photos": [_address(one) for one in blocks if "image" in str(one.get("type"))],
    }
    return message | {name: value for name, value in more.items() if value}


def record_of(record: Record) -> dict[str, Any]:
    """A record, as session.js describes it."""
    message = message_of(record.role, record.fields)
    if not record.fields:
        message["text"] = record.text
    elif record.cut and "photos" in message:
        message["photos"] = [None] * len(message["photos"])
    elif record.cut:
        message["text"] += "…"
    line = " ".join(" → ".join(filter(None, [record.text, *record.calls])).split())
    return message | {"bytes": record.bytes, "line": line if len(line) <= _LINE else line[: _LINE - 1] + "…"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _thought(block: Mapping[str, Any]) -> str:
    """What a block says that the model thought, as the makers of models write it."""
    if block.get("type") not in ("reasoning", "thinking"):
        return ""
    summary = [part.get("text", "") for part in _list(block.get("summary")) if isinstance(part, dict)]
    return str(block.get("reasoning") or block.get("thinking") or "\n".join(map(str, summary)))


def _address(block: Mapping[str, Any]) -> str | None:
    """Where a photo is: in the message itself, or elsewhere; None where it can't be shown."""
    source = block.get("source") if isinstance(block.get("source"), dict) else block.get("image_url", block)
    if isinstance(source, dict):
        data = source.get("base64") or source.get("data")
        kind = source.get("mime_type") or source.get("media_type") or "image/jpeg"
        source = f"data:{kind};base64,{data}" if data else source.get("url")
    address = str(source)
    return address if _PHOTO.fullmatch(address) or re.match("https?://", address) else None
