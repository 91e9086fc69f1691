"""Catalogs, code and notebooks cannot drift apart unseen."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import polib
import pytest

from localize import SourceError, build, code_difference, read_source
from tutorials import LANGUAGES, notebook_path, tutorials

Spoil = Callable[[Path], object]


def localize(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(tree / "notebooks/localize.py"), *arguments], capture_output=True, text=True
    )


def edit_catalog(language: str, context: str, change: Callable[[polib.POFile, polib.POEntry], None]) -> Spoil:
    def spoil(tree: Path) -> None:
        path = tree / f"notebooks/locales/{language}.po"
        catalog = polib.pofile(str(path), wrapwidth=0)
        change(catalog, next(entry for entry in catalog if entry.msgctxt == context))
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


def replace(old: str, new: str) -> Callable[[polib.POFile, polib.POEntry], None]:
    def change(catalog: polib.POFile, entry: polib.POEntry) -> None:
        assert old in entry.msgstr
        entry.msgstr = entry.msgstr.replace(old, new)

    return change


def edit_source(old: str, new: str) -> Spoil:
    def spoil(tree: Path) -> None:
        path = tree / "notebooks/source/01_redis.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def test_the_committed_tree_is_in_order(tree: Path) -> None:
    run = localize(tree, "check")
    assert run.stdout == f"no problem(s) in {len(LANGUAGES)} languages.\n"
    assert run.returncode == 0


DRIFT: dict[str, tuple[Spoil, str]] = {
    "an entry removed": (
        edit_catalog("ko", "01_redis/cleanup", lambda catalog, entry: catalog.remove(entry)),
        r"ko/01_redis, cell 'cleanup': not translated",
    ),
    "an entry emptied": (
        edit_catalog("fr", "02_memorystore/title", set_text(" ")),
        r"fr/02_memorystore, cell 'title': not translated",
    ),
    "an entry fuzzy": (
        edit_catalog("es", "01_redis/ttl", lambda catalog, entry: entry.flags.append("fuzzy")),
        r"es/01_redis, cell 'ttl': the translation is marked fuzzy",
    ),
    "an entry obsolete": (
        edit_catalog("zh-CN", "01_redis/ttl", lambda catalog, entry: setattr(entry, "msgctxt", "01_redis/gone")),
        r"zh-CN/01_redis, cell 'gone': obsolete",
    ),
    "code changed in a catalog": (
        edit_catalog("ko", "01_redis/chain-built", replace("MessagesPlaceholder(", "MessagesPlaceholders(")),
        r"ko/01_redis, cell 'chain-built': the code differs .* line: \d+",
    ),
    "a string changed in a cell that is not to be translated": (
        edit_catalog("ko", "01_redis/chain-built", replace('"history"', '"역사"')),
        r"ko/01_redis, cell 'chain-built': the code differs",
    ),
    "code broken in a catalog": (
        edit_catalog("es", "01_redis/conversation", set_text("QUESTION = '")),
        r"es/01_redis, cell 'conversation': the translated code is not Python",
    ),
    "a form field changed in a catalog": (
        edit_catalog("fr", "01_redis/form", replace('# @param {type:"string"}', '# @param {type:"number"}')),
        r"fr/01_redis, cell 'form': the form fields",
    ),
    "English changed": (
        edit_source("Where is your Redis?", "Where does your Redis live?"),
        r"ko/01_redis, cell 'endpoint': the English source has changed",
    ),
    "English code changed": (
        edit_source("len(history) == 6", "len(history) == 7"),
        r"en/01_redis, cell 'name-known': the text is not what",
    ),
    "prose edited in a notebook": (
        edit_notebook("en", "01_redis", lambda nb: cell(nb, "title").update(source="# Mine")),
        r"en/01_redis, cell 'title': the text is not what",
    ),
    "code edited in a notebook": (
        edit_notebook("ko", "01_redis", lambda nb: cell(nb, "records").update(source="pass")),
        r"ko/01_redis, cell 'records': the text is not what",
    ),
    "a cell added to a notebook": (
        edit_notebook("ko", "01_redis", lambda nb: nb.cells.append(nbformat.v4.new_code_cell("1"))),
        r"ko/01_redis, cell '-': the order of the cells",
    ),
    "a warning in an output": (
        edit_notebook(
            "es",
            "01_redis",
            lambda nb: cell(nb, "greeting").outputs.append(nbformat.v4.new_output("stream", name="stderr", text="!")),
        ),
        r"es/01_redis, cell 'greeting': the output holds an error or a warning",
    ),
    "a machine's kernel in the metadata": (
        edit_notebook("fr", "01_redis", lambda nb: nb.metadata.kernelspec.update(name="my-env")),
        r"fr/01_redis, cell '-': the file \(metadata",
    ),
    "execution counts of somebody's session": (
        edit_notebook("fr", "01_redis", lambda nb: cell(nb, "greeting").update(execution_count=41)),
        r"fr/01_redis, cell '-': the file \(metadata",
    ),
    "README's table": (
        lambda tree: (tree / "README.md").write_text("<!-- tutorials -->\n<!-- /tutorials -->\n"),
        r"README.md: the table of tutorials is out of date",
    ),
    "a notebook missing": (
        lambda tree: (tree / "notebooks/zh-CN/02_memorystore.ipynb").unlink(),
        r"zh-CN/02_memorystore, cell '-': there is no notebook",
    ),
}


@pytest.mark.parametrize("kind", DRIFT)
def test_check_names_the_place_of_each_kind_of_drift(tree: Path, kind: str) -> None:
    spoil, message = DRIFT[kind]
    spoil(tree)
    run = localize(tree, "check")
    assert re.search(message, run.stdout), run.stdout + run.stderr
    assert run.returncode == 1


def test_extract_keeps_a_translation_whose_english_changed(tree: Path) -> None:
    path = tree / "notebooks/locales/ko.po"
    before = {entry.msgctxt: entry for entry in polib.pofile(str(path))}
    edit_source("## Clean up", "## Tidy up")(tree)
    assert localize(tree, "extract").returncode == 0
    after = {entry.msgctxt: entry for entry in polib.pofile(str(path))}
    assert after["01_redis/cleanup"].fuzzy
    assert after["01_redis/cleanup"].msgstr == before["01_redis/cleanup"].msgstr
    assert after["01_redis/cleanup"].previous_msgid == before["01_redis/cleanup"].msgid
    assert "## Tidy up" in after["01_redis/cleanup"].msgid
    assert [context for context, entry in after.items() if entry.fuzzy] == ["01_redis/cleanup"]


def test_extract_changes_nothing_where_nothing_has_changed(tree: Path) -> None:
    catalogs = sorted((tree / "notebooks/locales").glob("*.po"))
    before = [path.read_bytes() for path in catalogs]
    localize(tree, "extract")
    assert [path.read_bytes() for path in catalogs] == before


def test_build_gives_the_same_bytes_with_and_without_the_old_notebook(tree: Path) -> None:
    path = tree / "notebooks/ko/02_memorystore.ipynb"
    before = path.read_bytes()
    assert localize(tree, "build", "--language", "ko", "--tutorial", "02_memorystore").returncode == 0
    assert path.read_bytes() == before
    path.unlink()
    run = localize(tree, "build", "--language", "ko", "--tutorial", "02_memorystore")
    assert run.stdout == "ko/02_memorystore: built and run\n"
    assert path.read_bytes() == before


async def test_build_leaves_a_notebook_that_fails_as_it_was(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import localize as module

    path = tree / "notebooks/en/01_redis.ipynb"
    before = path.read_bytes()
    edit_source("assert client.ping()", "assert not client.ping()")(tree)
    monkeypatch.setattr(module, "SOURCE", tree / "notebooks/source")
    monkeypatch.setattr(module, "notebook_path", lambda language, tutorial: path)
    assert not await build(["en"], ["01_redis"], rerun=False)
    assert "assert not client.ping()" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# %%\nx = 1\n", "cell 1 needs an id"),
        ('# %% id="Not An Id"\nx = 1\n', "cell 1 needs an id"),
        ('# %% id="a"\nx = 1\n\n# %% id="a"\ny = 2\n', "cell 2: the id 'a' is taken"),
        ('# %% id="a" tags=["translat"]\nx = 1\n', "cell 'a': unknown tag translat"),
    ],
)
def test_a_faulty_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str) -> None:
    import localize as module

    monkeypatch.setattr(module, "SOURCE", tmp_path)
    (tmp_path / "03_faulty.py").write_text(source)
    with pytest.raises(SourceError, match=re.escape(f"03_faulty.py, {message}").replace(",", "[,:]")):
        read_source("03_faulty")


@pytest.mark.parametrize(
    ("source", "translation", "strings", "same"),
    [
        ("x = 1  # one", "x = 1  # 하나", False, True),
        ("print('a')", "print('b')", True, True),
        ("print('a')", "print('b')", False, False),
        ("print(f'{a} b')", "print(f'{a} c')", True, True),
        ("print(f'{a} b')", "print(f'{c} b')", True, False),
        ("!pip list", "!pip list", False, True),
        ("!pip list", "!pip freeze", False, False),
        ("%pip install a", "%pip install b", False, False),
        ("await a()", "a()", False, False),
    ],
)
def test_code_is_compared_by_its_syntax_tree(source: str, translation: str, strings: bool, same: bool) -> None:
    assert (code_difference(source, translation, strings=strings) is None) is same


def test_unknown_languages_and_commands_are_named(tree: Path) -> None:
    run = localize(tree, "build", "--language", "tlh")
    assert run.returncode == 2
    assert all(language in run.stderr for language in LANGUAGES)
    assert localize(tree).returncode == 2
    assert "extract" in localize(tree, "--help").stdout


# --- what the committed notebooks carry ---------------------------------------------------------

NOTEBOOKS = [(language, tutorial) for language in LANGUAGES for tutorial in tutorials()]


@pytest.mark.parametrize(("language", "tutorial"), NOTEBOOKS)
def test_badges_and_sister_links_lead_to_this_very_notebook(language: str, tutorial: str) -> None:
    path = notebook_path(language, tutorial)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    links = re.findall(r"\]\((\S+?)\)", cell(notebook, "links").source)
    here = f"notebooks/{language}/{tutorial}.ipynb"
    for host in ("colab.research.google.com/github/", "vertex-ai/colab/import/", "workbench/deploy-notebook"):
        target = next(link for link in links if host in link)
        assert here in target.replace("%2F", "/")
    sisters = [link for link in links if link.startswith("../")]
    assert len(sisters) == len(LANGUAGES) - 1
    assert all((path.parent / sister).is_file() for sister in sisters)
    for link in re.findall(r"\]\(([^)\s:]+\.ipynb)\)", json.dumps(notebook)):
        assert (path.parent / link).is_file()


@pytest.mark.parametrize(("language", "tutorial"), NOTEBOOKS)
def test_no_machine_shows_in_a_notebook(language: str, tutorial: str) -> None:
    text = notebook_path(language, tutorial).read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    for output in (output for c in notebook.cells for output in c.get("outputs", [])):
        assert not re.search(r"127\.0\.0\.1:\d|/(?:home|root|Users)/|site-packages", json.dumps(output))
