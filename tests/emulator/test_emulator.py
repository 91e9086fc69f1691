"""The emulator answers Google's own clients as the service does, and its instances are real servers."""

import ipaddress
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
import psutil
import pytest
import redis
from cryptography import x509
from google.api_core import exceptions as google
from google.cloud import redis_v1
from google.cloud.location import locations_pb2
from google.cloud.redis_v1.services.cloud_redis.transports import (
    CloudRedisGrpcAsyncIOTransport,
    CloudRedisGrpcTransport,
)
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2, field_mask_pb2

from helpers._tls import listener
from helpers.embedded import EmbeddedServer
from helpers.emulator import Emulator
from helpers.emulator.api.errors import PROVOKING_PROJECTS
from helpers.emulator.servers.redis_instance import BLOCKED_COMMANDS
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import EmbeddedServerError
from tests.conftest import eventually, family

Instance = redis_v1.Instance
PARENT = "projects/a-project/locations/us-central1"
OPERATION_SECONDS = 0.3


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(operation_seconds=OPERATION_SECONDS, failover_seconds=0.5) as running:
        yield running


def client_of(emulator: Emulator) -> redis_v1.CloudRedisClient:
    return redis_v1.CloudRedisClient(transport=CloudRedisGrpcTransport(channel=grpc.insecure_channel(emulator.host)))


@pytest.fixture(scope="module")
def api(emulator: Emulator) -> Iterator[redis_v1.CloudRedisClient]:
    with client_of(emulator) as made:
        yield made


def wanted(**fields: Any) -> redis_v1.Instance:
    return Instance(**({"tier": Instance.Tier.BASIC, "memory_size_gb": 1} | fields))


def wait(operation: Any) -> None:
    """Poll more often than the library does, whose first interval is a second."""
    assert eventually(operation.done)


def make(api: redis_v1.CloudRedisClient, instance_id: str, parent: str = PARENT, **fields: Any) -> redis_v1.Instance:
    wait(api.create_instance(parent=parent, instance_id=instance_id, instance=wanted(**fields)))
    return api.get_instance(name=f"{parent}/instances/{instance_id}")


SECURE: dict[str, Any] = {
    "tier": Instance.Tier.STANDARD_HA,
    "auth_enabled": True,
    "transit_encryption_mode": Instance.TransitEncryptionMode.SERVER_AUTHENTICATION,
}


@pytest.fixture(scope="module")
def secure(api: redis_v1.CloudRedisClient) -> redis_v1.Instance:
    return make(api, "secure", **SECURE)


def authorities(instance: redis_v1.Instance) -> str:
    return "".join(each.cert for each in instance.server_ca_certs)


def connected(api: redis_v1.CloudRedisClient, instance: redis_v1.Instance, **options: Any) -> redis.Redis:
    """A client that verifies the server and does not repeat what failed."""
    if instance.auth_enabled:
        options.setdefault("password", api.get_instance_auth_string(name=instance.name).auth_string)
    if instance.server_ca_certs:
        tls = {"ssl": True, "ssl_ca_data": authorities(instance), "ssl_check_hostname": True}
        options = tls | options if options.get("ssl", True) else options
    given: dict[str, Any] = {"host": instance.host, "port": instance.port, "protocol": 2, "driver_info": None}
    return redis.Redis(**given | {"retry": None, "socket_timeout": 5} | options)


def mask(*paths: str) -> field_mask_pb2.FieldMask:
    return field_mask_pb2.FieldMask(paths=paths)


def shown_certificate(instance: redis_v1.Instance) -> x509.Certificate:
    pem = ssl.get_server_certificate((instance.host, instance.port))
    return x509.load_pem_x509_certificate(pem.encode())


# The API, asked by the client that applications use.


