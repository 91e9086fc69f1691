"""The lessons in a real browser, served as plain files."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from helpers._localization.messages import catalog
from tests.support.chromium import chromium
from tests.support.jupyterlab import Notebook, running_browser, with_profile
from tests.support.serving import served
from tools.site.lite import phrases

if chromium() is None:
    pytest.skip("no Chromium", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere

BUDGET = 25_000_000  # bytes, gzipped
CLASSROOM = "lessons.class"
"""A plain-http host that is not this machine's own name: to a browser, no secure context."""
_SECONDS = 240


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser(f"--host-resolver-rules=MAP {CLASSROOM} 127.0.0.1") as running:
        yield running


@contextmanager
def opened(browser: Browser, address: str, *, prepare: str = "") -> Iterator[Notebook]:
    """A lesson as a reader has it who comes for the first time; `prepare` runs before the page's own scripts."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        if prepare:
            context.add_init_script(prepare)
        with visiting(context.new_page(), address) as notebook:
            yield notebook
    finally:
        context.close()


@contextmanager
def visiting(page: Page, address: str) -> Iterator[Notebook]:
    notebook = Notebook(page, Path(address))
    page.goto(address)
    notebook.wait_until_open()
    yield notebook
    assert notebook.complaints == []


def lesson(host: str, port: int, path: str) -> str:
    return f"http://{host}:{port}/lite/notebooks/index.html?path={path}"


def run_all(notebook: Notebook) -> None:
    """Run all cells once Python has started."""
    starting = notebook.page.get_by_role("progressbar")
    expect(starting).to_have_count(0, timeout=_SECONDS * 1000)
    notebook.run_all(_SECONDS)


def sent(lite: Path, addresses: list[str]) -> int:
    """How many bytes a server sends for some addresses, each once, with what can be compressed compressed."""
    total = 0
    for path in {urlsplit(address).path for address in addresses if address.startswith("http")}:
        file = lite.parent / path.removeprefix("/")
        if file.is_file():
            total += min(file.stat().st_size, len(gzip.compress(file.read_bytes(), 6)))
    return total


@pytest.mark.parametrize(("language", "host"), [("fr", "127.0.0.1"), ("ja", CLASSROOM)])
def test_a_lesson_runs_and_its_panel_answers(browser: Browser, lite: Path, port: int, language: str, host: str) -> None:
    with opened(browser, lesson(host, port, f"{language}/01_redis.ipynb")) as notebook:
        page = notebook.page
        assert page.locator(".kit-notes").get_attribute("lang") == language
        assert page.evaluate("window.isSecureContext") == (host == "127.0.0.1")
        picture = notebook.place("title").locator("img")
        expect(picture).to_be_visible()
        assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
        run_all(notebook)
        errors = page.locator("[data-mime-type='application/vnd.jupyter.error']")
        assert errors.all_inner_texts() == []

        with page.context.expect_page() as sister:
            notebook.place("links").get_by_role("link", name="한국어").click()
        assert sister.value.url == lesson(host, port, "ko%2F01_redis.ipynb")
        with page.context.expect_page() as other:
            notebook.place("next").locator("a[href*='02_memorystore']").click()
        assert other.value.url == f"http://{host}:{port}/{language}/02_memorystore.html"

        panel = notebook.cell("panel")
        said = catalog(language).get(("", "Message"), "Message")
        field = panel.get_by_role("textbox", name=said)
        field.fill("hello there")
        field.press("Enter")
        expect(panel.locator(".list").get_by_text("hello there", exact=True)).to_be_visible()

        sister.value.close()
        there = (f"http://{host}:{port}/", "blob:", "data:")
        assert [address for address in notebook.requests if not address.startswith(there)] == []
        assert 10_000_000 < sent(lite, notebook.requests) < BUDGET


def test_a_second_visit_takes_python_from_the_browsers_cache(browser: Browser, lite: Path, tmp_path: Path) -> None:
    """From a server that says no more of its files than when they were last changed."""
    bytes_sent: Counter[str] = Counter()
    visits = []
    with served(lite.parent, bytes_sent) as port, with_profile(browser, tmp_path) as context:
        for _ in range(2):
            bytes_sent.clear()
            with visiting(context.new_page(), lesson("127.0.0.1", port, "en/01_redis.ipynb")) as notebook:
                expect(notebook.page.get_by_role("progressbar")).to_have_count(0, timeout=_SECONDS * 1000)
                notebook.page.close()
            visits.append(bytes_sent.total())
    first, second = visits
    assert first > 10_000_000
    assert second < first / 50, bytes_sent.most_common(5)


def test_the_reader_is_told_how_far_the_start_has_come(browser: Browser, port: int) -> None:
    """The bar moves, and goes when Python is there."""
    watched = """
    window.seen = [];
    new MutationObserver(() => {
      const bar = document.querySelector("progress");
      if (bar && !bar.watched) {
        bar.watched = true;
        const value = Object.getOwnPropertyDescriptor(HTMLProgressElement.prototype, "value");
        Object.defineProperty(bar, "value", {
          get() { return value.get.call(this); },
          set(to) { window.seen.push(to); value.set.call(this, to); },
        });
      }
    }).observe(document, { childList: true, subtree: true });
    """
    with opened(browser, lesson("127.0.0.1", port, "en/01_redis.ipynb"), prepare=watched) as notebook:
        expect(notebook.page.get_by_role("status").get_by_text("Starting Python in this page")).to_be_visible()
        expect(notebook.page.get_by_role("progressbar")).to_have_count(0, timeout=_SECONDS * 1000)
        seen = notebook.page.evaluate("window.seen")
        assert seen == sorted(seen)
        assert len(set(seen)) > 10
        assert seen[-1] > 10_000_000


def test_a_copy_of_an_older_lesson_makes_way_and_is_kept(browser: Browser, lite: Path, port: int) -> None:
    lesson_file = lite / "files" / "pt-BR" / "01_redis.ipynb"
    published = lesson_file.read_text(encoding="utf-8")
    address = lesson("127.0.0.1", port, "pt-BR/01_redis.ipynb")
    context = browser.new_context()
    page = context.new_page()
    edit = """() => {
      const { content, context } = window.jupyterapp.shell.currentWidget;
      content.widgets[0].model.sharedModel.setSource("# mine");
      return context.save();
    }"""
    title = page.locator(".jp-Notebook h1").first
    try:
        with visiting(page, address):
            page.evaluate(edit)
        with visiting(page, address):
            expect(title).to_contain_text("mine")  # the same version: what the reader has changed is there again

        newer = nbformat.reads(published, as_version=4)
        newer.cells[0].source = "# newer"
        newer.metadata.kit.version = "newer"
        lesson_file.write_text(json.dumps(newer), encoding="utf-8")
        with visiting(page, address):
            expect(title).to_contain_text("newer")
            note = page.get_by_role("status").filter(has=page.get_by_role("link"))
            note.get_by_role("link").click()
        with visiting(page, page.url):
            expect(title).to_contain_text("mine")
    finally:
        lesson_file.write_text(published, encoding="utf-8")
        context.close()


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        ("delete window.WebAssembly;", "no_webassembly"),
        (
            "Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('', 'SecurityError'); } });",
            "no_storage",
        ),
    ],
)
def test_a_browser_that_lacks_something_shows_the_lesson_and_says_what_does_not_work(
    browser: Browser, port: int, prepare: str, told: str
) -> None:
    with opened(browser, lesson("127.0.0.1", port, "es/03_agents.ipynb"), prepare=prepare) as notebook:
        notes = notebook.page.locator(".kit-notes")
        expect(notes).to_contain_text(phrases.page("es")[told])
        expect(notebook.page.locator(".jp-Notebook h1").first).to_be_visible()
        notes.get_by_role("button").click()
        expect(notes).not_to_contain_text(phrases.page("es")[told])


@pytest.mark.parametrize("late", [False, True], ids=["at-once", "late"])
def test_a_start_that_fails_is_told_with_what_to_do(browser: Browser, port: int, late: bool) -> None:
    context = browser.new_context()
    context.add_init_script(
        "window.loaded = [];"
        "new BroadcastChannel('chat-history-tutorials').onmessage = ({data}) => loaded.push(...(data.loaded ?? []));"
    )
    held: list[Route] = []
    context.route("**/pyodide.asm.wasm", lambda route: held.append(route) if late else route.abort())
    page = context.new_page()
    page.goto(lesson("127.0.0.1", port, "en/01_redis.ipynb"))
    if late:
        page.wait_for_function("loaded.includes('python_stdlib.zip')", timeout=_SECONDS * 1000)
        for route in held:
            route.abort()  # Pyodide waits for it by now, and keeps the error to itself
    alert = page.get_by_role("alert").filter(has_text="Python could not start in this page")
    expect(alert).to_contain_text("open the lesson in Colab or on your computer", timeout=_SECONDS * 1000)
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.locator(".jp-Notebook h1").first).to_be_visible()
    context.close()
