"""The Memorystore API's part: finding, creating and deleting instances, and errors that help."""

import builtins
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from typing import Any

import google.api_core.exceptions as google
import pytest
from google.cloud import memorystore_v1, redis_v1
from IPython.core.interactiveshell import InteractiveShell

from helpers import connect
from helpers.emulator import Emulator
from helpers.errors import SignInError
from helpers.memorystore import (
    AmbiguousNameError,
    Instance,
    Instances,
    NotConfirmedError,
    ServiceNotAskedWarning,
    StillRunningError,
    UnreachableRegionsWarning,
    create_instance,
    delete_instance,
    failover_instance,
    get_instance,
    list_instances,
    rotate_auth_string,
)
from helpers.memorystore.api.clients import memorystore_client
from helpers.memorystore.api.errors import (
    ApiDisabledError,
    ApiTimeoutError,
    ApiUnreachableError,
    InstanceExistsError,
    InstanceNotFoundError,
    MemorystoreError,
    NotPossibleNowError,
    PermissionMissingError,
    QuotaExceededError,
    RequestInvalidError,
    api_error,
)
from helpers.memorystore.choices import ValkeyChoices, chosen
from helpers.memorystore.creation import begin_creation
from tests.conftest import eventually
from tests.connecting.test_connection import silent  # noqa: F401 - a fixture
from tests.support.errors import last_line

PROJECT = "a-project"
NAME = f"projects/{PROJECT}/locations/us-central1/instances/chat"
IN_REDIS, IN_VALKEY = f"//redis.googleapis.com/{NAME}", f"//memorystore.googleapis.com/{NAME}"
EITHER = pytest.mark.parametrize("service", ["redis", "valkey"])


@pytest.fixture(autouse=True)
def emulator(memorystore_emulator: Emulator) -> Emulator:
    return memorystore_emulator


def named(project: str) -> str:
    return f"projects/{project}/locations/us-central1/instances/shared"


def test_an_instance_from_its_creation_to_its_deletion(capsys: pytest.CaptureFixture[str]) -> None:
    assert list_instances(PROJECT) == []
    created = create_instance(NAME)
    assert (created.id, created.project, created.region) == ("chat", PROJECT, "us-central1")
    assert (created.state, created.ready, created.tier, created.memory_gb) == ("READY", True, "BASIC", 1)
    assert created.auth
    assert created.tls
    assert created.host
    assert list_instances(PROJECT) == list_instances(PROJECT, "us-central1") == [created]
    assert list_instances(PROJECT, "europe-west1") == []
    assert get_instance(NAME) == created
    delete_instance(NAME, confirm="chat")
    assert list_instances(PROJECT) == []
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "Creating chat in us-central1: BASIC tier, 1 GB, REDIS_7_2.",
        "On the emulator it costs nothing.",
        "chat is ready.",
        "chat is deleted.",
    ]


def test_an_instance_of_valkey_from_its_creation_to_its_deletion(capsys: pytest.CaptureFixture[str]) -> None:
    created = create_instance(NAME, service="valkey")
    assert (created.name, created.full_name, created.service) == (NAME, IN_VALKEY, "valkey")
    assert (created.state, created.ready) == ("ACTIVE", True)
    assert (created.tier, created.memory_gb, created.redis_version) == ("SHARED_CORE_NANO", 1.4, "VALKEY_9_0")
    assert (created.mode, created.auth, created.tls) == ("CLUSTER_DISABLED", True, True)
    assert created.network == f"projects/{PROJECT}/global/networks/default"
    assert created.host
    assert created.port
    assert list_instances(PROJECT) == list_instances(PROJECT, "us-central1") == [created]
    assert list_instances(PROJECT, service="valkey") == [created]
    assert list_instances(PROJECT, service="redis") == []
    assert get_instance(NAME) == get_instance(IN_VALKEY) == created
    delete_instance(NAME, confirm="chat")
    assert list_instances(PROJECT) == []
    assert capsys.readouterr().out.splitlines() == [
        "Creating chat in us-central1, Memorystore for Valkey: 1 × SHARED_CORE_NANO (shards: 1, replicas of each: 0), "
        "VALKEY_9_0.",
        "On the emulator it costs nothing.",
        "chat is ready.",
        "chat is deleted.",
    ]


