"""Chat sessions as Redis holds them: found, looked into, exported, imported, deleted.

A session is a history, which is a list that begins or ends with a chat message, or an agent's thread, which is a hash
of a `helpers.RedisSaver`. Whatever else a server holds is neither listed nor touched. Nothing that is stored is made
into an object of a class, and only deleting a thread needs LangGraph. All functions that are given a client raise
`redis.RedisError` where the server can't be reached or refuses.
"""

import json
import re
import secrets
import weakref
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import redis
from pydantic_core import from_json
from redis.client import NEVER_DECODE

from helpers._connecting.clients import Client, beginning_with
from helpers._histories.histories import MemorystoreChatMessageHistory
from helpers._histories.packed import unpacked
from helpers._histories.records import called, glimpse, shown
from helpers._histories.writing import carry_out
from helpers._localization.messages import say, words
from helpers.errors import HelpersError, MissingRightsError, NotAHistoryError, WriteOutcomeUnknownError

DEFAULT_PREFIX = "message_store:"
"""What the keys of `RedisChatMessageHistory` begin with, and those of LangChain's class of that name."""
THREAD_PREFIX = "thread:"
"""What the keys of `RedisSaver` begin with."""
PREFIXES = (DEFAULT_PREFIX, THREAD_PREFIX)
"""Where sessions are searched for."""
SCAN_COUNT = 1000
"""How many keys the server looks at in one step of a search, before it serves others again."""
_PIPELINED = 200
_TALLIED = 50
FORMAT = "chat-sessions/1"
"""What the first line of an export says that it is."""
THREADS_FORMAT = "chat-sessions/2"
"""What the line before the first thread of an export says."""

# In all scripts, KEYS: the list, or the thread, whose fields helpers/_checkpoints/scripts.py describes. Of a record
# longer than `kept` bytes only the beginning and the end travel.
_CUT = """\
local function at(index) return redis.call('LRANGE', KEYS[1], index, index)[1] or '' end
local function cut(record, kept)
  if #record <= kept then return {#record, record} end
  return {#record, string.sub(record, 1, kept), string.sub(record, -40)}
end
"""
_THREAD = """\
local function get(field) return redis.call('HGET', KEYS[1], field) end
local function is_thread()
  local marks = redis.pcall('HMGET', KEYS[1], 'life', 'namespaces')
  return not marks.err and marks[1] and marks[2]
end
local function newest()
  for id in string.gmatch(get('ids:') or '', '%S+') do
    local record = get('checkpoint:' .. id .. ':')
    if record and string.match(record, '^%S+ %S+ (%S+)') ~= '-' then
      return id, string.match(record, '^[^\\n]*'), get('writes:' .. id .. ':') or ''
    end
  end
  return '', '- - 0', ''
end
-- How many messages a checkpoint has, and the latest of them, newest first: number, length, beginning and end of each.
local function messages(head, latest, kept)
  local ranges, count, found = {}, 0, {}
  if not string.match(head, '^%S+ %S+ %d') then return 1, {{0, unpack(cut(head, kept))}} end
  for first, last in string.gmatch(string.match(head, ' messages=(%S*)') or '', '(%d+)%-?(%d*)') do
    ranges[#ranges + 1] = {tonumber(first), tonumber(last == '' and first or last)}
    count = count + ranges[#ranges][2] - ranges[#ranges][1] + 1
  end
  for place = #ranges, 1, -1 do
    for number = ranges[place][2], ranges[place][1], -1 do
      if #found == latest then return count, found end
      found[#found + 1] = {number, unpack(cut(get(string.format('messages@%d', number)) or '', kept))}
    end
  end
  return count, found
end
local function checkpoints()
  local count = 0
  for ns in string.gmatch(get('namespaces'), '%S+') do
    for _ in string.gmatch(get('ids' .. ns) or '', '%S+') do count = count + 1 end
  end
  return count
end
local function size()
  local used, bytes = redis.pcall('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 1000), 0
  if type(used) == 'number' and used > 65536 then return used, 1 end
  for _, part in ipairs(redis.call('HGETALL', KEYS[1])) do bytes = bytes + #part end
  return bytes, 0
end
"""
# ARGV: the bytes to keep. Small sessions are added up; how large others are Redis knows, at no cost. Who may not ask it
# is told what some of the records let expect.
_SUMMARY = f"""{_CUT}{_THREAD}
local length = redis.pcall('LLEN', KEYS[1])
if type(length) == 'table' then
  if not is_thread() then return not string.find(tostring(length.err), 'WRONGTYPE') and length end
  local _, head = newest()
  local count, found = messages(head, 1, tonumber(ARGV[1]))
  return {{'thread', count, redis.call('PTTL', KEYS[1]), checkpoints(), found, size()}}
end
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
_LOOK = f"""{_CUT}{_THREAD}
local length, latest, kept = redis.pcall('LLEN', KEYS[1]), tonumber(ARGV[1]), tonumber(ARGV[3])
if type(length) == 'table' then
  if not is_thread() then return length end
  local id, head, writes = newest()
  local stored = checkpoints()
  local version = table.concat({{get('life'), id, string.match(head, '^%S*'), stored, writes}}, ' ')
  if version == ARGV[4] then return {{-1, redis.call('PTTL', KEYS[1]), version}} end
  local count, found = messages(head, latest, kept)
  local waiting = 0
  for number in string.gmatch(writes, '%d+') do
    local task = string.match(get('@' .. number) or '', '^[^\\n]*')
    if string.find(task, '"__interrupt__"', 1, true) then waiting = 1 end
  end
  return {{count, redis.call('PTTL', KEYS[1]), version, found, stored, waiting, size()}}
