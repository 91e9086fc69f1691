"""The engine inside this very process, for where there are neither processes nor sockets: a web page.

fakeredis keeps the data and answers the commands. Its scripts want a Lua that a page does not have, so they are run by
`helpers.embedded.lua` here.
"""

import hashlib
from itertools import count
from typing import Any, ClassVar

import redis
from fakeredis import FakeRedisConnection, FakeServer
from fakeredis._clients._async import FakeReader, FakeWriter
from fakeredis._command_args_parsing import Int
from fakeredis._commands import Key, command
from fakeredis._helpers import SimpleError, SimpleString
from fakeredis._msgs import FLAG_NO_SCRIPT, NO_MATCHING_SCRIPT_MSG
from fakeredis._socket import AsyncFakeSocket, FakeSocket
from fakeredis.aioredis import FakeAsyncRedisConnection

from helpers.embedded.lua import LuaError, Table, compiled
from helpers.embedded.process import AUTH_IS_OFF, know_keys_of_scripts

SCHEME = "memory://"
"""What the address of a server in this process begins with."""

_servers: dict[str, FakeServer] = {}
_numbers = count(1)


def opened() -> str:
    """Open a server, empty.

    Returns:
        Its address, which leads nowhere outside of this process.
    """
    url = f"{SCHEME}server-{next(_numbers)}"
    _servers[url] = FakeServer()
    know_keys_of_scripts(_servers[url])
    return url


def closed(url: str) -> None:
    """Close a server: its data is gone, and who still has a connection finds it broken."""
    if server := _servers.pop(url, None):
        server.connected = False
        server.dbs.clear()


def is_open(url: str) -> bool:
    """Whether a server of this address is open."""
    return url in _servers


def pool(url: str, **options: Any) -> redis.ConnectionPool:
    """Connections to a server in this process.

    Args:
        url: Its address.
        options: What redis-py's connections take.

    Raises:
        redis.ConnectionError: There is no such server, or no more.
    """
    if (server := _servers.get(url)) is None:
        raise redis.ConnectionError("no server of this process has that address")
    return redis.ConnectionPool(connection_class=MemoryConnection, server=server, **options)


class _Scripting:
    """The commands on scripts, and what scripts ask for beside those that fakeredis has."""

    _server: Any
    _decode_error: Any
    put_response: Any
    _client_info: Any
    _name_to_func: Any
    _run_command: Any

    @command((bytes, Int), (bytes,), flags=FLAG_NO_SCRIPT)
    def eval(self, script: bytes, number: int, *rest: bytes) -> Any:
        """Run a script."""
        if not 0 <= number <= len(rest):
            raise SimpleError("ERR Number of keys can't be negative, or greater than number of args")
        self._server.script_cache[hashlib.sha1(script).hexdigest().encode()] = script  # noqa: S324  # Redis's way
        try:
            values = compiled(script)(self._call, self._pcall, _error_reply, Table(rest[:number]), Table(rest[number:]))
            return _reply(values[0] if values else None)
        except (LuaError, ArithmeticError, TypeError, ValueError) as error:
            raise SimpleError(f"ERR {error}") from error

    @command(name="EVALSHA", fixed=(bytes, Int), repeat=(bytes,), flags=FLAG_NO_SCRIPT)
    def evalsha(self, name: bytes, number: int, *rest: bytes) -> Any:
        """Run a script that was run before."""
        if (script := self._server.script_cache.get(name.lower())) is None:
            raise SimpleError(NO_MATCHING_SCRIPT_MSG)
        return self.eval(script, number, *rest)

    @command(name="MEMORY USAGE", fixed=(Key(),), repeat=(bytes,))
    def memory_usage(self, key: Any, *_: bytes) -> int | None:
        """About how much memory a key takes."""
        return None if key.value is None else _size(key.value)

    def _process_command(self, fields: list[bytes]) -> None:
        if (
            [one.lower() for one in fields[:1]] == [b"auth"]
            and len(fields) == 2
            and b"requirepass" not in self._server.config
        ):
            self.put_response(self._decode_error(SimpleError(AUTH_IS_OFF)))
            return
        super()._process_command(fields)  # type: ignore[misc]

    def _call(self, name: bytes, *arguments: Any) -> list[Any]:
        fields = [_argument(one) for one in (name, *arguments)]
        try:
            self._server.acl.validate_command(self._client_info.user, self._client_info, fields)
        except SimpleError as error:
            raise SimpleError(f"ERR ACL failure in script: {error.value.removeprefix('NOPERM ')}") from error
        command, *rest = fields
        called = command.decode().lower()
        if called == "memory" and rest:
            called += " " + rest.pop(0).decode().lower()
        function, signature = self._name_to_func(called)
        signature.check_arity(rest, self._server.version)
        result = self._run_command(function, signature, rest, True)
        if isinstance(result, SimpleError):
            raise result
        return [_value(result)]

    def _pcall(self, name: bytes, *arguments: Any) -> list[Any]:
        try:
            return self._call(name, *arguments)
        except SimpleError as error:
            return _error_reply(error.value.encode())


def _size(value: Any) -> int:
    value = [value] if isinstance(value, bytes) else value
    held = value.items() if hasattr(value, "items") else value
    parts = [part for one in held for part in (one if isinstance(one, tuple) else (one,))]
    return sum(map(len, parts)) + 64 + 8 * len(parts)


def _argument(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SimpleError("ERR Lua redis lib command arguments must be strings or integers")
    return b"%d" % value if value == int(value) else b"%.17g" % value


def _error_reply(text: bytes) -> list[Any]:
    return [Table(fields={b"err": text})]


def _value(reply: Any) -> Any:
    """What a command answers, as a script sees it."""
    if reply is None:
        return False
    if isinstance(reply, SimpleString):
        return Table(fields={b"ok": reply.value})
    return Table(map(_value, reply)) if isinstance(reply, (list, tuple)) else reply


def _reply(value: Any) -> Any:
    """What a script returns, as its client sees it."""
    if isinstance(value, Table):
        if value[b"err"] is not None:
            raise SimpleError(value[b"err"].decode(errors="replace"))
        return SimpleString(value[b"ok"]) if value[b"ok"] is not None else list(map(_reply, value.array()))
    if isinstance(value, bool):
        return 1 if value else None
    return int(value) if isinstance(value, float) else value


class _Socket(_Scripting, FakeSocket):
    pass


class _AsyncSocket(_Scripting, AsyncFakeSocket):
    pass


class AsyncMemoryConnection(FakeAsyncRedisConnection):
    """A connection of redis-py's asyncio client to a server in this process."""

    async def _connect(self) -> None:
        await super()._connect()
        self._sock = _AsyncSocket(self._server, self.db, client_class=self._client_class, client_info=self._client_info)
        self._reader, self._writer = FakeReader(self._sock), FakeWriter(self._sock)


class MemoryConnection(FakeRedisConnection):
    """A connection of redis-py's client to a server in this process."""

    asynchronous: ClassVar[type] = AsyncMemoryConnection

    def _connect(self) -> FakeSocket:
        server: Any = self._server
        return _Socket(server, self.db, client_class=self._client_class, client_info=self._client_info)
