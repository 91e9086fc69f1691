"""What a reader does with the explorer and the picker, in a real JupyterLab with a real kernel and a real Redis."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Locator, expect

from helpers import RedisChatMessageHistory
from helpers.widgets import SessionExplorer
from helpers.widgets.modules import joined
from tests.support.axe import violations
from tests.support.chromium import chromium
from tests.support.jupyterlab import Lab, Notebook
from tests.widgets.page import Page

SAID = {
    "en": [
        ("How long does Redis keep a chat?", "As long as its time to live says, or for good."),
        ("And after a restart?", "What was saved to disk comes back."),
        ("What is a window?", "The latest messages, which the model is given."),
    ],
    "ko": [
        ("Redis는 대화를 얼마나 오래 보관하나요?", "TTL이 끝날 때까지, 또는 계속 보관합니다."),
        ("재시작한 뒤에는요?", "디스크에 저장된 것이 돌아옵니다."),
        ("윈도우가 무엇인가요?", "모델에 전달되는 최근 메시지입니다."),
    ],
}
HOSTILE = "<img src=x onerror=alert(1)>"
EXPLORER = {
    "explore": "from helpers import connect\nfrom helpers.widgets import SessionExplorer\nSessionExplorer(connect())"
}
PICKER = {
    "emulate": """\
import os
from helpers.emulator import Emulator
from helpers.memorystore import create_instance
from helpers.widgets import InstancePicker
emulator = Emulator(operation_seconds=0.2).start()
os.environ["MEMORYSTORE_EMULATOR_HOST"] = emulator.host
for place, tls in (("us-central1/instances/chat", True), ("europe-west1/instances/support", False)):
    _ = create_instance(f"projects/practice/locations/{place}", auth=tls, tls=tls)
""",
    "pick": "InstancePicker('practice')",
}

if chromium() is None:
    pytest.skip("no Chromium", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere


@pytest.fixture
def students(client: redis.Redis) -> redis.Redis:
    """Two dozen sessions, of different lengths."""
    for number in range(24):
        history = RedisChatMessageHistory(f"student-{number:02}", client=client, ttl=600 * (number + 1))
        for line in range(number % 4 + 1):
            history.add_user_message(f"line {line} of {number}" + "x" * number)
    return client


def names(place: Locator) -> Locator:
    """The rows' names, as far as they are drawn."""
    return place.locator("tbody .name [data-control=open]")