def test_what_is_chosen_of_valkey_is_what_is_asked_for() -> None:
    network = f"projects/{PROJECT}/global/networks/mine"
    choices = {
        "node_type": "STANDARD_SMALL", "shard_count": 3, "replica_count": 2, "cluster_mode": True,
        "engine_version": "VALKEY_8_0", "auth": False, "tls": False, "network": network,
    }  # fmt: skip
    resource, made = chosen(IN_VALKEY, None, choices)
    assert isinstance(made, ValkeyChoices)
    assert "Memorystore for Valkey: 9 × STANDARD_SMALL (shards: 3, replicas of each: 2), VALKEY_8_0." in (
        made.announcement(resource)
    )
    asked = made.described(resource)
    types = memorystore_v1.Instance
    assert (asked.node_type, asked.shard_count, asked.replica_count) == (types.NodeType.STANDARD_SMALL, 3, 2)
    assert (asked.mode, asked.engine_version) == (types.Mode.CLUSTER, "VALKEY_8_0")
    assert asked.authorization_mode == types.AuthorizationMode.AUTH_DISABLED
    assert asked.transit_encryption_mode == types.TransitEncryptionMode.TRANSIT_ENCRYPTION_DISABLED
    [endpoint] = asked.endpoints
    [connection] = endpoint.connections
    assert connection.psc_auto_connection.network == network
    assert connection.psc_auto_connection.project_id == PROJECT


def test_a_cluster_of_valkey() -> None:
    created = create_instance(NAME, service="valkey", cluster_mode=True, shard_count=3, auth=False, tls=False)
    assert (created.mode, created.memory_gb, created.ready) == ("CLUSTER", 4.2, True)
    assert created.host
    assert connect(NAME).set("a key", "1")
    delete_instance(NAME, confirm="chat")
    assert list_instances(PROJECT) == []


def test_the_host_in_a_name_says_the_service() -> None:
    assert create_instance(IN_VALKEY).service == "valkey"
    assert create_instance(IN_REDIS).service == "redis"
    assert [one.full_name for one in list_instances(PROJECT)] == [IN_REDIS, IN_VALKEY]
    assert get_instance(IN_REDIS).service == "redis"
    assert get_instance(IN_VALKEY).service == "valkey"


def test_a_name_that_both_services_have_is_refused_until_it_says_which() -> None:
    create_instance(IN_REDIS)
    create_instance(IN_VALKEY)
    calls: list[Callable[[], Any]] = [
        lambda: get_instance(NAME),
        lambda: delete_instance(NAME, confirm="chat"),
        lambda: failover_instance(NAME),
        lambda: rotate_auth_string(NAME),
    ]
    for call in calls:
        with pytest.raises(AmbiguousNameError) as caught:
            call()
        assert last_line(caught.value) == f"Say which one you mean: {IN_REDIS} / {IN_VALKEY}."
    with pytest.raises(NotConfirmedError):
        delete_instance(IN_VALKEY, confirm=IN_REDIS)
    delete_instance(IN_VALKEY, confirm=IN_VALKEY)
    assert [one.service for one in list_instances(PROJECT)] == ["redis"]
    delete_instance(NAME, confirm=IN_REDIS)
    assert list_instances(PROJECT) == []


def test_an_instance_that_is_protected_is_not_deleted() -> None:
    create_instance(NAME, service="valkey")
    update = memorystore_v1.Instance(name=NAME, deletion_protection_enabled=True)
    mask = {"paths": ["deletion_protection_enabled"]}
    memorystore_client(PROJECT).update_instance(update_mask=mask, instance=update).result(timeout=10)
    with pytest.raises(NotPossibleNowError, match="it is protected from deletion") as caught:
        delete_instance(NAME, confirm="chat")
    assert last_line(caught.value).endswith(
        "gcloud memorystore instances update chat --project=a-project --location=us-central1 "
        "--no-deletion-protection-enabled"
    )
    assert get_instance(NAME).ready


