"""Chat message histories: one Redis list a conversation, one JSON record a message."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal, NoReturn

import redis
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, ToolMessage

from helpers._connecting.asynchronous import AsyncClient, async_twin
from helpers._connecting.clients import Client
from helpers._connecting.connection import connect
from helpers._histories.records import DamagedRecordError, decode, encode_all
from helpers._histories.writing import APPEND, CLEAR, Write, carry_out, carry_out_async
from helpers.errors import CorruptMessageError, NotAHistoryError

OnCorrupt = Literal["raise", "skip"]


class _ListHistory(BaseChatMessageHistory):
    """What both histories share; they differ in the key's name and in which end is the newest."""

    newest_first: ClassVar[bool]
    """Whether the newest message is at the head of the list, rather than the oldest."""

    redis_client: Client
    """The redis-py client that the history goes through."""

    def __init__(
        self,
        session_id: str,
        key_prefix: str,
        ttl: int | None,
        window: int | None,
        max_messages: int | None,
        on_corrupt: OnCorrupt,
    ) -> None:
        # BaseChatMessageHistory.__init__ only warns of its deprecation, which is the tutorials' to explain.
        if not isinstance(session_id, str) or not session_id:
            raise ValueError(f"session_id must be a string of at least one character, not {session_id!r}.")
        if on_corrupt not in ("raise", "skip"):
            raise ValueError(f'on_corrupt must be "raise" or "skip", not {on_corrupt!r}.')
        self.session_id = session_id
        self.key_prefix = key_prefix
        """What the key begins with; blank for `MemorystoreChatMessageHistory`."""
        self.ttl = _positive("ttl", ttl, "seconds")
        self.window = _positive("window", window, "messages")
        self.max_messages = _positive("max_messages", max_messages, "messages")
        self.on_corrupt = on_corrupt

    @property
    def key(self) -> str:
        """The Redis key of the list that holds this conversation."""
        return self.key_prefix + self.session_id

    @property
    def messages(self) -> list[BaseMessage]:
        """The stored messages, oldest first; with `window`, only the latest ones.

        Raises:
            CorruptMessageError: A record is not a message and `on_corrupt` is ``"raise"``.
            NotAHistoryError: The key holds something else than a list.
            redis.RedisError: The server can't be reached, or refuses.
            NotImplementedError: Something was assigned to it.
        """
        with self._list_expected():
            records = self.redis_client.lrange(self.key, *self._range)
        return self._decoded(records)

    @messages.setter
    def messages(self, messages: list[BaseMessage]) -> NoReturn:
        raise NotImplementedError("Messages cannot be assigned: add them with add_messages, remove them with clear.")

    async def aget_messages(self) -> list[BaseMessage]:
        """Like `messages`, without blocking the event loop.

        Returns:
            The stored messages, oldest first; with `window`, only the latest ones.
        """
        client = await self._async_client()
        with self._list_expected():
            records = await client.lrange(self.key, *self._range)
        return self._decoded(records)

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append messages in one atomic request, which also applies `max_messages` and restarts `ttl`.

        Messages that are added together stay together, whoever else writes to the session.

        Args:
            messages: The messages, oldest first; where there are none, nothing is sent.

        Raises:
            WriteOutcomeUnknownError: Whether they were stored can't be known; the same call again is safe.
            NotWrittenError: The server can't be reached; nothing was stored.
            NotAHistoryError: The key holds something else than a list, which stays.
            redis.RedisError: The server refuses.
        """
        if messages:
            with self._list_expected():
                carry_out(self.redis_client, self._appending(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Like `add_messages`, without blocking the event loop.

        Args:
            messages: The messages, oldest first; where there are none, nothing is sent.
        """
        if messages:
            with self._list_expected():
                await carry_out_async(await self._async_client(), self._appending(messages))

    def clear(self) -> None:
        """Delete this conversation, and nothing else. It raises what `add_messages` raises."""
        with self._list_expected():
            carry_out(self.redis_client, self._clearing())

    async def aclear(self) -> None:
        """Like `clear`, without blocking the event loop."""
        with self._list_expected():
            await carry_out_async(await self._async_client(), self._clearing())

    def __len__(self) -> int:
        """How many messages Redis holds, whatever the window."""
        with self._list_expected():
            return int(self.redis_client.llen(self.key))

    def __bool__(self) -> bool:
        # An empty history is a history: without this, `history or other` would drop it.
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}>"

    @contextmanager
    def _list_expected(self) -> Iterator[None]:
        try:
            yield
        except redis.ResponseError as error:
            if "WRONGTYPE" in str(error):
                raise NotAHistoryError(self.key) from error
            raise

    async def _async_client(self) -> AsyncClient:
        return await async_twin(self.redis_client)

    @property
    def _range(self) -> tuple[int, int]:
        if self.window is None:
            return 0, -1
        return (0, self.window - 1) if self.newest_first else (-self.window, -1)

    def _appending(self, messages: Sequence[BaseMessage]) -> Write:
        push = "LPUSH" if self.newest_first else "RPUSH"
        bounds = (push, self.ttl or 0, self.max_messages or 0)
        return Write(self.redis_client, APPEND, self.key, self.key_prefix, (*bounds, *encode_all(messages)))

    def _clearing(self) -> Write:
        return Write(self.redis_client, CLEAR, self.key, self.key_prefix, ())

    def _decoded(self, records: list[bytes | str]) -> list[BaseMessage]:
        """Messages in the order of the conversation, beginning with none whose beginning was cut off."""
        if self.newest_first:
            records.reverse()
        messages = self._decoded_one_by_one(records)
        if len(records) in (self.window, self.max_messages):
            # Something was cut off. A tool's result without its call is refused by every chat model.
            while messages and isinstance(messages[0], ToolMessage):
                del messages[0]
        return messages

    def _decoded_one_by_one(self, records: list[bytes | str]) -> list[BaseMessage]:
        messages: list[BaseMessage] = []
        for index, record in enumerate(records):
            try:
                messages.append(decode(record))
            except DamagedRecordError as error:
                if self.on_corrupt == "raise":
                    raise CorruptMessageError(self.key, index, str(error)) from None
        if skipped := len(records) - len(messages):
            text = f"{skipped} record(s) of {self.key!r} are not chat messages and were left out."
            warnings.warn(text, stacklevel=4)
        return messages