def button(place: Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def header(place: Locator, name: str) -> Locator:
    return place.get_by_role("columnheader", name=re.compile(f"^{name}"))


def focused(notebook: Notebook) -> str:
    """What has the focus: its label, or what it says."""
    said: str = notebook.page.evaluate("""() => {
      let one = document.activeElement;
      while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
      return one.labels?.[0]?.textContent || one.getAttribute("aria-label") || one.textContent;
    }""")
    return said.strip()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_explorer_of_the_tutorial_live(lab: Lab, browser: Browser, client: redis.Redis, language: str) -> None:
    source = lab.tree / "notebooks" / language / "01_redis.ipynb"
    tutorial = json.loads(source.read_text(encoding="utf-8"))
    ids = [cell["id"] for cell in tutorial["cells"]]
    tutorial["cells"] = tutorial["cells"][: ids.index("explore") + 1]
    source.with_name("explore.ipynb").write_text(json.dumps(tutorial), encoding="utf-8")
    for number, (human, ai) in enumerate(SAID[language] * 4):
        history = RedisChatMessageHistory(
            f"redis-tutorial-{language}-student-{number + 1:02}",
            client=client,
            ttl=(number % 5) * 4000 or None,
        )
        for _ in range(number * 5 % 8 + 1):
            history.add_messages([HumanMessage(human), AIMessage(ai)])
    notebook = lab.open(browser, f"{language}/explore.ipynb", language)
    notebook.run_all()
    explorer = notebook.cell("explore")
    expect(names(explorer).first).to_have_text(f"redis-tutorial-{language}")
    expect(names(explorer)).to_have_count(13)
    names(explorer).nth(2).click()
    expect(explorer.locator(".detail .message").first).to_be_visible()
    notebook.page.evaluate("() => document.activeElement.blur()")
    notebook.page.set_viewport_size({"width": 1280, "height": 1300})
    notebook.screenshot(explorer, f"session_explorer-{language}")
    notebook.close()


def test_sessions_are_sorted_filtered_and_read(lab: Lab, browser: Browser, students: redis.Redis) -> None:
    RedisChatMessageHistory("other", client=students).add_user_message("Bonjour à tous")
    notebook = lab.open_cells(browser, EXPLORER)
    explorer = notebook.cell("explore")
    expect(explorer.get_by_role("table", name="Sessions message_store:* thread:*")).to_be_visible()
    expect(names(explorer).first).to_have_text("other")
    expect(header(explorer, "Session")).to_have_attribute("aria-sort", "ascending")

    button(header(explorer, "Messages"), "Messages").click()
    expect(header(explorer, "Messages")).to_have_attribute("aria-sort", "descending")
    expect(explorer.get_by_role("status").first).to_contain_text("Sorted by Messages, descending")
    expect(names(explorer).first).to_have_text("student-03")
    button(header(explorer, "Messages"), "Messages").click()
    expect(names(explorer).first).to_have_text(re.compile("other|student-00"))
    button(header(explorer, "Time to live"), "Time to live").click()
    expect(names(explorer).first).to_have_text("other")  # it never ends
    sizes = {str(one, "utf-8"): sum(map(len, students.lrange(one, 0, -1))) for one in students.scan_iter("*")}
    button(header(explorer, "Bytes"), "Bytes").click()
    largest = max(sizes, key=lambda one: sizes[one])
    expect(names(explorer).first).to_have_text(largest.partition(":")[2])
    expect(explorer.locator("tbody td.bytes").first).to_have_text(f"{sizes[largest]:,}")

    filter_ = explorer.get_by_label("Filter", exact=True)
    filter_.fill("STUDENT-1")
    expect(names(explorer)).to_have_count(10)
    filter_.fill("bonjour a TOUS")
    expect(names(explorer)).to_have_text(["other"])
    filter_.fill("nowhere")
    expect(explorer.get_by_text("Nothing matches “nowhere”.")).to_be_visible()
    button(explorer, "Clear the filter").click()
    expect(explorer.get_by_text("Sessions: 25 of 25")).to_be_visible()

    filter_.fill("student-07")
    names(explorer).first.click()
    region = explorer.get_by_role("region", name="student-07")
    expect(region.locator(".message")).to_have_count(4)
    expect(region.get_by_text("line 3 of 7xxxxxxx")).to_be_visible()
    button(explorer, "Close").click()
    expect(region).to_have_count(0)
    assert notebook.complaints == []
    notebook.close()


def test_sessions_are_exported_deleted_and_imported(
    lab: Lab, browser: Browser, students: redis.Redis, tmp_path: Path
) -> None:
    notebook = lab.open_cells(browser, EXPLORER)
    explorer = notebook.cell("explore")
    before = students.lrange("message_store:student-07", 0, -1)
    explorer.get_by_label("Filter", exact=True).fill("student-07")
    names(explorer).first.click()
    with notebook.page.expect_download() as downloading:
        button(explorer, "Export this session").click()
    assert downloading.value.suggested_filename == "student-07.jsonl"
    file = tmp_path / "student-07.jsonl"
    downloading.value.save_as(file)
    assert len(file.read_text().splitlines()) == 2 + 4

    region = explorer.get_by_role("region", name="student-07")
    button(region, "Delete").click()
    assert students.exists("message_store:student-07")
    button(region, "Delete: click again").click()
    expect(explorer.get_by_text("Deleted: student-07")).to_be_visible()
    expect(names(explorer)).to_have_count(0)
    assert not students.exists("message_store:student-07")

    choose(notebook, explorer, file)
    expect(names(explorer)).to_have_count(1)
    assert students.lrange("message_store:student-07", 0, -1) == before
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text(file.read_text().replace("line 3", "line 9", 1))
    students.delete("message_store:student-07")
    choose(notebook, explorer, damaged)
    expect(explorer.get_by_role("alert")).to_contain_text("Line 3 of the export is damaged")
    assert not students.exists("message_store:student-07")

    explorer.get_by_label("Filter", exact=True).fill("student-0")
    explorer.get_by_label("Select student-03").check()
    explorer.get_by_label("Select student-05").check()
    with notebook.page.expect_download() as downloading:
        button(explorer, "Export 2").click()
    assert len(Path(downloading.value.path()).read_text().splitlines()) == 1 + 2 + 4 + 2
    explorer.get_by_label("Select all shown").check()
    button(explorer, "Delete 10").click()
    button(explorer, "Delete 10: click again").click()
    expect(explorer.get_by_text("Deleted: 10")).to_be_visible()
    assert len(students.keys()) == 14
    notebook.close()


def choose(notebook: Notebook, explorer: Locator, file: Path) -> None:
    """Choose a file to import."""
    with notebook.page.expect_file_chooser() as choosing:
        button(explorer, "Import").click()
    choosing.value.set_files(file)


def test_an_instance_is_made_picked_and_deleted(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    notebook = lab.open_cells(browser, PICKER)
    picker = notebook.cell("pick")
    expect(names(picker)).to_have_text(["chat", "support"])
    button(picker, "Connect chat").click()
    expect(picker.get_by_text("Connected to chat.")).to_be_visible()
    expect(picker.locator("tr.marked")).to_contain_text("chat")
    picker.get_by_text("Create an instance").click()
    create = button(picker, "Create")
    expect(create).to_be_disabled()
    picker.get_by_label("Region", exact=True).fill("us-central1")
    picker.get_by_label("ID", exact=True).fill("second")
    service, tier = (picker.get_by_role("combobox", name=label, exact=True) for label in ("Service", "Tier"))
    service.focus()
    service.select_option("valkey")
    expect(tier).to_have_value("SHARED_CORE_NANO")
    expect(picker.get_by_text("Memorystore for Valkey: 1 × SHARED_CORE_NANO")).to_be_visible()
    expect(service).to_be_focused()
    service.select_option("redis")
    expect(tier).to_have_value("BASIC")
    expect(picker.get_by_text("On the emulator it costs nothing.")).to_be_visible()
    create.click()
    expect(picker.get_by_text("second is ready.")).to_be_visible()
    button(picker, "Delete second").click()
    delete = button(picker.get_by_role("region", name="Delete"), "Delete")
    expect(delete).to_be_disabled()
    picker.get_by_label("the instance's ID again").fill("second")
    delete.click()
    expect(picker.get_by_text("second is deleted.")).to_be_visible()
    expect(names(picker)).to_have_text(["chat", "support"])
    assert notebook.complaints == []
    notebook.close()


def test_by_keyboard_alone(lab: Lab, browser: Browser, students: redis.Redis) -> None:
    notebook = lab.open_cells(browser, EXPLORER)
    explorer = notebook.cell("explore")
    expect(names(explorer).first).to_have_text("student-00")
    press = notebook.page.keyboard.press
    explorer.get_by_label("Filter", exact=True).focus()
    seen = [focused(notebook)]
    for _ in range(12):
        press("Tab")
        seen.append(focused(notebook))
    assert seen[:4] == ["Filter", "Refresh", "Export", "Import"]
    assert seen[4:10] == [
        *("Select all shown", "Session▲", "Messages", "Bytes", "Time to live", "Last message"),
    ]
    assert seen[10:] == ["Select student-00", "student-00", seen[12]]
    press("Shift+Tab")
    for key, name in (
        *(("ArrowDown", "student-01"), ("End", "student-23"), ("ArrowUp", "student-22"), ("Home", "student-00")),
        ("PageDown", "student-09"),
    ):
        press(key)
        assert focused(notebook) == name
    press("Enter")
    expect(explorer.get_by_role("region", name="student-09")).to_be_visible()
    expect(explorer.get_by_role("region", name="student-09").locator("h4")).to_be_focused()
    press("Escape")
    assert focused(notebook) == "student-09"
    press("Shift+Tab")
    assert focused(notebook) == "Select student-09"
    press("Space")
    expect(button(explorer, "Export 1")).to_be_visible()
    explorer.get_by_label("Filter", exact=True).focus()
    notebook.page.keyboard.type("dd aa 23")  # letters that are commands of JupyterLab elsewhere
    expect(explorer.get_by_text("Sessions: 0 of 24")).to_be_visible()
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 1
    header(explorer, "Messages").get_by_role("button").focus()
    press("Enter")
    expect(header(explorer, "Messages")).to_have_attribute("aria-sort", "descending")
    assert focused(notebook).startswith("Messages")
    notebook.close()


def test_what_needs_no_kernel_goes_on_without_one(
    lab: Lab, browser: Browser, students: redis.Redis, tmp_path: Path
) -> None:
    notebook = lab.open_cells(browser, EXPLORER)
    explorer = notebook.cell("explore")
    names(explorer).nth(7).click()
    expect(explorer.locator(".detail .message")).to_have_count(4)
    notebook.restart_kernel()
    _alive_without(explorer)
    button(explorer, "Close").click()
    names(explorer).filter(has_text="student-07").click()
    expect(explorer.get_by_role("region", name="student-07").locator(".message")).to_have_count(4)  # it was read before
    notebook.run("explore")
    expect(names(explorer)).not_to_have_count(0)
    notebook.shut_down_kernel()
    _alive_without(explorer)

    notebook.save()
    saved = nbformat.read(notebook.path, 4)
    assert set(saved.cells[0].outputs[0].data) == {"text/html", "text/plain"}
    assert "widgets" not in saved.metadata
    assert len(saved.cells[0].outputs[0].data["text/html"]) < 80_000
    notebook.page.reload()
    notebook.wait_until_open()
    reopened = notebook.cell("explore")
    expect(reopened.get_by_text("model not found")).to_have_count(0)
    _alive_without(reopened)
    notebook.close()

    page = tmp_path / "page.html"
    page.write_text(HTMLExporter().from_notebook_node(saved)[0], encoding="utf-8")
    with browser.new_context(offline=True) as context:
        opened = context.new_page()
        opened.goto(page.as_uri())
        _alive_without(opened.locator("body"))
    with browser.new_context(offline=True, java_script_enabled=False) as context:
        opened = context.new_page()
        opened.goto(page.as_uri())
        expect(opened.get_by_role("rowheader")).to_have_count(10)  # the picture


def _alive_without(explorer: Locator) -> None:
    """It can be sorted and filtered, and says where it would need a kernel."""
    filter_ = explorer.get_by_label("Filter", exact=True)
    filter_.fill("")
    button(header(explorer, "Bytes"), "Bytes").click()
    expect(header(explorer, "Bytes")).to_have_attribute("aria-sort", re.compile("descending|ascending"))
    filter_.fill("student-23")
    expect(names(explorer)).to_have_text(["student-23"])
    button(explorer, "Refresh").click()
    expect(explorer.get_by_text("Run the cell again to continue.")).to_be_visible()
    filter_.fill("")


def test_ten_thousand_sessions(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(10_000):
        record = json.dumps({"type": "human", "data": {"content": f"line {number}"}})
        pipeline.rpush(f"message_store:{number:05}", record)
    pipeline.execute()
    notebook = lab.open_cells(browser, EXPLORER)
    explorer = notebook.cell("explore")
    expect(explorer.get_by_text("Sessions: 10,000 of 10,000")).to_be_visible(timeout=60_000)
    assert explorer.locator(".rows tbody tr").count() < 40
    assert explorer.get_by_role("table").get_attribute("aria-rowcount") == "10001"
    scroller = explorer.locator(".scroller")
    for top, name in ((36 * 5000, "05000"), (36 * 10_000, "09999"), (0, "00000")):
        scroller.evaluate("(place, top) => { place.scrollTop = top; }", top)
        expect(explorer.get_by_role("rowheader", name=name)).to_be_visible()
        assert explorer.locator(".rows tbody tr").count() < 40
    explorer.get_by_label("Filter", exact=True).fill("line 777")
    expect(explorer.get_by_text("Sessions: 19 of 10,000")).to_be_visible()
    notebook.close()


def test_whatever_stands_in_a_session_is_text(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    for name, text in {
        HOSTILE: HOSTILE,
        "script": "</script><script>alert(1)</script>",
        "half": "half a pair \ud83d",
        "long": "y" * 1_000_000,
        "\u202eoverride": "\u202e right to left \u2066 and never ended",
        "link": "[click](javascript:alert(1))",
    }.items():
        record = json.dumps({"type": "human", "data": {"content": text}})
        client.rpush(f"message_store:{name}", record)
    client.rpush(b"message_store:\xff\xfe", json.dumps({"type": "ai", "data": {"content": "bytes"}}))
    notebook = lab.open_cells(browser, EXPLORER)
    explorer = notebook.cell("explore")
    expect(names(explorer)).to_have_count(7)
    width = notebook.page.evaluate("() => document.querySelector('.jp-Notebook').clientWidth")
    for place in range(7):
        names(explorer).nth(place).click()
        expect(explorer.locator(".detail .message")).to_have_count(1)
        assert explorer.locator(".frame").bounding_box()["width"] <= width  # type: ignore[index]
        button(explorer, "Close").click()
    expect(names(explorer).filter(has_text=HOSTILE)).to_have_count(1)
    assert explorer.locator("img, script:not([data-live]):not([type=module])").count() == 0
    assert notebook.dialogs == []
    assert {urlsplit(url).hostname for url in notebook.requests if not url.startswith(("data:", "blob:"))} == {
        "127.0.0.1"
    }
    notebook.close()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_nothing_keeps_anybody_out(lab: Lab, browser: Browser, students: redis.Redis, theme: str) -> None:
    notebook = lab.open_cells(browser, EXPLORER | PICKER)
    notebook.theme(theme)
    for width in (1280, 375):
        notebook.page.set_viewport_size({"width": width, "height": 1300})
        for cell in ("explore", "pick"):
            place = notebook.cell(cell)
            expect(place.locator(".table.narrow")).to_have_count(1 if width < 560 else 0)
            if cell == "explore":
                names(place).nth(3).click()
                expect(place.locator(".detail .message")).to_have_count(4)
                place.locator("tbody input[type=checkbox]").nth(1).set_checked(True)
            elif width == 1280:
                place.get_by_text("Create an instance").click()
                button(place, "Delete chat").click()
            assert violations(place.locator("section").first) == [], (cell, width)
            for box in (place.locator("section").first, place.locator(".frame"), place.locator(".scroller")):
                size = box.evaluate("box => [box.scrollWidth, box.clientWidth]")
                assert size[0] <= size[1] + 1, (cell, width)
            notebook.screenshot(place.locator("section").first, f"{cell}-{width}-{theme.lower()}")
    notebook.close()


def test_it_lives_in_a_front_end_that_shows_the_view(browser: Browser, students: redis.Redis) -> None:
    """As in Colab and in VS Code: the module is loaded, and given a model and an element, not a picture."""
    page = Page(SessionExplorer(students))
    with browser.new_context(offline=True, color_scheme="dark", locale="en") as context:
        opened = context.new_page()
        opened.evaluate(_ANYWIDGET, [joined("session_explorer"), page.data])
        expect(names(opened.locator("body"))).to_have_count(20)
        names(opened.locator("body")).first.click()
        asked = opened.evaluate("() => sent.map(({ ask, id }) => [ask, id])")
        assert asked == [["hello", None], ["open", page.ids("student-00")[0]]]
        opened.evaluate("() => tell({ set: { note: 'Deleted: student-00' }, version: 9 })")
        expect(opened.get_by_text("Sessions: 24 of 24 · Deleted: student-00")).to_be_visible()
        assert violations(opened.locator("#here")) == []


_ANYWIDGET = """async ([text, data]) => {
  document.body.innerHTML = "<main id=here></main>";
  window.sent = [];
  const on = (_, told) => { window.tell = told; };
  const model = { get: name => ({ data })[name], on, off() {}, send: one => sent.push(one) };
  const { default: widget } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  await widget.initialize({ model });
  await widget.render({ model: { ...model }, el: document.querySelector("#here") });
}"""


def test_an_empty_server_says_so(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    notebook = lab.open_cells(browser, EXPLORER)
    expect(notebook.cell("explore").get_by_text("No sessions yet.")).to_be_visible()
    notebook.close()
