"""What the tests of Memorystore share."""

import logging
from collections.abc import Iterator

import pytest

from helpers._connecting.connection import forget
from helpers.environment import EMULATOR_VARIABLE
from tests.support.memorystore_api import NAME, Apis


@pytest.fixture
def apis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Apis]:
    """Both services' APIs, with answers as a test wants them."""
    made = Apis()
    with made.serving() as host:
        monkeypatch.setenv(EMULATOR_VARIABLE, host)
        yield made
        forget(NAME)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that is logged, by Google's libraries too, which keep their logs to themselves by default."""
    library = logging.getLogger("google")
    before = library.level, library.propagate
    library.setLevel(logging.DEBUG)
    library.propagate = True
    caplog.set_level(logging.DEBUG)
    yield caplog
    library.level, library.propagate = before
