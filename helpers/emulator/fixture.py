"""The pytest fixture: ``pytest_plugins = ["helpers.emulator.fixture"]`` makes it known."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from helpers.emulator import Emulator


@pytest.fixture
def memorystore_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator["Emulator"]:
    """A running emulator with quick operations, which ``MEMORYSTORE_EMULATOR_HOST`` points to."""
    from helpers.emulator import Emulator

    with Emulator(operation_seconds=0.3, failover_seconds=0.5) as emulator:
        monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", emulator.host)
        yield emulator