def test_creating_takes_its_time_and_fills_in_what_the_service_does(api: redis_v1.CloudRedisClient) -> None:
    name = f"{PARENT}/instances/made"
    operation = api.create_instance(parent=PARENT, instance_id="made", instance=wanted(labels={"for": "a test"}))
    assert operation.metadata.verb == "create"
    assert operation.metadata.target == name
    assert operation.metadata.api_version == "v1"
    assert not operation.metadata.end_time
    creating = api.get_instance(name=name)
    assert creating.state is Instance.State.CREATING
    assert creating.host == ""
    answers = 0
    while not operation.done():
        answers += 1
        time.sleep(OPERATION_SECONDS / 10)
    assert answers >= 3
    made = operation.result()
    assert made.name == name
    assert made.state is Instance.State.READY
    assert made.redis_version == "REDIS_7_2"
    assert (made.location_id, made.current_location_id) == ("us-central1-a", "us-central1-a")
    assert not made.alternative_location_id
    assert made.labels == {"for": "a test"}
    assert made.connect_mode is Instance.ConnectMode.DIRECT_PEERING
    assert made.transit_encryption_mode is Instance.TransitEncryptionMode.DISABLED
    assert made.authorized_network == "projects/a-project/global/networks/default"
    assert made.persistence_iam_identity.startswith("serviceAccount:")
    assert made.host.startswith("127.")
    assert made.create_time
    assert operation.metadata.end_time >= operation.metadata.create_time
    assert api.get_instance_auth_string(name=name).auth_string == ""


def test_a_caller_who_goes_away_stops_nothing(emulator: Emulator, api: redis_v1.CloudRedisClient) -> None:
    with client_of(emulator) as other:
        other.create_instance(parent=PARENT, instance_id="left", instance=wanted())
    name = f"{PARENT}/instances/left"
    assert eventually(lambda: api.get_instance(name=name).state is Instance.State.READY)


def test_the_library_waits_for_an_operation_by_itself(api: redis_v1.CloudRedisClient) -> None:
    made = api.create_instance(parent=PARENT, instance_id="awaited", instance=wanted()).result(timeout=10)
    assert made.state is Instance.State.READY
    with connected(api, made) as client:
        assert client.ping()
    deletion = api.delete_instance(name=made.name)
    assert api.get_instance(name=made.name).state is Instance.State.DELETING
    assert deletion.result(timeout=10) is not None
    with pytest.raises(google.NotFound) as caught:
        api.get_instance(name=made.name)
    assert caught.value.reason == "RESOURCE_NOT_FOUND"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((made.host, made.port))


async def test_every_call_with_the_asyncio_client(emulator: Emulator) -> None:
    parent = "projects/asyncio/locations/europe-west3"
    name = f"{parent}/instances/one"
    async with grpc.aio.insecure_channel(emulator.host) as channel:
        api = redis_v1.CloudRedisAsyncClient(transport=CloudRedisGrpcAsyncIOTransport(channel=channel))
        creating = await api.create_instance(parent=parent, instance_id="one", instance=wanted(**SECURE))
        assert (await creating.result()).name == name
        assert [each.name async for each in await api.list_instances(parent=parent)] == [name]
        assert len((await api.get_instance_auth_string(name=name)).auth_string) == 36
        change = redis_v1.UpdateInstanceRequest(
            update_mask=mask("display_name"), instance=Instance(name=name, display_name="Ours")
        )
        updating = await api.update_instance(change)
        assert (await updating.result()).display_name == "Ours"
        failing_over = await api.failover_instance(name=name)
        assert (await failing_over.result()).current_location_id == "europe-west3-b"
        listed = await api.list_operations(operations_pb2.ListOperationsRequest(name=parent))
        assert [each.done for each in listed.operations] == [True] * 3
        get = operations_pb2.GetOperationRequest(name=listed.operations[0].name)
        assert (await api.get_operation(get)).done
        with pytest.raises(google.MethodNotImplemented):
            await api.cancel_operation(operations_pb2.CancelOperationRequest(name=get.name))
        await api.delete_operation(operations_pb2.DeleteOperationRequest(name=get.name))
        with pytest.raises(google.NotFound):
            await api.get_operation(get)
        regions = await api.list_locations(locations_pb2.ListLocationsRequest(name="projects/asyncio"))
        region = await api.get_location(locations_pb2.GetLocationRequest(name=regions.locations[0].name))
        assert region == regions.locations[0]
        deleting = await api.delete_instance(name=name)
        await deleting.result()
        with pytest.raises(google.NotFound):
            await api.get_instance(name=name)


