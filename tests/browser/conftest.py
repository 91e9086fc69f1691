"""The browser's edition, built once for all tests."""

import fcntl
import functools
import http.server
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.site.lite import edition


@pytest.fixture(scope="session")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the edition. Workers of one run share it: the first builds it, and the others wait."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "site" / "lite"
    with (base / "lite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (base / "lite.built").exists():
            edition.build(folder)
            (base / "lite.built").touch()
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """What `python -m http.server` answers, without its log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """A server whose clients may go before they are answered, as a browser does that is closed."""

    def handle_error(self, *_: object) -> None:
        """Say nothing of that, and of nothing else."""
        if not isinstance(sys.exception(), ConnectionError):
            raise


@pytest.fixture(scope="session")
def port(lite: Path) -> Iterator[int]:
    """The port of a server of the site."""
    server = Server(("127.0.0.1", 0), functools.partial(Quiet, directory=str(lite.parent)))
    threading.Thread(target=server.serve_forever, name="site", daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()
