"""nbmake's run of the notebooks sees what it should see."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import redis

from tests.embedded.test_embedded import needs_redis
from tests.tools.test_localize import Spoil, cell, edit_notebook
from tools.tutorials import LANGUAGES, tutorials


def nbmake(tree: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", *arguments],
        cwd=tree,
        env=os.environ | {"REDIS_URL": os.environ["TUTORIALS_SEPARATE_SERVER"]} | environment,
        capture_output=True,
        text=True,
    )


def test_every_notebook_in_every_language_runs_in_each_setting(tree: Path) -> None:
    run = nbmake(tree, "--collect-only", "-q", "notebooks")
    collected = set(re.findall(r"^notebooks/.*::\w+$", run.stdout, re.MULTILINE))
    third = {"02_memorystore": ["valkey"], "03_agents": ["instance"]}
    assert collected == {
        f"notebooks/{language}/{tutorial}.ipynb::{setting}"
        for language in LANGUAGES
        for tutorial in tutorials()
        for setting in ("embedded", "separate", *third.get(tutorial, []))
    }


@pytest.fixture
def notebook() -> str:
    return "notebooks/en/02_memorystore.ipynb"


def test_a_wrong_assert_fails(tree: Path, notebook: str) -> None:
    def change(nb: nbformat.NotebookNode) -> None:
        spoiled = cell(nb, "same-session")
        spoiled.source = spoiled.source.replace("== 2", "== 3")

    edit_notebook("en", "02_memorystore", change)(tree)
    run = nbmake(tree, f"{notebook}::embedded")
    assert run.returncode == 1
    assert "AssertionError" in run.stdout
    assert "client.llen(SESSION_ID) == len(history) == 3" in run.stdout
    assert "en/02_memorystore" in run.stdout


def test_an_output_edited_by_hand_fails(tree: Path, notebook: str) -> None:
    def change(nb: nbformat.NotebookNode) -> None:
        output = cell(nb, "ask").outputs[0]
        output.text = output.text.replace("Your name is Bob", "Your name is Rob")

    edit_notebook("en", "02_memorystore", change)(tree)
    run = nbmake(tree, f"{notebook}::embedded")
    assert run.returncode == 1
    assert "en/02_memorystore, cell 'ask': the output is not the committed one" in run.stdout
    assert "-[offline model] Your name is Rob." in run.stdout
    assert "+[offline model] Your name is Bob." in run.stdout


def test_the_separate_setting_uses_the_separate_server(tree: Path, separate_server: str) -> None:
    notebook = "notebooks/en/01_redis.ipynb"

    def change(nb: nbformat.NotebookNode) -> None:
        for place, made in enumerate(nb.cells):
            if made.id == "clear":
                nb.cells[place] = nbformat.v4.new_code_cell(made.source + "\nclient.set('left-by-the-test', 1, ex=60)")
                nb.cells[place].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "True"})]

    edit_notebook("en", "01_redis", change)(tree)
    with redis.Redis.from_url(separate_server, protocol=2) as client:
        client.delete("left-by-the-test")
        assert nbmake(tree, f"{notebook}::embedded", REDIS_URL=separate_server).returncode == 0
        assert client.get("left-by-the-test") is None
        run = nbmake(tree, f"{notebook}::separate", REDIS_URL=separate_server)
        assert run.returncode == 0, run.stdout
        assert client.get("left-by-the-test") == b"1"
        client.delete("left-by-the-test")


def also_checking(line: str) -> Spoil:
    """Have the Memorystore tutorial check something more before its instance is deleted."""

    def change(nb: nbformat.NotebookNode) -> None:
        cell(nb, "clear").source += f"\n{line}"

    return edit_notebook("en", "02_memorystore", change)


@needs_redis
def test_the_memorystore_tutorial_uses_an_emulator_of_real_redis(tree: Path, notebook: str) -> None:
    also_checking("assert 'valkey_version' not in client.info('server')")(tree)
    run = nbmake(tree, f"{notebook}::separate")
    assert run.returncode == 0, run.stdout
    assert nbmake(tree, f"{notebook}::embedded").returncode == 1


def test_the_memorystore_tutorial_runs_with_valkey_chosen_in_its_form(tree: Path, notebook: str) -> None:
    also_checking("assert get_instance(name).service == 'valkey'")(tree)
    run = nbmake(tree, f"{notebook}::valkey")
    assert run.returncode == 0, run.stdout
    assert nbmake(tree, f"{notebook}::embedded").returncode == 1


def test_a_form_that_does_not_choose_a_service_fails(tree: Path, notebook: str) -> None:
    def change(nb: nbformat.NotebookNode) -> None:
        form = cell(nb, "form")
        form.source = form.source.replace("SERVICE =", "SERVICES =")

    edit_notebook("en", "02_memorystore", change)(tree)
    run = nbmake(tree, f"{notebook}::valkey")
    assert run.returncode == 1
    assert "No form of the notebook has SERVICE = " in run.stdout


@pytest.mark.parametrize("setting", ["separate", "valkey"])
def test_a_secret_in_an_output_fails(tree: Path, notebook: str, setting: str) -> None:
    def change(nb: nbformat.NotebookNode) -> None:
        spoiled = cell(nb, "connect")
        spoiled.source += (
            "\nprint(client.connection_pool.connection_kwargs['credential_provider'].get_credentials()[-1])"
        )
        spoiled.metadata["tags"] = ["varies"]

    edit_notebook("en", "02_memorystore", change)(tree)
    run = nbmake(tree, f"{notebook}::{setting}")
    assert run.returncode == 1
    assert "A secret stands in the executed notebook" in run.stdout


@pytest.mark.parametrize("tutorial", tutorials())
def test_the_engine_of_windows_gives_the_same_outputs(tree: Path, tutorial: str) -> None:
    run = nbmake(tree, f"notebooks/en/{tutorial}.ipynb::embedded", HELPERS_EMBEDDED_SERVER="fakeredis")
    assert run.returncode == 0, run.stdout


def test_continuous_integration_insists_on_a_separate_server(tree: Path, notebook: str) -> None:
    run = nbmake(tree, f"{notebook}::embedded", CI="true", REDIS_URL="")
    assert run.returncode == 4
    assert "set REDIS_URL" in run.stderr


def test_elsewhere_the_summary_says_what_was_left_out(tree: Path, notebook: str) -> None:
    run = nbmake(tree, f"{notebook}::separate", CI="", REDIS_URL="")
    assert run.returncode == 0, run.stdout
    assert "LEFT OUT" in run.stdout