@pytest.mark.parametrize("name", [NAME, IN_VALKEY])
def test_what_valkey_does_not_have_is_refused_with_what_there_is_instead(name: str) -> None:
    create_instance(NAME, service="valkey")
    with pytest.raises(RequestInvalidError, match="Memorystore for Valkey has none to be started") as caught:
        failover_instance(name)
    assert "--simulate-maintenance-event" in last_line(caught.value)
    with pytest.raises(RequestInvalidError, match="Memorystore for Valkey has none") as caught:
        rotate_auth_string(name)
    assert "add_auth_token" in last_line(caught.value)
    assert get_instance(NAME).ready


@pytest.mark.parametrize(
    ("project", "asked", "left_out", "host"),
    [
        ("redis-only", "redis", "valkey", "memorystore.googleapis.com"),
        ("valkey-only", "valkey", "redis", "redis.googleapis.com"),
    ],
)
def test_a_service_that_can_not_be_asked_hides_nothing_of_the_other(
    project: str, asked: Any, left_out: Any, host: str
) -> None:
    created = create_instance(NAME.replace(PROJECT, project), service=asked)
    with pytest.warns(ServiceNotAskedWarning) as caught:
        found = list_instances(project)
    assert found == [created]
    assert found.not_asked == (left_out,)
    title = f"Memorystore for {left_out.capitalize()}"
    assert str(found).splitlines()[-1] == f"Not asked: {title}."
    assert len(caught) == 1
    assert str(caught[0].message).startswith(f"The list does not include {title}: ")
    assert str(caught[0].message).splitlines()[-1].startswith(f"Run: gcloud services enable {host}.")
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list_instances(project, service=asked) == [created]
    assert host in refused(lambda: list_instances(project, service=left_out), ApiDisabledError, google.PermissionDenied)


def test_a_service_that_there_is_not() -> None:
    calls: list[Callable[[Any], object]] = [
        lambda service: list_instances(PROJECT, service=service),
        lambda service: create_instance(NAME, service=service),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="service must be redis or valkey, not 'memcached'"):
            call("memcached")


