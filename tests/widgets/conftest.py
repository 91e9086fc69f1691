"""What the tests of the widgets share."""

from collections.abc import Iterator

import pytest

from helpers._localization.messages import speak
from helpers.emulator import Emulator


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    speak("en")
    yield
    speak("en")


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(operation_seconds=0.3) as running:
        monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", running.host)
        yield running
