"""A checkpoint as it is stored: values each once under a number, and a record that names the numbers.

What a process knows of a thread, the values by their numbers and the numbers by what the values hold, it remembers, so
that only what is new travels, either way. It compares content, never identity: a message that was changed in place is a
new one.
"""

import json
import marshal
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import ormsgpack
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.event_hooks import register_serde_event_listener
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from pydantic import BaseModel

from helpers.errors import UnstorableStateError

REMEMBERED_BYTES = 64 << 20
"""How much a saver remembers of values, of all its threads; what they are known by is as much again at most.
The threads that were not used for longest go first."""

_SMALL = 256  # bytes; what has no more stays in the record
_WORTH_A_NUMBER = 64  # bytes an element, about what a field of a hash costs
_CHECKPOINTS = 1000
_SHORT = 1024  # bytes
_MOST = 10_000_000  # values that one range names
# Nothing but plain values; whatever else, and their subclasses, are refused.
_PLAIN = (
    ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_SCALARS = {type(None), bool, int, float}
_LIGHT = _SCALARS | {str, bytes}


class Damage(Exception):  # noqa: N818  # which place it is, its catcher knows
    """A stored value is not what this module stores.

    Attributes:
        field: The field that holds it, where that is known here.
    """

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field


def escape(name: str) -> str:
    """The name of a namespace or a channel as part of a field's name and of a record's first line."""
    return re.sub(r"[\s%@=]", lambda sign: quote(sign[0], safe=""), name) or "%"


def suffix_of(namespace: str) -> str:
    """How the fields of a checkpoint namespace end."""
    return ":" + escape(namespace) if namespace else ":"


def namespace_of(suffix: str) -> str:
    """The namespace whose fields end so."""
    return unquote(suffix[1:])


class Record(NamedTuple):
    """A checkpoint, its values still numbers: of each channel, the fields that hold them.

    `shown` is whether it can be gone back to, `stored` what was read.
    """

    checkpoint_id: str
    parent: str | None
    fields: list[list[str]]
    body: bytes
    shown: bool
    stored: bytes


def read_record(checkpoint_id: str, stored: bytes) -> Record:
    """Take a record apart.

    Raises:
        Damage: It is none.
    """
    head, found, body = stored.partition(b"\n")
    try:
        _, parent, reach, *channels = head.decode().split(" ")
        named = [channel.partition("=") for channel in channels]
        fields = [[f"{channel}@{number}" for number in numbers_in(numbers)] for channel, _, numbers in named]
    except ValueError:
        fields = []
        found = b""
    if not found or not (reach == "-" or reach.isdecimal()):
        raise Damage("its first line is not TOKEN PARENT REACH CHANNEL=NUMBERS …")
    return Record(checkpoint_id, None if parent == "-" else parent, fields, body, reach != "-", stored)


def numbers_in(text: str) -> Iterator[int]:
    """The numbers that ranges name, in their order."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if not 0 <= int(last or first) - int(first) < _MOST:
            raise ValueError(part)
        yield from range(int(first), int(last or first) + 1)


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as a record names them, in their order: ``3,4,5,1`` is ``3-5,1``; below zero are new ones, from -1 on."""
    found: list[list[int]] = []
    following = None
    for number in numbers:
        if number != following:
            found.append([number, number])
        found[-1][1] = number
        following = number + (1 if number >= 0 else -1)
    named = [(_named(first), _named(last)) for first, last in found]
    return ",".join(first if first == last else f"{first}-{last}" for first, last in named)


def _named(number: int) -> str:
    return str(number) if number >= 0 else f"+{-number - 1}"


@dataclass(frozen=True, slots=True)
class Mold:
    """A message that was revived before, to be made again: many times faster than by the serializer, and just as new.

    Attributes:
        state: The state of such a message, as `marshal` writes it. It never leaves the process, nor came from outside.
        content: What the message's content is known by.
    """

    kind: type[BaseModel]
    state: bytes
    content: bytes

    def __len__(self) -> int:
        return len(self.state)

    def made(self) -> Any:
        """The message."""
        message: Any = object.__new__(self.kind)
        message.__setstate__(marshal.loads(self.state))  # noqa: S302  # written by this process
        return message


@dataclass
class Known:
    """What a process knows of a thread's hash, in one life of it.

    Attributes:
        values: What fields hold.
        numbers: By channel and content, the numbers that are there while `swept` is what it is.
        checkpoints: Those that were read or written.
    """

    life: str
    swept: str = "0"
    values: dict[str, bytes | Mold] = dataclass_field(default_factory=dict)
    numbers: dict[str, dict[bytes, int]] = dataclass_field(default_factory=dict)
    checkpoints: set[str] = dataclass_field(default_factory=set)
    size: int = 0

    def learn(self, field: str, content: bytes, value: bytes | Mold) -> None:
        """Remember a value."""
        known = self.values.get(field, b"")
        if known is not value:
            self.size += len(value) - len(known)
            self.values[field] = value
        channel, _, number = field.partition("@")
        self.numbers.setdefault(channel, {})[content] = int(number)

    def note(self, checkpoints: Iterable[str]) -> None:
        """Remember that there are checkpoints; of a few the server is asked again."""
        if len(self.checkpoints) > _CHECKPOINTS:
            self.checkpoints.clear()
        self.checkpoints.update(checkpoints)

    def only(self, there: Callable[[str], bool], channels: Iterable[str]) -> None:
        """Rely on no other fields of these channels than those that are there."""
        for channel in channels:
            numbers = self.numbers.get(channel, {}).items()
            self.numbers[channel] = {content: number for content, number in numbers if there(f"{channel}@{number}")}


class Memory:
    """What a saver remembers of its threads."""

    def __init__(self) -> None:
        self._threads: OrderedDict[str, Known] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Known | None:
        """What is known of a thread."""
        return self._threads.get(key)

    def has(self, key: str, name: str) -> bool:
        """Whether a checkpoint was read or written here."""
        known = self._threads.get(key)
        return known is not None and name in known.checkpoints

    def missed(self, key: str, name: str) -> None:
        """Note that a checkpoint isn't there."""
        if known := self._threads.get(key):
            known.checkpoints.discard(name)

    def seen(self, key: str, life: str, swept: str, names: Iterable[str], there: Iterable[str]) -> Known:
        """What is known of a thread as it was just read: some checkpoints, and the fields that they name."""
        with self._lock:
            known = self._current(key, life)
            if known.swept != swept:
                known.only(set(there).__contains__, list(known.numbers))
                known.swept = swept
            known.note(names)
            return known

    def learn(self, key: str, known: Known, swept: str, values: Iterable[tuple[str, bytes, bytes | Mold]]) -> None:
        """Remember values as they were seen: field, content and bytes of each."""
        with self._lock:
            if self._threads.get(key) is not known or known.swept != swept:  # something newer was learned meanwhile
                return
            self._size -= known.size
            for field, content, value in values:
                known.learn(field, content, value)
            self._size += known.size
            self._threads.move_to_end(key)
            while self._size > REMEMBERED_BYTES and len(self._threads) > 1:
                self._size -= self._threads.popitem(last=False)[1].size

    def wrote(self, key: str, name: str, seen: Sequence[str], new: Mapping[str, Sequence[tuple[bytes, bytes]]]) -> None:
        """Note what a write has stored, and what it has removed.

        Args:
            key: The thread's key.
            name: The checkpoint.
            seen: Life and sweeps, the ranges whose values were removed, and for each channel the first new number.
            new: Of each channel, contents and values.
        """
        life, swept, removed, *firsts = seen
        named = [channel.partition("=") for channel in removed.split()]
        gone = {f"{channel}@{number}" for channel, _, numbers in named for number in numbers_in(numbers)}
        with self._lock:
            known = self._current(key, life)
            if int(swept) - bool(gone) != int(known.swept):
                known.numbers.clear()
            if gone:
                known.only(lambda field: field not in gone, [channel for channel, *_ in named])
                lost = sum(len(known.values.pop(field, b"")) for field in gone)
                known.size, self._size = known.size - lost, self._size - lost
            known.swept = swept
            known.note([name])
        stored = (
            (f"{channel}@{number}", *one)
            for (channel, values), first in zip(new.items(), firsts, strict=True)
            for number, one in enumerate(values, int(first))
        )
        self.learn(key, known, swept, (one for one in stored if one[0] not in gone))

    def had_written(self, key: str, name: str, seen: Sequence[str], packed: "Packed") -> None:
        """Note what an attempt has stored whose reply was lost.

        Args:
            key: The thread's key.
            name: The checkpoint.
            seen: Life and sweeps, and the first line of the record.
            packed: The checkpoint's values.
        """
        life, swept, head = seen
        there = read_record(name, head.encode()).fields
        known = self.seen(key, life, swept, [name], [field for fields in there for field in fields])
        stored = (
            (fields[place], *packed.new[channel][-number - 1])
            for fields, (channel, numbers) in zip(there, packed.numbers.items(), strict=True)
            for place, number in enumerate(numbers)
            if number < 0
        )
        self.learn(key, known, swept, stored)

    def _current(self, key: str, life: str) -> Known:
        known = self._threads.get(key)
        if known is None or known.life != life:
            self._size -= known.size if known else 0
            known = self._threads[key] = Known(life)
        return known

    def forget(self, key: str) -> None:
        """Know nothing of a thread any more."""
        with self._lock:
            if known := self._threads.pop(key, None):
                self._size -= known.size


@dataclass
class Packed:
    """A checkpoint's values, ready to be stored.

    Attributes:
        kinds: Of what is stored under numbers, the channels, each with what it was: a list, a delta channel's snapshot
            of one, or a single value.
        numbers: Their numbers, those below zero being new: -1 is the first.
        new: Contents and bytes of the new values.
        small: The other channels with their values.
    """

    kinds: list[tuple[str, str]] = dataclass_field(default_factory=list)
    numbers: dict[str, list[int]] = dataclass_field(default_factory=dict)
    new: dict[str, list[tuple[bytes, bytes]]] = dataclass_field(default_factory=dict)
    small: dict[str, Any] = dataclass_field(default_factory=dict)

    @property
    def borrows(self) -> bool:
        """Whether it names values that are stored already."""
        return any(number >= 0 for numbers in self.numbers.values() for number in numbers)


class Form:
    """How values become bytes and back, with LangGraph's serializer."""

    def __init__(self, serde: SerializerProtocol) -> None:
        self._serde = serde
        self._plain: SerializerProtocol = getattr(serde, "serde", serde)  # what an encrypting one encrypts
        self._encrypted = isinstance(serde, EncryptedSerializer)

    def dumps(self, channel: str, value: Any) -> bytes:
        """A value as it is stored.

        Raises:
            UnstorableStateError: The serializer can't hold it, or wouldn't give it back as it is.
        """
        return _dumps(self._serde, channel, value)

    def loads(self, stored: bytes) -> Any:
        """The value.

        Raises:
            Damage: It can't be read.
        """
        kind, found, data = stored.partition(b":")
        if not found or (self._encrypted and b"+" not in kind):
            raise Damage("a value is not encrypted" if found else "a value has no type")
        try:
            return self._serde.loads_typed((kind.decode(), data))
        except Exception as error:  # of the serializer, of its cipher, of the value's class
            raise Damage(f"a value can't be read ({type(error).__name__})") from error

    def mold(self, message: Any, stored: bytes) -> bytes | Mold:
        """What to remember of a revived message: how to make it again, if that comes to the very same bytes."""
        if self._encrypted or not isinstance(message, BaseModel):
            return stored
        content, plain = self._known_by("", message)
        if not plain:
            return stored
        try:
            mold = Mold(type(message), marshal.dumps(message.__getstate__()), content)
        except ValueError:
            return stored
        return mold if self.dumps("", mold.made()) == stored else stored

    def pack(self, values: dict[str, Any], known: Known | None) -> Packed:
        """Find out what of a checkpoint's values is new."""
        packed = Packed()
        for channel, value in values.items():
            kind, items = _parts(value)
            if kind == "value" and _is_tiny(value):
                packed.small[channel] = value
                continue
            name = escape(channel)
            there = known.numbers.get(name, {}) if known else {}
            numbers: list[int] = []
            new: list[tuple[bytes, bytes]] = []
            fresh: dict[bytes, int] = {}
            for item in items:
                content, plain = self._known_by(channel, item)
                if content in there:
                    numbers.append(there[content])
                    continue
                if content not in fresh:
                    stored = self.dumps(channel, item)
                    if not plain:
                        self._check(channel, item, stored)
                    if kind == "value" and len(stored) <= _SMALL and not isinstance(item, (bytes, bytearray)):
                        packed.small[channel] = item
                        break
                    new.append((content, stored))
                    fresh[content] = -len(new)
                numbers.append(fresh[content])
            else:
                packed.kinds.append((channel, kind))
                packed.numbers[name], packed.new[name] = numbers, new
        return packed

    def unpack(self, kind: str, items: list[Any]) -> Any:
        """A channel's value out of what is stored under its numbers."""
        if kind == "value":
            return items[0]
        return _DeltaSnapshot(items) if kind == "snapshot" else items

    def frame(self, task_id: str, task_path: str, writes: Iterable[tuple[int, str, Any]]) -> bytes:
        """What a task wrote, as it is stored: a line that says what follows, and the values."""
        parts, values = [], []
        for index, channel, value in writes:
            values.append(self.dumps(channel, value))
            self.check(channel, value, values[-1])
            parts.append((index, channel, len(values[-1])))
        return json.dumps((task_id, task_path, parts)).encode() + b"\n" + b"".join(values)

    def writes(self, frames: Iterable[tuple[str, bytes]]) -> list[tuple[str, str, Any]]:
        """The pending writes, in the order in which LangGraph applies them.

        Args:
            frames: Each with its field.

        Raises:
            Damage: A frame is none.
        """
        found: dict[tuple[str, int], tuple[str, str, Any]] = {}
        for field, stored in frames:
            head, _, data = stored.partition(b"\n")
            try:
                task_id, path, parts = json.loads(head)
                if sum(size for _, _, size in parts) != len(data):
                    raise ValueError("truncated")
                for index, channel, size in parts:
                    # Of what is special the latest counts, else the first.
                    if index < 0 or (task_id, index) not in found:
                        found[task_id, index] = path, channel, self.loads(data[:size])
                    data = data[size:]
            except (Damage, ValueError, TypeError) as error:
                reason = str(error) if isinstance(error, Damage) else "what a task wrote can't be read"
                raise Damage(reason, field) from error
        ordered = sorted(found.items(), key=lambda one: (one[1][0], *one[0]))
        return [(task_id, channel, value) for (task_id, _), (_, channel, value) in ordered]

    def known_by(self, value: Any) -> bytes:
        """What a value's content is known by."""
        return self._known_by("", value)[0]

    def _known_by(self, channel: str, value: Any) -> tuple[bytes, bool]:
        """What a value's content is known by, and whether it is made of plain values and LangChain's messages alone."""
        kind: Any = type(value)
        named = _model(kind)
        content = [*named, vars(value), value.__pydantic_extra__] if named else ["", kind.__qualname__, value]
        try:
            data = ormsgpack.packb(content, option=_PLAIN)
            plain = not named or named[0].startswith("langchain_core.")
        except TypeError:
            data, plain = _dumps(self._plain, channel, value), False
        # As long as that is short, the content itself: to look it up takes a fraction of the time of a digest.
        return data if len(data) <= _SHORT else blake2b(data).digest(), plain

    def check(self, channel: str, value: Any, stored: bytes | None = None) -> None:
        """Refuse a value that would not come back as it is.

        Raises:
            UnstorableStateError: It has classes in it that the serializer does not revive.
        """
        if not self._known_by(channel, value)[1]:
            self._check(channel, value, stored or self.dumps(channel, value))

    def _check(self, channel: str, value: Any, stored: bytes) -> None:
        """See that a value with classes in it would come back as it is: the serializer revives those that it knows."""
        refused: list[str] = []
        thread = threading.get_ident()

        def listen(event: Any) -> None:
            if threading.get_ident() == thread and "blocked" in event["kind"]:
                refused.append(f"{event['module']}.{event['name']}")

        end = register_serde_event_listener(listen)
        try:
            self.loads(stored)
        except Damage as damage:
            raise UnstorableStateError(channel, _class_of(value), str(damage)) from damage
        finally:
            end()
        if refused:
            raise UnstorableStateError(
                channel, _class_of(value), f"the serializer would not revive {refused[0]}", refused[0]
            )


def _dumps(serde: SerializerProtocol, channel: str, value: Any) -> bytes:
    try:
        kind, data = serde.dumps_typed(value)
    except Exception as error:  # whatever a value's own methods raise, too
        raise UnstorableStateError(channel, _class_of(value), str(error) or type(error).__name__) from error
    return kind.encode() + b":" + data


def _class_of(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


@lru_cache(maxsize=1000)
def _model(kind: Any) -> tuple[str, str] | None:
    """Where a model's class is; None for what is no model."""
    return (kind.__module__, kind.__qualname__) if issubclass(kind, BaseModel) else None


def _parts(value: Any) -> tuple[str, Sequence[Any]]:
    """What is stored one by one of a value: the elements of a list whose elements are worth it, or the whole."""
    if isinstance(value, _DeltaSnapshot) and _is_worth_parting(value.value):
        return "snapshot", value.value
    return ("list", value) if _is_worth_parting(value) else ("value", (value,))


def _is_worth_parting(value: Any) -> bool:
    if type(value) is not list or not value:
        return False
    return _LIGHT.isdisjoint(map(type, value)) or sum(map(_weight, value)) >= _WORTH_A_NUMBER * len(value)


def _weight(item: Any) -> int:
    if isinstance(item, (str, bytes)):
        return len(item)
    return 8 if type(item) in _SCALARS else _WORTH_A_NUMBER


def _is_tiny(value: Any) -> bool:
    return type(value) in _SCALARS or (type(value) is str and len(value) < _SMALL // 4)
