"""A chat model without a network: it knows what its messages tell it, and says so."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

_NAME = r"[^\W\d_][\w'’\-]*"


@dataclass(frozen=True)
class _Language:
    """How one language is recognised, how it gives and asks for a name, and what the model answers."""

    signs: str
    introduces: str
    asks_name: str
    asks_previous: str
    asks_count: str
    stand_in: str
    greets: str
    knows: str
    knows_not: str
    previous: str
    no_previous: str
    count: str
    otherwise: str


# The order decides where a text bears the signs of two languages; English is what is left over.
_LANGUAGES = {
    "ko": _Language(
        signs=r"[\uac00-\ud7a3]",
        introduces=rf"(?<!\w)(?:(?:제 |내 )?이름은|저는|나는|난|전|저를|나를)\s*({_NAME}?)\s*"
        r"(?:이?라고\s*(?=해|하|합|불)|입니다|이에요|예요|이야|야)(?=\W|$|해|하|합|불)",
        asks_name=r"(?:이름|성함)[^.!?\n]*(?:뭐|뭔|뭡|무엇|기억|알아|아세요|아나요|아시|아십|알고|알려|말해|말씀해|누구|맞[춰혀]|어떻게 되)|"
        r"이름은요|(?:내가|제가|저는|나는|난|나|저) 누구",
        asks_previous=r"(?:방금|조금 전|아까|앞서|앞에서|바로 전|직전|이전|마지막)[^.!?\n]*(?:말|물|했|질문|메시지)|뭐라고 (?:했|말했|물)",
        asks_count=r"(?:메시지|메세지|말).*(?:몇|얼마나)|(?:메시지|메세지) (?:개)?수|몇 (?:개|번|건).*(?:메시지|메세지|말)",
        stand_in="[오프라인 모델]",
        greets="반갑습니다, {name} 님!",
        knows="알려 주신 이름은 {name}입니다.",
        knows_not="이름을 알지 못합니다. 전달받은 메시지에는 이름이 없습니다.",
        previous="바로 전에 하신 말씀은 다음과 같습니다. “{text}”",
        no_previous="이 대화에서 받은 첫 메시지입니다.",
        count="지금까지 보내신 메시지는 {count}개입니다.",
        otherwise="실제 모델을 대신해 답하고 있습니다. 전달받은 메시지에서 알 수 있는 이름, 바로 전에 하신 말씀, "
        "보내신 메시지 수만 답할 수 있습니다.",
    ),
    "zh-CN": _Language(
        signs=r"[\u4e00-\u9fff]",
        # Without spaces between words, a name is what stands alone: Latin letters, or up to four characters.
        introduces=r"(?:我的?名字(?:是|叫做?)|我名叫|我叫做?|叫我|我是)[\s:：]*(?!一|不|第|来|在|从|谁|什么|啥|怎么|想|做|说)"
        r"([A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’\-]*|[\u4e00-\u9fff·]{2,4}?(?=[吧啊呀哦啦哈]?(?:\W|$)))",
        asks_name=r"我[^你您他她]*(?:叫(?:什么|啥)|名字(?:是|叫)(?:什么|啥)|是谁)|(?:知道|记得|告诉|说出).*我.*(?:名字|是谁)|我的名字(?:呢|[?？])",
        asks_previous=r"(?:刚才|刚刚|前面|之前|上一?[句条次])(?!.*(?:多少|几)[条个句次]).*(?:说|问|讲|是什么|是啥)|刚[说问讲]",
        asks_count=r"(?:多少|几)[条个句次]?(?:消息|话|问题)|(?:消息|话|问题).*(?:多少|几[条个句次])|(?:多少|几)[条句]",
        stand_in="[离线模型]",
        greets="你好，{name}！很高兴认识你。",
        knows="你叫 {name}。",
        knows_not="我不知道你的名字：收到的消息里没有提到。",
        previous="你上一句说的是：“{text}”",
        no_previous="这是我在这段对话中收到的第一条消息。",
        count="到目前为止，你发送了 {count} 条消息。",
        otherwise="我只是真实模型的替身，只能根据收到的消息回答三件事：你的名字、你的上一句话，以及你发送了多少条消息。",
    ),
    "es": _Language(
        signs=r"[¿¡ñ]|\b(?:hola|buen[oa]s|soy|me llamo|me dicen|mi nombre|c[óo]mo|cu[áa]l|cu[áa]nt[oa]s|qué|qui[ée]n|gracias|adiós|sabes|dije|dame|quiero|necesito|puedes|ejemplo|tengo|una|(?-i:el|los|las))\b",
        # As in French: a predicate that begins with a capital is a name, and "desarrollador" is not.
        introduces=rf"\b(?<!\bno )(?:me llamo|me dicen|mi nombre(?: es|:)|ll[áa]mame|puedes llamarme|soy(?=\s+(?-i:[A-ZÀ-ÖØ-Þ])))\s+(?!c[óo]mo\b)({_NAME})",
        asks_name=r"c[óo]mo me llamo|cu[áa]l (?:es|era) mi nombre|(?:sabes|recuerdas|acuerdas de|dime|decirme|dices) mi nombre|y mi nombre\s*\?|qui[ée]n soy",
        asks_previous=r"(?:\bqué\b|^\W*que\b|\blo (?:[úu]ltimo )?que\b)[^.!?\n]*\b(?:dije\b|pregunt[ée]\b|he (?:dicho|preguntado)\b|acabo de (?:decir|preguntar))|"
        r"\bmi (?:[úu]ltim[oa] (?:mensaje|pregunta)|(?:mensaje|pregunta) anterior)\b",
        asks_count=r"cu[áa]nt(?:os mensajes|as preguntas)",
        stand_in="[modelo sin conexión]",
        greets="¡Mucho gusto, {name}!",
        knows="Te llamas {name}.",
        knows_not="No sé cómo te llamas: tu nombre no aparece en los mensajes que he recibido.",
        previous="Lo último que dijiste fue: «{text}».",
        no_previous="Es el primer mensaje que recibo en esta conversación.",
        count="Mensajes que has enviado hasta ahora: {count}.",
        otherwise="Sustituyo a un modelo de verdad: a partir de los mensajes que recibo, solo puedo decirte tu nombre, "
        "qué fue lo último que dijiste y cuántos mensajes has enviado.",
    ),
    "fr": _Language(
        signs=r"[àâçèêëîïôùûœ]|\b(?:bonjour|bonsoir|salut|coucou|je|moi|mon|ma|quel|quelle|combien|merci|suis|est-ce|c['’]est|qui|sais|vous|votre|nous|nom|prénom|une|le|les|des)\b|\b[jmclnsdt]['’](?=\w)",
        # A predicate that begins with a capital is a name, and "développeur" is not.
        introduces=rf"\b(?:je m['’]appelle|je me (?:pré)?nomme|mon (?:pré)?nom est|mon (?:pré)?nom,? c['’]est|moi,? c['’]est|appel(?:le|ez)-moi|je suis(?=\s+(?-i:[A-ZÀ-ÖØ-Þ])))\s+(?!comment\b|quoi\b)({_NAME})",
        asks_name=r"comment (?:est-ce que )?je m['’]appelle|je m['’]appelle comment|quel est mon (?:pré)?nom|c['’]est quoi,? mon (?:pré)?nom|"
        r"mon (?:pré)?nom,? c['’]est quoi|(?:connais|connaissez|sais|savez|souviens|souvenez|rappel|dis|dites).*mon (?:pré)?nom|"
        r"qui suis-je|(?:sais|savez).*qui je suis|je suis qui",
        asks_previous=r"\b(?:qu['’]ai-je|que viens-je|qu['’]est-ce que (?:j['’]ai|je)|ce que (?:j['’]ai|je)|que (?:vous |t['’])?ai-je)\b.*\b(?:dit|dire|demandé|demander)\b|"
        r"j['’]ai (?:dit|demandé) quoi|m(?:on|a) (?:(?:dernier|précédent) message|(?:dernière|précédente) question|message précédent|question précédente)",
        asks_count=r"combien de messages",
        stand_in="[modèle hors ligne]",
        greets="Enchanté, {name}\u202f!",
        knows="Vous vous appelez {name}.",
        knows_not="Je ne connais pas votre nom\u00a0: il ne figure pas dans les messages que j’ai reçus.",
        previous="Vous venez de dire\u00a0: «\u00a0{text}\u00a0»",
        no_previous="C’est le premier message que je reçois dans cette conversation.",
        count="Messages que vous avez envoyés jusqu’ici\u00a0: {count}.",
        otherwise="Je remplace un vrai modèle\u00a0: d’après les messages que je reçois, je peux seulement vous dire votre nom, "
        "votre message précédent et le nombre de vos messages.",
    ),
    "en": _Language(
        signs=r"",
        introduces=rf"\b(?:I['’]m|I am|my name is|my name['’]s|call me|this is)\s+({_NAME})",
        asks_name=r"what(?:['’]s| is|s)? my name|(?:know|remember|tell me) my name|who am I",
        asks_previous=r"what (?:did|have) I (?:just )?(?:say|said|ask|asked)|my (?:last|previous) (?:message|question)",
        asks_count=r"how many messages",
        stand_in="[offline model]",
        greets="Nice to meet you, {name}!",
        knows="Your name is {name}.",
        knows_not="I don't know your name: it is not in the messages that I was given.",
        previous="Just before, you said: “{text}”",
        no_previous="This is the first message I was given in this conversation.",
        count="Messages that you have sent so far: {count}.",
        otherwise="I stand in for a real model: from the messages that I was given I can only tell your name, "
        "what you said before, and how many messages you sent.",
    ),
}

# A word with the space before it, or, where a language writes without spaces, a character.
_PIECES = re.compile(r"\s*(?:[\u3040-\u30ff\u4e00-\u9fff]|[^\s\u3040-\u30ff\u4e00-\u9fff]+)|\s+")

# What follows "I'm" and its like without being anybody's name.
_NOT_NAMES = frozenset(
    "a an the not so very here just fine good sorry happy glad trying looking using going from in on at your "
    "un une le la les en de d du pas très désolé content ici à "
    "el los las uno una muy no aquí yo tu su feliz "
    "学生 老师 程序员 工程师 开发者 新手 中国人 누구 뭐 개발자 학생 처음 초보자 사람 한국인".split()
)


class OfflineChatModel(BaseChatModel):
    """A deterministic stand-in for a chat model.

    It answers from the messages it is given and from nothing else: it tells the speaker's name if a
    message told it, what was said before, and how many messages there were, in the language of the
    message it answers. Every answer begins with a mark that no real model was asked.
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


def _reply(messages: Sequence[BaseMessage]) -> str:
    said = [message.text.strip() for message in messages if isinstance(message, HumanMessage)]
    language = _LANGUAGES[_language(said)]
    latest = said[-1] if said else ""
    if _matches(language.asks_name, latest):
        name = next(filter(None, map(_name, reversed(said))), None)
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
    """The language of the latest message that shows one; a bare "Bob!" leaves it to those before."""
    for text in reversed(said):
        for code, language in _LANGUAGES.items():
            if language.signs and _matches(language.signs, text):
                return code
        if len(text.split()) > 1:
            break
    return "en"


def _name(text: str) -> str | None:
    """The name that a message gives its speaker, in whichever language it does."""
    for language in _LANGUAGES.values():
        if _matches(language.asks_name, text):
            return None
        for match in re.finditer(language.introduces, text, re.IGNORECASE):
            if match[1].lower() not in _NOT_NAMES:
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
