"""Catalogs, code, links and notebooks cannot drift apart unseen."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import polib
import pytest

from tests.conftest import copy_of_the_tree
from tools import building, project
from tools import tutorials as kit
from tools.__main__ import main
from tools.checking.check import check
from tools.checking.wording import glossary_differences, left_in_english
from tools.site.headings import slugs
from tools.translating import spoken
from tools.translating.catalogs import AWAITING, MARKER, MARKER_KEY, SourceError, Term, read_source
from tools.translating.structure import code_difference, markdown_differences
from tools.tutorials import LANGUAGES, notebook_path, tutorials

Spoil = Callable[[Path], object]
Run = Callable[..., tuple[int, str]]
LABEL = '<text data-label="mine" data-width="99" x="9" y="9" font-size="9">Two words</text>'
MARKED = "이 부분은 아직 번역되지 않았습니다."

README = f"""\
<!-- languages -->
<!-- /languages -->

# Memory

Read [lesson 1](notebooks/en/01_redis.ipynb#clean-up), [this page](docs/memorystore.md) or [this one](README.md).

![A picture](docs/chat_panel-en.png)

## Choose your language

Each of these opens one.

<!-- tutorials -->
<!-- /tutorials -->

## Run the lessons on your computer

`[no link](notebooks/en/01_redis.ipynb)` is code.

```shell
git clone {project.repository()}
cd {project.repository().rpartition("/")[2]}
make lab  # opens [all](notebooks/en/01_redis.ipynb)
```
"""
RUN = "run-the-lessons-on-your-computer"
README_IN_KOREAN = {
    "memory": "# 메모리\n\n[이 페이지](docs/memorystore.md), [첫째 튜토리얼](notebooks/en/01_redis.ipynb#정리), "
    "[이것](README.md).\n\n![그림](docs/chat_panel-en.png)",
    "choose-your-language": "## 고르기\n\n하나를 여세요.\n\n{{tutorials}}",
    RUN: "## 실행\n\n`[no link](notebooks/en/01_redis.ipynb)`는 튜토리얼의 코드입니다.\n\n```shell\n"
    "git clone {{repository}}\ncd {{folder}}\nmake lab  # [모두](notebooks/en/01_redis.ipynb)\n```",
}


@contextmanager
def working_in(tree: Path, *languages: str) -> Iterator[pytest.MonkeyPatch]:
    """Have the modules under test work on a copy of the tree, in some languages only."""
    whole = dict(LANGUAGES)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(project, "ROOT", tree)
            for language in whole.keys() - set(languages):
                del LANGUAGES[language]
            yield patch
    finally:
        LANGUAGES.clear()
        LANGUAGES.update(whole)  # in their order, which the notebooks show


async def executes_nothing(*arguments: Any) -> None:
    """What stands in for running a notebook, where its outputs are beside the point."""


@pytest.fixture(scope="session")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with English and Korean alone, in perfect order.

    Cells that Korean still awaits, or has wrong, are left out of it: the tests are of the checks, and have
    to pass while somebody's new paragraph is not translated yet.
    """
    tree = copy_of_the_tree(tmp_path_factory.mktemp("in-order"))
    with working_in(tree, "en", "ko") as patch:
        patch.setattr(building, "execute", executes_nothing)
        for language in ("zh-CN", "fr", "es"):
            shutil.rmtree(tree / f"notebooks/{language}")
        table = tree / "helpers/_localization/languages.py"
        text = table.read_text(encoding="utf-8")
        table.write_text(re.sub(r'\n    "(?!en|ko)[\w-]+": "[^"]+",', "", text), encoding="utf-8")
        (tree / "README.md").write_text(README, encoding="utf-8")
        (tree / "notebooks/locales/reviews.tsv").unlink(missing_ok=True)  # which are of other texts
        main(["extract"])
        edit_catalog("ko", MARKER_KEY, set_text(MARKED))(tree)
        for section, text in README_IN_KOREAN.items():
            edit_catalog("ko", f"README/{section}", translate(text))(tree)
        faults = {problem.where for problem in check(["ko"]) if problem.file.suffix == ".po"}
        for where in faults:
            if found := re.fullmatch(r"ko/diagrams, label '(.+)#(.+)'", where):
                source = kit.diagram_path(found[1])
                without = rf'^ *<\w+ [^\n]*data-label="{found[2]}"[^\n]*\n'
                text = source.read_text(encoding="utf-8")
                source.write_text(re.sub(without, "", text, flags=re.MULTILINE), encoding="utf-8")
            elif found := re.fullmatch(r"ko/(\w+), cell '(.+)'", where):
                source = kit.source_path(found[1])
                without = rf'^# %%[^\n]*id="{found[2]}".*?(?=^# %%|\Z)'
                text = source.read_text(encoding="utf-8")
                source.write_text(re.sub(without, "", text, flags=re.MULTILINE | re.DOTALL), encoding="utf-8")
                for other in source.parent.glob("*.py"):  # which may be like it
                    text = other.read_text(encoding="utf-8")
                    alike = rf'^# %%[^\n]*id="{found[2]}" like="{found[1]}"\n\n'
                    other.write_text(re.sub(alike, "", text, flags=re.MULTILINE), encoding="utf-8")
        main(["extract"])
        said = polib.pofile(str(spoken.path_of("ko")), wrapwidth=0)
        for entry in said.untranslated_entries():
            entry.msgstr = entry.msgid
        said.save()
        catalog = polib.pofile(str(kit.catalog_path("ko")), wrapwidth=0)
        for entry in catalog.obsolete_entries():
            catalog.remove(entry)
        catalog.save()
        main(["build"])
    return tree


@pytest.fixture
def tree(in_order: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of that copy, to be spoiled at will."""
    tree = Path(shutil.copytree(in_order, tmp_path / "tree"))
    with working_in(tree, "en", "ko") as patch:
        patch.setattr(building, "execute", executes_nothing)
        yield tree


@pytest.fixture
def localize(tree: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line at work on that copy; returns its exit status and what it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        try:
            status = main(arguments)
        except SystemExit as exit_:
            status = int(str(exit_.code))
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def edit_catalog(language: str, context: str, change: Callable[[polib.POFile, polib.POEntry], None]) -> Spoil:
    def spoil(tree: Path) -> None:
        path = tree / f"notebooks/locales/{language}.po"
        catalog = polib.pofile(str(path), wrapwidth=0)
        entry = next((entry for entry in catalog if entry.msgctxt == context), None)
        if entry is None:
            pytest.skip(f"{language} has no translation of {context} at present.")
        change(catalog, entry)
        catalog.save(str(path))

    return spoil


def edit_notebook(language: str, tutorial: str, change: Callable[[nbformat.NotebookNode], None]) -> Spoil:
    def spoil(tree: Path) -> None:
        path = tree / f"notebooks/{language}/{tutorial}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        change(notebook)
        nbformat.write(notebook, path)

    return spoil


def cell(notebook: nbformat.NotebookNode, cell_id: str) -> nbformat.NotebookNode:
    found: nbformat.NotebookNode = next(cell for cell in notebook.cells if cell.id == cell_id)
    return found


def set_text(text: str) -> Callable[[polib.POFile, polib.POEntry], None]:
    return lambda catalog, entry: setattr(entry, "msgstr", text)


def translate(text: str) -> Callable[[polib.POFile, polib.POEntry], None]:
    """A translation, in place of one whose English was another."""

    def change(catalog: polib.POFile, entry: polib.POEntry) -> None:
        entry.msgstr, entry.flags, entry.previous_msgid = text, [], None

    return change


def replace(old: str, new: str) -> Callable[[polib.POFile, polib.POEntry], None]:
    def change(catalog: polib.POFile, entry: polib.POEntry) -> None:
        assert old in entry.msgstr
        entry.msgstr = entry.msgstr.replace(old, new)

    return change


def edit_file(name: str, old: str, new: str) -> Spoil:
    """Replace a text in a file; at its end where `old` is empty."""

    def spoil(tree: Path) -> None:
        path = tree / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")

    return spoil


def edit_source(old: str, new: str) -> Spoil:
    return edit_file("notebooks/source/01_redis.py", old, new)


def edit_metadata(change: Callable[[nbformat.NotebookNode], None]) -> Spoil:
    return edit_notebook("ko", "01_redis", lambda nb: change(nb.metadata))


def edit_cell(cell_id: str, **new: Any) -> Spoil:
    return edit_notebook("ko", "01_redis", lambda nb: cell(nb, cell_id).update(new))


def output(kind: str, **content: Any) -> Spoil:
    made = nbformat.v4.new_output(kind, **content)
    return edit_notebook("ko", "01_redis", lambda nb: cell(nb, "greeting").outputs.append(made))


def test_a_tree_in_order_passes(localize: Run) -> None:
    assert localize("check") == (0, "no problem(s) in 2 languages.\n")


def obsolete(catalog: polib.POFile, entry: polib.POEntry) -> None:
    entry.obsolete = True


def english(catalog: polib.POFile, entry: polib.POEntry) -> None:
    entry.msgstr = entry.msgid


R, M = "01_redis", "02_memorystore"
PO = r"\(notebooks/locales/ko\.po:\d+\)"


def translated(context: str, old: str, new: str, message: str) -> tuple[Spoil, str]:
    """A translation changed, and what check has to say of its cell."""
    tutorial, cell_id = context.split("/")
    return edit_catalog("ko", context, replace(old, new)), rf"ko/{tutorial}, cell '{cell_id}' {PO}: {message}"


def added(english: str, translation: str, message: str) -> tuple[Spoil, str]:
    """A line more in a cell whose words are translated, and what check has to say of its translation."""

    def spoil(tree: Path) -> None:
        edit_source('print(f"messages:', f'{english}\nprint(f"messages:')(tree)

        def change(catalog: polib.POFile, entry: polib.POEntry) -> None:
            entry.msgid, entry.msgstr = f"{english}\n{entry.msgid}", f"{translation}\n{entry.msgstr}"

        edit_catalog("ko", f"{R}/length", change)(tree)

    return spoil, rf"ko/01_redis, cell 'length' {PO}: {message}"


DRIFT: dict[str, tuple[Spoil, str]] = {
    # Entries
    "an entry missing": (
        edit_catalog("ko", f"{R}/cleanup", lambda catalog, entry: catalog.remove(entry)),
        r"ko/01_redis, cell 'cleanup' \(notebooks/source/01_redis.py:\d+\): missing from the catalog",
    ),
    "an entry not translated": (
        edit_catalog("ko", f"{M}/same", set_text("")),
        rf"ko/02_memorystore, cell 'same' {PO}: awaiting translation: not translated",
    ),
    "an entry empty": (
        edit_catalog("ko", f"{M}/same", set_text(" \n ")),
        rf"ko/02_memorystore, cell 'same' {PO}: empty",
    ),
    "an entry fuzzy": (
        edit_catalog("ko", f"{R}/ttl", lambda catalog, entry: entry.flags.append("fuzzy")),
        rf"ko/01_redis, cell 'ttl' {PO}: awaiting translation: fuzzy",
    ),
    "an entry obsolete": (
        edit_catalog("ko", f"{R}/ttl", obsolete),
        rf"ko/01_redis, cell 'ttl' {PO}: obsolete",
    ),
    "an entry of no cell": (
        edit_catalog("ko", f"{R}/ttl", lambda catalog, entry: setattr(entry, "msgctxt", f"{R}/gone")),
        rf"ko/01_redis, cell 'gone' {PO}: obsolete",
    ),
    "no catalog": (
        lambda tree: (tree / "notebooks/locales/ko.po").unlink(),
        r"ko \(notebooks/locales/ko.po\): there is no catalog; run python -m tools new ko",
    ),
    "English changed": (
        edit_source("you find out within four seconds", "you learn it within four seconds"),
        rf"ko/01_redis, cell 'endpoint' {PO}: the English source has changed; run python -m tools extract",
    ),
    "English code changed": (
        edit_source("client.llen(history.key) == len(history) == 2", "client.llen(history.key) == len(history) == 3"),
        r"en/01_redis, cell 'length' \(notebooks/en/01_redis.ipynb:\d+\): the text is not what",
    ),
    # Code
    "code changed": translated(
        f"{R}/chain-built", "MessagesPlaceholder(", "MessagesPlaceholders(", "the code differs from the English"
    ),
    "a string changed that is not for readers": translated(
        f"{R}/chain-built", '"history"', '"역사"', "the code differs from the English"
    ),
    "a magic changed": translated(f"{R}/install", "%pip install", "%pip download", "the code differs"),
    "a shell line changed": translated(f"{R}/install", "!pip list", "!pip freeze", "the code differs"),
    "code broken": translated(f"{R}/conversation", "GREETING = ", "GREETING = '", "the translated code is not Python"),
    "a placeholder of an f-string": translated(
        f"{M}/fail-over", "{written}", "{longest}", r"the placeholders {…} of a text differ: {longest}"
    ),
    "a form field": translated(
        f"{R}/form", '# @param {type:"string"}', '# @param {type:"number"}', r"the form fields \(# @param"
    ),
    # What is code in a cell whose words are translated
    "a text that is compared": translated(
        f"{M}/fail-over", '"STANDARD_HA":', '"BASIC":', "the code differs .*'BASIC', and not 'STANDARD_HA'"
    ),
    "a form's value": translated(f"{M}/form", '"us-central1"', '"asia-northeast3"', "the code differs"),
    "a form's blank value": translated(
        f"{R}/form", 'ENDPOINT = ""', 'ENDPOINT = "redis://x"', "the code differs .*'redis://x'"
    ),
    "another language's code": translated(f"{R}/form", '"ko"', '"ja"', "the code differs .*'ja', and not 'en'"),
    "the format of a number": added(
        'x = 1\nprint(f"one {x:.2f}")',
        'x = 1\nprint(f"하나 {x:.3f}")',
        r"the placeholders .*:\.3f}; in English .*:\.2f",
    ),
    "a shell line of such a cell": added(
        "!echo one two", "!echo one three", r"the code differs .*'echo one three', and not 'echo one two'"
    ),
    "a magic of such a cell": added("%env A=one two", "%env A=one three", "the code differs"),
    "the arguments of a program": added(
        'subprocess.run("echo one two")', 'subprocess.run("echo one three")', "the code differs"
    ),
    "a keyword argument that reads like words": added(
        'print("a", end="the end.")', 'print("a", end="끝 입니다.")', "the code differs"
    ),
    "a key of a dictionary": added('x = {"the key": 1}["the key"]', 'x = {"열쇠 a": 1}["열쇠 a"]', "the code differs"),
    "a format of format()": added(
        'print("one {:.2f}".format(1))',
        'print("하나 {:.3f}".format(1))',
        r"the placeholders .*{:\.3f}; in English {:\.2f}",
    ),
    "a format with a percent sign": added(
        'print("one %.2f" % 1)', 'print("하나 %.3f" % 1)', r"the formats of a text differ: %\.3f; in English %\.2f"
    ),
    "raw HTML in a text": added(
        'print("one")', 'print("<img src=x>")', "the HTML tags of a text differ: .* has besides <img src=x>"
    ),
    "raw HTML in a form's text": translated(
        f"{M}/delete-instance", "# @markdown ", "# @markdown <b>", "the HTML tags differ: .* has besides <b>"
    ),
    "a text of a form lost": translated(f"{M}/delete-instance", "# @markdown ", "# ", "the texts of the form"),
    # Markdown
    "raw HTML": translated(
        f"{R}/cleanup",
        "`clear`",
        '<span onclick="x">`clear`</span>',
        "the HTML tags differ: .* has besides </span>, <span",
    ),
    "a block of raw HTML": translated(
        f"{R}/cleanup",
        "## ",
        "<script src=x>\n</script>\n\n## ",
        "the HTML tags differ: .* has besides </script>, <script",
    ),
    "a heading's level": translated(
        f"{M}/failover", "\n### ", "\n#### ", "the headings differ: h2, h4; in English h2, h3"
    ),
    "a heading lost": translated(f"{R}/cleanup", "## ", "", "the headings differ: none; in English h2"),
    "a link's address": translated(
        f"{R}/endpoint",
        "redis.readthedocs.io",
        "example.org",
        r"the links differ: .*lacks https://redis.*besides .*example",
    ),
    "a link lost": translated(
        f"{M}/chain", "(01_redis.ipynb)", "", "the links differ: the translation lacks 01_redis.ipynb"
    ),
    "a link to another tutorial": translated(
        f"{M}/chain", "01_redis.ipynb", "02_memorystore.ipynb", "the links differ: .* has besides 02_memorystore.ipynb"
    ),
    "a link to another language": translated(
        f"{M}/chain",
        "01_redis.ipynb",
        "../en/01_redis.ipynb",
        r"the links differ: .* has besides en/01_redis.ipynb",
    ),
    "an image": translated(f"{R}/cleanup", "`clear`", "![](a.png) `clear`", "the images differ: .* has besides a.png"),
    "inline code": translated(
        f"{M}/connection", "`connect`", "`connecting`", "the inline code differ: .* lacks connect"
    ),
    "a placeholder": translated(
        f"{M}/next", "{{repository}}", "https://example.org", "the placeholders differ: .* lacks {{repository}}"
    ),
    "a table's row": translated(
        f"{M}/endpoint", "|---|---|", "|---|---|\n| a | b |", "the tables differ: 8 rows × 2 columns; in English 7 rows"
    ),
    "a table's column": translated(
        f"{R}/bounded",
        "|\n|---|---|",
        "| |\n|---|---|---|",
        "the tables differ: 4 rows × 3 columns; in English 4 rows × 2",
    ),
    "a list's item": translated(f"{M}/instances", "\n- ", "\n", "the lists differ"),
    "a list's kind": translated(f"{M}/history", "\n1. ", "\n- ", "the lists differ"),
    "a code block": translated(f"{M}/endpoint", "--zone=ZONE", "--zone=A", "a code block differs .*--zone=A"),
    "a code block lost": translated(f"{M}/endpoint", "```", "", "the code blocks differ: 0 in the translation, 3 in"),
    # Words
    "another word than the glossary's": translated(
        f"{M}/setup", "에뮬레이터", "모의 서버", "the glossary has “에뮬레이터” for “emulator”"
    ),
    "a paragraph that is English": (
        edit_catalog("ko", f"{M}/same", english),
        rf"ko/02_memorystore, cell 'same' {PO}: the translation is the English text",
    ),
    "a comment that is English": (
        edit_catalog("ko", f"{R}/install", english),
        rf"ko/01_redis, cell 'install' {PO}: the translation is the English text",
    ),
    "half a sentence that is English": translated(
        f"{R}/inside-length",
        "Redis가",
        "It is the number of seconds until Redis deletes the key. Redis가",
        "left in English: “is the number of seconds",
    ),
    "a glossary's line": (
        edit_file("notebooks/locales/ko.glossary.tsv", "", "tea, tea\n"),
        r"^notebooks/locales/ko.glossary.tsv:\d+: not a line of a glossary",
    ),
    "no glossary": (
        lambda tree: (tree / "notebooks/locales/ko.glossary.tsv").unlink(),
        r"ko \(notebooks/locales/ko.glossary.tsv\): there is no glossary",
    ),
    "a text of the package that is put together": (
        edit_file("helpers/environment.py", "", '\nsay(f"{Platform}")\n'),
        r"^helpers/environment.py:\d+: a text that is put together at run time can't be translated",
    ),
    # Links
    "a link to no file": (
        edit_file("README.md", "", "\n[gone](docs/gone.md)\n"),
        r"^README.md:\d+: the link docs/gone.md leads to no file",
    ),
    "a link that differs in case": (
        edit_file("README.md", "", "\n[gone](docs/Memorystore.md)\n"),
        r"^README.md:\d+: the link docs/Memorystore.md leads to no file",
    ),
    "an image that is no file": (
        edit_file("docs/memorystore.md", "", "\n![gone](gone.png)\n"),
        r"^docs/memorystore.md:\d+: the link gone.png leads to no file",
    ),
    "an anchor of no heading": (
        edit_file("docs/memorystore.md", "", "\n[gone](#gone)\n"),
        r"^docs/memorystore.md:\d+: the link #gone leads to no heading",
    ),
    "an anchor of no heading in another language": (
        edit_cell("title", source="# 제목\n\n[x](../en/01_redis.ipynb#gone)"),
        r"ko/01_redis, cell 'title' \(.*\): the link \.\./en/01_redis.ipynb#gone leads to no heading",
    ),
    "a link to a language that is not there": (
        edit_cell("title", source="# 제목\n\n[x](../tlh/01_redis.ipynb)"),
        r"ko/01_redis, cell 'title' \(.*\): the link \.\./tlh/01_redis.ipynb leads to no file",
    ),
    "an address of a file that the repository has not": (
        edit_file("README.md", "", f"\n[gone]({project.repository()}/blob/main/docs/gone.md)\n"),
        r"^README.md:\d+: the link http\S+ leads to no file of this repository",
    ),
    # Generated files
    "prose edited in a notebook": (
        edit_cell("title", source="# Mine"),
        r"cell 'title' \(.*:\d+\): the text is not what",
    ),
    "code edited in a notebook": (
        edit_cell("records", source="pass"),
        r"cell 'records' \(.*:\d+\): the text is not what",
    ),
    "a cell added to a notebook": (
        edit_notebook("ko", R, lambda nb: nb.cells.append(nbformat.v4.new_markdown_cell("1"))),
        r"ko/01_redis \(.*\): the order of the cells is not what",
    ),
    "a tag edited in a notebook": (
        edit_cell("records", metadata={"tags": ["varies"]}),
        r"ko/01_redis \(.*\): the file \(metadata, tags or layout\) is not what",
    ),
    "a notebook's layout": (
        edit_file("notebooks/ko/01_redis.ipynb", "\n ", "\n  "),
        r"ko/01_redis \(.*\): the file \(metadata, tags or layout\) is not what",
    ),
    "a notebook missing": (
        lambda tree: (tree / "notebooks/ko/02_memorystore.ipynb").unlink(),
        r"ko/02_memorystore \(.*\): there is no notebook",
    ),
    "README's table": (
        edit_file("README.md", "| [한국어]", "| [Korean]"),
        r"^README.md: the page is not what the source and the catalog make; run python -m tools build",
    ),
    "the overview": (
        edit_file("notebooks/README.md", "", "Mine\n"),
        r"^notebooks/README.md: the page is not what",
    ),
    # Documents
    "a document edited in a language": (
        edit_file("docs/ko/README.md", "메모리", "기억"),
        r"^docs/ko/README.md: the page is not what",
    ),
    "a document missing in a language": (
        lambda tree: (tree / "docs/ko/README.md").unlink(),
        r"^docs/ko/README.md: the page is not what",
    ),
    "a section missing from the catalog": (
        edit_catalog("ko", f"README/{RUN}", lambda catalog, entry: catalog.remove(entry)),
        rf"^ko/README, section '{RUN}' \(README.md:22\): missing from the catalog",
    ),
    "a section changed in English": (
        edit_file("README.md", "is code", "is some code"),
        rf"^ko/README, section '{RUN}' {PO}: the English source has changed; run python -m tools extract",
    ),
    "a section's code": (
        edit_catalog("ko", f"README/{RUN}", replace("make lab", "make labs")),
        rf"^ko/README, section '{RUN}' {PO}: a code block differs from English beyond its comments: make labs",
    ),
    "a section's link": (
        edit_catalog("ko", "README/memory", replace("docs/memorystore.md", "docs/threads.md")),
        rf"^ko/README, section 'memory' {PO}: the links differ: .* lacks docs/memorystore.md",
    ),
    "a section's table lost": (
        edit_catalog("ko", "README/choose-your-language", replace("{{tutorials}}", "")),
        rf"^ko/README, section 'choose-your-language' {PO}: the placeholders differ: .* lacks {{{{tutorials}}}}",
    ),
    "a section that is English": (
        edit_catalog("ko", f"README/{RUN}", english),
        rf"^ko/README, section '{RUN}' {PO}: the translation is the English text",
    ),
    "an anchor of no heading in a document": (
        edit_catalog("ko", "README/memory", replace("#정리", "#gone")),
        r"^docs/ko/README.md: the page is not what",
    ),
    "a picture edited by hand": (
        edit_file("notebooks/ko/diagrams/turn.svg", "</svg>", "<g/></svg>"),
        r"ko/diagrams/turn \(.*\): the picture is not what",
    ),
    "a picture missing": (
        lambda tree: (tree / "notebooks/en/diagrams/trust.svg").unlink(),
        r"en/diagrams/trust \(.*\): the picture is not what",
    ),
    "a picture of no diagram": (
        lambda tree: (tree / "notebooks/ko/diagrams/gone.svg").write_text("<svg/>"),
        r"ko/diagrams \(notebooks/ko/diagrams/gone.svg\): a picture that no diagram makes",
    ),
    "a label that the catalog has not": (
        edit_file("notebooks/source/diagrams/turn.svg", "</svg>", f"{LABEL}</svg>"),
        r"ko/diagrams, label 'turn#mine' \(notebooks/source/diagrams/turn.svg:\d+\): missing from the catalog",
    ),
    "a label that awaits translation": (
        lambda tree: (
            edit_file("notebooks/source/diagrams/turn.svg", "</svg>", f"{LABEL}</svg>")(tree),
            main(["extract"]),
        ),
        r"ko/diagrams, label 'turn#mine' \(notebooks/locales/ko.po:\d+\): awaiting translation: not translated",
    ),
    "a diagram that is not there": (
        lambda tree: (
            edit_source("The clock restarts", "![gone](diagrams/gone.svg) The clock")(tree),
            main(["build"]),
        ),
        r"en/01_redis, cell 'ttl' \(.*\): the link diagrams/gone.svg leads to no file",
    ),
    # What a machine leaves
    "a kernel of somebody's own": (
        edit_metadata(lambda metadata: metadata.kernelspec.update(name="my-env")),
        r"ko/01_redis \(.*\): the kernel is my-env",
    ),
    "the state of widgets": (
        edit_metadata(lambda metadata: metadata.update(widgets={})),
        r"ko/01_redis \(.*\): the metadata holds the state of widgets",
    ),
    "a path in the metadata": (
        edit_metadata(lambda metadata: metadata.update(papermill={"input_path": "/home/bob/a.ipynb"})),
        r"ko/01_redis \(.*\): the metadata names a machine: /home/bob",
    ),
    "a path in a cell's metadata": (
        edit_cell("greeting", metadata={"file": "C:\\Users\\bob"}),
        r"cell 'greeting' \(.*\): the cell's metadata names a machine",
    ),
    "execution counts of a session": (
        edit_cell("greeting", execution_count=41),
        r"cell 'greeting' \(.*:\d+\): the execution count is 41 and not \d+",
    ),
    "a path in an output": (
        output("stream", text="/Users/bob/.venv/bin/python\n"),
        r"cell 'greeting' \(.*\): the output names a machine: /Users/bob",
    ),
    "a path of Windows in an output": (
        output("execute_result", data={"text/plain": r"'C:\bob\kit'"}),
        r"cell 'greeting' \(.*\): the output names a machine: .*C:",
    ),
    "a port in an output": (
        output("stream", text="redis://127.0.0.1:40613\n"),
        r"cell 'greeting' \(.*\): the output names a machine: redis",
    ),
    "a warning in an output": (
        output("stream", name="stderr", text="DeprecationWarning"),
        r"cell 'greeting' \(.*\): the output holds an error or a warning",
    ),
    "an error in an output": (
        output("error", ename="ValueError", evalue="", traceback=[]),
        r"cell 'greeting' \(.*\): the output holds an error or a warning",
    ),
    "a widget in an output": (
        output("display_data", data={"application/vnd.jupyter.widget-view+json": {}}),
        r"cell 'greeting' \(.*\): the output is a widget",
    ),
}


@pytest.mark.parametrize("kind", DRIFT)
def test_check_names_the_place_of_each_kind_of_drift(tree: Path, localize: Run, kind: str) -> None:
    spoil, message = DRIFT[kind]
    spoil(tree)
    for arguments in [("check",)] if "awaiting" in message else [("check",), ("check", "--awaiting-translation-ok")]:
        status, printed = localize(*arguments)
        assert re.search(message, printed, re.MULTILINE), printed
        assert status == 1


# --- links to other sites -----------------------------------------------------------------------

LINKS = "notebooks/locales/links.toml"


def test_a_link_leads_to_the_readers_language(tree: Path, localize: Run) -> None:
    for name in ("ko", "en"):
        page = (tree / f"notebooks/{name}/02_memorystore.ipynb").read_text(encoding="utf-8")
        assert ("https://cloud.google.com/memorystore/docs?hl=ko" in page) == (name == "ko")
        assert "https://console.cloud.google.com/flows/enableapi?apiid=redis.googleapis.com)" in page
    edit_file(LINKS, 'ko = "ko"', 'ko = "ko-kr"')(tree)
    assert "notebooks/ko/02_memorystore.ipynb" in localize("check")[1]
    assert localize("build")[0] == 0
    assert localize("check")[0] == 0
    page = (tree / "notebooks/ko/02_memorystore.ipynb").read_text(encoding="utf-8")
    assert "https://cloud.google.com/memorystore/docs?hl=ko-kr" in page


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            edit_file(LINKS, '  "https://docs.langchain.com/",\n', ""),
            r"en/\w+, (cell|section) .*: the link https://docs\.l",
        ),
        (edit_file(LINKS, "https://github.com/", "https://example.com/"), "nothing leads to https://example.com/"),
        (
            edit_file(LINKS, "https://redis.io/", "http://redis.io/"),
            "http://redis.io/docs/ is no beginning",
        ),
        (edit_file(LINKS, "https://redis.io/docs/", "https://github.com/"), "https://github.com/ stands there twice"),
        (edit_file(LINKS, 'parameter = "hl"', ""), "a parameter and languages belong together"),
        (edit_file(LINKS, 'ko = "ko"', 'korean = "ko"'), "korean is no language's code"),
        (edit_file(LINKS, "parameter", "parameters"), "1: this is no table of sites: .*'parameters'"),
        (edit_file(LINKS, "begins = [", "begins = "), "1: this is no table of sites: .*line"),
    ],
    ids=["unknown", "unused", "no https", "twice", "half", "language", "field", "no TOML"],
)
def test_a_table_of_links_that_is_wrong_is_refused(tree: Path, localize: Run, spoil: Spoil, message: str) -> None:
    spoil(tree)
    status, printed = localize("check")
    assert status == 1
    assert re.search(message, printed), printed


# --- broken files -------------------------------------------------------------------------------

TUTORIALS, SPOKEN = "notebooks/locales/ko.po", "helpers/_localization/locales/ko.po"


def lost_quote(text: str) -> tuple[str, int]:
    """A translation without its first quotation mark: of several lines if there is one, which begins with a heading."""
    lines = text.split("\n")
    several = [at for at, line in enumerate(lines) if at > 20 and lines[at - 1] == 'msgstr ""' and line]
    at = several[0] if several else next(at for at, line in enumerate(lines) if re.match('msgstr ".', line))
    lines[at] = lines[at].replace('"', "", 1)
    return "\n".join(lines), at + 1


def unended(text: str) -> tuple[str, int]:
    """A translation of one line without its last quotation mark."""
    lines = text.split("\n")
    at = next(at for at in range(40, len(lines)) if re.match('msgstr ".', lines[at]))
    lines[at] = lines[at][:-1]
    return "\n".join(lines), at + 1


def conflict(text: str) -> tuple[str, int]:
    at = text.index("\nmsgctxt", 5000) + 1
    return f"{text[:at]}<<<<<<< HEAD\n{text[at:]}", text[:at].count("\n") + 1


def twice(text: str) -> tuple[str, int]:
    at = text.index("\n\n", 5000) + 2
    entry = text[at : text.index("\n\n", at)]
    return f"{text}\n{entry}\n", text.count("\n") + 2


def no_msgid(text: str) -> tuple[str, int]:
    lines = text.split("\n")
    at = next(at for at in range(40, len(lines)) if lines[at].startswith("msgid") and lines[at] != 'msgid ""')
    return "\n".join([*lines[:at], *lines[at + 1 :]]), at + 1


def stray_separator(text: str) -> tuple[str, int]:
    at = text.index('\nmsgstr "', 5000) + len('\nmsgstr "')
    return f"{text[:at]}\u2028{text[at:]}", text[:at].count("\n") + 1


BREAKS: dict[str, tuple[Callable[[str], tuple[str, int]], str]] = {
    "a lost quotation mark": (lost_quote, "not a line of a catalog; is a quotation mark lost"),
    "a quotation mark lost at the end": (unended, "not a line of a catalog; is a quotation mark lost"),
    "a conflict mark": (conflict, "a conflict mark of Git's"),
    "an entry twice": (twice, r"an entry that is on line \d+ already"),
    "an entry without its English": (no_msgid, "out of its place"),
    "a separator of lines in a text": (stray_separator, "not a line of a catalog; .* a strange sign"),
}


@pytest.mark.parametrize("name", [TUTORIALS, SPOKEN], ids=["tutorials", "package"])
@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_catalog_is_named_with_its_line(tree: Path, localize: Run, name: str, kind: str) -> None:
    break_, message = BREAKS[kind]
    broken, line = break_((tree / name).read_text(encoding="utf-8"))
    (tree / name).write_text(broken, encoding="utf-8")
    status, printed = localize("check")
    assert status == 1
    assert re.fullmatch(rf"{name}:{line}: {message}.*\n1 problem\(s\) in 2 languages\.\n", printed), printed


@pytest.mark.parametrize("name", [TUTORIALS, SPOKEN, "notebooks/locales/ko.glossary.tsv"])
@pytest.mark.parametrize("encoding", ["cp949", "utf-16"])
def test_another_encoding_is_named_with_its_line(tree: Path, localize: Run, name: str, encoding: str) -> None:
    text = (tree / name).read_text(encoding="utf-8")
    (tree / name).write_bytes(text.encode(encoding, "replace"))
    line = 1 if encoding == "utf-16" else next(n for n, one in enumerate(text.split("\n"), 1) if not one.isascii())
    status, printed = localize("check")
    assert status == 1
    assert printed.startswith(f"{name}:{line}: not UTF-8; "), printed


@pytest.mark.parametrize("command", [("extract",), ("build",), ("status",), ("diff", "ko")])
@pytest.mark.parametrize("name", [TUTORIALS, SPOKEN], ids=["tutorials", "package"])
def test_other_commands_name_it_too_and_change_nothing(
    tree: Path, localize: Run, command: tuple[str, ...], name: str
) -> None:
    broken, line = conflict((tree / name).read_text(encoding="utf-8"))
    (tree / name).write_text(broken, encoding="utf-8")
    before = snapshot(tree)
    assert localize(*command) == (
        1,
        f"{name}:{line}: a conflict mark of Git's; choose a version and remove the marks.\n",
    )
    assert snapshot(tree) == before


@pytest.mark.parametrize("name", [TUTORIALS, SPOKEN], ids=["tutorials", "package"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: b"\xef\xbb\xbf" + content, "the file begins with a byte order mark"),
        (lambda content: content.replace(b"\n", b"\r\n"), "lines end as on Windows (CRLF)"),
    ],
    ids=["byte order mark", "CRLF"],
)
def test_what_windows_leaves_in_a_catalog_is_named_and_mended(
    tree: Path, localize: Run, name: str, change: Callable[[bytes], bytes], said: str
) -> None:
    before = (tree / name).read_bytes()
    (tree / name).write_bytes(change(before))
    status, printed = localize("check")
    assert status == 1
    assert f"{name}:1: {said}; run python -m tools extract.\n" in printed
    assert localize("extract")[0] == 0
    assert (tree / name).read_bytes() == before


def test_a_source_in_the_middle_of_a_merge_is_named(tree: Path, localize: Run) -> None:
    edit_source("assert client.ping()\n", "<<<<<<< HEAD\nassert client.ping()\n=======\npass\n>>>>>>> mine\n")(tree)
    status, printed = localize("check")
    assert status == 1
    assert re.fullmatch(r"notebooks/source/01_redis\.py:\d+: a conflict mark of Git's; .*\n", printed)


def test_a_notebook_that_is_no_json_any_more_is_named(tree: Path, localize: Run) -> None:
    path = notebook_path("ko", R)
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
    assert "ko/01_redis (notebooks/ko/01_redis.ipynb): there is no notebook" in localize("check")[1]


# --- awaiting translation -----------------------------------------------------------------------


def snapshot(tree: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in tree.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def page(tree: Path, language: str) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(tree / f"notebooks/{language}/01_redis.ipynb", as_version=4)
    return notebook


def change_english(tree: Path) -> None:
    """New prose in one cell, and new code in another that has a comment."""
    edit_source("abandoned ones disappear after an hour.", "abandoned ones are gone an hour later.")(tree)
    edit_source("# The deprecation is explained above;", "new = 1\n# The deprecation was explained above;")(tree)


def test_changed_english_shows_at_once_and_awaits_translation(tree: Path, localize: Run) -> None:
    change_english(tree)
    for command in ("extract", "build"):
        assert localize(command)[0] == 0

    status, printed = localize("check", "--awaiting-translation-ok")
    assert status == 0, printed
    assert re.search(rf"ko/01_redis, cell 'ttl' {PO}: awaiting translation: fuzzy", printed)
    assert printed.endswith(
        "2 message(s) awaiting translation, which only a release refuses.\nno problem(s) in 2 languages.\n"
    )

    made = page(tree, "ko")
    prose, code = cell(made, "ttl"), cell(made, "chain-built")
    assert prose.source.startswith(f"> *{MARKED}*\n\nThe clock restarts")
    assert "are gone an hour later" in prose.source
    assert "new = 1\n# The deprecation was explained above" in code.source
    assert prose.metadata.tags == code.metadata.tags == [AWAITING]
    assert cell(made, "cleanup").source.startswith("## 정리")
    assert AWAITING not in json.dumps(page(tree, "en"))

    status, printed = localize("check")
    assert status == 1
    assert "2 problem(s)" in printed
    assert re.search(
        r"^ko +\d+ translated, 2 fuzzy(?: +\d+ translated){5} +3 translated(?: +\d+ translated){2} "
        r"+1 translated +\d+ translated$",
        localize("status")[1],
        re.MULTILINE,
    )
    assert ", 2 fuzzy<br>" in (tree / "notebooks/README.md").read_text(encoding="utf-8")


def test_diff_shows_what_changed_in_english(tree: Path, localize: Run) -> None:
    assert localize("diff", "ko") == (0, "Nothing awaits translation.\n")
    change_english(tree)
    before_extract = localize("diff", "ko")[1]
    localize("extract")
    status, printed = localize("diff", "ko", "--tutorial", R)
    assert status == 0
    assert re.sub(r"po:\d+", "", printed) == re.sub(r"po:\d+", "", before_extract)
    assert re.search(r"ko/01_redis, cell 'ttl' \(locales/ko\.po:\d+\)", printed)
    assert "[-disappear after-]{+are gone+} an [-hour.-]{+hour later.+}" in printed
    assert "\n+new = 1\n" in printed
    assert "한 시간 뒤에 사라집니다" in printed
    assert localize("diff", "ko", "--tutorial", M)[1] == "Nothing awaits translation.\n"


def test_what_the_package_says_is_counted_and_shown_too(tree: Path, localize: Run) -> None:
    path = tree / "helpers/_localization/locales/ko.po"
    catalog = polib.pofile(str(path), wrapwidth=0)
    catalog.find("No instances.").flags.append("fuzzy")
    catalog.save()
    assert re.search(r"^ko .* +\d+ translated, 1 fuzzy$", localize("status")[1], re.MULTILINE)
    printed = localize("diff", "ko")[1]
    assert "helpers/_localization/locales/ko.po): fuzzy" in printed
    assert "No instances." in printed


INCOMPLETE = "The list is incomplete: {regions} could not be reached. Try again later."


def spoken_catalog() -> dict[str, polib.POEntry]:
    return {entry.msgid: entry for entry in polib.pofile(str(spoken.path_of("ko")), wrapwidth=0)}


def say_otherwise(old: str, new: str) -> Spoil:
    return edit_file("helpers/memorystore/instances.py", f'"{old}"', f'"{new}"')


def test_what_the_package_says_otherwise_keeps_its_translation(tree: Path, localize: Run) -> None:
    before = spoken_catalog()
    second, third = (INCOMPLETE.replace("later", word) for word in ("soon", "in a while"))
    say_otherwise(INCOMPLETE, second)(tree)
    localize("extract")
    say_otherwise(second, third)(tree)
    for _ in range(2):
        localize("extract")
        after = spoken_catalog()
        assert (after.keys() - before.keys(), before.keys() - after.keys()) == ({third}, {INCOMPLETE})
        assert [text for text, entry in after.items() if entry.fuzzy] == [third]
        assert after[third].previous_msgid == INCOMPLETE
        assert after[third].msgstr == before[INCOMPLETE].msgstr
    status, printed = localize("check", "--awaiting-translation-ok")
    assert (status, "marked fuzzy" in printed) == (0, True)
    printed = localize("diff", "ko")[1]
    assert "Try again [-later.-]{+in a while.+}" in printed
    assert before[INCOMPLETE].msgstr in printed


def test_what_the_package_says_anew_takes_no_other_translation(tree: Path, localize: Run) -> None:
    say_otherwise(INCOMPLETE, "Of {regions} nothing is known.")(tree)
    localize("extract")
    after = spoken_catalog()
    assert after["Of {regions} nothing is known."].msgstr == ""
    assert not any(entry.fuzzy for entry in after.values())


def test_what_the_offline_model_says_otherwise_is_known_by_its_place(tree: Path, localize: Run) -> None:
    catalog = polib.pofile(str(spoken.path_of("ko")), wrapwidth=0)
    greeting = next(entry for entry in catalog if entry.msgctxt == "offline_model/greets")
    now, greeting.msgid = greeting.msgid, "Howdy."
    catalog.save()
    localize("extract")
    changed = spoken_catalog()[now]
    assert (changed.fuzzy, changed.previous_msgid, changed.msgstr) == (True, "Howdy.", greeting.msgstr)


def test_a_translation_keeps_the_english_it_was_made_from(tree: Path, localize: Run) -> None:
    before = {entry.msgctxt: entry for entry in polib.pofile(str(kit.catalog_path("ko")))}
    edit_source("## Clean up", "## Tidy up")(tree)
    localize("extract")
    edit_source("## Tidy up", "## Sweep")(tree)
    localize("extract")
    after = {entry.msgctxt: entry for entry in polib.pofile(str(kit.catalog_path("ko")))}
    changed = after[f"{R}/cleanup"]
    assert changed.fuzzy
    assert changed.msgstr == before[f"{R}/cleanup"].msgstr
    assert changed.previous_msgid == before[f"{R}/cleanup"].msgid
    assert changed.msgid.startswith("## Sweep")
    assert [context for context, entry in after.items() if entry.fuzzy] == [f"{R}/cleanup"]


def test_an_entry_without_translation_and_a_catalog_without_marker(tree: Path, localize: Run) -> None:
    edit_catalog("ko", f"{R}/ttl", set_text(""))(tree)
    edit_catalog("ko", MARKER_KEY, set_text(""))(tree)
    assert localize("build")[0] == 0
    assert cell(page(tree, "ko"), "ttl").source.startswith(f"> *{MARKER}*\n\nThe clock restarts")
    assert re.search(
        r"^ko +\d+ translated, 1 missing(?: +\d+ translated){5} +3 translated(?: +\d+ translated){2} "
        r"+0 translated, 1 missing +\d+ translated$",
        localize("status")[1],
        re.M,
    )
    assert localize("check", "--awaiting-translation-ok")[0] == 0


# --- documents ----------------------------------------------------------------------------------


def test_a_document_leads_to_the_files_of_its_language(tree: Path) -> None:
    lines = (tree / "docs/ko/README.md").read_text(encoding="utf-8").splitlines()
    table = [line.split(" | ")[0] for line in lines if line.startswith("|")]
    assert lines[0].startswith("<!-- Generated by python -m tools from README.md and notebooks/locales/ko.po")
    assert lines[2:9] == [
        "[English](../../README.md) · **한국어**",
        "",
        "# 메모리",
        "",
        "[이 페이지](../memorystore.md), [첫째 튜토리얼](../../notebooks/ko/01_redis.ipynb#정리), [이것](README.md).",
        "",
        "![그림](../chat_panel-en.png)",
    ]
    assert table == ["|", "|---|---|---|---|", "| English", "| [한국어](README.md)"]
    assert "`[no link](notebooks/en/01_redis.ipynb)`는 튜토리얼의 코드입니다." in lines
    address = project.repository()
    assert lines[lines.index("```shell") + 1 :] == [
        f"git clone {address}",
        f"cd {address.rpartition('/')[2]}",
        "make lab  # [모두](notebooks/en/01_redis.ipynb)",
        "```",
    ]
    assert (
        (tree / "README.md")
        .read_text(encoding="utf-8")
        .startswith("<!-- languages -->\n**English** · [한국어](docs/ko/README.md)\n<!-- /languages -->\n\n# Memory\n")
    )


def test_a_document_shows_the_picture_of_its_language(tree: Path, localize: Run) -> None:
    shutil.copy(tree / "docs/chat_panel-en.png", tree / "docs/chat_panel-ko.png")
    assert localize("build")[0] == 0
    assert "![그림](../chat_panel-ko.png)" in (tree / "docs/ko/README.md").read_text(encoding="utf-8")
    assert "docs/chat_panel-en.png" in (tree / "README.md").read_text(encoding="utf-8")
    assert localize("check")[0] == 0


def test_a_section_that_has_changed_is_english_and_awaits_translation(tree: Path, localize: Run) -> None:
    edit_file("README.md", "Each of these opens one.", "Each of these opens another one.")(tree)
    for command in ("extract", "build"):
        assert localize(command)[0] == 0
    page = (tree / "docs/ko/README.md").read_text(encoding="utf-8")
    assert f"\n\n> *{MARKED}*\n\n## Choose your language\n\nEach of these opens another one.\n\n| |" in page
    assert page.count(MARKED) == 1
    assert localize("check", "--awaiting-translation-ok")[0] == 0
    assert re.search(
        rf"ko/README, section 'choose-your-language' {PO}: awaiting translation: fuzzy", localize("check")[1]
    )
    assert "these opens {+another +}one." in localize("diff", "ko", "--tutorial", "README")[1]
    assert re.search(
        r"^ko .* 2 translated, 1 fuzzy(?: +\d+ translated){2} +1 translated +\d+ translated$",
        localize("status")[1],
        re.MULTILINE,
    )
    assert "2 translated, 1 fuzzy<br>" in (tree / "notebooks/README.md").read_text(encoding="utf-8")


def test_what_benchmarks_write_into_a_document_stays_in_every_language(tree: Path, localize: Run) -> None:
    edit_file("README.md", "is code.", "is code.\n\n<!-- figures -->\n1 [µs](docs/threads.md)\n<!-- /figures -->")(tree)
    localize("extract")
    assert "{{figures}}" in polib.pofile(str(kit.catalog_path("ko"))).find(f"README/{RUN}", by="msgctxt").msgid
    localize("build")
    assert "is code.\n\n1 [µs](../threads.md)\n" in (tree / "docs/ko/README.md").read_text(encoding="utf-8")
    assert localize("check", "--awaiting-translation-ok")[0] == 0


# --- extract, build, new ------------------------------------------------------------------------


def test_commands_change_nothing_where_nothing_has_changed(tree: Path, localize: Run) -> None:
    before = snapshot(tree)
    for command in ("extract", "build", "status", "check"):
        assert localize(command)[0] == 0
    assert snapshot(tree) == before


def test_extract_keeps_what_an_editor_wrote_into_the_header(tree: Path, localize: Run) -> None:
    edit_file("notebooks/locales/ko.po", '"Language: ko\\n"', '"Language: ko\\n"\n"X-Generator: Poedit 3.4\\n"')(tree)
    localize("extract")
    assert polib.pofile(str(kit.catalog_path("ko"))).metadata["X-Generator"] == "Poedit 3.4"


def test_build_gives_the_same_bytes_with_and_without_the_old_notebook(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = copy_of_the_tree(tmp_path)
    with working_in(whole, *LANGUAGES):
        path = notebook_path("en", R)
        made = []
        for _ in range(2):
            path.unlink()
            assert main(["build", "--language", "en", "--tutorial", R]) == 0
            assert capsys.readouterr().out == "en/01_redis: built and run\n"
            made.append(path.read_bytes())
        assert main(["build", "--language", "en", "--tutorial", R]) == 0
        assert capsys.readouterr().out == "en/01_redis: built\n"
        assert made == [path.read_bytes()] * 2


def test_a_review_counts_until_the_page_says_something_else(tree: Path, localize: Run) -> None:
    def korean() -> str:
        overview = (tree / "notebooks/README.md").read_text(encoding="utf-8")
        (row,) = re.findall(r"^\| \S+ \(ko\).*$", overview, re.MULTILINE)
        return str(row.split(" | ")[1])

    assert korean().endswith("not reviewed")

    assert localize("review", "ko", R, 'a calque,\t"quoted"') == (0, "")
    assert re.search(r"reviewed \d{4}-\d\d-\d\d$", korean())
    assert localize("check")[0] == 0

    edit_catalog("ko", f"{R}/cleanup", replace("\n", "\n\n"))(tree)
    localize("build")
    assert re.search(r"changed since \d{4}-\d\d-\d\d$", korean())

    assert localize("review", "ko", R, "nothing")[0] == 0
    recorded = (tree / "notebooks/locales/reviews.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in recorded if "\t01_redis\t" in line].count("ko") == 1
    assert re.search(r"reviewed \d{4}-\d\d-\d\d$", korean())


def test_a_review_needs_a_page_that_there_is(localize: Run) -> None:
    status, printed = localize("review", "ko", "09_nothing", "nothing")

    assert status == 2
    assert "01_redis" in printed


def test_build_leaves_a_notebook_that_fails_as_it_was(
    tree: Path, localize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*arguments: Any) -> str:
        return "AssertionError: spoiled"

    monkeypatch.setattr(building, "execute", fails)
    edit_source("assert client.ping()", "assert not client.ping()")(tree)
    before = notebook_path("en", R).read_bytes()
    status, printed = localize("build", "--language", "en", "--tutorial", R)
    assert status == 1
    assert "en/01_redis: failed\nAssertionError: spoiled" in printed
    assert notebook_path("en", R).read_bytes() == before


def test_a_language_is_started_with_one_line_in_the_table(
    tree: Path, localize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, printed = localize("new", "tlh")
    assert status == 2
    assert "Add a line to LANGUAGES in helpers/_localization/languages.py" in printed
    assert '"tlh":' in printed

    monkeypatch.setitem(LANGUAGES, "tlh", "tlhIngan Hol")
    assert "there is no catalog; python -m tools new tlh starts one" in localize("extract")[1]
    assert localize("new", "tlh")[0] == 0
    catalog = polib.pofile(str(kit.catalog_path("tlh")))
    assert {entry.msgctxt for entry in catalog} == {
        entry.msgctxt for entry in polib.pofile(str(kit.catalog_path("ko")))
    }
    assert not any(entry.msgstr for entry in catalog)
    assert catalog.metadata["Language"] == "tlh"
    assert "# emulator\t\n" in kit.glossary_path("tlh").read_text(encoding="utf-8")

    assert localize("build")[0] == 0
    assert localize("check", "--awaiting-translation-ok")[0] == 0
    assert localize("check")[0] == 1
    for language in ("tlh", "en"):
        assert localize("new", language) == (
            2,
            f"python -m tools: {language} is there already. "
            "To bring its catalog up to date: python -m tools extract.\n",
        )


def test_exit_statuses_of_the_command_line(in_order: Path) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", "tools", *arguments], capture_output=True, text=True, cwd=in_order)

    assert run("check").stdout == "no problem(s) in 2 languages.\n"
    assert run("check").returncode == 0
    wrong = run("build", "--language", "tlh")
    assert wrong.returncode == 2
    assert "'en', 'ko'" in wrong.stderr
    assert "Nothing awaits translation" in run("diff", "ko").stdout


@pytest.mark.parametrize(
    "arguments", [(), ("build", "--tutorial", "03"), ("diff",), ("diff", "en"), ("new",), ("mend",), ("check", "--fix")]
)
def test_wrong_use_is_told_apart_from_problems(localize: Run, arguments: tuple[str, ...]) -> None:
    status, printed = localize(*arguments)
    assert status == 2
    assert "usage: python -m tools" in printed


@pytest.mark.parametrize("command", ["extract", "build", "check", "status", "diff", "new"])
def test_help_names_each_command(localize: Run, command: str) -> None:
    assert command in localize("--help")[1]
    status, printed = localize(command, "--help")
    assert status == 0
    assert len(printed.splitlines()) > 4


def test_what_a_source_notes_for_its_editors_is_in_no_notebook(tree: Path, localize: Run) -> None:
    (tree / "notebooks/source/03_noted.py").write_text(
        '# %% [markdown] id="a"\n#: https://a.b (2026-08)\n"""\n# A fact with `#: x`\n"""\n'
        '\n# %% id="b"\n#: why so\nx = 1  #: y\n'
    )
    assert [(made.cell_type, made.source) for made in read_source("03_noted")] == [
        ("markdown", "# A fact with `#: x`"),
        ("code", "x = 1  #: y"),
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# %%\nx = 1\n", ": cell 1 needs an id"),
        ('# %% id="Not An Id"\nx = 1\n', ": cell 1 needs an id"),
        ('# %% id="a"\nx = 1\n\n# %% id="a"\ny = 2\n', ": cell 2: the id 'a' is taken"),
        ('# %% id="a" tags=["translat"]\nx = 1\n', ", cell 'a': unknown tag translat"),
    ],
)
def test_a_faulty_source_is_refused(tree: Path, localize: Run, source: str, message: str) -> None:
    (tree / "notebooks/source/03_faulty.py").write_text(source)
    with pytest.raises(SourceError, match=re.escape(f"03_faulty.py{message}")):
        read_source("03_faulty")
    status, printed = localize("check")
    assert status == 1
    assert message in printed


