"""Writes to one Redis list that are carried out once, whatever the network does meanwhile.

redis-py sends a command again when its reply was lost, and then the server carries it out twice. Here each attempt is
one script, which Redis runs from start to end before it serves anyone else, and which tries whatever may be refused (a
right that the user lacks, a bound) before it changes anything. All attempts of a write share an id.

* Messages carry the id, in the last record that they are stored as. The first attempt is one request and looks nothing
  up. A further one looks for the id in the list, and leaves a *fence*: a key that lives for `FENCE_SECONDS` and has an
  attempt that arrives late, out of some buffer, do nothing.
* `clear` leaves no record to be found by, so each of its attempts leaves the fence: a further one that finds it deletes
  nothing, whoever has written meanwhile. A reply to the first takes the fence away.
* A write of messages whose outcome stayed unknown is known again by an equal call through the same client, which takes
  its id over, until a write to that session succeeds. Nothing else is remembered: not `clear`, not what was refused,
  cancelled or interrupted.

The fence begins with the history's own prefix and shares the list's hash slot, so that a user limited to the chat keys
may write it, and a cluster runs the script on one node.
"""

import asyncio
import hashlib
import re
import secrets
import threading
import time
import traceback
import weakref
from binascii import crc_hqx
from contextlib import nullcontext, suppress
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ClusterError, RedisClusterException, TryAgainError
from redis.retry import Retry

from helpers._connecting.asynchronous import AsyncClient
from helpers._connecting.clients import Client
from helpers._connecting.failover import FINAL
from helpers._histories.records import signed
from helpers.errors import ReaderRefusedError, write_error

FENCE_SECONDS = 3600
"""How long an attempt that comes late is held off. Longer than TCP keeps trying to deliver what was sent (about 15
minutes on Linux, `tcp_retries2`)."""

GIVE_UP_SECONDS = 12.0
"""How long a write is tried in all. An attempt that has begun is waited for, so the client's `socket_timeout` comes on
top."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
_REMEMBERED_SESSIONS = 1000
_SLOW_LINE = 500_000  # bytes a second

_FAULTS = (redis.RedisError, RedisClusterException)
_CUT_OFF = "_cut_off"
_ONCE, _ONCE_ASYNC = Retry(NoBackoff(), 0), AsyncRetry(NoBackoff(), 0)
# Another attempt may help: a connection broke, or the server refuses for now.
_TRANSIENT = (redis.ConnectionError, redis.TimeoutError, ClusterError, RedisClusterException, TryAgainError)
_FOR_NOW = re.compile(r"read only (replica|slave)|^BUSY ")  # no class of their own, or none in scripts up to Redis 6
# Nothing was carried out: the server said no, the cluster sent the client round in circles, or redis-py refused.
_REFUSED = (redis.ResponseError, redis.exceptions.BusyLoadingError, ClusterError, redis.DataError, *FINAL)

# KEYS: the list or thread, the fence. ARGV: the write's id, the fence's seconds, then the task's own arguments.
UNLESS_FENCED = "if redis.call('EXISTS', KEYS[2]) == 1 then return end\n"
FENCE = "redis.call('SET', KEYS[2], '1', 'EX', ARGV[2])\n"

# ARGV[3]: LPUSH or RPUSH. ARGV[4]: seconds to live. ARGV[5]: how many to keep. Then the records.
# All that may be refused after the push is tried on the fence, which is not there. SET comes first: a server whose
# memory is full refuses it, and nothing that comes after a script's first command that may write.
_TRY = """\
local list, push, ttl, keep = KEYS[1], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local function bound(key)
  if keep > 0 then
    if push == 'LPUSH' then redis.call('LTRIM', key, 0, keep - 1) else redis.call('LTRIM', key, -keep, -1) end
  end
  if ttl > 0 then redis.call('EXPIRE', key, ttl) end
