"""One turn of a conversation with any LangChain runnable, and where its messages are kept."""

import asyncio
import logging
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, message_chunk_to_message
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.base import RunnableBindingBase

from helpers._connecting.clients import Client
from helpers._histories.histories import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers._localization.messages import say
from helpers.errors import NoAsyncClientError, NotWrittenError
from helpers.sessions import look_into

History = RedisChatMessageHistory | MemorystoreChatMessageHistory
HistoryFactory = Callable[[str], History]

_END = object()
_ANSWERS = ("answer", "output", "messages")
"""Under which names chains and agents give their answers."""


class Conversing:
    """Sends one message at a time to a runnable, with the session's history, and stores what was said.

    A `RunnableWithMessageHistory` reads and stores the history itself. Any other runnable is given the messages, and
    the question and what the model made of it, tool calls and all, are stored when the answer is whole.

    The arguments are those of `ChatPanel`. Without an `input_key`, the message is the last of the history.
    """

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        history_factory: HistoryFactory,
        input_key: str | None = None,
        history_key: str | None = None,
        output_key: str | None = None,
    ) -> None:
        self._runnable, self._history_factory = runnable, history_factory
        self._session_field: str | None = None
        kept = _unbound(runnable)
        if _has_history(kept):
            if len(kept.history_factory_config) != 1:
                raise ValueError("The runnable names a session by several fields; ChatPanel has one session ID.")
            self._session_field = kept.history_factory_config[0].id
            output_key = output_key or kept.output_messages_key
            input_key = input_key or kept.input_messages_key
        elif input_key is None and history_key is None:
            input_key, history_key = _keys(runnable)
        self._input_key, self._history_key, self._output_key = input_key, history_key, output_key
        self._unstored: dict[str, list[BaseMessage]] = {}

    async def answers(self, text: str, session_id: str) -> AsyncGenerator[list[BaseMessage], None]:
        """The messages of the answer to a text as far as it has come, again and again. At the end they are stored.

        An answer that was whole and could not be stored is not asked for again where the same text is: it is stored.

        Raises:
            ValueError: Where the answer is in what the runnable gives can't be found out.
            NotWrittenError: The runnable has a history, nothing was stored in it, and why is not known.
        """
        question = HumanMessage(text)
        history = self._history_factory(session_id)
        config: RunnableConfig = {}
        before: list[BaseMessage] = []
        if self._session_field is not None:
            config = {"configurable": {self._session_field: session_id}}
            stored = await asyncio.to_thread(_version, history)
        else:
            before = await history.aget_messages()
        unstored = self._unstored.pop(session_id, [])
        if unstored and unstored[0].content == text:
            yield unstored[1:]
            await self._store(history, unstored)
            return
        answer: Any = None
        with _errors_of_callbacks() as errors:
            async for piece in _stream(self._runnable, self._input(question, before), config):
                try:
                    answer = piece if answer is None else answer + piece
                except TypeError:  # such as dicts, of which each has all that came before
                    answer = piece
                yield self._new(answer, text)
        if self._session_field is None:
            await self._store(history, [question, *(self._new(answer, text) or self._fail(answer))])
        elif await asyncio.to_thread(_version, history) == stored:
            if isinstance(answer, dict) and not self._output_key:
                self._fail(answer)
            raise errors[-1] if errors else NotWrittenError(history.key, "")

    async def _store(self, history: History, messages: list[BaseMessage]) -> None:
        self._unstored[history.session_id] = messages
        await _to_its_end(history.aadd_messages(messages))
        del self._unstored[history.session_id]

    def _input(self, question: HumanMessage, before: list[BaseMessage]) -> Any:
        if self._input_key is None:
            messages = [*before, question]
            return messages if self._history_key is None else {self._history_key: messages}
        values: dict[str, Any] = {self._input_key: question.content}
        if self._history_key is not None:
            values[self._history_key] = before
        return values

    def _new(self, answer: Any, asked: str) -> list[BaseMessage]:
        """The messages of an answer, as the model made them; none where they can't be found."""
        if isinstance(answer, dict):
            names = [self._output_key] if self._output_key else _ANSWERS
            answer = next((answer[name] for name in names if name in answer), None)
        if isinstance(answer, BaseMessage):
            answer = [answer]
        if not isinstance(answer, list) or not all(isinstance(one, BaseMessage) for one in answer):
            return [] if answer is None else [AIMessage(str(answer))]
        # An agent gives the whole conversation.
        questions = [place for place, one in enumerate(answer, 1) if one.type == "human" and one.content == asked]
        return [message_chunk_to_message(one) for one in answer[max(questions, default=0) :]]

    def _fail(self, answer: Any) -> NoReturn:
        names = list(answer) if isinstance(answer, dict) else []
        call = "RunnableWithMessageHistory(…, output_messages_key" if self._session_field else "ChatPanel(…, output_key"
        example = f"{call}={names[-1] if names else '…'!r})"
        raise ValueError(f"The answer can't be told among {names}.\n" + say("Name it: {argument}.", argument=example))


class Thread(NamedTuple):
    """An agent's thread, as far as it is like a history."""

    saver: Any
    session_id: str
    key: str
    window: int | None = None
    max_messages: int | None = None
    newest_first: bool = False

    @property
    def key_prefix(self) -> str:
        """What the keys of its saver begin with."""
        return str(self.saver.key_prefix)

    @property
    def redis_client(self) -> Client:
        """Its saver's client."""
        client: Client = self.saver.redis_client
        return client

    @property
    def serde(self) -> Any:
        """What decrypts it, where it is encrypted."""
        return self.saver.serde if hasattr(self.saver.serde, "cipher") else None

    def clear(self) -> None:
        """Delete it."""
        self.saver.delete_thread(self.session_id)


