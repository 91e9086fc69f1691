"""The browser's edition, built once for all tests."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.serving import served
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


@pytest.fixture(scope="session")
def port(lite: Path) -> Iterator[int]:
    """The port of a server of the site."""
    with served(lite.parent) as found:
        yield found
