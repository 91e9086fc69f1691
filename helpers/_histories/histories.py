"""Chat message histories: one Redis list a conversation, one JSON record a message."""

import inspect
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from itertools import takewhile
from types import FrameType
from typing import Any, ClassVar, Literal, NoReturn, Self

import redis
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from helpers._connecting.arguments import given_async_client, given_client, positive, warn_that_it_forgets
from helpers._connecting.asynchronous import AsyncClient, async_twin
from helpers._connecting.clients import Client
from helpers._connecting.connection import address, connect
from helpers._histories.base import BaseChatMessageHistory
from helpers._histories.records import DamagedRecordError, decode, encode_all
from helpers._histories.writing import APPEND, CLEAR, Write, carry_out, carry_out_async
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.environment import in_notebook
from helpers.errors import CorruptMessageError, NotAHistoryError

# The methods of LangChain's chain with a history that read it for a second time.
_AFTER_THE_ANSWER = ("_exit_history", "_aexit_history")
OnCorrupt = Literal["raise", "skip"]
StartOn = Literal["human"]

# The history whose add_messages is going through a subclass's add_message, and what it has been given there.
_gathering: ContextVar[tuple[object, list[BaseMessage]]] = ContextVar("gathering", default=(None, []))


class _ListHistory(BaseChatMessageHistory):
    """What both histories share; they differ in the key's name and in which end is the newest."""

    newest_first: ClassVar[bool]
    """Whether the newest message is at the head of the list, rather than the oldest."""

    redis_client: Client
    """The redis-py client that the history goes through."""
    _own_async_client: AsyncClient | None

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Refuse in words an argument that there is not; those of other packages' classes have other names."""
        if (names := _arguments(cls)) and not options.keys() <= names.keys():
            raise TypeError(
                f"{cls.__name__} has no argument {', '.join(sorted(options.keys() - names))}.\n"
                + say("Its arguments are {names}.", names=formats.listing(names))
            )
        return super().__new__(cls)

    def __init__(
        self,
        session_id: str,
        key_prefix: str,
        ttl: int | None,
        window: int | None,
        max_messages: int | None,
        on_corrupt: OnCorrupt,
        start_on: StartOn | None,
    ) -> None:
        # BaseChatMessageHistory.__init__ only warns of its deprecation, which is the tutorials' to explain.
        if not isinstance(session_id, str) or not key_prefix + session_id:
            raise ValueError(f"session_id must be a string of at least one character, not {session_id!r}.")
        if on_corrupt not in ("raise", "skip"):
            raise ValueError(f'on_corrupt must be "raise" or "skip", not {on_corrupt!r}.')
        if start_on not in (None, "human"):
            raise ValueError(f'start_on must be "human" or None, not {start_on!r}.')
        self.session_id = session_id
        self.key_prefix = key_prefix
        """What the key begins with; blank for `MemorystoreChatMessageHistory`."""
        # The official classes take what an environment variable holds, and 0 for never.
        ttl = int(ttl) if isinstance(ttl, str) and ttl.isdecimal() else ttl
        self.ttl = positive("ttl", ttl or None, "seconds")
        self.window = positive("window", window, "messages")
        self.max_messages = positive("max_messages", max_messages, "messages")
        self.on_corrupt = on_corrupt
        self.start_on = start_on

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
        try:
            records = self.redis_client.lrange(self.key, *self._range)
            try:
                return self._as_given(self._decoded(records), sys._getframe(1))
            except CorruptMessageError:  # once more, with what lies before the window counted
                return self._decoded(records, self.redis_client.llen(self.key) - len(records))
        except redis.ResponseError as error:
            self._refuse(error)

    @messages.setter
    def messages(self, messages: list[BaseMessage]) -> NoReturn:
        raise NotImplementedError("Messages cannot be assigned: add them with add_messages, remove them with clear.")

    async def aget_messages(self) -> list[BaseMessage]:
        """Like `messages`, without blocking the event loop.

        Returns:
            The stored messages, oldest first; with `window`, only the latest ones.
        """
        if self._overridden("messages"):
            return await super().aget_messages()
        client = await self._async_client()
        try:
            records = await client.lrange(self.key, *self._range)
            try:
                return self._as_given(self._decoded(records), sys._getframe(1))
            except CorruptMessageError:
                return self._decoded(records, await client.llen(self.key) - len(records))
        except redis.ResponseError as error:
            self._refuse(error)

    def add_message(self, message: BaseMessage) -> None:
        """Append a message, as `add_messages` does with several.

        A subclass may override this, `add_messages`, `messages` or `clear` alone, as one of the official class may: all
        ways to write, to read and to clear heed it, the async ones in a thread. Messages that are added together are
        still stored in one request, once each of them has come through the override.

        Args:
            message: The message; it raises what `add_messages` raises.
        """
        history, gathered = _gathering.get()
        if not self._overridden("add_message"):
            self.add_messages([message])
        elif history is self:  # the override has called this one, and add_messages the override
            gathered.append(message)
        else:
            self._append([message])

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append messages in one atomic request, which also applies `max_messages` and restarts `ttl`.

        Messages that are added together stay together, whoever else writes to the session.

        Args:
            messages: The messages, oldest first; where there are none, nothing is sent.

        Raises:
            WriteOutcomeUnknownError: Whether they were stored can't be known; the same call again is safe.
            NotWrittenError: The server can't be reached, or refuses; nothing was stored.
            NotAHistoryError: The key holds something else than a list, which stays.
            UnstorableMessageError: One of them is no message, or holds what JSON can't.
            ValueError: It is not a list of messages.
        """
        messages = _listed(messages)
        if self._overridden("add_message"):
            gathered: list[BaseMessage] = []
            token = _gathering.set((self, gathered))
            try:
                for message in messages:
                    self.add_message(message)
            finally:
                _gathering.reset(token)
            messages = gathered
        self._append(messages)

    def _append(self, messages: Sequence[BaseMessage]) -> None:
        if messages:
            carry_out(self.redis_client, self._appending(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Like `add_messages`, without blocking the event loop.

        Args:
            messages: The messages, oldest first; where there are none, nothing is sent.
        """
        if self._overridden("add_message") or self._overridden("add_messages"):
            await super().aadd_messages(messages)
        elif _listed(messages):
            await carry_out_async(await self._async_client(), self._appending(messages))

    def clear(self) -> None:
        """Delete this conversation, and nothing else. It raises what `add_messages` raises."""
        carry_out(self.redis_client, self._clearing())

    async def aclear(self) -> None:
        """Like `clear`, without blocking the event loop."""
        if self._overridden("clear"):
            await super().aclear()
        else:
            await carry_out_async(await self._async_client(), self._clearing())

    def __len__(self) -> int:
        """How many messages Redis holds, whatever the window."""
        try:
            return int(self.redis_client.llen(self.key))
        except redis.ResponseError as error:
            self._refuse(error)

    def __bool__(self) -> bool:
        # An empty history is a history: without this, `history or other` would drop it.
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}>"

    __str__ = __repr__

    def _overridden(self, name: str) -> bool:
        """Whether a subclass has a method of its own by this name."""
        return getattr(type(self), name) is not getattr(_ListHistory, name)

    def _refuse(self, error: redis.ResponseError) -> NoReturn:
        if "WRONGTYPE" in str(error):
            raise NotAHistoryError(self.key) from error
        raise error

    async def _async_client(self) -> AsyncClient:
        return self._own_async_client or await async_twin(self.redis_client)

    @property
    def _range(self) -> tuple[int, int]:
        if self.window is None:
            return 0, -1
        return (0, self.window - 1) if self.newest_first else (-self.window, -1)

    def _as_given(self, messages: list[BaseMessage], reader: FrameType) -> list[BaseMessage]:
        """What a chain that takes all messages at once, without a history key, began its model's input with.

        Once it has the answer, LangChain's `RunnableWithMessageHistory` reads the history again, and cuts as many
        messages off the input as it finds. Where another request has written meanwhile, it would cut the question too.
        """
        given = reader.f_locals.get("input_messages") if reader.f_code.co_name in _AFTER_THE_ANSWER else None
        if not given or self.window or self.max_messages:  # a window that has moved on is no beginning
            return messages
        pairs = takewhile(lambda pair: _said(pair[0]) == _said(pair[1]), zip(messages, given, strict=False))
        return [stored for stored, _ in pairs]

    def _appending(self, messages: Sequence[BaseMessage]) -> Write:
        push = "LPUSH" if self.newest_first else "RPUSH"
        bounds = (push, self.ttl or 0, self.max_messages or 0)
        return Write(self.redis_client, APPEND, self.key, self.key_prefix, (*bounds, *encode_all(messages)))

    def _clearing(self) -> Write:
        return Write(self.redis_client, CLEAR, self.key, self.key_prefix, ())

    def _decoded(self, records: list[bytes | str], before: int = 0) -> list[BaseMessage]:
        """Messages in the order of the conversation, beginning with one that a chat model takes as the first."""
        if self.newest_first:
            records = records[::-1]  # a copy: where redis-py caches at the client's side, the list is its own
        messages = self._decoded_one_by_one(records, before)
        start = self._start(messages, cut=len(records) in (self.window, self.max_messages))
        return messages[start:] if start else messages

    def _decoded_one_by_one(self, records: list[bytes | str], before: int) -> list[BaseMessage]:
        messages: list[BaseMessage] = []
        for index, record in enumerate(records, before):
            try:
                messages.append(decode(record))
            except DamagedRecordError as error:
                if self.on_corrupt == "raise":
                    raise CorruptMessageError(self.key, index, str(error)) from None
        if skipped := len(records) - len(messages):
            text = f"{skipped} record(s) of {self.key!r} are not chat messages and were left out."
            warnings.warn(text, stacklevel=4)
        return messages

    def _start(self, messages: list[BaseMessage], *, cut: bool) -> int:
        """The place of the message to begin with."""
        for place, message in enumerate(messages):
            if self._begins(message, cut=cut):
                return place
        return self._start(messages, cut=False) if cut else len(messages)

    def _begins(self, message: BaseMessage, *, cut: bool) -> bool:
        if self.start_on == "human":
            return isinstance(message, (HumanMessage, SystemMessage))
        # Every chat model refuses a tool's result without its call, and some a call without the question.
        fields = vars(message)  # isinstance is slow for pydantic's classes, and to ask for what they lack is, too
        return not ("tool_call_id" in fields or (cut and fields.get("tool_calls")))


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
        window: How many of the latest messages `messages` returns; ``None``: all. It never begins with a tool's
            result, nor with a call of a tool whose question was cut off, so it may hold fewer.
        max_messages: How many of the latest messages Redis keeps; ``None``: all.
        on_corrupt: ``"raise"`` stops at a record that is not a message, ``"skip"`` leaves it out and warns.
        start_on: ``"human"`` leaves out what comes before the first words of the person, but for system messages.
        async_client: An asyncio client of redis-py for the methods that are asynchronous; ``None`` makes one that
            reaches the server in the same way.

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
        start_on: StartOn | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        if client is not None and url:
            raise ValueError("Give either url or client, not both.")
        super().__init__(session_id, key_prefix, ttl, window, max_messages, on_corrupt, start_on)
        if client is None and not address(url) and not in_notebook():
            warn_that_it_forgets()
        self.redis_client = connect(url) if client is None else given_client(client)
        self._own_async_client = given_async_client(async_client)


