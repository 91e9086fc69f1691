"""Which service has an instance: both are asked, and what is said of one that could not be asked."""

import threading
from typing import Any

import grpc
import pytest
import redis
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import memorystore_v1, redis_v1

from helpers import connect
from helpers._connecting.connection import _slots, forget
from helpers.embedded import EmbeddedServer
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import SignInError
from helpers.memorystore import connection_options
from helpers.memorystore.api import finding
from helpers.memorystore.api.errors import (
    AmbiguousNameError,
    ApiDisabledError,
    ApiTimeoutError,
    ApiUnreachableError,
    InstanceNotFoundError,
    MemorystoreError,
    PermissionMissingError,
)
from helpers.memorystore.api.finding import find
from helpers.memorystore.api.names import ResourceName
from tests.support.errors import last_line
from tests.support.memorystore_api import LOCATION, NAME, REDIS, VALKEY, Apis

RESOURCE = ResourceName.parse(NAME)
SERVICES = pytest.mark.parametrize("service", ["redis", "valkey"])
FULL = {"redis": REDIS, "valkey": VALKEY}
TITLE = {"redis": "Memorystore for Redis", "valkey": "Memorystore for Valkey"}
OTHER = {"redis": "valkey", "valkey": "redis"}


def instance(service: str, port: int = 6379) -> Any:
    """An instance of a service, without AUTH and TLS, at a port of this machine."""
    if service == "redis":
        return redis_v1.Instance(name=NAME, state=redis_v1.Instance.State.READY, host="127.0.0.1", port=port)
    primary = {"connection_type": "CONNECTION_TYPE_PRIMARY", "ip_address": "127.0.0.1", "port": port}
    return memorystore_v1.Instance(
        name=NAME,
        state="ACTIVE",
        mode="CLUSTER_DISABLED",
        endpoints=[{"connections": [{"psc_auto_connection": primary}]}],
    )


@SERVICES
def test_either_service_may_have_it(service: str, apis: Apis) -> None:
    getattr(apis, service).instance = instance(service)
    found = find(RESOURCE)
    assert found.resource.service == service
    assert found.resource.full == FULL[service]
    assert found.described.name == NAME
    assert apis.calls == {"redis GetInstance": 1, "valkey GetInstance": 1}


@SERVICES
def test_a_name_that_says_the_service_asks_no_other(service: str, apis: Apis) -> None:
    getattr(apis, service).instance = instance(service)
    getattr(apis, OTHER[service]).instance = instance(OTHER[service])
    assert find(ResourceName.parse(FULL[service])).resource.service == service
    assert apis.calls == {f"{service} GetInstance": 1}


@SERVICES
def test_a_service_that_is_named_and_does_not_have_it(service: str, apis: Apis) -> None:
    getattr(apis, OTHER[service]).instance = instance(OTHER[service])
    with pytest.raises(InstanceNotFoundError) as caught:
        find(ResourceName.parse(FULL[service]))
    assert str(caught.value).startswith(f"Could not look up {FULL[service]}: ")


def test_both_have_it(apis: Apis) -> None:
    apis.redis.instance, apis.valkey.instance = instance("redis"), instance("valkey")
    with pytest.raises(AmbiguousNameError) as caught:
        connect(NAME)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).startswith(f"{NAME} is the name of two instances")
    assert REDIS in last_line(caught.value)
    assert VALKEY in last_line(caught.value)


def test_neither_has_it(apis: Apis) -> None:
    with pytest.raises(InstanceNotFoundError) as caught:
        connect(NAME)
    first, last = str(caught.value).splitlines()
    assert first == f"Could not find {NAME}: neither Memorystore for Redis nor Memorystore for Valkey has it."
    assert last.startswith("Check the project, region and ID")


FAILURES: dict[str, tuple[tuple[Any, ...], type[MemorystoreError], str]] = {
    "disabled": (
        (
            grpc.StatusCode.PERMISSION_DENIED,
            "The API has not been used in project a-project before or it is disabled.",
            "SERVICE_DISABLED",
            {"service": "SERVICE.googleapis.com"},
        ),
        ApiDisabledError,
        "Run: gcloud services enable SERVICE.googleapis.com.",
    ),
    "forbidden": (
        (
            grpc.StatusCode.PERMISSION_DENIED,
            "Permission 'SERVICE.instances.get' denied on resource.",
            "IAM_PERMISSION_DENIED",
            {"permission": "SERVICE.instances.get"},
        ),
        PermissionMissingError,
        "SERVICE.instances.get: roles/SERVICE.viewer gives it.",
    ),
    "unreachable": ((grpc.StatusCode.UNAVAILABLE, "no route to it"), ApiUnreachableError, "Check your network"),
}


def fails(apis: Apis, service: str, failure: str) -> tuple[type[MemorystoreError], str]:
    """Have a service refuse; the error that this means, and what its advice says."""
    host = {"redis": "redis", "valkey": "memorystore"}[service]
    (code, message, *more), kind, advice = FAILURES[failure]
    reason = [more[0], {key: value.replace("SERVICE", host) for key, value in more[1].items()}] if more else []
    getattr(apis, service).failure = (code, message.replace("SERVICE", host), *reason)
    return kind, advice.replace("SERVICE", host)


@SERVICES
@pytest.mark.parametrize("failure", FAILURES)
def test_one_that_can_not_be_asked_is_not_said_to_lack_it(service: str, failure: str, apis: Apis) -> None:
    kind, advice = fails(apis, service, failure)
    with pytest.raises(MemorystoreError) as caught:
        connect(NAME)
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, GoogleAPICallError)
    first, *_ = str(caught.value).splitlines()
    assert first.startswith(f"Could not find {NAME}: ")
    assert f"{TITLE[service]} could not be asked: {getattr(apis, service).failure[1].rstrip('.')}" in first
    assert f"{TITLE[OTHER[service]]} has no such instance" in first
    assert advice in last_line(caught.value)
    assert FULL[OTHER[service]] in str(caught.value)
    assert apis.calls == {"redis GetInstance": 1, "valkey GetInstance": 1}  # nothing is repeated for a minute


