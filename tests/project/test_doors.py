"""The files by which Codespaces, VS Code and Binder make an environment make one in which a lesson runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tools.tutorials import neutral_environment

# What the schema of devcontainer.json (containers.dev) knows, as far as this repository needs it.
KNOWN = {"name": str, "image": str, "postCreateCommand": str, "customizations": dict}


def binders() -> str:
    """The command that Binder runs for a folder .binder with a requirements.txt, in the repository's folder."""
    assert sorted(path.name for path in (ROOT / ".binder").iterdir()) == ["requirements.txt", "runtime.txt"]
    return "python3 -m pip install --requirement .binder/requirements.txt"


def codespaces() -> str:
    """The command that the container runs once it is made."""
    described = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert {name: type(value) for name, value in described.items()} == KNOWN
    return str(described["postCreateCommand"])


def test_both_have_the_same_python() -> None:
    image = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))["image"]
    runtime = (ROOT / ".binder/runtime.txt").read_text(encoding="utf-8").strip()
    assert len(set(re.findall(r"3\.\d+", f"{image} {runtime}"))) == 1


def test_their_commands_make_an_environment_for_the_lessons(tree: Path, tmp_path: Path) -> None:
    """In an environment that holds pip and nothing else, where each command finds it as its Python."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", bare], check=True)
    environment = neutral_environment(PATH=f"{bare / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def run(command: str) -> str:
        done = subprocess.run(command, shell=True, cwd=tree, env=environment, capture_output=True, text=True)  # noqa: S602
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(codespaces())
    installed = run("pip freeze")
    run("jupyter execute notebooks/en/03_agents.ipynb")
    run(binders())
    assert run("pip freeze") == installed  # the other found all that it asks for