end
local newest = at(ARGV[2])
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
_READ = f"""{_THREAD}
if is_thread() then return {{redis.call('PTTL', KEYS[1]), redis.call('HGETALL', KEYS[1]), 1}} end
return {{redis.call('PTTL', KEYS[1]), redis.call('LRANGE', KEYS[1], 0, -1)}}
"""
# ARGV: a record's index, or in a thread its number.
_ONE = f"""{_CUT}{_THREAD}
if is_thread() then return get('messages@' .. ARGV[1]) end
return at(ARGV[1])
"""
# KEYS: some sessions. Redis's own estimate of their memory costs it next to nothing; who may not ask it gets 0.
_TALLY = f"""{_CUT}{_THREAD}
local keys, found = {{unpack(KEYS)}}, {{}}
for place, key in ipairs(keys) do
  KEYS[1] = key
  local length, used = redis.pcall('LLEN', key), redis.pcall('MEMORY', 'USAGE', key)
  if type(length) == 'table' then
    length = -1
    if is_thread() then
      local _, head = newest()
      length = messages(head, 0, 0)
    end
  end
  found[place] = {{length, type(used) == 'number' and used or 0}}
end
return found
"""
_IS_THREAD = f"{_THREAD} return is_thread() and 1 or 0"
# Asking for the length fails where the key holds something else than a list, which must stay.
_DELETE = "redis.call('LLEN', KEYS[1]) return redis.call('DEL', KEYS[1])"
# ARGV: milliseconds to live or -1; of a thread its new life, else blank; then the records, or fields and values.
_IS_SAME = """\
local function is_same()
  if ARGV[2] == '' then
    local there = redis.pcall('LRANGE', KEYS[1], 0, -1)
    for index, record in ipairs(there) do if record ~= ARGV[index + 2] then return false end end
    return #there == #ARGV - 2
  end
  local there, fields = redis.pcall('HGETALL', KEYS[1]), {}
  for place = 1, #there, 2 do fields[there[place]] = there[place + 1] end
  for place = 3, #ARGV, 2 do if fields[ARGV[place]] ~= ARGV[place + 1] then return false end end
  return #there == #ARGV  -- one more of them is the life
end
"""
# A session that is there is left as it is. A time to live that Redis refuses is refused before anything is pushed.
_RESTORE = f"""{_IS_SAME}
if redis.call('EXISTS', KEYS[1]) == 1 then return is_same() and 2 or 0 end
local function expire() return tonumber(ARGV[1]) > 0 and redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
expire()
if ARGV[2] == '' then
  for index = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[index]) end
else
  for place = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1]) end
  redis.call('HSET', KEYS[1], 'life', ARGV[2])
end
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
_GIVE_KEYS = words("Pass a list of Redis keys of existing sessions, such as [history.key].")
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
            + say("Export the sessions again, or fix the line; nothing was imported.")
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


Kind = Literal["history", "thread"]
"""What a session is: the list of a history, or an agent's thread."""