@SERVICES
def test_one_that_does_not_answer_is_not_said_to_lack_it(
    service: str, apis: Apis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "CALL_SECONDS", 0.3)
    getattr(apis, service).gate.clear()
    with pytest.raises(ApiTimeoutError) as caught:
        connect(NAME)
    assert f"{TITLE[service]} could not be asked" in str(caught.value)
    assert f"{TITLE[OTHER[service]]} has no such instance" in str(caught.value)
    assert last_line(caught.value).startswith("Check your network")


@SERVICES
@pytest.mark.parametrize("failure", FAILURES)
def test_one_that_can_not_be_asked_is_no_matter_where_the_other_has_it(service: str, failure: str, apis: Apis) -> None:
    fails(apis, service, failure)
    getattr(apis, OTHER[service]).instance = instance(OTHER[service])
    assert find(RESOURCE).resource.service == OTHER[service]


@pytest.mark.parametrize("failure", FAILURES)
def test_neither_can_be_asked(failure: str, apis: Apis) -> None:
    kind, advice = fails(apis, "redis", failure)
    _, other_advice = fails(apis, "valkey", failure)
    with pytest.raises(MemorystoreError) as caught:
        connect(NAME)
    assert type(caught.value) is kind
    first, *rest = str(caught.value).splitlines()
    assert first.count("could not be asked") == 2
    assert "has no such instance" not in first
    assert any(advice in line for line in rest)
    assert other_advice in rest[-1]


def test_they_are_asked_at_once(apis: Apis) -> None:
    """Neither waits for the other one."""
    apis.redis.instance = instance("redis")
    apis.redis.gate.clear()
    apis.valkey.gate.clear()
    outcome: list[Any] = []
    finding_out = threading.Thread(target=lambda: outcome.append(find(RESOURCE)))
    finding_out.start()
    while apis.calls.total() < 2:
        finding_out.join(0.01)
        assert finding_out.is_alive()
    apis.valkey.gate.set()
    apis.redis.gate.set()
    finding_out.join()
    assert outcome[0].resource.service == "redis"


def test_without_credentials_there_is_one_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SignInError, match="No Google Cloud credentials were found"):
        find(RESOURCE)


@SERVICES
def test_what_was_found_is_not_looked_up_again(service: str, apis: Apis, server: EmbeddedServer) -> None:
    getattr(apis, service).instance = instance(service, int(server.url.rpartition(":")[2]))
    client = connect(NAME)
    assert client.ping()
    assert apis.calls == {"redis GetInstance": 1, "valkey GetInstance": 1}
    assert redis.Redis(**connection_options(FULL[service])).ping()
    assert apis.calls[f"{service} GetInstance"] == 2
    assert apis.calls[f"{OTHER[service]} GetInstance"] == 1


def test_either_form_is_forgotten(apis: Apis, server: EmbeddedServer) -> None:
    apis.redis.instance = instance("redis", int(server.url.rpartition(":")[2]))
    for forgotten, named in ((NAME, REDIS), (REDIS, NAME), (NAME, NAME), (REDIS, REDIS), (f" {REDIS} ", NAME)):
        client = connect(named)
        assert connect(named) is client
        forget(forgotten)
        assert connect(named) is not client
        forget(named)


def test_the_other_services_instance_is_not_forgotten(apis: Apis, server: EmbeddedServer) -> None:
    for service in FULL:
        getattr(apis, service).instance = instance(service, int(server.url.rpartition(":")[2]))
    clients = {service: connect(name) for service, name in FULL.items()}
    assert clients["redis"] is not clients["valkey"]
    forget(VALKEY)
    assert connect(REDIS) is clients["redis"]
    assert connect(VALKEY) is not clients["valkey"]


@pytest.mark.parametrize("name", [NAME, REDIS, VALKEY])
def test_another_emulator_has_other_instances(
    name: str, apis: Apis, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = "redis" if name != VALKEY else "valkey"
    getattr(apis, service).instance = instance(service, int(server.url.rpartition(":")[2]))
    client = connect(name)
    with Apis().serving() as host:
        monkeypatch.setenv(EMULATOR_VARIABLE, host)
        with pytest.raises(InstanceNotFoundError):
            connect(name)
    assert any(slot.client is client for slot in _slots.values())


@pytest.mark.parametrize(
    "name",
    [
        f"//example.com/{NAME}",
        f"//redis.googleapis.com/v1/{NAME}",
        f"{NAME}/extra",
        "projects/p/instances/i",
        f"//memorystore.googleapis.com/{LOCATION}/clusters/c",
        f"{LOCATION}/instances/",
        "//projects/p/locations/l/instances/i",
        "//redis.googleapis.com/",
    ],
)
def test_a_name_of_neither_form(name: str, apis: Apis) -> None:
    with pytest.raises(ValueError, match=r"is not the full name of an instance|is not an endpoint") as caught:
        connect(name)
    assert "projects/PROJECT/locations/REGION/instances/INSTANCE" in last_line(caught.value)
    assert not apis.calls


def test_what_only_valkey_has_is_refused_for_redis(apis: Apis) -> None:
    apis.redis.instance = instance("redis")
    with pytest.raises(ValueError, match=r"reader= goes with Memorystore for Valkey[\s\S]*Leave reader= out"):
        connect(NAME, reader=True)
