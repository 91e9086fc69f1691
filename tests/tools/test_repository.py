"""The repository's address is said once, and everything that leads there follows."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import nbformat
import pytest

from tests.conftest import ROOT
from tests.tools.test_localize import edit_notebook, executes_nothing
from tests.tools.test_run import MAKE
from tools import building, project, repository
from tools.__main__ import main
from tools.tutorials import LANGUAGES, lessons, tutorials

NEW = "/".join(["Some-One2", "other.kit_1"])  # in pieces, for this file is not to be one of those that name it
OLD = repository.slug()
BADGES = {"Colab", "Colab Enterprise", "Workbench"}


@pytest.fixture
def tree(tree: Path) -> Iterator[Path]:
    """A copy of the tree that the modules under test work on, and in which no notebook may be executed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project, "ROOT", tree)
        patch.setattr(building, "execute", executes_nothing)
        yield tree


def contents(tree: Path) -> dict[str, bytes]:
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def naming(tree: Path, slug: str) -> set[str]:
    """The files that hold a slug, plain or percent-encoded, in whatever case."""
    forms = [form.lower().encode() for form in (slug, quote(slug, safe=""))]
    return {name for name, content in contents(tree).items() if any(form in content.lower() for form in forms)}


# --- setting it ---------------------------------------------------------------------------------


