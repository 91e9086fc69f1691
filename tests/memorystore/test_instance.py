"""`connect` by an instance's name: who is trusted, what is fetched again, and what is never shown."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psutil
import pytest
import redis
import redis.asyncio
from google.cloud import redis_v1
from IPython.core.interactiveshell import InteractiveShell
from langchain_core.messages import HumanMessage
from redis.backoff import ConstantBackoff

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, connect
from helpers._histories import writing
from helpers.embedded import EmbeddedServer
from helpers.emulator import Emulator
from helpers.emulator.servers.certificates import Authority
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import (
    AuthenticationFailedError,
    BlockedCommandError,
    ConnectionFailedError,
    ConnectionTimeoutError,
    HelpersError,
    InstanceNotReadyError,
    NotWrittenError,
)
from helpers.memorystore import (
    StillRunningError,
    connection_options,
    create_instance,
    delete_instance,
    failover_instance,
    get_instance,
    rotate_auth_string,
)
from helpers.memorystore.access.instance import InstanceAccess
from helpers.memorystore.api.clients import cloud_redis_client
from helpers.memorystore.api.errors import MemorystoreError
from tests.conftest import eventually
from tests.connecting.test_connection import failure, silent  # noqa: F401 - a fixture
from tests.support.errors import everything_said, last_line
from tests.support.line import Line

NAME = "projects/a-project/locations/us-central1/instances/chat"
THROUGH = pytest.mark.parametrize("tunnelled", [False, True], ids=["direct", "tunnel"])


@pytest.fixture(params=[False, True], ids=["alternative name", "common name"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator whose certificates name the address in the one or the other way, with an instance."""
    with Emulator(operation_seconds=0.2, failover_seconds=0.5, common_name_only=request.param) as running:
        monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", running.host)
        create_instance(NAME, tier="STANDARD_HA")
        yield running


@pytest.fixture
def emulator(memorystore_emulator: Emulator) -> Emulator:
    """An emulator with an instance, AUTH and TLS on."""
    create_instance(NAME, tier="STANDARD_HA")
    return memorystore_emulator


def single(client: redis.Redis | redis.RedisCluster) -> redis.Redis:
    assert isinstance(client, redis.Redis)
    return client


def access_of(client: Any) -> InstanceAccess:
    access: InstanceAccess = client.connection_pool.connection_kwargs["credential_provider"]
    return access


def auth_string() -> str:
    return str(cloud_redis_client("a-project").get_instance_auth_string(name=NAME).auth_string)


def authorities() -> str:
    found = cloud_redis_client("a-project").get_instance(name=NAME)
    return "\n".join(certificate.cert for certificate in found.server_ca_certs)


def impersonate(emulator: Emulator, certificate: Any) -> None:
    """Have another server certificate shown at the instance's address."""
    emulator._call(lambda service: setattr(service.instance(NAME).listeners[0], "tls", certificate))
    emulator.drop_connections(NAME)


def refuse_connections(emulator: Emulator) -> None:
    """Have the instance let nobody in."""

    def refuse(service: Any) -> None:
        service.instance(NAME).refuse_connections()

    emulator._call(refuse)


def give_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an instance that does not answer asked for half a second, with pauses that chance has no part in."""
    monkeypatch.setattr("helpers._connecting.failover.FAILOVER_SECONDS", 0.5)
    monkeypatch.setattr("helpers._connecting.failover._BACKOFF", ConstantBackoff(0.05))


def ordinary_client(emulator: Emulator, tunnelled: bool) -> redis.Redis:
    """What the usual advice gives: the instance's CA, AUTH, and no check of the name."""
    found = get_instance(NAME)
    host, port = emulator.tunnel(NAME).split(":") if tunnelled else (found.host, str(found.port))
    return redis.Redis(
        host=host, port=int(port), password=auth_string(), protocol=2, driver_info=None,
        ssl=True, ssl_ca_data=authorities(), ssl_check_hostname=False,
    )  # fmt: skip


