"""A LangGraph checkpointer on Redis's core commands.

Each operation is written once, as a generator that yields what to ask the server and is sent the answer; one method
carries that out through a redis-py client and one through its asyncio twin.
"""

import re
import secrets
from collections.abc import AsyncIterator, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeVar, cast

import redis
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from redis.client import NEVER_DECODE
from redis.exceptions import NoScriptError

from helpers._checkpoints import scripts
from helpers._checkpoints.records import (
    Damage,
    Form,
    Memory,
    Mold,
    Record,
    namespace_of,
    numbers_in,
    ranges,
    read_record,
    suffix_of,
)
from helpers._checkpoints.writing import ThreadWrite, said_of
from helpers._connecting.arguments import given_async_client, given_client, positive, warn_that_it_forgets
from helpers._connecting.asynchronous import AsyncClient, async_twin
from helpers._connecting.clients import Client, beginning_with
from helpers._connecting.connection import address, connect
from helpers._histories.writing import carry_out, carry_out_async
from helpers._localization.messages import say
from helpers.environment import in_notebook
from helpers.errors import CheckpointNotFoundError, DamagedThreadError, NotAThreadError, ThreadExistsError

_PAGE = 20  # checkpoints that are read at once
_FIELDS = 1000  # likewise
_ANCESTORS = 100
_SCAN = 1000

T = TypeVar("T")
Steps = Generator[Any, Any, T]
"""What is asked of the server, one thing after the other, and what comes of it."""


class _Place(NamedTuple):
    """What a config names."""

    key: str
    thread_id: str
    namespace: str
    checkpoint_id: str | None

    @property
    def suffix(self) -> str:
        return suffix_of(self.namespace)

    def config(self, checkpoint_id: str) -> RunnableConfig:
        return {
            "configurable": {
                "thread_id": self.thread_id,
                "checkpoint_ns": self.namespace,
                "checkpoint_id": checkpoint_id,
            }
        }


