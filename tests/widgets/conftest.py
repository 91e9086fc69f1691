"""What the tests of the widgets share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from helpers._localization.messages import speak
from helpers.embedded import EmbeddedServer
from helpers.emulator import Emulator
from tests.conftest import copy_of_the_tree

if TYPE_CHECKING:  # not with Colab's packages, where nothing is tried in a browser
    from playwright.sync_api import Browser

    from tests.support.jupyterlab import Lab


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
def browser() -> "Iterator[Browser]":
    from tests.support.jupyterlab import running_browser

    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def lab(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Lab]":
    from tests.support.jupyterlab import running_lab

    with running_lab(copy_of_the_tree(tmp_path_factory.mktemp("lab")), server.url) as running:
        yield running
