"""The engine inside the process answers as a server does, and is all that a web page needs."""

import asyncio
import importlib
import json
import pkgutil
import random
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from hashlib import sha1
from typing import Any

import orjson
import ormsgpack
import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint

import helpers
from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, RedisSaver, connect
from helpers import environment as environments
from helpers.embedded import EmbeddedServer, embedded_server, lua, memory
from helpers.errors import ConnectionFailedError, EmbeddedServerError, HelpersError
from helpers.in_page import plain_json, plain_msgpack
from helpers.sessions import delete_session, export_sessions, find_sessions, import_sessions, look_into, read_whole
from tests.conftest import ROOT, client_of

SEED = 20261127
OPERATIONS = 700


@pytest.fixture
def inside() -> Iterator[EmbeddedServer]:
    """An empty server in this process."""
    with EmbeddedServer("memory") as server:
        yield server


class Recording(redis.Connection):
    """A connection that keeps what was asked and answered."""

    def __init__(self, *args: Any, record: "list[list[Any]]", **options: Any) -> None:
        self._record, self._unread = record, record[:0]
        super().__init__(*args, **options)

    def send_command(self, *args: Any, **options: Any) -> None:
        self._unread.append([args])
        super().send_command(*args, **options)

    def pack_commands(self, commands: Any) -> Any:
        commands = list(commands)
        self._unread.extend([command] for command in commands)
        return super().pack_commands(commands)

    def read_response(self, *args: Any, **options: Any) -> Any:
        asked = self._unread.pop(0)
        self._record.append(asked)
        try:
            asked.append(super().read_response(*args, **options))
        except redis.ResponseError as error:
            asked.append(error)
            raise
        return asked[-1]


def alike(one: Any, other: Any) -> bool:
    """Whether two answers are the same, but for the milliseconds of a time to live, and an error beyond its kind."""
    if isinstance(one, Exception):
        return type(one) is type(other) and str(one).split()[0] == str(other).split()[0]
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, int) and isinstance(other, int) and min(one, other) > 50_000:
        return abs(one - other) < 5_000
    return type(one) is type(other) and bool(one == other)


def stored(client: redis.Redis) -> dict[bytes, Any]:
    """All that a server holds, and what of it will expire."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
    }
    return {key: (read[client.type(key)](key), client.ttl(key) > 0) for key in client.keys()}


def messages(chance: random.Random) -> list[Any]:
    kinds = (HumanMessage, AIMessage)
    return [chance.choice(kinds)("다카르 é {}" * chance.randrange(1, 4)) for _ in range(chance.randrange(1, 5))]


def write_history(client: redis.Redis, chance: random.Random) -> None:
    bounds: Any = {"ttl": chance.choice([None, 100]), "max_messages": chance.choice([None, None, 3])}
    name = chance.choice(["a", "b", "{c", "other"])
    history: Any = (
        RedisChatMessageHistory(name, client=client, **bounds)
        if chance.random() < 0.5
        else MemorystoreChatMessageHistory(client, f"message_store:list-{name}", **bounds)
    )
    if chance.random() < 0.15:
        history.clear()
    else:
        history.add_messages(messages(chance) * (600 if chance.random() < 0.01 else 1))
    assert len(history.messages) == len(history)


def write_thread(client: redis.Redis, chance: random.Random) -> None:
    saver = RedisSaver(client, ttl=chance.choice([None, 100]), keep=chance.choice([None, 1, 3]))
    name = chance.choice(["a", "b", "other"])
    config: Any = {"configurable": {"thread_id": name, "checkpoint_ns": chance.choice(["", "", "sub:1"])}}
    match chance.randrange(12):
        case 0:
            saver.delete_thread(name)
        case 1:
            saver.copy_thread(name, chance.choice("abcd"))
        case 2:
            saver.prune([name], strategy=chance.choice(["keep_latest", "delete"]))
        case 3:
            saver.delete_for_runs([chance.choice("xyz")])
        case 4:
            list(saver.list(config, limit=chance.choice([None, 2])))
        case _:
            found = saver.get_tuple(config)
            checkpoint = empty_checkpoint() | {"channel_values": dict(found.checkpoint["channel_values"]) if found else {}}
            held = checkpoint["channel_values"].get("messages", [])
            checkpoint["channel_values"] |= {
                "messages": chance.choice([held, held[1:], held[:2]]) + messages(chance),
                "other": chance.choice([1, "x" * 500]),
            }
            before = found.config if found and chance.random() < 0.9 else config
            written = saver.put(before, checkpoint, {"run_id": chance.choice("xyz")}, {})  # type: ignore[typeddict-unknown-key]
            if chance.random() < 0.5:
                saver.put_writes(written, [("messages", messages(chance)), ("__interrupt__", "?")], str(uuid.uuid4()))


def use_sessions(client: redis.Redis, chance: random.Random) -> None:
    found = [one for some in find_sessions(client) for one in some]
    if not found:
        return
    key = chance.choice(found).key
    match chance.randrange(5):
        case 0:
            delete_session(client, key)
        case 1:
            text = "".join(export_sessions(client, [key]))
            with suppress(HelpersError):  # it is there
                import_sessions(client, text)
            client.delete(key)
            import_sessions(client, text)
        case _:
            seen = look_into(client, key, latest=2)
            look_into(client, key, latest=2, since=seen)
            for one in look_into(client, key).records[:1]:
                read_whole(client, key, replace(one, cut=True))


def spoil(client: redis.Redis, chance: random.Random) -> None:
    """Put something else where a history or a thread is, or a stranger's field into it."""
    key = chance.choice(["message_store:other", "thread:other"])
    match chance.randrange(4):
        case 0:
            client.set(key, "mine")
        case 1:
            client.hset(key, "next:", "damaged")
        case 2:
            client.rpush(key, "no record")
        case _:
            client.delete(key)


