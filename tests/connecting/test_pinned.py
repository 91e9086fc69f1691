"""A server that is known by its certificate alone: sync and asyncio, on real sockets."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from helpers import RedisChatMessageHistory, connect
from helpers._connecting.asynchronous import async_twin
from helpers._tls.certificates import Authority, fingerprint, server_context
from helpers.embedded import EmbeddedServer
from helpers.errors import CertificateRefusedError
from tests.support.recorder import Recorder

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def signed_in_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        with redis.Redis.from_url(server.url, protocol=2) as client:
            client.execute_command("ACL", "SETUSER", "someone", "on", f">{PASSWORD}", "~*", "&*", "+@all")
        yield server


@pytest.fixture
def pem(tmp_path: Path) -> bytes:
    """A certificate for another address than the one that is connected to."""
    (tmp_path / "server.pem").write_bytes(made := Authority("test").server_pem(["192.0.2.1", "class.example"]))
    return made


@pytest.fixture
def tls(signed_in_server: EmbeddedServer, pem: bytes, tmp_path: Path) -> Iterator[Recorder]:
    port = int(signed_in_server.url.rpartition(":")[2])
    with Recorder(port, server_context(tmp_path / "server.pem")) as recorder:
        yield recorder


def address(tls: Recorder, digest: str, user: str = f"someone:{PASSWORD}@") -> str:
    return f"rediss://{user}127.0.0.1:{tls.port}?ssl_certificate_sha256={digest}"


@pytest.mark.parametrize("user", [f"someone:{PASSWORD}@", ""], ids=["signed in", "nobody"])
def test_one_line_says_which_server_is_meant(tls: Recorder, pem: bytes, user: str) -> None:
    history = RedisChatMessageHistory("pinned", client=connect(address(tls, fingerprint(pem), user)))
    history.add_user_message("hello")
    assert [message.content for message in asyncio.run(history.aget_messages())] == ["hello"]
    history.clear()
    assert all(each.encrypted for each in tls.conversations)


def test_the_digest_as_an_option_and_as_other_programs_write_it(tls: Recorder, pem: bytes) -> None:
    digest = fingerprint(pem).upper()
    spaced = ":".join(digest[place : place + 2] for place in range(0, 64, 2))
    assert connect(f"rediss://127.0.0.1:{tls.port}", ssl_certificate_sha256=spaced).ping()


def test_every_connection_works_without_a_password(tls: Recorder, pem: bytes) -> None:
    client = connect(address(tls, fingerprint(pem), ""))
    assert isinstance(client, redis.Redis)
    for _ in range(20):  # the server's session tickets are no reply
        client.connection_pool.disconnect()
        assert client.ping()


def test_another_server_is_sent_nothing(tls: Recorder) -> None:
    wrong = fingerprint(Authority("other").server_pem(["127.0.0.1"]))
    with pytest.raises(CertificateRefusedError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        connect(address(tls, wrong))
    assert str(caught.value).splitlines()[-1].startswith("Another server answered")
    assert PASSWORD not in str(caught.value)
    assert [each.commands for each in tls.conversations if each.commands] == []


def test_asyncio_sends_another_server_nothing(tls: Recorder, pem: bytes, tmp_path: Path) -> None:
    client = connect(address(tls, fingerprint(pem)))
    said = len([each for each in tls.conversations if each.commands])
    (tmp_path / "server.pem").write_bytes(Authority("other").server_pem(["127.0.0.1"]))
    tls.tls = server_context(tmp_path / "server.pem")

    async def ask() -> None:
        await (await async_twin(client)).ping()

    with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(ask())
    assert len([each for each in tls.conversations if each.commands]) == said


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("rediss://127.0.0.1?ssl_certificate_sha256=abc", "64 hexadecimal digits"),
        ("rediss://127.0.0.1?ssl_certificate_sha256=" + "g" * 64, "64 hexadecimal digits"),
        ("redis://127.0.0.1?ssl_certificate_sha256=" + "a" * 64, "rediss://"),
    ],
)
def test_what_is_no_digest_is_refused(address: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        connect(address)
