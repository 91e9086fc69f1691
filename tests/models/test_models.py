"""The offline model, and the way to a real one."""

import asyncio
from collections.abc import Iterator
from dataclasses import fields

import openai
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

from helpers import chat_model, speak
from helpers._models import offline
from helpers._models.offline import OfflineChatModel
from helpers._models.phrasebook import Language, Reading, languages
from tests.support.openai_server import OpenAIServer, openai_server
from tools.translating import spoken

STAND_IN = {
    "en": "[offline model]",
    "ko": "[오프라인 모델]",
    "zh": "[离线模型]",
    "fr": "[modèle hors ligne]",
    "es": "[modelo sin conexión]",
    "ja": "[オフラインモデル]",
    "pt": "[modelo offline]",
    "de": "[Offline-Modell]",
    "it": "[modello offline]",
    "id": "[model offline]",
}
INTRODUCTIONS = {
    "en": ["Hi! I'm Bob.", "My name is Bob", "call me Bob, please", "Hello, I am Bob!", "I’m Bob"],
    "ko": ["안녕하세요! 제 이름은 Bob이에요.", "저는 Bob입니다", "안녕, 나는 Bob이야!", "Bob이라고 합니다. 저는 Bob이라고 해요."],
    "zh": ["你好！我叫 Bob。", "我是Bob", "我的名字是 Bob，你好", "叫我Bob吧", "我叫 Bob，你叫什么名字？"],
    "fr": ["Bonjour ! Je m'appelle Bob.", "Je m’appelle Bob", "Salut, moi c'est Bob", "mon nom est Bob", "Je suis Bob.", "Appelez-moi Bob."],
    "es": ["¡Hola! Me llamo Bob.", "soy Bob", "Mi nombre es Bob", "Mi nombre: Bob", "Puedes llamarme Bob", "Me dicen Bob."],
    "ja": ["こんにちは！私の名前はBobです。", "私はBobです", "Bobと申します。", "はじめまして。Bobです。", "名前はBobです、よろしく", "僕はBobだよ", "こんにちは、Bobといいます。"],
    "pt": ["Oi! Meu nome é Bob.", "Eu me chamo Bob", "Sou o Bob, prazer!", "Pode me chamar de Bob", "Olá, aqui é o Bob!", "Me chamo Bob."],
    "de": ["Hallo! Ich heiße Bob.", "ich bin Bob", "Mein Name ist Bob", "Nenn mich Bob", "Hier ist Bob!", "Ich bin der Bob."],
    "it": ["Ciao! Mi chiamo Bob.", "sono Bob", "Il mio nome è Bob", "Puoi chiamarmi Bob", "Io sono Bob.", "Piacere, Bob"],
    "id": ["Halo! Nama saya Bob.", "saya Bob", "namaku Bob", "panggil saja Bob", "Perkenalkan, saya Bob.", "Aku Bob"],
}  # fmt: skip
QUESTIONS = {
    "en": ["What's my name?", "whats my name", "Do you know my name?", "Who am I?"],
    "ko": [
        "제 이름이 뭐예요?",
        "제 이름이 무엇인가요?",
        "내 이름 기억해?",
        "제 이름을 알고 있나요?",
        "제 이름이 뭔가요?",
        "제 이름은요?",
    ],
    "zh": ["我叫什么名字？", "你知道我的名字吗？", "我是谁？", "我的名字是什么？"],
    "fr": [
        "Comment je m’appelle ?",
        "Quel est mon nom ?",
        "Connaissez-vous mon nom ?",
        "Qui suis-je ?",
        "C’est quoi mon nom ?",
        "Je suis qui ?",
    ],
    "es": [
        "¿Cómo me llamo?",
        "como me llamo",
        "¿Cuál es mi nombre?",
        "¿Cuál era mi nombre?",
        "¿Sabes mi nombre?",
        "¿Te acuerdas de mi nombre?",
        "Dime mi nombre",
        "¿Y mi nombre?",
        "¿Quién soy?",
    ],
    "ja": [
        "私の名前は何ですか？",
        "私の名前を覚えていますか？",
        "私の名前は？",
        "名前を覚えてる？",
        "私は誰ですか？",
        "僕の名前、わかる？",
        "私の名前を教えてください。",
    ],
    "pt": [
        "Qual é o meu nome?",
        "Como eu me chamo?",
        "Você sabe o meu nome?",
        "Você se lembra do meu nome?",
        "Quem sou eu?",
        "Qual era mesmo o meu nome?",
        "E o meu nome?",
        "Me diga o meu nome.",
    ],
    "de": ["Wie heiße ich?", "Wie ist mein Name?", "Kennen Sie meinen Namen?", "Wer bin ich?", "Und mein Name?"],
    "it": ["Come mi chiamo?", "Qual è il mio nome?", "Sai come mi chiamo?", "Chi sono?", "E il mio nome?"],
    "id": ["Siapa nama saya?", "siapa namaku", "Anda ingat nama saya?", "Siapa saya?", "Nama saya siapa?"],
}
PAIRS = [(language, question) for language, questions in QUESTIONS.items() for question in questions]


