"""TLS to a server that is known by its certificate alone, whatever its address and whoever signed it.

An address that ends in ``?ssl_certificate_sha256=…`` says in one line where a server is and how to tell it from every
other one: no file to hand out, and no clock that must be right.
"""

import functools
import hashlib
import hmac
import re
import ssl
from typing import Any, ClassVar

import redis
import redis.asyncio

from helpers._connecting.clients import read_session_tickets

OPTION = "ssl_certificate_sha256"
"""The option, of `connect` or in an address, that holds the certificate's SHA-256 in hexadecimal digits."""

_DIGEST = re.compile("[0-9a-f]{64}")


def checked(digest: Any) -> str:
    """A certificate's SHA-256 in one form, with colons or without.

    Raises:
        ValueError: It is none.
    """
    plain = str(digest).replace(":", "").lower()
    if not _DIGEST.fullmatch(plain):
        raise ValueError(f"{OPTION} must be the SHA-256 of a certificate: 64 hexadecimal digits.")
    return plain


@functools.lru_cache(maxsize=64)
def pinned_context(digest: str) -> ssl.SSLContext:
    """A client's context that accepts one certificate, and checks it before a byte of the client's is sent."""

    def check(certificate: bytes | None) -> None:
        # Who shows the certificate has proved in the handshake that its private key is theirs.
        if not hmac.compare_digest(hashlib.sha256(certificate or b"").hexdigest(), digest):
            raise ssl.SSLCertVerificationError(
                1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: it is not the one of this address."
            )

    class Socket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            check(self.getpeercert(binary_form=True))

    class Object(ssl.SSLObject):  # asyncio's
        def do_handshake(self) -> None:
            super().do_handshake()
            check(self.getpeercert(binary_form=True))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.sslsocket_class, context.sslobject_class = Socket, Object
    return context


class AsyncPinnedConnection(redis.asyncio.Connection):
    """`PinnedConnection` for redis-py's asyncio client."""

    def __init__(self, *, ssl_certificate_sha256: str, **options: Any) -> None:
        super().__init__(**options)
        self._digest = checked(ssl_certificate_sha256)

    def _connection_arguments(self) -> dict[str, Any]:
        return dict(super()._connection_arguments()) | {"ssl": pinned_context(self._digest)}


class PinnedConnection(redis.Connection):
    """A TLS connection to the server whose certificate has this SHA-256, and to no other."""

    asynchronous: ClassVar[type] = AsyncPinnedConnection

    def __init__(self, *, ssl_certificate_sha256: str, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._digest = checked(ssl_certificate_sha256)

    def _connect(self) -> Any:
        plain = super()._connect()  # type: ignore[no-untyped-call]
        try:
            return pinned_context(self._digest).wrap_socket(plain)
        except BaseException:
            plain.close()
            raise

    def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        """Sign in."""
        super().on_connect_check_health(*args, **options)
        if not (self.credential_provider or self.username or self.password):
            read_session_tickets(self)