def test_lists_come_in_pages_of_one_region_or_all(api: redis_v1.CloudRedisClient) -> None:
    places = [f"projects/paging/locations/{region}" for region in ("us-central1", "us-east1")]
    operations = [
        api.create_instance(parent=place, instance_id=f"i{number}", instance=wanted())
        for place in places
        for number in range(2)
    ]
    names = [operation.metadata.target for operation in operations]
    request = redis_v1.ListInstancesRequest(parent="projects/paging/locations/-", page_size=3)
    pages = list(api.list_instances(request).pages)
    assert [[each.name for each in page.instances] for page in pages] == [names[:3], names[3:]]
    assert [each.name for each in api.list_instances(parent=places[1])] == names[2:]
    assert list(api.list_instances(parent="projects/another/locations/-")) == []
    listed = operations_pb2.ListOperationsRequest(name="projects/paging/locations/-", page_size=3)
    first = api.list_operations(listed)
    listed.page_token = first.next_page_token
    second = api.list_operations(listed)
    assert (len(first.operations), len(second.operations), second.next_page_token) == (3, 1, "")
    for operation in operations:
        wait(operation)


def test_locations(api: redis_v1.CloudRedisClient) -> None:
    request = locations_pb2.ListLocationsRequest(name="projects/p", page_size=4)
    regions: list[str] = []
    while True:
        page = api.list_locations(request)
        regions += [each.location_id for each in page.locations]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert {"us-central1", "europe-west1", "asia-northeast3"} <= set(regions)
    assert len(regions) == len(set(regions))
    found = api.get_location(locations_pb2.GetLocationRequest(name="projects/p/locations/us-central1"))
    metadata = redis_v1.LocationMetadata.pb(redis_v1.LocationMetadata())
    assert found.metadata.Unpack(metadata)
    assert "us-central1-a" in metadata.available_zones
    with pytest.raises(google.NotFound):
        api.get_location(locations_pb2.GetLocationRequest(name="projects/p/locations/atlantis1"))


def test_operations_can_be_waited_for_and_not_cancelled(emulator: Emulator, api: redis_v1.CloudRedisClient) -> None:
    operation = api.create_instance(parent=PARENT, instance_id="waited", instance=wanted())
    name = operation.operation.name
    assert name.startswith(f"{PARENT}/operations/")
    with pytest.raises(google.MethodNotImplemented):
        operation.cancel()
    with grpc.insecure_channel(emulator.host) as channel:
        call = channel.unary_unary(
            "/google.longrunning.Operations/WaitOperation",
            request_serializer=operations_pb2.WaitOperationRequest.SerializeToString,
            response_deserializer=operations_pb2.Operation.FromString,
        )
        short = duration_pb2.Duration(nanos=10_000_000)
        assert not call(operations_pb2.WaitOperationRequest(name=name, timeout=short)).done
        assert call(operations_pb2.WaitOperationRequest(name=name)).done
    assert api.get_instance(name=f"{PARENT}/instances/waited").state is Instance.State.READY
    with pytest.raises(google.NotFound):
        api.get_operation(operations_pb2.GetOperationRequest(name=f"{PARENT}/operations/none"))


