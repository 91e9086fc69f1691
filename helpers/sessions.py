"""Chat sessions as Redis holds them: found, looked into, exported, imported, deleted.

A session is a list that begins or ends with a chat message. Whatever else a server holds is neither listed nor
touched. All functions that are given a client raise `redis.RedisError` where the server can't be reached or refuses.
"""

import json
import re
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import redis
from pydantic_core import from_json
from redis.client import NEVER_DECODE

from helpers._connecting.clients import Client
from helpers._histories.histories import MemorystoreChatMessageHistory
from helpers._histories.records import glimpse
from helpers._localization.messages import say, words
from helpers.errors import HelpersError, NotAHistoryError, WriteOutcomeUnknownError

DEFAULT_PREFIX = "message_store:"
"""What the keys of `RedisChatMessageHistory` begin with, and those of LangChain's class of that name."""
SCAN_COUNT = 1000
"""How many keys the server looks at in one step of a search, before it serves others again."""
_PIPELINED = 200
FORMAT = "chat-sessions/1"
"""What the first line of an export says that it is."""

# In all scripts, KEYS: the list. Of a record longer than `kept` bytes only the beginning and the end travel.
_CUT = """\
local function at(index) return redis.call('LRANGE', KEYS[1], index, index)[1] or '' end
local function cut(record, kept)
  if #record <= kept then return {#record, record} end
  return {#record, string.sub(record, 1, kept), string.sub(record, -40)}
end
"""
# ARGV: the bytes to keep. Small sessions are added up; how large others are Redis knows, at no cost. Who may not ask it
# is told what some of the records let expect.
_SUMMARY = f"""{_CUT}
local length = redis.pcall('LLEN', KEYS[1])
if type(length) == 'table' then return not string.find(tostring(length.err), 'WRONGTYPE') and length end
if length == 0 then return false end
local used, bytes, read = redis.pcall('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 1000), 0, 0
local step = type(used) == 'number' and 1 or math.ceil(length / 100)
if type(used) == 'number' and used > 65536 then
  bytes = used
else
  for index = 0, length - 1, step do
    bytes, read = bytes + #at(index), read + 1
    if bytes > 4000000 then break end
  end
  bytes = math.floor(bytes / read * length)
end
local kept = tonumber(ARGV[1])
return {{length, redis.call('PTTL', KEYS[1]), bytes, read, cut(at(0), kept), cut(at(-1), kept)}}
"""
# ARGV: how many of the latest records, or -1; the newest one's index; the bytes to keep; the version that is known.
# Some records at a time, so that large ones don't fill the script's memory.
_LOOK = f"""{_CUT}
local length, latest, kept, newest = redis.call('LLEN', KEYS[1]), tonumber(ARGV[1]), tonumber(ARGV[3]), at(ARGV[2])
local version = length .. ' ' .. #newest .. ' ' .. string.sub(newest, 1, 200) .. string.sub(newest, -200)
local found, records = {{length, redis.call('PTTL', KEYS[1]), version}}, {{}}
if version == ARGV[4] then return found end
if latest < 0 or latest > length then latest = length end
local start = ARGV[2] == '0' and 0 or length - latest
for first = start, start + latest - 1, 10 do
  local last = math.min(first + 10, start + latest) - 1
  for _, record in ipairs(redis.call('LRANGE', KEYS[1], first, last)) do table.insert(records, cut(record, kept)) end
end
found[4] = records
return found
"""
_READ = "return {redis.call('PTTL', KEYS[1]), redis.call('LRANGE', KEYS[1], 0, -1)}"
# Asking for the length fails where the key holds something else than a list, which must stay.
_DELETE = "redis.call('LLEN', KEYS[1]) return redis.call('DEL', KEYS[1])"
# ARGV: milliseconds to live or -1, then the records.
_IS_SAME = """\
local function is_same()
  local there = redis.pcall('LRANGE', KEYS[1], 0, -1)
  for index, record in ipairs(there) do if record ~= ARGV[index + 1] then return false end end
  return #there == #ARGV - 1
end
"""
# A session that is there is left as it is. A time to live that Redis refuses is refused before anything is pushed.
_RESTORE = f"""{_IS_SAME}
if redis.call('EXISTS', KEYS[1]) == 1 then return is_same() and 2 or 0 end
local function expire() return tonumber(ARGV[1]) > 0 and redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
expire()
for index = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[index]) end
expire()
return 1
"""
_TAKE_BACK = f"{_IS_SAME} if is_same() then redis.call('DEL', KEYS[1]) end"

