"""Who may import whom: import-linter's contracts are kept, and an import that breaks one is found."""

import subprocess
import sys
from pathlib import Path

import pytest

LINT = Path(sys.executable).with_name("lint-imports")


def lint(tree: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(LINT), "--no-cache"], cwd=tree, capture_output=True, text=True)


def test_the_contracts_are_kept(tree: Path) -> None:
    done = lint(tree)
    assert done.returncode == 0, done.stdout
    assert ", 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("helpers/_connecting/connection.py", "from helpers.memorystore import instances", "The rooms of helpers"),
        ("helpers/errors.py", "import helpers._connecting.connection", "The rooms of helpers"),
        ("helpers/_histories/records.py", "from helpers.memorystore.api import names", "The rooms of helpers"),
        (
            "helpers/memorystore/access/instance.py",
            "from helpers.memorystore.access import cluster",
            "Google's services",
        ),
        ("helpers/memorystore/api/names.py", "from helpers.memorystore import progress", "Memorystore by name"),
        ("helpers/emulator/api/errors.py", "from helpers.emulator.servers import instances", "No circles"),
        ("helpers/environment.py", "import tools", "The package does not know the tools"),
        ("tools/project.py", "from tools import building", "The tools"),
    ],
)
def test_a_forbidden_import_is_found(tree: Path, module: str, line: str, broken: str) -> None:
    path = tree / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n\ndef later() -> None:\n    {line}\n", encoding="utf-8")
    done = lint(tree)
    assert done.returncode == 1
    assert any(row.startswith(broken) and row.endswith("BROKEN") for row in done.stdout.splitlines()), done.stdout


def test_a_new_room_has_to_find_its_layer(tree: Path) -> None:
    (tree / "helpers" / "_attic").mkdir()
    (tree / "helpers" / "_attic" / "__init__.py").touch()
    assert lint(tree).returncode != 0