def test_what_is_chosen_is_what_is_created() -> None:
    created = create_instance(
        NAME, tier="STANDARD_HA", memory_gb=5, redis_version="REDIS_6_X", auth=False, tls=False,
        network="projects/a-project/global/networks/mine",
    )  # fmt: skip
    assert (created.tier, created.memory_gb, created.redis_version) == ("STANDARD_HA", 5, "REDIS_6_X")
    assert not created.auth
    assert not created.tls
    assert created.network.endswith("/mine")


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"tier": "PREMIUM"}, "tier must be BASIC or STANDARD_HA, not 'PREMIUM'"),
        ({"tier": "from_bytes"}, "tier must be BASIC or STANDARD_HA, not 'from_bytes'"),
        ({"tier": "TIER_UNSPECIFIED"}, "tier must be BASIC or STANDARD_HA, not 'TIER_UNSPECIFIED'"),
        ({"tier": ["BASIC"]}, r"tier must be BASIC or STANDARD_HA, not \['BASIC'\]"),
        ({"memory_gb": "5"}, "memory_gb must be a whole number of GiB, not '5'"),
        ({"memory_gb": 0.5}, "memory_gb must be a whole number of GiB, not 0.5"),
        ({"node_type": "STANDARD_SMALL"}, "Memorystore for Redis has no node_type"),
        ({"shard_count": 1, "cluster_mode": False}, "Memorystore for Redis has no shard_count, cluster_mode"),
        ({"replica_count": 2}, "replica_count must be 1 in tier STANDARD_HA, not 2"),
        ({"replica_count": -1}, "replica_count must be a whole number from 0 on, not -1"),
        ({"replica_count": True}, "replica_count must be a whole number from 0 on, not True"),
        ({"replica_count": 1, "tier": "BASIC"}, "replica_count must be 0 in tier BASIC, not 1"),
        ({"replica_count": 0, "tier": "STANDARD_HA"}, "replica_count must be 1 in tier STANDARD_HA, not 0"),
        ({"service": "valkey", "tier": "BASIC"}, "Memorystore for Valkey has no tier"),
        ({"service": "valkey", "memory_gb": 1, "redis_version": "REDIS_7_2"}, "has no memory_gb, redis_version"),
        ({"service": "valkey", "node_type": "NODE_TYPE_UNSPECIFIED"}, "node_type must be SHARED_CORE_NANO or "),
        ({"service": "valkey", "shard_count": 0}, "shard_count must be a whole number from 1 on, not 0"),
        ({"service": "valkey", "shard_count": "3"}, "shard_count must be a whole number from 1 on, not '3'"),
        ({"service": "valkey", "shard_count": 3}, r"shard_count must be 1 without cluster mode, not 3\.\nFor more"),
        ({"service": "valkey", "replica_count": -1}, "replica_count must be a whole number from 0 on, not -1"),
    ],
)
def test_what_can_not_be_chosen_is_refused_before_a_price_is_said(
    choice: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for call in (create_instance, begin_creation):
        with pytest.raises(ValueError, match=says):
            call(NAME, **choice)
    assert capsys.readouterr().out == ""
    assert list_instances(PROJECT) == []


def test_a_table_shows_what_there_is() -> None:
    create_instance(NAME)
    create_instance(NAME + "s-of-many", service="valkey", replica_count=1, auth=False, tls=False)
    listed = list_instances(PROJECT)
    shown = str(listed).splitlines()
    assert repr(listed) == str(listed)
    assert shown[0].split() == "Instance Service Region Tier Size Version AUTH TLS State".split()
    assert shown[1].split() == "chat redis us-central1 BASIC 1 GB REDIS_7_2 on on READY".split()
    assert shown[2].split() == (
        "chats-of-many valkey us-central1 SHARED_CORE_NANO 1.4 GB VALKEY_9_0 off off ACTIVE".split()
    )
    starts = [line.index(word) for line, word in zip(shown, ("State", "READY", "ACTIVE"), strict=True)]
    assert len(set(starts)) == 1
    incomplete = Instances([], ("us-east1",), ("redis", "valkey"))
    assert str(incomplete).splitlines() == [
        "No instances.",
        "Not reached: us-east1.",
        "Not asked: Memorystore for Redis, Memorystore for Valkey.",
    ]


def test_regions_that_could_not_be_reached_are_named() -> None:
    with pytest.warns(UnreachableRegionsWarning, match="incomplete") as caught:
        found = list_instances("region-down")
    assert len(found.unreachable) == len(caught) == 1
    assert found.not_asked == ()
    assert found.unreachable[0] in str(caught[0].message)
    assert found.unreachable[0] in str(found)
    assert all(instance.id != "-" for instance in found)


def test_no_warning_where_all_regions_answer() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list_instances(PROJECT)


def test_a_name_and_a_service_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="is a name of Memorystore for Valkey, and service is 'redis'"):
        create_instance(IN_VALKEY, service="redis")


def of_valkey(**fields: Any) -> Instance:
    return Instance.from_api(memorystore_v1.Instance(name=NAME, **fields))


def connections(*kinds: str, manual: bool = False) -> list[memorystore_v1.Instance.InstanceEndpoint]:
    """Endpoints as the API describes them, one connection of each kind."""
    details = []
    for number, kind in enumerate(kinds):
        fields = {"ip_address": f"10.0.0.{number}", "port": 6379, "network": "projects/p/global/networks/n"}
        if kind:
            fields["connection_type"] = f"CONNECTION_TYPE_{kind}"
        if manual:
            connection: Any = {"psc_connection": memorystore_v1.PscConnection(**fields)}
        else:
            connection = {"psc_auto_connection": memorystore_v1.PscAutoConnection(**fields)}
        details.append(memorystore_v1.Instance.ConnectionDetail(**connection))
    return [memorystore_v1.Instance.InstanceEndpoint(connections=details)]