# How much of a record travels: for a line in a list of sessions, and to be read.
_LINE_BYTES, _READ_BYTES = 2_000, 20_000
# The end of a write's last record; its ID says at which end of the list it was pushed.
_PUSHED = re.compile(rb'"write": ?"([LR])[0-9a-f]+"}$')
# Whose words come first in a conversation.
_BEGINS = {"system": 0, "human": 1, "ai": 2, "AIMessageChunk": 2, "tool": 3}
_GIVE_KEYS = words("Give a list of Redis keys, such as [history.key], of sessions that are there.")
_HALF_PAIR = re.compile(r"(?i)\\ud[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..)\\ud[c-f]..")
# By client, the keys whose import got no reply.
_unsettled: "weakref.WeakKeyDictionary[Client, set[str]]" = weakref.WeakKeyDictionary()


class SessionNotFoundError(HelpersError, LookupError):
    """There is no session under a key."""


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
        key: Its Redis key; bytes that are not UTF-8 are in it as Python's ``surrogateescape`` has them.
        messages: How many messages Redis holds.
        bytes: The size of its records, without what Redis adds for its own bookkeeping; where `estimated`, the memory
            that Redis says the list takes, or, where a user may not ask that, what some of its records let expect.
        ttl: Seconds until Redis forgets it; None: never.
        role: Who said the newest message: ``human``, ``ai`` and so on; empty where the record is damaged.
        last: The newest message's text, a long one's beginning. Empty, as is `role`, where the order is not known.
        newest_first: Whether the newest record is at the head of the list; None: it can't be known.
        estimated: Whether `bytes` is an estimate, as for all that take more than 64 kB.
    """

    key: str
    messages: int
    bytes: int
    ttl: float | None
    role: str
    last: str
    newest_first: bool | None = None
    estimated: bool = False


@dataclass(frozen=True)
class Record:
    """One element of a session's list.

    Attributes:
        index: Its place in the Redis list.
        bytes: Its size.
        role: Who said it; empty where the record is not a chat message.
        text: What was said, of a record of more than 20 kB the beginning; of a damaged record the beginning as it is
            stored.
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
        newest_first: Whether the newest record is at its head; None: it can't be known.
        version: Changes with the length and with the newest record.
    """

    key: str
    length: int
    ttl: float | None
    records: tuple[Record, ...]
    newest_first: bool | None = None
    version: bytes = field(default=b"", repr=False, compare=False)


def readable(key: str) -> str:
    """A key as it can be shown: bytes that are not UTF-8 escaped as Python would.

    Args:
        key: A session's Redis key.

    Returns:
        Text that any encoding takes.
    """
    return key.encode("utf-8", "backslashreplace").decode()


def is_newest_first(key: str, prefix: str = "") -> bool:
    """Whether a key says that its session's newest message is at the head, having `RedisChatMessageHistory`'s prefix.

    Another key, whatever prefix it was found by, says nothing: there the records tell `find_sessions` and `look_into`.

    Args:
        key: The session's Redis key.
        prefix: The prefix that it was found by, which says nothing of the order.

    Returns:
        Whether the key begins with `DEFAULT_PREFIX`.
    """
    return key.startswith(DEFAULT_PREFIX)


def find_sessions(
    client: Client, prefix: str = DEFAULT_PREFIX, *, newest_first: bool | None = None
) -> Iterator[list[Session]]:
    """Search for sessions with SCAN, which never holds the server up, on every node of a cluster.

    Args:
        client: A redis-py client.
        prefix: What the keys begin with; ``""`` finds all sessions, those of `MemorystoreChatMessageHistory` too.
        newest_first: Whether the newest record is at the head of their lists; ``None`` finds it out for each.

    Yields:
        The sessions among the next keys that this user may read; an empty list where there is none. A session that is
        written meanwhile may come or not, as with every SCAN, but none comes twice.
    """
    seen: set[str] = set()
    scan: Any = client.scan_iter
    pattern = re.sub(r"[*?\[\\]", r"\\\g<0>", prefix) + "*"  # the prefix stands for itself
    texts = map(_text, scan(match=_bytes(pattern), count=SCAN_COUNT, **{NEVER_DECODE: True}))
    while some := list(islice(texts, _PIPELINED)):
        new = [key for key in dict.fromkeys(some) if key not in seen]
        seen.update(new)
        yield _summaries(client, new, newest_first)


def look_into(
    client: Client,
    key: str,
    *,
    newest_first: bool | None = None,
    latest: int | None = None,
    prefix: str = "",
    since: StoredList | None = None,
) -> StoredList:
    """Read a session's list, in one step.

    Args:
        client: A redis-py client.
        key: The Redis key.
        newest_first: Whether the newest record is at the head; ``None`` finds it out, by what the records say of it.
            Where they don't, the latest records are taken to be at the end, and the list's `newest_first` is ``None``.
        latest: How many of the latest records to read; ``None``: all.
        prefix: The prefix that the key was found by. It says nothing of the order.
        since: What an earlier, equal call returned: its records are read again only where the version has changed.

    Returns:
        The list as it is now, of length 0 where there is no such key.

    Raises:
        ValueError: `latest` is less than 0.
        NotAHistoryError: The key holds something else than a list.
        redis.RedisError: The server can't be reached, or refuses.
    """
    if latest is not None and latest < 0:
        raise ValueError(f"latest must be a whole number from 0, or None, not {latest!r}.")
    if newest_first is None:
        newest_first = next((one.newest_first for one in _summaries(client, [key], None)), None)
    version = since.version if since and since.key == key and since.newest_first == newest_first else b""
    length, ttl, version, *found = _run(
        client, _LOOK, key, -1 if latest is None else latest, 0 if newest_first else -1, _READ_BYTES, version
    )
    if since and not found:
        return replace(since, ttl=_seconds(ttl))
    start = 0 if newest_first else length - len(found[0])
    records = tuple(_record(place, *record) for place, record in enumerate(found[0], start))
    return StoredList(key, length, _seconds(ttl), records, newest_first, version)


def delete_session(client: Client, key: str) -> None:
    """Delete a session, for good.

    Args:
        client: A redis-py client.
        key: The session's Redis key; where there is none, nothing happens.

    Raises:
        NotAHistoryError: The key holds something else, which stays.
        WriteError: The server can't be reached; calling again is safe.
    """
    if readable(key) == key:
        MemorystoreChatMessageHistory(client, key).clear()
    else:
        _run(client, _DELETE, key)


def export_sessions(client: Client, keys: Iterable[str], *, missing_ok: bool = False) -> Iterator[str]:
    """Write sessions as JSON Lines: a line that says what it is, then for each session a line and one for each message.

    Records are kept byte for byte, each with a checksum, and the time to live that is left goes with them.

    Args:
        client: A redis-py client.
        keys: The sessions' Redis keys, such as `history.key`.
        missing_ok: Whether to leave out a session that is not there, as one that has expired since it was found.

    Yields:
        Lines, each ending in a line feed.

    Raises:
        TypeError: `keys` is one key. Told at once, and not with the first line.
        SessionNotFoundError: There is no such session, when its turn comes.
        NotAHistoryError: A key holds something else.
    """
    if isinstance(keys, (str, bytes)):
        raise TypeError(f"keys is one text, {keys!r}, and not a list of keys.\n{say(_GIVE_KEYS)}")
    return _exported(client, dict.fromkeys(map(_text, keys)), missing_ok)


def _exported(client: Client, keys: Iterable[str], missing_ok: bool) -> Iterator[str]:
    yield _line({"format": FORMAT})
    for key in keys:
        ttl, records = _run(client, _READ, key)
        if records:
            left = None if ttl < 0 else max(ttl, 1)
            checksum = _checksum(key, len(records), left)
            yield _line({"crc32": checksum, "session": key, "messages": len(records), "ttl_ms": left})
        elif not missing_ok:
            raise SessionNotFoundError(f"There is no session under the key {key!r}.\n{say(_GIVE_KEYS)}")
        for record in records:
            yield _line({"crc32": zlib.crc32(record), "record": _text(record)})


def import_sessions(client: Client, lines: Iterable[str], prefix: str = DEFAULT_PREFIX) -> list[str]:
    """Store exported sessions again, all of them or, where something is wrong, none.

    Args:
        client: A redis-py client.
        lines: What `export_sessions` yielded, a text file or its whole text.
        prefix: What every key has to begin with.

    Returns:
        The Redis keys of the sessions.

    Raises:
        DamagedExportError: A line is not what was exported; it names the line.
        SessionExistsError: A session is there already.
        WriteOutcomeUnknownError: The server was lost meanwhile. The same call again goes on: what was stored counts.
    """
    sessions = _parsed(lines, prefix)
    unsettled = _unsettled.setdefault(client, set())
    again = unsettled & sessions.keys()
    if taken := [key for key in sessions if key not in again and client.exists(_bytes(key))]:
        raise SessionExistsError(taken)
    ours: list[str] = []
    try:
        for key, (ttl, records) in sessions.items():
            stored = _run(client, _RESTORE, key, ttl or -1, *records)
            if not stored:  # written by somebody else since
                raise SessionExistsError([key])
            # What is there as it was exported was stored by an attempt that got no reply, or else by somebody else.
            ours += [key] * (stored == 1 or key in again)
    except BaseException as error:
        if isinstance(error, redis.RedisError) and not isinstance(error, redis.ResponseError):
            unsettled.update(ours, [key])
            raise WriteOutcomeUnknownError(key, str(error)) from error
        for one in ours:
            _run(client, _TAKE_BACK, one, -1, *sessions[one][1])
        raise
    unsettled.difference_update(sessions)
    return list(sessions)


def _summaries(client: Client, keys: Sequence[str], newest_first: bool | None) -> list[Session]:
    pipeline: Any = client.pipeline(transaction=False)
    for name in map(_bytes, keys):
        # Without the node, redis-py asks the cluster, of each command, which its keys are.
        node = {"target_nodes": client.get_node_from_key(name)} if isinstance(client, redis.RedisCluster) else {}
        pipeline.execute_command("EVAL", _SUMMARY, 1, name, _LINE_BYTES, **{NEVER_DECODE: True}, **node)
    found = []
    for key, summary in zip(keys, pipeline.execute(raise_on_error=False), strict=True):
        if isinstance(summary, redis.exceptions.NoPermissionError) and " access " in str(summary):
            continue  # somebody else's, on a server that several share
        if isinstance(summary, Exception):
            raise summary
        if not summary:
            continue
        length, ttl, size, read, *pieces = summary
        head, tail = (_record(0, *piece) for piece in pieces)
        if head.role or tail.role:
            order = _order(key, pieces, (head, tail)) if newest_first is None else newest_first
            newest = head if order or length == 1 else Record(0, 0, "", "") if order is None else tail
            seen = (_seconds(ttl), newest.role, newest.text, order, read < length)
            found.append(Session(key, length, size, *seen))
    return found


def _order(key: str, pieces: Sequence[Sequence[bytes]], ends: Sequence[Record]) -> bool | None:
    """Whether the newest record is at the head, by what the records at the two ends say; None where they don't."""
    pushed = {mark[1] for _, *piece in pieces if (mark := _PUSHED.search(piece[-1]))}
    if pushed:
        return None if len(pushed) > 1 else pushed == {b"L"}
    if is_newest_first(key) or any(_is_of_langchainjs(piece[1]) for piece in pieces):
        return True
    head, tail = (_BEGINS.get(end.role) for end in ends)
    return None if head is None or tail is None or head == tail else head > tail


