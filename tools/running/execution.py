"""Executing notebooks, and saying what their outputs are apart from accidents."""

import asyncio
import atexit
import os
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

VARIES = "varies"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_ENLIVENING = re.compile(r"<script type=\"(application/json|module)\".*?</script>\n?", re.DOTALL)
CELL_SECONDS = 120
_PATIENCE_SECONDS = 3.0
AT_ONCE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""How many notebooks run at the same time: one a core that this process may use."""

T = TypeVar("T")
Failure = CellExecutionError | CellTimeoutError | DeadKernelError


class SocketKernelManager(AsyncKernelManager):
    """A kernel that is reached through Unix sockets in a folder of its own, where there are such sockets.

    Kernel and client share this machine. A TCP port is chosen by one process and opened by another, and in
    between a third may take it: seen with several servers starting beside the kernels.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if os.name != "nt":
            folder = tempfile.mkdtemp(prefix="kernel-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self.transport, self.ip = "ipc", f"{folder}/ipc"


async def execute(
    notebook: NotebookNode,
    folder: Path,
    environment: dict[str, str],
    on_cell: Callable[[int], None] = lambda place: None,
    kernels: type[AsyncKernelManager] = SocketKernelManager,
) -> Failure | None:
    """Run all cells of a notebook in a fresh kernel, in place, and end the kernel whatever happens.

    Args:
        notebook: The notebook; its outputs are replaced.
        folder: The kernel's working directory.
        environment: The kernel's environment variables.
        on_cell: Called with the place (from 1) of each code cell that begins.
        kernels: What starts the kernel.

    Returns:
        What went wrong in a cell, or None.
    """
    places = {index: place for place, index in enumerate(code_cells(notebook), start=1)}

    def begins(cell: NotebookNode, cell_index: int) -> None:
        if cell_index in places:
            on_cell(places[cell_index])

    for index in places:
        notebook.cells[index].outputs = []
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        kernel_manager_class=kernels,
        timeout=CELL_SECONDS,
        shutdown_kernel="immediate",
        on_cell_start=begins,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        await client.async_execute(env=environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error  # it is the interrupt that killed the kernel
        return error
    finally:
        # nbclient leaves a kernel that is interrupted while it starts to its own exit handler, which then fails.
        atexit.unregister(client._cleanup_kernel)
        if client.km is not None and client.km.has_kernel:
            await ensure_async(client.km.shutdown_kernel(now=True))
    return None


def run_interruptibly(main: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, and an interrupt ends every notebook's kernel before it is raised.

    nbclient puts signal handlers of its own on a loop in the main thread, one notebook's over the
    other's. So the loop gets a thread, and signals stay with the main one.
    """
    loop = asyncio.new_event_loop()
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            # A task that wants to exit, as rich does when its reader went away, leaves the loop; its result says so.
            with suppress(SystemExit):
                loop.run_forever()

    thread = threading.Thread(target=serve, name="notebooks")
    thread.start()
    future = asyncio.run_coroutine_threadsafe(main, loop)
    try:
        while not future.done():
            # In short waits: a signal that comes just before a long one would not be seen until its end.
            wait([future], timeout=0.2)
        return future.result()
    finally:
        future.cancel()
        asyncio.run_coroutine_threadsafe(_finished(), loop).result()
        ending.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _finished() -> None:
    """Wait until every other task of the loop has ended, its clean-up included."""
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(tasks, timeout=_PATIENCE_SECONDS)
        for task in tasks:
            task.cancel()  # once more: what starts a kernel may have swallowed the first
    await asyncio.get_running_loop().shutdown_asyncgens()


def code_cells(notebook: NotebookNode) -> list[int]:
    """The indices of the code cells."""
    return [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    """A cell's tags."""
    found: list[str] = cell.metadata.get("tags", [])
    return found


def lasting_outputs(cell: NotebookNode) -> list[NotebookNode]:
    """A code cell's outputs as they are kept and compared.

    How a kernel cuts a stream into messages is chance, so pieces of one stream are joined. Of a widget its picture is
    kept, without the script that enlivens it. A cell tagged ``varies`` has no lasting outputs.
    """
    if VARIES in tags(cell):
        return []
    outputs: list[Any] = []
    for output in cell.outputs:
        output = NotebookNode(output)
        if "execution_count" in output:
            output["execution_count"] = None
        if "data" in output:
            output["data"] = NotebookNode({kind: data for kind, data in output.data.items() if kind != WIDGET_VIEW})
            if "text/html" in output.data:
                output.data["text/html"] = _ENLIVENING.sub("", output.data["text/html"])
        if (
            output.output_type == "stream"
            and outputs
            and outputs[-1].output_type == "stream"
            and outputs[-1].name == output.name
        ):
            outputs[-1] = NotebookNode(outputs[-1] | {"text": outputs[-1].text + output.text})
        else:
            outputs.append(output)
    return outputs


def shown(outputs: list[NotebookNode]) -> str:
    """Outputs as text, for a message that shows where two differ."""
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain") or output.get("evalue", "") for output in outputs
    )
