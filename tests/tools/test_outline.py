"""The outline of the lessons, by which a class's progress is told."""

import json
from pathlib import Path

import pytest

from helpers._localization.languages import LANGUAGES
from tools import building, outline
from tools.checking.check import check
from tools.translating.catalogs import read_source
from tools.tutorials import tutorials


def test_every_cell_stands_in_one_section_under_its_heading() -> None:
    lessons = json.loads(outline.made())
    assert list(lessons) == tutorials()
    for name, lesson in lessons.items():
        source = read_source(name)
        code = [cell.id for cell in source if cell.cell_type == "code"]
        assert [cell for section in lesson["sections"] for cell in section["cells"]] == code
        headings = {cell.id: cell.source for cell in source if cell.cell_type == "markdown"}
        for section in lesson["sections"]:
            assert section["title"].keys() == lesson["title"].keys() == LANGUAGES.keys()
            assert f"# {section['title']['en']}\n" in headings[section["id"]].replace("`", "")


def test_titles_are_those_of_the_pages() -> None:
    lesson = json.loads(outline.made())["01_redis"]
    (chat,) = [section for section in lesson["sections"] if section["id"] == "by-hand"]
    for language in LANGUAGES:
        assert lesson["title"][language] == building.title(language, "01_redis")
        (page,) = [cell for cell in building.localized(language, "01_redis").cells if cell.id == "by-hand"]
        assert page.source.startswith(f"## {chat['title'][language]}\n")


def test_an_outline_that_is_not_the_lessons_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = check(["en"])
    stale = outline.path().with_name("lessons.stale.json")
    monkeypatch.setattr(outline, "path", lambda: stale)
    (found,) = [problem for problem in check(["en"]) if problem not in before]
    assert str(found) == (
        "helpers/_classroom/lessons.stale.json: the outline is not what the source and the catalog make; "
        "run python -m tools build."
    )
