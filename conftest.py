"""Every notebook under nbmake twice: as a reader finds it, and on servers that are not the embedded one.

In English it starts cold, as a reader's does. The other runs are in kernels that have imported before what the lessons
use: that takes most of a notebook's time, and what a lesson imports is the same in every language.

The second time, the Redis tutorials use the server at REDIS_URL, and those on Memorystore an emulator whose instances
are run by the `redis-server` of this machine. The lesson on agents runs a third time, on such an instance, which it
takes like any other server; the one on Memorystore runs a third time with its form at Memorystore for Valkey.
"""

import difflib
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbmake.nb_run import NotebookRun
from nbmake.pytest_items import NbMakeFailureRepr, NotebookFailedException, NotebookFile, NotebookItem

from helpers.embedded import EmbeddedServer
from tests.support.chromium import chromium
from tests.support.node import missing
from tests.support.warm_kernels import WarmKernelManager
from tools.running.execution import SocketKernelManager, lasting_outputs, shown
from tools.tutorials import ENGLISH, READERS_OWN

pytest_plugins = ["helpers.emulator.fixture"]

# Where the controller tells its workers which separate server to use.
_SEPARATE = "TUTORIALS_SEPARATE_SERVER"
_server = pytest.StashKey[EmbeddedServer]()
# The tutorials whose servers are instances of an emulator.
_ON_EMULATOR = ("02_memorystore", "02_memorystore_exercises")
# In which settings a tutorial runs a third time: with the other service in its form, or on an instance that REDIS_URL
# names.
_THIRD = {"02_memorystore": "valkey", "03_agents": "instance"}
_INSTANCE = "projects/practice/locations/us-central1/instances/agents"
# What its form says, what it says for the other service, and the cells whose outputs are then others.
_FORM, _AT_VALKEY = 'SERVICE = "redis"', 'SERVICE = "valkey"'
_OF_THE_SERVICE = {"whole", "create", "pick", "fail-over", "rotate"}
# Whether only what depends on the server is run, on the separate one.
_ON_SEPARATE = "--on-separate-server"
# Whether every notebook starts as a reader's does.
_COLD = "--cold-kernels"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        _ON_SEPARATE,
        action="store_true",
        help="run the tests that depend on the server, and no others, on the one at REDIS_URL, WHICH IS EMPTIED",
    )
    parser.addoption(
        _COLD,
        action="store_true",
        help="run every notebook in a kernel of its own making, and not only the English ones on the embedded server",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Find the separate server, then hide whatever would make a run differ from the next one's."""
    if config.getoption(_ON_SEPARATE) and config.getoption("numprocesses", None):
        raise pytest.UsageError(f"{_ON_SEPARATE} has one server, which every test empties: leave --numprocesses out.")
    if not hasattr(config, "workerinput"):
        url = os.environ.get("REDIS_URL")
        if not url:
            if os.environ.get("CI"):
                raise pytest.UsageError("In CI the notebooks must run on a separate Redis too: set REDIS_URL.")
            config.stash[_server] = EmbeddedServer().start()
            url = config.stash[_server].url
        os.environ[_SEPARATE] = url
        if os.environ.get("CI") and not shutil.which("redis-server"):
            raise pytest.UsageError(
                "In CI the Memorystore notebooks must run on a real Redis too: install redis-server."
            )
        if os.environ.get("CI") and chromium() is None:
            raise pytest.UsageError("In CI the widgets must be tried in a real browser: install chromium.")
        if os.environ.get("CI") and missing():
            raise pytest.UsageError(
                f"In CI the widgets' JavaScript must be checked, and the lessons run in Pyodide: "
                f"install {' '.join(missing())}."
            )
    for name in READERS_OWN:
        os.environ.pop(name, None)
    os.environ["HELPERS_LANGUAGE"] = "en"  # whatever the locale of who runs the tests


def pytest_unconfigure(config: pytest.Config) -> None:
    if server := config.stash.get(_server, None):
        server.stop()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    left_out = []
    if _server in config.stash:
        left_out.append(
            "No REDIS_URL: the notebooks' second run used a second embedded server in place of a real Redis. "
            "Set REDIS_URL, or run .ci/run, to have them run on one."
        )
    if not shutil.which("redis-server"):
        left_out.append(
            "No redis-server: the emulator's instances were embedded servers in the second run too. "
            "Install redis-server, or run .ci/run, to have them be a real Redis."
        )
    if chromium() is None:
        left_out.append(
            "No Chromium: the widgets were not tried in a real JupyterLab. Install chromium (Debian, Ubuntu: "
            "apt-get install chromium), or run .ci/run, to have that done."
        )
    if missing():
        left_out.append(
            "No Node, npm or TypeScript: the widgets' JavaScript was not checked, or no lesson ran in Pyodide. "
            f"Install {' '.join(missing())} (Debian, Ubuntu: apt-get install), or run .ci/run, to have both done."
        )
    if left_out:
        terminalreporter.section("LEFT OUT", yellow=True)
    for line in left_out:
        terminalreporter.line(line)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With the option, keep the tests that use the shared server and the notebooks that run on the separate one."""
    if not config.getoption(_ON_SEPARATE):
        return
    config.hook.pytest_deselected(items=[item for item in items if not _depends_on_the_server(item)])
    items[:] = filter(_depends_on_the_server, items)


def _depends_on_the_server(item: pytest.Item) -> bool:
    if isinstance(item, TutorialItem):
        return item.setting == "separate" and item.path.stem not in _ON_EMULATOR
    return "server" in getattr(item, "fixturenames", ())


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
    """A notebook, to be run in each of its settings."""

    def collect(self) -> Iterator[pytest.Item]:
        third = _THIRD.get(self.path.stem)
        for setting in ("embedded", "separate", *([third] if third else [])):
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
            reader = self.setting == "embedded" and self.path.parent.name == ENGLISH
            kernels = SocketKernelManager if reader or self.config.getoption(_COLD) else WarmKernelManager
            patch.setattr("nbmake.nb_run.NotebookClient", partial(NotebookClient, kernel_manager_class=kernels))
            result = self._execute(patch)
        if result.error is not None:
            raise NotebookFailedException(result)
        committed = nbformat.read(self.path, as_version=4)
        others = _OF_THE_SERVICE if self.setting == "valkey" else ()
        for cell, ran in zip(committed.cells, result.nb.cells, strict=True):
            if cell.cell_type == "code" and cell.id not in others and cell.outputs != (now := lasting_outputs(ran)):
                raise OutputsDifferError(self._difference(cell, shown(cell.outputs), shown(now)))

    def _execute(self, patch: pytest.MonkeyPatch) -> Any:
        seconds = self.config.option.nbmake_timeout
        if self.setting == "separate" and self.path.stem not in _ON_EMULATOR:
            patch.setenv("REDIS_URL", os.environ[_SEPARATE])
        elif self.setting == "valkey":
            with tempfile.TemporaryDirectory() as folder:
                return self._on_emulator(NotebookRun(self._choosing_valkey(Path(folder)), seconds), patch)
        elif self.setting != "embedded":
            return self._on_emulator(NotebookRun(self.path, seconds), patch)
        return NotebookRun(self.path, seconds).execute()

    def _choosing_valkey(self, folder: Path) -> Path:
        """A copy of the notebook whose form chooses the other service."""
        notebook = nbformat.read(self.path, as_version=4)
        forms = [cell for cell in notebook.cells if _FORM in cell.source]
        assert len(forms) == 1, f"No form of the notebook has {_FORM}, or more than one."
        forms[0].source = forms[0].source.replace(_FORM, _AT_VALKEY)
        copy = folder / str(self.path.name)
        nbformat.write(notebook, copy)
        return copy

    def _on_emulator(self, run: NotebookRun, patch: pytest.MonkeyPatch) -> Any:
        """Run a notebook where the emulator is in this process, which knows the secrets, and look for them in it."""
        from helpers.emulator import Emulator
        from helpers.emulator.servers import redis_instance, tokens
        from helpers.memorystore import create_instance

        made: list[str] = []
        make, issue = redis_instance._new_auth_string, tokens.AccessTokens.issue

        def remembered() -> str:
            made.append(make())
            return made[-1]

        async def remembered_token(*arguments: Any) -> Any:
            token, until = await issue(*arguments)
            made.append(token)
            return token, until

        patch.setattr(redis_instance, "_new_auth_string", remembered)
        patch.setattr(tokens.AccessTokens, "issue", remembered_token)
        real = self.setting != "valkey" and shutil.which("redis-server")
        with Emulator(operation_seconds=0.3, engine="redis" if real else None) as emulator:
            patch.setenv("MEMORYSTORE_EMULATOR_HOST", emulator.host)
            if self.setting == "instance":
                create_instance(_INSTANCE, tier="BASIC")
                patch.setenv("REDIS_URL", _INSTANCE)
            result = run.execute()
        executed = json.dumps(result.nb)
        assert made, "The tutorial made no instance that one signs in to."
        for secret in made:
            assert secret not in executed, "A secret stands in the executed notebook."
        return result

    def _difference(self, cell: nbformat.NotebookNode, committed: str, ran: str) -> str:
        place = f"{Path(self.filename).parent.name}/{self.path.stem}, cell {cell.id!r}"
        lines = difflib.unified_diff(committed.splitlines(), ran.splitlines(), "committed", "this run", lineterm="")
        return (
            f"{place}: the output is not the committed one. If the new one is right, run "
            f"python -m tools build --execute.\n" + "\n".join(lines)
        )

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, OutputsDifferError):
            text = str(excinfo.value)
            return NbMakeFailureRepr(text, text.splitlines()[0])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.parent.name}/{self.path.stem} on the {self.setting} server"