@dataclass(frozen=True, order=True)
class Session:
    """One session, as a list of sessions shows it.

    Attributes:
        key: Its Redis key; bytes that are not UTF-8 are in it as Python's ``surrogateescape`` has them.
        messages: How many messages Redis holds; of a thread those of its latest checkpoint, without what a
            `DeltaChannel` has written since its latest snapshot.
        bytes: The size of its records, without what Redis adds for its own bookkeeping; where `estimated`, the memory
            that Redis says they take, or, where a user may not ask that, what some of its records let expect.
        ttl: Seconds until Redis forgets it; None: never.
        role: Who said the newest message: ``human``, ``ai`` and so on; empty where the record is damaged, and
            ``encrypted`` where it can't be read without the key.
        last: The newest message's text, a long one's beginning. Empty, as is `role`, where the order is not known.
        newest_first: Whether the newest record is at the head of the list; None: it can't be known.
        estimated: Whether `bytes` is an estimate, as for all that take more than 64 kB.
        kind: Whether it is the list of a history, or an agent's thread.
        checkpoints: How many checkpoints a thread has, with those of subgraphs.
    """

    key: str
    messages: int
    bytes: int
    ttl: float | None
    role: str
    last: str
    newest_first: bool | None = None
    estimated: bool = False
    kind: Kind = "history"
    checkpoints: int = 0


class Tally(NamedTuple):
    """How much a session is, in short.

    Attributes:
        messages: How many messages Redis holds; of a thread those of its latest checkpoint.
        bytes: The memory that Redis says it takes, all in all; 0 where the user may not ask that.
    """

    messages: int
    bytes: int


@dataclass(frozen=True)
class Record:
    """One message of a session, as it is stored.

    Attributes:
        index: Its place in the Redis list; in a thread its number, which is in the name of its field.
        bytes: Its size.
        role: Who said it; empty where the record is not a chat message, ``encrypted`` where it can't be read.
        text: What was said, of a record of more than 20 kB the beginning; of a damaged record the beginning as it is
            stored.
        calls: The tools that it calls, each as ``name(argument=value)``.
        fields: The message's fields as they are stored, such as ``usage_metadata``; empty where it can't be read.
        cut: Whether only its beginning was read, and so of `fields` only those that are there.
    """

    index: int
    bytes: int
    role: str
    text: str
    calls: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    cut: bool = field(default=False, repr=False, compare=False)


@dataclass(frozen=True)
class StoredList:
    """A session at one moment: a history's list, or the messages of a thread's latest checkpoint.

    Attributes:
        key: Its Redis key.
        length: How many records Redis holds.
        ttl: Seconds until Redis forgets it; None: never.
        records: The latest records, in the order of the list; of a thread the newest one is the last.
        newest_first: Whether the newest record is at its head; None: it can't be known.
        version: Changes with the length and with the newest record; of a thread with each write.
        kind: Whether it is the list of a history, or an agent's thread.
        checkpoints: How many checkpoints a thread has, with those of subgraphs.
        bytes: The size of a thread, as a `Session` has it; of a list 0.
        waiting: Whether a thread was interrupted to ask something, and the answer is waited for.
    """

    key: str
    length: int
    ttl: float | None
    records: tuple[Record, ...]
    newest_first: bool | None = None
    version: bytes = field(default=b"", repr=False, compare=False)
    kind: Kind = "history"
    checkpoints: int = 0
    bytes: int = 0
    waiting: bool = False


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
    client: Client, prefix: str | tuple[str, ...] = PREFIXES, *, newest_first: bool | None = None
) -> Iterator[list[Session]]:
    """Search for sessions with SCAN, which never holds the server up, on every node of a cluster.

    Args:
        client: A redis-py client.
        prefix: What the keys begin with, or several such; ``""`` finds all sessions, those of
            `MemorystoreChatMessageHistory` too.
        newest_first: Whether the newest record is at the head of their lists; ``None`` finds it out for each.

    Yields:
        The sessions among the next keys that this user may read; an empty list where there is none. A session that is
        written meanwhile may come or not, as with every SCAN, but none comes twice.
    """
    seen: set[str] = set()
    scan: Any = client.scan_iter
    patterns = map(beginning_with, [prefix] if isinstance(prefix, str) else prefix)
    keys = (scan(match=_bytes(one), count=SCAN_COUNT, **{NEVER_DECODE: True}) for one in patterns)
    texts = map(_text, chain.from_iterable(keys))
    while some := list(islice(texts, _PIPELINED)):
        new = [key for key in dict.fromkeys(some) if key not in seen]
        seen.update(new)
        yield _summaries(client, new, newest_first)


