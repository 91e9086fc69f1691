"""Chat sessions as Redis holds them: found, looked into, exported, imported, deleted.

A session is a list whose newest record is a chat message. Whatever else a server holds is neither listed nor
touched. All functions that are given a client raise `redis.RedisError` where the server can't be reached or refuses.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import redis
from redis.client import NEVER_DECODE

from helpers._connecting.clients import Client
from helpers._histories.histories import MemorystoreChatMessageHistory
from helpers._histories.records import glimpse
from helpers._localization.messages import say
from helpers.errors import HelpersError

DEFAULT_PREFIX = "message_store:"
"""What the keys of `RedisChatMessageHistory` begin with, and those of LangChain's class of that name."""
SCAN_COUNT = 1000
"""How many keys the server looks at in one step of a search, before it serves others again."""
_PIPELINED = 200
FORMAT = "chat-sessions/1"
"""What the first line of an export says that it is."""

# KEYS: the list. ARGV[1]: the index of the newest record. Sizes are added up at the server, a hundred records at a
# time, so a long session neither crosses the network nor fills the script's memory.
_SUMMARY = """\
local length = redis.pcall('LLEN', KEYS[1])
if type(length) == 'table' or length == 0 then return false end
local bytes = 0
for first = 0, length - 1, 100 do
  for _, record in ipairs(redis.call('LRANGE', KEYS[1], first, first + 99)) do bytes = bytes + #record end
end
return {length, bytes, redis.call('PTTL', KEYS[1]), redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[1])[1]}
"""
# ARGV: the first and the last index wanted.
_LOOK = """\
return {redis.call('LLEN', KEYS[1]), redis.call('PTTL', KEYS[1]), redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])}
"""
# ARGV: milliseconds to live or -1, then the records. A session that is there is left as it is.
_RESTORE = """\
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for index = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[index]) end
if tonumber(ARGV[1]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
"""


class DamagedExportError(HelpersError, ValueError):
    """An export can't be imported as it is. Nothing was imported.

    Attributes:
        line: The number of the first line that is wrong, from 1.
    """

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        super().__init__(
            f"Line {line} of the export is damaged: {reason}.\n"
            + say("Export the sessions again, or mend the line; nothing was imported.")
        )


