"""What several tests share."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from helpers.embedded import EmbeddedServer

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """A server that the tests of one process share: an embedded one, or where that is asked for the separate one."""
    running = EmbeddedServer()
    if request.config.getoption("--on-separate-server", default=False):  # which there is not without the notebooks
        running.url = request.getfixturevalue("separate_server")
    else:
        running.start()
    yield running
    running.stop()


def client_of(server: EmbeddedServer, **options: Any) -> redis.Redis:
    """A client with redis-py's own defaults, by the port of a server or, of one in this process, by no port at all."""
    options = {"protocol": 2} | options
    if server.engine == "memory":
        from helpers.embedded import memory

        return redis.Redis.from_pool(memory.pool(server.url, **options))
    return redis.Redis.from_url(server.url, **options)


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """A client of an empty server."""
    with client_of(server) as made:
        made.flushall()
        yield made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the repository's working tree, to be spoiled at will."""
    return copy_of_the_tree(tmp_path)


def copy_of_the_tree(folder: Path) -> Path:
    """Copy the repository's working tree into a folder."""
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "mutants", "__pycache__", ".*_cache", "*.egg-info")
    return Path(shutil.copytree(ROOT, folder / "tree", ignore=ignored))


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def answers(url: str) -> bool:
    """Whether a server answers at an address."""
    try:
        with redis.Redis.from_url(url, protocol=2, socket_timeout=1, retry=None) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def family(pid: int) -> list[psutil.Process]:
    """A process's descendants."""
    return psutil.Process(pid).children(recursive=True)
