"""What all widgets have in common, on the Python side. `test_ipywidgets_7.py` runs it with Colab's versions too."""

import asyncio
import re
import threading
from typing import Any

import ipywidgets
import pytest
import redis

from helpers._histories.histories import RedisChatMessageHistory
from helpers._localization.languages import LANGUAGES
from helpers._localization.messages import speak
from helpers.emulator import Emulator
from helpers.widgets import InstancePicker, SessionExplorer, live
from helpers.widgets.live import WIDGET_VIEW
from tests.widgets.page import Page, eventually, stands_alone, visible


@pytest.fixture
def page(client: redis.Redis) -> Page:
    RedisChatMessageHistory("bob", client=client, ttl=60).add_user_message("12345")
    return Page(SessionExplorer(client))


async def test_what_a_notebook_keeps_stands_alone(page: Page) -> None:
    assert set(page.shown) == {"text/plain", "text/html", WIDGET_VIEW}
    assert page.shown["text/plain"] == "<SessionExplorer 'message_store:* thread:*'>"
    assert "bob" in page.picture
    assert "You: 12345" in page.picture
    stands_alone(page.picture)
    assert 'lang="en"' in page.picture


async def test_without_anywidget_there_is_the_picture_and_a_sentence(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "find_spec", lambda name: None)
    shown = SessionExplorer(client)._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    assert "install anywidget" in visible(shown["text/html"])


async def test_what_was_told_before_a_page_was_there_is_told_again(page: Page) -> None:
    told: list[Any] = []
    page.widget._wire.send = told.append
    page.ask("hello", version=page.data["version"])
    assert told == [{"heard": 1}]
    page.widget._tell(note="while the page was made")
    page.ask("hello", version=page.data["version"])
    assert told[-1]["set"]["note"] == "while the page was made"
    assert len(told[-1]["set"]["rows"]) == 1


async def test_what_stays_the_same_is_not_sent_again(page: Page) -> None:
    told: list[Any] = []
    page.widget._wire.send = told.append
    page.widget._tell(rows=page.data["rows"], note="new")
    page.widget._tell(rows=page.data["rows"], note="new")
    assert [one["set"] for one in told] == [{"note": "new"}]


async def test_jupyterlab_is_given_the_picture_for_the_view(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    for name in ("display", "update_display"):
        monkeypatch.setattr(live, name, lambda data, **options: shown.append((data, options["display_id"])))
    page.widget._ipython_display_()
    page.widget._ipython_display_()
    assert all(WIDGET_VIEW in data for data, _ in shown)
    page.ask("picture")
    page.ask("picture")
    assert {name for _, name in shown[2:]} == {name for _, name in shown[:2]}
    assert len(shown) == 4
    assert all(set(data) == {"text/plain", "text/html"} for data, _ in shown[2:])


async def test_an_action_that_fails_is_shown(page: Page) -> None:
    page.ask("open", id="none such")
    await eventually(lambda: "none such" in page.data["error"])
    page.ask("no such action")
    page.ask("refresh")
    await eventually(lambda: not page.data["searching"])
    assert page.data["error"] == ""


async def test_a_click_may_come_on_another_thread(page: Page) -> None:
    thread = threading.Thread(target=page.ask, args=("open",), kwargs={"id": page.ids("bob")[0]})
    thread.start()
    await eventually(lambda: page.data["opened"])
    thread.join()


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
async def test_all_text_is_in_the_readers_language(client: redis.Redis, emulator: Emulator, language: str) -> None:
    def texts() -> list[str]:
        found = []
        for widget in (SessionExplorer(client), InstancePicker("practice")):
            made = Page(widget)
            found += [visible(made.picture), *made.data["texts"].values()]
            found += [column["label"] for column in made.data["columns"]]
            found += [field["label"] for field in made.data.get("form", ())]
            widget.close()
        # One word may be the same in two languages.
        return [text for text in found if len(re.findall(r"[A-Za-z]{3,}", text)) > 1]

    RedisChatMessageHistory("bob", client=client, ttl=60).add_user_message("12345")
    english = texts()
    speak(language)
    translated = texts()
    assert len(english) > 30
    same = [one for one in translated if one in english]
    assert [
        one for one in same if re.search("[A-Za-z]{3,}", re.sub(r"\{\w+\}", "", one))
    ] == []  # fields alone are no words


async def test_closing_leaves_no_widget_and_no_task(client: redis.Redis) -> None:
    before = set(map(id, _all_widgets()))
    explorer = SessionExplorer(client)
    page = Page(explorer)
    explorer._start(asyncio.sleep(60))
    await asyncio.sleep(0)
    assert explorer._tasks
    explorer.close()
    await asyncio.sleep(0.01)
    assert page.closed
    assert not explorer._tasks
    left = [one for one in _all_widgets() if id(one) not in before]
    assert [one for one in left if not type(one).__name__.endswith(("Layout", "Style"))] == []


def _all_widgets() -> list[Any]:
    if ipywidgets.__version__.startswith("7."):
        return list(ipywidgets.Widget.widgets.values())
    from ipywidgets.widgets import widget as module

    return list(module._instances.values())
