"""One turn of a conversation with any LangChain runnable, and where its messages are kept."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.history import RunnableWithMessageHistory

from helpers._histories.histories import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers._localization.messages import say

History = RedisChatMessageHistory | MemorystoreChatMessageHistory
HistoryFactory = Callable[[str], History]

_END = object()


class Conversing:
    """Sends one message at a time to a runnable, with the session's history, and stores what was said.

    A `RunnableWithMessageHistory` reads and stores the history itself. Any other runnable is given the messages, and
    question and answer are stored when the answer is whole.

    Args:
        runnable: A chat model, a chain or a `RunnableWithMessageHistory`.
        history_factory: Makes the history of a session ID.
        input_key: The name under which the runnable takes the message; None finds it out.
        history_key: The name under which it takes the messages before; None finds it out.

    Raises:
        ValueError: How the runnable takes a message can't be found out.
    """

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        history_factory: HistoryFactory,
        input_key: str | None = None,
        history_key: str | None = None,
    ) -> None:
        self._runnable, self._history_factory = runnable, history_factory
        self._output_key: str | None = None
        self._session_field: str | None = None
        kept = _unbound(runnable)
        if isinstance(kept, RunnableWithMessageHistory):
            if len(kept.history_factory_config) != 1:
                raise ValueError("The runnable names a session by several fields; ChatPanel has one session ID.")
            self._session_field = kept.history_factory_config[0].id
            self._output_key = kept.output_messages_key
            input_key = input_key or kept.input_messages_key
        elif input_key is None and history_key is None:
            input_key, history_key = _keys(runnable)
        self._input_key, self._history_key = input_key, history_key

    async def pieces(self, text: str, session_id: str) -> AsyncIterator[str]:
        """The answer as it comes, piece by piece. At the end it is stored.

        Args:
            text: The human's message.
            session_id: The session that it belongs to.
        """
        question = HumanMessage(text)
        history = self._history_factory(session_id)
        config: RunnableConfig = {}
        before: list[BaseMessage] = []
        if self._session_field is not None:
            config = {"configurable": {self._session_field: session_id}}
        else:
            before = await history.aget_messages()
        answer: Any = None
        async for piece in _stream(self._runnable, self._input(question, before), config):
            answer = piece if answer is None else answer + piece
            yield self._said(piece)
        if self._session_field is None:
            await history.aadd_messages([question, AIMessage(self._said(answer))])

    def _input(self, question: HumanMessage, before: list[BaseMessage]) -> Any:
        if self._input_key is None:
            return [*before, question]
        values: dict[str, Any] = {self._input_key: question.content}
        if self._history_key is not None:
            values[self._history_key] = before
        return values

    def _said(self, piece: Any) -> str:
        """The text of an answer or of a piece of one."""
        if isinstance(piece, dict):
            piece = piece.get(self._output_key or "output", "")
        if isinstance(piece, list):
            piece = piece[-1] if piece else ""
        if isinstance(piece, (BaseMessage, BaseMessageChunk)):
            return str(piece.text)
        return "" if piece is None else str(piece)


async def _stream(runnable: Runnable[Any, Any], value: Any, config: RunnableConfig) -> AsyncIterator[Any]:
    """What a runnable streams, without blocking the event loop, whether it is async or not."""
    begun = False
    try:
        async for piece in runnable.astream(value, config):
            begun = True
            yield piece
        return
    except NotImplementedError:  # a generator that has no async form
        if begun:
            raise
    pieces = runnable.stream(value, config)
    while (piece := await asyncio.to_thread(next, pieces, _END)) is not _END:
        yield piece


def _unbound(runnable: Any) -> Any:
    """The runnable itself, out of what `with_config` and its like wrap around it."""
    while isinstance(runnable, RunnableBindingBase) and not isinstance(runnable, RunnableWithMessageHistory):
        runnable = runnable.bound
    return runnable


def _keys(runnable: Runnable[Any, Any]) -> tuple[str | None, str | None]:
    """The names under which a chain takes the message and the messages before it."""
    schema = runnable.get_input_jsonschema()
    names = schema.get("properties", {})
    if schema.get("type") != "object" or not names:
        return None, None
    lists = [name for name, kind in names.items() if kind.get("type") == "array"]
    texts = [name for name in names if name not in lists]
    if len(texts) != 1 or len(lists) > 1:
        raise ValueError(
            f"The runnable takes {', '.join(map(repr, names))}; which of them is the message can't be told.\n"
            + say("Name it: {argument}.", argument='ChatPanel(…, input_key="question", history_key="history")')
        )
    return texts[0], lists[0] if lists else None