end
redis.call('SET', KEYS[2], '1', 'XX')
bound(KEYS[2])
"""
# The newest records are looked at first, a hundred at a time: that is where a lost reply's write is.
_FIND = """\
local function stored()
  for first = 0, redis.call('LLEN', list) - 1, 100 do
    local records
    if push == 'LPUSH' then
      records = redis.call('LRANGE', list, first, first + 99)
    else
      records = redis.call('LRANGE', list, -first - 100, -first - 1)
    end
    for _, record in ipairs(records) do
      if string.find(record, ARGV[1]) then return true end
    end
  end
end
"""
# A script may unpack some thousands of values at once, not more.
_PUSH = """\
for first = 6, #ARGV, 1000 do
  redis.call(push, list, unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
bound(list)
"""
# Asking for the length fails where the key holds something else than a list, which must stay. DEL comes before SET, so
# that it is possible where memory is full.
_DELETE = "redis.call('LLEN', KEYS[1])\nredis.call('DEL', KEYS[2])\n" + FENCE + "redis.call('DEL', KEYS[1])\n"


class Task(NamedTuple):
    """What a write does, as a script for the first attempt and one for those after it.

    Attributes:
        fences: Whether the first attempt leaves the fence too.
    """

    first: str
    again: str
    fences: bool = False


APPEND = Task(
    UNLESS_FENCED + _TRY + _PUSH,
    UNLESS_FENCED + _TRY + _FIND + "if not stored() then\n" + _PUSH + "end\n" + FENCE,
)
CLEAR = Task(UNLESS_FENCED + _DELETE, UNLESS_FENCED + _DELETE, fences=True)


def fence_key(key: str, prefix: str, write_id: str) -> str:
    """The name of a write's fence: in the hash slot of `key`, and under `prefix` where that is possible."""
    end = f":write:{write_id}"
    opened = key.find("{")
    if 0 <= opened < key.find("}", opened + 1) - 1:  # the key has a hash tag of its own
        return key + end
    # A brace that closes without having opened is in no tag, but any tag of the key's slot will do.
    tag = _tag_of(key_slot(key.encode())) if "}" in key else key
    return f"{prefix if '{' not in prefix else ''}{{{tag}}}{end}"


@cache
def _tag_of(slot: int) -> int:
    return next(number for number in count() if crc_hqx(b"%d" % number, 0) % REDIS_CLUSTER_HASH_SLOTS == slot)


class Write:
    """One write on its way: its command for each attempt, and what to do when an attempt fails.

    Args:
        client: The history's redis-py client; what stays unknown is remembered with it.
        task: `APPEND`, `CLEAR`, or what is to become of a thread.
        key: The Redis key of the list or thread.
        prefix: What the fence's name begins with where it can.
        arguments: The task's own arguments, the same for the same call.
    """

    def __init__(self, client: Any, task: Task, key: str, prefix: str, arguments: tuple[Any, ...]) -> None:
        self.key, self.size = key, sum(map(len, arguments[3:]))
        self._client, self._task, self._arguments = client, task, arguments
        earlier = self._remembered()
        # Its first letter says at which end the records are pushed: by it a list's order is found out.
        self._id = earlier or "".join(arguments[:1])[:1] + secrets.token_hex(8)[1:]
        self._fence = fence_key(key, prefix, self._id)
        # Whether an attempt may have been carried out already, and whether the next must reckon with that.
        self._unknown = self._again = earlier is not None
        self._started, self._pause = time.monotonic(), _FIRST_PAUSE

    def command(self, client: Any) -> tuple[Any, ...]:
        """The command of the next attempt, to be sent through a client."""
        self._again = self._again or _resends(client)
        arguments = self._arguments
        if self._task is APPEND:
            arguments = (*arguments[:-1], signed(arguments[-1], self._id))
        script = self._task.again if self._again else self._task.first
        return ("EVAL", script, 2, self.key, self._fence, self._id, FENCE_SECONDS, *arguments)

    def pause_after(self, error: Exception, *, sent: bool) -> float:
        """Seconds to wait before the next attempt.

        Args:
            error: What the last one ended with.
            sent: Whether that one may have been carried out.

        Raises:
            WriteOutcomeUnknownError: Another attempt has no use or no time, and one may have been carried out.
            NotWrittenError, redis.RedisError: Likewise, and none was.
        """
        self._unknown, self._again = self._unknown or sent, self._again or sent
        final = isinstance(error, (*FINAL, ReaderRefusedError))
        transient = not final and (isinstance(error, _TRANSIENT) or _FOR_NOW.search(str(error)))
        if not transient or time.monotonic() - self._started + self._pause > GIVE_UP_SECONDS:
            if self._unknown and self._task is APPEND:
                self._remember()
            told = self._told(error)
            raise told from (error.__cause__ if told is error else error)
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause

    def _told(self, error: Exception) -> Exception:
        return write_error(self.key, error, unknown=self._unknown, size=self.size)

    def succeeded(self) -> str | None:
        """Note that the write was carried out. Returns the fence where it is of no use any more."""
        if _unknown_calls:
            with _lock:
                _unknown_calls.get(self._client, {}).pop(self.key, None)
        return self._fence if self._task.fences and not self._again else None

    def _remembered(self) -> str | None:
        """The id of an earlier, equal call whose outcome is unknown."""
        calls = _unknown_calls.get(self._client, {}).get(self.key) if _unknown_calls else None
        return calls.get(self._digest()) if calls else None

    def _remember(self) -> None:
        with _lock:
            sessions = _unknown_calls.setdefault(self._client, {})
            sessions[self.key] = sessions.pop(self.key, {}) | {self._digest(): self._id}
            if len(sessions) > _REMEMBERED_SESSIONS:
                del sessions[next(iter(sessions))]

    def _digest(self) -> bytes:
        parts = (part if isinstance(part, bytes) else str(part).encode() for part in self._arguments)
        return hashlib.sha256(b"\0".join(parts)).digest()


# By client and key: the digests of calls whose outcome is unknown, each with its write's id.
_unknown_calls: "weakref.WeakKeyDictionary[Any, dict[str, dict[bytes, str]]]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def carry_out(client: Client, write: Write) -> Any:
    """Carry a write out, once, with further attempts where one fails.

    Returns:
        What its script returned.

    Raises:
        WriteOutcomeUnknownError: It was sent and never confirmed.
        NotWrittenError: It could not be sent, or the server refused it each time.
        NotAHistoryError: The key holds something else than a list.
    """
    while True:
        try:
            reply = _send_once(client, write)
            break
        except _FAULTS as error:
            pause = write.pause_after(error, sent=_sent(client, error))
        time.sleep(pause)
    if fence := write.succeeded():
        with suppress(*_FAULTS):
            client.delete(fence)
    return reply


async def carry_out_async(client: AsyncClient, write: Write) -> Any:
    """Like `carry_out`, through the asyncio client."""
    while True:
        try:
            reply = await _send_once_async(client, write)
            break
        except _FAULTS as error:
            pause = write.pause_after(error, sent=_sent(client, error))
        await asyncio.sleep(pause)
    if fence := write.succeeded():
        with suppress(*_FAULTS):
            await client.delete(fence)
    return reply


def _resends(client: Any) -> bool:
    """Whether a client can't be kept from resending: somebody has put a way to send upon it, or its tasks share one."""
    return "execute_command" in vars(client) or getattr(client, "single_connection_client", False)


def _send_once(client: Any, write: Write) -> Any:
    """Send the next attempt as the client sends its commands, but once."""
    command = write.command(client)
    if hasattr(client, "nodes_manager"):  # which is asked sooner than redis-py's classes, which are protocols
        # With a node named, redis-py follows redirections, which carry nothing out, and resends nothing.
        return client.execute_command(*command, target_nodes=client.get_node_from_key(command[3]))
    if _resends(client):
        return client.execute_command(*command)
    with client.single_connection_lock if client.connection else nullcontext():
        connection = client.connection or client.connection_pool.get_connection()
        try:
            with _OneAttempt(client, connection, _ONCE, write.size) as attempt:
                return attempt.execute_command(*command)
        finally:
            if not client.connection:
                client.connection_pool.release(connection)


async def _send_once_async(client: Any, write: Write) -> Any:
    command = write.command(client)
    if hasattr(client, "nodes_manager"):
        await client.initialize()
        return await client.execute_command(*command, target_nodes=client.get_node_from_key(command[3]))
    if _resends(client):
        return await client.execute_command(*command)
    connection = await client.connection_pool.get_connection()
    transport = getattr(getattr(connection, "_writer", None), "transport", None)
    try:
        with _OneAttempt(client, connection, _ONCE_ASYNC, write.size) as attempt:
            return await attempt.execute_command(*command)
    except BaseException as error:
        if transport is not None and _unsent(transport):
            transport.abort()  # closing it would still write the rest
            setattr(error, _CUT_OFF, True)
            if isinstance(error, redis.TimeoutError):  # while it waited for the reply, over TLS
                error.args = ("Timeout writing to socket",)
        raise
    finally:
        await client.connection_pool.release(connection)


def _unsent(transport: Any) -> int:
    """How many bytes a transport still has to send. One for TLS that was lost and closed can't tell any more."""
    try:
        return int(transport.get_write_buffer_size())
    except AttributeError:
        return 0


class _OneAttempt:
    """A client, as whoever watches or changes its commands made it, over one connection that nothing is resent on.

    Its `socket_timeout` is longer by what the records take on a slow line. It is of the client's own class until
    it ends, since CPython runs the same code slower for two classes in turn.
    """

    def __init__(self, client: Any, connection: Any, retry: Any, size: int) -> None:
        self._connection, self._usual, self._patience = connection, connection.retry, size // _SLOW_LINE
        self._client: Any = object.__new__(client.__class__)
        vars(self._client).update(vars(client), connection=connection)
        self._set(retry, self._patience)

    def __enter__(self) -> Any:
        return self._client

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._client.__class__ = _unclosing(self._client.__class__)
        self._set(self._usual, -self._patience)
        if error is not None and "read only" in str(error):
            self._connection.mark_for_reconnect()  # the address may lead to the new primary by now

    def _set(self, retry: Any, patience: int) -> None:
        self._connection.retry = retry
        if patience and self._connection.socket_timeout:
            self._connection.socket_timeout += patience
            with suppress(AttributeError):  # fakeredis's sockets know no time-outs
                self._connection.update_current_socket_timeout(-1)  # has it count from now on


@cache
def _unclosing(kind: Any) -> Any:
    """A class of clients that close nothing when they are collected: the pool is not theirs."""
    return type(kind.__name__, (kind,), {"__module__": kind.__module__, "__del__": lambda _: None})


def _sent(client: Any, error: BaseException | None) -> bool:
    """Whether an attempt that ended with an error may have been carried out."""
    # A cluster's client tells how its search for another node ended. The command's own error came before that.
    if error is not None and error.__context__ is not None and error.__context__.__cause__ is error:
        error = error.__context__
    if isinstance(error, RedisClusterException):
        error = error.__context__
    if error is None or isinstance(error, _REFUSED) or hasattr(error, _CUT_OFF):
        return False
    # redis-py's errors don't tell how far it came, but the functions that they have passed through do. A "connect" of
    # its own comes after the reply.
    passed = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    step = next((name for name in passed if name in ("get_connection", "connect", "send_packed_command")), None)
    if step is None or step == "connect" or _resends(client):
        return True
    if step == "get_connection" or not {"connect_check_health", "check_health"}.isdisjoint(passed):
        return False
    # It broke off in the middle, and what asyncio has not written yet it writes after the connection is closed.
    return isinstance(client, (redis.asyncio.Redis, redis.asyncio.RedisCluster))