def through(emulator: Emulator, tunnelled: bool) -> dict[str, str]:
    return {"tunnel": emulator.tunnel(NAME)} if tunnelled else {}


@THROUGH
def test_the_name_is_all_it_takes(either: Emulator, tunnelled: bool) -> None:
    client = connect(NAME, **through(either, tunnelled))
    assert client.ping()
    assert connect(NAME, **through(either, tunnelled)) is client
    for history in (MemorystoreChatMessageHistory(client, "a session"), RedisChatMessageHistory("another", NAME)):
        history.add_user_message("hello")
        assert [message.content for message in history.messages] == ["hello"]


@THROUGH
def test_the_asyncio_side_is_verified_likewise(either: Emulator, tunnelled: bool) -> None:
    history = MemorystoreChatMessageHistory(connect(NAME, **through(either, tunnelled)), "a session")

    async def talk() -> int:
        await history.aadd_messages([])
        await asyncio.gather(*(history.aclear() for _ in range(3)))
        history.add_user_message("hello")
        return len(await history.aget_messages())

    assert asyncio.run(talk()) == 1


@pytest.mark.parametrize(("auth", "tls"), [(False, False), (True, False), (False, True)])
def test_what_is_off_is_not_used(memorystore_emulator: Emulator, auth: bool, tls: bool) -> None:
    created = create_instance(NAME, auth=auth, tls=tls)
    assert created.port == (6378 if tls else 6379) or created.host == "127.0.0.1"
    assert connect(NAME).ping()


def test_an_engine_older_than_redis_6(memorystore_emulator: Emulator) -> None:
    create_instance(NAME, redis_version="REDIS_5_0")
    assert connect(NAME).ping()
    with pytest.raises(ValueError, match="REDIS_5_0, which speaks RESP2 only"):
        connect(NAME, protocol=3)


def test_an_engine_older_than_redis_6_that_is_spoken_to_in_resp3(memorystore_emulator: Emulator) -> None:
    create_instance(NAME, redis_version="REDIS_5_0", auth=False, tls=False)
    assert "use protocol=2" in last_line(failure(url("redis"), protocol=3))


@pytest.mark.parametrize("by_name", [False, True], ids=["by address", "by name"])
def test_tls_without_a_password_connects_every_time(memorystore_emulator: Emulator, by_name: bool) -> None:
    """Session tickets are no reply that nobody read: a fifth of redis-py's reconnections failed here."""
    create_instance(NAME, auth=False)
    client = single(connect(NAME) if by_name else connect(url(), ssl_ca_data=authorities()))
    for _ in range(100):
        client.connection_pool.disconnect()
        assert client.ping()


def test_options_for_a_client_of_ones_own(emulator: Emulator) -> None:
    for tunnel in (None, emulator.tunnel(NAME)):
        client = redis.Redis(**connection_options(NAME, tunnel=tunnel, decode_responses=True))
        client.set("a key", "a value")
        assert client.get("a key") == "a value"


async def test_options_for_an_asyncio_client_of_ones_own(emulator: Emulator) -> None:
    for tunnel in (None, emulator.tunnel(NAME)):
        made = connection_options(NAME, tunnel=tunnel, asynchronous=True, decode_responses=True)
        client = redis.asyncio.Redis(**made)
        await client.set("a key", "a value")
        assert await client.get("a key") == "a value"
        await client.aclose(close_connection_pool=True)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_was_not_sent_whole_over_tls_is_known_not_to_be_written(
    asynchronous: bool, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.3)
    monkeypatch.setattr(writing, "_SLOW_LINE", 1e9)
    with Line(int(emulator.tunnel(NAME).rpartition(":")[2])) as line, asyncio.Runner() as runner:
        client = connect(NAME, tunnel=f"127.0.0.1:{line.port}", socket_timeout=0.5)
        history = MemorystoreChatMessageHistory(client, "bob")

        def send(text: str) -> None:
            message = HumanMessage(text)
            runner.run(history.aadd_messages([message])) if asynchronous else history.add_messages([message])

        send("hello")
        line.flows.clear()
        with pytest.raises(NotWrittenError, match=r"12\.0 MB could not be sent[\s\S]*socket_timeout="):
            send("x" * 12_000_000)
        line.flows.set()
        runner.run(asyncio.sleep(0.5))
        assert [message.content for message in history.messages] == ["hello"]


