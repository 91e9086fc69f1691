"""`make run`, and making the environment that it needs."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from tests.conftest import answers, eventually, family
from tests.tools.test_localize import cell, edit_notebook
from tools.tutorials import LANGUAGES, neutral_environment, tutorials

MAKE = shutil.which("make") or "make"
PATIENCE = 120.0
"""Seconds until a process is given up: on a machine with much to do, starting and ending take their time."""


def default_interrupt() -> None:
    """In a new process, before its program: take SIGINT as a terminal's programs do. A job that a shell runs in the
    background inherits one that is ignored, and so would the run under test."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(tree: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tools", "run", *arguments],
        cwd=tree,
        env=neutral_environment(COLUMNS="100", **environment),
        capture_output=True,
        text=True,
    )


def kernels_and_servers(pid: int) -> list[psutil.Process]:
    return [p for p in family(pid) if re.search(r"ipykernel|valkey|embedded/process", command(p))]


def command(process: psutil.Process) -> str:
    """A process's command line; empty once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie among them
        return ""


def test_a_run_leaves_notebooks_and_pages(tree: Path) -> None:
    # Saved in an editor with a kernel of one's own: it runs in this environment's all the same.
    own = {"display_name": ".venv (3.13)", "language": "python", "name": "my-conda-env"}
    edit_notebook("ko", "02_memorystore", lambda nb: nb.metadata.update(kernelspec=own))(tree)
    done = run(tree, "--language", "ko", "--tutorial", "02_memorystore")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^ko +02_memorystore +cell (\d+) of \1 +\d+\.\d s +passed$", done.stdout, re.MULTILINE)
    executed = nbformat.read(tree / "build/ko/02_memorystore.ipynb", as_version=4)
    assert "Bob" in cell(executed, "ask").outputs[0].text
    page = (tree / "build/ko/02_memorystore.html").read_text(encoding="utf-8")
    assert '<html lang="ko">' in page
    assert 'href="01_redis.html"' in page
    assert (
        len(re.findall('<section[^>]* lang="ko"', page)) == 2
    )  # the pictures of two widgets, which need a kernel themselves
    assert "widget-view+json" not in page
    assert not re.search(r'<(?:script|img|link|source|iframe)\b[^>]*(?:src|srcset|href)="(?:https?:)?//', page)
    assert 'href="../fr/02_memorystore.html"' in page
    assert re.search(r'href="https://colab\.[^"]+/ko/02_memorystore\.ipynb"', page)
    assert "build/ko/02_memorystore.html" in done.stdout
    assert sorted(path.name for path in (tree / "build").rglob("*.*")) == [
        "02_memorystore.html",
        "02_memorystore.ipynb",
    ]


@pytest.mark.parametrize("language", ["", "fr"])
def test_a_run_takes_away_its_own_results_and_nothing_else(tree: Path, language: str) -> None:
    for notebook in (tree / "notebooks").glob("*/*.ipynb"):
        read = nbformat.read(notebook, as_version=4)
        read.cells = read.cells[:1]  # a heading: nothing to wait for
        nbformat.write(read, notebook)
    kept = ["build/screenshots/chat_panel-en.png", "build/official/environment/complete"]
    kept += ["build/es/01_redis.html"] if language else []
    gone = ["build/fr/01_redis.ipynb", "build/fr/of_a_tutorial_that_is_no_more.html"]
    for name in kept + gone:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("from before")
    done = run(tree, "--language", language)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [name for name in kept if not (tree / name).exists()] == []
    assert "from before" not in {path.read_text(encoding="utf-8") for path in (tree / "build/fr").iterdir()}


def test_a_failing_cell_is_shown(tree: Path) -> None:
    edit_notebook("fr", "02_memorystore", lambda nb: cell(nb, "retrieve").update(source="assert 1 == 2, 'spoiled'"))(
        tree
    )
    done = run(tree, "--language", "fr", "--tutorial", "02_memorystore")
    assert done.returncode == 1
    assert re.search(r"^fr +02_memorystore +cell +\d+ of \d+ +\d+\.\d s +failed$", done.stdout, re.MULTILINE)
    assert "assert 1 == 2, 'spoiled'" in done.stdout
    assert "AssertionError: spoiled" in done.stdout


def test_the_readers_redis_is_used_where_there_is_one(tree: Path) -> None:
    done = run(tree, "--language", "en", "--tutorial", "01_redis", REDIS_URL="redis://127.0.0.1:1")
    assert done.returncode == 1
    assert "Could not connect to redis://127.0.0.1:1" in done.stdout


@pytest.mark.parametrize(
    ("option", "known"), [("--language", list(LANGUAGES)), ("--tutorial", tutorials())], ids=["language", "tutorial"]
)
def test_an_unknown_value_names_the_known_ones(tree: Path, option: str, known: list[str]) -> None:
    done = run(tree, option, "nonsense")
    assert done.returncode == 2
    assert "'nonsense'" in done.stderr
    assert all(name in done.stderr for name in known)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0, 0.2, 0.5, 1])
def test_an_interrupted_run_leaves_nothing_behind(tree: Path, number: signal.Signals, seconds: float) -> None:
    edit_notebook("en", "02_memorystore", lambda nb: cell(nb, "retrieve").update(source="import time; time.sleep(60)"))(
        tree
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "tools", "run", "--language", "en"],
        cwd=tree,
        env=neutral_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=default_interrupt,
    )
    assert eventually(lambda: any("ipykernel" in command(p) for p in kernels_and_servers(process.pid)), PATIENCE)
    time.sleep(seconds)
    left = kernels_and_servers(process.pid)
    assert left
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, output
    assert output == "Interrupted: kernels and server have been stopped.\n"
    _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    assert alive == []


def test_a_run_whose_reader_went_away_ends(tree: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tools", "run", "--language", "en", "--tutorial", "01_redis"],
        cwd=tree,
        env=neutral_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.close()  # as `make run | head` does
    assert eventually(lambda: bool(kernels_and_servers(process.pid)), PATIENCE)
    left = kernels_and_servers(process.pid)
    try:
        assert process.wait(timeout=PATIENCE) == 1
    finally:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    assert alive == []


def test_jupyterlab_has_a_server_that_outlives_kernels(tree: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tools", "lab", "--no-browser", "--allow-root", "--ServerApp.port=0"],
        cwd=tree,
        env=neutral_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None

    def labs() -> list[psutil.Process]:
        return [one for one in family(process.pid) if one.cmdline()[1:3] == ["-m", "jupyterlab"]]

    try:
        line = process.stdout.readline()
        found = re.search(r"redis://127\.0\.0\.1:\d+", line)
        assert found, line
        url = found[0]
        assert answers(url)
        assert eventually(lambda: bool(labs()), PATIENCE)
        (lab,) = labs()
        assert lab.environ()["REDIS_URL"] == url
        left = family(process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    assert alive == []
    assert not answers(url)


# --- making the environment ---------------------------------------------------------------------


def make(tree: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [MAKE, *arguments], cwd=tree, env=neutral_environment(**environment), capture_output=True, text=True
    )


def test_a_python_that_is_too_old_is_told_which_is_needed(tree: Path) -> None:
    old = tree / "old-python"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 9, 18); exec(sys.argv[2])" "$@"\n'
    )
    old.chmod(0o755)
    done = make(tree, "run", f"PYTHON={old}")
    assert done.returncode == 2
    assert "needs Python 3.11 or newer" in done.stderr
    assert "is 3.9" in done.stderr
    assert not (tree / ".venv").exists()


def test_an_install_that_failed_is_done_again(tree: Path) -> None:
    for _ in range(2):
        done = make(
            tree, "run", f"PYTHON={sys.executable}", PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull
        )
        assert done.returncode == 2
        assert "No matching distribution found" in done.stderr
        assert not (tree / ".venv/ready").exists()
        assert not (tree / "build").exists()
