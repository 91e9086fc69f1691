"""Code of others that the widgets carry along is what its authors published, and its licence goes with it."""

import hashlib
import re
import subprocess
from pathlib import Path

import helpers.widgets

VENDORED = Path(helpers.widgets.__file__).parent / "static" / "vendor"


def test_each_file_is_the_one_that_was_published() -> None:
    table = (VENDORED / "README.md").read_text("utf-8")
    said = dict(re.findall(r"^\| `(\S+)` .* `([0-9a-f]{64})` \|$", table, re.MULTILINE))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDORED.iterdir()}
    found.pop("README.md")
    assert said == found
    assert "MIT" in (VENDORED / "marked.LICENSE").read_text("utf-8")


def test_messages_become_elements_and_never_markup() -> None:
    run = subprocess.run(
        ["node", "--test", "tests/widgets/static/"], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
