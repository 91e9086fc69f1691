"""What clients and calls do about an instance that is deleted, made anew as something else, or changed meanwhile."""

import asyncio
import logging
from typing import Any

import grpc
import pytest
import redis
from google.api_core import exceptions as google
from google.cloud import memorystore_v1
from google.cloud.memorystore_v1.services.memorystore.transports import MemorystoreGrpcAsyncIOTransport

from helpers import RedisChatMessageHistory, connect
from helpers.emulator import Emulator
from helpers.errors import ConnectionFailedError, InstanceGoneError
from helpers.memorystore import InstanceNotFoundError, StillRunningError, create_instance, delete_instance
from helpers.memorystore.access import connections
from helpers.memorystore.api.clients import memorystore_client
from helpers.memorystore.api.errors import SignInRefusedError, api_error
from tests.support.valkey import NAME, create_valkey


@pytest.fixture
def emulator(memorystore_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator, and clients that look an instance up as often as they like."""
    monkeypatch.setattr(connections, "LOOK_AGAIN_SECONDS", 0.0)
    return memorystore_emulator


def deleted_by_another_program() -> None:
    memorystore_client("a-project").delete_instance(name=NAME).result()


def test_a_client_of_a_deleted_instance_says_so_and_connect_asks_again(emulator: Emulator) -> None:
    create_valkey()
    client = connect(NAME)
    deleted_by_another_program()
    with pytest.raises(InstanceGoneError, match="was deleted since this client was made") as caught:
        client.get("a key")
    assert "connect" in str(caught.value).splitlines()[-1]
    with pytest.raises(InstanceNotFoundError):
        connect(NAME)
    create_valkey()
    assert connect(NAME).ping()


@pytest.mark.parametrize("cluster", [False, True], ids=["from a cluster", "to a cluster"])
def test_an_instance_that_was_made_anew_in_the_other_mode_is_found(emulator: Emulator, cluster: bool) -> None:
    create_valkey(cluster=not cluster)
    client = connect(NAME)
    deleted_by_another_program()
    create_valkey(cluster=cluster)
    with pytest.raises(ConnectionFailedError):
        client.get("a key")
    assert isinstance(connect(NAME), redis.RedisCluster) == cluster
    assert connect(NAME).ping()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_cluster_that_shrinks_goes_on(emulator: Emulator, asynchronous: bool) -> None:
    create_valkey(cluster=True)
    client = connect(NAME)
    histories = [RedisChatMessageHistory(str(number), client=client) for number in range(12)]
    for history in histories:
        history.add_user_message("hello")
    fewer = memorystore_v1.Instance(name=NAME, shard_count=1)
    memorystore_client("a-project").update_instance(instance=fewer, update_mask={"paths": ["shard_count"]}).result()

    async def read() -> list[int]:
        return [len(await history.aget_messages()) for history in histories]

    assert (asyncio.run(read()) if asynchronous else [len(one.messages) for one in histories]) == [1] * 12


def test_a_deletion_is_waited_for_by_the_same_call_again(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    create_valkey()
    with pytest.raises(StillRunningError):
        delete_instance(NAME, confirm="chat", timeout=0)
    delete_instance(NAME, confirm="chat")
    assert "chat is deleted." in capsys.readouterr().out


def test_what_is_no_number_is_refused_before_anything_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="shard_count must be a whole number"):
        create_instance(NAME, service="valkey", shard_count=True)
    with pytest.raises(ValueError, match="memory_gb must be a whole number"):
        create_instance(NAME, memory_gb=True)
    assert capsys.readouterr().out == ""


def test_a_reader_of_an_instance_without_replicas_would_be_its_primary(emulator: Emulator) -> None:
    create_valkey()
    with pytest.raises(ConnectionFailedError, match=r"has no reader endpoint[\s\S]*add a replica"):
        connect(NAME, reader=True)


def test_an_option_that_the_server_refuses_is_no_missing_role(emulator: Emulator) -> None:
    create_valkey()
    with pytest.raises(ConnectionFailedError, match="DB index is out of range") as caught:
        connect(NAME, db=20)
    assert "dbConnectionUser" not in str(caught.value)


def test_credentials_that_have_ended_are_no_fault_of_the_network() -> None:
    said = "Getting metadata from plugin failed with error: ('invalid_grant: Token has been expired or revoked.', {})"
    error = api_error(google.ServiceUnavailable(said), "look up it")
    assert isinstance(error, SignInRefusedError)
    assert "gcloud auth application-default login" in str(error).splitlines()[-1]


def test_no_token_is_in_the_log_of_googles_asyncio_client(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    create_valkey(auth="TOKEN_AUTH")
    user = f"{NAME}/tokenAuthUsers/bob"
    api = memorystore_client("a-project")
    api.add_token_auth_user(request={"instance": NAME, "token_auth_user": "bob"}).result()
    api.add_auth_token(request={"token_auth_user": user}).result()
    for name in ("grpc", "grpc_asyncio"):
        logger = logging.getLogger(f"google.cloud.memorystore_v1.services.memorystore.transports.{name}")
        caplog.set_level(logging.DEBUG, logger.name)
        logger.addHandler(caplog.handler)

    async def tokens() -> list[str]:
        channel = grpc.aio.insecure_channel(emulator.host)
        client = memorystore_v1.MemorystoreAsyncClient(transport=MemorystoreGrpcAsyncIOTransport(channel=channel))
        found: list[Any] = [one async for one in await client.list_auth_tokens(parent=user)]
        return [(await client.get_auth_token(name=one.name)).token for one in found]

    (token,) = asyncio.run(tokens())
    assert token
    assert not [record for record in caplog.records if token in str(vars(record))]
