"""What a release builds works where there is no checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def release(tree: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Build, check and try the wheel of a tree, as the release workflow does."""
    script = [tree / ".ci/wheel", Path(sys.executable).parent]
    return subprocess.run(script, env=os.environ | environment, capture_output=True, text=True)


def test_the_wheel_is_installed_and_tried(tree: Path) -> None:
    done = release(tree, REDIS_URL="", GITHUB_REF_TYPE="tag", GITHUB_REF_NAME="v0.1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ready: all is well." in done.stdout
    assert {path.suffix for path in (tree / "dist").glob("chat*")} == {".whl", ".gz"}


@pytest.mark.parametrize("lost", ["*.html", "*.js", "*.po", "*.pyi"])
def test_a_wheel_that_lacks_a_file_of_the_package_is_refused(tree: Path, lost: str) -> None:
    project = tree / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace('packages = ["helpers"]\n', f'packages = ["helpers"]\nexclude = ["{lost}"]\n', 1))
    done = release(tree)
    assert done.returncode == 1
    assert "W101: Wheel library is missing files in package tree" in done.stdout
    assert lost.removeprefix("*") in done.stdout


def test_a_tag_of_another_version_is_refused(tree: Path) -> None:
    done = release(tree, GITHUB_REF_TYPE="tag", GITHUB_REF_NAME="v0.2.0")
    assert done.returncode == 1
    assert "The tag is v0.2.0, and the version in pyproject.toml makes chat_history_tutorials-0.1.0-" in done.stderr