# --- the comparisons ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "translation", "strings", "same"),
    [
        ("x = 1  # one", "x = 1  # 하나", False, True),
        ("print('a')", "print('b')", True, True),
        ("print('a')", "print('b')", False, False),
        ("print(f'{a} b')", "print(f'{a} c')", True, True),
        ("print(f'{a} b {c}')", "print(f'b: {c}, {a}')", True, True),
        ("print(f'{a} b')", "print(f'{c} b')", True, False),
        ("print(f'{a:.2f} b')", "print(f'{a} b')", True, False),
        ("print('{a} b'.format(a=1))", "print('c {a}'.format(a=1))", True, True),
        ("print('{a} b'.format(a=1))", "print('{b} b'.format(a=1))", True, False),
        ("print('a {')", "print('b {')", True, True),
        ("print('see {{repository}}')", "print('{{repository}}')", True, True),
        ("print('see {{repository}}')", "print('siehe')", True, False),
        ("!pip list", "!pip list", False, True),
        ("!pip list", "!pip freeze", False, False),
        ("%pip install a", "%pip install b", False, False),
        ("await a()", "a()", False, False),
        # Words, in a cell whose words are translated
        ("GREETING = 'Hi! I am Bob.'", "GREETING = '안녕하세요!'", True, True),
        ("say('Hi!')", "say('Salut !')", True, True),
        ("print('stored')", "print('저장')", True, True),
        ("assert x, 'gone'", "assert x, '없음'", True, True),
        ("f([f'answer {n}'])", "f([f'답변 {n}'])", True, True),
        ("ask({'messages': [('human', 'Hi! I am Bob.')]})", "ask({'messages': [('human', '안녕!')]})", True, True),
        ("Button(description='Go')", "Button(description='시작')", True, True),
        ("agent(system_prompt='Be brief')", "agent(system_prompt='짧게')", True, True),
        ("def f():\n    'Look up the weather.'", "def f():\n    '날씨를 찾는다.'", True, True),
        ("ID = 'chat-en'", "ID = 'chat-zh'", True, True),
        ("speak(language='en')", "speak(language='pt-BR')", True, True),
        ("print('%d of %s' % (a, b))", "print('%d / %s' % (a, b))", True, True),
        # and what is none
        ("ID = 'chat-en'", "ID = 'chat-xx'", True, False),
        ("ID = 'chat'", "ID = 'plaudern'", True, False),
        ("ask({'messages': [('human', 'Hi!')]})", "ask({'messages': [('사람', 'Hi!')]})", True, False),
        ("ask({'messages': ['Hi!']})", "ask({'the messages': ['Hi!']})", True, False),
        ("d['a key'] = 1", "d['열쇠 a'] = 1", True, False),
        ("open('a', mode='r')", "open('a', mode='w')", True, False),
        ("print('a', sep=', ')", "print('a', sep='; ')", True, False),
        ("f(x=['a b'])", "f(x=['b a'])", True, False),
        ("f(x=f'a b {c}')", "f(x=f'b a {c}')", True, False),
        ("f(x='a' if b else 'c')", "f(x='d' if b else 'c')", True, False),
        ("def f(x='a b'): ...", "def f(x='b a'): ...", True, False),
        ("def f(x: 'a b'): ...", "def f(x: 'b a'): ...", True, False),
        ("os.getenv('A B')", "os.getenv('B A')", True, False),
        ("client.execute_command('GET a')", "client.execute_command('DEL a')", True, False),
        ("!pip list", "!pip freeze", True, False),
        ("!echo en", "!echo ko", True, False),
        ("files = !ls -l", "files = !ls -a", True, False),
        ("%pip install a b", "%pip install b a", True, False),
        ("%%bash\necho one two", "%%bash\necho two one", True, False),
        ("print('a b')\n%matplotlib inline", "print('b a')", True, False),
        ("print('{a!r} b'.format(a=1))", "print('{a} b'.format(a=1))", True, False),
        ("print('%d of %s' % (a, b))", "print('%s of %d' % (a, b))", True, False),
        ("print('one')", "print(1)", True, False),
        ("print('one')", "print(f'{secret}')", True, False),
        ("print('{one} two'.format(one=1))", "print(f'{one} 둘'.format(one=1))", True, False),
        ("print('one')", "print('one', 'two')", True, False),
        ("x = 1", "x = True", True, False),
        ("x = a + b", "x = a - b", True, False),
        ("show('Hi <b>you</b>!')", "show('<b>안녕</b>')", True, True),
        ("show('Hi <b>you</b>!')", "show('<b onclick=x>안녕</b>')", True, False),
        ("show('Hi you!')", "show('안녕 <!-- -->')", True, False),
        ("# @title One\nx = 1", "# @title 하나\nx = 1", False, True),
        ("# @markdown `one` [two](a.md)", "# @markdown [둘](a.md) `one`", False, True),
        ("# @markdown one", "# @markdown <script>하나</script>", False, False),
        ("# @markdown [two](a.md)", "# @markdown [둘](b.md)", False, False),
        ("# one", "# @markdown 하나", False, False),
    ],
)
def test_code_is_compared_by_its_syntax_tree(source: str, translation: str, strings: bool, same: bool) -> None:
    assert (code_difference(source, translation, strings=strings) is None) is same


