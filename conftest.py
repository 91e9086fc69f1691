"""Every notebook under nbmake twice: on the embedded server, and on a separate one at REDIS_URL."""

import difflib
import os
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbmake.nb_run import NotebookRun
from nbmake.pytest_items import NbMakeFailureRepr, NotebookFailedException, NotebookFile, NotebookItem

from execution import SocketKernelManager, lasting_outputs, shown
from helpers.embedded import EmbeddedServer
from tutorials import READERS_OWN

# Where the controller tells its workers which separate server to use.
_SEPARATE = "TUTORIALS_SEPARATE_SERVER"
_server = pytest.StashKey[EmbeddedServer]()


def pytest_configure(config: pytest.Config) -> None:
    """Find the separate server, then hide whatever would make a run differ from the next one's."""
    if not hasattr(config, "workerinput"):
        url = os.environ.get("REDIS_URL")
        if not url:
            if os.environ.get("CI"):
                raise pytest.UsageError("In CI the notebooks must run on a separate Redis too: set REDIS_URL.")
            config.stash[_server] = EmbeddedServer().start()
            url = config.stash[_server].url
        os.environ[_SEPARATE] = url
    for name in READERS_OWN:
        os.environ.pop(name, None)


def pytest_unconfigure(config: pytest.Config) -> None:
    if server := config.stash.get(_server, None):
        server.stop()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if _server in config.stash:
        terminalreporter.section("LEFT OUT", yellow=True)
        terminalreporter.line(
            "No REDIS_URL: the notebooks' second run used a second embedded server in place of a real Redis. "
            "Set REDIS_URL, or run .ci/run, to have them run on one."
        )


@pytest.fixture(scope="session")
def separate_server() -> str:
    """The URL of a server that no process of the tests owns."""
    return os.environ[_SEPARATE]


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Have nbmake's files run twice and their outputs compared."""
    collected = yield
    return [
        TutorialFile.from_parent(file.parent, path=file.path) if type(file) is NotebookFile else file
        for file in collected
    ]


class OutputsDifferError(AssertionError):
    """A notebook ran through, but its outputs are not the committed ones."""


class TutorialFile(NotebookFile):  # type: ignore[misc]
    """A notebook, to be run in each of the two settings."""

    def collect(self) -> Iterator[pytest.Item]:
        for setting in ("embedded", "separate"):
            yield TutorialItem.from_parent(self, setting=setting)


class TutorialItem(NotebookItem):  # type: ignore[misc]
    """One run of a notebook; its outputs must be the committed ones."""

    def __init__(self, parent: TutorialFile, setting: str) -> None:
        pytest.Item.__init__(self, setting, parent)
        self.filename = str(parent.path)
        self.setting = setting

    def runtest(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            # nbmake leaves the choice of the kernel manager to nbclient.
            sockets = partial(NotebookClient, kernel_manager_class=SocketKernelManager)
            patch.setattr("nbmake.nb_run.NotebookClient", sockets)
            if self.setting == "separate":
                patch.setenv("REDIS_URL", os.environ[_SEPARATE])
            result = NotebookRun(self.path, self.config.option.nbmake_timeout).execute()
        if result.error is not None:
            raise NotebookFailedException(result)
        committed = nbformat.read(self.path, as_version=4)
        for cell, ran in zip(committed.cells, result.nb.cells, strict=True):
            if cell.cell_type == "code" and cell.outputs != (now := lasting_outputs(ran)):
                raise OutputsDifferError(self._difference(cell, shown(cell.outputs), shown(now)))

    def _difference(self, cell: nbformat.NotebookNode, committed: str, ran: str) -> str:
        place = f"{Path(self.filename).parent.name}/{self.path.stem}, cell {cell.id!r}"
        lines = difflib.unified_diff(committed.splitlines(), ran.splitlines(), "committed", "this run", lineterm="")
        return (
            f"{place}: the output is not the committed one. If the new one is right, run "
            f"notebooks/localize.py build --execute.\n" + "\n".join(lines)
        )

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, OutputsDifferError):
            text = str(excinfo.value)
            return NbMakeFailureRepr(text, text.splitlines()[0])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.parent.name}/{self.path.stem} on the {self.setting} server"