def _is_of_langchainjs(record: bytes) -> bool:
    """Whether a record was written by langchainjs, whose histories have the newest at the head.

    Its messages, unlike Python's, say their type only once.
    """
    try:
        data = json.loads(record)["data"]
        return "additional_kwargs" in data and "type" not in data
    except (ValueError, LookupError, TypeError, RecursionError):  # damaged, or cut
        return False


def _run(client: Client, script: str, key: str, *arguments: Any) -> Any:
    execute: Any = client.execute_command
    try:
        return execute("EVAL", script, 1, _bytes(key), *arguments, **{NEVER_DECODE: True})
    except redis.ResponseError as error:
        if "WRONGTYPE" in str(error):
            raise NotAHistoryError(key) from error
        raise


def _record(index: int, size: int, head: bytes, end: bytes = b"") -> Record:
    """A record out of what has travelled of it; the end only where it was cut."""
    seen = None
    try:
        if end:
            # Brackets and quotes that are open are closed; half a pair of surrogates would be refused.
            text = _HALF_PAIR.sub(r"\\ufffd", head.decode("utf-8", "ignore"))
            head = json.dumps(from_json(text, allow_partial="trailing-strings")).encode()
        seen = glimpse(head)
    except (ValueError, RecursionError):
        pass
    role, text = seen or ("", head[:200].decode("utf-8", "replace"))
    return Record(index, size, role, text + "…" * bool(end))