@pytest.mark.parametrize("manual", [False, True], ids=["automatic", "registered"])
@pytest.mark.parametrize(
    ("kinds", "host"),
    [(("READER", "PRIMARY"), "10.0.0.1"), (("", "DISCOVERY"), "10.0.0.1"), (("DISCOVERY", ""), "10.0.0.0")],
)
def test_the_address_of_valkey_is_the_primarys_or_where_a_cluster_is_discovered(
    kinds: tuple[str, ...], host: str, manual: bool
) -> None:
    described = of_valkey(endpoints=connections(*kinds, manual=manual))
    assert (described.host, described.port, described.network) == (host, 6379, "projects/p/global/networks/n")


def test_an_instance_of_valkey_that_is_not_ready_has_no_address() -> None:
    connection = memorystore_v1.PscAutoConnection(network="projects/p/global/networks/n")
    detail = memorystore_v1.Instance.ConnectionDetail(psc_auto_connection=connection)
    endpoints = [memorystore_v1.Instance.InstanceEndpoint(connections=[detail])]
    described = of_valkey(state=memorystore_v1.Instance.State.CREATING, endpoints=endpoints)
    assert (described.host, described.port, described.network) == ("", 0, "projects/p/global/networks/n")
    assert not described.ready


def test_the_size_of_valkey_is_that_of_all_its_shards() -> None:
    nodes = memorystore_v1.NodeConfig(size_gb=1.4)
    assert of_valkey(node_config=nodes, shard_count=3, replica_count=2).memory_gb == 4.2


def test_the_deprecated_spelling_of_a_mode() -> None:
    assert of_valkey(mode=memorystore_v1.Instance.Mode.STANDALONE).mode == "CLUSTER_DISABLED"
    assert of_valkey(mode=memorystore_v1.Instance.Mode.CLUSTER).mode == "CLUSTER"


def test_values_of_valkey_that_the_library_does_not_know() -> None:
    described = memorystore_v1.Instance(name=NAME)
    raw = memorystore_v1.Instance.pb(described)
    raw.state = raw.node_type = raw.authorization_mode = raw.transit_encryption_mode = 77
    shown = Instance.from_api(described)
    assert (shown.state, shown.tier, shown.auth, shown.tls) == ("77", "77", True, True)


def test_a_state_that_the_library_does_not_know() -> None:
    described = redis_v1.Instance(name=NAME)
    redis_v1.Instance.pb(described).state = 77
    assert Instance.from_api(described).state == "77"


@EITHER
def test_creating_again_waits_for_the_creation_that_is_under_way(service: Any) -> None:
    with Emulator(operation_seconds=1.5) as slow, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMORYSTORE_EMULATOR_HOST", slow.host)
        with pytest.raises(StillRunningError, match="the operation continues"):
            create_instance(NAME, service=service, timeout=0.2)
        assert get_instance(NAME).state == "CREATING"
        assert create_instance(NAME, service=service).ready