def scripts() -> set[str]:
    """Each whole script of the package: those that are no part of another one."""
    found = set()
    for module in pkgutil.walk_packages(helpers.__path__, "helpers."):
        if module.name.endswith(("__main__", "in_page")):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            parts = value if isinstance(value, tuple) else (value,)
            found |= {part for part in parts if isinstance(part, str) and "redis.call(" in part}
    return {one for one in found if not any(one != other and one in other for other in found)}


@pytest.mark.real_server
def test_it_answers_and_stores_as_a_server_does(server: EmbeddedServer, client: redis.Redis, inside: EmbeddedServer) -> None:
    """And each script of the package is among the commands, or the engine would not be known to run it."""
    record: list[list[Any]] = []
    pool = redis.ConnectionPool.from_url(
        server.url, connection_class=Recording, record=record, protocol=2, driver_info=None
    )
    twin = client_of(inside)
    connection: Any = twin.connection_pool.get_connection()
    chance, compared, ran = random.Random(SEED), 0, set()
    for _ in range(OPERATIONS):
        watched = redis.Redis.from_pool(pool)
        if chance.random() < 0.4:  # whose writes reckon with having been sent before
            watched.execute_command = watched.execute_command  # type: ignore[method-assign]
        operation = chance.choices([write_history, write_thread, use_sessions, spoil], [5, 8, 4, 1])[0]
        with suppress(HelpersError, redis.ResponseError, ValueError):
            operation(watched, chance)
        for asked, answered in record:
            connection.send_command(*asked)
            try:
                answer = connection.read_response()
            except redis.ResponseError as error:
                answer = error
            if asked[0] == "SCAN":
                continue  # in an order of its own
            assert alike(answered, answer), (operation.__name__, asked, answered, answer)
            if asked[0] in ("EVAL", "EVALSHA") and not isinstance(answer, redis.exceptions.NoScriptError):
                ran.add(asked[1])
        compared += len(record)
        record.clear()
        assert stored(client) == stored(twin)
    assert compared > 3 * OPERATIONS
    whole = {script: sha1(script.encode()).hexdigest() for script in scripts()}  # noqa: S324
    assert len(whole) > 15
    assert [script for script, name in whole.items() if not {script, name} & ran] == []
