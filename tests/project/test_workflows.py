"""What runs on GitHub's runners is well-formed, allows little, and waits for its servers."""

import http.server
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from helpers.embedded import EmbeddedServer
from tests.conftest import ROOT
from tests.project.test_colab import FREEZE, pins, python_of
from tests.support import colab_freeze

BIN = Path(sys.executable).parent
WORKFLOWS = [path.name for path in sorted((ROOT / ".github/workflows").glob("*.yml"))]


@pytest.fixture
def github(tmp_path: Path) -> Path:
    """A copy of .github, to be spoiled at will."""
    return Path(shutil.copytree(ROOT / ".github", tmp_path / ".github"))


def zizmor(folder: Path) -> "subprocess.CompletedProcess[str]":
    """What zizmor finds, without a network and without anybody's own configuration."""
    options = ["--offline", "--no-config", "--persona=regular", "--no-progress", "--color=never", "--strict-collection"]
    return subprocess.run([BIN / "zizmor", *options, folder], capture_output=True, text=True)


def schema(name: str, *files: Path) -> "subprocess.CompletedProcess[str]":
    """What a schema that check-jsonschema carries along has against files."""
    return subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", f"vendor.{name}", *files], capture_output=True, text=True
    )


def workflow(name: str, folder: Path = ROOT / ".github") -> Any:
    return YAML(typ="safe").load(folder / "workflows" / name)


def permissions_beyond_reading(read: Any) -> list[str]:
    """Where a workflow permits something else than nothing at its top and reading in each job."""
    places = [] if read.get("permissions") == {} else ["the top"]
    return places + [name for name, job in read["jobs"].items() if job.get("permissions") != {"contents": "read"}]


# --- the repository's own -----------------------------------------------------------------------


def test_zizmor_finds_nothing() -> None:
    run = zizmor(ROOT / ".github")
    assert run.returncode == 0, run.stdout + run.stderr
    for name in [*WORKFLOWS, "dependabot.yml"]:
        assert re.search(rf"completed \S*{re.escape(name)}", run.stderr), f"{name} was not looked at."


def test_the_files_keep_to_their_schemas() -> None:
    run = schema("github-workflows", *(ROOT / ".github/workflows" / name for name in WORKFLOWS))
    assert run.returncode == 0, run.stdout
    run = schema("dependabot", ROOT / ".github/dependabot.yml")
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_may_read_and_no_more(name: str) -> None:
    assert permissions_beyond_reading(workflow(name)) == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_ends_and_makes_way_for_its_next_run(name: str) -> None:
    read = workflow(name)
    assert read["concurrency"]["cancel-in-progress"] is True
    assert all(job["timeout-minutes"] <= 60 for job in read["jobs"].values())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_with_their_version_beside_and_the_same_everywhere(name: str) -> None:
    every = "".join((ROOT / ".github/workflows" / one).read_text() for one in WORKFLOWS)
    uses = re.findall(r"uses: (.+)", (ROOT / ".github/workflows" / name).read_text())
    assert uses
    for use in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)
        assert set(re.findall(rf"uses: ({use.partition('@')[0]}@.+)", every)) == {use}


def test_every_server_meets_every_python_and_is_waited_for() -> None:
    job = workflow("test.yml")["jobs"]["test"]
    assert job["strategy"]["matrix"] == {
        "python": ["3.11", "3.12", "3.13", "3.14"],
        "server": ["redis:7.2", "redis:8", "valkey/valkey:8"],
    }
    commands = [step.get("run", "") for step in job["steps"]]
    wait, test = (next(i for i, run in enumerate(commands) if part in run) for part in ("wait_for_ping", ".ci/run"))
    assert wait < test
    assert job["steps"][wait]["env"] == job["steps"][test]["env"]  # the server that is asked is the one that is used


# --- faults are found ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("    permissions:\n      contents: read\n", "    permissions: write-all\n", "excessive-permissions"),
        (r"checkout@[0-9a-f]{40} # v4.2.2", "checkout@v4", "unpinned-uses"),
        ("          persist-credentials: false\n", "          fetch-depth: 1\n", "artipacked"),
        (r"      - uses: actions/checkout", "      - run: echo ${{ github.head_ref }}\n\\g<0>", "template-injection"),
    ],
)
def test_zizmor_finds_what_a_workflow_should_not_allow(
    github: Path, name: str, right: str, wrong: str, finding: str
) -> None:
    file = github / "workflows" / name
    text, count = re.subn(right, wrong, file.read_text(), count=1)
    assert count == 1
    file.write_text(text)
    run = zizmor(github)
    assert run.returncode != 0
    assert f"[{finding}]" in run.stdout
    assert name in run.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize("wrong", ["permissions: write-all", "permissions:\n  contents: read", ""])