@pytest.mark.parametrize(
    ("instance_id", "fields", "named"),
    [
        ("ok", {"tier": 0}, "instance.tier"),
        ("ok", {"memory_size_gb": 0}, "instance.memory_size_gb"),
        ("ok", {"memory_size_gb": 301}, "instance.memory_size_gb"),
        ("ok", {"redis_version": "REDIS_2_8"}, "instance.redis_version"),
        ("ok", {"location_id": "us-east1-b"}, "instance.location_id"),
        ("ok", {"redis_configs": {"requirepass": "x"}}, "instance.redis_configs"),
        ("ok", {"redis_configs": {"maxmemory-policy": "x"}}, "instance.redis_configs"),
        ("ok", {"replica_count": 2}, "instance.replica_count"),
        *[(bad, {}, "instance_id") for bad in ("", "1a", "A", "a_b", "a-", "a" * 41)],
    ],
)
def test_what_can_not_be_made(
    api: redis_v1.CloudRedisClient, instance_id: str, fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(google.InvalidArgument) as caught:
        api.create_instance(parent=PARENT, instance_id=instance_id, instance=wanted(**fields))
    assert caught.value.metadata["field"] == named


def test_names_that_are_taken_unknown_or_malformed(api: redis_v1.CloudRedisClient, secure: redis_v1.Instance) -> None:
    with pytest.raises(google.AlreadyExists) as taken:
        api.create_instance(parent=PARENT, instance_id="secure", instance=wanted())
    assert taken.value.reason == "RESOURCE_ALREADY_EXISTS"
    calls: list[Callable[..., Any]] = [
        api.get_instance,
        api.get_instance_auth_string,
        api.failover_instance,
        api.delete_instance,
    ]
    for call in calls:
        with pytest.raises(google.NotFound):
            call(name=f"{PARENT}/instances/none")
        with pytest.raises(google.InvalidArgument):
            call(name="none")
    with pytest.raises(google.NotFound):
        api.list_instances(parent="projects/p/locations/atlantis1")
    for page in ({"page_size": -1}, {"page_token": "no token"}):
        with pytest.raises(google.InvalidArgument):
            api.list_instances(redis_v1.ListInstancesRequest(parent=PARENT, **page))


def test_what_the_tier_or_the_state_does_not_allow(api: redis_v1.CloudRedisClient) -> None:
    operation = api.create_instance(parent=PARENT, instance_id="basic", instance=wanted())
    name = operation.metadata.target
    with pytest.raises(google.FailedPrecondition, match="CREATING"):
        api.delete_instance(name=name)
    wait(operation)
    with pytest.raises(google.FailedPrecondition, match="STANDARD_HA"):
        api.failover_instance(name=name)


@pytest.mark.parametrize("paths", [[], ["tier"], ["host"], ["redis_configs", "name"]])
def test_only_some_fields_can_be_updated(
    api: redis_v1.CloudRedisClient, secure: redis_v1.Instance, paths: list[str]
) -> None:
    with pytest.raises(google.InvalidArgument):
        api.update_instance(update_mask=mask(*paths), instance=Instance(name=secure.name))


def test_updating(api: redis_v1.CloudRedisClient) -> None:
    made = make(
        api,
        "replicas",
        tier=Instance.Tier.STANDARD_HA,
        read_replicas_mode=Instance.ReadReplicasMode.READ_REPLICAS_ENABLED,
    )
    assert made.replica_count == 2
    assert len(made.nodes) == 3
    assert (made.read_endpoint, made.read_endpoint_port) == (made.host, made.port)
    new = Instance(
        name=made.name,
        display_name="New",
        memory_size_gb=2,
        replica_count=3,
        labels={"a": "b"},
        redis_configs={"maxmemory-policy": "noeviction"},
    )
    paths = ("display_name", "memory_size_gb", "replica_count", "labels", "redis_configs")
    operation = api.update_instance(update_mask=mask(*paths), instance=new)
    assert api.get_instance(name=made.name).state is Instance.State.UPDATING
    wait(operation)
    after = api.get_instance(name=made.name)
    for path in paths:
        assert getattr(after, path) == getattr(new, path)
    assert len(after.nodes) == 4
    with connected(api, after) as client:
        memory = client.info("memory")
    assert memory["maxmemory"] == 2 * 1024**3
    assert memory["maxmemory_policy"] == "noeviction"


# Projects with something wrong about them.


def test_an_api_that_is_not_enabled(api: redis_v1.CloudRedisClient) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: api.list_instances(parent="projects/api-disabled/locations/-"),
        lambda: api.create_instance(
            parent="projects/api-disabled/locations/us-central1", instance_id="a", instance=wanted()
        ),
        lambda: api.list_locations(locations_pb2.ListLocationsRequest(name="projects/api-disabled")),
    ]
    for call in calls:
        with pytest.raises(google.PermissionDenied, match="has not been used in project api-disabled before") as caught:
            call()
        assert caught.value.reason == "SERVICE_DISABLED"
        assert caught.value.domain == "googleapis.com"
        assert caught.value.metadata["service"] == "redis.googleapis.com"


def test_an_account_that_may_only_look(api: redis_v1.CloudRedisClient) -> None:
    parent = "projects/viewer-only/locations/us-central1"
    (shared,) = api.list_instances(parent="projects/viewer-only/locations/-")
    name = f"{parent}/instances/shared"
    assert api.get_instance(name=name) == shared
    assert shared.state is Instance.State.READY
    assert not api.list_operations(operations_pb2.ListOperationsRequest(name=parent)).operations
    assert api.list_locations(locations_pb2.ListLocationsRequest(name="projects/viewer-only")).locations
    calls: dict[str, Callable[[], Any]] = {
        "create": lambda: api.create_instance(parent=parent, instance_id="a", instance=wanted()),
        "update": lambda: api.update_instance(update_mask=mask("labels"), instance=Instance(name=name)),
        "failover": lambda: api.failover_instance(name=name),
        "delete": lambda: api.delete_instance(name=name),
        "getAuthString": lambda: api.get_instance_auth_string(name=name),
    }
    for verb, call in calls.items():
        with pytest.raises(google.PermissionDenied) as caught:
            call()
        assert caught.value.reason == "IAM_PERMISSION_DENIED"
        assert caught.value.metadata["permission"] == f"redis.instances.{verb}"


