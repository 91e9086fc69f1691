"""TLS that trusts the certificate authorities of one instance, and nothing else.

redis-py's own TLS builds on `ssl.create_default_context`, which goes on trusting every authority of the
system beside the given ones, and takes a name only from the certificate's subjectAltName. An instance's
certificate may carry its address as common name alone.
"""

import ipaddress
import ssl
from collections.abc import Iterable
from typing import Any


def pinned_context(certificates: Iterable[str], address: str) -> ssl.SSLContext:
    """A client's context for the server at `address`, whose certificate one of `certificates` must have signed.

    The name that a connection is verified against is the `server_hostname` that it is opened with, whatever
    host the socket goes to: the end of a tunnel, say.

    Args:
        certificates: All of the instance's authorities, in PEM.
        address: The instance's IP address, or its host name.

    Raises:
        ValueError: There is no certificate, so nothing could be verified.
    """
    pem = "\n".join(certificates)
    if not pem.strip():
        raise ValueError("Without a certificate authority no server can be verified.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Each of the authorities is an end of trust, whether or not it signed itself.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=pem)
    if _as_ip(address):
        # OpenSSL never looks for an address in the common name: these look themselves, before a byte is sent.
        context.check_hostname = False
        context.sslsocket_class = _AddressCheckingSocket
        context.sslobject_class = _AddressCheckingObject
    return context


class _AddressCheckingSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        check_address(self.getpeercert(), self.server_hostname)


class _AddressCheckingObject(ssl.SSLObject):  # asyncio's
    def do_handshake(self) -> None:
        super().do_handshake()
        check_address(self.getpeercert(), self.server_hostname)


def check_address(certificate: Any, address: str | None) -> None:
    """Check that a verified certificate is the one of an IP address.

    A certificate with a subjectAltName names its addresses there. One without counts for the single address
    that its only common name is, written the same way.

    Args:
        certificate: What `ssl.SSLSocket.getpeercert` returned.
        address: The address that was meant to be reached.

    Raises:
        ssl.SSLCertVerificationError: The certificate is another server's, in OpenSSL's words.
    """
    wanted = _as_ip(address or "")
    alternatives = (certificate or {}).get("subjectAltName", ())
    if alternatives:
        named = [value for kind, value in alternatives if kind == "IP Address"]
        matches = any(_as_ip(value.strip()) == wanted for value in named)
    else:
        subject = (certificate or {}).get("subject", ())
        common_names = [value for entry in subject for kind, value in entry if kind == "commonName"]
        matches = common_names == [address]
    if wanted is None or not matches:
        raise ssl.SSLCertVerificationError(
            1,
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch, "
            f"certificate is not valid for {address!r}.",
        )


def _as_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
