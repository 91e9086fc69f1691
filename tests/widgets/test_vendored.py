"""Code of others that the widgets carry along is what its authors published, and its licence goes with it."""

import hashlib
import re

from helpers.widgets.modules import STATIC

VENDORED = STATIC / "vendor"


def test_each_file_is_the_one_that_was_published() -> None:
    table = (VENDORED / "README.md").read_text("utf-8")
    said = dict(re.findall(r"^\| `(\S+)` .* `([0-9a-f]{64})` \|$", table, re.MULTILINE))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.glob("marked.*")
        if path.suffix != ".ts"
    }
    assert said == found
    assert "MIT" in (VENDORED / "marked.LICENSE").read_text("utf-8")