def test_a_quota_that_is_used_up(api: redis_v1.CloudRedisClient) -> None:
    parent = "projects/quota-exceeded/locations/us-central1"
    with pytest.raises(google.ResourceExhausted) as caught:
        api.create_instance(parent=parent, instance_id="a", instance=wanted())
    assert caught.value.reason == "RESOURCE_QUOTA_EXCEEDED"
    assert list(api.list_instances(parent=parent)) == []


def test_a_region_that_is_down(api: redis_v1.CloudRedisClient) -> None:
    made = make(api, "reached", "projects/region-down/locations/us-central1")
    pager = api.list_instances(parent="projects/region-down/locations/-")
    assert list(pager.unreachable) == ["projects/region-down/locations/europe-west1"]
    assert {each.name for each in pager} == {made.name, "projects/region-down/locations/europe-west1/instances/-"}
    with pytest.raises(google.ServiceUnavailable):
        api.list_instances(parent="projects/region-down/locations/europe-west1", retry=None)


# The instances, asked by Redis clients.


def test_an_instance_has_an_address_and_the_usual_port(
    api: redis_v1.CloudRedisClient, secure: redis_v1.Instance
) -> None:
    plain = make(api, "plain")
    if sys.platform == "linux":
        assert (secure.port, plain.port) == (6378, 6379)
        assert len({secure.host, plain.host, "127.0.0.1"}) == 3
    with connected(api, plain) as client:
        assert client.ping()


def test_where_there_are_no_other_loopback_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    # As on macOS: the loopback interface has but 127.0.0.1.
    bind = listener.bound_socket

    def only_the_first(address: listener.Address) -> socket.socket:
        if address[0] != "127.0.0.1":
            raise OSError("Can't assign requested address")
        return bind(address)

    monkeypatch.setattr(listener, "bound_socket", only_the_first)
    with listener.socket_of_its_own(6378) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"
        assert bound.getsockname()[1] != 6378


@pytest.mark.parametrize("engine", ["valkey", "redis"])
def test_blocked_commands_are_unknown(engine: Any) -> None:
    if engine == "redis" and shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    with Emulator(operation_seconds=0, engine=engine) as emulator, client_of(emulator) as api:
        made = make(api, "a", auth_enabled=True)
        old = make(api, "old", redis_version="REDIS_5_0")
        with connected(api, made) as client:
            for command in ("CONFIG", *BLOCKED_COMMANDS):
                with pytest.raises(redis.ResponseError, match=f"unknown command '{command}'"):
                    client.execute_command(command, "GET")
            assert client.info("memory")["maxmemory_policy"] == "volatile-lru"
        with connected(api, old) as client:
            assert client.ping()
            with pytest.raises(redis.ResponseError, match="unknown command 'HELLO'"):
                client.execute_command("HELLO", "3")


def test_auth_is_switched_off_on_and_so_rotated(api: redis_v1.CloudRedisClient) -> None:
    made = make(api, "auth", auth_enabled=True)
    first = api.get_instance_auth_string(name=made.name).auth_string
    assert len(first) == 36

    def switch(on: bool) -> None:
        new = Instance(name=made.name, auth_enabled=on)
        wait(api.update_instance(update_mask=mask("auth_enabled"), instance=new))

    with connected(api, made, password=None) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with connected(api, made) as still_there:
        assert still_there.ping()
        switch(False)
        assert api.get_instance_auth_string(name=made.name).auth_string == ""
        with connected(api, made, password=None) as client:
            assert client.ping()
        switch(True)
        # A connection stays authenticated for its lifetime: the service's documented behaviour.
        assert still_there.ping()
    second = api.get_instance_auth_string(name=made.name).auth_string
    assert len(second) == 36
    assert second != first
    with connected(api, made, password=first) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with connected(api, made, password=second) as client:
        assert client.ping()


