"""The part of ormsgpack that LangGraph's serializer and the checkpointer use, in Python.

Classes, dates, enumerations and UUIDs are never written as plain values: both pass them through to `default`.
"""

import re
import struct
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

# ormsgpack's numbers.
OPT_NON_STR_KEYS = 2
OPT_PASSTHROUGH_DATACLASS, OPT_PASSTHROUGH_DATETIME, OPT_PASSTHROUGH_SUBCLASS = 16, 32, 64
OPT_PASSTHROUGH_TUPLE, OPT_PASSTHROUGH_UUID, OPT_PASSTHROUGH_ENUM = 128, 4096, 8192
OPT_REPLACE_SURROGATES = 32768

_PLAIN = (str, int, list, dict)
_CONSTANTS = {None: b"\xc0", False: b"\xc2", True: b"\xc3"}
_MOST_CALLS = 254


class MsgpackEncodeError(TypeError):
    """A value has no form in msgpack."""


class MsgpackDecodeError(ValueError):
    """Some bytes are not msgpack."""


class Ext(NamedTuple):
    """An extension: a number that says what it is, and its bytes."""

    tag: int
    data: bytes


def packb(value: Any, /, default: Callable[[Any], Any] | None = None, option: int | None = None) -> bytes:
    """A value as msgpack.

    Args:
        value: The value.
        default: What makes other values of one that msgpack has no form for.
        option: ormsgpack's options.

    Returns:
        The bytes that ormsgpack writes.

    Raises:
        MsgpackEncodeError: There is no form for it.
    """
    parts: list[bytes] = []
    try:
        _pack(value, default, option or 0, parts.append, 0)
    except RecursionError as error:
        raise MsgpackEncodeError("Recursion limit reached") from error
    return b"".join(parts)


def _pack(value: Any, default: Any, option: int, write: Callable[[bytes], None], calls: int) -> None:
    kind: Any = type(value)
    if kind not in _KINDS and not option & OPT_PASSTHROUGH_SUBCLASS and not isinstance(value, Enum):
        kind = next((one for one in _PLAIN if isinstance(value, one)), kind)
    if value is None or kind is bool:
        write(_CONSTANTS[value])
    elif kind is int:
        write(_packed_int(value))
    elif kind is float:
        write(struct.pack(">Bd", 0xCB, value))
    elif kind is str:
        data = _encoded(value, option)
        write(_head(len(data), 0xA0, 31, 0xD9, 0) + data)
    elif kind in (bytes, bytearray, memoryview):
        write(_head(len(bytes(value)), 0, -1, 0xC4, 0) + bytes(value))
    elif kind is list or (kind is tuple and not option & OPT_PASSTHROUGH_TUPLE):
        write(_head(len(value), 0x90, 15, 0xDC, 1))
        for item in value:
            _pack(item, default, option, write, calls)
    elif kind is dict:
        write(_head(len(value), 0x80, 15, 0xDE, 1))
        for key, item in value.items():
            _pack_key(key, option, write)
            _pack(item, default, option, write, calls)
    elif kind is Ext:
        write(_packed_ext(value))
    elif default is None or calls == _MOST_CALLS:
        said = f"Type is not msgpack serializable: {kind.__qualname__}"
        raise MsgpackEncodeError("Recursion limit for default hook reached" if calls else said)
    else:
        _pack(default(value), default, option, write, calls + 1)


_KINDS = frozenset({type(None), bool, int, float, str, bytes, bytearray, memoryview, list, tuple, dict, Ext})
_KEYS = frozenset({type(None), bool, int, float, bytes, tuple})


def _pack_key(key: Any, option: int, write: Callable[[bytes], None]) -> None:
    if type(key) is not str and not option & OPT_NON_STR_KEYS:
        raise MsgpackEncodeError("Dict key must be str")
    if isinstance(key, str) and not isinstance(key, Enum):
        key = str(key)
    elif type(key) not in _KEYS:
        raise MsgpackEncodeError("Dict key must a type serializable with OPT_NON_STR_KEYS")
    if type(key) is not tuple:
        _pack(key, None, option, write, 0)
        return
    write(_head(len(key), 0x90, 15, 0xDC, 1))
    for part in key:
        _pack_key(part, option, write)


