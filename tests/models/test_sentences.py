"""The offline model understands what people type, in each language."""

from collections.abc import Iterator

import pytest
from langchain_core.messages import HumanMessage

from helpers._localization.languages import LANGUAGES
from helpers._models.offline import OfflineChatModel
from helpers._models.phrasebook import Reading, languages
from tests.models.sentences import ASKS_COUNT, ASKS_NAME, ASKS_PREVIOUS, GIVES, KNOWN, NOTHING, SENTENCES


def sentences(code: str, *kinds: str) -> Iterator[tuple[str, str, str]]:
    """What is typed, its kind, and the name that it gives."""
    for kind in kinds or SENTENCES[code]:
        for line in SENTENCES[code][kind].strip().splitlines():
            sentence, _, name = line.strip().partition(" | ")
            yield sentence, kind, name


@pytest.mark.parametrize("code", LANGUAGES)
def test_ordinary_sentences_are_answered_rightly(code: str) -> None:
    language, failures = languages()[code], {}
    for sentence, kind, name in sentences(code):
        answer = OfflineChatModel().invoke([HumanMessage("I'm Bob"), HumanMessage(sentence)]).text
        right = {
            GIVES: language.greets.format(name=name),
            ASKS_NAME: language.knows.format(name="Bob"),
            ASKS_COUNT: language.count.format(count=2),
            ASKS_PREVIOUS: language.previous.format(text="I'm Bob"),
            NOTHING: language.otherwise,
        }
        if answer != f"{language.stand_in} {right[kind]}":
            failures[sentence] = answer
    assert failures.keys() == KNOWN.get(code, set()), failures
    assert len(failures) <= 0.05 * len(list(sentences(code)))


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_gives_no_name_is_never_taken_for_one(code: str) -> None:
    no_names = list(sentences(code, NOTHING, ASKS_NAME, ASKS_COUNT, ASKS_PREVIOUS))
    assert {sentence: name for sentence, *_ in no_names if (name := Reading(sentence).name)} == {}


@pytest.mark.parametrize("code", LANGUAGES)
def test_each_language_has_a_fair_number_of_sentences_of_each_kind(code: str) -> None:
    kinds = (GIVES, ASKS_NAME, ASKS_PREVIOUS, ASKS_COUNT, NOTHING)
    assert len(list(sentences(code))) >= 40
    assert {kind: count for kind in kinds if (count := len(list(sentences(code, kind)))) < 6} == {}
