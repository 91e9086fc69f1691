"""The lessons' slides: what is on them, and that a browser shows them without a network."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tests.conftest import ROOT
from tests.support.chromium import chromium
from tools.building import awaiting_marker
from tools.site.phrases import phrases
from tools.site.slides import command, deck
from tools.site.slides.command import VENDORED, page
from tools.translating.catalogs import AWAITING
from tools.tutorials import LANGUAGES, lessons, notebook_path

if TYPE_CHECKING:  # not with Colab's packages, where nothing is tried in a browser
    from playwright.sync_api import Browser, Page

in_a_browser = pytest.mark.skipif(chromium() is None, reason="no Chromium")  # conftest.py fails in CI, and says so

DECKS = [("en", lesson) for lesson in lessons()] + [
    (language, "01_redis") for language in LANGUAGES if language != "en"
]


def headings(language: str, name: str) -> list[str]:
    """A notebook's headings, as they are written, without those of cells that only prepare something."""
    cells = nbformat.read(notebook_path(language, name), as_version=4).cells
    texts = [re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL) for cell in cells if cell.cell_type == "markdown"]
    found = [title for text in texts for title in re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)]
    return [title.replace("`", "") for title in found]


def expected(language: str, lesson: str) -> list[str]:
    """The headings that a lesson's slides have: the lesson's, and before its last one the exercises'."""
    *of_lesson, last = headings(language, lesson)
    title, *others = headings(language, f"{lesson}_exercises")
    return [*of_lesson, title, *(one for one in others if re.match(r"\d", one)), last]


@contextmanager
def opened(browser: "Browser", path: Path, query: str = "") -> "Iterator[Page]":
    """Slides opened from the disk, without a network. Nothing goes wrong, and nothing is asked of anybody."""
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    shown = context.new_page()
    shown.on("pageerror", lambda error: wrong.append(str(error)))
    shown.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    shown.on("request", lambda one: None if one.url.startswith(("file:", "data:")) else wrong.append(one.url))
    shown.goto(path.as_uri() + query)
    shown.wait_for_function("Reveal.isReady()")
    yield shown
    context.close()
    assert wrong == []