def _packed_int(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack(">b" if value < 0 else ">B", value)
    for place, size in enumerate((8, 16, 32, 64)):
        if 0 <= value < 1 << size:
            return struct.pack(">B" + "BHIQ"[place], 0xCC + place, value)
        if -1 << (size - 1) <= value < 0:
            return struct.pack(">B" + "bhiq"[place], 0xD0 + place, value)
    raise MsgpackEncodeError("Integer exceeds 64-bit range")


def _encoded(text: str, option: int) -> bytes:
    if option & OPT_REPLACE_SURROGATES:
        text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MsgpackEncodeError("string contains surrogates") from None


def _head(length: int, short: int, longest: int, first: int, least: int) -> bytes:
    """What stands before so many bytes or items: a byte of its own if they are few, else how many there are."""
    if length <= longest:
        return bytes([short | length])
    place = next(place for place in range(least, 3) if length < 1 << (8 << place))
    return struct.pack(">B" + "BHI"[place], first + place - least, length)


def _packed_ext(value: Ext) -> bytes:
    tag, data = struct.pack(">b", value.tag), bytes(value.data)
    if len(data) in (1, 2, 4, 8, 16):
        return bytes([0xD4 + len(data).bit_length() - 1]) + tag + data
    return _head(len(data), 0, -1, 0xC7, 0) + tag + data


def unpackb(
    data: bytes | bytearray | memoryview,
    /,
    *,
    ext_hook: Callable[[int, bytes], Any] | None = None,
    option: int | None = None,
) -> Any:
    """The value that some msgpack holds.

    Args:
        data: The bytes.
        ext_hook: What makes a value of an extension.
        option: ormsgpack's options.

    Returns:
        The value.

    Raises:
        MsgpackDecodeError: They are not msgpack.
    """
    try:
        return _Packed(bytes(data), ext_hook, option or 0).value()
    except RecursionError as error:
        raise MsgpackDecodeError("recursion limit exceeded") from error


_FORMS = dict(zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True))
_SIZED = {0xC4: "bin", 0xC5: "bin", 0xC6: "bin", 0xC7: "ext", 0xC8: "ext", 0xC9: "ext"}
_SIZED |= {0xD9: "str", 0xDA: "str", 0xDB: "str", 0xDC: "array", 0xDD: "array", 0xDE: "map", 0xDF: "map"}
_WIDTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_WIDTHS |= {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}


class _Packed:
    def __init__(self, data: bytes, hook: Callable[[int, bytes], Any] | None, option: int) -> None:
        self._data, self._hook, self._option, self._at = data, hook, option, 0

    def value(self, is_key: bool = False) -> Any:
        first = self._take(1)[0]
        if first < 0x80 or first >= 0xE0:
            return self._plain(first - (first >= 0xE0) * 0x100, is_key)
        if first in (0xC0, 0xC2, 0xC3):
            return self._plain({0xC0: None, 0xC2: False, 0xC3: True}[first], is_key)
        if form := _FORMS.get(first):
            return self._plain(struct.unpack(">" + form, self._take(struct.calcsize(form)))[0], is_key)
        if first < 0xC0:
            kind = "map" if first < 0x90 else "array" if first < 0xA0 else "str"
            length = first & (15 if first < 0xA0 else 31)
        elif first in _SIZED:
            kind, length = _SIZED[first], int.from_bytes(self._take(_WIDTHS[first]))
        elif 0xD4 <= first <= 0xD8:
            kind, length = "ext", 1 << (first - 0xD4)
        else:
            raise MsgpackDecodeError("invalid type Reserved")
        if kind == "str":
            return self._text(length)
        if kind == "bin":
            return self._plain(self._take(length), is_key)
        if kind == "array":
            items = [self.value(is_key) for _ in range(length)]
            return self._plain(tuple(items), is_key) if is_key else items
        if is_key or (kind == "ext" and self._hook is None):
            raise MsgpackDecodeError(f"invalid type {kind}")
        if kind == "map":
            return {self.value(is_key=True): self.value() for _ in range(length)}
        assert self._hook is not None
        return self._hook(struct.unpack(">b", self._take(1))[0], self._take(length))

    def _plain(self, value: Any, is_key: bool) -> Any:
        if is_key and not self._option & OPT_NON_STR_KEYS:
            raise MsgpackDecodeError(f"invalid type {type(value).__name__}")
        return value

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise MsgpackDecodeError("invalid UTF-8 string") from None

    def _take(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise MsgpackDecodeError("unexpected end of file")
        return self._data[self._at - size : self._at]