@pytest.fixture
def model() -> OfflineChatModel:
    made = chat_model()
    assert isinstance(made, OfflineChatModel)
    return made


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with openai_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


# --- the offline model --------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "question"), PAIRS)
def test_it_knows_a_name_only_from_its_messages(model: OfflineChatModel, language: str, question: str) -> None:
    for introduction in INTRODUCTIONS[language]:
        history: list[BaseMessage] = [HumanMessage(introduction), AIMessage("hm"), HumanMessage(question)]
        answer = model.invoke(history).text
        assert answer.startswith(STAND_IN[language])
        assert "Bob" in answer
    answer = model.invoke([SystemMessage("You talk to Bob."), HumanMessage(question)]).text
    assert answer.startswith(STAND_IN[language])
    assert "Bob" not in answer


@pytest.mark.parametrize("language", INTRODUCTIONS)
def test_it_greets_whoever_introduces_themselves(model: OfflineChatModel, language: str) -> None:
    for introduction in INTRODUCTIONS[language]:
        answer = model.invoke(introduction).text
        assert answer.startswith(STAND_IN[language])
        assert "Bob" in answer


@pytest.mark.parametrize(
    ("introduction", "name", "question"),
    [
        ("저는 민수예요", "민수", "제 이름이 뭐예요?"),
        ("제 이름은 지영입니다.", "지영", "제 이름이 뭐예요?"),
        ("Je m'appelle Aïssatou", "Aïssatou", "What's my name?"),
        ("叫我小明吧", "小明", "我叫什么名字？"),
        ("我叫小明，很高兴认识你", "小明", "我叫什么名字？"),
        ("Me llamo Ñusta", "Ñusta", "¿Cómo me llamo?"),
        ("I'm Jean-Luc", "Jean-Luc", "我叫什么名字？"),
    ],
)
def test_names_of_all_kinds(model: OfflineChatModel, introduction: str, name: str, question: str) -> None:
    assert name in model.invoke([HumanMessage(introduction), HumanMessage(question)]).text


@pytest.mark.parametrize(
    "text",
    [
        "I'm happy",
        "Je suis désolé",
        "I am a student",
        "我是一名学生",
        "我是学生",
        "我是想问一下",
        "Je suis développeur.",
        "soy de Lima",
        "Soy desarrollador.",
        "No me llamo Bob",
        "me llamo como mi abuelo",
    ],
)
def test_not_every_predicate_is_a_name(model: OfflineChatModel, text: str) -> None:
    assert "I don't know" in model.invoke([HumanMessage(text), HumanMessage("What's my name?")]).text


def test_no_space_stands_between_chinese_characters(model: OfflineChatModel) -> None:
    for name, answer in (("张三", "你叫张三。"), ("Bob", "你叫 Bob。")):
        assert model.invoke([HumanMessage(f"我叫{name}"), HumanMessage("我是谁？")]).text.endswith(answer)


def test_a_message_that_gives_a_name_may_ask_for_it(model: OfflineChatModel) -> None:
    assert "Bob" in model.invoke("Hi, I'm Bob. What's my name?").text


def test_the_latest_name_counts(model: OfflineChatModel) -> None:
    said = [HumanMessage("I'm Bob"), HumanMessage("Sorry, I'm Alice"), HumanMessage("What's my name?")]
    assert "Alice" in model.invoke(said).text