@EITHER
def test_an_interrupted_wait_leaves_the_operation_going(
    service: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: object, detail: str = "") -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("helpers.memorystore.progress.Progress.step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            create_instance(NAME, service=service)
    assert "the operation continues" in capsys.readouterr().out
    assert eventually(lambda: get_instance(NAME).ready)


@EITHER
def test_a_name_that_is_taken(service: Any) -> None:
    create_instance(NAME, service=service)
    with pytest.raises(InstanceExistsError) as caught:
        create_instance(NAME, service=service)
    assert isinstance(caught.value, google.AlreadyExists)
    assert last_line(caught.value) == "Connect to the existing one, or choose another ID."


@EITHER
def test_a_name_that_may_be_taken(service: Any, capsys: pytest.CaptureFixture[str]) -> None:
    created = create_instance(NAME, service=service, exist_ok=True)
    assert created.ready
    assert capsys.readouterr().out != ""
    # It is returned as it is, and neither a price nor a creation is announced.
    assert create_instance(NAME, service=service, replica_count=1, exist_ok=True) == created
    assert capsys.readouterr().out == ""


@EITHER
def test_a_creation_under_way_is_waited_for_if_the_name_may_be_taken(service: Any) -> None:
    with Emulator(operation_seconds=1.5) as slow, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMORYSTORE_EMULATOR_HOST", slow.host)
        with pytest.raises(StillRunningError):
            create_instance(NAME, service=service, timeout=0.2)
        assert create_instance(NAME, service=service, exist_ok=True).ready


def test_only_the_service_that_is_asked_for_may_have_the_name() -> None:
    create_instance(NAME, service="redis")
    assert create_instance(NAME, service="valkey", exist_ok=True).service == "valkey"
    assert [one.service for one in list_instances(PROJECT)] == ["redis", "valkey"]


@pytest.mark.parametrize(("replicas", "tier"), [(0, "BASIC"), (1, "STANDARD_HA")])
def test_a_replica_is_a_matter_of_the_tier_in_memorystore_for_redis(replicas: int, tier: str) -> None:
    assert create_instance(NAME, replica_count=replicas).tier == tier
    assert create_instance(NAME + "2", replica_count=replicas, tier=tier).tier == tier  # type: ignore[arg-type]


def test_deleting_asks_for_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    create_instance(NAME)
    asked: list[str] = []

    def answer(text: str) -> Callable[[str], str]:
        def typed(prompt: str) -> str:
            asked.append(prompt)
            return text

        return typed

    monkeypatch.setattr(builtins, "input", answer("chatt"))
    with pytest.raises(NotConfirmedError, match="Nothing was deleted"):
        delete_instance(NAME)
    assert get_instance(NAME).ready
    monkeypatch.setattr(builtins, "input", answer(" chat "))
    delete_instance(NAME)
    assert len(asked) == 2
    assert "chat" in asked[0]
    assert list_instances(PROJECT) == []


@EITHER
@pytest.mark.parametrize("wrong", ["", "Chat", NAME + "2", "yes", f"//other.googleapis.com/{NAME}"])
def test_a_wrong_confirmation_deletes_nothing(wrong: str, service: Any) -> None:
    create_instance(NAME, service=service)
    with pytest.raises(NotConfirmedError) as caught:
        delete_instance(NAME, confirm=wrong)
    assert last_line(caught.value).endswith("confirm='chat'.")
    assert get_instance(NAME).ready


def test_with_nobody_to_ask_nothing_is_deleted(emulator: Emulator) -> None:
    create_instance(NAME)
    program = f"from helpers.memorystore import delete_instance\ndelete_instance({NAME!r})"
    run = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert run.returncode == 1
    assert "NotConfirmedError: Nothing was deleted: there is nobody to ask" in run.stderr
    assert get_instance(NAME).ready


@pytest.mark.parametrize("full", [IN_REDIS, IN_VALKEY])
def test_a_client_of_a_deleted_instance_is_not_handed_out_again(full: str) -> None:
    """Whether it was made by the one form of the name or by the other."""
    create_instance(full)
    before = {name: connect(name) for name in (NAME, full)}
    before[NAME].set("a key", "1")
    assert before[full].get("a key") == b"1"
    delete_instance(NAME, confirm=NAME)
    create_instance(full)
    for name, client in before.items():
        assert connect(name) is not client
        assert connect(name).get("a key") is None


def test_a_client_by_a_name_that_has_become_ambiguous_is_not_handed_out_again() -> None:
    create_instance(IN_REDIS)
    clients = connect(NAME), connect(IN_REDIS)
    create_instance(IN_VALKEY)
    with pytest.raises(AmbiguousNameError):
        connect(NAME)
    assert connect(IN_REDIS) is clients[1]


@pytest.mark.parametrize("name", ["chat", "projects/p/instances/chat", "projects/p/locations/r/instances/chat/x", ""])
def test_a_name_of_the_wrong_form(name: str) -> None:
    for call in (get_instance, create_instance, delete_instance, failover_instance):
        with pytest.raises(ValueError, match="projects/PROJECT/locations/REGION/instances/INSTANCE"):
            call(name)


def test_a_cluster_is_no_instance() -> None:
    with pytest.raises(ValueError, match="is a cluster"):
        get_instance("projects/p/locations/r/clusters/c")


def test_a_rotation_that_is_broken_off_says_that_auth_is_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    create_instance(NAME)
    with pytest.raises(StillRunningError):
        rotate_auth_string(NAME, timeout=0)
    assert "requires no password now" in capsys.readouterr().out
    assert eventually(lambda: get_instance(NAME).ready)
    rotate_auth_string(NAME)
    assert get_instance(NAME).auth


def refused(call: Callable[[], object], kind: type[MemorystoreError], original: type[Exception]) -> str:
    """The advice of the error that a call raises, which must be caught as Google's too."""
    with pytest.raises(google.GoogleAPICallError) as caught:
        call()
    assert type(caught.value) is kind
    assert isinstance(caught.value, original)
    assert isinstance(caught.value.__cause__, original)
    assert str(caught.value).startswith("Could not ")
    return last_line(caught.value)


def test_an_api_that_is_not_enabled() -> None:
    for call in (lambda: list_instances("api-disabled"), lambda: get_instance(named("api-disabled"))):
        advice = refused(call, ApiDisabledError, google.PermissionDenied)
        assert advice.startswith("Run: gcloud services enable memorystore.googleapis.com.")
    with pytest.raises(ApiDisabledError, match=r"\nRun: gcloud services enable redis\.googleapis\.com\.") as caught:
        list_instances("api-disabled")
    first = str(caught.value).splitlines()[0]
    assert "Memorystore for Redis: " in first
    assert "Memorystore for Valkey: " in first


def test_the_reason_survives() -> None:
    with pytest.raises(ApiDisabledError) as caught:
        list_instances("api-disabled")
    assert caught.value.reason == "SERVICE_DISABLED"
    assert caught.value.domain
    assert caught.value.code == 403


@pytest.mark.parametrize(
    ("call", "role"),
    [
        (lambda: create_instance(named("viewer-only") + "2"), "roles/redis.admin"),
        (lambda: delete_instance(named("viewer-only"), confirm="shared"), "roles/redis.admin"),
        (lambda: failover_instance(named("viewer-only")), "roles/redis.admin"),
        (lambda: create_instance(named("viewer-only"), service="valkey"), "roles/memorystore.admin"),
        (lambda: delete_instance(named("viewer-only") + "-valkey", confirm="shared-valkey"), "roles/memorystore.admin"),
        (lambda: connect(named("viewer-only")), "redis.instances.getAuthString"),
    ],
)
def test_a_missing_permission_names_the_role(call: Callable[[], object], role: str) -> None:
    advice = refused(call, PermissionMissingError, google.PermissionDenied)
    assert role in advice


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("memorystore.instances.list", "roles/memorystore.viewer"),
        ("memorystore.instances.get", "roles/memorystore.viewer"),
        ("memorystore.instances.connect", "roles/memorystore.dbConnectionUser"),
        ("memorystore.instances.update", "roles/memorystore.admin"),
        ("redis.instances.list", "roles/redis.viewer"),
        ("redis.clusters.connect", "roles/redis.dbConnectionUser"),
    ],
)
def test_a_permission_that_only_the_text_names(permission: str, role: str) -> None:
    host = "memorystore.googleapis.com" if permission.startswith("m") else "redis.googleapis.com"
    text = f"Calls of //{host}/projects/p are denied: permission '{permission}' is missing"
    assert f"{permission}: {role} gives it." in last_line(api_error(google.PermissionDenied(text), "call"))