def test_a_difference_of_code_names_its_line() -> None:
    difference = code_difference("a = 1\n\nif a:\n    b(2)\n", "a = 1\n\nif a:\n    b(3)\n", strings=False)
    assert difference is not None
    assert difference.line == 4


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("`a b` and [c](d.ipynb#e)", "[z](d.ipynb#y), `a\nb`"),
        ("see [x](02.ipynb)", "[y](../xx/02.ipynb) 참고"),
        ("```python\nx = 1  # one\n```", "```python\nx = 1  # 하나\n```"),
        ("```shell\nls  # all\n```", "```shell\nls  # tout\n```"),
        ("- a\n- b\n", "* a\n* b\n"),
        ("Setext\n======\n", "# 제목\n"),
        ("a<br>b <img alt='one'>", "가<br>나 <img  alt='하나'>"),
        ("<details><summary>more</summary>\n\nx\n\n</details>", "<details><summary>더</summary>\n\nx\n\n</details>"),
    ],
)
def test_markdown_that_says_the_same_in_another_way_passes(source: str, translation: str) -> None:
    assert list(markdown_differences(source, translation, "xx")) == []


@pytest.mark.parametrize(
    ("english", "translation", "term", "translations", "fine"),
    [
        ("Two sessions.", "세션 두 개.", "session", ("세션",), True),
        ("Two Sessions.", "두 번의 회의.", "session", ("세션",), False),
        ("`session` and obsession", "아무것도", "session", ("세션",), True),
        ("See [this](session.html)", "여기", "session", ("세션",), True),
        ("A node fails.", "L’un des NŒUDS tombe.", "node", ("nœud*",), True),
        ("A node fails.", "Le nœudal tombe.", "node", ("nœud", "noeud"), False),
        (
            "An environment\nvariable",
            "d’une variable\nd’environnement",
            "environment variable",
            ("variable* d'environnement",),
            True,
        ),
        ("03_agents", "아무것도", "agent", ("에이전트",), True),
        ("A key.", "Une touche.", "key", ("clé*", "touche*"), True),
    ],
)
def test_glossary(english: str, translation: str, term: str, translations: tuple[str, ...], fine: bool) -> None:
    found = list(glossary_differences(english, translation, [Term(term, translations, 1)]))
    assert (not found) is fine