@pytest.mark.parametrize("tunnel", ["localhost", "127.0.0.1:", ":6378", "127.0.0.1:0", "127.0.0.1:99999"])
def test_a_tunnel_of_the_wrong_form(emulator: Emulator, tunnel: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT, for example 127\.0\.0\.1:6378"):
        connect(NAME, tunnel=tunnel)


def test_a_tunnel_goes_with_a_name(server: EmbeddedServer) -> None:
    with pytest.raises(ValueError, match="goes with the name of a Memorystore instance"):
        connect(server.url, tunnel="127.0.0.1:6378")


# Who is trusted. Each attack is first shown to work against redis-py's ordinary settings.


@THROUGH
def test_an_authority_of_the_system_is_refused(
    emulator: Emulator, tunnelled: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = Authority()
    (tmp_path / "system.pem").write_text(trusted.described().cert)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    impersonate(emulator, trusted.server_context(get_instance(NAME).host, common_name_only=False))
    assert ordinary_client(emulator, tunnelled).ping()
    error = failure(NAME, **through(emulator, tunnelled))
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert "server_ca_certs" in last_line(error)


@THROUGH
@pytest.mark.parametrize("common_name_only", [False, True], ids=["alternative name", "common name"])
def test_the_right_authority_with_another_instances_address_is_refused(
    emulator: Emulator, tunnelled: bool, common_name_only: bool
) -> None:
    def other(service: Any) -> Any:
        authority = service.instance(NAME).authorities[-1]
        return authority.server_context("127.83.0.1", common_name_only=common_name_only)

    impersonate(emulator, emulator._call(other))
    assert ordinary_client(emulator, tunnelled).ping()
    error = failure(NAME, **through(emulator, tunnelled))
    assert "IP address mismatch" in str(error)
    assert "the instance's own address" in last_line(error)


@THROUGH
def test_the_asyncio_side_refuses_them_too(emulator: Emulator, tunnelled: bool) -> None:
    history = MemorystoreChatMessageHistory(connect(NAME, **through(emulator, tunnelled)), "a session")
    impersonate(emulator, Authority().server_context(get_instance(NAME).host, common_name_only=False))
    with pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(history.aget_messages())


def test_a_refused_server_never_sees_the_auth_string(emulator: Emulator) -> None:
    """What the other side reads after the handshake, and before anything is verified in Python."""
    seen: list[bytes] = []
    ready = threading.Event()
    trap = Authority().server_context(get_instance(NAME).host, common_name_only=False)

    def serve(listener: socket.socket) -> None:
        ready.set()
        plain, _ = listener.accept()
        try:
            with trap.wrap_socket(plain, server_side=True) as secured:
                seen.append(secured.recv(1024))
        except OSError:
            seen.append(b"")

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        ready.wait()
        failure(NAME, tunnel=f"127.0.0.1:{listener.getsockname()[1]}")
        thread.join(5)
    assert seen == [b""]


# What changes meanwhile.


def test_a_server_certificate_that_is_rotated(either: Emulator) -> None:
    history = MemorystoreChatMessageHistory(connect(NAME), "a session")
    for number in range(3):
        history.add_user_message(f"{number}")
        either.rotate_server_certificate(NAME)
        assert len(history.messages) == number + 1


def test_an_authority_that_is_added(either: Emulator) -> None:
    client = connect(NAME)
    either.add_certificate_authority(NAME)
    either.rotate_server_certificate(NAME)  # from now on the new authority's
    assert client.ping()

    async def read() -> int:
        return len(await MemorystoreChatMessageHistory(client, "a session").aget_messages())

    assert asyncio.run(read()) == 0
    either.add_certificate_authority(NAME)
    either.rotate_server_certificate(NAME)
    assert asyncio.run(read()) == 0


def test_an_auth_string_that_is_rotated(emulator: Emulator) -> None:
    client = connect(NAME)
    before = auth_string()
    rotate_auth_string(NAME)
    assert auth_string() != before
    emulator.drop_connections(NAME)
    assert client.ping()

    rotate_auth_string(NAME)
    emulator.drop_connections(NAME)
    history = MemorystoreChatMessageHistory(client, "a session")

    async def read() -> int:
        return len(await history.aget_messages())

    assert asyncio.run(read()) == 0


def ping_at_once(client: Any) -> None:
    """Ping from eight connections that were made by what was known before."""
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(client.ping())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[InstanceAccess]:
    """Who asked the API about its instance, each time that it did."""
    counted: list[InstanceAccess] = []
    look_up = InstanceAccess.look_up

    def looked_up(access: InstanceAccess) -> Any:
        counted.append(access)
        return look_up(access)

    monkeypatch.setattr(InstanceAccess, "look_up", looked_up)
    return counted


def test_many_connections_that_find_a_rotated_auth_string_at_once(
    emulator: Emulator, looks: list[InstanceAccess]
) -> None:
    client = connect(NAME)
    rotate_auth_string(NAME)
    emulator.drop_connections(NAME)
    looks.clear()
    ping_at_once(client)
    assert len(looks) == 1


def test_many_connections_that_find_a_new_authority_at_once(emulator: Emulator, looks: list[InstanceAccess]) -> None:
    client = connect(NAME)
    emulator.add_certificate_authority(NAME)
    emulator.rotate_server_certificate(NAME)
    emulator.drop_connections(NAME)
    looks.clear()
    ping_at_once(client)
    assert len(looks) == 1


def test_an_instance_is_not_asked_about_at_each_fault(
    emulator: Emulator, looks: list[InstanceAccess], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(NAME)
    give_up_soon(monkeypatch)
    refuse_connections(emulator)
    looks.clear()
    for expected in (0, 1, 1):  # nothing is older than a moment; a minute later; a moment after that
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert len(looks) == expected
        if not expected:
            access_of(client)._looked_up -= 60


def test_a_wrong_certificate_is_not_asked_about_each_time(emulator: Emulator, looks: list[InstanceAccess]) -> None:
    client = connect(NAME)
    impersonate(emulator, Authority().server_context(get_instance(NAME).host, common_name_only=False))
    looks.clear()
    for _ in range(3):
        with pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
            client.ping()
    assert len(looks) == 1


def test_a_refused_server_leaves_no_socket_open(emulator: Emulator) -> None:
    client = connect(NAME)
    found = get_instance(NAME)
    impersonate(emulator, Authority().server_context(found.host, common_name_only=False))
    history = MemorystoreChatMessageHistory(client, "a session")
    for asynchronous in (False, True):
        with pytest.raises(ConnectionFailedError):
            asyncio.run(history.aget_messages()) if asynchronous else history.messages
        mine = [each.raddr for each in psutil.Process().net_connections() if each.status == psutil.CONN_ESTABLISHED]
        assert (found.host, found.port) not in mine


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_an_auth_string_that_is_rotated_while_the_api_is_away(
    emulator: Emulator, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(NAME)
    history = MemorystoreChatMessageHistory(client, "a session")
    rotate_auth_string(NAME)
    emulator.drop_connections(NAME)
    monkeypatch.setenv(EMULATOR_VARIABLE, "127.0.0.1:1")
    with pytest.raises(redis.RedisError) as caught:
        asyncio.run(history.aget_messages()) if asynchronous else history.messages
    assert isinstance(caught.value, (redis.AuthenticationError, HelpersError))
    assert isinstance(caught.value, MemorystoreError)
    assert str(caught.value).startswith("The AUTH string is refused. Could not look up")
    assert "check that the emulator is running" in last_line(caught.value) or "Check your network" in last_line(
        caught.value
    )
    monkeypatch.setenv(EMULATOR_VARIABLE, emulator.host)
    assert client.ping()


def test_an_instance_that_is_away_while_the_api_is_too(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is reported is why the connection could not be made."""
    client = connect(NAME)
    give_up_soon(monkeypatch)
    refuse_connections(emulator)
    access_of(client)._looked_up -= 60
    monkeypatch.setenv(EMULATOR_VARIABLE, "127.0.0.1:1")
    with pytest.raises(ConnectionFailedError, match="refused") as caught:
        client.ping()
    assert not isinstance(caught.value, MemorystoreError)


def test_a_loop_goes_on_while_another_thread_asks_the_api(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that has found a fault asks for seconds; tasks connect meanwhile by what is known."""
    client = connect(NAME)
    begun, go_on = threading.Event(), threading.Event()
    look_up = InstanceAccess.look_up

    def slow(access: InstanceAccess) -> Any:
        begun.set()
        assert go_on.wait(30)
        return look_up(access)

    monkeypatch.setattr(InstanceAccess, "look_up", slow)
    access = access_of(client)
    access._looked_up -= 60
    renewing = threading.Thread(target=access.renew, args=(access.found, redis.ConnectionError("a fault")))
    renewing.start()
    assert begun.wait(10)
    assert asyncio.run(MemorystoreChatMessageHistory(client, "a session").aget_messages()) == []
    assert renewing.is_alive()
    go_on.set()
    renewing.join()


def test_a_loop_goes_on_while_a_connection_of_its_own_asks_the_api(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ticked = threading.Event(), threading.Event()
    look_up = InstanceAccess.look_up

    def slow(access: InstanceAccess) -> Any:
        begun.set()
        assert ticked.wait(10), "the event loop stands still"
        return look_up(access)

    async def tick() -> None:
        assert await asyncio.to_thread(begun.wait, 10)
        ticked.set()

    async def ask() -> None:
        ticking = asyncio.create_task(tick())
        assert await MemorystoreChatMessageHistory(client, "a session").aget_messages() == []
        await ticking

    client = connect(NAME)
    rotate_auth_string(NAME)
    emulator.drop_connections(NAME)
    monkeypatch.setattr(InstanceAccess, "look_up", slow)
    asyncio.run(ask())


FORKED = """
import os, sys, threading
import redis
from helpers import connect
client = connect(sys.argv[1])
access = client.connection_pool.connection_kwargs["credential_provider"]
begun, go_on = threading.Event(), threading.Event()
look_up = type(access).look_up
def slow(access):
    begun.set()
    go_on.wait()
type(access).look_up = slow
access._looked_up -= 60
threading.Thread(target=access.renew, args=(access.found, redis.ConnectionError("a fault")), daemon=True).start()
begun.wait()
child = os.fork()
if child:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
type(access).look_up = lambda access: access.found
assert not access.renew(access.found, redis.ConnectionError("a fault"))
assert client.ping()
os._exit(7)
"""


def test_a_fork_while_another_thread_asks_the_api(emulator: Emulator) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED, NAME]
    assert subprocess.run(command, timeout=60).returncode == 7


def test_encryption_that_is_gone_all_of_a_sudden(
    emulator: Emulator, looks: list[InstanceAccess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who shows a wrong certificate is not spoken to in clear, whatever the API says of encryption now."""
    client = connect(NAME)
    without = access_of(client).found._replace(certificates=())
    impersonate(emulator, Authority().server_context(get_instance(NAME).host, common_name_only=False))
    monkeypatch.setattr(InstanceAccess, "look_up", lambda access: without)
    for _ in range(2):
        with pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
            client.ping()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("auth", [False, True], ids=["switched off", "switched on"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
def test_auth_that_is_switched(memorystore_emulator: Emulator, tls: bool, auth: bool, asynchronous: bool) -> None:
    create_instance(NAME, auth=not auth, tls=tls)
    client = connect(NAME)
    history = MemorystoreChatMessageHistory(client, "a session")
    operation = cloud_redis_client("a-project").update_instance(
        update_mask={"paths": ["auth_enabled"]}, instance=redis_v1.Instance(name=NAME, auth_enabled=auth)
    )
    assert eventually(operation.done)
    for _ in range(2):
        assert (asyncio.run(history.aget_messages()) if asynchronous else history.messages) == []
        memorystore_emulator.drop_connections(NAME)


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was fetched as AUTH string, in order."""
    fetched: list[str] = []
    fetch = InstanceAccess._fetch_auth_string

    def counted(access: InstanceAccess) -> Any:
        answer = fetch(access)
        fetched.append(str(answer))
        return answer

    monkeypatch.setattr(InstanceAccess, "_fetch_auth_string", counted)
    return fetched


def test_an_auth_string_that_stays_wrong_is_fetched_once_and_reported(emulator: Emulator, fetches: list[str]) -> None:
    client = connect(NAME)
    rotate_auth_string(NAME)
    wrong = "0" * 36
    emulator._call(lambda service: setattr(service.instance(NAME), "auth_string", wrong))
    emulator.drop_connections(NAME)
    fetches.clear()
    started = time.monotonic()
    with pytest.raises(AuthenticationFailedError) as caught:
        client.ping()
    assert time.monotonic() - started < 4
    assert fetches == [wrong]
    assert isinstance(caught.value, redis.AuthenticationError)
    assert last_line(caught.value).startswith("The AUTH string was rotated")
    assert wrong not in everything_said(caught.value, __file__)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_failover_of_seconds(either: Emulator, asynchronous: bool) -> None:
    """Reads wait; every write is there once and in order."""
    history = MemorystoreChatMessageHistory(connect(NAME), "a session")

    async def talk(number: int) -> int:
        await history.aadd_messages([HumanMessage(f"{number}")])
        return len(await history.aget_messages())

    async def talk_on() -> int:
        number = 0
        while not operation.done() or number < 5:
            assert await talk(number) == number + 1
            number += 1
            await asyncio.sleep(0.05)
        return number

    operation = failover_instance(NAME, wait=False)
    assert not operation.done()
    if asynchronous:
        written = asyncio.run(talk_on())
    else:
        written = 0
        while not operation.done() or written < 5:
            history.add_user_message(f"{written}")
            written += 1
            assert len(history.messages) == written
            time.sleep(0.05)
    assert [message.content for message in history.messages] == [str(number) for number in range(written)]


def test_a_read_in_the_middle_of_a_failover_waits(emulator: Emulator) -> None:
    client = connect(NAME)
    client.set("a key", "a value")
    failover_instance(NAME, wait=False)
    started = time.monotonic()
    assert client.get("a key") == b"a value"
    assert time.monotonic() - started > 0.2


def test_an_instance_that_does_not_come_back_is_reported_in_time(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(NAME)
    give_up_soon(monkeypatch)
    refuse_connections(emulator)
    started = time.monotonic()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    assert 0.1 < time.monotonic() - started < 3


def test_an_instance_that_was_created_anew_by_somebody_else_is_found(emulator: Emulator) -> None:
    client = connect(NAME)
    address = get_instance(NAME).host
    api = cloud_redis_client("a-project")
    assert eventually(api.delete_instance(name=NAME).done)
    wanted = redis_v1.Instance(
        tier=redis_v1.Instance.Tier.BASIC,
        memory_size_gb=1,
        auth_enabled=True,
        transit_encryption_mode=redis_v1.Instance.TransitEncryptionMode.SERVER_AUTHENTICATION,
    )
    parent, _, identity = NAME.partition("/instances/")
    assert eventually(api.create_instance(parent=parent, instance_id=identity, instance=wanted).done)
    assert get_instance(NAME).host != address or address == "127.0.0.1"
    single(client).connection_pool.connection_kwargs[
        "credential_provider"
    ]._looked_up -= 60  # as if it had been a minute ago
    assert client.ping()


# What a user sees, and the advice that helps.


def url(scheme: str = "rediss", host: str | None = None, port: int | None = None) -> str:
    found = get_instance(NAME)
    return f"{scheme}://{host or found.host}:{port or found.port}"


def test_an_instance_that_never_answers(emulator: Emulator, silent: int) -> None:  # noqa: F811
    error = failure(NAME, tunnel=f"127.0.0.1:{silent}")
    assert isinstance(error, ConnectionTimeoutError)
    assert isinstance(error, redis.ConnectionError)
    assert "inside its network" in last_line(error)
    assert NAME in str(error)


def test_a_tunnel_that_is_not_running(emulator: Emulator) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    error = failure(NAME, tunnel=f"127.0.0.1:{port}")
    assert "refused" in str(error)
    assert "the tunnel to it is running" in last_line(error)


def test_plaintext_spoken_to_the_tls_port(emulator: Emulator) -> None:
    assert last_line(failure(url("redis"))).startswith(
        "If the server expects TLS, use rediss:// and its TLS port (6378"
    )


def test_tls_spoken_to_a_plaintext_port(memorystore_emulator: Emulator) -> None:
    create_instance(NAME, tls=False)
    error = failure(url("rediss"))
    assert "redis://" in last_line(error)


def test_an_authority_that_is_not_loaded(emulator: Emulator) -> None:
    error = failure(url())
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert "self-signed certificate in certificate chain" in str(error)
    assert "load every certificate in the instance's server_ca_certs" in last_line(error)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_tunnel_whose_end_is_taken_for_the_instance(emulator: Emulator, host: str) -> None:
    port = int(emulator.tunnel(NAME).split(":")[1])
    error = failure(url(host=host, port=port), ssl_ca_data=authorities())
    assert "mismatch" in str(error)
    assert "the instance's own address" in last_line(error)


@pytest.mark.parametrize("protocol", [2, 3])
def test_auth_that_is_on(emulator: Emulator, protocol: int) -> None:
    error = failure(url(), ssl_ca_data=authorities(), protocol=protocol)
    assert isinstance(error, redis.AuthenticationError)
    assert "fetches the AUTH string" in last_line(error)


def test_an_auth_string_of_yesterday(emulator: Emulator) -> None:
    before = auth_string()
    rotate_auth_string(NAME)
    error = failure(url(), ssl_ca_data=authorities(), password=before)
    assert last_line(error).endswith("If the password or AUTH string was rotated, fetch it again.")


def test_auth_that_is_off(memorystore_emulator: Emulator) -> None:
    create_instance(NAME, auth=False)
    error = failure(url(), ssl_ca_data=authorities(), password="0" * 36)
    assert last_line(error).endswith("leave the password out.")


def test_too_many_clients() -> None:
    with EmbeddedServer(config={"maxclients": "1"}) as server:
        held = redis.Redis.from_url(server.url, protocol=2, driver_info=None, single_connection_client=True)
        assert held.ping()
        # The server says so and closes; whether its words are read before the end is seen is chance.
        assert eventually(lambda: last_line(failure(server.url)).startswith("Share one client"))
        held.close()


@pytest.mark.parametrize("command", ["CONFIG GET maxmemory", "MODULE LIST", "CLIENT ID", "ACL WHOAMI"])
def test_a_command_that_memorystore_blocks(emulator: Emulator, command: str) -> None:
    history = MemorystoreChatMessageHistory(connect(NAME), "a session")
    with pytest.raises(BlockedCommandError) as caught:
        single(connect(NAME)).execute_command(*command.split())
    assert isinstance(caught.value, redis.ResponseError)
    assert last_line(caught.value).startswith("Memorystore blocks administrative commands")
    assert history.messages == []  # the connection is as good as before


def test_a_blocked_command_at_the_start_and_what_it_was_given_is_not_repeated(emulator: Emulator) -> None:
    with pytest.raises(BlockedCommandError) as caught:
        connect(NAME, client_name="a-name-of-mine")
    assert "a-name-of-mine" not in str(caught.value)
    error = failure(url(), ssl_ca_data=authorities(), password=auth_string(), client_name="a-name-of-mine")
    assert last_line(error).startswith("Memorystore blocks administrative commands")
    assert "a-name-of-mine" not in str(error)


def test_an_instance_taken_for_a_cluster(memorystore_emulator: Emulator, server: EmbeddedServer) -> None:
    create_instance(NAME, auth=False, tls=False)
    for endpoint in (url("redis+cluster"), server.url.replace("redis://", "redis+cluster://")):
        assert last_line(failure(endpoint)).startswith("This is a single server: use redis://")


def test_an_instance_that_is_being_created(monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(operation_seconds=1) as slow:
        monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", slow.host)
        with pytest.raises(StillRunningError):
            create_instance(NAME, timeout=0)
        with pytest.raises(InstanceNotReadyError) as caught:
            connect(NAME)
        assert isinstance(caught.value, redis.ConnectionError)
        assert caught.value.state == "CREATING"
        assert "create_instance waits" in last_line(caught.value)
        assert create_instance(NAME).ready
        with pytest.raises(StillRunningError):
            delete_instance(NAME, confirm="chat", timeout=0)
        with pytest.raises(InstanceNotReadyError, match="DELETING"):
            connect(NAME)


# Nothing secret in any output.


def test_the_log_of_googles_library_has_no_auth_string(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    client = connect(NAME)
    secret = auth_string()
    assert client.ping()
    assert any("GetInstance" in str(getattr(record, "rpcName", "")) for record in log.records)
    assert secret not in repr([vars(record) for record in log.records])


def test_no_repr_has_the_auth_string(emulator: Emulator) -> None:
    client = single(connect(NAME))
    history = MemorystoreChatMessageHistory(client, "a session")
    pool = client.connection_pool
    access = pool.connection_kwargs["credential_provider"]
    options = connection_options(NAME)
    seen = [client, pool, pool.connection_kwargs, access, vars(access), history, vars(history), options]
    assert auth_string() not in repr(seen)
    assert access.get_credentials() == (auth_string(),)


def test_no_error_has_the_auth_string(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(NAME)
    secret = auth_string()
    monkeypatch.setattr("helpers._connecting.failover.FAILOVER_SECONDS", 0.2)
    provoked: list[BaseException] = []

    def provoke(call: Any) -> None:
        with pytest.raises((redis.RedisError, HelpersError)) as caught:
            call()
        provoked.append(caught.value)

    provoke(lambda: client.config_get("requirepass"))
    impersonate(emulator, Authority().server_context(get_instance(NAME).host, common_name_only=False))
    provoke(client.ping)
    provoke(lambda: MemorystoreChatMessageHistory(client, "a session").add_user_message("hello"))
    refuse_connections(emulator)
    provoke(client.ping)
    for error in provoked:
        assert secret not in everything_said(error, __file__)


def test_a_verbose_traceback_in_a_notebook_has_no_auth_string(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(NAME)
    secret = auth_string()
    monkeypatch.setattr("helpers._connecting.failover.FAILOVER_SECONDS", 0.2)
    refuse_connections(emulator)
    shell = InteractiveShell.instance()
    shell.push({"client": client})
    shell.run_line_magic("xmode", "Verbose")
    try:
        shell.run_cell("client.ping()")
        shell.run_cell("client.connection_pool.connection_kwargs['credential_provider'].no_such_attribute")
    finally:
        shell.run_line_magic("xmode", "Context")
    shown = capsys.readouterr().out
    assert "ConnectionFailedError" in shown
    assert "AttributeError" in shown
    assert secret not in shown