class RedisSaver(BaseCheckpointSaver[Any]):
    """The memory of LangGraph's agents in Redis, Valkey or Memorystore, with core commands only.

    A thread is one hash, ``key_prefix + thread_id``, so that expiry, eviction and deletion take the whole of it or
    nothing. Each message is stored in it once, however many checkpoints hold it; docs/threads.md shows the fields. A
    write is one atomic step that is carried out once, whatever the network does meanwhile. One process at a time should
    write to a thread: with several, each of LangGraph's savers branches.

    Args:
        client: A redis-py client, as `helpers.connect` returns, or all that it takes: an address, an instance's name,
            ``None`` for `REDIS_URL` or else the embedded server.
        ttl: Seconds after the latest write at which Redis forgets the thread; ``None``: never.
        keep: How many of the latest checkpoints, of each namespace, can be gone back to; ``None``: all. Those that a
            `DeltaChannel` is rebuilt from stay as well.
        key_prefix: What the keys of threads begin with.
        serde: LangGraph's serializer; ``None`` takes `JsonPlusSerializer` in its strict mode, which revives LangChain's
            and Python's own types and no others.
        async_client: An asyncio client of redis-py for the methods that are asynchronous; ``None`` makes one that
            reaches the server in the same way.

    Raises:
        ValueError: An argument is out of its range.
        ConnectionFailedError: The address can't be reached.
    """

    redis_client: Client
    """The redis-py client that the saver goes through."""

    def __init__(
        self,
        client: Client | str | None = None,
        *,
        ttl: int | None = None,
        keep: int | None = 20,
        key_prefix: str = "thread:",
        serde: SerializerProtocol | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        super().__init__(serde=serde or JsonPlusSerializer(allowed_msgpack_modules=None))
        self.ttl = positive("ttl", ttl, "seconds")
        self.keep = positive("keep", keep, "checkpoints")
        if not isinstance(key_prefix, str):
            raise ValueError(f"key_prefix must be a string, not {key_prefix!r}.")
        self.key_prefix = key_prefix
        if client is None and not address(None) and not in_notebook():
            warn_that_it_forgets()
        self.redis_client = connect(client) if client is None or isinstance(client, str) else given_client(client)
        self._own_async_client = given_async_client(async_client)
        self._memory = Memory()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key_prefix!r}>"

    def key(self, thread_id: str) -> str:
        """The Redis key of a thread.

        Args:
            thread_id: The thread's name, as in ``{"configurable": {"thread_id": …}}``.

        Returns:
            The prefix and the name.

        Raises:
            ValueError: It is blank, or can't be part of a key.
        """
        name = str(thread_id) if isinstance(thread_id, int) and not isinstance(thread_id, bool) else thread_id
        if not isinstance(name, str) or not name or name != name.encode(errors="ignore").decode():
            raise ValueError(
                f"thread_id must be a string of one or more whole characters, not {thread_id!r}.\n"
                + say("Name the conversation: {example}", example='{"configurable": {"thread_id": "bob"}}')
            )
        return self.key_prefix + name

    # What LangGraph calls.

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that a config names, or the latest of its thread.

        Args:
            config: With ``thread_id``; ``checkpoint_ns`` and ``checkpoint_id`` where they are meant.

        Returns:
            The checkpoint with its pending writes; None where there is none.

        Raises:
            DamagedThreadError: What is stored can't be read.
            NotAThreadError: The key holds something else than a thread.
            redis.RedisError: The server can't be reached, or refuses.
        """
        return self._run(self._get(self._place(config)))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Like `get_tuple`, without blocking the event loop.

        Args:
            config: As there.

        Returns:
            The checkpoint with its pending writes; None where there is none.
        """
        return await self._arun(self._get(self._place(config)))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  # LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """The checkpoints of a thread, newest first.

        Args:
            config: The thread, and its namespace where one is meant; None: all threads with this prefix.
            filter: What their metadata must hold.
            before: A config; only checkpoints that are older than its checkpoint.
            limit: How many at most.

        Yields:
            Each checkpoint with its pending writes.
        """
        wanted = _Wanted(config, filter, before, limit)
        for key in [self._place(config).key] if config else self._keys():
            for place, ids in self._run(self._index(key, wanted)):
                for page in wanted.pages(ids):
                    yield from wanted.some(self._run(self._tuples(place, page)))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Like `list`, without blocking the event loop.

        Args:
            config: As there.
            filter: As there.
            before: As there.
            limit: As there.

        Yields:
            Each checkpoint with its pending writes.
        """
        wanted = _Wanted(config, filter, before, limit)
        for key in [self._place(config).key] if config else [key async for key in self._akeys()]:
            for place, ids in await self._arun(self._index(key, wanted)):
                for page in wanted.pages(ids):
                    for found in wanted.some(await self._arun(self._tuples(place, page))):
                        yield found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, whole, in one step.

        Args:
            config: The thread, and the checkpoint that this one follows.
            checkpoint: The checkpoint.
            metadata: What LangGraph notes about it.
            new_versions: Unused: what is new is found out by its content.

        Returns:
            The config of the stored checkpoint.

        Raises:
            WriteOutcomeUnknownError: Whether it was stored can't be known.
            NotWrittenError: The server can't be reached, or refuses; nothing was stored.
            CheckpointNotFoundError: It follows a checkpoint that the thread does not have.
            UnstorableStateError: The state holds what the serializer can't.
            NotAThreadError: The key holds something else than a thread, which stays.
        """
        return self._run(self._put(self._place(config), config, checkpoint, metadata))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Like `put`, without blocking the event loop.

        Args:
            config: As there.
            checkpoint: As there.
            metadata: As there.
            new_versions: As there.

        Returns:
            The config of the stored checkpoint.
        """
        return await self._arun(self._put(self._place(config), config, checkpoint, metadata))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote after a checkpoint. The same again changes nothing.

        Args:
            config: The checkpoint.
            writes: Channels and values.
            task_id: The task.
            task_path: Where in the graph it is, by which the writes are ordered when they are read.
        """
        self._run(self._put_writes(self._place(config), writes, task_id, task_path))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Like `put_writes`, without blocking the event loop.

        Args:
            config: As there.
            writes: As there.
            task_id: As there.
            task_path: As there.
        """
        await self._arun(self._put_writes(self._place(config), writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """Delete a thread, and nothing else.

        Args:
            thread_id: The thread.
        """
        self._run(self._delete(self.key(thread_id)))

    async def adelete_thread(self, thread_id: str) -> None:
        """Like `delete_thread`, without blocking the event loop.

        Args:
            thread_id: The thread.
        """
        await self._arun(self._delete(self.key(thread_id)))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of some runs, in whichever thread. Reads all threads with this prefix.

        Args:
            run_ids: The runs, as the checkpoints' metadata name them.
        """
        for key in self._keys() if run_ids else ():
            self._run(self._delete_runs(key, set(run_ids)))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Like `delete_for_runs`, without blocking the event loop.

        Args:
            run_ids: As there.
        """
        for key in [key async for key in self._akeys()] if run_ids else ():
            await self._arun(self._delete_runs(key, set(run_ids)))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread with all its checkpoints.

        Args:
            source_thread_id: The thread; where it doesn't exist, nothing happens.
            target_thread_id: The name of the copy.

        Raises:
            ThreadExistsError: There is a thread of that name.
        """
        self._run(self._copy(self.key(source_thread_id), self.key(target_thread_id)))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Like `copy_thread`, without blocking the event loop.

        Args:
            source_thread_id: As there.
            target_thread_id: As there.
        """
        await self._arun(self._copy(self.key(source_thread_id), self.key(target_thread_id)))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete older checkpoints of threads.

        Args:
            thread_ids: The threads.
            strategy: ``"keep_latest"`` leaves the latest of each namespace, and what a `DeltaChannel` is rebuilt from;
                ``"delete"`` leaves nothing.

        Raises:
            ValueError: There is no such strategy.
        """
        for thread_id in thread_ids:
            self._run(self._prune(self.key(thread_id), strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Like `prune`, without blocking the event loop.

        Args:
            thread_ids: As there.
            strategy: As there.
        """
        for thread_id in thread_ids:
            await self._arun(self._prune(self.key(thread_id), strategy))

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What `DeltaChannel` rebuilds its value from: the writes along the checkpoints that lead to one.

        Args:
            config: The checkpoint.
            channels: The channels.

        Returns:
            For each channel its writes, oldest first, and the value that they follow, where one is stored.
        """
        return self._run(self._history(self._place(config), channels))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Like `get_delta_channel_history`, without blocking the event loop.

        Args:
            config: As there.
            channels: As there.

        Returns:
            For each channel its writes, oldest first, and the value that they follow, where one is stored.
        """
        return await self._arun(self._history(self._place(config), channels))

    def get_next_version(self, current: Any, channel: None) -> Any:
        """The version of a channel after this one.

        Args:
            current: The version, of this saver or, in a thread that was moved here, of another one; None: the first.
            channel: Unused.

        Returns:
            A higher one, in the same form.
        """
        if isinstance(current, str):  # InMemorySaver's and PostgresSaver's form
            return f"{int(current.split('.')[0]) + 1:032}.{secrets.randbelow(10**16):016}"
        return (current or 0) + 1

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> Self:
        """A saver whose serializer revives more classes, on the same client.

        Args:
            extra_allowlist: Module and name of each.

        Returns:
            The saver; this one where its serializer revives them already.
        """
        clone = cast(Self, super().with_allowlist(extra_allowlist))
        if clone is not self:
            clone._memory = Memory()  # what a value's content is known by depends on what it was revived as
        return clone

    # How that is done.

    @property
    def _form(self) -> Form:
        return Form(self.serde)

    def _place(self, config: RunnableConfig) -> _Place:
        named = config.get("configurable", {})
        thread_id = named.get("thread_id")
        key = self.key(thread_id)  # type: ignore[arg-type]
        return _Place(key, key[len(self.key_prefix) :], named.get("checkpoint_ns") or "", named.get("checkpoint_id"))

    def _get(self, place: _Place) -> Steps[CheckpointTuple | None]:
        while True:
            life, swept, found, stored, writes = yield scripts.READ, place.key, place.suffix, place.checkpoint_id or ""
            if stored is None:
                self._memory.missed(place.key, found.decode() + place.suffix)
                return None
            if made := (yield from self._made(place, life, swept, [(found.decode(), stored, writes)])):
                return made[0]

    def _tuples(self, place: _Place, ids: Sequence[str]) -> Steps[Sequence[CheckpointTuple]]:
        """Several checkpoints, without those that are gone by now."""
        fields = [f"{kind}:{one}{place.suffix}" for one in ids for kind in ("checkpoint", "writes")]
        while True:
            life, swept, *stored = yield "HMGET", place.key, "life", "swept", *fields
            found = [one for one in zip(ids, stored[::2], stored[1::2], strict=True) if one[1] is not None]
            made = (yield from self._made(place, life, swept, found)) if found else []
            if made is not None:
                return made

    def _made(
        self,
        place: _Place,
        life: bytes,
        swept: bytes | None,
        found: Sequence[tuple[str, bytes, bytes | None]],
        *,
        hidden: bool = False,
    ) -> Steps[Sequence[CheckpointTuple] | None]:
        """Checkpoints out of what was read of them: what is known already is not asked for again.

        Those that can't be gone back to are left out, unless they are asked for. None if one of them went meanwhile;
        where it is still there, and its values are not, they are lost.
        """
        form = self._form
        records: list[tuple[Record, list[str]]] = []
        damaged = "swept"
        try:
            seen = life.decode(errors="replace"), str(int(swept or b"0"))
            for checkpoint_id, stored, writes in found:
                damaged = f"writes:{checkpoint_id}{place.suffix}"
                frames = [f"@{number}" for number in numbers_in("" if writes is None else writes.decode() or "?")]
                damaged = f"checkpoint:{checkpoint_id}{place.suffix}"
                record = read_record(checkpoint_id, stored)
                if record.shown or hidden:
                    records.append((record, frames))
        except (Damage, ValueError) as error:
            raise _damaged(place, damaged, error) from None
        names = [record.checkpoint_id + place.suffix for record, _ in records if record.shown]
        there = [field for record, _ in records for fields in record.fields for field in fields]
        known = self._memory.seen(place.key, *seen, names, there)
        # As they are now: another thread may write meanwhile, and have some removed.
        values = {field: value for field in there if (value := known.values.get(field)) is not None}
        missing = [field for field in dict.fromkeys(there) if field not in values]
        read: dict[str, bytes] = {}
        for some in _pages([*missing, *(frame for _, frames in records for frame in frames)], _FIELDS):
            life_now, *answer = yield "HMGET", place.key, "life", *some
            if life_now == life:
                read |= {field: value for field, value in zip(some, answer, strict=True) if value is not None}
        made: list[CheckpointTuple] = []
        learned: list[tuple[str, bytes, bytes | Mold]] = []
        for record, frames in records:
            wanted = [field for fields in record.fields for field in fields] + frames
            if lost := next((field for field in wanted if field not in values and field not in read), None):
                name = f"checkpoint:{record.checkpoint_id}{place.suffix}"
                if (yield "HGET", place.key, name) != record.stored:
                    return None
                raise DamagedThreadError(place.key, lost, "its checkpoint is there, and it is not")
            made.append(_revived(form, place, record, frames, values, read, learned))
        self._memory.learn(place.key, known, seen[1], learned)
        return made

    def _index(self, key: str, wanted: "_Wanted") -> Steps[Sequence[tuple[_Place, Sequence[str]]]]:
        """For each namespace that is wanted, the IDs of its checkpoints, newest first."""
        thread_id = key[len(self.key_prefix) :]
        if not wanted.one_thread and ((yield "TYPE", key) != b"hash" or (yield "HGET", key, "life") is None):
            return []  # a fence, or what others keep under such names
        found = []
        for suffix, ids in (yield scripts.INDEX, key):
            place = _Place(key, thread_id, namespace_of(suffix.decode(errors="replace")), None)
            if wanted.namespace in (None, place.namespace):
                found.append((place, [one for one in ids.decode(errors="replace").split() if wanted.has(one)]))
        return found

    def _put(
        self, place: _Place, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata
    ) -> Steps[RunnableConfig]:
        form, checkpoint_id = self._form, _name(checkpoint["id"])
        parent = place.checkpoint_id
        deltas: Any = metadata.get("counters_since_delta_snapshot") or {}
        steps = [since for name, (_, since) in deltas.items() if name in checkpoint["channel_versions"]]
        rest: dict[str, Any] = {name: value for name, value in checkpoint.items() if name != "channel_values"}
        noted = get_checkpoint_metadata(config, metadata)
        form.check("metadata", noted)
        # A copy follows what its original followed, which may be gone.
        copied = metadata.get("source") == "fork"
        stranger = parent and not copied and not self._memory.has(place.key, parent + place.suffix)
        for attempt in range(3):
            known = self._memory.get(place.key) if attempt < 2 else None
            life, swept = (known.life, known.swept) if known else ("", "")  # before what is known is looked at
            packed = form.pack(checkpoint["channel_values"], known)
            body = {"checkpoint": rest, "metadata": noted, "channels": packed.kinds, "values": packed.small}
            arguments = [
                str(self.ttl or 0),
                str(self.keep or 0),
                secrets.token_hex(4),
                life if packed.borrows else "",
                swept if packed.borrows else "",
                place.suffix,
                checkpoint_id,
                parent or "-",
                "1" if stranger else "0",
                str(max(steps, default=0) if parent else 0),
                form.dumps("metadata", body),
            ]
            for channel, numbers in packed.numbers.items():
                new = packed.new[channel]
                arguments += [channel, ranges(numbers), str(len(new)), *(value for _, value in new)]
            answer = yield ThreadWrite(self.redis_client, scripts.PUT, place.key, self.key_prefix, tuple(arguments))
            outcome, *seen = [
                one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in answer or ["again"]
            ]
            if outcome == "stale":
                if attempt == 0:  # values have gone: what the checkpoint names now is there for sure
                    yield from self._get(place)
                continue
            if outcome == "orphan":
                raise CheckpointNotFoundError(place.key, parent or "")
            if outcome == "written":
                self._memory.wrote(place.key, checkpoint_id + place.suffix, seen, packed.new)
            elif seen:
                self._memory.had_written(place.key, checkpoint_id + place.suffix, seen, packed)
            else:  # somebody has deleted it since
                self._memory.forget(place.key)
            return place.config(checkpoint_id)
        raise AssertionError("unreachable")

    def _put_writes(
        self, place: _Place, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> Steps[None]:
        if place.checkpoint_id is None:
            raise ValueError("The config of put_writes names no checkpoint_id.")
        indexed = [
            (WRITES_IDX_MAP.get(channel, place_), channel, value) for place_, (channel, value) in enumerate(writes)
        ]
        frame = self._form.frame(task_id, task_path, indexed)
        arguments = (str(self.ttl or 0), secrets.token_hex(4), place.suffix, _name(place.checkpoint_id), frame)
        yield ThreadWrite(self.redis_client, scripts.PUT_WRITES, place.key, self.key_prefix, arguments)

    def _delete(self, key: str) -> Steps[None]:
        yield ThreadWrite(self.redis_client, scripts.DELETE, key, self.key_prefix, ())
        self._memory.forget(key)

    def _prune(self, key: str, strategy: str) -> Steps[None]:
        if strategy == "delete":
            return (yield from self._delete(key))
        if strategy != "keep_latest":
            raise ValueError(f'strategy must be "keep_latest" or "delete", not {strategy!r}.')
        yield ThreadWrite(self.redis_client, scripts.PRUNE, key, self.key_prefix, ("0", "1"))

    def _delete_runs(self, key: str, run_ids: set[str]) -> Steps[None]:
        found = []
        for place, ids in (yield from self._index(key, _Wanted(None, None, None, None))):
            for page in _pages(ids, _PAGE):
                tuples = yield from self._tuples(place, page)
                found += [
                    (place.suffix, one.checkpoint["id"]) for one in tuples if one.metadata.get("run_id") in run_ids
                ]
        if found:
            single = [part for one in found for part in one]
            yield ThreadWrite(self.redis_client, scripts.PRUNE, key, self.key_prefix, ("0", "0", *single))

    def _copy(self, source: str, target: str) -> Steps[None]:
        fields = yield "HGETALL", source
        if not fields:
            return
        if isinstance(fields, dict):
            fields = [part for pair in fields.items() for part in pair]
        if b"life" not in fields[::2]:
            raise NotAThreadError(source)
        arguments = (str(self.ttl or 0), secrets.token_hex(4), *fields)
        answer = yield ThreadWrite(self.redis_client, scripts.COPY, target, self.key_prefix, arguments)
        if answer:
            raise ThreadExistsError(target)

    def _history(self, place: _Place, channels: Sequence[str]) -> Steps[Mapping[str, DeltaChannelHistory]]:
        writes: dict[str, Any] = {channel: [] for channel in channels}
        seeds: dict[str, Any] = {}
        target = (yield from self._get(place)) if channels else None
        cursor = _parent_of(target) if target else None
        while cursor and len(seeds) < len(writes):
            life, swept, found = yield scripts.WALK, place.key, place.suffix, cursor, str(_ANCESTORS)
            cursor = None
            if not found:
                break
            chain = [(one.decode(), stored, pending) for one, stored, pending in found]
            made = yield from self._made(place, life, swept, chain, hidden=True)
            if made is None:
                return (yield from self._history(place, channels))
            for ancestor in made:
                for write in reversed(ancestor.pending_writes or []):
                    if write[1] in writes and write[1] not in seeds:
                        writes[write[1]].append(write)
                values = ancestor.checkpoint["channel_values"]
                seeds |= {
                    channel: values[channel] for channel in channels if channel in values and channel not in seeds
                }
                cursor = _parent_of(ancestor)
        history: dict[str, Any] = {channel: {"writes": made[::-1]} for channel, made in writes.items()}
        for channel, seed in seeds.items():
            history[channel]["seed"] = seed
        return history

    # How the server is asked.

    def _run(self, steps: Steps[T]) -> T:
        answer: Any = None
        while True:
            try:
                request = steps.send(answer)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            if isinstance(request, ThreadWrite):
                answer = carry_out(self.redis_client, request)
                continue
            try:
                try:
                    answer = self._ask(self.redis_client, request, by_name=True)
                except NoScriptError:
                    answer = self._ask(self.redis_client, request, by_name=False)
            except redis.ResponseError as error:
                raise said_of(request[1], error) from error

    async def _arun(self, steps: Steps[T]) -> T:
        client = await self._async_client()
        answer: Any = None
        while True:
            try:
                request = steps.send(answer)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            if isinstance(request, ThreadWrite):
                answer = await carry_out_async(client, request)
                continue
            try:
                try:
                    answer = await self._ask(client, request, by_name=True)
                except NoScriptError:
                    answer = await self._ask(client, request, by_name=False)
            except redis.ResponseError as error:
                raise said_of(request[1], error) from error

    @staticmethod
    def _ask(client: Any, request: Sequence[Any], *, by_name: bool) -> Any:
        command, key, *arguments = request
        if isinstance(command, scripts.Script):
            sent = ("EVALSHA", scripts.name_of(command.text)) if by_name else ("EVAL", command.text)
            return client.execute_command(*sent, 1, key, *arguments, **{NEVER_DECODE: True})
        return client.execute_command(command, key, *arguments, **{NEVER_DECODE: True})

    async def _async_client(self) -> Any:
        return self._own_async_client or await async_twin(self.redis_client)

    def _keys(self) -> Iterator[str]:
        scan: Any = self.redis_client.scan_iter
        yield from dict.fromkeys(
            filter(None, map(_text, scan(beginning_with(self.key_prefix), _SCAN, **{NEVER_DECODE: True})))
        )

    async def _akeys(self) -> AsyncIterator[str]:
        client, pattern = await self._async_client(), beginning_with(self.key_prefix)
        seen = [_text(key) async for key in client.scan_iter(pattern, _SCAN, **{NEVER_DECODE: True})]
        for key in dict.fromkeys(filter(None, seen)):
            yield key


class _Wanted:
    """Which checkpoints `list` was asked for."""

    def __init__(
        self,
        config: RunnableConfig | None,
        metadata: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> None:
        named = config["configurable"] if config else {}
        self.one_thread = bool(config)
        self.namespace: str | None = named.get("checkpoint_ns")
        self._id = named.get("checkpoint_id")
        self._before = before["configurable"].get("checkpoint_id") if before else None
        self._metadata, self._left = metadata or {}, limit

    def pages(self, ids: Sequence[str]) -> Iterator[Sequence[str]]:
        """Those to read at once, as long as there are not enough."""
        size = _PAGE if self._left is None or self._metadata else min(_PAGE, self._left)
        for page in _pages(ids, size):
            if self._left == 0:
                return
            yield page

    def has(self, checkpoint_id: str) -> bool:
        """Whether a checkpoint of this ID is wanted."""
        return self._id in (None, checkpoint_id) and (self._before is None or checkpoint_id < self._before)

    def some(self, found: Iterable[CheckpointTuple]) -> Iterator[CheckpointTuple]:
        """Those that are wanted, as long as there are not enough."""
        for one in found:
            metadata: Any = one.metadata
            if self._left != 0 and all(metadata.get(name) == value for name, value in self._metadata.items()):
                self._left = None if self._left is None else self._left - 1
                yield one


def _revived(
    form: Form,
    place: _Place,
    record: Record,
    frames: Sequence[str],
    known: Mapping[str, bytes | Mold],
    read: Mapping[str, bytes],
    learned: list[tuple[str, bytes, bytes | Mold]],
) -> CheckpointTuple:
    damaged = f"checkpoint:{record.checkpoint_id}{place.suffix}"
    try:
        body = form.loads(record.body)
        channels = dict(body["values"])
        for (channel, kind), fields in zip(body["channels"], record.fields, strict=True):
            items = []
            for damaged in fields:
                value = known.get(damaged) or read[damaged]
                if isinstance(value, Mold):
                    items.append(value.made())
                else:
                    items.append(form.loads(value))
                    if damaged in known:  # it is read again, and will be
                        value = form.mold(items[-1], value)
                content = value.content if isinstance(value, Mold) else form.known_by(items[-1])
                learned.append((damaged, content, value))
            channels[channel] = form.unpack(kind, items)
        damaged = f"writes:{record.checkpoint_id}{place.suffix}"
        return CheckpointTuple(
            config=place.config(record.checkpoint_id),
            checkpoint=body["checkpoint"] | {"channel_values": channels},
            metadata=body["metadata"],
            parent_config=place.config(record.parent) if record.parent else None,
            pending_writes=form.writes([(frame, read[frame]) for frame in frames]),
        )
    except (Damage, LookupError, TypeError, ValueError) as error:
        raise _damaged(place, damaged, error) from None


def _damaged(place: _Place, field: str, error: Exception) -> DamagedThreadError:
    if isinstance(error, Damage):
        return DamagedThreadError(place.key, error.field or field, str(error))
    return DamagedThreadError(place.key, field, "it is not what a saver stores")


def _parent_of(found: CheckpointTuple) -> str | None:
    parent: str | None = found.parent_config["configurable"]["checkpoint_id"] if found.parent_config else None
    return parent


def _pages(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), size) if size > 0 else ():
        yield items[first : first + size]


def _name(checkpoint_id: str) -> str:
    if not isinstance(checkpoint_id, str) or not re.fullmatch(r"[^\s:]+", checkpoint_id) or checkpoint_id == "-":
        raise ValueError(f"A checkpoint's ID holds no colon and no white space, and is not blank: {checkpoint_id!r}.")
    return checkpoint_id


def _text(key: bytes) -> str | None:
    try:
        return key.decode()
    except UnicodeDecodeError:  # none of ours
        return None