def test_an_api_that_only_the_text_names() -> None:
    text = "Memorystore API has not been used in project p before: see https://x/apis/api/memorystore.googleapis.com/o"
    assert "enable memorystore.googleapis.com." in last_line(api_error(google.PermissionDenied(text), "call"))


@EITHER
def test_a_quota_that_is_used_up(service: Any) -> None:
    name = NAME.replace(PROJECT, "quota-exceeded")
    advice = refused(lambda: create_instance(name, service=service), QuotaExceededError, google.ResourceExhausted)
    assert "quotas page" in advice


def test_what_does_not_exist() -> None:
    for call in (lambda: get_instance(NAME), lambda: connect(NAME), lambda: delete_instance(NAME, confirm="chat")):
        assert "list_instances" in refused(call, InstanceNotFoundError, google.NotFound)


def test_a_choice_that_is_not_offered() -> None:
    refused(lambda: create_instance(NAME, memory_gb=0), RequestInvalidError, google.InvalidArgument)


def test_a_network_without_a_service_connection_policy() -> None:
    """What Google Cloud answers at the end of a creation, in its own words."""
    answer = google.FailedPrecondition(
        f'Invalid resource state for "{NAME}": No service connection policy is associated with project: a-project, '
        "network: default, region: us-central1"
    )
    error = api_error(answer, f"create {IN_VALKEY}")
    assert type(error) is NotPossibleNowError
    assert "No service connection policy" in str(error).splitlines()[0]
    assert "gcloud network-connectivity service-connection-policies create" in last_line(error)
    assert "--service-class=gcp-memorystore" in last_line(error)


