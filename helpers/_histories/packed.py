"""msgpack as LangGraph's serializer writes it, looked at without making anything but plain values of it."""

import struct
from typing import Any

# By the first byte: how many bytes say the length, and what has that length.
_SIZED = {0xC4: "bin", 0xC7: "ext", 0xD9: "str", 0xDC: "array", 0xDE: "map"}
_LENGTHS = {
    first + step: (kind, (2 if first in (0xDC, 0xDE) else 1) << step)
    for first, kind in _SIZED.items()
    for step in range(2 if first in (0xDC, 0xDE) else 3)
}
_NUMBERS = dict(zip(range(0xCA, 0xD4), ("f", "d", "B", "H", "I", "Q", "b", "h", "i", "q"), strict=True))
_CONSTANTS = {0xC0: None, 0xC1: None, 0xC2: False, 0xC3: True}


def unpacked(data: bytes) -> Any:
    """The plain values that msgpack holds; of an extension, such as a message, what it consists of.

    Args:
        data: What was packed, whole or its beginning; then what is missing at the end is left out.

    Raises:
        ValueError: It is not msgpack.
        RecursionError: It is nested deeper than any message.
    """
    return _Packed(data).value()


class _Packed:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def value(self) -> Any:
        first = self._take(1)[0] if self._at < len(self._data) else 0xC0
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if form := _NUMBERS.get(first):
            size = struct.calcsize(form)
            return struct.unpack(">" + form, self._take(size).ljust(size, b"\0"))[0]
        if first < 0xC0:
            kind, length = (
                ("map", first & 15) if first < 0x90 else ("array", first & 15) if first < 0xA0 else ("str", first & 31)
            )
        elif first in _LENGTHS:
            kind, size = _LENGTHS[first]
            length = int.from_bytes(self._take(size))
        else:
            kind, length = "ext", 1 << (first - 0xD4)
        if kind == "map":
            return {str(self.value()): self.value() for _ in self._each(length)}
        if kind == "array":
            return [self.value() for _ in self._each(length)]
        if kind == "ext":
            self._take(1)
            return unpacked(self._take(length))
        taken = self._take(length)
        return taken if kind == "bin" else taken.decode("utf-8", "replace")

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def _each(self, length: int) -> Any:
        for _ in range(length):
            if self._at >= len(self._data):
                return
            yield
