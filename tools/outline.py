"""The outline of the lessons that the package carries, by which a class's progress is told."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from helpers._classroom.lessons import TABLE, fingerprint
from tools import building
from tools.project import root
from tools.translating.catalogs import read_source
from tools.tutorials import LANGUAGES, tutorials

_HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)


def path() -> Path:
    """Where the outline lies."""
    return root() / "helpers" / "_classroom" / TABLE.name


def made() -> str:
    """The outline as it should be."""
    lessons = {
        name: {
            "title": {language: building.title(language, name) for language in LANGUAGES},
            "sections": list(_sections(name)),
        }
        for name in tutorials()
    }
    return json.dumps(lessons, ensure_ascii=False, indent=1) + "\n"


def write() -> None:
    """Bring the outline up to date."""
    path().parent.mkdir(parents=True, exist_ok=True)
    path().write_text(made(), encoding="utf-8")


def _sections(name: str) -> Iterator[dict[str, Any]]:
    """The sections of a lesson that have code, each under the last heading before it."""
    heading: NotebookNode | None = None
    code: list[NotebookNode] = []
    for cell in [*read_source(name), None]:
        if cell is not None and cell.cell_type == "code":
            code.append(cell)
        elif cell is None or _HEADING.search(cell.source):
            if heading is not None and code:
                titles = {language: _title(language, name, heading) for language in LANGUAGES}
                yield {"id": heading.id, "title": titles, "cells": {one.id: fingerprint(one.source) for one in code}}
            heading, code = cell, []


def _title(language: str, name: str, cell: NotebookNode) -> str:
    """The last heading of a cell in a language; the English one where a translation has lost it."""
    text, _ = building.translated(language, name, cell)
    found = _HEADING.findall(text) or _HEADING.findall(cell.source)
    return str(found[-1]).replace("`", "")