def test_setting_it_leads_everything_there_and_setting_it_back_leaves_no_trace(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, named = contents(tree), naming(tree, OLD)
    assert repository.main(["set", NEW]) == 0
    assert naming(tree, OLD) == set()
    assert naming(tree, NEW) == named
    assert {name for name, content in contents(tree).items() if content != before.get(name)} == named
    assert main(["check", "--awaiting-translation-ok"]) == 0, capsys.readouterr().out
    assert list(wrong_badges(tree, NEW)) == []
    assert f"git clone https://github.com/{NEW}\ncd other.kit_1\n" in (tree / "README.md").read_text(encoding="utf-8")

    assert repository.main(["set", OLD]) == 0
    after = contents(tree)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == set()


def test_links_by_hand_follow_and_those_to_others_stay(tree: Path) -> None:
    page = tree / "docs/memorystore.md"
    text = page.read_text(encoding="utf-8")
    ours = "<https://github.com/{0}/issues>. See https://github.com/{0}. Or git+https://github.com/{0}.git@main, {1}\n"
    others = f"<https://github.com/{OLD}-more> <https://github.com/{OLD}.js> <https://example.com/{OLD}> {OLD}\n"
    page.write_text(text + ours.format(OLD, f"x?u=https%3A%2F%2Fgithub.com%2F{quote(OLD, safe='')}%2Fx") + others)
    repository.set_slug(NEW)
    encoded = f"x?u=https%3A%2F%2Fgithub.com%2F{quote(NEW, safe='')}%2Fx"
    assert page.read_text(encoding="utf-8") == text.replace(OLD, NEW) + ours.format(NEW, encoded) + others


@pytest.mark.parametrize(
    "slug",
    [
        *(
            "",
            "kit",
            "a/b/c",
            "/kit",
            "owner/",
            "own er/kit",
            "-a/kit",
            "a--b/kit",
            "a-/kit",
            "a/..",
            "a/kit.git",
            "é/kit",
        ),
        *("https://github.com/a/b", "a/b\n", 'a/b"', "a/b`id`", "a/b;id", r"a/\1", "a" * 40 + "/kit", "a/" + "b" * 101),
    ],
)
def test_a_malformed_slug_is_refused_and_nothing_written(
    tree: Path, slug: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(tree)
    assert repository.main(["set", slug]) == 1
    message = capsys.readouterr().err
    assert f"{slug!r} is not the owner and name of a repository" in message
    assert "make repository SLUG=owner/name" in message
    assert contents(tree) == before


@pytest.mark.parametrize("slug", ["a/b", "Octo-Cat/x", "a/.github", "octo_corp/kit", "a" * 39 + "/" + "b" * 100])
def test_a_slug_is_accepted(slug: str) -> None:
    assert repository._SLUG.fullmatch(slug)


def test_a_notebook_that_would_have_to_run_is_named_and_nothing_written(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(notebook: nbformat.NotebookNode) -> None:
        next(cell for cell in notebook.cells if cell.cell_type == "code").source += "\n1 + 1"

    edit_notebook("ko", "01_redis", change)(tree)
    before = contents(tree)
    assert repository.main(["set", NEW]) == 1
    assert "The code of ko/01_redis is not the source's" in capsys.readouterr().err
    assert contents(tree) == before


def test_make_hands_the_slug_to_no_shell(tree: Path) -> None:
    (tree / ".venv/bin").mkdir(parents=True)
    python = tree / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for ready in ("ready", "ready-to-test"):
        (tree / ".venv" / ready).touch()
    for slug in ('a/b"; touch spoiled; "', "a/b`touch spoiled`", ""):
        run = subprocess.run([MAKE, "repository", f"SLUG={slug}"], cwd=tree, capture_output=True, text=True)
        assert run.returncode != 0
        assert f"{slug!r} is not the owner and name of a repository" in run.stderr
    assert not (tree / "spoiled").exists()


# --- checking it --------------------------------------------------------------------------------


def run_bare(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command as the workflow runs it: with Python alone, and none of the packages."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "tools", "repository", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("slug", [OLD, OLD.upper()])
def test_the_address_as_it_is_passes(slug: str) -> None:
    run = run_bare("check", slug)
    assert run.returncode == 0, run.stderr
    assert OLD in run.stdout


def test_another_address_fails_with_the_command_that_sets_it() -> None:
    run = run_bare("check", "somebody/kit")
    assert run.returncode == 1
    assert f"pyproject.toml says that this repository is {OLD}, and it is somebody/kit." in run.stderr
    assert run.stderr.endswith("    make repository SLUG=somebody/kit\n")


@pytest.mark.parametrize("arguments", [(), ("check",), ("show", "a/b"), ("set", "a/b", "c")])
def test_a_wrong_command_says_what_there_is(arguments: tuple[str, ...]) -> None:
    run = run_bare(*arguments)
    assert run.returncode == 2
    assert "usage: python -m tools repository" in run.stderr


# --- badges -------------------------------------------------------------------------------------


def aim(target: str) -> str:
    """The address of the file that a badge opens, as on raw.githubusercontent.com without the host."""
    address = urlsplit(target)
    if address.hostname == "colab.research.google.com":
        found = re.fullmatch(r"/github/([^/]+/[^/]+)/blob/(.+)", address.path)
        return f"{found[1]}/{found[2]}" if found else target
    if address.hostname != "console.cloud.google.com":
        return target
    raw = (
        parse_qs(address.query)["download_url"][0]
        if address.path == "/agent-platform/workbench/instances"
        else unquote(address.path.removeprefix("/agent-platform/colab/import/"))
    )
    return raw.removeprefix("https://raw.githubusercontent.com/")


def wrong_badges(tree: Path, slug: str) -> Iterator[str]:
    """The badges that don't open their own notebook, and the notebooks that lack one, by place."""
    for language in LANGUAGES:
        for tutorial in tutorials():
            path = f"notebooks/{language}/{tutorial}.ipynb"
            notebook = nbformat.read(tree / path, as_version=4)
            places = {path: "".join(made.source for made in notebook.cells if made.cell_type == "markdown")}
            overview, link = tree / "notebooks/README.md", f"{language}/{tutorial}.ipynb"
            cells = re.findall(rf"\]\({re.escape(link)}\)(?!\]).*?(?= \|)", overview.read_text(encoding="utf-8"))
            places[f"notebooks/README.md, {link}"] = "".join(cells)
            for place, text in places.items():
                badges = re.findall(r"\[!\[([^\]]+)\]\([^)\s]+\)\]\(([^)\s]+)\)", text)
                if sorted(label for label, _ in badges) != sorted(BADGES):
                    yield f"{place}: badges {[label for label, _ in badges]}"
                for label, target in badges:
                    if aim(target) != f"{slug}/main/{path}":
                        yield f"{place}: {label} opens {target}"


def test_every_badge_opens_its_own_notebook() -> None:
    assert list(wrong_badges(ROOT, OLD)) == []


def test_the_readme_opens_each_lesson_once_in_each_language() -> None:
    links = re.findall(r"\]\((https://colab\.\S+?)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    opened = [f"{language}/{lesson}" for language in LANGUAGES for lesson in lessons()]
    assert [aim(link) for link in links] == [f"{OLD}/main/notebooks/{lesson}.ipynb" for lesson in opened]


@pytest.mark.parametrize("file", ["notebooks/es/02_memorystore.ipynb", "notebooks/README.md"])
@pytest.mark.parametrize(
    ("label", "mark"),
    [
        ("Colab", "(https://colab.research.google.com/github/{slug}/blob/main/{path})"),
        (
            "Colab Enterprise",
            "/colab/import/https%3A%2F%2Fraw.githubusercontent.com%2F{quoted}%2Fmain%2F{raw})",
        ),
        ("Workbench", "?download_url=https%3A%2F%2Fraw.githubusercontent.com%2F{quoted}%2Fmain%2F{raw})"),
    ],
)
@pytest.mark.parametrize(("right", "wrong"), [("es", "fr"), ("02_memorystore", "01_redis"), ("main", "master")])
def test_a_wrong_badge_is_named(tree: Path, file: str, label: str, mark: str, right: str, wrong: str) -> None:
    path = "notebooks/es/02_memorystore.ipynb"
    badge = mark.format(slug=OLD, path=path, quoted=quote(OLD, safe=""), raw=quote(path, safe=""))
    text = (tree / file).read_text(encoding="utf-8")
    assert text.count(badge) == 1
    spoiled = re.sub(rf"(?<=[/F]){right}(?=[/.%])", wrong, badge)
    assert spoiled != badge
    (tree / file).write_text(text.replace(badge, spoiled), encoding="utf-8")
    (found,) = wrong_badges(tree, OLD)
    assert found.startswith(file)
    assert "02_memorystore.ipynb" in found
    assert f": {label} opens" in found


def test_a_badge_that_is_missing_is_named(tree: Path) -> None:
    page = tree / "notebooks/README.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(r"\[!\[Workbench\]\S+\]\(\S+ja%2F01_redis\.ipynb\)", "", text), encoding="utf-8")
    assert list(wrong_badges(tree, OLD)) == [
        "notebooks/README.md, ja/01_redis.ipynb: badges ['Colab', 'Colab Enterprise']"
    ]
