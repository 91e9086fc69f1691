"""What the package says, in the reader's language; the first line of an error stays English."""

import locale
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import polib
import pytest
from langchain_core.messages import HumanMessage

from helpers import connect, speak
from helpers._localization import messages
from helpers._localization.languages import LANGUAGES
from helpers._localization.messages import say
from helpers._models import phrasebook
from helpers._models.offline import OfflineChatModel
from helpers.embedded import EmbeddedServer
from tests.connecting.test_connection import failure
from tools import project
from tools.translating import spoken
from tools.tutorials import catalog_path, notebook_path, tutorials

OTHERS = [code for code in LANGUAGES if code != "en"]
TEXT = "No instances."


pytestmark = pytest.mark.usefixtures("nobody_chose")


def translated(language: str, text: str = TEXT) -> str:
    return messages.catalog(language)[("", text)]


def test_without_any_wish_it_is_english() -> None:
    assert say(TEXT) == TEXT


def test_the_locale_decides_then_the_variable_then_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "getlocale", lambda: ("es_ES", "UTF-8"))
    assert say(TEXT) == translated("es")
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert say(TEXT) == translated("fr")
    monkeypatch.setenv("HELPERS_LANGUAGE", "ko")
    assert say(TEXT) == translated("ko")
    speak("zh-CN")
    assert say(TEXT) == translated("zh-CN")
    speak("en")
    assert say(TEXT) == TEXT


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("ko_KR.UTF-8", "ko"),
        ("zh_CN.GB18030", "zh-CN"),
        ("zh-cn", "zh-CN"),
        ("FR", "fr"),
        ("es_419@euro", "es"),
        ("de_AT", "de"),
    ],
)
def test_a_locales_name_is_understood(wish: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", wish)
    assert messages.language() == language


@pytest.mark.parametrize("wish", ["C", "C.UTF-8", "POSIX", "cy_GB.UTF-8", "xx"])
def test_a_language_that_is_not_there_leaves_it_english(wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", wish)
    assert messages.language() == "en"


def test_to_ask_for_a_language_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'tlh' is not one of the languages en, ko, zh-CN"):
        speak("tlh")


@pytest.mark.parametrize("language", OTHERS)
def test_an_errors_first_line_is_english_and_its_advice_is_not(language: str) -> None:
    speak(language)
    error = failure("redis://127.0.0.1:1")
    first, last = str(error).splitlines()
    assert first.startswith("Could not connect to redis://127.0.0.1:1: ")
    english = "Nothing is listening there: check the port, and check that the server or the tunnel to it is running."
    assert last == translated(language, english) != english


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalog_lacks_nothing_but_translations(language: str) -> None:
    """Those a release asks for, so that a new message needs no translator at hand."""
    assert [found for found in spoken.problems(language) if not found[1].startswith(spoken.AWAITING)] == []


@pytest.fixture
def korean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the Korean catalog, to be spoiled."""
    copy = tmp_path / "ko.po"
    copy.write_text(spoken.path_of("ko").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(spoken, "path_of", lambda language: tmp_path / f"{language}.po")
    return copy


def _spoil(path: Path, text: str, **changes: object) -> None:
    catalog = polib.pofile(str(path), wrapwidth=0)
    entry = next(entry for entry in catalog if text in (entry.msgid, entry.msgctxt))
    for name, value in changes.items():
        setattr(entry, name, value)
    catalog.save()


@pytest.mark.parametrize(
    ("text", "changes", "trouble"),
    [
        (TEXT, {"msgstr": ""}, "not translated"),
        (TEXT, {"flags": ["fuzzy"]}, "marked fuzzy"),
        ("{id} is ready.", {"msgstr": "준비되었습니다."}, "placeholders"),
        ("{size} free", {"msgstr": "{size:.1f} 남음"}, "placeholders"),
        (TEXT, {"msgstr": "<b>없음</b>"}, "HTML tags"),
        (TEXT, {"msgid": "No instances any more."}, "obsolete"),
        ("offline_model/signs", {"msgstr": "["}, "no regular expression"),
        ("offline_model/introduces", {"msgstr": "저는 {name}\n저는"}, "a phrase has 0 names, not 1"),
        ("offline_model/asks_count", {"msgstr": "{name} 몇"}, "a phrase has 1 names, not 0"),
        ("offline_model/asks_name", {"msgstr": "이름.*뭐"}, "a repetition without a bound, .*: "),
        ("offline_model/asks_name", {"msgstr": r"이름[^*+]{2,}뭐"}, "a repetition without a bound, …{2,}: "),
        ("offline_model/asks_name", {"msgstr": r"이름(?:\s|나)+뭐"}, "a repetition without a bound, )+: "),
        ("offline_model/greets", {"msgstr": "반갑습니다!"}, "placeholders"),
    ],
)
def test_what_is_wrong_with_a_catalog_is_named(
    korean: Path, text: str, changes: dict[str, object], trouble: str
) -> None:
    _spoil(korean, text, **changes)
    assert any(trouble in found for _, found in spoken.problems("ko"))


def test_a_text_that_is_new_is_missing_and_one_that_went_is_dropped(
    korean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = spoken.texts()
    del said["", TEXT]
    said["", "Something new."] = "helpers/memorystore/creation.py"
    monkeypatch.setattr(spoken, "texts", lambda: said)
    assert {found for _, found in spoken.problems("ko")} >= {
        "missing from the catalog; run python -m tools extract.",
        "obsolete: nothing says this any more.",
    }
    spoken.extract("ko")
    left = list(spoken.problems("ko"))
    assert ("Something new.", "awaiting translation: not translated.") in left
    assert [found for _, found in left if not found.startswith(spoken.AWAITING)] == []


@pytest.fixture
def spoken_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the French catalog that is spoken from, to be broken."""
    copy = Path(shutil.copy(spoken.path_of("fr"), tmp_path))
    monkeypatch.setattr(messages, "CATALOGS", tmp_path)
    for cached in (messages.catalog, phrasebook.languages):
        cached.cache_clear()
    yield copy
    for cached in (messages.catalog, phrasebook.languages):
        cached.cache_clear()


@pytest.mark.parametrize(
    "broken",
    [
        lambda text: text.replace('msgstr "Aucune', 'msgstr ""Aucune').encode(),
        lambda text: text.replace("\n#. helpers", "\n<<<<<<< HEAD\n#. helpers", 5).encode(),
        lambda text: text.encode("latin-1", "replace"),
        lambda text: text.encode("utf-16"),
        lambda text: b"PK\x03\x04\x00",
    ],
    ids=["quotation mark", "conflict", "Latin-1", "UTF-16", "no catalog"],
)
def test_a_broken_catalog_takes_no_error_away(
    spoken_catalog: Path, broken: Callable[[str], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    spoken_catalog.write_bytes(broken(spoken_catalog.read_text(encoding="utf-8")))
    speak("fr")
    for _ in range(2):
        assert str(failure("redis://127.0.0.1:1")).endswith(
            "Nothing is listening there: check the port, and check that the server or the tunnel to it is running."
        )
    assert OfflineChatModel().invoke("Je m’appelle Bob").text.startswith("[offline model]")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(spoken_catalog) in caplog.text


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_what_windows_leaves_in_a_catalog_is_read(spoken_catalog: Path, mark: bytes) -> None:
    spoken_catalog.write_bytes(mark + spoken_catalog.read_bytes().replace(b"\n", b"\r\n"))
    speak("fr")
    assert say(TEXT) == "Aucune instance."


@pytest.mark.parametrize("broken", ["{}", "{other}", "{id", "{id:zz}", "{id.gone}", "{id!x}", "{0[1]}"])
def test_a_broken_translation_takes_no_error_away(spoken_catalog: Path, broken: str) -> None:
    _spoil(spoken_catalog, "{id} is ready.", msgstr=broken)
    speak("fr")
    assert say("{id} is ready.", id="kit") == "kit is ready."


def test_every_text_that_is_said_is_a_literal() -> None:
    """What is put together at run time could not be found for the catalogs."""
    assert list(spoken.composed()) == []


@pytest.mark.parametrize(
    ("call", "fine"),
    [
        ("say('No {what}.', what=what)", True),
        ("messages.say('No instances.')", True),
        ("say(_LINE)", True),
        ("say(self._advice)", True),
        ("say(next((text for pattern, text in _ADVICE if pattern), _FALLBACK))", True),
        ("words('a' 'b')", True),
        ("say(f'No {what}.')", False),
        ("messages.say(f'No {what}.')", False),
        ("say('No ' + what)", False),
        ("say('No %s.' % what)", False),
        ("say('No {}.'.format(what))", False),
        ("say('one' if what else 'none')", False),
        ("say(' '.join(what))", False),
        ("words(what)", False),
        ("words(f'{what}')", False),
    ],
)
def test_a_text_that_is_put_together_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, fine: bool
) -> None:
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers/lines.py").write_text(f"print(1)\nx = {call}\n", encoding="utf-8")
    monkeypatch.setattr(project, "ROOT", tmp_path)
    assert list(spoken.composed()) == ([] if fine else [(tmp_path / "helpers/lines.py", 2)])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("tutorial", tutorials())
def test_a_notebook_speaks_its_own_language(language: str, tutorial: str) -> None:
    notebook = nbformat.read(notebook_path(language, tutorial), as_version=4)
    spoken = [line for cell in notebook.cells for line in cell.source.splitlines() if "helpers.speak(" in line]
    assert [line.partition("  #")[0] for line in spoken] == [f'helpers.speak("{language}")']


@pytest.mark.parametrize("language", OTHERS)
def test_the_offline_model_holds_the_tutorials_conversation(language: str) -> None:
    catalog = {entry.msgctxt: entry.msgstr for entry in polib.pofile(str(catalog_path(language)))}
    said = dict(re.findall(r'^(\w+) = "(.*)"$', catalog["01_redis/conversation"], re.MULTILINE))
    model = OfflineChatModel()
    greeting, question = HumanMessage(said["GREETING"]), HumanMessage(said["QUESTION"])
    phrase = {
        context.removeprefix("offline_model/"): text
        for (context, _), text in messages.catalog(language).items()
        if context.startswith("offline_model/")
    }
    assert model.invoke([greeting]).content == f"{phrase['stand_in']} {phrase['greets'].format(name='Bob')}"
    assert model.invoke([greeting, question]).content == f"{phrase['stand_in']} {phrase['knows'].format(name='Bob')}"
    assert model.invoke([question]).content == f"{phrase['stand_in']} {phrase['knows_not']}"


def test_the_embedded_servers_advice_is_translated(monkeypatch: pytest.MonkeyPatch, server: EmbeddedServer) -> None:
    speak("ko")
    with pytest.raises(ValueError, match="goes with the name of a Memorystore instance") as caught:
        connect(server.url, tunnel="127.0.0.1:6378")
    assert re.search("[가-힣]", str(caught.value).splitlines()[-1])
