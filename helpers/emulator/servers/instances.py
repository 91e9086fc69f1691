"""One emulated instance: what the API says of it, its server, and the way to it."""

import asyncio
import secrets
import uuid
from collections.abc import Iterable

import redis.asyncio
from google.cloud import redis_v1

from helpers.embedded.server import EmbeddedServer, Engine
from helpers.emulator.api.errors import invalid, not_possible_now
from helpers.emulator.api.regions import zones
from helpers.emulator.servers.certificates import Authority
from helpers.emulator.servers.listener import Listener, bound_socket, socket_of_its_own

Instance = redis_v1.Instance
State = redis_v1.Instance.State

UPDATABLE = ("display_name", "labels", "memory_size_gb", "redis_configs", "replica_count", "auth_enabled")

VERSIONS = ("REDIS_3_2", "REDIS_4_0", "REDIS_5_0", "REDIS_6_X", "REDIS_7_0", "REDIS_7_2")
_BEFORE_HELLO = ("REDIS_3_2", "REDIS_4_0", "REDIS_5_0")

# https://cloud.google.com/memorystore/docs/redis/product-constraints#blocked_redis_commands, and the
# replication commands, which would let a client set up what the service manages.
BLOCKED_COMMANDS = (
    *"ACL BGREWRITEAOF BGSAVE CLIENT CLUSTER COMMAND DEBUG LASTSAVE MIGRATE MODULE MONITOR OBJECT".split(),
    *"REPLICAOF SAVE SHUTDOWN SLAVEOF SYNC PSYNC".split(),
)

_TLS_PORT, _PLAIN_PORT = 6378, 6379
_PROJECT_NUMBER = 123456789012

_APPLIED = {"maxmemory-policy": "volatile-lru", "notify-keyspace-events": ""}
_KNOWN_CONFIGS = {
    *_APPLIED,
    *"activedefrag lazyfree-lazy-eviction lazyfree-lazy-expire lfu-decay-time lfu-log-factor maxmemory-clients".split(),
    *"maxmemory-gb maxclients stream-node-max-bytes stream-node-max-entries timeout".split(),
}
_POLICIES = (
    *"noeviction allkeys-lru allkeys-lfu allkeys-random volatile-lru volatile-lfu volatile-random volatile-ttl".split(),
)


def check(instance: redis_v1.Instance, region: str) -> None:
    """Refuse what the service would not make, or not change an instance to.

    Raises:
        ApiError: INVALID_ARGUMENT, naming the field.
    """
    if instance.tier not in (Instance.Tier.BASIC, Instance.Tier.STANDARD_HA):
        raise invalid("instance.tier", "it must be BASIC or STANDARD_HA.")
    if not 1 <= instance.memory_size_gb <= 300:
        raise invalid("instance.memory_size_gb", "it must be between 1 and 300.")
    if instance.redis_version and instance.redis_version not in VERSIONS:
        raise invalid("instance.redis_version", f"it must be one of {', '.join(VERSIONS)}.")
    for field in ("location_id", "alternative_location_id"):
        zone = getattr(instance, field)
        if zone and zone not in zones(region):
            raise invalid(f"instance.{field}", f"there is no zone '{zone}' in {region}.")
    if unknown := set(instance.redis_configs) - _KNOWN_CONFIGS:
        raise invalid("instance.redis_configs", f"'{min(unknown)}' can't be set.")
    if instance.redis_configs.get("maxmemory-policy", _POLICIES[0]) not in _POLICIES:
        raise invalid("instance.redis_configs", f"maxmemory-policy must be one of {', '.join(_POLICIES)}.")
    if set(instance.redis_configs.get("notify-keyspace-events", "")) - set("KEg$lshzxetdmnA"):
        raise invalid("instance.redis_configs", "notify-keyspace-events has a letter that stands for nothing.")
    _check_replicas(instance)


def _check_replicas(instance: redis_v1.Instance) -> None:
    enabled = instance.read_replicas_mode == Instance.ReadReplicasMode.READ_REPLICAS_ENABLED
    if instance.tier == Instance.Tier.BASIC:
        if enabled:
            raise invalid("instance.read_replicas_mode", "the BASIC tier has no read replicas.")
        allowed: tuple[int, ...] = (0,)
    else:
        allowed = (0, 1, 2, 3, 4, 5) if enabled else (0, 1)
    if instance.replica_count not in allowed:
        raise invalid("instance.replica_count", f"it must be one of {', '.join(map(str, allowed))} here.")


