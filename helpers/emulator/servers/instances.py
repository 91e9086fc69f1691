"""What the instances of both services have in common: a record, a way to it, and certificates."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from helpers._tls.listener import Listener, bound_socket
from helpers.embedded.server import Engine
from helpers.emulator.api.errors import invalid, not_possible_now
from helpers.emulator.servers.certificates import Authority

CONFIGS_OF_BOTH = {
    *"activedefrag lazyfree-lazy-eviction lazyfree-lazy-expire lfu-decay-time lfu-log-factor maxclients".split(),
    *"maxmemory-clients maxmemory-policy notify-keyspace-events stream-node-max-bytes stream-node-max-entries".split(),
    "timeout",
}
"""Server settings that a caller may choose in either service."""
POLICIES = (
    *"noeviction allkeys-lru allkeys-lfu allkeys-random volatile-lru volatile-lfu volatile-random volatile-ttl".split(),
)
"""What `maxmemory-policy` can be."""
APPLIED = {"maxmemory-policy": "volatile-lru", "notify-keyspace-events": ""}
"""The settings that the servers behind an instance are given, with the services' defaults."""


@dataclass(frozen=True)
class Settings:
    """How an emulator makes its instances.

    Attributes:
        operation_seconds: How long creating and updating take; deleting takes half of it.
        failover_seconds: How long a failover takes.
        engine: The embedded servers' engine.
        common_name_only: Whether certificates name the address as the common name alone.
    """

    operation_seconds: float
    failover_seconds: float
    engine: Engine
    common_name_only: bool


def bad_config(configs: Any, known: set[str]) -> str:
    """What is wrong with the server settings that a caller chose; blank where nothing is.

    Args:
        configs: The settings and their values.
        known: The settings that there are.
    """
    if unknown := set(configs) - known:
        return f"'{min(unknown)}' can't be set."
    if configs.get("maxmemory-policy", POLICIES[0]) not in POLICIES:
        return f"maxmemory-policy must be one of {', '.join(POLICIES)}."
    if set(configs.get("notify-keyspace-events", "")) - set("KEg$lshzxetdmnA"):
        return "notify-keyspace-events has a letter that stands for nothing."
    return ""


class EmulatedInstance(ABC):
    """An instance, from the call that creates it to the one that deletes it.

    The record changes with the calls; servers run from `start` to `close`.

    Args:
        record: The instance as the API shows it.
        settings: How instances are made.
        authorities: The certificate authorities, oldest first.

    Attributes:
        record: The instance as the API shows it.
        authorities: The certificate authorities, oldest first.
    """

    ready: ClassVar[Any]
    """The state in which it can be used."""
    updatable: ClassVar[tuple[str, ...]]
    """The fields that an update may name."""
    input_only: ClassVar[tuple[str, ...]] = ()
    """Those of them that ask for something and are in no record."""

    def __init__(self, record: Any, settings: Settings, authorities: list[Authority]) -> None:
        self.record = record
        self.settings = settings
        self.authorities = authorities
        self._tunnel: Listener | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """The full resource name."""
        return str(self.record.name)

    @property
    def location(self) -> str:
        """The resource that it is in, ``projects/P/locations/R``."""
        return self.name.rpartition("/instances/")[0]

    @property
    @abstractmethod
    def encrypted(self) -> bool:
        """Whether clients have to speak TLS."""

    @property
    @abstractmethod
    def listeners(self) -> list[Listener]:
        """What clients connect to; the first one is where they begin. Empty until it can be reached."""

    @abstractmethod
    async def start(self) -> None:
        """Start the servers and make them reachable; the record then says where.

        Raises:
            EmbeddedServerError: A server can't be started.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Stop the servers."""

    async def close(self) -> None:
        """Give every address up and stop the servers."""
        self._closed = True
        for listener in (self._tunnel, *self.listeners):
            if listener is not None:
                await listener.close()
        await self.stop()

    def become(self, state: int) -> None:
        """Show a state."""
        self.record.state = type(self.ready)(state)

    def check_ready(self) -> None:
        """Refuse what only an instance in order can do.

        Raises:
            ApiError: FAILED_PRECONDITION.
        """
        if self.record.state != self.ready:
            state = type(self.ready)(self.record.state).name
            raise not_possible_now(self.name, f"Instance '{self.name}' is {state}; it must be {self.ready.name}.")

    def updated(self, paths: Sequence[str], wanted: Any) -> Any:
        """The record with what an update's paths name of `wanted`; its values are not checked.

        Raises:
            ApiError: INVALID_ARGUMENT: there is no path, or one that can't be updated.
        """
        if not paths:
            raise invalid("update_mask", "it names no field.")
        record = type(self.record)(self.record)
        for path in paths:
            if path not in self.updatable:
                raise invalid("update_mask", f"'{path}' can't be updated; {', '.join(self.updatable)} can.")
            if path not in self.input_only:
                setattr(record, path, getattr(wanted, path))
        return record

    def drop_connections(self) -> None:
        """End every connection; clients may come back at once."""
        for listener in self.listeners:
            listener.drop_connections()

    def refuse_connections(self) -> None:
        """Drop the connections and let nobody in."""
        for listener in self.listeners:
            listener.refuse()

    def add_certificate_authority(self) -> None:
        """Make a further authority known. The server's certificate stays until its next rotation.

        Raises:
            ValueError: The instance has no in-transit encryption.
        """
        if not self.encrypted:
            raise ValueError(f"{self.name} has no in-transit encryption, so it has no certificates.")
        self.authorities.append(Authority())

    def rotate_server_certificate(self) -> None:
        """Take new server certificates, of the newest authority, and drop the connections.

        Raises:
            ValueError: The instance has no in-transit encryption.
        """
        if not self.encrypted or not self.listeners:
            raise ValueError(f"{self.name} has no certificate: no in-transit encryption, or it is being created.")
        for listener in self.listeners:
            self.certify(listener)
        self.drop_connections()

    def certify(self, listener: Listener) -> None:
        """Have a listener show a new certificate for its address."""
        host, _ = listener.address
        newest = self.authorities[-1]
        listener.tls = newest.server_context(host, common_name_only=self.settings.common_name_only)

    def open_tunnel(self) -> str:
        """The local end of a tunnel to the instance, opened when first asked for."""
        if not self.listeners or self._closed:
            raise ValueError(f"{self.name} can't be reached yet: it is being created.")
        if self._tunnel is None:
            self._tunnel = Listener(bound_socket(("127.0.0.1", 0)), self.listeners[0].address)
            self._tunnel.open()
        host, port = self._tunnel.address
        return f"{host}:{port}"


async def finished(starting: "asyncio.Task[object] | None") -> None:
    """Wait for a start: it can't be called off."""
    if starting is not None:
        await asyncio.gather(starting, return_exceptions=True)