def test_broad_permissions_at_the_top_are_found(github: Path, name: str, wrong: str) -> None:
    file = github / "workflows" / name  # zizmor minds them only where a job has none of its own
    file.write_text(file.read_text().replace("permissions: {}", wrong, 1))
    assert permissions_beyond_reading(workflow(name, github)) == ["the top"]


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("timeout-minutes", "timeout-minuets"),
        ("runs-on", "run-on"),
        ("contents: read", "contents: raed"),
        ("        with:", "        wiht:"),
    ],
)
def test_a_misspelt_key_of_a_workflow_is_named(github: Path, name: str, right: str, wrong: str) -> None:
    file = github / "workflows" / name
    file.write_text(file.read_text().replace(right, wrong, 1))
    run = schema("github-workflows", file)
    assert run.returncode == 1
    assert wrong.split(":")[0].strip() in run.stdout
    assert name in run.stdout


@pytest.mark.parametrize(("right", "wrong"), [("schedule", "scedule"), ("weekly", "wekly"), ("default-days", "days")])
def test_a_misspelt_key_of_dependabot_is_found(github: Path, right: str, wrong: str) -> None:
    file = github / "dependabot.yml"
    file.write_text(file.read_text().replace(right, wrong, 1))
    run = schema("dependabot", file)
    assert run.returncode == 1
    assert "dependabot.yml" in run.stdout


# --- waiting for a server -----------------------------------------------------------------------


def wait(url: str, seconds: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, ROOT / ".ci/wait_for_ping.py", url, str(seconds)], capture_output=True, text=True
    )


@contextmanager
def saying(*answers: bytes) -> Iterator[str]:
    """The address of a server that says one thing to each connection, and the last for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            left = list(answers)
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100)
                    connection.sendall(left.pop(0) if len(left) > 1 else left[0])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_server_that_answers_is_waited_for_no_longer(server: EmbeddedServer) -> None:
    run = wait(server.url, 5)
    assert run.returncode == 0, run.stderr


def test_a_server_that_loads_is_waited_for() -> None:
    with saying(b"-LOADING Redis is loading the dataset in memory\r\n", b"", b"+PONG\r\n") as url:
        run = wait(url, 30)
    assert run.returncode == 0, run.stderr
    assert "answers PING after" in run.stdout


def test_what_never_answers_pong_fails_with_what_it_said() -> None:
    with saying(b"HTTP/1.1 400 Bad Request\r\n") as url:
        run = wait(url, 0.6)
    assert run.returncode == 1
    assert "did not answer PING within 0.6 s. At last: HTTP/1.1 400 Bad Request" in run.stderr


def test_where_nobody_listens_the_wait_ends_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    run = wait(f"redis://127.0.0.1:{port}", 0.6)
    assert run.returncode == 1
    assert f"127.0.0.1:{port} did not answer PING within 0.6 s. At last: no answer: " in run.stderr


# --- Colab's list -------------------------------------------------------------------------------


@pytest.fixture
def backend_info(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a stand-in for Colab's repository, and the folder of its files."""
    folder = tmp_path / "backend-info"
    folder.mkdir()
    lines = "\n".join(f"package-{number}==1.{number}" for number in range(700))
    (folder / "pip-freeze.txt").write_text(
        f"# Do not modify this file directly\nabsl-py==1.4.0\ngoogle-colab @ file:///dist/colab.tar.gz\n{lines}\n"
    )
    (folder / "os-info.txt").write_text("# generated\nUbuntu 24.04.4 LTS\nPython 3.14.2\nR version 4.5.1\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def test_colabs_list_is_fetched_with_its_date_and_source(backend_info: tuple[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "freeze.txt"
    colab_freeze.refresh(backend_info[0], file)
    text = file.read_text()
    first, second, third = text.splitlines()[:3]
    assert re.fullmatch(
        r"# What Colab's runtime has: pip freeze of googlecolab/backend-info, \d+ [A-Z][a-z]+ \d{4}, "
        r"Python 3\.14 on Ubuntu 24\.04\.",
        first,
    )
    assert (second, third) == (FREEZE.read_text().splitlines()[1], "absl-py==1.4.0")
    assert python_of(text) == "3.14"
    assert len(pins(text)) == 701
    assert "@" not in text


@pytest.mark.parametrize("name", ["pip-freeze.txt", "os-info.txt"])
@pytest.mark.parametrize("fault", ["missing", "something else"])
def test_a_list_that_is_none_leaves_the_old_one(
    backend_info: tuple[str, Path], tmp_path: Path, name: str, fault: str
) -> None:
    source, folder = backend_info
    file = tmp_path / "freeze.txt"
    file.write_text("old\n")
    if fault == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_text("<!DOCTYPE html>\n<p>Too many requests</p>\n")
    with pytest.raises((OSError, ValueError), match=r"404|pins 0 packages|names no Python"):
        colab_freeze.refresh(source, file)
    assert file.read_text() == "old\n"
