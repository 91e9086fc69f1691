"""The whole site, from the committed notebooks, the documents and the docstrings."""

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from markupsafe import Markup

from tools.project import root
from tools.site import api, documents, lessons
from tools.site.addresses import Links
from tools.site.frame import STATIC, Entry, Place, page, root_page
from tools.site.opening import LIVE, Way, ways
from tools.site.phrases import phrases
from tools.site.pictures import Folder
from tools.site.prose import Body
from tools.tutorials import LANGUAGES, notebook_path, tutorials

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

    read: dict[str, tuple[Body, bool]] = {}
    for tutorial in tutorials():
        path = notebook_path(language, tutorial)
        shutil.copy(path, folder)
        links = Links(path.relative_to(root()).as_posix(), pages, pictures)
        read[f"{tutorial}.html"] = lessons.body(nbformat.read(path, as_version=4), links, say["output"]), False
    for document in documents.documents():
        path_, english = documents.source(document, language)
        read[documents.page_name(document)] = documents.body(path_, Links(path_, pages, pictures)), english
    read |= {name: (body, True) for name, body in api.bodies().items()}

    of_lessons = [
        Entry(name, read[name][0].title, read[name][0].summary) for name in map("{}.html".format, tutorials())
    ]
    of_documents = [
        Entry(name, say["overview"] if name == documents.page_name(documents.OVERVIEW) else body.title, "", english)
        for name, (body, english) in list(read.items())[len(of_lessons) :]
        if name not in api.bodies()
    ]
    of_documents.append(Entry(_API, say["api"]))

    def write(template: str, name: str, body: Body, to_open: Sequence[Way] = (), *, english: bool = False) -> None:
        place = Place(language, name, of_lessons, of_documents)
        (folder / name).write_text(page(template, place, body, to_open, english=english), encoding="utf-8")

    for name, (body, english) in read.items():
        tutorial = name.removesuffix(".html")
        to_open = ways(language, tutorial, site) if tutorial in tutorials() else []
        write("page.html", name, body, to_open, english=english)
    write("home.html", _HOME, Body(say["site"], say["about"], Markup(""), []))
    index = [entry for name, (body, _) in read.items() for entry in _entries(name, body)]
    (folder / "search.json").write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    return len(read) + 1


def _pages(language: str) -> dict[str, str]:
    """The page that each file of the repository leads to, from a page in a language."""
    found = lessons.pages() | {"notebooks/README.md": f"{language}/{_HOME}"}
    for document in documents.documents():
        name = documents.page_name(document)
        found[document] = f"{language}/{name}"
        for code in LANGUAGES:
            translation, english = documents.source(document, code)
            if not english:
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
