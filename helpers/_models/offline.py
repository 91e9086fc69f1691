"""A chat model without a network: it knows what its messages tell it, and says so."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from helpers._localization.languages import LANGUAGES, SOURCE_LANGUAGE
from helpers._localization.messages import catalog
from helpers._localization.messages import language as spoken_language

_NAME = r"[^\W\d_][\w'’\-]{0,60}"
_READ = 1000  # characters of a message, from either end


@dataclass(frozen=True)
class Language:
    """How one language is recognised, how it gives and asks for a name, and what the model answers.

    The values here are English. Other languages have theirs in their catalog, under the context
    ``offline_model/`` and the field's name. The first six are read by a program: regular expressions, searched
    for without regard to case, and words between spaces. Each repetition in an expression has a bound, ``{0,60}`` in
    place of ``*``, so that none takes more than linear time.

    Attributes:
        signs: What only this language has. The language with the most of them is answered in; English has none.
        introduces: A speaker's giving of a name, the name being its one group; ``{name}`` stands for a name.
        asks_name, asks_previous, asks_count: The questions that the model can answer.
        not_names: What may follow where a name would, without being one.
        stand_in: The mark before every answer.
        greets, knows, knows_not, previous, no_previous, count, otherwise: The answers.
    """

    signs: str = "(?!)"
    introduces: str = r"\b(?:I['’]m|I am|my name is|my name['’]s|call me|this is)\s{1,9}({name})"
    asks_name: str = "what(?:['’]s| is|s)? my name|(?:know|remember|tell me) my name|who am I"
    asks_previous: str = (
        "what (?:did|have) I (?:just )?(?:say|said|ask|asked)|my (?:last|previous) (?:message|question)"
    )
    asks_count: str = "how many messages"
    not_names: str = (
        "a an the not so very here just fine good sorry happy glad trying looking using going from in on at your"
    )
    stand_in: str = "[offline model]"
    greets: str = "Nice to meet you, {name}!"
    knows: str = "Your name is {name}."
    knows_not: str = "I don't know your name: it is not in the messages that I was given."
    previous: str = "Just before, you said: “{text}”"
    no_previous: str = "This is the first message I was given in this conversation."
    count: str = "Messages that you have sent so far: {count}."
    otherwise: str = "I stand in for a real model: from the messages that I was given I can only tell your name, what you said before, and how many messages you sent."


CONTEXT = "offline_model/"


@cache
def _languages() -> dict[str, Language]:
    """The languages whose catalogs are complete for the model, English last: it is what is left over."""
    names = [field.name for field in fields(Language)]
    known = {}
    for code in LANGUAGES:
        translated = {context.removeprefix(CONTEXT): text for (context, _), text in catalog(code).items()}
        if translated.keys() >= set(names):
            known[code] = Language(**{name: translated[name] for name in names})
    return known | {SOURCE_LANGUAGE: Language()}


# A word with the space before it, or, where a language writes without spaces, a character.
_PIECES = re.compile(r"\s*(?:[\u3040-\u30ff\u4e00-\u9fff]|[^\s\u3040-\u30ff\u4e00-\u9fff]+)|\s+")


class OfflineChatModel(BaseChatModel):
    """A deterministic stand-in for a chat model.

    It answers from the messages it is given and from nothing else: it tells the speaker's name if a
    message told it, what was said before, and how many messages there were, in the language of the
    message it answers. Of a long message it reads the beginning and the end: a pasted text introduces nobody and
    asks nothing, but who pastes it may, before or after. Every answer begins with a mark that no real model was asked.
    """

    @property
    def _llm_type(self) -> str:
        return "offline"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = _cut(_reply(messages), stop)
        message = AIMessage(text, response_metadata={"model_name": "offline", "finish_reason": "stop"})
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop)  # nothing here waits, so nothing needs a thread

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(_cut(_reply(messages), stop)):
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
        for chunk in _chunks(_cut(_reply(messages), stop)):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
            await asyncio.sleep(0)  # a long answer leaves the loop to others, as a real model does


def _reply(messages: Sequence[BaseMessage]) -> str:
    said = [message.text.strip() for message in messages if isinstance(message, HumanMessage)]
    read = [text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}" for text in said]
    language = _languages()[_language(read)]
    latest = read[-1] if read else ""
    if _matches(language.asks_name, latest):
        name = next(filter(None, map(_name, reversed(read))), None)
        answer = language.knows.format(name=name) if name else language.knows_not
    elif name := _name(latest):
        answer = language.greets.format(name=name)
    elif _matches(language.asks_previous, latest):
        answer = language.previous.format(text=said[-2]) if len(said) > 1 else language.no_previous
    elif _matches(language.asks_count, latest):
        answer = language.count.format(count=len(said))
    else:
        answer = language.otherwise
    return f"{language.stand_in} {answer}"


def _language(said: Sequence[str]) -> str:
    """The language of the latest message that shows one; a bare "Bob!" leaves it to those before.

    Where none does, it is the one that the package speaks.
    """
    for text in reversed(said):
        signs = {code: len(re.findall(language.signs, text, re.IGNORECASE)) for code, language in _languages().items()}
        likeliest = max(signs, key=lambda code: signs[code])
        if signs[likeliest]:
            return likeliest
        if len(text.split()) > 1:
            break
    spoken = spoken_language()
    return spoken if spoken in _languages() else SOURCE_LANGUAGE


def _name(text: str) -> str | None:
    """The name that a message gives its speaker, in whichever language it does."""
    languages = _languages().values()
    if any(_matches(language.asks_name, text) for language in languages):
        return None
    not_names = {word for language in languages for word in language.not_names.split()}
    for language in languages:
        for match in re.finditer(language.introduces.replace("{name}", _NAME), text, re.IGNORECASE):
            if match[1].lower() not in not_names:
                return match[1]
    return None


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def _cut(text: str, stop: Sequence[str] | None) -> str:
    return min((text.partition(mark)[0] for mark in stop or () if mark), key=len, default=text)


def _chunks(text: str) -> Iterator[ChatGenerationChunk]:
    pieces = _PIECES.findall(text) or [text]
    for place, piece in enumerate(pieces, start=1):
        ended = place == len(pieces)
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content=piece,
                response_metadata={"model_name": "offline", "finish_reason": "stop"} if ended else {},
                chunk_position="last" if ended else None,
            )
        )
