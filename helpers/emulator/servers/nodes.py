"""The servers behind an instance of Memorystore for Valkey."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

import redis.asyncio

from helpers._localization.messages import say
from helpers._tls.listener import Address, Listener, bound_socket, socket_of_its_own
from helpers.embedded.server import EmbeddedServer, Engine
from helpers.emulator.servers.instances import finished
from helpers.errors import EmbeddedServerError

_ADMIN = "emulator/admin"
"""No user of a client's can be called so."""
_ATTEMPTS = 5
_STEP_SECONDS = 0.02
_JOIN_SECONDS = 30.0
# What nobody may do where there are no users to whom it could be forbidden.
_HIDDEN = (
    *"ACL BGREWRITEAOF BGSAVE CONFIG DEBUG LASTSAVE MIGRATE MODULE MONITOR PSYNC REPLICAOF SAVE SHUTDOWN".split(),
    *"SLAVEOF SYNC".split(),
)
# A replica's first copy begins at once, and not when others might have asked for one too.
_ALWAYS = {"repl-diskless-sync-delay": "0", "masteruser": _ADMIN}
# A replica is shown to clients once it has heard of its primary, which is once in ten seconds by default.
_CLUSTER = {"cluster-enabled": "yes", "cluster-allow-replica-migration": "no", "repl-ping-replica-period": "1"}


class Node:
    """One server of an instance.

    Clients are users of whom `users` tells it; the emulator itself signs in as one that may do everything.

    Args:
        engine: The embedded server's engine.
        password: What the emulator signs in with at all nodes of one instance.
        cluster: Whether it is one of a cluster's nodes.
    """

    def __init__(self, engine: Engine, password: str, *, cluster: bool = False) -> None:
        self.engine: Engine = engine
        self.listener: Listener | None = None
        """Where clients reach a cluster's node."""
        self._password = password
        self._cluster = cluster
        self._server = EmbeddedServer(engine)
        self.bus_port = 0
        """Where a cluster's nodes reach it."""
        self._starting: asyncio.Task[object] | None = None
        self._admin: redis.asyncio.Redis | None = None

    async def start(self) -> None:
        """Start the server.

        Raises:
            EmbeddedServerError: It can't be started.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            self._server = EmbeddedServer(self.engine, config=self._config())
            self._starting = asyncio.create_task(asyncio.to_thread(self._server.start))
            try:
                await asyncio.shield(self._starting)
                break
            except EmbeddedServerError:
                # Somebody may have taken the port of the cluster's bus.
                if attempt == _ATTEMPTS or not self._cluster:
                    raise
        host, port = self.address
        who: dict[str, Any] = {"username": _ADMIN, "password": self._password} if self.has_users else {}
        self._admin = redis.asyncio.Redis(
            host=host,
            port=port,
            protocol=2,
            driver_info=None,
            decode_responses=True,
            encoding_errors="surrogateescape",  # keys of clients are handed over, and may be any bytes
            **who,
        )
        if self._cluster:
            self.listener = self._own_listener()
            await self._announce(self.listener.address)

    @property
    def running(self) -> bool:
        """Whether it can be told something."""
        return self._admin is not None

    @property
    def has_users(self) -> bool:
        """Whether the engine knows users (ACL)."""
        return self.engine != "fakeredis"

    @property
    def address(self) -> Address:
        """Where the server is, out of clients' sight."""
        host, _, port = self._server.url.removeprefix("redis://").rpartition(":")
        return host, int(port)

    async def run(self, *command: Any) -> Any:
        """Have the server do something, as the emulator."""
        assert self._admin is not None
        return await self._admin.execute_command(*command)

    async def tell(self, *command: Any) -> None:
        """Have the server do something, unless it ends meanwhile."""
        try:
            await self.run(*command)
        except redis.ConnectionError:
            if self.running:
                raise

    async def run_all(self, commands: Sequence[tuple[Any, ...]]) -> None:
        """Have the server do one thing after the other."""
        assert self._admin is not None
        async with self._admin.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            await pipeline.execute()

    async def hand_over(self, keys: Sequence[str], target: "Node") -> None:
        """Move keys to another node."""
        await self.run("MIGRATE", *target.address, "", 0, 5000, "AUTH2", _ADMIN, self._password, "KEYS", *keys)

    async def id(self) -> str:
        """What a cluster's node is called by the others."""
        return str(await self.run("CLUSTER", "MYID"))

    async def replicate(self, primary: Address) -> None:
        """Become the replica of a server, and have its data when this returns."""
        await self.run("REPLICAOF", *primary)
        await until(self.in_step)

    async def in_step(self) -> bool:
        """Whether a replica has its primary's data."""
        return (await self._replication()).get("master_link_status") == "up"

    async def is_primary(self) -> bool:
        """Whether it replicates no other node."""
        return (await self._replication())["role"] == "master"

    async def _replication(self) -> dict[str, str]:
        assert self._admin is not None
        told: dict[str, str] = await self._admin.info("replication")
        return told

    async def close(self) -> None:
        """End the server and give its addresses up."""
        if self.listener is not None:
            await self.listener.close()
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.aclose()
        await finished(self._starting)
        await asyncio.to_thread(self._server.stop)

    def _config(self) -> dict[str, str | list[str]]:
        if not self.has_users:
            return {"rename-command": [f'{command} ""' for command in _HIDDEN]}
        config: dict[str, str | list[str]] = {
            **_ALWAYS,
            "masterauth": self._password,
            "user": f"{_ADMIN} on >{self._password} ~* &* +@all",
        }
        if not self._cluster:
            return config
        self.bus_port = _free_port()
        return config | _CLUSTER | {"cluster-port": str(self.bus_port)}

    def _own_listener(self) -> Listener:
        """A way to the node at an address of its own, at the server's own port if that can be."""
        _, port = self.address
        return Listener(socket_of_its_own(port), self.address)

    async def _announce(self, address: Address) -> None:
        """Have the node tell clients an address, while the nodes reach each other at their own."""
        host, port = address
        if self.engine == "valkey":
            await self.run("CONFIG", "SET", "cluster-announce-client-ipv4", host)
            await self.run("CONFIG", "SET", "cluster-announce-client-port", port)
        elif port == self.address[1]:
            # Redis knows no second port.
            await self.run("CONFIG", "SET", "cluster-announce-hostname", host)
            await self.run("CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname")
        else:
            raise EmbeddedServerError(
                "redis-server can't be a cluster's node here: this system has no loopback address for each node.\n"
                + say("Use the engine {name}.", name="valkey")
            )


def new_password() -> str:
    """What the emulator signs in with."""
    return secrets.token_hex(16)


async def until(condition: Any) -> None:
    """Wait until an asynchronous condition holds.

    Raises:
        TimeoutError: It does not come to hold.
    """
    async with asyncio.timeout(_JOIN_SECONDS):
        while not await condition():  # noqa: ASYNC110 - no event comes from another process
            await asyncio.sleep(_STEP_SECONDS)


def _free_port() -> int:
    with bound_socket(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
