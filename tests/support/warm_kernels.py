"""Kernels that are forked from a process which has imported what the lessons use, and so start at once.

Importing takes most of a notebook's time. A forked kernel finds the modules imported; all else about it is a fresh
process of its own: what it defines, its environment, its folder. What only a cold kernel would show, an import that is
missing in a lesson, is shown by one cold run of each notebook.
"""

import multiprocessing
import os
import signal
from functools import cache
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tests.support.warm_kernel import be_a_kernel
from tools.running.execution import SocketKernelManager

if TYPE_CHECKING:  # Windows doesn't have them
    from multiprocessing.context import ForkServerContext, ForkServerProcess

MODULES = [
    "anywidget",
    "google.cloud.memorystore_v1",
    "google.cloud.redis_v1",
    "helpers.emulator",
    "helpers.exercises",
    "helpers.memorystore",
    "helpers.sessions",
    "helpers.widgets",
    "ipykernel.kernelapp",
    "ipywidgets",
    "jinja2",
    "langchain.agents.middleware",
    "langchain_core.prompts",
    "langchain_core.runnables.history",
    "redis.asyncio",
    "redis.cluster",
]


class WarmKernelManager(SocketKernelManager):
    """A kernel that is forked where processes can be, reached as the others are."""

    async def _async_pre_start_kernel(self, **options: Any) -> Any:
        if self.provisioner is None and os.name != "nt":
            self.provisioner = _WarmProvisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**options)

    pre_start_kernel = _async_pre_start_kernel  # type: ignore[assignment]  # as jupyter_client's own class has it


class _WarmProvisioner(LocalProvisioner):
    """Where jupyter_client starts a process, one is forked."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        ours, theirs = multiprocessing.Pipe()
        arguments = cmd[cmd.index("ipykernel_launcher") :]
        forked = _nursery().Process(
            target=be_a_kernel, args=(arguments, options["env"], str(options["cwd"]), theirs), daemon=True
        )
        forked.start()
        theirs.close()
        ours.recv()
        self.process = cast(Any, _Process(forked, ours))
        self.pid = self.pgid = forked.pid
        self.cwd = options["cwd"]
        return self.connection_info


class _Process:
    """A forked process as a `subprocess.Popen`, as far as jupyter_client asks one."""

    stdin = stdout = stderr = None

    def __init__(self, forked: "ForkServerProcess", line: Connection) -> None:
        self._forked, self._line = forked, line
        self.pid = forked.pid

    def poll(self) -> int | None:
        return self._forked.exitcode

    def wait(self) -> int | None:
        self._forked.join()
        self._line.close()
        return self._forked.exitcode

    def send_signal(self, signum: int) -> None:
        if self.poll() is None and self.pid:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


@cache
def _nursery() -> "ForkServerContext":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*MODULES, be_a_kernel.__module__])
    return context
