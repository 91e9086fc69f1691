"""Pinned TLS: which certificates are accepted, on real sockets, sync and asyncio."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from helpers.emulator.servers.certificates import Authority
from helpers.memorystore.access import pinned_tls
from helpers.memorystore.access.pinned_tls import check_address, pinned_context

ADDRESS = "10.20.30.40"  # not of this machine: every connection here goes through a "tunnel"


def pem(*authorities: Authority) -> list[str]:
    return [str(authority.described().cert) for authority in authorities]


@contextmanager
def serving(context: ssl.SSLContext) -> Iterator[int]:
    """A TLS server that greets whoever completes the handshake; its port."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as secured:
                secured.sendall(b"hello")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def greeted(context: ssl.SSLContext, port: int, address: str | None) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=address) as secured,
    ):
        return secured.recv(5)


async def greeted_async(context: ssl.SSLContext, port: int, address: str | None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=address)
    try:
        return await reader.read(5)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def greeted_in_a_loop(context: ssl.SSLContext, port: int, address: str | None) -> bytes:
    return asyncio.run(greeted_async(context, port, address))


@pytest.fixture(params=[greeted, greeted_in_a_loop], ids=["sync", "asyncio"])
def connection(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("common_name_only", [False, True], ids=["alternative name", "common name"])
def test_the_instances_certificate_is_accepted(connection: Any, common_name_only: bool) -> None:
    authority = Authority()
    with serving(authority.server_context(ADDRESS, common_name_only=common_name_only)) as port:
        assert connection(pinned_context(pem(authority), ADDRESS), port, ADDRESS) == b"hello"


@pytest.mark.parametrize("newest", [False, True])
def test_every_one_of_the_authorities_counts(connection: Any, newest: bool) -> None:
    authorities = Authority(), Authority()
    with serving(authorities[newest].server_context(ADDRESS, common_name_only=False)) as port:
        assert connection(pinned_context(pem(*authorities), ADDRESS), port, ADDRESS) == b"hello"


@pytest.mark.parametrize("common_name_only", [False, True], ids=["alternative name", "common name"])
def test_another_address_is_refused(connection: Any, common_name_only: bool) -> None:
    authority = Authority()
    with serving(authority.server_context("10.20.30.41", common_name_only=common_name_only)) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
            connection(pinned_context(pem(authority), ADDRESS), port, ADDRESS)
        # Which the ordinary way of "only checking the CA" does not see.
        careless = ssl.create_default_context(cadata=pem(authority)[0])
        careless.check_hostname = False
        assert connection(careless, port, ADDRESS) == b"hello"


def test_an_authority_of_the_system_is_refused(connection: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, trusted = Authority(), Authority()
    file = tmp_path / "system.pem"
    file.write_text(pem(trusted)[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(trusted.server_context(ADDRESS, common_name_only=False)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            connection(pinned_context(pem(ours), ADDRESS), port, ADDRESS)
        # As redis-py does it: the given authority comes on top of the system's.
        ordinary = ssl.create_default_context()
        ordinary.load_verify_locations(cadata=pem(ours)[0])
        assert connection(ordinary, port, ADDRESS) == b"hello"


def test_an_address_that_is_not_named_at_all_is_refused(connection: Any) -> None:
    authority = Authority()
    with (
        serving(authority.server_context(ADDRESS, common_name_only=False)) as port,
        pytest.raises((ssl.SSLCertVerificationError, ValueError)),
    ):
        connection(pinned_context(pem(authority), ADDRESS), port, "")


def test_an_authority_that_another_one_signed_is_an_end_of_trust(connection: Any) -> None:
    """The certificates of an instance need not reach up to one that signed itself."""
    root = Authority()
    between = Authority()
    between.certificate = (
        x509.CertificateBuilder()
        .subject_name(between.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(between.certificate.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(between.certificate.not_valid_before_utc)
        .not_valid_after(between.certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root._key, hashes.SHA256())
    )
    with serving(between.server_context(ADDRESS, common_name_only=False)) as port:
        assert connection(pinned_context(pem(between), ADDRESS), port, ADDRESS) == b"hello"
        with pytest.raises(ssl.SSLCertVerificationError):
            connection(pinned_context(pem(Authority()), ADDRESS), port, ADDRESS)


class _OldContext(ssl.SSLContext):
    """As a Python makes it that leaves the versions to OpenSSL's configuration, Debian's for example."""

    def __new__(cls, protocol: int) -> "_OldContext":
        made = super().__new__(cls, protocol)
        made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        made.set_ciphers("DEFAULT:@SECLEVEL=0")
        return made


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_no_older_tls_than_1_2(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority()
    old = authority.server_context(ADDRESS, common_name_only=False)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with serving(old) as port:
        careless = _OldContext(ssl.PROTOCOL_TLS_CLIENT)
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        assert connection(careless, port, ADDRESS) == b"hello"
        monkeypatch.setattr(pinned_tls, "ssl", SimpleNamespace(**vars(ssl) | {"SSLContext": _OldContext}))
        with pytest.raises(ssl.SSLError, match=r"UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION"):
            connection(pinned_context(pem(authority), ADDRESS), port, ADDRESS)


def test_a_host_name_is_left_to_openssl() -> None:
    context = pinned_context(pem(Authority()), "redis.example.internal")
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_without_an_authority_there_is_no_context() -> None:
    with pytest.raises(ValueError, match="no server can be verified"):
        pinned_context([], ADDRESS)


def subject(*common_names: str) -> tuple[Any, ...]:
    return tuple(((("commonName", name)),) for name in common_names)


@pytest.mark.parametrize(
    ("certificate", "address"),
    [
        ({"subject": subject(ADDRESS)}, ADDRESS),
        ({"subject": subject("anything"), "subjectAltName": (("IP Address", ADDRESS),)}, ADDRESS),
        ({"subjectAltName": (("DNS", "x"), ("IP Address", "10.0.0.1"), ("IP Address", ADDRESS))}, ADDRESS),
        ({"subjectAltName": (("IP Address", "FD00:0:0:0:0:0:0:1\n"),)}, "fd00::1"),
    ],
)
def test_certificates_that_name_the_address(certificate: Any, address: str) -> None:
    check_address(certificate, address)


@pytest.mark.parametrize(
    "certificate",
    [
        None,
        {},
        {"subject": subject("10.20.30.4")},
        {"subject": subject(ADDRESS + "0")},
        {"subject": subject("*")},
        {"subject": subject(ADDRESS, "10.20.30.41")},
        {"subject": subject("10.20.30.41", ADDRESS)},
        {"subject": ((("organizationName", ADDRESS),),)},
        # Where there are alternative names, the common name counts for nothing.
        {"subject": subject(ADDRESS), "subjectAltName": (("IP Address", "10.20.30.41"),)},
        {"subject": subject(ADDRESS), "subjectAltName": (("DNS", ADDRESS),)},
        {"subjectAltName": (("DNS", ADDRESS),)},
        {"subjectAltName": (("URI", ADDRESS), ("email", ADDRESS))},
    ],
)
def test_certificates_of_others(certificate: Any) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=ADDRESS.replace(".", r"\.")):
        check_address(certificate, ADDRESS)


@pytest.mark.parametrize("address", [None, "", "localhost"])
def test_what_is_no_address_is_never_matched(address: str | None) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        check_address({"subject": subject(address or "")}, address)
