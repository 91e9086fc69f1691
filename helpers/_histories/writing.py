"""Writes to one Redis list that are carried out once, whatever the network does meanwhile.

redis-py sends a command again when its reply was lost, and then the server carries it out twice. Here a
write has an id, which the last record that it stores carries. The first attempt is one request and looks
nothing up. A further attempt asks first whether the id is in the list already, and leaves a *fence*: a
key that lives for `FENCE_SECONDS` and tells an earlier attempt that arrives late, out of some buffer,
to do nothing. Each attempt is one script, which Redis runs from start to end before it serves anyone else.

The fence is written only after a fault. It begins with the history's own prefix and shares the list's hash
slot, so that a user limited to the chat keys may write it, and a cluster runs the script on one node.
"""

import asyncio
import secrets
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import redis
import redis.asyncio
from redis.crc import key_slot
from redis.exceptions import (
    ClusterError,
    ReadOnlyError,
    RedisClusterException,
    SlotNotCoveredError,
    TryAgainError,
)

from helpers._connecting.asynchronous import AsyncClient
from helpers._connecting.clients import Client
from helpers._connecting.failover import FINAL
from helpers._histories.records import signed
from helpers.errors import NotWrittenError, WriteOutcomeUnknownError

FENCE_SECONDS = 3600
"""How long a repeated write is recognised. Longer than TCP keeps trying to deliver what was sent (about 15
minutes on Linux, `tcp_retries2`), so no first attempt arrives after its fence is gone."""

