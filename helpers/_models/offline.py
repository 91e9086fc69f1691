"""A chat model without a network: it knows what its messages tell it, and says so."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import ToolCall, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from helpers._localization.languages import SOURCE_LANGUAGE
from helpers._localization.messages import language as spoken_language
from helpers._localization.messages import say
from helpers._models.calling import choice_of, find_call
from helpers._models.phrasebook import Reading, languages

_READ = 1000  # characters of a message, from either end
_QUOTED = 200  # characters of a line, in a summary


# A word with the space before it, or, where a language writes without spaces, a character.
_PIECES = re.compile(r"\s*(?:[\u3040-\u30ff\u4e00-\u9fff]|[^\s\u3040-\u30ff\u4e00-\u9fff]+)|\s+")

# What parts a Latin name from the Chinese around it, but no Chinese name.
_SPACED_HAN = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")


class OfflineChatModel(BaseChatModel):
    """A deterministic stand-in for a chat model.

    It answers from the messages it is given and from nothing else: it tells the speaker's name if a
    message told it, what was said before, and how many messages there were, in the language of the
    message it answers. Of a long message it reads the beginning and the end: a pasted text introduces nobody and
    asks nothing, but who pastes it may, before or after. Every answer begins with a mark that no real model was asked.

    With tools bound, it calls the one that the numbers and quotations of the latest message fill, and answers with
    what the tool gave: ``What did order 4711 cost?`` calls ``look_up_order(order: int)``. Asked for a summary by
    LangChain's `SummarizationMiddleware`, it lists the latest of what was said, and who said so.
    """

    @property
    def _llm_type(self) -> str:
        return "offline"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools that it may call.

        Args:
            tools: What LangChain takes for a tool.
            tool_choice: ``None`` or ``"auto"``: a tool is called if the latest message fills all that it requires;
                ``"any"`` or a tool's name: one is called in any case; ``"none"``: none is. A provider's form of these
                is understood too.
            kwargs: Handed on with each call; the model has no use for them.

        Raises:
            ValueError: No tool has the name.
        """
        bound = [convert_to_openai_tool(tool) for tool in tools]
        names = [tool["function"]["name"] for tool in bound if "function" in tool]
        if (choice := choice_of(tool_choice)) not in ("auto", "any", "none", *names):
            advice = say("Name it: {argument}.", argument=f"tool_choice={' | '.join(map(repr, names))}")
            raise ValueError(f"No tool is called {choice!r}.\n{advice}")
        return self.bind(tools=bound, tool_choice=choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=_answer(messages, stop, **kwargs))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, **kwargs)  # nothing here waits, so nothing needs a thread

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(_answer(messages, stop, **kwargs)):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(_answer(messages, stop, **kwargs)):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
            await asyncio.sleep(0)  # a long answer leaves the loop to others, as a real model does


def _answer(
    messages: Sequence[BaseMessage],
    stop: Sequence[str] | None,
    tools: Sequence[dict[str, Any]] = (),
    tool_choice: str | dict[str, Any] | bool | None = None,
    **_: Any,
) -> AIMessage:
    latest, call = messages[-1] if messages else None, None
    # A summary of LangChain's stands as the person's words, and asks for nothing.
    if isinstance(latest, HumanMessage) and latest.additional_kwargs.get("lc_source") != "summarization":
        call = find_call(_ends(latest.text), tools, choice_of(tool_choice))
    return AIMessage(
        "" if call else _cut(_reply(messages), stop),
        tool_calls=[tool_call(name=call[0], args=call[1], id=_new_id(messages))] if call else [],
        response_metadata={"model_name": "offline", "finish_reason": "tool_calls" if call else "stop"},
    )


def _calls(messages: Sequence[BaseMessage]) -> list[ToolCall]:
    return [call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]


def _new_id(messages: Sequence[BaseMessage]) -> str:
    """An ID that no call in the messages has, though the first of them may have been cut off."""
    numbers = [re.fullmatch(r"call_(\d{1,9})", call["id"] or "") for call in _calls(messages)]
    return f"call_{1 + max((int(number[1]) for number in numbers if number), default=0)}"


def _reply(messages: Sequence[BaseMessage]) -> str:
    said = [message.text.strip() for message in messages if isinstance(message, HumanMessage)]
    if to_summarise := _to_summarise(said[0]) if len(messages) == len(said) == 1 else []:
        said = to_summarise
    read = [Reading(_ends(text)) for text in said]
    language = languages()[_language(read)]
    latest = read[-1] if read else Reading("")
    names = {call["id"]: call["name"] for call in _calls(messages)}
    results: list[Any] = list(takewhile(lambda message: isinstance(message, ToolMessage), reversed(messages)))[::-1]
    if to_summarise:
        answer = language.summary.format(text=_summary(map(_ends, said)))
    elif results:
        answer = "\n".join(
            language.tool.format(name=result.name or names.get(result.tool_call_id), text=result.text)
            for result in results
        )
    elif latest.question == "asks_name":
        name = next(filter(None, (message.name for message in reversed(read))), None)
        answer = _SPACED_HAN.sub("", language.knows.format(name=name)) if name else language.knows_not
    elif latest.question == "asks_count":
        answer = language.count.format(count=len(said))
    elif latest.question == "asks_previous":
        answer = language.previous.format(text=said[-2]) if len(said) > 1 else language.no_previous
    elif latest.name:
        answer = language.greets.format(name=latest.name)
    else:
        answer = language.otherwise
    return f"{language.stand_in} {answer}"


def _to_summarise(prompt: str) -> list[str]:
    """What the person said in a conversation that LangChain asks to summarise: XML in a prompt of any language."""
    return [html.unescape(part.partition("</message>")[0]) for part in prompt.split('<message type="human">')[1:]]


def _summary(said: Iterable[str]) -> str:
    """Who speaks, and the latest that they said; also where that stands in an earlier summary."""
    lines = [line.removeprefix("- ") for text in said for line in text.splitlines() if not line.endswith((":", "："))]
    read = {line[:_QUOTED]: Reading(line[:_QUOTED]) for line in lines if line}
    told = [line[:_QUOTED] for line in lines if line and read[line[:_QUOTED]].question != "asks_name"]
    named = [line for line in told if read[line].name]
    return "\n".join(f"- {line}" for line in dict.fromkeys(named[-1:] + told[-3:]))


def _language(read: Sequence[Reading]) -> str:
    """The language of the latest message that shows one; a bare "Bob!" leaves it to those before.

    Where none does, it is the one that the package speaks.
    """
    for reading in reversed(read):
        if reading.language:
            return reading.language
        if len(reading.text.split()) > 1:
            break
    spoken = spoken_language()
    return spoken if spoken in languages() else SOURCE_LANGUAGE


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"


def _cut(text: str, stop: Sequence[str] | None) -> str:
    return min((text.partition(mark)[0] for mark in stop or () if mark), key=len, default=text)


def _chunks(answer: AIMessage) -> Iterator[ChatGenerationChunk]:
    calls = [
        tool_call_chunk(
            name=call["name"], args=json.dumps(call["args"], ensure_ascii=False), id=call["id"], index=place
        )
        for place, call in enumerate(answer.tool_calls)
    ]
    pieces = _PIECES.findall(answer.text) or [answer.text]
    for place, piece in enumerate(pieces, start=1):
        ended = place == len(pieces)
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content=piece,
                tool_call_chunks=calls,
                response_metadata=answer.response_metadata if ended else {},
                chunk_position="last" if ended else None,
            )
        )
