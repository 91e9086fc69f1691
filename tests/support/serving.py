"""A folder that is served as `python -m http.server` does."""

import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class _Server(http.server.ThreadingHTTPServer):
    """A server whose clients may go before they are answered, as a browser does that is closed."""

    def handle_error(self, *_: object) -> None:
        """Say nothing of that, and of nothing else."""
        if not isinstance(sys.exception(), ConnectionError):
            raise


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The port of this machine at which a folder is served."""
    with _Server(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, name="served", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