@pytest.mark.parametrize(
    ("english", "translation", "missing"),
    [
        ("Trust certificate authorities.", "Vertraut Zertifizierungsstellen.", []),
        ("Trust the certificate authority.", "Vertraut ihr.", ["certificate authority"]),
        ("An authority's certificate.", "Das Zertifikat einer Stelle.", []),
        ("A certificate of certificate authorities.", "Etwas von Zertifizierungsstellen.", ["certificate"]),
    ],
)
def test_a_term_does_not_count_within_a_longer_one(english: str, translation: str, missing: list[str]) -> None:
    terms = [Term("certificate", ("Zertifikat*",), 1), Term("certificate authority", ("Zertifizierungsstelle*",), 2)]
    found = [one.text for one in glossary_differences(english, translation, terms)]
    assert [text.split("for “")[1].split("”")[0] for text in found] == missing


@pytest.mark.parametrize(
    ("source", "translation", "fine"),
    [
        ("### MemorystoreChatMessageHistory", "### MemorystoreChatMessageHistory", True),
        ("Choose one of these.", "Choose one of these.", False),
        (
            "It runs in Google Cloud Vertex AI Workbench Enterprise Edition.",
            "Google Cloud Vertex AI Workbench Enterprise Edition에서.",
            True,
        ),
        ("Then run `a b c d e f g` at once.", "바로 `a b c d e f g`.", True),
        ("See [what there is to be seen here](https://a.b).", "[what there is to be seen here](https://a.b)", True),
        ("No key is ever left behind here.", "Ici, no key is ever left behind.", False),
    ],
)
def test_left_in_english(source: str, translation: str, fine: bool) -> None:
    assert (left_in_english(nbformat.v4.new_markdown_cell(source), translation) is None) is fine