def test_only_the_human_gives_a_name(model: OfflineChatModel) -> None:
    assert "Bob" not in model.invoke([AIMessage("I'm Bob"), HumanMessage("What's my name?")]).text


def test_it_recalls_and_counts(model: OfflineChatModel) -> None:
    said: list[BaseMessage] = [
        HumanMessage("It rains."),
        AIMessage("Oh."),
        HumanMessage("What did I just say?"),
    ]
    assert "It rains." in model.invoke(said).text
    assert "first message" in model.invoke("What did I just say?").text
    assert model.invoke([HumanMessage("a"), HumanMessage("How many messages?")]).text.endswith(": 2.")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("¿Qué te acabo de decir?", "«Llueve.»"),
        ("¿Qué he dicho antes?", "«Llueve.»"),
        ("Repite lo último que dije", "«Llueve.»"),
        ("¿Cuál fue mi último mensaje?", "«Llueve.»"),
        ("¿Cuántos mensajes he enviado?", ": 2."),
        ("¿Cuántas preguntas te he hecho?", ": 2."),
        ("El libro que te dije es de Borges", "Sustituyo a un modelo de verdad"),
    ],
)
def test_it_recalls_and_counts_in_spanish(model: OfflineChatModel, question: str, answer: str) -> None:
    assert answer in model.invoke([HumanMessage("Llueve."), HumanMessage(question)]).text


# --- pasted texts -------------------------------------------------------------------------------

PASTED = 100_000  # characters