class AgentConversing:
    """Sends one message at a time to an agent, which keeps the conversation itself.

    Args:
        agent: A graph of LangGraph with a `RedisSaver`.

    Raises:
        TypeError: It has none.
        MissingExtraError: LangGraph is not installed.
    """

    def __init__(self, agent: Runnable[Any, Any]) -> None:
        from helpers._checkpoints.saver import RedisSaver

        self._agent = agent
        self._saver: Any = getattr(_unbound(agent), "checkpointer", None)
        if not isinstance(self._saver, RedisSaver):
            raise TypeError(
                "Without a history_factory the runnable has to be an agent with a RedisSaver.\n"
                + say("Name it: {argument}.", argument="create_agent(…, checkpointer=RedisSaver(…))")
            )
        self._unanswered: dict[str, HumanMessage] = {}

    def thread(self, thread_id: str) -> Thread:
        """A thread of the agent's.

        Raises:
            ValueError: The ID can't be one.
        """
        return Thread(self._saver, thread_id, self._saver.key(thread_id))

    async def answers(self, text: str, session_id: str) -> AsyncGenerator[list[BaseMessage], None]:
        """The messages of the answer to a text as far as it has come, calls of tools and results among them."""
        config: RunnableConfig = {"configurable": {"thread_id": session_id}}
        before = self._unanswered.get(session_id)
        question = before if before and before.content == text else HumanMessage(text, id=str(uuid.uuid4()))
        self._unanswered[session_id] = question
        # What is said again after a fault, and was stored, is gone on from.
        stored = question is before and await asyncio.to_thread(self._has, question, config)
        value = None if stored else {"messages": [question]}
        said: dict[str | None, BaseMessage] = {}
        async for piece, _ in _stream(self._agent, value, config, "messages"):
            known = said.get(piece.id)
            goes_on = isinstance(known, AIMessageChunk) and isinstance(piece, AIMessageChunk)
            said[piece.id] = known + piece if goes_on else piece
            yield list(said.values())
        del self._unanswered[session_id]

    def _has(self, question: HumanMessage, config: RunnableConfig) -> bool:
        messages = _unbound(self._agent).get_state(config).values.get("messages", ())
        return any(one.id == question.id for one in messages)


async def _to_its_end(work: Awaitable[None]) -> None:
    """Do something whole: who stops an answer while it is being stored has come too late."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task


@contextmanager
def _errors_of_callbacks() -> Iterator[list[BaseException]]:
    """What callbacks raise meanwhile. LangChain logs it and goes on, even where a history could not be written."""
    errors: list[BaseException] = []

    def hear(_: logging.LogRecord) -> bool:
        errors.extend(filter(None, [sys.exception()]))
        return True

    logger = logging.getLogger("langchain_core.callbacks.manager")
    logger.addFilter(hear)
    try:
        yield errors
    finally:
        logger.removeFilter(hear)


def _version(history: History) -> bytes:
    return look_into(history.redis_client, history.key, newest_first=history.newest_first, latest=1).version


async def _stream(
    runnable: Runnable[Any, Any], value: Any, config: RunnableConfig, mode: str = "values"
) -> AsyncIterator[Any]:
    """What a runnable streams, without blocking the event loop, whether it is async or not."""
    begun = False
    # Of the ways to stream that an agent of LangGraph has, "values" gives messages as its invoke does.
    options: dict[str, Any] = {"stream_mode": mode} if hasattr(_unbound(runnable), "stream_mode") else {}
    try:
        async for piece in runnable.astream(value, config, **options):
            begun = True
            yield piece
        return
    except (NotImplementedError, NoAsyncClientError):  # a generator, or a client, that has no async form
        if begun:
            raise
    pieces = runnable.stream(value, config, **options)
    while (piece := await asyncio.to_thread(next, pieces, _END)) is not _END:
        yield piece


def _unbound(runnable: Any) -> Any:
    """The runnable itself, out of what `with_config` and its like wrap around it."""
    while isinstance(runnable, RunnableBindingBase) and not _has_history(runnable):
        runnable = runnable.bound
    return runnable


def _has_history(runnable: Any) -> bool:
    """Whether it is a `RunnableWithMessageHistory`, a class that LangChain 2.0 has no more."""
    return hasattr(runnable, "history_factory_config")


def _keys(runnable: Runnable[Any, Any]) -> tuple[str | None, str | None]:
    """The names under which a chain takes the message and the messages before it."""
    schema = runnable.get_input_jsonschema()
    schema = schema.get("$defs", {}).get(schema.get("$ref", "").rpartition("/")[2], schema)
    names = schema.get("properties", {})
    if schema.get("type") != "object" or not names:
        return None, None
    lists = [name for name, kind in names.items() if kind.get("type") == "array"]
    texts = [name for name in names if name not in lists]
    if not texts and len(lists) == 1:
        return None, lists[0]
    if len(texts) != 1 or len(lists) > 1:
        raise ValueError(
            f"The runnable takes {', '.join(map(repr, names))}; which of them is the message can't be told.\n"
            + say("Name it: {argument}.", argument='ChatPanel(…, input_key="question", history_key="history")')
        )
    return texts[0], lists[0] if lists else None
