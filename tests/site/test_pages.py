"""The built site: every page in every language, and links that lead somewhere."""

import itertools
import json
import posixpath
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markupsafe import escape

from tests.conftest import ROOT
from tests.tools.test_run import MAKE
from tools import project
from tools.site import api, build, documents
from tools.site.opening import LIVE
from tools.site.phrases import phrases
from tools.tutorials import LANGUAGES, tutorials

PAGE_BYTES = 100_000
EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# What a browser loads by itself. A link loads nothing, unless it is a style sheet or an icon.
LOADED = {"img": "src", "script": "src", "source": "srcset", "iframe": "src", "video": "src", "object": "data"}


@dataclass
class Found(HTMLParser):
    """What a page is made of, as far as these tests ask."""

    language: str = ""
    title: str = ""
    anchors: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    alternates: dict[str, str] = field(default_factory=dict)
    english: bool = False
    headings: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self.unclosed.append(tag)
        given = {name: value or "" for name, value in attrs}
        self.anchors += [given["id"]] if "id" in given else []
        if tag == "html":
            self.language = given.get("lang", "")
        if tag == "article":
            self.english = given.get("lang") == "en"
        if tag == "a":
            self.links.append(given["href"])
        if tag == "link":
            (self.links if given["rel"] in ("alternate", "canonical") else self.loads).append(given["href"])
            if given["rel"] == "alternate":
                self.alternates[given["hreflang"]] = given["href"]
        if LOADED.get(tag, "") in given:
            self.loads.append(given[LOADED[tag]])

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self.unclosed[-1:] == ["title"]:
            self.title += data


def found(path: Path) -> Found:
    page = Found()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.unclosed == [], path
    return page


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Found]:
    """Every page by its path within the site."""
    return {
        path.relative_to(site).as_posix(): found(path)
        for path in site.rglob("*.html")
        if LIVE not in path.relative_to(site).parts
    }


@pytest.fixture(scope="module")
def files(site: Path) -> set[str]:
    """Every file by its path within the site."""
    return {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}


def test_every_page_is_there_in_every_language(pages: dict[str, Found]) -> None:
    wanted = {"index.html", *(f"{tutorial}.html" for tutorial in tutorials()), *map(api.page_name, api.MODULES)}
    wanted |= {documents.page_name(document) for document in documents.documents()}
    assert {"readme.html", "platforms.html", "teaching.html", "memorystore.html", "security.html"} <= wanted
    assert pages.keys() == {"index.html", *(f"{code}/{name}" for code in LANGUAGES for name in wanted)}


def test_every_page_says_its_language_and_names_its_sisters(pages: dict[str, Found]) -> None:
    for path, page in pages.items():
        code, _, name = path.rpartition("/")
        assert page.language == (code or "en"), path
        assert page.title.strip(), path
        if page.english:
            assert page.alternates == {}, path
        elif code:
            assert page.alternates == {one: f"../{one}/{name}" for one in written(name)}, path


def written(page: str) -> list[str]:
    """The languages that a page is written in."""
    of_documents = {documents.page_name(one): documents.written(one) for one in documents.documents()}
    of_the_api = {api.page_name(module): ["en"] for module in api.MODULES}
    return (of_documents | of_the_api).get(page, list(LANGUAGES))


def test_the_frame_says_words_alone(site: Path, pages: dict[str, Found]) -> None:
    texts = {path: (site / path).read_text(encoding="utf-8") for path in pages}

    assert [path for path, text in texts.items() if "built-in method" in text or " object at 0x" in text] == []


def test_no_page_is_heavy(site: Path, pages: dict[str, Found]) -> None:
    assert {path: size for path in pages if (size := (site / path).stat().st_size) > PAGE_BYTES} == {}


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Found], files: set[str]) -> None:
    for path, page in pages.items():
        for target in page.loads:
            assert not urlsplit(target).netloc, (path, target)
            assert target.startswith("data:") or at(path, target) in files, (path, target)
    for name in ("site.css", "site.js"):
        assert "//" not in (site / "assets" / name).read_text().replace("// ", ""), name


def test_links_and_anchors_lead_somewhere(pages: dict[str, Found], files: set[str]) -> None:
    for path, page in pages.items():
        assert len(page.anchors) == len(set(page.anchors)), path
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme:
                assert parts.scheme in ("https", "http", "mailto"), (path, target)
                continue
            aim = at(path, target)
            assert aim in files, (path, target)
            if parts.fragment:
                assert unquote(parts.fragment) in pages[aim].anchors, (path, target)