GIVE_UP_SECONDS = 12.0
"""How long a write is tried in all before its outcome is reported as unknown. An attempt that has begun
is waited for, so the client's `socket_timeout` comes on top."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5

# Faults after which the same write may be tried again: the outcome is unknown, or it was refused for now.
TRANSIENT = (
    redis.ConnectionError,
    redis.TimeoutError,
    ReadOnlyError,
    ClusterError,  # the cluster is down, or sent the client from node to node: a slot is on its way
    RedisClusterException,  # no node could be reached
    SlotNotCoveredError,
    TryAgainError,
)
_NEVER_SENT = "_never_sent"

# KEYS: the list, the fence. ARGV: the write's id, the fence's seconds, then the task's own arguments.
# The first attempt does nothing where a later one has left its fence.
_FIRST = "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end\n"
_FENCE = "redis.call('SET', KEYS[2], '1', 'EX', ARGV[2])\n"

# ARGV[3]: LPUSH or RPUSH. ARGV[4]: seconds to live. ARGV[5]: how many to keep. Then the records. A script may
# unpack some thousands of values at once, not more.
_PUSH = """\
local list, push, ttl, keep = KEYS[1], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
for first = 6, #ARGV, 1000 do
  redis.call(push, list, unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
if keep > 0 then
  if push == 'LPUSH' then redis.call('LTRIM', list, 0, keep - 1) else redis.call('LTRIM', list, -keep, -1) end
end
if ttl > 0 then redis.call('EXPIRE', list, ttl) end
"""
# The newest records are looked at first, a hundred at a time: that is where a lost reply's write is.
_FIND = """\
for first = 0, redis.call('LLEN', KEYS[1]) - 1, 100 do
  local records
  if ARGV[3] == 'LPUSH' then
    records = redis.call('LRANGE', KEYS[1], first, first + 99)
  else
    records = redis.call('LRANGE', KEYS[1], -first - 100, -first - 1)
  end
  for _, record in ipairs(records) do
    if string.find(record, ARGV[1], 1, true) then return 0 end
  end
end
"""


class Task(NamedTuple):
    """What a write does, as a script for the first attempt and one for those after it."""

    first: str
    again: str


APPEND = Task(_FIRST + _PUSH, _FIRST + _FIND + _PUSH + _FENCE)
# Asking for the length fails where the key holds something else than a list, which must stay.
_DELETE = "redis.call('LLEN', KEYS[1])\nredis.call('DEL', KEYS[1])\n"
CLEAR = Task(_FIRST + _DELETE, _FIRST + _DELETE + _FENCE)


def fence_key(key: str, prefix: str, write_id: str) -> str:
    """The name of a write's fence: in the hash slot of `key`, and under `prefix` where that is possible."""
    end = f":write:{write_id}"
    opened = key.find("{")
    closed = key.find("}", opened + 1)
    if 0 <= opened < closed - 1:  # the key has a hash tag of its own
        return key + end
    if "}" not in key:
        return f"{prefix if '{' not in prefix else ''}{{{key}}}{end}"
    # A brace that closes without having opened: no tag can hold this key, but any tag of its slot will do.
    slot = key_slot(key.encode())
    tag = next(number for number in range(1_000_000) if key_slot(b"%d" % number) == slot)
    return f"{{{tag}}}{end}"


class Write:
    """One write on its way: its command for each attempt, and what to do when an attempt fails.

    Args:
        client: The redis-py client that it goes through; an unsettled call is remembered with it.
        task: `APPEND` or `CLEAR`.
        key: The Redis key of the list.
        prefix: What the fence's name begins with where it can.
        arguments: The task's own arguments, the same for the same call.
    """

    def __init__(self, client: Any, task: Task, key: str, prefix: str, arguments: tuple[Any, ...]) -> None:
        self._client, self._task, self._key, self._prefix = client, task, key, prefix
        self._arguments = arguments
        self._call = (task, key, arguments)
        earlier = _take_unsettled(client, self._call)
        # Its first letter says at which end the records are pushed: by it a list's order is found out.
        self._id = earlier or "".join(arguments[:1])[:1] + secrets.token_hex(8)[1:]
        self._again = self._sent = earlier is not None
        self._started = time.monotonic()
        self._pause = _FIRST_PAUSE

    def command(self) -> tuple[Any, ...]:
        """The command of the next attempt."""
        arguments = self._arguments
        if self._task is APPEND:
            arguments = (*arguments[:-1], signed(arguments[-1], self._id))
        script = self._task.again if self._again else self._task.first
        fence = fence_key(self._key, self._prefix, self._id)
        return ("EVAL", script, 2, self._key, fence, self._id, FENCE_SECONDS, *arguments)

    def pause_after(self, error: Exception) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            WriteOutcomeUnknownError: There is no time for another.
            NotWrittenError: Likewise, and no attempt ever left this machine.
        """
        if isinstance(error, FINAL):
            raise error
        if not getattr(error, _NEVER_SENT, False):
            self._again = self._sent = True
        if time.monotonic() - self._started + self._pause > GIVE_UP_SECONDS:
            kind = WriteOutcomeUnknownError if self._sent else NotWrittenError
            raise kind(self._key, str(error)) from error
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause

    def end(self, error: BaseException) -> None:
        """Leave the write with an error. Where its outcome is unknown, an equal call will be taken for its retry."""
        if isinstance(error, redis.ResponseError) and not self._sent:
            return  # refused at the first attempt: nothing was carried out
        now = time.monotonic()
        with _lock:
            calls = _unsettled.setdefault(self._client, {})
            for other in [known for known, entry in calls.items() if entry.until <= now]:
                del calls[other]
            calls[self._call] = _Unsettled(self._id, now + FENCE_SECONDS)


def carry_out(client: Client, write: Write) -> None:
    """Carry a write out, once, with further attempts where one fails.

    Raises:
        WriteOutcomeUnknownError: It was sent and never confirmed.
        NotWrittenError: It could not be sent.
        redis.ResponseError: The server refused it.
    """
    try:
        while True:
            try:
                return _send_once(client, write.command())
            except TRANSIENT as error:
                pause = write.pause_after(error)
            time.sleep(pause)
    except BaseException as error:
        write.end(error)
        raise


async def carry_out_async(client: AsyncClient, write: Write) -> None:
    """Like `carry_out`, through the asyncio client."""
    try:
        while True:
            try:
                return await _send_once_async(client, write.command())
            except TRANSIENT as error:
                pause = write.pause_after(error)
            await asyncio.sleep(pause)
    except BaseException as error:  # a cancelled task's write may have been carried out too
        write.end(error)
        raise


def _send_once(client: Any, command: tuple[Any, ...]) -> None:
    """Send a command without redis-py's own resending."""
    if isinstance(client, redis.RedisCluster):
        # With a node named, redis-py follows redirections, which carry nothing out, and resends nothing.
        client.execute_command(*command, target_nodes=client.get_node_from_key(command[3]))
        return
    with _marked_as_never_sent():
        connection = client.connection or client.connection_pool.get_connection()
    try:
        connection.send_command(*command)
        client.parse_response(connection, command[0])
    except BaseException as error:
        if _spoils_connection(error):
            connection.disconnect()
        raise
    finally:
        if not client.connection:
            client.connection_pool.release(connection)


async def _send_once_async(client: Any, command: tuple[Any, ...]) -> None:
    if isinstance(client, redis.asyncio.RedisCluster):
        await client.initialize()
        await client.execute_command(*command, target_nodes=client.get_node_from_key(command[3]))
        return
    with _marked_as_never_sent():
        connection = await client.connection_pool.get_connection()
    try:
        await connection.send_command(*command)
        await client.parse_response(connection, command[0])
    except BaseException as error:
        if _spoils_connection(error):
            await connection.disconnect(nowait=True)
        raise
    finally:
        await client.connection_pool.release(connection)


def _spoils_connection(error: BaseException) -> bool:
    """Whether a reply may still come, which nobody must take for theirs, or the server is no longer the primary."""
    return isinstance(error, ReadOnlyError) or not isinstance(error, redis.ResponseError)


@contextmanager
def _marked_as_never_sent() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        setattr(error, _NEVER_SENT, True)
        raise


class _Unsettled(NamedTuple):
    write_id: str
    until: float


_unsettled: "weakref.WeakKeyDictionary[Any, dict[Any, _Unsettled]]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _take_unsettled(client: Any, call: tuple[Any, ...]) -> str | None:
    """The id of an earlier, equal call whose outcome is unknown, so that the caller's retry is one too."""
    if not _unsettled:
        return None
    with _lock:
        found = _unsettled.get(client, {}).pop(call, None)
    return found.write_id if found and found.until > time.monotonic() else None
