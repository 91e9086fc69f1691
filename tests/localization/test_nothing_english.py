"""Nothing that a reader is told is left in English, apart from names.

That the catalogs lack no translation is for the release check to say. Here is seen that what is printed and shown
comes from them, and that what they hold is no English.
"""

import ast
import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
import pytest
import redis

from helpers import RedisChatMessageHistory, chat_model, doctor
from helpers.__main__ import main as command
from helpers._localization import messages
from helpers._localization.languages import LANGUAGES
from helpers.environment import environment
from helpers.exercises import exercise
from helpers.memorystore.instances import Instance, Instances
from helpers.memorystore.progress import Progress
from helpers.widgets import ChatPanel, InstancePicker, SessionExplorer, instance_picker
from tests.conftest import ROOT
from tests.support.alike import ALIKE
from tests.support.cluster import free_port
from tools.translating import spoken

OTHERS = [code for code in LANGUAGES if code != "en"]
WORD = re.compile(r"[A-Za-z]{2,}")
# The little words that no sentence does without, and that no other of the languages has.
LITTLE = re.compile(r"\b(?:the|this|that|are|with|and|or|to|it|its|from|if|your|you|not|by|which)\b")
# Fields, addresses, code, commands and names.
LITERAL = re.compile(r"\{\w+\}|\S*[_=(/:$.]\S+|\b[A-Z][A-Z_]+\b|Memorystore for (?:Redis|Valkey)")
KEYS = {'"Enter"', '"Escape"'}
SAID = re.compile(r'\bsay\(\s*"(?:[^"\\]|\\.)+"')


@pytest.fixture
def spelt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A language in which every letter of every text is ж: what has Latin letters is from no catalog."""

    class Spelt(dict[tuple[str, str], str]):
        def get(self, key: tuple[str, str], default: Any = None) -> str:
            return re.sub(r"\{\w+\}|[A-Za-z]", lambda found: found[0] if found[0][0] == "{" else "ж", key[1])

    monkeypatch.setattr(messages, "catalog", lambda code: Spelt())
    for name in ("CI", "VERTEX_PRODUCT", "DL_ANACONDA_HOME", "GOOGLE_CLOUD_PROJECT", "MEMORYSTORE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    environment.cache_clear()
    yield
    environment.cache_clear()


def english(text: str, *names: str) -> list[str]:
    """The words of a text that are in Latin letters, apart from names."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    return WORD.findall(text)


def shown(page: str) -> str:
    """What a piece of HTML says, to a screen reader too."""
    said = re.findall(r'\b(?:title|aria-label|alt|placeholder)="([^"]*)"', page)
    page = re.sub(r"(?s)<(script|style).*?</\1>", " ", page)
    return html.unescape(" ".join([*said, re.sub(r"<[^>]*>", " ", page)]))


INSTANCE = Instance(
    name="projects/kit/locations/us-central1/instances/chat",
    state="READY",
    tier="BASIC",
    memory_gb=1,
    redis_version="REDIS_7_2",
    host="10.0.0.3",
    port=6378,
    auth=True,
    tls=False,
    network="default",
)
INSTANCES = Instances([INSTANCE], ("us-east1",), ("valkey",))
# AUTH and TLS are what they are called everywhere, GB is a unit, and the rest the API's and the reader's names.
OF_INSTANCES = ["AUTH", "TLS", "GB", "chat", "redis", "us-central1", "us-east1", "BASIC", "REDIS_7_2", "kit"]
OF_INSTANCES += ["Memorystore for Valkey"]
# Names, units, and what is typed.
OF_A_CLASS = ["Redis", "TLS", "MB", "mb", "kB", "Valkey", "Anna", "Ben", "anna", "ben", "Windows", "PowerShell", "cmd"]
OF_A_CLASS += ["REDIS_URL", "env", "set ", "handouts.html", "Linux", "macOS", "WSL", "JupyterLab", "Run All Cells"]
TYPED = re.compile(r"redis://\S+|\S*/\S+|python -m helpers class \w+|student-\w+|--\w+|export REDIS_URL\S*")


@pytest.mark.usefixtures("spelt")
def test_the_table_of_instances_is_from_the_catalog() -> None:
    assert english(str(INSTANCES), *OF_INSTANCES) == []


@pytest.mark.usefixtures("spelt")
def test_a_report_of_doctor_is_from_the_catalog(client: redis.Redis, server: Any) -> None:
    report = doctor(server.url)
    for check in report.checks:
        if check.name == "Python":
            continue  # a version and a path
        names = ["Redis", "Google Cloud", "Valkey", "GB", "ms", "redis", "langchain-core", "ipywidgets"]
        names += ["GOOGLE_CLOUD_PROJECT"]
        assert english(f"{check.name} {check.found} {check.advice}", *names) == [], check
    page = shown(report._repr_html_() or "")
    found = {word for check in report.checks for word in WORD.findall(f"{check.name} {check.found} {check.advice}")}
    assert set(english(page)) <= found