def test_anchors_are_those_of_github() -> None:
    titles = ["What's `next`?", "Clean up", "Clean up", "정리: 대화", "a_b - c"]
    assert slugs(titles) == ["whats-next", "clean-up", "clean-up-1", "정리-대화", "a_b---c"]


# --- what the committed notebooks carry ---------------------------------------------------------

NOTEBOOKS = [(language, tutorial) for language in LANGUAGES for tutorial in tutorials()]


@pytest.mark.parametrize(("language", "tutorial"), NOTEBOOKS)
def test_badges_and_sister_links_lead_to_this_very_notebook(language: str, tutorial: str) -> None:
    path = notebook_path(language, tutorial)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    links = re.findall(r"\]\((\S+?)\)", cell(notebook, "links").source)
    here = f"notebooks/{language}/{tutorial}.ipynb"
    for host in (
        "colab.research.google.com/github/",
        "agent-platform/colab/import/",
        "agent-platform/workbench/instances",
    ):
        target = next(link for link in links if host in link)
        assert here in target.replace("%2F", "/")
    sisters = [link for link in links if link.startswith("../")]
    assert len(sisters) == len(LANGUAGES) - 1
    assert all((path.parent / sister).is_file() for sister in sisters)
    for link in re.findall(r"\]\(([^)\s:]+\.ipynb)\)", json.dumps(notebook)):
        assert (path.parent / link).is_file()
