"""The files at the root and in .github are what their readers, people and programs, take them for."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.tools.test_run import MAKE
from tools.project import repository
from tools.tutorials import tutorials

BIN = Path(sys.executable).parent
# The schemas that check-jsonschema carries along, each with its files, and with a word in one of them to be misspelt.
SCHEMAS = {
    "github-workflows": (".github/workflows/*.yml", "timeout-minutes", "timeout-minute"),
    "dependabot": (".github/dependabot.yml", "default-days", "default-day"),
    "github-issue-forms": (".github/ISSUE_TEMPLATE/[!c]*.yml", "validations", "validation"),
    "github-issue-config": (".github/ISSUE_TEMPLATE/config.yml", "about", "abut"),
    "citation-file-format": ("CITATION.cff", "repository-code", "repository-cod"),
}


def schema(name: str, *files: Path) -> "subprocess.CompletedProcess[str]":
    """What a schema that check-jsonschema carries along has against files."""
    options = ["--builtin-schema", f"vendor.{name}", "--default-filetype", "yaml"]
    return subprocess.run([BIN / "check-jsonschema", *options, *files], capture_output=True, text=True)


def read(path: str) -> Any:
    return YAML(typ="safe").load(ROOT / path)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_files_keep_to_their_schemas(name: str, tmp_path: Path) -> None:
    pattern, right, wrong = SCHEMAS[name]
    files = sorted(ROOT.glob(pattern))
    spoiled = Path(shutil.copy(files[-1], tmp_path))
    text = spoiled.read_text(encoding="utf-8")
    assert right in text
    spoiled.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    run = schema(name, *files, spoiled)
    assert wrong in run.stdout
    assert set(re.findall(r"^ +(\S+)::", run.stdout, re.MULTILINE)) == {str(spoiled)}, run.stdout


def test_a_bug_report_says_which_notebook_and_what_doctor_says() -> None:
    fields = {field["id"]: field for field in read(".github/ISSUE_TEMPLATE/bug.yml")["body"] if "id" in field}
    assert set(tutorials()) <= set(fields["notebook"]["attributes"]["options"])
    assert "python -m helpers doctor" in fields["doctor"]["attributes"]["description"]
    required = {name for name, field in fields.items() if field.get("validations", {}).get("required")}
    assert required == {"notebook", "language", "platform", "happened", "expected", "doctor"}
    assert fields["secrets"]["attributes"]["options"][0]["required"] is True


def test_the_citation_is_of_this_project() -> None:
    citation, project = read("CITATION.cff"), tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (citation["repository-code"], citation["license"]) == (repository(), project["license"])


def test_a_commit_is_looked_at_as_make_test_does() -> None:
    run = subprocess.run([BIN / "pre-commit", "validate-config"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    ready = ("--old-file=.venv/ready", "--old-file=.venv/ready-to-test")
    dry = subprocess.run([MAKE, "--dry-run", *ready, "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    *style, tests = re.findall(r"^\.venv/bin/.*", dry.stdout, re.MULTILINE)
    assert tests.startswith(".venv/bin/pytest ")
    assert [hook["entry"] for hook in hooks] == style
    # The environment's programs on the whole tree: no version of their own, and no network.
    assert {(hook["language"], hook["pass_filenames"]) for hook in hooks} == {("system", False)}


WRONG = "lan" + "gauge"  # in pieces, for this file is looked at too


def misspelt(folder: Path) -> list[tuple[str, str]]:
    """Where typos, with the settings in a folder, finds something: file and word."""
    run = subprocess.run([BIN / "typos", "--format=brief"], cwd=folder, capture_output=True, text=True)
    assert run.returncode in (0, 2), run.stderr
    return re.findall(r"^(?:\./)?(.*?):\d+:\d+: error: (`\w+`)", run.stdout, re.MULTILINE)


def test_english_is_spelt_as_it_is_written(tree: Path) -> None:
    assert misspelt(ROOT) == []
    english = ["docs/platforms.md", "helpers/sessions.py", "notebooks/source/01_redis.py", ".github/workflows/test.yml"]
    other = ["helpers/_localization/locales/fr.po", "notebooks/fr/01_redis.ipynb", "notebooks/README.md"]
    for name in english + other:
        with (tree / name).open("a", encoding="utf-8") as file:
            file.write(f"# {WRONG}\n")
    assert sorted(misspelt(tree)) == sorted((name, f"`{WRONG}`") for name in english)
