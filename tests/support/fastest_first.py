"""A plugin of pytest for mutmut: fast tests first, since the first that fails ends the run of a mutant."""

import json
from pathlib import Path

import pytest

# Beside the tests of the mutants: what each took on the code as it is.
_MEASURED = Path("mutmut-stats.json")
_FAST_SECONDS = 0.3


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort what is to be run. A file's tests stay together, so that what they share is made once or twice."""
    took = json.loads(_MEASURED.read_text())["duration_by_test"] if _MEASURED.exists() else {}
    items.sort(key=lambda item: (took.get(item.nodeid, 0) > _FAST_SECONDS, item.path, took.get(item.nodeid, 0)))