class EmulatedInstance:
    """An instance, from the call that creates it to the one that deletes it.

    The record changes with the calls; the server runs from `start` to `close`. Whatever
    ``redis_version`` says, the server is the embedded one; versions before 6 lack HELLO, as they do.

    Args:
        name: The full resource name.
        wanted: What the caller asked for; already checked.
        engine: The embedded server's engine.
        common_name_only: Whether certificates name the address as the common name alone.

    Attributes:
        record: The instance as the API shows it.
        auth_string: The AUTH string; blank where AUTH is off.
    """

    def __init__(self, name: str, wanted: redis_v1.Instance, *, engine: Engine | None, common_name_only: bool) -> None:
        self.record = _new_record(name, wanted)
        self.auth_string = _new_auth_string() if self.record.auth_enabled else ""
        self._common_name_only = common_name_only
        self._authorities: list[Authority] = []
        self._config_command = f"CONFIG-{secrets.token_hex(16)}"
        self._server = EmbeddedServer(engine, config=self._server_config())
        self._starting: asyncio.Task[object] | None = None
        self._listener: Listener | None = None
        self._tunnel: Listener | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """The full resource name."""
        return str(self.record.name)

    @property
    def _encrypted(self) -> bool:
        mode = self.record.transit_encryption_mode
        return bool(mode == Instance.TransitEncryptionMode.SERVER_AUTHENTICATION)

    def _server_config(self) -> dict[str, str | list[str]]:
        blocked = [*BLOCKED_COMMANDS, *(["HELLO"] if self.record.redis_version in _BEFORE_HELLO else [])]
        return {"rename-command": [f"CONFIG {self._config_command}", *(f'{command} ""' for command in blocked)]}

    async def start(self) -> None:
        """Start the server and make it reachable; the record then says where.

        Raises:
            EmbeddedServerError: The server can't be started.
        """
        self._starting = asyncio.create_task(asyncio.to_thread(self._server.start))
        await asyncio.shield(self._starting)
        await self._configure()
        bound = socket_of_its_own(_TLS_PORT if self._encrypted else _PLAIN_PORT)
        self._listener = Listener(bound, self._server_address)
        self._listener.open()
        host, port = self._listener.address
        if self._encrypted:
            self.add_certificate_authority()
            self.rotate_server_certificate()
        record = self.record
        record.host, record.port = host, port
        record.reserved_ip_range = f"{host.rpartition('.')[0]}.0/29"
        if record.read_replicas_mode == Instance.ReadReplicasMode.READ_REPLICAS_ENABLED:
            # The embedded server has no replicas: reads are answered by the primary.
            record.read_endpoint, record.read_endpoint_port = host, port

    async def close(self) -> None:
        """Stop the server and give every address up."""
        self._closed = True
        for listener in (self._tunnel, self._listener):
            if listener is not None:
                await listener.close()
        if self._starting is not None:
            # A start can't be called off, only waited for.
            await asyncio.gather(self._starting, return_exceptions=True)
        await asyncio.to_thread(self._server.stop)

    def become(self, state: int) -> None:
        """Show a state, one of `State`."""
        self.record.state = State(state)

    def check_ready(self) -> None:
        """Refuse what only a READY instance can do.

        Raises:
            ApiError: FAILED_PRECONDITION.
        """
        if self.record.state != State.READY:
            state = State(self.record.state).name
            raise not_possible_now(self.name, f"Instance '{self.name}' is {state}; it must be READY for this.")

    def check_failover(self) -> None:
        """Refuse a failover where there is nothing to fail over to.

        Raises:
            ApiError: FAILED_PRECONDITION.
        """
        if self.record.tier != Instance.Tier.STANDARD_HA:
            raise not_possible_now(self.name, f"Instance '{self.name}' is not of the STANDARD_HA tier.")
        self.check_ready()

    def changed(self, paths: Iterable[str], wanted: redis_v1.Instance) -> redis_v1.Instance:
        """The record as an update would make it.

        Raises:
            ApiError: INVALID_ARGUMENT: there is no path, one that can't be updated, or a value that can't be.
        """
        paths = list(paths)
        if not paths:
            raise invalid("update_mask", "it names no field.")
        record = Instance(self.record)
        for path in paths:
            if path not in UPDATABLE:
                raise invalid("update_mask", f"'{path}' can't be updated; {', '.join(UPDATABLE)} can.")
            setattr(record, path, getattr(wanted, path))
        check(record, self.name.split("/")[3])
        return record

    async def update(self, paths: Iterable[str], wanted: redis_v1.Instance) -> None:
        """Change what the paths name. A new AUTH string counts for the connections that come after it."""
        record = self.changed(paths, wanted)
        before = self.auth_string
        if record.auth_enabled != self.record.auth_enabled:
            self.auth_string = _new_auth_string() if record.auth_enabled else ""
        self.record = record
        _fill_nodes(record)
        await self._configure(before)

    def refuse_connections(self) -> None:
        """Drop the connections and let nobody in until `come_back`."""
        assert self._listener is not None
        self._listener.refuse()

    def come_back(self) -> None:
        """Listen again at the same address, with the same data, from the instance's other zone."""
        record = self.record
        first, second = record.location_id, record.alternative_location_id
        record.current_location_id = second if record.current_location_id == first else first
        assert self._listener is not None
        self._listener.open()

    def drop_connections(self) -> None:
        """End every connection; clients may come back at once."""
        if self._listener is not None:
            self._listener.drop_connections()

    def add_certificate_authority(self) -> None:
        """Make a further authority known. The server's certificate stays until its next rotation.

        Raises:
            ValueError: The instance has no in-transit encryption.
        """
        if not self._encrypted:
            raise ValueError(f"{self.name} has no in-transit encryption, so it has no certificates.")
        authority = Authority()
        self._authorities.append(authority)
        self.record.server_ca_certs.append(authority.described())

    def rotate_server_certificate(self) -> None:
        """Take a new server certificate, of the newest authority, and drop the connections.

        Raises:
            ValueError: The instance has no in-transit encryption.
        """
        if not self._authorities or self._listener is None:
            raise ValueError(f"{self.name} has no certificate: no in-transit encryption, or it is being created.")
        host, _ = self._listener.address
        self._listener.tls = self._authorities[-1].server_context(host, common_name_only=self._common_name_only)
        self._listener.drop_connections()

    def open_tunnel(self) -> str:
        """The local end of a tunnel to the instance, opened when first asked for."""
        if self._listener is None or self._closed:
            raise ValueError(f"{self.name} can't be reached yet: it is being created.")
        if self._tunnel is None:
            self._tunnel = Listener(bound_socket(("127.0.0.1", 0)), self._listener.address)
            self._tunnel.open()
        host, port = self._tunnel.address
        return f"{host}:{port}"

    @property
    def _server_address(self) -> tuple[str, int]:
        host, _, port = self._server.url.removeprefix("redis://").rpartition(":")
        return host, int(port)

    async def _configure(self, password: str = "") -> None:
        """Bring the running server to what the record says, logging in with the password it has so far."""
        host, port = self._server_address
        configs = self.record.redis_configs
        settings = {name: configs.get(name, default) for name, default in _APPLIED.items()}
        settings["maxmemory"] = f"{self.record.memory_size_gb}gb"
        async with redis.asyncio.Redis(
            host=host, port=port, password=password or None, protocol=2, driver_info=None, single_connection_client=True
        ) as admin:
            for name, value in settings.items():
                await admin.execute_command(self._config_command, "SET", name, value)
            if self.auth_string != password:
                await admin.execute_command(self._config_command, "SET", "requirepass", self.auth_string)


