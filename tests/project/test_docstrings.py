"""The public docstrings hold what the API pages are made from: every argument, result and error, and no other."""

import builtins
import dataclasses
import enum
import importlib
import logging
import pkgutil
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
import pytest
import redis

from tests.conftest import ROOT
from tools.site import api

# What a section on errors may name, beside builtins and, by their full names, redis-py's.
OURS = {name: getattr(module, name) for module in map(importlib.import_module, api.MODULES) for name in dir(module)}

Kind = griffe.DocstringSectionKind


def faults(folder: Path) -> list[str]:
    """What the docstrings of the package in a folder lack, or tell of that is not there."""
    return sorted({f"{one.path}: {fault}" for one in public(api.load(folder)) for fault in faults_of(one)})


def public(package: Any) -> Iterator[Any]:
    """The public modules, what they name (or hold, where they name nothing), and what their classes offer."""
    for name in api.MODULES:
        yield package.modules_collection[name]
        for one in api.public(package, name):
            yield one
            if one.is_class:
                yield from api.callables(one)


def faults_of(one: Any) -> Iterator[str]:
    told = sections(one)
    if not str(told.get(Kind.text, "")).strip():
        yield "has no summary"
    if one.is_function or one.is_class:
        described = [each.name for each in told.get(Kind.parameters, ()) if each.description.strip()]
        if (taken := arguments(one)) != described:
            yield f"takes {taken}, describes {described}"
    if one.is_class and not isinstance(pkgutil.resolve_name(one.path), enum.EnumType):
        named = {each.name for kind in (one, *one.mro()) for each in described_attributes(kind)}
        own = [each.name for each in api.offered(one) if each.is_attribute]
        yield from (f"has {name}, undescribed" for name in own if name not in named)
    if one.is_function:
        result = str(one.returns)
        due = [] if result == "None" else [Kind.yields if "Iterator[" in result else Kind.returns]
        if due != [kind for kind in (Kind.yields, Kind.returns) if kind in told]:
            yield f"returns {result}, describes {[kind.value for kind in told]}"
    for each in told.get(Kind.raises, ()):
        if not is_exception(str(each.annotation)):
            yield f"raises {each.annotation}, which is no exception"


def sections(one: Any) -> dict[Any, Any]:
    return {section.kind: section.value for section in one.docstring.parsed} if one.docstring else {}


def arguments(one: Any) -> list[str]:
    """The names of what is handed over in a call. Readers make no errors, and data classes say it of attributes."""
    if one.is_class:
        kind = pkgutil.resolve_name(one.path)
        if issubclass(kind, (BaseException, enum.Enum)) or dataclasses.is_dataclass(kind):
            return []
    return [each.name for each in one.parameters if each.name not in ("self", "cls")]


def described_attributes(kind: Any) -> Iterator[Any]:
    """The attributes of a class that it describes, itself or as arguments, or that have docstrings of their own."""
    told = sections(kind)
    yield from told.get(Kind.attributes, ())
    yield from told.get(Kind.parameters, ())
    yield from (each for each in kind.members.values() if each.is_attribute and each.docstring)


def is_exception(name: str) -> bool:
    found = getattr(redis, name[6:], None) if name.startswith("redis.") else OURS.get(name, vars(builtins).get(name))
    return isinstance(found, type) and issubclass(found, BaseException)


def test_public_docstrings_describe_arguments_results_and_errors(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "griffe"):
        assert faults(ROOT) == []
    assert caplog.messages == [], "griffe could not make sense of a section"


SPEAK = "_localization/messages.py", "def speak(language: str) -> None:"


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (*SPEAK, "def speak(language: str, aloud: bool = True) -> None:", "takes ['language', 'aloud']"),
        (*SPEAK, "def speak() -> None:", "takes [], describes ['language']"),
        (*SPEAK, "def speak(language: str) -> str:", "returns str"),
        (SPEAK[0], "    ValueError: There is no", "    LanguageError: There is no", "raises LanguageError"),
        ("environment.py", "    notebook: bool\n", "    notebook: bool\n    gpu: bool\n", "has gpu, undescribed"),
        ("widgets/live.py", "    def close(self)", "    def a(self) -> None: ...\n    def close(self)", "no summary"),
    ],
)
def test_what_is_not_described_is_found(tmp_path: Path, file: str, old: str, new: str, fault: str) -> None:
    shutil.copytree(ROOT / "helpers", tmp_path / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "helpers" / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    found = faults(tmp_path)
    assert found
    assert all(fault in each for each in found), found