class SessionExistsError(HelpersError, ValueError):
    """An export holds a session that the server has already. Nothing was imported.

    Attributes:
        keys: The Redis keys of such sessions.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        named = ", ".join(map(repr, keys[:3])) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
        super().__init__(
            f"The server already has {named}.\n"
            + say("Delete what you no longer need, or leave it out of the export; nothing was imported.")
        )


@dataclass(frozen=True, order=True)
class Session:
    """One session, as a list of sessions shows it.

    Attributes:
        key: Its Redis key.
        messages: How many messages Redis holds.
        bytes: The size of its records. What Redis adds for its own bookkeeping is not in it.
        ttl: Seconds until Redis forgets it; None: never.
        role: Who said the newest message: ``human``, ``ai`` and so on.
        last: The newest message's text.
    """

    key: str
    messages: int
    bytes: int
    ttl: float | None
    role: str
    last: str


@dataclass(frozen=True)
class Record:
    """One element of a session's list.

    Attributes:
        index: Its place in the Redis list.
        bytes: Its size.
        role: Who said it; empty where the record is not a chat message.
        text: What was said; of a damaged record the beginning as it is stored.
    """

    index: int
    bytes: int
    role: str
    text: str


@dataclass(frozen=True)
class StoredList:
    """A session's list at one moment.

    Attributes:
        key: Its Redis key.
        length: How many records Redis holds.
        ttl: Seconds until Redis forgets it; None: never.
        records: The latest records, in the order of the list.
    """

    key: str
    length: int
    ttl: float | None
    records: tuple[Record, ...]


def is_newest_first(key: str, prefix: str) -> bool:
    """Tell at which end of its list a session's newest message is.

    Args:
        key: The session's Redis key.
        prefix: The prefix that it was found by; ``""`` where there was none.

    Returns:
        Whether it is at the head, as under a prefix (`RedisChatMessageHistory`), rather than at the end.
    """
    return bool(prefix) or key.startswith(DEFAULT_PREFIX)


def find_sessions(client: Client, prefix: str = DEFAULT_PREFIX) -> Iterator[list[Session]]:
    """Search for sessions with SCAN, which never holds the server up, on every node of a cluster.

    Args:
        client: A redis-py client.
        prefix: What the keys begin with; ``""`` finds all sessions, those of `MemorystoreChatMessageHistory` too.

    Yields:
        The sessions among the next keys that this user may read; an empty list where there is none. A session that is
        written meanwhile may come or not, as with every SCAN, but none comes twice.
    """
    seen: set[str] = set()
    keys = client.scan_iter(match=_escaped(prefix) + "*", count=SCAN_COUNT)
    texts = map(_text, keys)
    while some := list(islice(texts, _PIPELINED)):
        new = [key for key in dict.fromkeys(some) if key not in seen]
        seen.update(new)
        yield _summaries(client, new, prefix)


def look_into(
    client: Client, key: str, *, newest_first: bool | None = None, latest: int | None = None, prefix: str = ""
) -> StoredList:
    """Read a session's list, in one step.

    Args:
        client: A redis-py client.
        key: The Redis key.
        newest_first: Whether the newest record is at the head; ``None`` asks `is_newest_first`.
        latest: How many of the latest records to read, at least 1; ``None``: all.
        prefix: The prefix that the key was found by.

    Returns:
        The list as it is now, of length 0 where there is no such key.

    Raises:
        redis.ResponseError: The key holds something else than a list.
    """
    first = is_newest_first(key, prefix) if newest_first is None else newest_first
    wanted = (0, -1) if latest is None else (0, latest - 1) if first else (-latest, -1)
    length, ttl, records = _run(client, _LOOK, key, *wanted)
    start = 0 if first else length - len(records)
    return StoredList(key, length, _seconds(ttl), tuple(_record(start + n, one) for n, one in enumerate(records)))


def delete_session(client: Client, key: str) -> None:
    """Delete a session, for good.

    Args:
        client: A redis-py client.
        key: The session's Redis key; where there is none, nothing happens.

    Raises:
        NotAHistoryError: The key holds something else, which stays.
        WriteError: The server can't be reached; calling again is safe.
    """
    MemorystoreChatMessageHistory(client, key).clear()


def export_sessions(client: Client, keys: Iterable[str]) -> Iterator[str]:
    """Write sessions as JSON Lines: a line that says what it is, then for each session a line and one for each message.

    Records are kept byte for byte, each with a checksum, and the time to live that is left goes with them.

    Args:
        client: A redis-py client.
        keys: The sessions' Redis keys. One that is gone by now is left out.

    Yields:
        Lines, each ending in a line feed.
    """
    yield _line({"format": FORMAT})
    for key in keys:
        length, ttl, records = _run(client, _LOOK, key, 0, -1)
        if not length:
            continue
        left = ttl if ttl > 0 else None
        yield _line({"crc32": _checksum(key, length, left), "session": key, "messages": length, "ttl_ms": left})
        for record in records:
            yield _line({"crc32": zlib.crc32(record), "record": record.decode("utf-8", "surrogateescape")})


def import_sessions(client: Client, lines: Iterable[str], prefix: str = DEFAULT_PREFIX) -> list[str]:
    """Store exported sessions again, all of them or, where something is wrong, none.

    Args:
        client: A redis-py client.
        lines: What `export_sessions` yielded; a text file will do.
        prefix: What every key has to begin with.

    Returns:
        The Redis keys of the sessions.

    Raises:
        DamagedExportError: A line is not what was exported; it names the line.
        SessionExistsError: A session is there already.
        redis.RedisError: The server can't be reached, or refuses. What was stored before that stays.
    """
    sessions = _parsed(lines, prefix)
    if taken := [key for key in sessions if client.exists(_bytes(key))]:
        raise SessionExistsError(taken)
    stored: list[str] = []
    for key, (ttl, records) in sessions.items():
        if not _run(client, _RESTORE, key, ttl or -1, *records):
            # Written by somebody else since: take back what this import has stored.
            for ours in stored:
                delete_session(client, ours)
            raise SessionExistsError([key])
        stored.append(key)
    return stored


def _summaries(client: Client, keys: Sequence[str], prefix: str) -> list[Session]:
    pipeline: Any = client.pipeline(transaction=False)
    for key in keys:
        newest = 0 if is_newest_first(key, prefix) else -1
        pipeline.execute_command("EVAL", _SUMMARY, 1, _bytes(key), newest, **{NEVER_DECODE: True})
    found = []
    for key, summary in zip(keys, pipeline.execute(raise_on_error=False), strict=True):
        if isinstance(summary, redis.exceptions.NoPermissionError):
            continue  # somebody else's, on a server that several share
        if isinstance(summary, Exception):
            raise summary
        if summary and (seen := glimpse(summary[3])):
            length, size, ttl, _ = summary
            found.append(Session(key, length, size, _seconds(ttl), *seen))
    return found


def _run(client: Client, script: str, key: str, *arguments: Any) -> Any:
    execute: Any = client.execute_command
    return execute("EVAL", script, 1, _bytes(key), *arguments, **{NEVER_DECODE: True})


def _record(index: int, stored: bytes) -> Record:
    role, text = glimpse(stored) or ("", stored[:200].decode("utf-8", "replace"))
    return Record(index, len(stored), role, text)


def _parsed(lines: Iterable[str], prefix: str) -> dict[str, tuple[int | None, list[bytes]]]:
    """The sessions of an export by key: milliseconds to live, and records."""
    sessions: dict[str, tuple[int | None, list[bytes]]] = {}
    records: list[bytes] = []
    number = announced = 0
    for number, line in enumerate(lines, start=1):
        fields = _fields(number, line)
        if number == 1:
            if fields != {"format": FORMAT}:
                raise DamagedExportError(1, f"an export begins with {_line({'format': FORMAT}).strip()}")
        elif len(records) < announced:
            records.append(_parsed_record(number, fields))
        else:
            key, announced, ttl = _parsed_session(number, fields)
            if not key.startswith(prefix):
                raise DamagedExportError(number, f"the key {key!r} does not begin with {prefix!r}")
            if key in sessions:
                raise DamagedExportError(number, f"the session {key!r} is there twice")
            records = []
            sessions[key] = (ttl, records)
    if len(records) < announced or not number:
        raise DamagedExportError(number + 1, "the export ends before it")
    return sessions


def _parsed_session(number: int, fields: Any) -> tuple[str, int, int | None]:
    match fields:
        case {"crc32": int(checksum), "session": str(key), "messages": int(count), "ttl_ms": int() | None as ttl}:
            if _checksum(key, count, ttl) == checksum:
                return key, count, ttl
            raise DamagedExportError(number, "the session is not the one that was exported (its checksum differs)")
    raise DamagedExportError(number, "it does not begin a session")


def _parsed_record(number: int, fields: Any) -> bytes:
    match fields:
        case {"crc32": int(checksum), "record": str(text)}:
            record = text.encode("utf-8", "surrogateescape")
            if zlib.crc32(record) == checksum:
                return record
            raise DamagedExportError(number, "the record is not the one that was exported (its checksum differs)")
    raise DamagedExportError(number, "it is not a message of the session above")


def _fields(number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DamagedExportError(number, f"it is not JSON ({error})") from None


def _checksum(*values: Any) -> int:
    return zlib.crc32(json.dumps(values).encode())


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=True) + "\n"


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds >= 0 else None


def _escaped(prefix: str) -> str:
    """A prefix as a pattern that stands for itself."""
    return "".join(f"\\{sign}" if sign in "*?[]^\\" else sign for sign in prefix)


def _text(key: bytes | str) -> str:
    return key if isinstance(key, str) else key.decode("utf-8", "surrogateescape")


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")