def _new_auth_string() -> str:
    return str(uuid.uuid4())


def _new_record(name: str, wanted: redis_v1.Instance) -> redis_v1.Instance:
    """What the caller asked for, with the service's defaults and without what only the service may fill in."""
    _, project, _, region, *_ = name.split("/")
    primary, *others = zones(region)
    standard = wanted.tier == Instance.Tier.STANDARD_HA
    zone = wanted.location_id or primary
    record = Instance(
        name=name,
        display_name=wanted.display_name,
        labels=wanted.labels,
        location_id=zone,
        redis_version=wanted.redis_version or VERSIONS[-1],
        current_location_id=zone,
        state=State.CREATING,
        redis_configs=wanted.redis_configs,
        tier=wanted.tier,
        memory_size_gb=wanted.memory_size_gb,
        authorized_network=wanted.authorized_network or f"projects/{project}/global/networks/default",
        persistence_iam_identity=f"serviceAccount:service-{_PROJECT_NUMBER}@cloud-redis.iam.gserviceaccount.com",
        connect_mode=wanted.connect_mode or Instance.ConnectMode.DIRECT_PEERING,
        auth_enabled=wanted.auth_enabled,
        transit_encryption_mode=wanted.transit_encryption_mode or Instance.TransitEncryptionMode.DISABLED,
        replica_count=wanted.replica_count,
        read_replicas_mode=wanted.read_replicas_mode or Instance.ReadReplicasMode.READ_REPLICAS_DISABLED,
        customer_managed_key=wanted.customer_managed_key,
    )
    for field in ("maintenance_policy", "persistence_config"):
        if field in wanted:
            setattr(record, field, getattr(wanted, field))
    Instance.pb(record).create_time.GetCurrentTime()
    if standard:
        other = next(each for each in (*others, primary) if each != zone)
        record.alternative_location_id = wanted.alternative_location_id or other
        enabled = record.read_replicas_mode == Instance.ReadReplicasMode.READ_REPLICAS_ENABLED
        record.replica_count = wanted.replica_count or (2 if enabled else 1)
    _fill_nodes(record)
    return record


def _fill_nodes(record: redis_v1.Instance) -> None:
    """The nodes, which the API lists for instances with read replicas."""
    if record.read_replicas_mode == Instance.ReadReplicasMode.READ_REPLICAS_ENABLED:
        used = (record.location_id, record.alternative_location_id)
        record.nodes = [
            redis_v1.NodeInfo(id=f"node-{number}", zone=used[number % 2]) for number in range(record.replica_count + 1)
        ]
