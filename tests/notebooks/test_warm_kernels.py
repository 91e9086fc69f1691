"""A forked kernel is one of its own: what the notebooks' runs may rely on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from jupyter_client.manager import AsyncKernelManager

from tests.conftest import ROOT, eventually
from tests.support.warm_kernels import MODULES, WarmKernelManager
from tools.running.execution import SocketKernelManager, execute

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no process is forked on Windows")
TELL = "import json, os, sys; print(json.dumps({}))"


async def told(folder: Path, what: str, kernels: type[AsyncKernelManager] = WarmKernelManager, **more: str) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TELL.format(what))])
    assert await execute(notebook, folder, os.environ | more, kernels=kernels) is None
    return json.loads(notebook.cells[0].outputs[0].text)


async def test_a_warm_kernel_has_imported_what_a_cold_one_has_not(tmp_path: Path) -> None:
    loaded = "{name: name in sys.modules for name in " + repr(MODULES) + "}"
    assert await told(tmp_path, loaded) == dict.fromkeys(MODULES, True)
    cold = await told(tmp_path, loaded, SocketKernelManager)
    assert {name for name, is_there in cold.items() if is_there} == {"ipykernel.kernelapp"}


async def test_its_environment_folder_and_path_are_a_cold_kernels(tmp_path: Path) -> None:
    about = "{'folder': os.getcwd(), 'path': sys.path, 'environment': dict(os.environ), 'main': __name__}"
    warm = await told(tmp_path, about, ONLY_HERE="1")
    cold = await told(tmp_path, about, SocketKernelManager, ONLY_HERE="1")
    for one in (warm, cold):
        one["environment"] = {
            name: value
            for name, value in one["environment"].items()
            if name not in ("JPY_PARENT_PID", "JPY_INTERRUPT_EVENT", "PYDEVD_USE_FRAME_EVAL", "LINES", "COLUMNS")
        }
        one["path"] = sorted({path for path in one["path"] if path})
    assert warm == cold


async def test_nothing_of_one_kernel_is_in_the_next(tmp_path: Path) -> None:
    changed = "[setattr(sys, 'left_behind', 1), os.environ.update(LEFT_BEHIND='1'), os.getpid()][-1:]"
    [first] = await told(tmp_path, changed)
    [inherited, second] = await told(
        tmp_path, "[hasattr(sys, 'left_behind') or 'LEFT_BEHIND' in os.environ, os.getpid()]"
    )
    assert not inherited
    assert first != second
    assert eventually(lambda: not {first, second} & set(psutil.pids()))


def test_kernels_end_with_the_process_that_asked_for_them(tmp_path: Path) -> None:
    """Even if it is killed, and even if the kernel is busy."""
    script = f"""
import asyncio, os, nbformat
from pathlib import Path
from tests.support.warm_kernels import WarmKernelManager
from tools.running.execution import execute

note = Path({str(tmp_path / "pid")!r})
cell = f"import os, time; open({{str(note)!r}}, 'w').write(str(os.getpid())); time.sleep(600)"
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
asyncio.run(execute(notebook, note.parent, dict(os.environ), kernels=WarmKernelManager))
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as asking:
        note = tmp_path / "pid"
        assert eventually(lambda: note.exists() and bool(note.read_text()), 60)
        kernel = psutil.Process(int(note.read_text()))
        asking.kill()
    assert eventually(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE)