def repeated(text: str) -> str:
    return (text * (PASTED // len(text) + 1))[:PASTED]


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("field", [field.name for field in fields(Language)])
def test_no_pattern_looks_further_than_a_bound(code: str, field: str) -> None:
    """So none takes more than linear time: from each place of a text it sees a bounded piece of it."""
    assert spoken._pattern_trouble(field, getattr(languages()[code], field)) is None


@pytest.mark.parametrize("question", ["What's my name?", "1 2 3"])
def test_of_a_long_message_a_bounded_part_is_read(
    model: OfflineChatModel, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    class Counting(Reading):
        def __init__(self, text: str) -> None:
            read.append(len(text))
            super().__init__(text)

    monkeypatch.setattr(offline, "Reading", Counting)
    for length in (PASTED // 2, PASTED):
        model.invoke([HumanMessage("m" * length), HumanMessage(question)])
    assert read[:2] == read[2:]
    assert max(read) < PASTED // 10


@pytest.mark.parametrize("language", INTRODUCTIONS)
def test_who_pastes_a_text_may_say_something_before_or_after(model: OfflineChatModel, language: str) -> None:
    text = repeated("0123456789\n")
    question = QUESTIONS[language][0]
    for introduction in INTRODUCTIONS[language]:
        for said in (f"{introduction}\n{text}", f"{text}\n{introduction}"):
            assert "Bob" in model.invoke([HumanMessage(said), HumanMessage(question)]).text
        assert "Bob" not in model.invoke([HumanMessage(f"{text}\n{introduction}\n{text}"), HumanMessage(question)]).text
        assert "Bob" in model.invoke([HumanMessage(introduction), HumanMessage(f"{text}\n{question}")]).text


def test_what_was_pasted_is_quoted_whole(model: OfflineChatModel) -> None:
    text = repeated("0123456789\n").strip()
    assert f"“{text}”" in model.invoke([HumanMessage(text), HumanMessage("What did I just say?")]).text


async def test_a_long_answer_leaves_the_event_loop_to_others(model: OfflineChatModel) -> None:
    turns, streaming = 0, True

    async def other() -> None:
        nonlocal turns
        while streaming:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    said = [HumanMessage(repeated("word ")), HumanMessage("What did I just say?")]
    pieces = [piece async for piece in model.astream(said)]
    streaming = False
    await waiting
    assert turns > len(pieces) * 0.9 > 10_000


# --- and otherwise ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["I am from Los Angeles", "How far is El Paso?"])
def test_a_spanish_place_does_not_make_a_text_spanish(model: OfflineChatModel, text: str) -> None:
    assert model.invoke(text).text.startswith(STAND_IN["en"])


def test_otherwise_it_says_what_it_can_do(model: OfflineChatModel) -> None:
    assert "stand in for a real model" in model.invoke("Write a poem.").text
    assert model.invoke([SystemMessage("Hi")]).text.startswith(STAND_IN["en"])


def test_blocks_of_content_are_read(model: OfflineChatModel) -> None:
    blocks = HumanMessage([{"type": "text", "text": "I'm Bob"}])
    assert "Bob" in model.invoke([blocks, HumanMessage("What's my name?")]).text


async def test_all_ways_to_call_it_agree(model: OfflineChatModel) -> None:
    for prompt in ("Hi! I'm Bob.", "你好！我叫 Bob。", "Bonjour ! Je m’appelle Bob."):
        text = model.invoke(prompt).text
        assert model.batch([prompt, prompt])[1].text == text
        assert (await model.ainvoke(prompt)).text == text
        assert [reply.text for reply in await model.abatch([prompt])] == [text]
        pieces = [piece.text for piece in model.stream(prompt)]
        assert len([piece for piece in pieces if piece]) > 3
        assert "".join(pieces) == text
        assert [piece.text async for piece in model.astream(prompt)] == pieces


async def test_tokens_are_reported_as_events(model: OfflineChatModel) -> None:
    events = [event async for event in model.astream_events("I'm Bob", version="v2")]
    assert [event["event"] for event in events].count("on_chat_model_stream") > 3


def test_stop_words(model: OfflineChatModel) -> None:
    assert model.invoke("I'm Bob", stop=["Bob"]).text.endswith("you, ")


def test_in_a_chain(model: OfflineChatModel) -> None:
    chain = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")]) | model
    assert "Bob" in chain.invoke({"question": "I'm Bob"}).text


# --- the way to a real one ----------------------------------------------------------------------


def test_a_key_makes_it_chat_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    model = chat_model(max_retries=7)
    assert isinstance(model, ChatOpenAI)
    assert model.max_retries == 7
    assert "sk-secret" not in repr(model)


def test_the_model_is_chosen_by_argument_then_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert chat_model().model_name.startswith("gpt-")  # type: ignore[attr-defined]
    monkeypatch.setenv("OPENAI_MODEL", "from-environment")
    assert chat_model().model_name == "from-environment"  # type: ignore[attr-defined]
    assert chat_model(model="mine").model_name == "mine"  # type: ignore[attr-defined]
    assert chat_model(model_name="mine").model_name == "mine"  # type: ignore[attr-defined]


def test_over_http(remote: OpenAIServer) -> None:
    model = chat_model(model="local")
    assert model.invoke([SystemMessage("s"), HumanMessage("h")]).text == "You sent 2 messages."
    assert remote.requests[0]["model"] == "local"
    assert [message["role"] for message in remote.requests[0]["messages"]] == ["system", "user"]


def test_streaming_over_http(remote: OpenAIServer) -> None:
    pieces = [piece.text for piece in chat_model().stream("h")]
    assert [piece for piece in pieces if piece] == ["You ", "sent ", "1", " messages."]
    assert remote.requests[0]["stream"] is True


def test_async_over_http(remote: OpenAIServer) -> None:
    async def talk() -> tuple[str, str]:
        model = chat_model()
        return (await model.ainvoke("h")).text, "".join([piece.text async for piece in model.astream("h")])

    assert asyncio.run(talk()) == ("You sent 1 messages.",) * 2


def test_a_busy_server_is_asked_again(remote: OpenAIServer) -> None:
    remote.failures = [429]
    assert chat_model().invoke("h").text == "You sent 1 messages."
    assert len(remote.requests) == 2


def test_a_refused_key_is_an_error_without_the_key(remote: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    remote.failures = [401]
    with pytest.raises(openai.AuthenticationError) as caught:
        chat_model().invoke("h")
    assert "sk-secret" not in str(caught.value)
    assert remote.keys == ["Bearer sk-secret"]


@pytest.mark.parametrize(("spoken", "mark"), [("ko", "[오프라인 모델]"), ("en", "[offline model]")])
def test_what_shows_no_language_is_answered_in_the_one_that_is_spoken(spoken: str, mark: str) -> None:
    speak(spoken)
    try:
        for text in ("1 2 3", "<img src=x>", "?"):
            assert chat_model().invoke(text).text.startswith(mark)
    finally:
        speak("en")