def tally(client: Client, keys: Sequence[str]) -> dict[str, Tally]:
    """Count messages and memory of many sessions at little cost, so that it can be done every second.

    Args:
        client: A redis-py client of one server, which may be asked of several keys at once.
        keys: The Redis keys.

    Returns:
        What was counted, by key. Lists are counted whatever their records are; what is neither a list nor a thread is
        left out, and what is gone counts 0.

    Raises:
        redis.RedisError: The server can't be reached, or refuses.
    """
    counted: dict[str, Tally] = {}
    execute: Any = client.execute_command
    for start in range(0, len(keys), _TALLIED):
        some = keys[start : start + _TALLIED]
        found = execute("EVAL", _TALLY, len(some), *map(_bytes, some), **{NEVER_DECODE: True})
        counted |= {key: Tally(*one) for key, one in zip(some, found, strict=True) if one[0] >= 0}
    return counted


def look_into(
    client: Client,
    key: str,
    *,
    newest_first: bool | None = None,
    latest: int | None = None,
    prefix: str = "",
    since: StoredList | None = None,
    serde: Any = None,
) -> StoredList:
    """Read a session's messages, in one step.

    Args:
        client: A redis-py client.
        key: The Redis key.
        newest_first: Whether the newest record is at the head; ``None`` finds it out, by what the records say of it.
            Where they don't, the latest records are taken to be at the end, and the list's `newest_first` is ``None``.
        latest: How many of the latest records to read; ``None``: all.
        prefix: The prefix that the key was found by. It says nothing of the order.
        since: What an earlier, equal call returned: its records are read again only where the version has changed.
        serde: The encrypting serializer that a thread's saver was given. Without it encrypted messages stay unread.

    Returns:
        The session as it is now, of length 0 where there is no such key.

    Raises:
        ValueError: `latest` is less than 0.
        NotAHistoryError: The key holds something else than a history or a thread.
        redis.RedisError: The server can't be reached, or refuses.
    """
    if latest is not None and latest < 0:
        raise ValueError(f"latest must be a whole number from 0, or None, not {latest!r}.")
    if newest_first is None:
        newest_first = next((one.newest_first for one in _summaries(client, [key], None)), None)
    version = since.version if since and since.key == key and since.newest_first == newest_first else b""
    wanted, kept = -1 if latest is None else latest, 1 << 53 if serde else _READ_BYTES
    length, ttl, version, *found = _run(client, _LOOK, key, wanted, 0 if newest_first else -1, kept, version)
    if since and not found:
        return replace(since, ttl=_seconds(ttl))
    if found[1:]:
        pieces, checkpoints, waiting, size, _ = found
        records = tuple(_message(*piece, serde=serde) for piece in reversed(pieces))
        held: Any = ("thread", checkpoints, size, bool(waiting))
        return StoredList(key, length, _seconds(ttl), records, False, version, *held)
    start = 0 if newest_first else length - len(found[0])
    records = tuple(_record(place, *record) for place, record in enumerate(found[0], start))
    return StoredList(key, length, _seconds(ttl), records, newest_first, version)


def read_whole(client: Client, key: str, record: Record, *, serde: Any = None) -> Record | None:
    """Read one message of a session again, however large it is.

    Args:
        client: A redis-py client.
        key: The session's Redis key.
        record: The message as `look_into` has just found it.
        serde: The encrypting serializer that a thread's saver was given.

    Returns:
        The message; ``None`` where one of another size is in its place now.

    Raises:
        NotAHistoryError: The key holds something else than a history or a thread.
        redis.RedisError: The server can't be reached, or refuses.
    """
    found: bytes = _run(client, _ONE, key, record.index) or b""
    if len(found) != record.bytes:
        return None
    whole = _record(record.index, len(found), found)
    return whole if whole.role else _message(record.index, len(found), found, serde=serde)


