"""What a page loads is what was locked."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT
from tools.site.lite import packages


def test_the_lock_has_what_the_kit_asks_for() -> None:
    locked = {pin.name: pin.version for pin in packages.pins()}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for wanted in ("redis", "langchain-core", "pydantic", "fakeredis", "ipywidgets", "anywidget"):
        (found,) = set(re.findall(rf'"({wanted}(?:\[\w+\])?[><=][^;"]*)', project))
        assert Requirement(found).specifier.contains(locked[wanted]), found


def test_each_file_is_the_one_that_was_locked(lite: Path) -> None:
    folder = lite / "static" / "pyodide"
    listed = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
    assert {entry["file_name"] for entry in listed.values()} == {path.name for path in folder.glob("*.whl")}
    for entry in listed.values():
        assert hashlib.sha256((folder / entry["file_name"]).read_bytes()).hexdigest() == entry["sha256"]
    for pin in packages.pins():
        if pin.name not in ("markupsafe", "pyyaml"):
            assert listed[pin.name]["sha256"] == pin.sha256


@pytest.mark.parametrize("name", ["markupsafe", "pyyaml"])
def test_what_is_repacked_has_no_compiled_half_and_keeps_its_licence(lite: Path, name: str) -> None:
    (path,) = (lite / "static" / "pyodide").glob(f"{name}-*-py3-none-any.whl")
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        record = wheel.read(next(one for one in names if one.endswith(".dist-info/RECORD"))).decode()
    assert not [one for one in names if one.endswith(".so")]
    assert [one for one in names if "licenses/LICENSE" in one]
    assert sorted(line.split(",")[0] for line in record.splitlines()) == sorted(names)


def test_another_wheel_than_the_locked_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = packages.Pin("sniffio", "1.3.1", "0" * 64)
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"{wrong}\n")
    monkeypatch.setattr(packages, "LOCK", lock)
    monkeypatch.setattr(packages, "cache", lambda: tmp_path)
    with pytest.raises(packages.PackageError, match="DO NOT MATCH THE HASHES"):
        packages.wheels(tmp_path, {"python": "3.14.2", "abi_version": "2026_0"})


def test_another_core_than_the_locked_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = json.loads(packages.CORE.read_text(encoding="utf-8"))
    (tmp_path / "core.json").write_text(json.dumps(locked | {"integrity": "sha512-" + "A" * 86 + "=="}))
    monkeypatch.setattr(packages, "CORE", tmp_path / "core.json")
    with pytest.raises(packages.PackageError, match=r"its SHA-512 is not the one in core\.json"):
        packages.core(tmp_path)


def test_a_damaged_line_of_the_lock_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements.txt").write_text("sniffio==1.3.1\n")
    monkeypatch.setattr(packages, "LOCK", tmp_path / "requirements.txt")
    with pytest.raises(packages.PackageError, match=r"a line is not NAME==VERSION --hash=sha256:"):
        packages.pins()
