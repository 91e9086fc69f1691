"""The class view's Python side. `test_ipywidgets_7.py` runs it with Colab's versions too."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from helpers._classroom.rules import REPORT
from helpers._localization.messages import speak
from helpers.embedded import EmbeddedServer
from helpers.widgets import ClassView, class_view
from tests.support.classroom import Class, a_class
from tests.widgets.page import HOSTILE, Page, eventually, no_live_markup, stands_alone, visible


@pytest.fixture
def room() -> Iterator[Class]:
    with a_class() as made:
        for slug, name in (("anna", "Anna"), ("ben", "Ben"), ("carla", "Carla")):
            made.add(slug, name)
        yield made


@pytest.fixture
async def view(room: Class) -> AsyncIterator[ClassView]:
    made = ClassView(room.teacher)
    yield made
    made.close()


@pytest.fixture
def page(view: ClassView) -> Page:
    return Page(view)


def row(page: Page, slug: str) -> dict[str, Any]:
    """What the page was told of a student, as it is read."""
    cells = next(one["cells"] for one in page.data["rows"] if one["id"] == slug)
    return {name: cell["text"] if isinstance(cell, dict) else cell for name, cell in cells.items()}


async def test_a_page_is_told_of_every_student(page: Page) -> None:
    assert page.column("student") == ["Anna", "Ben", "Carla"]
    assert row(page, "anna") == {
        "student": "Anna",
        "connected": False,
        "lesson": "–",
        "section": "–",
        "error": "",
        "exercises": "0 of 0",
        "quiet": "–",
        "messages": 0,
        "bytes": 0,
    }
    assert page.shown["text/plain"] == "<ClassView>"


async def test_what_students_do_appears_by_itself(page: Page, room: Class) -> None:
    with redis.Redis.from_url(room.addresses["ben"], protocol=2) as ben:
        seconds, _ = ben.time()
        fields = {"lesson": "01_redis", "section": "streaming", "seen": seconds * 1000, "error": "KeyError: …"}
        checked = {f"exercise:01_redis:{n}": json.dumps({"solved": n > 0, "tries": 1, "at": 0}) for n in range(3)}
        ben.hset(REPORT + "ben", mapping=fields | checked)
        ben.rpush("message_store:ben-redis", json.dumps({"type": "human", "data": {"content": "Hi"}}))
        await eventually(lambda: row(page, "ben")["messages"] == 1)
        assert row(page, "ben") == {
            "student": "Ben",
            "connected": True,
            "lesson": "1 · Chat history in Redis",
            "section": "Streaming",
            "error": "KeyError: …",
            "exercises": "2 of 3",
            "quiet": "now",
            "messages": 1,
            "bytes": room.teacher.memory_usage("message_store:ben-redis"),
        }
        assert page.data["middle"]["section"] == "Streaming"
        assert page.data["note"].startswith("Connected: 1 · With an error: 1 · Memory: ")
    await eventually(lambda: not row(page, "ben")["connected"])


async def test_a_place_is_sorted_by_how_far_it_is(page: Page, room: Class) -> None:
    for slug, section in (("anna", "whole"), ("ben", "bounded"), ("carla", "chain")):
        room.teacher.hset(REPORT + slug, mapping={"lesson": "01_redis", "section": section})
    await eventually(lambda: row(page, "carla")["section"] == "The same with a chain")
    places = [one["cells"]["section"]["value"] for one in page.data["rows"]]
    assert places[0] == ""  # there is no such section
    assert places[2] < places[1]


async def test_a_view_stays_live_while_the_loop_is_busy(view: ClassView, room: Class) -> None:
    """As while a cell of the teacher's own runs."""
    Page(view)
    room.add("dora")
    stop = asyncio.get_running_loop().time() + 20
    while len(view.state.students) == 3:  # type: ignore[union-attr]
        assert asyncio.get_running_loop().time() < stop


async def test_one_thread_reads_for_all_views_of_a_class(view: ClassView, room: Class) -> None:
    def reading() -> int:
        return sum(one.name == "helpers-class-view" for one in threading.enumerate())

    other, third = ClassView(room.teacher), ClassView(room.teacher)
    pages = [Page(view), Page(other)]
    before = reading()
    Page(third)
    third.close()
    assert reading() == before
    room.add("dora")
    await eventually(lambda: all(len(page.data["rows"]) == 4 for page in pages))
    for one in (view, other):
        one.close()
    assert reading() == before - 1


async def test_a_picture_stands_alone(page: Page) -> None:
    stands_alone(page.picture)
    said = visible(page.picture)
    assert "Anna" in said
    assert "Median" in said
    assert "Students: 3 of 3 · Connected: 0" in said
    assert 'lang="en"' in page.picture


async def test_a_saved_notebook_keeps_a_class(room: Class) -> None:
    for number in range(class_view.KEPT + 5):
        room.add(f"x{number}")
    view = ClassView(room.teacher)
    page = Page(view)
    assert len(page.data["rows"]) == class_view.KEPT + 8
    assert len(page.kept["rows"]) == class_view.KEPT
    assert len(page.picture) < 20_000
    view.close()


async def test_a_name_that_is_html_is_shown_and_never_run(room: Class) -> None:
    room.add("x", HOSTILE)
    room.teacher.hset(REPORT + "x", mapping={"error": f"</script>{HOSTILE}"})
    view = ClassView(room.teacher)
    page = Page(view)
    no_live_markup(page.picture)
    assert row(page, "x")["error"] == f"</script>{HOSTILE}"
    assert page.shown["text/html"].count("</script>") == 2
    view.close()


async def test_a_server_that_is_gone_is_told_and_found_again() -> None:
    server = EmbeddedServer().start()
    with redis.Redis.from_url(server.url, protocol=2) as client:
        view = ClassView(client)
        page = Page(view)
        assert page.data["rows"] == []
        assert page.data["middle"] is None
        server.stop()
        await eventually(lambda: "refused" in page.data["error"])
        assert "refused" in Page(view).picture
        view.close()


async def test_an_error_goes_when_the_class_can_be_read_again(page: Page, view: ClassView) -> None:
    view._failed(redis.ConnectionError("gone"))
    assert page.data["error"] == "gone"
    await eventually(lambda: page.data["error"] == "")


async def test_refresh_reads_at_once_and_raises(room: Class) -> None:
    view = ClassView(room.teacher)
    assert view.state is None
    state = view.refresh()
    assert len(state.students) == 3
    assert vars(view)["state"] is state
    with redis.Redis.from_url(room.addresses["anna"], protocol=2) as anna:
        denied = ClassView(anna)
        with pytest.raises(redis.exceptions.NoPermissionError):
            denied.refresh()
        assert "permission" in Page(denied).data["error"]
        denied.close()


async def test_sections_are_in_the_teachers_language(room: Class) -> None:
    room.teacher.hset(REPORT + "anna", mapping={"lesson": "01_redis", "section": "by-hand"})
    speak("fr")
    view = ClassView(room.teacher)
    page = Page(view)
    assert row(page, "anna")["section"] not in ("–", "A chat by hand")
    view.close()