def delete_session(client: Client, key: str) -> None:
    """Delete a session, for good.

    Args:
        client: A redis-py client.
        key: The session's Redis key; where there is none, nothing happens.

    Raises:
        NotAHistoryError: The key holds something else, which stays.
        WriteError: The server can't be reached; calling again is safe.
        MissingExtraError: It is a thread, and the extra for agents is not installed.
    """
    if readable(key) != key:
        _run(client, _DELETE, key)
        return
    try:
        MemorystoreChatMessageHistory(client, key).clear()
    except (NotAHistoryError, MissingRightsError):  # who may use threads need not be allowed what histories need
        if not _is_thread(client, key):
            raise
        from helpers._checkpoints.scripts import DELETE
        from helpers._checkpoints.writing import ThreadWrite

        carry_out(client, ThreadWrite(client, DELETE, key, key[: key.find(":") + 1], ()))


def export_sessions(client: Client, keys: Iterable[str], *, missing_ok: bool = False) -> Iterator[str]:
    """Write sessions as JSON Lines: a line that says what it is, then for each session a line and one for each message.

    A thread is exported with all its checkpoints, a line for each field of its hash. Records are kept byte for byte,
    each with a checksum, and the time to live that is left goes with them.

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
    said = ""
    for key in keys:
        ttl, records, *thread = _run(client, _READ, key)
        if not records:
            if missing_ok:
                continue
            raise SessionNotFoundError(f"There is no session under the key {key!r}.\n{say(_GIVE_KEYS)}")
        if (form := THREADS_FORMAT if thread else FORMAT) > said:
            said = form
            yield _line({"format": form})
        if thread:  # wherever it is imported it gets another life, so that no saver takes it for the one that it knows
            parts = [pair for pair in zip(records[::2], records[1::2], strict=True) if pair[0] != b"life"]
            named: dict[str, Any] = {"thread": key, "fields": len(parts)}
        else:
            parts = [(b"", record) for record in records]
            named = {"session": key, "messages": len(parts)}
        left = None if ttl < 0 else max(ttl, 1)
        yield _line({"crc32": _checksum(key, len(parts), left), **named, "ttl_ms": left})
        for name, record in parts:
            place = {"field": _text(name)} if thread else {}
            yield _line({"crc32": zlib.crc32(record, zlib.crc32(name)), **place, "record": _text(record)})
    if not said:
        yield _line({"format": FORMAT})


def import_sessions(client: Client, lines: Iterable[str], prefix: str | tuple[str, ...] = PREFIXES) -> list[str]:
    """Store exported sessions again, all of them or, where something is wrong, none.

    Args:
        client: A redis-py client.
        lines: What `export_sessions` yielded, a text file or its whole text.
        prefix: What every key has to begin with, or several of which one is enough.

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
    life = secrets.token_hex(4)
    try:
        for key, (ttl, is_thread, records) in sessions.items():
            stored = _run(client, _RESTORE, key, ttl or -1, life if is_thread else "", *records)
            if not stored:  # written by somebody else since
                raise SessionExistsError([key])
            # What is there as it was exported was stored by an attempt that got no reply, or else by somebody else.
            ours += [key] * (stored == 1 or key in again)
    except BaseException as error:
        if isinstance(error, redis.RedisError) and not isinstance(error, redis.ResponseError):
            unsettled.update(ours, [key])
            raise WriteOutcomeUnknownError(key, str(error)) from error
        for one in ours:
            _, is_thread, records = sessions[one]
            _run(client, _TAKE_BACK, one, -1, life if is_thread else "", *records)
        raise
    unsettled.difference_update(sessions)
    return list(sessions)


def _summaries(client: Client, keys: Sequence[str], newest_first: bool | None) -> list[Session]:
    pipeline: Any = client.pipeline(transaction=False)
    for name in map(_bytes, keys):
        # Without the node, redis-py asks the cluster, of each command, which its keys are.
        node = {"target_nodes": client.get_node_from_key(name)} if isinstance(client, redis.RedisCluster) else {}
        pipeline.execute_command("EVAL", _SUMMARY, 1, name, _LINE_BYTES, **{NEVER_DECODE: True}, **node)
    found: list[Session] = []
    for key, summary in zip(keys, pipeline.execute(raise_on_error=False), strict=True):
        if isinstance(summary, redis.exceptions.NoPermissionError) and " access " in str(summary):
            continue  # somebody else's, on a server that several share
        if isinstance(summary, Exception):
            raise summary
        if not summary:
            continue
        if summary[0] == b"thread":
            _, length, ttl, checkpoints, pieces, size, estimated = summary
            newest = _message(*pieces[0]) if pieces else Record(0, 0, "", "")
            said = newest.role, newest.text or ", ".join(newest.calls)
            found.append(
                Session(key, length, size, _seconds(ttl), *said, False, bool(estimated), "thread", checkpoints)
            )
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