def test_a_failover_without_a_replica() -> None:
    create_instance(NAME)
    advice = refused(lambda: failover_instance(NAME), NotPossibleNowError, google.FailedPrecondition)
    assert "STANDARD_HA" in advice


def test_an_api_that_can_not_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
    calls: list[Callable[[], object]] = [
        lambda: list_instances(PROJECT),
        lambda: get_instance(NAME),
        # The cause is the refusal itself, and not that it was tried again and again.
        lambda: list_instances(PROJECT, service="valkey"),
        lambda: get_instance(IN_VALKEY),
    ]
    for call in calls:
        advice = refused(call, ApiUnreachableError, google.ServiceUnavailable)
        assert "MEMORYSTORE_EMULATOR_HOST" in advice


def test_an_api_that_does_not_answer(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", f"127.0.0.1:{silent}")
    monkeypatch.setattr("helpers.memorystore.instances.CALL_SECONDS", 0.5)
    with pytest.raises(MemorystoreError) as caught:
        list_instances(PROJECT)
    assert isinstance(caught.value, (ApiTimeoutError, ApiUnreachableError))


@pytest.mark.parametrize("value", ["http://127.0.0.1:8090", "8090", "localhost", ":8090"])
def test_an_emulator_address_of_the_wrong_form(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", value)
    with pytest.raises(ValueError, match=r"HOST:PORT, for example 127\.0\.0\.1:8090"):
        list_instances(PROJECT)


def test_without_credentials_the_command_to_sign_in_is_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMORYSTORE_EMULATOR_HOST")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(SignInError, match="gcloud auth application-default login"):
        list_instances(PROJECT)


def test_the_bill_is_announced_before_the_api_is_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.memorystore.creation.emulator_host", lambda: None)  # as on Google Cloud
    with pytest.raises(QuotaExceededError):
        create_instance(NAME.replace(PROJECT, "quota-exceeded"), tier="STANDARD_HA", memory_gb=7)
    assert capsys.readouterr().out.endswith(
        "STANDARD_HA tier, 7 GB, REDIS_7_2.\nIt is billed by the hour until it is deleted.\n"
    )


def test_a_notebook_shows_the_message_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell.instance()
    shell.run_cell("from helpers.memorystore import list_instances\nlist_instances('api-disabled')")
    shown = capsys.readouterr().out.strip().splitlines()
    assert len(shown) == 3
    assert shown[0].startswith("ApiDisabledError: Could not list the instances of api-disabled: ")


def test_several_threads_may_ask_at_once() -> None:
    results: list[Instances] = []
    threads = [threading.Thread(target=lambda: results.append(list_instances(PROJECT))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8


def test_a_failover_may_be_waited_for_or_not() -> None:
    create_instance(NAME, tier="STANDARD_HA")
    operation = failover_instance(NAME, wait=False)
    assert not operation.done()
    assert get_instance(NAME).state == "FAILING_OVER"
    assert eventually(operation.done)
    assert get_instance(NAME).ready
    started = time.monotonic()
    failover_instance(NAME)
    assert time.monotonic() - started > 0.4
    assert get_instance(NAME).ready
