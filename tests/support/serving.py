"""A folder that is served as `python -m http.server` does."""

import functools
import http.server
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, sent: Counter[str], **options: Any) -> None:
        self._sent = sent
        super().__init__(*args, **options)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        super().copyfile(source, outputfile)
        self._sent[self.path.partition("?")[0]] += source.tell()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class _Server(http.server.ThreadingHTTPServer):
    """A server whose clients may go before they are answered, as a browser does that is closed."""

    def handle_error(self, *_: object) -> None:
        """Say nothing of that, and of nothing else."""
        if not isinstance(sys.exception(), ConnectionError):
            raise


@contextmanager
def served(folder: Path, sent: Counter[str] | None = None) -> Iterator[int]:
    """The port of this machine at which a folder is served; `sent` counts the bytes of each file that are sent."""
    handler = functools.partial(_Handler, directory=str(folder), sent=Counter() if sent is None else sent)
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="served", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
