"""The lessons' diagrams: their labels fit and can be read, in every language and in both schemes."""

import re
from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from tests.support.chromium import chromium
from tools import building
from tools.running.run import Run, _html
from tools.translating import catalogs, diagrams
from tools.tutorials import ENGLISH, LANGUAGES, diagram_names, diagram_path

if TYPE_CHECKING:
    from playwright.sync_api import Page

if chromium() is None:
    pytest.skip("no Chromium", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere

SHOWN = [(language, name) for language in LANGUAGES for name in diagram_names()]

# Of each text the lines, as high as their letters; of the rest what a text may not lie across.
_MEASURE = """() => {
  const svg = document.querySelector("svg");
  const box = (e) => { const b = e.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; };
  const texts = [...svg.querySelectorAll("text")].map((text) => {
    const em = parseFloat(getComputedStyle(text).fontSize);
    const rows = [...text.querySelectorAll("tspan")];
    return {
      words: text.textContent,
      number: text.classList.contains("number"),
      lines: (rows.length ? rows : [text]).map((row) => {
        const start = row.getStartPositionOfChar(0), end = row.getEndPositionOfChar(row.getNumberOfChars() - 1);
        return [start.x, start.y - 0.75 * em, end.x, start.y + 0.22 * em];
      }),
    };
  });
  const drawn = (selector) => [...svg.querySelectorAll(selector)].map(box);
  return {
    texts,
    paper: box(svg.querySelector(".paper")),
    boxes: drawn("rect"),
    obstacles: [...drawn("circle"), ...drawn(":scope > path:not(.life)")],
  };
}"""

_CONTRASTS = """() => [...document.querySelectorAll("text")].map((text) => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const { x, y, width, height } = (text.querySelector("tspan") ?? text).getBoundingClientRect();
  const below = document.elementsFromPoint(x + width / 2, y + height / 2).find((e) => e.matches("rect, circle"));
  const [light, dark] = [text, below].map((e) => luminance(getComputedStyle(e).fill)).sort((a, b) => b - a);
  return [text.textContent, (light + 0.05) / (dark + 0.05)];
})"""


@pytest.fixture(scope="module")
def page() -> "Iterator[Page]":
    from tests.support.jupyterlab import running_browser

    with running_browser() as browser:
        yield browser.new_page()


def overlap(one: list[float], other: list[float]) -> bool:
    """Whether two boxes share more than a hair."""
    return min(one[2], other[2]) - max(one[0], other[0]) > 0.5 and min(one[3], other[3]) - max(one[1], other[1]) > 0.5


def within(one: list[float], other: list[float]) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one[2] <= other[2] and one[3] <= other[3]


def misplaced(found: dict[str, Any]) -> Iterator[str]:
    """The texts that don't fit: one lies across another, an edge, an arrow, or beyond the picture."""
    rows = [(text, line) for text in found["texts"] for line in text["lines"]]
    for text, line in rows:
        if not within(line, found["paper"]):
            yield f"{text['words']}: beyond the picture"
        if not text["number"] and any(overlap(line, box) and not within(line, box) for box in found["boxes"]):
            yield f"{text['words']}: across an edge"
        if not text["number"] and any(overlap(line, thing) for thing in found["obstacles"]):
            yield f"{text['words']}: across an arrow"
        if any(other is not text and overlap(line, theirs) for other, theirs in rows):
            yield f"{text['words']}: across another text"


def measured(page: "Page", picture: str) -> dict[str, Any]:
    page.set_content(picture)
    found: dict[str, Any] = page.evaluate(_MEASURE)
    return found


@pytest.mark.parametrize(("language", "name"), SHOWN)
def test_every_label_has_room(page: "Page", language: str, name: str) -> None:
    assert list(misplaced(measured(page, building.picture(language, name)))) == []


def test_a_label_without_room_is_noticed(page: "Page") -> None:
    def long(label: str, english: str) -> str:
        return "Nahverkehrswegeplanungsgesellschaften" if label == "model" else english

    found = list(misplaced(measured(page, diagrams.drawn("turn", long))))
    assert any("gesellschaften: across an edge" in one for one in found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", diagram_names())
def test_every_text_stands_out(page: "Page", name: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_content(building.picture(ENGLISH, name))
    contrasts = page.evaluate(_CONTRASTS)
    assert contrasts
    assert [words for words, contrast in contrasts if contrast < 4.5] == []


@pytest.mark.parametrize(("language", "name"), SHOWN)
def test_a_picture_is_small_and_the_same_each_time(language: str, name: str) -> None:
    picture = building.picture(language, name)
    assert picture == building.picture(language, name)
    assert len(picture.encode()) <= 8000
    assert "data-" not in picture


def test_every_text_is_a_label_or_the_same_in_all_languages() -> None:
    for name in diagram_names():
        source = diagram_path(name).read_text(encoding="utf-8")
        fixed = re.findall(r"<text (?![^>]*data-label)[^>]*>([^<]+)<", source)
        assert all(re.fullmatch(r"[\d-]+|Redis|[a-z_]+[:@=]\w+", text) for text in fixed), name
        keys = {message.key for message in catalogs.messages()}
        assert keys >= {catalogs.label_context(name, label) for label in diagrams.labels(name)}


def test_one_label_has_one_text() -> None:
    for name in diagram_names():
        source = diagram_path(name).read_text(encoding="utf-8")
        pairs = set(re.findall(r'data-label="([\w-]+)"[^>]*>([^<]+)<', source))
        assert len(pairs) == len(diagrams.labels(name)), name


def test_a_cell_shows_the_picture_of_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "repository", lambda: "https://github.com/them/theirs")
    shown = building._with_pictures("Look:\n\n![A “turn” &\nits end](diagrams/turn.svg)\n\nSo.", "ja")
    before, image, after = re.split(r"(<img [^>]*>)", shown)
    assert (before, after) == ("Look:\n\n", "\n\nSo.")
    assert 'alt="A “turn” &amp; its end"' in image
    assert 'src="https://raw.githubusercontent.com/them/theirs/main/notebooks/ja/diagrams/turn.svg"' in image
    (data,) = re.findall(r"base64,([\w+/=]+)\)", image)
    assert b64decode(data).decode() == building.picture("ja", "turn")


def test_a_page_of_our_own_holds_its_pictures() -> None:
    cell = nbformat.v4.new_markdown_cell(building._with_pictures("![A turn](diagrams/turn.svg)", ENGLISH))
    page = _html(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), cell]), Run("en", "01_redis")
    )
    (image,) = re.findall(r'<img alt="A turn"[^>]*>', page)
    (data,) = re.findall(r' src="data:image/svg\+xml;base64,([\w+/=]+)"', image)
    assert b64decode(data).decode() == building.picture(ENGLISH, "turn")
    assert "https:" not in image


@pytest.mark.parametrize(
    ("text", "width", "broken"),
    [
        ("one", 10, ["one"]),
        ("one two three four", 6, ["one two", "three four"]),
        ("Donaudampfschiff fährt", 4, ["Donaudampfschiff", "fährt"]),
        ("プロンプト：これまでのメッセージ（履歴）", 10, ["プロンプト：", "これまでのメッセージ", "（履歴）"]),
        ("模型什么都不记得，也不保存。", 8, ["模型什么都不记", "得，也不保存。"]),
        ("이전 메시지를 읽습니다", 9, ["이전 메시지를", "읽습니다"]),
    ],
)
def test_lines_are_few_and_end_where_the_language_lets_them(text: str, width: float, broken: list[str]) -> None:
    assert list(diagrams.lines(text, width, 1)) == broken