def test_tls_is_verified_by_the_instance_s_own_authority_and_address(
    api: redis_v1.CloudRedisClient, secure: redis_v1.Instance
) -> None:
    other = make(api, "other", transit_encryption_mode=Instance.TransitEncryptionMode.SERVER_AUTHENTICATION)
    with connected(api, secure) as client:
        assert client.ping()
    for options in ({"ssl_ca_data": authorities(other)}, {"ssl_ca_data": None}):
        with connected(api, secure, **options) as client, pytest.raises(redis.ConnectionError, match="CERTIFICATE_VER"):
            client.ping()
    (described,) = secure.server_ca_certs
    authority = x509.load_pem_x509_certificate(described.cert.encode())
    assert str(authority.serial_number) == described.serial_number
    assert (described.expire_time - described.create_time).days == 3652
    leaf = shown_certificate(secure)
    leaf.verify_directly_issued_by(authority)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [secure.host]
    assert 180 <= (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 181


def test_plain_text_is_refused_by_the_tls_port(api: redis_v1.CloudRedisClient, secure: redis_v1.Instance) -> None:
    with connected(api, secure, ssl=False) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_certificates_that_name_the_address_as_common_name_only() -> None:
    with Emulator(operation_seconds=0, common_name_only=True) as emulator, client_of(emulator) as api:
        made = make(api, "a", **SECURE)
        certificate = shown_certificate(made)
        assert certificate.subject.rfc4514_string() == f"CN={made.host}"
        with pytest.raises(x509.ExtensionNotFound):
            certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        with connected(api, made) as client, pytest.raises(redis.ConnectionError, match="IP address mismatch"):
            client.ping()


def test_a_tunnel_s_end_is_not_the_certificate_s_name(
    emulator: Emulator, api: redis_v1.CloudRedisClient, secure: redis_v1.Instance
) -> None:
    end = emulator.tunnel(secure.name)
    assert emulator.tunnel(secure.name) == end
    host, port = end.split(":")
    assert host == "127.0.0.1"
    at_the_end = {"host": host, "port": int(port)}
    with connected(api, secure, **at_the_end) as client, pytest.raises(redis.ConnectionError, match="mismatch"):
        client.ping()
    with connected(api, secure, **at_the_end, ssl_check_hostname=False) as client:
        assert client.ping()
    with pytest.raises(LookupError):
        emulator.tunnel(f"{PARENT}/instances/none")


def test_a_failover_refuses_for_a_while_and_keeps_the_data(
    api: redis_v1.CloudRedisClient, secure: redis_v1.Instance
) -> None:
    with connected(api, secure) as before, connected(api, secure) as after:
        before.set("kept", "through the failover")
        operation = api.failover_instance(name=secure.name)
        assert api.get_instance(name=secure.name).state is Instance.State.FAILING_OVER
        with pytest.raises(redis.ConnectionError):
            before.ping()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((secure.host, secure.port))
        with pytest.raises(google.FailedPrecondition):
            api.failover_instance(name=secure.name)
        wait(operation)
        assert after.get("kept") == b"through the failover"
    now = api.get_instance(name=secure.name)
    assert now.state is Instance.State.READY
    assert (now.host, now.port) == (secure.host, secure.port)
    assert now.current_location_id == secure.alternative_location_id


def test_certificates_rotate_and_authorities_are_added(emulator: Emulator, api: redis_v1.CloudRedisClient) -> None:
    made = make(api, "rotating", **SECURE)
    first = shown_certificate(made)
    # A single connection: a pool replaces a dropped one without a word.
    with connected(api, made, single_connection_client=True) as client:
        client.ping()
        emulator.rotate_server_certificate(made.name)
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert client.ping()  # the same authority signed the new one
    second = shown_certificate(made)
    assert second.serial_number != first.serial_number
    emulator.add_certificate_authority(made.name)
    assert shown_certificate(made) == second
    both = api.get_instance(name=made.name)
    assert len(both.server_ca_certs) == 2
    assert authorities(both).startswith(authorities(made))
    emulator.rotate_server_certificate(made.name)
    with connected(api, made) as client, pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        client.ping()
    with connected(api, both, single_connection_client=True) as client:
        assert client.ping()
        emulator.drop_connections(made.name)
        with pytest.raises(redis.ConnectionError):
            client.ping()
    plain = make(api, "unencrypted")
    for change in (emulator.rotate_server_certificate, emulator.add_certificate_authority):
        with pytest.raises(ValueError, match="no in-transit encryption"):
            change(plain.name)


def test_much_goes_through_both_ways_at_once(api: redis_v1.CloudRedisClient, secure: redis_v1.Instance) -> None:
    with connected(api, secure, socket_timeout=30) as client:

        def turn(number: int) -> bool:
            value = os.urandom(3_000_000)
            client.set(f"large:{number}", value)
            return bool(client.get(f"large:{number}") == value)

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(turn, range(8)))