@pytest.fixture
def written(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The slides of a language and a lesson, as a file."""
    language, lesson = request.param
    path = tmp_path / f"{lesson}.html"
    path.write_text(page(language, lesson), encoding="utf-8")
    return path


# What the slide that is shown is like.
LOOK = """() => {
  const slide = Reveal.getCurrentSlide().querySelector(".slide");
  const sizes = [...slide.querySelectorAll("p, li, td, pre")].map(one => parseFloat(getComputedStyle(one).fontSize));
  return {
    heading: slide.querySelector("h1, h2, h3").textContent,
    parts: slide.childElementCount,
    fits: slide.scrollHeight <= slide.clientHeight && slide.scrollWidth <= slide.clientWidth,
    smallest: Math.min(...sizes),
    last: Reveal.isLastSlide(),
  };
}"""
SMALLEST = 15
"""Pixels, of a slide that is 720 high."""


@in_a_browser
@pytest.mark.parametrize(("written", "language", "lesson"), [(one, *one) for one in DECKS], indirect=["written"])
def test_slides_open_without_a_network_and_fit(browser: "Browser", written: Path, language: str, lesson: str) -> None:
    with opened(browser, written) as shown:
        assert shown.locator("html").get_attribute("lang") == language
        looks = [shown.evaluate(LOOK)]
        while not looks[-1]["last"]:
            shown.keyboard.press("Space")
            looks.append(shown.evaluate(LOOK))
        assert shown.evaluate("[...document.images].filter(one => !one.alt || !one.naturalWidth).length") == 0
    assert [look for look in looks if not look["fits"] or look["parts"] < 2 or look["smallest"] < SMALLEST] == []
    # The code of a section that has a picture or a table is on a slide of its own.
    seen = [look["heading"] for look in looks]
    assert [one for at, one in enumerate(seen) if at == 0 or one != seen[at - 1]] == expected(language, lesson)


@in_a_browser
@pytest.mark.parametrize("written", [("ko", "01_redis")], indirect=True)
def test_the_arrow_keys_turn_the_slides(browser: "Browser", written: Path) -> None:
    with opened(browser, written) as shown:
        where = "Object.values(Reveal.getIndices()).slice(0, 2).join()"
        at = [shown.evaluate(where)]
        for key in ("ArrowRight", "ArrowLeft", "End", "ArrowLeft", "ArrowDown", "ArrowDown", "ArrowUp"):
            shown.keyboard.press(key)
            at.append(shown.evaluate(where))
        last = len(deck.deck("ko", "01_redis").stacks) - 1
        assert at == [
            "0,0",
            "1,0",
            "0,0",
            f"{last},0",
            f"{last - 1},0",
            f"{last - 1},1",
            f"{last - 1},2",
            f"{last - 1},1",
        ]
        say = phrases("ko")
        labels = shown.locator(".controls button").evaluate_all("all => all.map(one => one.ariaLabel)")
        assert sorted(labels) == sorted([say.previous, say.next] * 2)


@in_a_browser
@pytest.mark.parametrize("written", [("fr", "01_redis")], indirect=True)
def test_paper_has_a_page_for_each_slide(browser: "Browser", written: Path) -> None:
    with opened(browser, written, "?print-pdf") as shown:
        slides = sum(map(len, deck.deck("fr", "01_redis").stacks))
        shown.locator(".pdf-page").nth(slides - 1).wait_for(state="attached")
        assert shown.locator(".pdf-page").count() == slides
        printed = shown.pdf(prefer_css_page_size=True, print_background=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == slides


@in_a_browser
@pytest.mark.parametrize("written", [("ja", "01_redis")], indirect=True)
def test_the_teachers_view_has_the_whole_text(browser: "Browser", written: Path) -> None:
    with opened(browser, written) as shown:
        shown.keyboard.press("ArrowRight")
        with shown.expect_popup() as popup:
            shown.keyboard.press("s")
        notes = popup.value.locator(".speaker-controls-notes .value")
        text = shown.evaluate("Reveal.getCurrentSlide().querySelector('aside.notes').textContent.trim()")
        popup.value.wait_for_function("document.querySelector('.speaker-controls-notes .value')?.textContent.trim()")
        assert notes.inner_text().split() == text.split()


@in_a_browser
@pytest.mark.parametrize("written", [("en", "01_redis")], indirect=True)
def test_nobody_is_kept_out(browser: "Browser", written: Path) -> None:
    from tests.support.axe import violations

    with opened(browser, written) as shown:
        for _ in range(5):
            assert violations(shown.locator("html"), whole=True) == []
            shown.keyboard.press("Space")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lesson", lessons())
def test_slides_are_one_file_with_the_languages_own_text(language: str, lesson: str) -> None:
    made = deck.deck(language, lesson)
    html = re.sub("<script>.*?</script>", "", page(language, lesson), flags=re.DOTALL)
    assert f'<html lang="{language}"' in html
    loads = re.findall(r'<(?:img|script|source|iframe|link)\b[^>]*\b(?:src|srcset|href)="([^";]*)', html)
    assert set(loads) <= {"data:image/svg+xml", "data:image/png"}
    slides = [slide for stack in made.stacks for slide in stack]
    assert "<img" in slides[0].figure
    assert all(re.search('alt="[^"]+"', one) for slide in slides for one in re.findall("<img[^>]*>", slide.figure))
    assert all(slide.notes or slide.words.startswith("<ul") for slide in slides)
    assert max(slide.code.count("\n") for slide in slides) <= deck.LINES + 4
    exercises = made.stacks[-2][1:]
    solution = phrases(language).solution
    assert len(exercises) >= 3
    assert all(f"<summary>{solution}</summary>" in one.notes and solution not in one.words for one in exercises)


def test_what_awaits_translation_is_marked_as_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deck, "notebook_path", lambda _, name: tmp_path / f"{name}.ipynb")
    awaiting = {"metadata": {"tags": [AWAITING]}}
    cells = [
        new_markdown_cell("# 제목\n\n한국어 문장."),
        new_markdown_cell(f"{awaiting_marker('ko')}\n\n## Setup\n\nAn English sentence.", **awaiting),
        new_markdown_cell("## 다음\n\n- 하나\n- 둘"),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_redis.ipynb")
    title, setup, last = (slide for stack in deck.deck("ko", "01_redis").stacks for slide in stack)
    assert (title.english, setup.english, last.english) == (False, True, False)
    assert (title.heading, setup.heading) == ("<h1>제목</h1>", "<h2>Setup</h2>")
    assert setup.words == setup.notes == "<p>An English sentence.</p>\n"
    assert "둘" in last.words
    assert page("ko", "01_redis").count('<section lang="en">') == 1


def test_a_slide_begins_with_whole_sentences() -> None:
    text = "Short. A `history.of` reads [all. of it](a.md. b), or nothing, and writes it again. Then more."
    assert deck.beginning(text, 5) == "Short."
    assert deck.beginning(text, 20) == text.removesuffix(" Then more.")
    assert deck.beginning("**This is important. Very.** No.", 10) == "**This is important. Very.**"
    assert deck.beginning("这句话足够长。第二句。", 10) == "这句话足够长。"
    assert deck.beginning("It has no end", 5) == "It has no end"


def test_a_slide_has_the_core_of_a_cell() -> None:
    assert deck.core("import a\n\nassert a\n") == "import a"
    assert deck.core("assert a\nassert b") == ""
    assert deck.core("if a:\n    !pip list\nassert a") == "if a:\n    !pip list"
    long = "import a\n" + "\n".join(f"other_{n} = {n}" for n in range(12)) + "\nneeded(\n    1,\n)\nassert needed"
    shown = deck.core(long, {"needed"}).split("\n")
    assert shown[:9] == [f"other_{n} = {n}" for n in range(9)]
    assert shown[9:] == ["…", "needed(", "    1,", ")"]
    assert deck.core("a = (\n" + "    1,\n" * 20 + ")").split("\n") == ["a = (", *["    1,"] * 10, "…"]


def test_the_command_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "SLIDES", tmp_path / "slides")
    monkeypatch.chdir(tmp_path)
    assert command.main(["--language", "ko", "--tutorial", ""]) == 0
    wrote = capsys.readouterr().out.split()
    assert wrote == [f"slides/ko/{lesson}.html" for lesson in lessons()]
    assert [(tmp_path / path).read_text("utf-8") for path in wrote] == [page("ko", lesson) for lesson in lessons()]


@pytest.mark.parametrize(
    ("option", "known"), [("--language", list(LANGUAGES)), ("--tutorial", lessons())], ids=["language", "tutorial"]
)
def test_an_unknown_value_names_the_known_ones(
    option: str, known: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main([option, "nonsense"])
    assert f"there is no {option[2:]} 'nonsense'; choose from {', '.join(known)}" in capsys.readouterr().err


def test_each_vendored_file_is_the_one_that_was_published() -> None:
    said = dict(re.findall(r"^\| `(\S+)` .* `([0-9a-f]{64})` \|$", (VENDORED / "README.md").read_text("utf-8"), re.M))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.iterdir()
        if path.name != "README.md"
    }
    assert said == found
    assert "Permission is hereby granted" in (VENDORED / "LICENSE").read_text("utf-8")
    assert f"{VENDORED.relative_to(ROOT).as_posix()}/* -text" in (ROOT / ".gitattributes").read_text("utf-8")