class RedisChatMessageHistory(_ListHistory):
    """Chat history in Redis, newest message at the head of the list ``key_prefix + session_id``.

    Takes the place of `langchain_community.chat_message_histories.RedisChatMessageHistory` (0.4.2):
    the same calls, and each reads what the other wrote.

    Args:
        session_id: Names the conversation; any string but the empty one.
        url: Where Redis is: all that `helpers.connect` takes, ``None`` included.
        key_prefix: What the key begins with.
        ttl: Seconds after the latest write at which Redis forgets the conversation; ``None``: never.
        client: A redis-py client to use in place of `url`.
        window: How many of the latest messages `messages` returns; ``None``: all. A window never
            begins with a tool's result whose call lies before it, so it may hold fewer.
        max_messages: How many of the latest messages Redis keeps; ``None``: all.
        on_corrupt: ``"raise"`` stops at a record that is not a message, ``"skip"`` leaves it out and warns.

    Raises:
        ValueError: An argument is out of its range.
        ConnectionFailedError: `url` can't be reached.
    """

    newest_first = True

    def __init__(
        self,
        session_id: str,
        url: str | None = None,
        key_prefix: str = "message_store:",
        ttl: int | None = None,
        *,
        client: Client | None = None,
        window: int | None = None,
        max_messages: int | None = None,
        on_corrupt: OnCorrupt = "raise",
    ) -> None:
        if client is not None and url:
            raise ValueError("Give either url or client, not both.")
        super().__init__(session_id, key_prefix, ttl, window, max_messages, on_corrupt)
        self.redis_client = connect(url) if client is None else client


class MemorystoreChatMessageHistory(_ListHistory):
    """Chat history in Memorystore for Redis, oldest message at the head of the list `session_id`.

    Takes the place of `langchain_google_memorystore_redis.MemorystoreChatMessageHistory` (0.3.0):
    the same calls, and each reads what the other wrote.

    Args:
        client: A redis-py client connected to the instance, such as `helpers.connect` returns.
        session_id: Names the conversation, and is the Redis key as it stands.
        ttl: Seconds after the latest write at which Redis forgets the conversation; ``None``: never.
        window: How many of the latest messages `messages` returns; ``None``: all. A window never
            begins with a tool's result whose call lies before it, so it may hold fewer.
        max_messages: How many of the latest messages Redis keeps; ``None``: all.
        on_corrupt: ``"raise"`` stops at a record that is not a message, ``"skip"`` leaves it out and warns.

    Raises:
        ValueError: An argument is out of its range.
    """

    newest_first = False

    def __init__(
        self,
        client: Client,
        session_id: str,
        ttl: int | None = None,
        *,
        window: int | None = None,
        max_messages: int | None = None,
        on_corrupt: OnCorrupt = "raise",
    ) -> None:
        if not isinstance(client, (redis.Redis, redis.RedisCluster)):
            raise ValueError(f"client must be a redis-py client, not {type(client).__name__}.")
        super().__init__(session_id, "", ttl, window, max_messages, on_corrupt)
        self.redis_client = client


def _positive(name: str, value: int | None, unit: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(f"{name} must be a positive whole number of {unit} or None, not {value!r}.")
    return value