def test_a_client_that_has_finished_sending_gets_its_answers(api: redis_v1.CloudRedisClient) -> None:
    made = make(api, "half-closed")
    with socket.create_connection((made.host, made.port), 5) as client:
        client.sendall(b"PING\r\n")
        assert client.recv(100) == b"+PONG\r\n"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""


# What it leaves behind, and what it shows.


def test_nothing_is_left_after_stop() -> None:
    threads = set(threading.enumerate())
    process = psutil.Process()
    before = {child.pid for child in process.children(recursive=True)}
    sockets = len(process.net_connections("tcp"))
    with Emulator(operation_seconds=0) as emulator:
        with client_of(emulator) as api:
            made = make(api, "a", **SECURE)
            emulator.tunnel(made.name)
            with connected(api, made) as client:
                client.ping()
                started = {child.pid for child in process.children(recursive=True)} - before
                assert started
                idle = socket.create_connection((made.host, made.port))  # in its TLS handshake for ever
                api.create_instance(parent=PARENT, instance_id="unfinished", instance=wanted())
                emulator.stop()
        idle.close()
        emulator.stop()
    assert emulator.host == ""
    assert not any(psutil.pid_exists(pid) for pid in started)
    assert {child.pid for child in process.children(recursive=True)} <= before
    assert eventually(lambda: set(threading.enumerate()) <= threads)
    assert eventually(lambda: len(process.net_connections("tcp")) <= sockets)


def test_an_instance_whose_server_does_not_start_is_a_failed_operation(
    api: redis_v1.CloudRedisClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: EmbeddedServer) -> None:
        raise EmbeddedServerError("no binary for this machine")

    monkeypatch.setattr(EmbeddedServer, "start", broken)
    operation = api.create_instance(parent=PARENT, instance_id="broken", instance=wanted())
    wait(operation)
    with pytest.raises(google.GoogleAPICallError, match="no binary for this machine"):
        operation.result()
    with pytest.raises(google.NotFound):
        api.get_instance(name=f"{PARENT}/instances/broken")


def test_a_port_that_is_taken(emulator: Emulator) -> None:
    with pytest.raises(OSError, match="in use"):
        Emulator(port=int(emulator.host.rpartition(":")[2])).start()


def test_the_fixture_points_the_environment_to_it(memorystore_emulator: Emulator) -> None:
    assert os.environ[EMULATOR_VARIABLE] == memorystore_emulator.host


# The command line.


COMMAND = [sys.executable, "-m", "helpers.emulator", "--operation-seconds", "0"]


