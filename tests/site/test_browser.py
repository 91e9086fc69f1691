"""The site as its readers have it, in a real browser."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.axe import violations
from tests.support.chromium import chromium
from tests.support.node import missing
from tools.site.alone import lesson_page
from tools.site.frame import STATIC
from tools.site.phrases import phrases
from tools.tutorials import LANGUAGES, notebook_path

if chromium() is None:
    pytest.skip("no Chromium", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 375, "height": 800}
KINDS = [
    "ko/index.html",
    "en/01_redis.html",
    "ja/02_memorystore.html",
    "pt-BR/01_redis_exercises.html",
    "zh-CN/teaching.html",
    "fr/api.html",
]


@contextmanager
def opened(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """A page on which nothing goes wrong, and that asks nobody but its own site."""
    wrong: list[str] = []
    context = browser.new_context(**({"viewport": WIDE} | options))
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    home = address[: address.find("/", address.find("//") + 2)]
    page.on("request", lambda one: None if one.url.startswith((home, "data:")) else wrong.append(one.url))
    page.goto(address)
    yield page
    context.close()
    assert wrong == []


def test_pages_ask_nobody_else_and_fit_a_phone(browser: Browser, address: str, site: Path) -> None:
    names = [
        f"{language}/{path.name}" for language in ("ko", "pt-BR") for path in sorted((site / language).glob("*.html"))
    ]
    with opened(browser, f"{address}/en/index.html", viewport=PHONE) as page:
        for name in [*names, *KINDS]:
            page.goto(f"{address}/{name}")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(browser: Browser, address: str, scheme: str, viewport: dict[str, int]) -> None:
    with opened(browser, f"{address}/en/index.html", viewport=viewport, color_scheme=scheme) as page:
        for name in KINDS:
            page.goto(f"{address}/{name}")
            assert violations(page.locator("html"), whole=True) == [], name
        page.goto(f"{address}/en/01_redis.html")
        for menu in page.locator("details.menu:visible").all():
            menu.locator("summary").click()
            assert violations(menu) == []
            page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("history")
        expect(page.locator("dialog li").first).to_be_visible()
        assert violations(page.get_by_role("dialog")) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_root_and_a_page_that_stands_alone_keep_nobody_out(
    browser: Browser, address: str, tmp_path: Path, scheme: str
) -> None:
    with opened(browser, f"{address}/index.html", color_scheme=scheme, locale="cy-GB") as page:
        assert violations(page.locator("html"), whole=True) == []
    alone = tmp_path / "01_redis.html"
    notebook = nbformat.read(notebook_path("zh-CN", "01_redis"), as_version=4)
    alone.write_text(lesson_page(notebook, "zh-CN", "01_redis"), encoding="utf-8")
    with opened(browser, alone.as_uri(), color_scheme=scheme, offline=True) as page:
        assert violations(page.locator("html"), whole=True) == []
        page.locator("button.copy").first.wait_for(state="attached")


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("ko-KR", "ko"),
        ("zh-TW", "zh-CN"),
        ("pt-PT", "pt-BR"),
        ("fr", "fr"),
        ("en-GB", "en"),
        ("de-AT", "de"),
        ("cy-GB", ""),
    ],
)
def test_the_root_leads_to_the_readers_language(browser: Browser, address: str, locale: str, language: str) -> None:
    with opened(browser, f"{address}/", locale=locale) as page:
        page.wait_for_url(f"{address}/{language}/index.html" if language else f"{address}/")
        if not language:
            expect(page.get_by_role("listitem")).to_have_count(len(LANGUAGES))


def test_without_javascript_the_pages_can_be_read_and_left(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/", java_script_enabled=False, locale="ko-KR", viewport=PHONE) as page:
        page.get_by_role("link", name="Español").click()
        page.locator(".cards a[href='01_redis.html']").click()
        page.locator("details.languages > summary").click()
        page.get_by_role("link", name="日本語").click()
        page.wait_for_url("**/ja/01_redis.html")
        page.locator("details.pages > summary").click()
        page.locator("details.pages a[href='03_agents.html']").click()
        page.wait_for_url("**/ja/03_agents.html")
        expect(page.locator(".bar button:visible")).to_have_count(0)


def test_another_language_is_the_same_page_at_the_same_cell(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/en/01_redis.html") as page:
        page.locator("#cell-by-hand").evaluate("cell => cell.scrollIntoView()")
        menu = page.locator("details.languages")
        menu.locator("summary").click()
        menu.get_by_role("link", name="한국어").click()
        page.wait_for_url(f"{address}/ko/01_redis.html#cell-by-hand")
        expect(page.locator("html")).to_have_attribute("lang", "ko")
        expect(page.locator("#cell-by-hand")).to_be_in_viewport()


def test_the_outline_follows(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/ko/01_redis.html") as page:
        here = page.locator("nav.outline [aria-current]")
        expect(here).to_have_count(0)
        for link in (page.locator("nav.outline a").nth(3), page.locator("nav.outline a").last):
            link.click()
            expect(here).to_have_text(link.inner_text())
            expect(here).to_be_in_viewport()


@pytest.mark.parametrize("clipboard", ["new", "old"])
def test_code_is_copied(browser: Browser, address: str, clipboard: str) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with opened(browser, f"{address}/en/01_redis.html", permissions=permissions) as page:
        if clipboard == "old":  # on a class's http://teacher.local there is no other
            page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        cell = page.locator("#cell-same-session")
        cell.hover()
        cell.get_by_role("button", name="Copy", exact=True).click()
        expect(cell.get_by_role("button", name="Copied", exact=True)).to_be_visible()
        page.keyboard.press("/")
        field = page.get_by_role("searchbox")
        field.press("Control+v")
        assert field.input_value().startswith("another = RedisChatMessageHistory(SESSION_ID, client=client)")


@pytest.mark.parametrize(
    ("language", "asked", "found"),
    [
        ("en", "TTL  window", "Limit a history"),
        ("fr", "MODELE", "modèle"),
        ("es", "codigo", "código"),
        ("pt-BR", "historico", "histórico"),
        ("zh-CN", "对话历史", "对话历史"),
        ("ja", "履歴", "履歴"),
        ("ja", "ﾁｬｯﾄ", "チャット"),
        ("ko", "기록", "기록"),
        ("ko", "RedisSaver", "RedisSaver"),
        ("ko", "xyzzy", None),
    ],
)
def test_the_search_finds(browser: Browser, address: str, language: str, asked: str, found: str | None) -> None:
    say = phrases(language)
    with opened(browser, f"{address}/{language}/index.html") as page:
        page.keyboard.press("Control+k")
        page.keyboard.type(asked)
        dialog = page.get_by_role("dialog")
        if found is None:
            expect(dialog.get_by_role("status")).to_have_text(say.nothing)
            return
        expect(dialog.get_by_role("status")).to_have_text(
            re.compile(re.escape(say.found).replace(r"\{count\}", r"\d+"))
        )
        expect(dialog.get_by_role("listitem").filter(has_text=found).first).to_be_visible()
        link = dialog.get_by_role("link").first
        target = link.evaluate("link => link.href")
        page.keyboard.press("Enter")
        page.wait_for_url(target)
        expect(page.locator("main")).to_contain_text(found, ignore_case=True)


def test_a_search_without_its_index_says_so(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/en/index.html") as page:
        page.route("**/search.json", lambda route: route.fulfill(status=204, body=""))
        page.get_by_role("button", name="Search").click()
        page.keyboard.type("x")
        expect(page.get_by_role("status")).to_contain_text("could not be loaded")
        page.unroute("**/search.json")
        page.get_by_role("searchbox").fill("ttl")
        expect(page.get_by_role("status")).to_contain_text("Results: ")


BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_the_theme_is_the_systems_until_the_reader_chooses(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/en/01_redis.html", color_scheme="dark") as page:
        button = page.get_by_role("button", name="Dark mode")
        expect(button).to_have_attribute("aria-pressed", "true")
        dark = page.evaluate(BACKGROUND)
        page.emulate_media(color_scheme="light")
        expect(button).to_have_attribute("aria-pressed", "false")
        light = page.evaluate(BACKGROUND)
        assert light != dark
        button.click()
        assert page.evaluate(BACKGROUND) == dark
        page.goto(f"{address}/ko/teaching.html")
        expect(page.locator("button.theme")).to_have_attribute("aria-pressed", "true")
        assert page.evaluate(BACKGROUND) == dark
        page.locator("button.theme").click()
        assert page.evaluate(BACKGROUND) == light


def test_what_a_browser_refuses_to_keep_lasts_as_long_as_the_page(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/en/index.html", color_scheme="light") as page:
        page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused') } })")
        page.reload()
        light = page.evaluate(BACKGROUND)
        page.get_by_role("button", name="Dark mode").click()
        assert page.evaluate(BACKGROUND) != light


def test_menus_are_left_by_the_keyboard(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/en/01_redis.html") as page:
        menu = page.locator("details.open")
        menu.locator("summary").press("Enter")
        names = ["Colab", "Colab Enterprise", "Workbench", "Download the notebook"]
        expect(menu.get_by_role("link")).to_have_text(names)
        with page.expect_download() as download:
            menu.get_by_role("link").last.press("Enter")
        assert nbformat.read(download.value.path(), as_version=4).cells
        page.keyboard.press("Escape")
        expect(menu.get_by_role("link").first).to_be_hidden()
        expect(menu.locator("summary")).to_be_focused()


def test_wide_code_is_scrolled_by_the_keyboard(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/en/01_redis.html", viewport=PHONE) as page:
        code = page.locator("#cell-same-session pre")
        expect(code).to_have_attribute("tabindex", "0")
        page.set_viewport_size({"width": 2000, "height": 900})
        expect(code).not_to_have_attribute("tabindex", "0")


def test_paper_has_the_text_alone(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/en/01_redis.html", color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        for frame in (".bar", ".side", ".outline", ".about", ".turn", "footer"):
            expect(page.locator(frame)).to_be_hidden()
        assert page.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
        page.set_viewport_size({"width": 700, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 700


@pytest.mark.skipif(
    bool(missing()), reason="no Node or no TypeScript"
)  # conftest.py fails in CI, and says so elsewhere
def test_the_types_of_the_script_are_right() -> None:
    strict = "--checkJs --noEmit --strict --noUnusedLocals --target es2022 --lib es2022,dom,dom.iterable".split()
    done = subprocess.run([shutil.which("tsc") or "tsc", *strict, STATIC / "site.js"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