def _is_thread(client: Client, key: str) -> bool:
    try:
        return bool(_run(client, _IS_THREAD, key))
    except redis.ResponseError:
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
    role, text, fields = seen or ("", head[:200].decode("utf-8", "replace"), {})
    return Record(index, size, role, text + "…" * bool(end), called(fields), fields, bool(end))


def _message(number: int, size: int, head: bytes, end: bytes = b"", *, serde: Any = None) -> Record:
    """A message of a thread out of what has travelled of it."""
    kind, _, data = head.partition(b":")
    if b"+" in kind and serde is None:
        return Record(number, size, "encrypted", "")
    with suppress(Exception):  # whatever is wrong with it, or with the key
        # A message as an object is one that was decrypted.
        whole: Any = ["", "", vars(serde.loads_typed((kind.decode(), data)))] if b"+" in kind else unpacked(data)
        match whole:
            case [str(module), str(), {"content": str() | list() as content} as fields, *_]:
                role, text = shown(str(fields.get("type") or module.rpartition(".")[2]), content)
                return Record(number, size, role, text + "…" * bool(end), called(fields), fields, bool(end))
    return Record(number, size, "", head[:200].decode("utf-8", "replace") + "…" * bool(end))


class _Parsed(NamedTuple):
    """A session of an export: milliseconds to live, what it is, and its records, or its fields and their values."""

    ttl: int | None
    is_thread: bool
    records: list[bytes]


def _parsed(lines: Iterable[str], prefix: str | tuple[str, ...]) -> dict[str, _Parsed]:
    """The sessions of an export by key."""
    sessions: dict[str, _Parsed] = {}
    session = _Parsed(None, False, [])
    number = left = empty = 0
    wanted = repr(prefix) if isinstance(prefix, str) else " or ".join(map(repr, prefix))
    fields: Any = None
    # A text's own lines: what splitlines takes for the end of a line may stand in a message.
    for number, line in enumerate(lines.split("\n") if isinstance(lines, str) else lines, start=1):
        if not line.strip():
            empty = empty or number
            continue
        # Editors add empty lines at the end, and a byte order mark at the beginning.
        fields = _fields(empty or number, "" if empty else line.removeprefix("\ufeff"))
        if left:
            session.records.extend(_parsed_record(number, fields, session.is_thread))
            left -= 1
        elif fields in ({"format": FORMAT}, {"format": THREADS_FORMAT}):
            continue
        elif number == 1:
            raise DamagedExportError(1, f"an export begins with {_line({'format': FORMAT}).strip()}")
        else:
            key, left, session = _parsed_session(number, fields)
            if not key.startswith(prefix):
                raise DamagedExportError(number, f"the key {key!r} does not begin with {wanted}")
            if key in sessions:
                raise DamagedExportError(number, f"the session {key!r} is there twice")
            sessions[key] = session
    if fields is None or left:
        raise DamagedExportError(empty or number + 1, "the export ends before it")
    return sessions


def _parsed_session(number: int, fields: Any) -> tuple[str, int, _Parsed]:
    match fields:
        case {"crc32": int(checksum), "session": str(key), "messages": int(count), "ttl_ms": int() | None as ttl} | {
            "crc32": int(checksum),
            "thread": str(key),
            "fields": int(count),
            "ttl_ms": int() | None as ttl,
        }:
            if _checksum(key, count, ttl) == checksum:
                return key, count, _Parsed(ttl, "thread" in fields, [])
            raise DamagedExportError(number, "the session is not the one that was exported (its checksum differs)")
    raise DamagedExportError(number, "it does not begin a session")


def _parsed_record(number: int, fields: Any, is_thread: bool) -> list[bytes]:
    match fields:
        case {"crc32": int(checksum), "record": str(text)} if isinstance(fields.get("field"), str) == is_thread:
            with suppress(UnicodeEncodeError):
                record, name = _bytes(text), _bytes(fields.get("field", ""))
                if zlib.crc32(record, zlib.crc32(name)) == checksum:
                    return [name, record] if is_thread else [record]
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