@pytest.mark.usefixtures("spelt")
def test_progress_is_from_the_catalog(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.memorystore.progress._TEXT_EVERY", 0.0)
    with Progress(messages.say("Creating {id}", id="1")) as progress:
        progress.step()
        progress.done(messages.say("{id} is ready.", id="1"))
    out, err = capsys.readouterr()
    assert "жж" in out
    assert "жж" in err
    assert english(out + err, "sec") == []


@pytest.mark.usefixtures("spelt")
def test_the_widgets_are_from_the_catalog(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    def history(session_id: str) -> RedisChatMessageHistory:
        return RedisChatMessageHistory(session_id, client=client, ttl=60, window=2, max_messages=4)

    monkeypatch.setattr(instance_picker, "list_instances", lambda *_: INSTANCES)
    history("1").add_user_message("2")
    history("1").add_ai_message("3")
    names = ("message_store:", "thread:", "human", "ai", "kB", "B", "min", *OF_INSTANCES)
    for widget in (ChatPanel(chat_model(), "1", history), SessionExplorer(client), InstancePicker("kit")):
        page = widget._repr_mimebundle_()
        page = page[0] if isinstance(page, tuple) else page
        assert english(shown(page["text/html"]), *names) == [], widget
        assert {text for text in widget._data["texts"].values() if english(re.sub(r"\{\w+\}", "", text))} == set()
        widget.close()


def test_the_pages_say_nothing_by_themselves() -> None:
    """What a template or a module has between its tags and quotation marks is for `say`."""
    for path in (ROOT / "helpers/widgets/templates").glob("*.html"):
        text = re.sub(r"(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", " ", path.read_text(encoding="utf-8"))
        if path.name != "styles.html":
            assert english(re.sub(r"<[^>]*>", " ", text)) == [], path.name
    for path in (ROOT / "helpers/widgets/static").glob("*.js"):
        text = re.sub(r"(?m)/\*\*(?:(?!\*/)[\s\S])*\*/|//.*$", " ", path.read_text(encoding="utf-8"))
        left = re.findall(r'["`](?:[A-Z][a-z]+|[a-z]+ (?:the|a|of|to|is|not) )[^"`]*["`]', SAID.sub(" ", text))
        assert [one for one in left if one not in KEYS] == [], path.name


def test_an_errors_advice_is_said() -> None:
    """The second line of an error is advice, in the reader's language."""
    left = []
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for raised in (node for node in ast.walk(tree) if isinstance(node, ast.Raise)):
            for text in ast.walk(raised):
                if isinstance(text, ast.Constant) and re.search(r"\n *[A-Z][a-z]+ ", str(text.value)):
                    left.append(f"{path.relative_to(ROOT)}:{text.lineno}")
    assert left == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_is_no_english(language: str) -> None:
    left = {}
    for entry in polib.pofile(str(spoken.path_of(language))):
        if not entry.translated() or entry.msgctxt:
            continue
        theirs = LITERAL.sub(" ", entry.msgstr)
        same = entry.msgstr == entry.msgid and WORD.search(LITERAL.sub(" ", entry.msgid))
        if LITTLE.search(theirs) or (same and entry.msgid not in ALIKE):
            left[entry.msgid] = entry.msgstr
    assert left == {}


@pytest.mark.usefixtures("spelt")
def test_a_check_of_an_exercise_is_from_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    with exercise("01_redis", "1") as check:
        check("жж", ..., 1)
        check("жж", 1, 2)
        check("жж", 1, 1)
    for wrong in ("undefined_name", "None.attribute", "(...).attribute", "1 / 0"):
        with exercise("01_redis", "2"):
            eval(wrong)  # noqa: S307 - what a student writes
    out, err = capsys.readouterr()
    names = ("undefined_name", "AttributeError", "NoneType", "object has no attribute", "attribute")
    assert english(out + err, *names, "ZeroDivisionError", "division by zero") == []


@pytest.mark.usefixtures("spelt")
@pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")
def test_what_a_teacher_is_told_is_from_the_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, handouts = tmp_path / "class", tmp_path / "handouts.html"
    steps = (
        ("start", "--bind", "127.0.0.1", "--port", str(free_port())),
        ("add", "Anna", "Ben"),
        ("list",),
        ("list", "--handouts", str(handouts)),
        ("reset", "anna"),
        ("export", str(tmp_path / "chats.jsonl")),
        ("remove", "ben"),
        ("stop", "--delete"),
    )
    left = {}
    try:
        for step, *rest in steps:
            assert command(["class", step, "--folder", str(folder), *rest]) == 0, capsys.readouterr()
            out, err = capsys.readouterr()
            left[step, *rest] = english(TYPED.sub(" ", out + err), *OF_A_CLASS)
    finally:
        if folder.exists():
            command(["class", "stop", "--folder", str(folder), "--delete"])
    page = re.sub("(?s)<code.*?</code>", " ", handouts.read_text("utf-8"))
    left["handouts",] = english(TYPED.sub(" ", shown(page)), *OF_A_CLASS)
    assert {task: words for task, words in left.items() if words} == {}
