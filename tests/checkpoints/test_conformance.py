"""LangGraph's own suite, on the servers, the clients and the versions that a saver may meet."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helpers import RedisSaver, connect
from helpers.embedded import EmbeddedServer
from helpers.embedded.server import Config, Engine
from helpers.emulator.servers.redis_instance import BLOCKED_COMMANDS
from tests.support.cluster import running_cluster
from tests.support.conformance import ASKED, Synchronous, passed
from tests.support.official import ROOT, official_python

OLDEST = ("langchain==1.3.15", "langchain-core==1.5.5", "langgraph==1.2.11", "langgraph-checkpoint==4.2")
"""The beginnings of the ranges in pyproject.toml."""
WITH_OLDEST = (
    "langgraph-checkpoint-conformance==0.0.2",
    *OLDEST,
    f"--requirement={ROOT / 'pyproject.toml'}",
    "--extra=agents",
)
BLOCKED = {"rename-command": [f'{command} ""' for command in (*BLOCKED_COMMANDS, "CONFIG")]}
ENGINES: dict[str, tuple[Engine, Config | None]] = {
    "valkey": ("valkey", None),
    "redis": ("redis", None),
    "without what Memorystore blocks": ("redis", BLOCKED),
    "fakeredis": ("fakeredis", None),
    "memory": ("memory", None),
}
BOTH = pytest.mark.parametrize("kind", [RedisSaver, Synchronous], ids=["async", "sync"])


@pytest.fixture(scope="module", params=[*ENGINES, "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server."""
    with ExitStack() as running:
        if request.param == "cluster":
            yield running.enter_context(running_cluster((None,) * 3)).url
            return
        engine, config = ENGINES[request.param]
        if engine == "redis" and shutil.which("redis-server") is None:
            pytest.skip("needs redis-server")
        yield running.enter_context(EmbeddedServer(engine, config=config)).url


@BOTH
def test_on_each_server(kind: type[RedisSaver], url: str) -> None:
    with connect(url) as client:
        assert passed(client, kind) == (ASKED, [])


@BOTH
@pytest.mark.parametrize("options", [{"decode_responses": True}, {"protocol": 3}], ids=str)
def test_with_each_client(kind: type[RedisSaver], options: dict[str, Any], server: EmbeddedServer) -> None:
    with connect(server.url, **options) as client:
        assert passed(client, kind) == (ASKED, [])


@BOTH
def test_bounded(kind: type[RedisSaver], server: EmbeddedServer) -> None:
    with connect(server.url) as client:
        assert passed(client, kind, keep=20, ttl=100) == (ASKED, [])


def test_on_the_oldest_versions(server: EmbeddedServer, tmp_path: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for pinned in OLDEST:
        assert f'"{pinned.replace("==", ">=")},' in project
    found = subprocess.run(
        [str(official_python(WITH_OLDEST)), "-m", "tests.support.conformance", server.url],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == [[ASKED, []]] * 2