class Program:
    """``python -m helpers.emulator`` as a child, and what it printed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            if EMULATOR_VARIABLE in line:
                break
        self.host = self.lines[-1].strip().removeprefix(f"export {EMULATOR_VARIABLE}=")

    def client(self) -> redis_v1.CloudRedisClient:
        return redis_v1.CloudRedisClient(transport=CloudRedisGrpcTransport(channel=grpc.insecure_channel(self.host)))


@pytest.fixture
def program() -> Iterator[Program]:
    made = Program()
    yield made
    made.process.kill()
    made.process.communicate()


def test_the_program_starts_at_once_and_says_what_it_is() -> None:
    program = Program()
    running = psutil.Process(program.process.pid)
    used, servers = running.cpu_times(), running.children()
    program.process.kill()
    program.process.communicate()
    text = "".join(program.lines)
    for word in ("emulator", "practice", "this computer only", "costs nothing", "forgets everything"):
        assert word in text
    assert program.host.startswith("127.0.0.1:")
    assert servers == []  # none is waited for
    assert used.user + used.system < 5  # seconds of work, under one; how long they take is the machine's business


def is_loopback(address: str) -> bool:
    # gRPC's IPv4 sockets are IPv6 ones with a mapped address.
    parsed = ipaddress.ip_address(address)
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_ends_cleanly_and_shows_no_secret(program: Program, number: signal.Signals) -> None:
    with program.client() as api:
        made = make(api, "a", **SECURE)
        auth_string = api.get_instance_auth_string(name=made.name).auth_string
        with connected(api, made) as client:
            assert client.ping()
    relatives = [psutil.Process(program.process.pid), *family(program.process.pid)]
    assert len(relatives) >= 3
    for each in relatives:
        assert auth_string not in " ".join(each.cmdline())
        listening = [c.laddr for c in each.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert all(is_loopback(address[0]) for address in listening)
    program.process.send_signal(number)
    output, _ = program.process.communicate(timeout=20)
    assert program.process.returncode == 0
    assert output == ""
    assert auth_string not in "".join(program.lines)
    _, alive = psutil.wait_procs(relatives[1:], timeout=10)
    assert alive == []


def test_a_killed_program_leaves_no_server(program: Program) -> None:
    with program.client() as api:
        make(api, "a")
    servers = family(program.process.pid)
    assert servers
    program.process.kill()
    _, alive = psutil.wait_procs(servers, timeout=10)
    assert alive == []


def test_the_program_says_in_a_line_why_it_can_not_start(emulator: Emulator) -> None:
    port = emulator.host.rpartition(":")[2]
    taken = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False, timeout=30)
    assert taken.returncode == 1
    assert taken.stderr == f"Port {port} of 127.0.0.1 can't be had: Address already in use.\n"


def test_help_names_the_projects_to_practise_errors_on() -> None:
    text = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
    for project in PROVOKING_PROJECTS:
        assert project in text


# `practice_project`, in a process that has no emulator yet.

PRACTICE = """
import os, sys
from helpers.emulator import practice_project
for _ in range(2):
    assert practice_project() == "practice"
print(os.environ["MEMORYSTORE_EMULATOR_HOST"], flush=True)
input()
from helpers.emulator import practice
practice._started[os.getpid()]._process.kill()
practice._started[os.getpid()]._process.wait()
practice_project()
print(os.environ["MEMORYSTORE_EMULATOR_HOST"], flush=True)
input()
"""


@pytest.fixture
def practising(monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[str]"]:
    monkeypatch.delenv(EMULATOR_VARIABLE, raising=False)
    process = subprocess.Popen(
        [sys.executable, "-c", PRACTICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_practice_starts_one_emulator_and_ends_with_the_process(practising: "subprocess.Popen[str]") -> None:
    assert practising.stdin is not None
    assert practising.stdout is not None
    first, again = practising.stdout.readline(), practising.stdout.readline()
    assert first == again
    assert "nothing reaches Google Cloud" in first
    host = practising.stdout.readline().strip()
    transport = CloudRedisGrpcTransport(channel=grpc.insecure_channel(host))
    with redis_v1.CloudRedisClient(transport=transport) as api:
        operation = api.create_instance(
            parent="projects/practice/locations/us-central1", instance_id="a", instance=wanted()
        )
        wait(operation)
    relatives = family(practising.pid)
    assert len(relatives) >= 3
    practising.kill()
    _, alive = psutil.wait_procs(relatives, timeout=15)
    assert alive == []


def test_practice_replaces_an_emulator_that_died(practising: "subprocess.Popen[str]") -> None:
    assert practising.stdin is not None
    assert practising.stdout is not None
    _, _, first = (practising.stdout.readline() for _ in range(3))
    practising.stdin.write("\n")
    practising.stdin.flush()
    _, second = practising.stdout.readline(), practising.stdout.readline()
    assert first != second
    relatives = family(practising.pid)
    practising.stdin.write("\n")
    practising.stdin.flush()
    assert practising.wait(20) == 0
    _, alive = psutil.wait_procs(relatives, timeout=10)
    assert alive == []


def test_practice_uses_an_emulator_that_is_there(
    memorystore_emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    from helpers.emulator import practice_project

    assert practice_project() == "practice"
    assert os.environ[EMULATOR_VARIABLE] == memorystore_emulator.host
    assert capsys.readouterr().out.count("\n") == 1
