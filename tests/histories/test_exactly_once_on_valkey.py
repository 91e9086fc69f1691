"""A write is carried out once on Memorystore for Valkey too, in both modes: through TLS, signed in, and by its name.

The faults happen behind the encryption, between an instance's endpoints and its nodes.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from helpers import RedisChatMessageHistory, connect
from helpers._connecting.connection import forget
from helpers._histories import writing
from helpers.emulator import Emulator
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import WriteOutcomeUnknownError
from tests.histories.test_exactly_once import BOTH, Classes, open_history, pair, pairs
from tests.support.fault_proxy import FAULTS, FaultProxy
from tests.support.valkey import create_valkey

LOCATION = "projects/a-project/locations/us-central1/instances"
# Seconds: enough for a handshake on a machine that is busy, and shorter than what the proxy holds back.
TIMEOUT, LATE_SECONDS = 0.5, 0.7
ASYNCHRONOUS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(operation_seconds=0.1) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv(EMULATOR_VARIABLE, running.host)
        for mode in ("standalone", "cluster"):
            create_valkey(f"{LOCATION}/{mode}", cluster=mode == "cluster", auth="AUTH_DISABLED")
            create_valkey(f"{LOCATION}/{mode}-iam", cluster=mode == "cluster")
        yield running


@pytest.fixture(params=["standalone", "cluster"])
def name(request: pytest.FixtureRequest, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An instance without authentication and with nothing in it; the emulator has one with it beside each."""
    monkeypatch.setenv(EMULATOR_VARIABLE, emulator.host)
    monkeypatch.setattr("tests.support.fault_proxy.LATE_SECONDS", LATE_SECONDS)
    name = f"{LOCATION}/{request.param}"
    for each in (name, f"{name}-iam"):
        connect(each).flushall()
    yield name
    for each in (name, f"{name}-iam"):
        forget(each)


@contextmanager
def faults(emulator: Emulator, name: str, seed: int, rate: float = 0.5) -> Iterator[list[FaultProxy]]:
    """Have each endpoint reach its nodes through a proxy that breaks writes."""

    def listeners(service: Any) -> list[Any]:
        found: list[Any] = service.instance(name).listeners
        return found

    def lead(targets: list[Any]) -> None:
        for listener, target in zip(emulator._call(listeners), targets, strict=True):
            listener.targets = target
        emulator.drop_connections(name)

    before = [listener.targets for listener in emulator._call(listeners)]
    with ExitStack() as stack:
        ports = {port for targets in before for _, port in targets}
        proxies = {port: stack.enter_context(FaultProxy(port, seed, rate)) for port in sorted(ports)}
        lead([[("127.0.0.1", proxies[port].port) for _, port in targets] for targets in before])
        try:
            yield list(proxies.values())
        finally:
            for proxy in proxies.values():
                proxy.settle()
            lead(before)


def counted(proxies: list[FaultProxy]) -> int:
    return sum(sum(proxy.faults.values()) for proxy in proxies)


def write(history: Any, number: int, asynchronous: bool, runner: asyncio.Runner) -> None:
    runner.run(history.aadd_messages(pair(number))) if asynchronous else history.add_messages(pair(number))


@BOTH
@ASYNCHRONOUS
def test_seeded_faults(kind: Classes, asynchronous: bool, name: str, emulator: Emulator) -> None:
    with faults(emulator, name, 0) as proxies, asyncio.Runner() as runner:
        history = open_history(kind, connect(name, socket_timeout=TIMEOUT), ttl=100)
        for number in range(20):
            write(history, number, asynchronous, runner)
    assert counted(proxies) >= 8
    assert open_history(kind, connect(name)).messages == pairs(20)


@ASYNCHRONOUS
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault(
    fault: str, asynchronous: bool, name: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", (fault,))
    with faults(emulator, name, 1, 0.7) as proxies, asyncio.Runner() as runner:
        history = RedisChatMessageHistory("bob", client=connect(name, socket_timeout=TIMEOUT))
        for number in range(5):
            write(history, number, asynchronous, runner)
    assert counted(proxies) >= 3
    assert RedisChatMessageHistory("bob", client=connect(name)).messages == pairs(5)


def test_writers_at_once(name: str, emulator: Emulator) -> None:
    def chat(writer: int) -> None:
        history = RedisChatMessageHistory("bob", client=connect(name, socket_timeout=TIMEOUT))
        for turn in range(8):
            history.add_messages(pair(100 * writer + turn))

    with faults(emulator, name, 5, 0.3), ThreadPoolExecutor(4) as pool:
        list(pool.map(chat, range(4)))
    messages = RedisChatMessageHistory("bob", client=connect(name)).messages
    questions = [int(str(message.content).split()[1]) for message in messages[::2]]
    assert questions == [int(str(message.content).split()[1]) for message in messages[1::2]]
    assert sorted(questions) == [100 * writer + turn for writer in range(4) for turn in range(8)]


@ASYNCHRONOUS
def test_an_unknown_outcome_and_the_same_call_again(
    asynchronous: bool, name: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.4)
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("no reply",))
    with faults(emulator, name, 1, 1) as proxies, asyncio.Runner() as runner:
        history = RedisChatMessageHistory("bob", client=connect(name, socket_timeout=TIMEOUT))
        with pytest.raises(WriteOutcomeUnknownError):
            write(history, 0, asynchronous, runner)
        for proxy in proxies:
            proxy.calm = True
        write(history, 0, asynchronous, runner)
    assert RedisChatMessageHistory("bob", client=connect(name)).messages == pair(0)


@ASYNCHRONOUS
def test_faults_while_tokens_are_revoked_and_certificates_rotated(
    asynchronous: bool, name: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is held back would be delivered by somebody who is not signed in.
    monkeypatch.setattr("tests.support.fault_proxy.FAULTS", ("before", "during", "no reply", "half a reply"))
    name = f"{name}-iam"
    with faults(emulator, name, 2) as proxies, asyncio.Runner() as runner:
        history = RedisChatMessageHistory("bob", client=connect(name))
        for number in range(12):
            write(history, number, asynchronous, runner)
            if number % 4 == 1:
                emulator.revoke_tokens()
            if number % 4 == 2:
                emulator.add_certificate_authority(name)
            if number % 4 == 3:
                emulator.rotate_server_certificate(name)
    assert counted(proxies) >= 4
    assert RedisChatMessageHistory("bob", client=connect(name)).messages == pairs(12)
