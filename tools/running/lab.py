"""JupyterLab on the tutorials, with one embedded server that outlives kernels."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from helpers.embedded import EmbeddedServer
from tools.tutorials import notebooks


def main(arguments: Sequence[str]) -> int:
    """Run JupyterLab until it ends; the embedded server ends with it.

    A kernel that is restarted finds its history again, because the server belongs to this process and
    not to the kernel. With ``REDIS_URL`` set, that server is used and none is started.

    Args:
        arguments: Handed to JupyterLab, such as ``--no-browser``; ``--help`` is JupyterLab's too.
    """
    given = list(arguments)
    environment = dict(os.environ)
    with ExitStack() as cleanup:
        if not environment.get("REDIS_URL"):
            server = cleanup.enter_context(EmbeddedServer())
            environment["REDIS_URL"] = server.url
            print(f"Embedded server at {server.url}; it lives until JupyterLab ends.", flush=True)
        lab = subprocess.Popen(  # noqa: S603 - our own interpreter, arguments of whoever started us
            [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={notebooks()}", *given], env=environment
        )
        signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
        while True:
            try:
                return lab.wait()
            except KeyboardInterrupt:
                continue  # JupyterLab got it too, and asks whether it was meant
