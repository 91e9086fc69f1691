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
from google.cloud import redis_v1
from IPython.core.interactiveshell import InteractiveShell

from helpers import connect
from helpers.emulator import Emulator
from helpers.errors import SignInError
from helpers.memorystore import (
    Instance,
    Instances,
    NotConfirmedError,
    StillRunningError,
    UnreachableRegionsWarning,
    create_instance,
    delete_instance,
    failover_instance,
    get_instance,
    list_instances,
    rotate_auth_string,
)
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
)
from helpers.memorystore.creation import begin_creation
from tests.conftest import eventually
from tests.connecting.test_connection import silent  # noqa: F401 - a fixture

PROJECT = "a-project"
NAME = f"projects/{PROJECT}/locations/us-central1/instances/chat"


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
    shown = str(list_instances(PROJECT))
    assert shown.splitlines()[0].split() == "INSTANCE REGION TIER SIZE VERSION AUTH TLS STATE".split()
    assert shown.splitlines()[1].split() == "chat us-central1 BASIC 1 GB REDIS_7_2 yes yes READY".split()
    assert str(Instances([], ("us-east1",))) == "No instances.\nNot reached: us-east1."


def test_regions_that_could_not_be_reached_are_named() -> None:
    with pytest.warns(UnreachableRegionsWarning, match="incomplete") as caught:
        found = list_instances("region-down")
    assert len(found.unreachable) == 1
    assert found.unreachable[0] in str(caught[0].message)
    assert found.unreachable[0] in str(found)
    assert all(instance.id != "-" for instance in found)


def test_no_warning_where_all_regions_answer() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list_instances(PROJECT)


def test_a_state_that_the_library_does_not_know() -> None:
    described = redis_v1.Instance(name=NAME)
    redis_v1.Instance.pb(described).state = 77
    assert Instance.from_api(described).state == "77"


def test_creating_again_waits_for_the_creation_that_is_under_way() -> None:
    with Emulator(operation_seconds=1.5) as slow, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMORYSTORE_EMULATOR_HOST", slow.host)
        with pytest.raises(StillRunningError, match="it goes on"):
            create_instance(NAME, timeout=0.2)
        assert get_instance(NAME).state == "CREATING"
        assert create_instance(NAME).ready


def test_an_interrupted_wait_leaves_the_operation_going(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: object, detail: str = "") -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("helpers.memorystore.progress.Progress.step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            create_instance(NAME)
    assert "goes on all the same" in capsys.readouterr().out
    assert eventually(lambda: get_instance(NAME).ready)


def test_a_name_that_is_taken() -> None:
    create_instance(NAME)
    with pytest.raises(InstanceExistsError) as caught:
        create_instance(NAME)
    assert isinstance(caught.value, google.AlreadyExists)
    assert last_line(caught.value) == "Connect to the one that is there, or choose another ID."


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


@pytest.mark.parametrize("wrong", ["", "Chat", NAME + "2", "yes"])
def test_a_wrong_confirmation_deletes_nothing(wrong: str) -> None:
    create_instance(NAME)
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


def test_a_client_of_a_deleted_instance_is_not_handed_out_again() -> None:
    create_instance(NAME)
    before = connect(NAME)
    before.set("a key", "1")
    delete_instance(NAME, confirm=NAME)
    create_instance(NAME)
    assert connect(NAME) is not before
    assert connect(NAME).get("a key") is None


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
    assert "asks for no password now" in capsys.readouterr().out
    assert eventually(lambda: get_instance(NAME).ready)
    rotate_auth_string(NAME)
    assert get_instance(NAME).auth


def last_line(error: BaseException) -> str:
    return str(error).splitlines()[-1]


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
    for call in (lambda: list_instances("api-disabled"), lambda: connect(named("api-disabled"))):
        advice = refused(call, ApiDisabledError, google.PermissionDenied)
        assert advice.startswith("Run: gcloud services enable redis.googleapis.com.")


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
        (lambda: connect(named("viewer-only")), "redis.instances.getAuthString"),
    ],
)
def test_a_missing_permission_names_the_role(call: Callable[[], object], role: str) -> None:
    advice = refused(call, PermissionMissingError, google.PermissionDenied)
    assert role in advice


def test_a_quota_that_is_used_up() -> None:
    name = NAME.replace(PROJECT, "quota-exceeded")
    advice = refused(lambda: create_instance(name), QuotaExceededError, google.ResourceExhausted)
    assert "quotas page" in advice


def test_what_does_not_exist() -> None:
    for call in (lambda: get_instance(NAME), lambda: connect(NAME), lambda: delete_instance(NAME, confirm="chat")):
        assert "list_instances" in refused(call, InstanceNotFoundError, google.NotFound)


def test_a_choice_that_is_not_offered() -> None:
    refused(lambda: create_instance(NAME, memory_gb=0), RequestInvalidError, google.InvalidArgument)


def test_a_failover_without_a_replica() -> None:
    create_instance(NAME)
    advice = refused(lambda: failover_instance(NAME), NotPossibleNowError, google.FailedPrecondition)
    assert "STANDARD_HA" in advice


def test_an_api_that_can_not_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
    advice = refused(lambda: list_instances(PROJECT), ApiUnreachableError, google.ServiceUnavailable)
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
    with pytest.raises(ValueError, match=r"HOST:PORT, such as 127\.0\.0\.1:8090"):
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
    assert len(shown) == 2
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