def _parsed(lines: Iterable[str], prefix: str) -> dict[str, tuple[int | None, list[bytes]]]:
    """The sessions of an export by key: milliseconds to live, and records."""
    sessions: dict[str, tuple[int | None, list[bytes]]] = {}
    records: list[bytes] = []
    number = announced = empty = 0
    fields: Any = None
    # A text's own lines: what splitlines takes for the end of a line may stand in a message.
    for number, line in enumerate(lines.split("\n") if isinstance(lines, str) else lines, start=1):
        if not line.strip():
            empty = empty or number
            continue
        # Editors add empty lines at the end, and a byte order mark at the beginning.
        fields = _fields(empty or number, "" if empty else line.removeprefix("\ufeff"))
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
    if fields is None or len(records) < announced:
        raise DamagedExportError(empty or number + 1, "the export ends before it")
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
            with suppress(UnicodeEncodeError):
                if zlib.crc32(record := _bytes(text)) == checksum:
                    return record
            raise DamagedExportError(number, "the record is not the one that was exported (its checksum differs)")
    raise DamagedExportError(number, "it is not a message of the session above")


def _fields(number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DamagedExportError(number, f"it is not JSON ({error})") from None


def _checksum(*values: Any) -> int:
    return zlib.crc32(json.dumps(values).encode())


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=True) + "\n"


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds >= 0 else None


def _text(key: bytes | str) -> str:
    return key if isinstance(key, str) else key.decode("utf-8", "surrogateescape")


def _bytes(key: bytes | str) -> bytes:
    return key if isinstance(key, bytes) else key.encode("utf-8", "surrogateescape")
