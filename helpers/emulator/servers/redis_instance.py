"""An instance of Memorystore for Redis: what the API says of it, its server, and the way to it."""

import asyncio
import secrets
import uuid
from collections.abc import Sequence

import redis.asyncio
from google.cloud import redis_v1

from helpers._tls.listener import Listener, socket_of_its_own
from helpers.embedded.server import EmbeddedServer
from helpers.emulator.api.errors import invalid, not_possible_now
from helpers.emulator.api.regions import zones
from helpers.emulator.servers.instances import (
    APPLIED,
    CONFIGS_OF_BOTH,
    EmulatedInstance,
    Settings,
    bad_config,
    finished,
)

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

_KNOWN_CONFIGS = CONFIGS_OF_BOTH | {"maxmemory-gb"}


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
    if wrong := bad_config(instance.redis_configs, _KNOWN_CONFIGS):
        raise invalid("instance.redis_configs", wrong)
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


class RedisInstance(EmulatedInstance):
    """An instance of Memorystore for Redis.

    Whatever ``redis_version`` says, the server is the embedded one; versions before 6 lack HELLO, as they do.

    Args:
        name: The full resource name.
        wanted: What the caller asked for; already checked.
        settings: How instances are made.

    Attributes:
        auth_string: The AUTH string; blank where AUTH is off.
    """

    ready = State.READY
    updatable = UPDATABLE
    record: redis_v1.Instance

    def __init__(self, name: str, wanted: redis_v1.Instance, settings: Settings) -> None:
        super().__init__(_new_record(name, wanted), settings, [])
        self.auth_string = _new_auth_string() if self.record.auth_enabled else ""
        self._config_command = f"CONFIG-{secrets.token_hex(16)}"
        self._server = EmbeddedServer(settings.engine, config=self._server_config())
        self._starting: asyncio.Task[object] | None = None
        self._listener: Listener | None = None

    @property
    def encrypted(self) -> bool:
        """Whether clients have to speak TLS."""
        mode = self.record.transit_encryption_mode
        return bool(mode == Instance.TransitEncryptionMode.SERVER_AUTHENTICATION)

    @property
    def listeners(self) -> list[Listener]:
        """The one endpoint."""
        return [self._listener] if self._listener is not None else []

    def _server_config(self) -> dict[str, str | list[str]]:
        blocked = [*BLOCKED_COMMANDS, *(["HELLO"] if self.record.redis_version in _BEFORE_HELLO else [])]
        return {"rename-command": [f"CONFIG {self._config_command}", *(f'{command} ""' for command in blocked)]}

    async def start(self) -> None:
        """Start the server and make it reachable."""
        self._starting = asyncio.create_task(asyncio.to_thread(self._server.start))
        await asyncio.shield(self._starting)
        await self._configure()
        bound = socket_of_its_own(_TLS_PORT if self.encrypted else _PLAIN_PORT)
        self._listener = Listener(bound, self._server_address)
        self._listener.open()
        host, port = self._listener.address
        if self.encrypted:
            self.add_certificate_authority()
            self.rotate_server_certificate()
        record = self.record
        record.host, record.port = host, port
        record.reserved_ip_range = f"{host.rpartition('.')[0]}.0/29"
        if record.read_replicas_mode == Instance.ReadReplicasMode.READ_REPLICAS_ENABLED:
            # The embedded server has no replicas: reads are answered by the primary.
            record.read_endpoint, record.read_endpoint_port = host, port

    async def stop(self) -> None:
        """Stop the server."""
        await finished(self._starting)
        await asyncio.to_thread(self._server.stop)

    def check_failover(self) -> None:
        """Refuse a failover where there is nothing to fail over to.

        Raises:
            ApiError: FAILED_PRECONDITION.
        """
        if self.record.tier != Instance.Tier.STANDARD_HA:
            raise not_possible_now(self.name, f"Instance '{self.name}' is not of the STANDARD_HA tier.")
        self.check_ready()

    def changed(self, paths: Sequence[str], wanted: redis_v1.Instance) -> redis_v1.Instance:
        """The record as an update would make it.

        Raises:
            ApiError: INVALID_ARGUMENT: there is no path, one that can't be updated, or a value that can't be.
        """
        record: redis_v1.Instance = self.updated(paths, wanted)
        check(record, self.name.split("/")[3])
        return record

    async def update(self, paths: Sequence[str], wanted: redis_v1.Instance) -> None:
        """Change what the paths name. A new AUTH string counts for the connections that come after it."""
        record = self.changed(paths, wanted)
        before = self.auth_string
        if record.auth_enabled != self.record.auth_enabled:
            self.auth_string = _new_auth_string() if record.auth_enabled else ""
        self.record = record
        _fill_nodes(record)
        await self._configure(before)

    def come_back(self) -> None:
        """Listen again at the same address, with the same data, from the instance's other zone."""
        record = self.record
        first, second = record.location_id, record.alternative_location_id
        record.current_location_id = second if record.current_location_id == first else first
        assert self._listener is not None
        self._listener.open()

    def add_certificate_authority(self) -> None:
        """Make a further authority known, in the record too."""
        super().add_certificate_authority()
        self.record.server_ca_certs.append(self.authorities[-1].described())

    @property
    def _server_address(self) -> tuple[str, int]:
        host, _, port = self._server.url.removeprefix("redis://").rpartition(":")
        return host, int(port)

    async def _configure(self, password: str = "") -> None:
        """Bring the running server to what the record says, logging in with the password it has so far."""
        host, port = self._server_address
        configs = self.record.redis_configs
        settings = {name: configs.get(name, default) for name, default in APPLIED.items()}
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