def at(path: str, target: str) -> str:
    """The file of the site that a link on a page leads to."""
    aim = unquote(urlsplit(target).path)
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), aim)) if aim else path


def test_links_to_files_lead_to_their_pages(pages: dict[str, Found]) -> None:
    home = f"{project.repository()}/blob/main/"
    made = {*documents.documents(), *(f"notebooks/{code}/{name}.ipynb" for code in LANGUAGES for name in tutorials())}
    there = [
        (path, target)
        for path, page in pages.items()
        for target in page.links
        if target.startswith(home) and target.removeprefix(home).partition("#")[0] in made
    ]
    assert there == []


def test_the_search_finds_sections_that_are_there(site: Path, pages: dict[str, Found]) -> None:
    for code in LANGUAGES:
        entries = json.loads((site / code / "search.json").read_text(encoding="utf-8"))
        assert {entry[0] for entry in entries} == {
            path.removeprefix(f"{code}/")
            for path in pages
            if path.startswith(f"{code}/") and not path.endswith("/index.html")
        }
        for page, anchor, title, _section, _words in entries:
            assert title
            assert not anchor or anchor in pages[f"{code}/{page}"].anchors, (page, anchor)


def test_every_public_name_is_described(pages: dict[str, Found]) -> None:
    package = api.load(project.root())
    for module in api.MODULES:
        page = pages[f"ko/{api.page_name(module)}"]
        assert page.english
        for one in api.public(package, module):
            assert one.name.lower() in page.anchors, (module, one.name)


def test_what_only_english_has_is_marked_and_a_translation_takes_its_place(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "docs/ko").mkdir(exist_ok=True)
    numbers = itertools.count(1)
    english_text = (tree / "docs/platforms.md").read_text(encoding="utf-8")
    korean = re.sub("^## .*", lambda _: f"## 절 {next(numbers)}", english_text, flags=re.MULTILINE)
    korean = re.sub(r"\A# .*", "[한국어](x)\n\n# 플랫폼\n\n[스레드](../threads.md#what-it-promises)", korean)
    (tree / "docs/ko/platforms.md").write_text(korean, encoding="utf-8")
    monkeypatch.setattr(project, "ROOT", tree)
    monkeypatch.setattr(build, "LANGUAGES", {"ko": "한국어"})
    build.build(tmp_path / "site")
    translated, english = (found(tmp_path / "site/ko" / name) for name in ("platforms.html", "threads.html"))
    assert (translated.english, english.english) == (False, True)
    assert translated.title.startswith("플랫폼")
    assert "../ko/threads.html#what-it-promises" in translated.links
    assert translated.alternates.keys() == {"en", "ko"}
    assert "../ko/platforms.html#in-your-own-environment" in found(tmp_path / "site/ko/widgets.html").links
    assert {"in-your-own-environment", "절-4"} <= set(translated.anchors)
    text = (tmp_path / "site/ko/threads.html").read_text(encoding="utf-8")
    assert escape(phrases("ko").english) in text
    assert 'rel="canonical" href="../en/threads.html"' in text


def test_a_rebuild_takes_away_what_is_no_more_and_leaves_the_browsers_edition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "LANGUAGES", {"fr": "Français"})
    site = tmp_path / "site"
    for name in ("fr/gone.html", "de/index.html", f"{LIVE}/files/fr/01_redis.ipynb", "gone.txt"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("from before")
    build.build(site)
    assert not any((site / name).exists() for name in ("fr/gone.html", "de", "gone.txt"))
    links = found(site / "fr/01_redis.html").links
    assert f"../{LIVE}/notebooks/index.html?path=fr%2F01_redis.ipynb" in links
    assert (site / LIVE / "files/fr/01_redis.ipynb").read_text() == "from before"
    other = (site / "fr/02_memorystore.html").read_text(encoding="utf-8")
    assert f"../{LIVE}/" not in other
    assert escape(phrases("fr").not_here) in other
    shutil.rmtree(site / LIVE)
    build.build(site)
    for name in tutorials():
        assert LIVE + "/" not in (site / "fr" / f"{name}.html").read_text(encoding="utf-8")


def test_the_site_is_served_to_this_machine_alone() -> None:
    quiet = ("--dry-run", "--no-print-directory")  # whichever make runs the tests
    ready = ("--old-file=.venv/ready", "--old-file=.venv/ready-to-test")
    dry = subprocess.run([MAKE, *quiet, *ready, "serve-site", "PORT=80"], cwd=ROOT, capture_output=True, text=True)
    made, served = dry.stdout.splitlines()
    assert made.endswith("-m tools site")
    assert "http.server --bind 127.0.0.1 --directory build/site" in served
    assert '"80"' in served