class MemorystoreChatMessageHistory(_ListHistory):
    """Chat history in Memorystore for Redis or for Valkey, oldest message at the head of the list `session_id`.

    Takes the place of `langchain_google_memorystore_redis.MemorystoreChatMessageHistory` (0.3.0):
    the same calls, and each reads what the other wrote.

    Args:
        client: A redis-py client connected to the instance, such as `helpers.connect` returns.
        session_id: Names the conversation, and is the Redis key as it stands.
        ttl: Seconds after the latest write at which Redis forgets the conversation; ``None``: never.
        window: How many of the latest messages `messages` returns; ``None``: all. It never begins with a tool's
            result, nor with a call of a tool whose question was cut off, so it may hold fewer.
        max_messages: How many of the latest messages Redis keeps; ``None``: all.
        on_corrupt: ``"raise"`` stops at a record that is not a message, ``"skip"`` leaves it out and warns.
        start_on: ``"human"`` leaves out what comes before the first words of the person, but for system messages.
        async_client: An asyncio client of redis-py for the methods that are asynchronous; ``None`` makes one that
            reaches the server in the same way.

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
        start_on: StartOn | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        super().__init__(session_id, "", ttl, window, max_messages, on_corrupt, start_on)
        self.redis_client = given_client(client)
        self._own_async_client = given_async_client(async_client)


def _said(message: BaseMessage) -> tuple[Any, ...]:
    return message.type, message.content


@cache
def _arguments(kind: type) -> Mapping[str, inspect.Parameter]:
    """A class's arguments; none where it takes any."""
    parameters = inspect.signature(kind).parameters
    return {} if any(one.kind is one.VAR_KEYWORD for one in parameters.values()) else dict(parameters)


def _listed(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    if isinstance(messages, (BaseMessage, str)):
        raise ValueError(
            f"add_messages takes a list of messages, not one {type(messages).__name__}.\n"
            + say("Put it in a list, add_messages([message]), or call add_message(message).")
        )
    return messages
