"""The whole site, from the committed notebooks, the documents and the docstrings."""

import argparse
import json
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import nbformat
from markupsafe import Markup

from tools.project import root
from tools.site import api, documents, lessons
from tools.site.addresses import Links
from tools.site.frame import STATIC, Entry, Place, page, root_page
from tools.site.opening import LIVE, ways
from tools.site.phrases import phrases
from tools.site.pictures import Folder
from tools.site.prose import Body
from tools.tutorials import ENGLISH, LANGUAGES, notebook_path, tutorials

SITE = root() / "build" / "site"
_API, _HOME = "api.html", "index.html"


def build(site: Path) -> int:
    """Make the site in a folder. What the browser's edition has put there stays.

    Returns:
        How many pages it has.
    """
    site.mkdir(parents=True, exist_ok=True)
    for old in site.iterdir():
        if old.is_dir() and old.name != LIVE:
            shutil.rmtree(old)
        elif old.is_file():
            old.unlink()
    shutil.copytree(STATIC, site / "assets")
    (site / _HOME).write_text(root_page(), encoding="utf-8")
    return 1 + sum(_build_language(site, language) for language in LANGUAGES)


def _build_language(site: Path, language: str) -> int:
    """Make a language's pages; returns how many."""
    folder, say = site / language, phrases(language)
    folder.mkdir()
    pictures = Folder(site / "assets" / "pictures", "../assets/pictures")
    pages = _pages(language)

    read: dict[str, tuple[Body, Collection[str]]] = {}
    for tutorial in tutorials():
        path = notebook_path(language, tutorial)
        shutil.copy(path, folder)
        links = Links(path.relative_to(root()).as_posix(), pages, pictures)
        read[f"{tutorial}.html"] = lessons.body(nbformat.read(path, as_version=4), links, say.output), LANGUAGES
    for document in documents.documents():
        source = documents.source(document, language)
        body = documents.body(document, language, Links(source, pages, pictures))
        read[documents.page_name(document)] = body, documents.written(document)
    read |= {name: (body, [ENGLISH]) for name, body in api.bodies().items()}

    def entry(name: str, title: str = "") -> Entry:
        body, written = read[name]
        return Entry(name, title or body.title, body.summary, english=not title and language not in written)

    of_lessons = [entry(f"{tutorial}.html") for tutorial in tutorials()]
    overview, *others = map(documents.page_name, documents.documents())
    of_documents = [entry(overview, say.overview), *map(entry, others), entry(_API, say.api)]

    for name, (body, written) in read.items():
        tutorial = name.removesuffix(".html")
        to_open = ways(language, tutorial, site) if tutorial in tutorials() else []
        html = page("page.html", Place(language, name, of_lessons, of_documents), body, to_open, written)
        (folder / name).write_text(html, encoding="utf-8")
    home = Body(say.site, say.about, Markup(""), [])
    (folder / _HOME).write_text(
        page("home.html", Place(language, _HOME, of_lessons, of_documents), home), encoding="utf-8"
    )
    index = [found for name, (body, _) in read.items() for found in _entries(name, body)]
    (folder / "search.json").write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    return len(read) + 1


def _pages(language: str) -> dict[str, str]:
    """The page that each file of the repository leads to, from a page in a language."""
    found = lessons.pages() | {"notebooks/README.md": f"{language}/{_HOME}"}
    for document in documents.documents():
        name = documents.page_name(document)
        found[document] = f"{language}/{name}"
        for code in LANGUAGES:
            if (translation := documents.source(document, code)) != document:
                found[translation] = f"{code}/{name}"
    return found


def _entries(name: str, body: Body) -> list[list[str]]:
    """What the search finds on a page: page, anchor, the page's title, the section's, and its words."""
    return [
        [name, section.anchor, body.title, section.title, " ".join(" ".join(section.words).split())]
        for section in body.sections
        if section.title or section.words
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    argparse.ArgumentParser(
        prog="python -m tools site",
        description="Make the site in build/site/ from the committed notebooks, the documents and the docstrings.",
    ).parse_args(arguments)
    started = time.perf_counter()
    count = build(SITE)
    print(f"{SITE.relative_to(root())}: {count} pages in {time.perf_counter() - started:.1f} s")
    return 0
