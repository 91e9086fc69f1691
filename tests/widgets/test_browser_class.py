"""What a teacher sees of a class, in a real JupyterLab, beside the pages of students."""

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, Locator, expect

from helpers._classroom.rules import REPORT
from helpers.embedded import EmbeddedServer
from tests.classroom.test_played import lesson
from tests.classroom.test_students import lines
from tests.support.axe import violations
from tests.support.chromium import chromium
from tests.support.classroom import Class
from tests.support.jupyterlab import Lab, Notebook
from tests.support.pupils import a_school
from tests.support.room import room_in
from tools.building import localized

VIEW = {"follow": "from helpers import connect\nfrom helpers.widgets import ClassView\nClassView(connect())"}
HOSTILE = "<img src=x onerror=alert(1)>"

if chromium() is None:
    pytest.skip("no Chromium", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere


@pytest.fixture
def a_class(client: redis.Redis, server: EmbeddedServer) -> Iterator[Class]:
    made = Class(server.url)
    yield made
    for slug in made.addresses:
        made.teacher.execute_command("ACL", "DELUSER", f"student-{slug}")
    made.close()


@pytest.fixture
def thirty(a_class: Class) -> Class:
    """Thirty students, each at another place; every tenth cell failed."""
    sections = ("setup", "short", "store", "inside", "by-hand", "chain", "bounded", "acl")
    for number in range(30):
        slug = f"s{number + 1:02}"
        a_class.add(slug, "Anna Schmidt-Öztürk" if number == 7 else f"Student {number + 1}")
        report(a_class, slug, section=sections[number % 8], solved=number % 4, tried=number % 5)
        if number % 10 == 3:
            a_class.teacher.hset(REPORT + slug, "error", "NameError: name 'histories' is not defined")
        for _ in range(number % 3 + 1):
            a_class.teacher.rpush(
                f"message_store:{slug}-redis", json.dumps({"type": "human", "data": {"content": "Hi"}})
            )
    return a_class


def report(a_class: Class, slug: str, *, section: str, solved: int = 0, tried: int = 0) -> None:
    """Report as a student's kernel does."""
    fields: dict[str, str | int] = {"lesson": "01_redis", "section": section, "seen": int(time.time() * 1000)}
    for number in range(max(solved, tried)):
        fields[f"exercise:01_redis:{number}"] = json.dumps({"solved": number < solved, "tries": 1, "at": 0})
    with redis.Redis.from_url(a_class.addresses[slug], protocol=2) as student:
        student.hset(REPORT + slug, mapping=fields)


def names(place: Locator) -> Locator:
    return place.locator("tbody .name [data-control=open]")


def row(place: Locator, name: str) -> Locator:
    return place.get_by_role("row").filter(has=place.page.get_by_role("rowheader", name=name, exact=True))


def status(place: Locator) -> Locator:
    """The line below the table."""
    return place.locator(".status")


def header(place: Locator, name: str) -> Locator:
    return place.get_by_role("columnheader", name=re.compile(f"^{name}"))


def open_as(lab: Lab, browser: Browser, slug: str, address: str, name: str) -> Notebook:
    """A notebook that a student has opened, with the address in its form."""
    source = json.loads((lab.tree / "notebooks" / "en" / f"{name}.ipynb").read_text(encoding="utf-8"))
    for cell in source["cells"]:
        if cell["id"] == "form":
            text = "".join(cell["source"])
            cell["source"] = re.sub('ENDPOINT = "[^"]*"', f'ENDPOINT = "{address}"', text)
    (lab.tree / "notebooks" / "en" / f"{slug}.ipynb").write_text(json.dumps(source), encoding="utf-8")
    page = lab.open(browser, f"en/{slug}.ipynb", "en")
    page.run("install", "form")
    expect(page.cell("form")).to_contain_text(f"You take part in a class as {slug}")
    return page


def test_the_teacher_sees_two_students_work(lab: Lab, browser: Browser, a_class: Class) -> None:
    """The lesson as two students run it, each in a page of their own, and the class beside them."""
    for slug, name in (("anna", "Anna"), ("ben", "Ben"), ("carla", "Carla")):
        a_class.add(slug, name)
    teacher = lab.open_cells(browser, VIEW)
    view = teacher.cell("follow")
    expect(names(view)).to_have_text(["Anna", "Ben", "Carla"])
    expect(status(view)).to_contain_text("Students: 3 of 3 · Connected: 0")

    pages: dict[str, Notebook] = {}
    for slug in ("anna", "ben"):
        pages[slug] = open_as(lab, browser, slug, a_class.addresses[slug], "01_redis")
    for name in ("Anna", "Ben"):
        expect(row(view, name)).to_contain_text("Setup")
    pages["anna"].run("whole", "connect", "retrieve")
    expect(row(view, "Anna")).to_contain_text("Store and retrieve messages")
    expect(row(view, "Anna").locator("td.number").nth(2)).to_have_text("2")
    pages["ben"].run("whole")
    expect(row(view, "Ben")).to_contain_text("In short")
    expect(view.locator("tfoot")).to_contain_text("In short")
    assert sorted(a_class.teacher.keys("message_store:*")) == [
        b"message_store:anna-redis-tutorial-en",
        b"message_store:ben-redis-tutorial-en",
    ]

    pages["ben"].page.evaluate(_EDIT, ["connect", "histories"])
    pages["ben"].page.evaluate(_RUN_ANYHOW, "connect")
    expect(row(view, "Ben")).to_contain_text("NameError: name 'histories' is not defined")
    expect(status(view)).to_contain_text("With an error: 1")
    pages["ben"].run("retrieve")
    expect(status(view)).to_contain_text("With an error: 0")
    expect(row(view, "Carla")).to_contain_text("off")

    pages["anna"].close()
    expect(row(view, "Anna")).to_contain_text("off")
    expect(row(view, "Ben")).to_contain_text("on")
    teacher.screenshot(view.locator("section").first, "class_view-two")
    assert teacher.complaints == []
    for page in (pages["ben"], teacher):
        page.close()


_EDIT = """([id, text]) => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  cells.find(one => one.model.id === id).model.sharedModel.setSource(text);
}"""
_RUN_ANYHOW = """async id => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.deselectAll();
  notebook.activeCellIndex = notebook.widgets.findIndex(one => one.model.id === id);
  await window.jupyterapp.commands.execute('notebook:run-cell').catch(() => {});
}"""


@pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")
def test_the_teacher_sees_exercises_solved_on_the_server_of_a_class(lab: Lab, browser: Browser, tmp_path: Path) -> None:
    """Two students with the lines that the command gives out, and six others who are somewhere in the lesson."""
    others = {
        "Carla": "whole", "Dao": "connect", "Émile": "turns", "Fay": "chain-built", "Gül": "greeting", "민수": "bounds"
    }  # fmt: skip
    with room_in(tmp_path / "class") as room, a_school() as school:
        room.start()
        anna, ben, *more = (line for line in lines(room.done("add", "Anna", "Ben", *others)).items())
        address = (room.folder.path / "teacher.txt").read_text().strip()
        teacher = lab.open_cells(browser, {"follow": VIEW["follow"].replace("connect()", f"connect({address!r})")})
        view = teacher.cell("follow")
        expect(names(view)).to_have_text(["Anna", "Ben", *others])
        for (_, line), last in zip(
            more, ("whole", "connect", "turns", "chain-built", "greeting", "bounds"), strict=True
        ):
            kernel = school.kernel(line)
            kernel.begin(lesson("", last))
            assert [one for one in kernel.ran() if one.error] == []
        expect(status(view)).to_contain_text("Students: 8 of 8 · Connected: 6 · With an error: 0")

        lesson_of_ben = open_as(lab, browser, *ben, "01_redis")
        exercises_of_anna = open_as(lab, browser, *anna, "01_redis_exercises")
        exercises_of_anna.run("begin", "order-cell", "order-check")
        expect(exercises_of_anna.cell("order-check")).to_contain_text("Not solved yet.")
        expect(row(view, "Anna")).to_contain_text("0 of 1")
        solved = {cell.id: cell.source for cell in localized("en", "01_redis_exercises", solved=True).cells}
        exercises_of_anna.page.evaluate(_EDIT, ["order-cell", solved["order-cell"]])
        exercises_of_anna.run("order-cell", "order-check")
        expect(exercises_of_anna.cell("order-check")).to_contain_text("✓ `first` is the text at index 0.")
        expect(row(view, "Anna")).to_contain_text("1 of 1")
        expect(row(view, "Anna")).to_contain_text("1. The order of the list")

        lesson_of_ben.run("whole", "connect")
        expect(row(view, "Ben")).to_contain_text("Connect")
        lesson_of_ben.page.evaluate(_EDIT, ["retrieve", "for message in histories.messages:\n    print(message)"])
        lesson_of_ben.page.evaluate(_RUN_ANYHOW, "retrieve")
        expect(row(view, "Ben")).to_contain_text("NameError: name 'histories' is not defined")
        expect(status(view)).to_contain_text("Connected: 8 · With an error: 1")
        teacher.screenshot(view.locator("section").first, "class_view-eight")

        room.done("remove", "Anna")
        expect(names(view)).to_have_count(7)
        assert teacher.complaints == []
        for page in (lesson_of_ben, exercises_of_anna, teacher):
            page.close()


def test_a_class_is_sorted_filtered_and_followed(lab: Lab, browser: Browser, thirty: Class) -> None:
    notebook = lab.open_cells(browser, VIEW)
    view = notebook.cell("follow")
    expect(status(view)).to_contain_text("Students: 30 of 30 · Connected: 0 · With an error: 3")
    header(view, "Exercises").get_by_role("button").click()
    expect(view.locator("tbody td.number").first).to_have_text(re.compile("^3 of"))
    header(view, "Error").get_by_role("button").click()
    header(view, "Error").get_by_role("button").click()
    expect(names(view).first).to_have_text("Student 4")
    expect(header(view, "Error")).to_have_attribute("aria-sort", "descending")

    # The header keeps the focus while the table changes.
    header(view, "Section").get_by_role("button").focus()
    report(thirty, "s01", section="cleanup")
    expect(row(view, "Student 1")).to_contain_text("Clean up")
    expect(header(view, "Section").get_by_role("button")).to_be_focused()
    notebook.page.keyboard.press("Enter")
    notebook.page.keyboard.press("Enter")
    expect(names(view).first).to_have_text("Student 1")

    filter_ = view.get_by_label("Filter", exact=True)
    filter_.fill("ozturk")
    expect(names(view)).to_have_text(["Anna Schmidt-Öztürk"])
    expect(view.locator("tfoot")).to_contain_text("Median")
    names(view).first.focus()
    report(thirty, "s08", section="streaming")
    expect(row(view, "Anna Schmidt-Öztürk")).to_contain_text("Streaming")
    expect(names(view).first).to_be_focused()
    filter_.fill("histories")
    expect(names(view)).to_have_count(3)
    filter_.fill("nobody")
    expect(view.locator("tfoot")).to_be_hidden()
    assert notebook.complaints == []
    notebook.close()


def test_a_class_that_is_no_longer_followed_says_so(lab: Lab, browser: Browser, thirty: Class) -> None:
    notebook = lab.open_cells(browser, VIEW)
    view = notebook.cell("follow")
    gone = view.get_by_text("This is the class as it was. Run the cell again to follow it.")
    expect(names(view).first).to_be_visible()
    expect(gone).to_have_count(0)
    notebook.restart_kernel()
    expect(gone).to_be_visible()
    notebook.run("follow")
    expect(names(view).first).to_be_visible()
    expect(gone).to_have_count(0)
    notebook.save()
    notebook.close()
    reopened = lab.open(browser, f"en/{notebook.path.name}", "en")
    expect(reopened.cell("follow").get_by_text("This is the class as it was.")).to_be_visible()
    expect(status(reopened.cell("follow"))).to_contain_text("Students: 30 of 30")
    reopened.close()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_view_keeps_nobody_out(lab: Lab, browser: Browser, thirty: Class, theme: str) -> None:
    thirty.add("x", HOSTILE)
    report(thirty, "x", section="acl")
    thirty.teacher.hset(f"{REPORT}x", "error", HOSTILE)
    notebook = lab.open_cells(browser, VIEW)
    notebook.theme(theme)
    for width in (1280, 375):
        notebook.page.set_viewport_size({"width": width, "height": 1300})
        view = notebook.cell("follow")
        expect(view.locator(".table.narrow")).to_have_count(1 if width < 560 else 0)
        expect(names(view).first).to_have_text(HOSTILE)
        assert view.locator("img").count() == 0
        assert violations(view.locator("section").first) == [], width
        for box in (view.locator("section").first, view.locator(".frame"), view.locator(".scroller")):
            size = box.evaluate("box => [box.scrollWidth, box.clientWidth]")
            assert size[0] <= size[1] + 1, width
        notebook.screenshot(view.locator("section").first, f"class_view-{width}-{theme.lower()}")
    assert notebook.dialogs == []
    notebook.close()
