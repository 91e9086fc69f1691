"""What the tests of the widgets share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from helpers._localization.messages import speak
from helpers.embedded import EmbeddedServer
from helpers.emulator import Emulator
from tests.conftest import copy_of_the_tree
from tests.support.jupyterlab import Lab, running_browser, running_lab


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


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """The server of a module's JupyterLab."""
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def lab(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(copy_of_the_tree(tmp_path_factory.mktemp("lab")), server.url) as running:
        yield running
