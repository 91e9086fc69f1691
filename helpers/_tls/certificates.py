"""Certificate authorities, and the server certificates that they sign."""

import datetime
import ipaddress
import ssl
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_DAYS = 3652
_SERVER_DAYS = 180


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """A certificate authority. Its private key never leaves memory.

    Args:
        name: What it calls itself; a number is added, so that a chain can't be built with another one by mistake.
    """

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"{name} {uuid.uuid4()}")
        self.certificate = (
            _unsigned(subject, subject, self._key.public_key(), _AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def server_pem(
        self,
        names: Sequence[str],
        *,
        common_name_only: bool = False,
        encryption: KeySerializationEncryption | None = None,
    ) -> bytes:
        """Sign a new server certificate.

        Args:
            names: The IP addresses and host names of the server.
            common_name_only: Name the first of them as the common name, and nothing as a subject alternative name.
            encryption: How the private key is encrypted; ``None``: not at all.

        Returns:
            The certificate, this authority and the private key, in PEM.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _unsigned(_name(names[0]), self.certificate.subject, key.public_key(), _SERVER_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if not common_name_only:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_alternative, names))), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        # The authority is sent along, as Memorystore does, by the errors that its users report.
        pem = certificate.public_bytes(Encoding.PEM) + self.certificate.public_bytes(Encoding.PEM)
        return pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())

    def server_context(self, address: str, *, common_name_only: bool) -> ssl.SSLContext:
        """Sign a new server certificate and make the TLS settings that show it.

        Args:
            address: The IP address that the certificate names.
            common_name_only: Name it as the common name alone, with no subject alternative name.
        """
        # `ssl` reads keys from files only: one in a folder of the owner's, encrypted, and gone at once.
        password = uuid.uuid4().hex
        pem = self.server_pem(
            [address], common_name_only=common_name_only, encryption=BestAvailableEncryption(password.encode())
        )
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "server.pem")
            file.write_bytes(pem)
            return server_context(file, password)

    @property
    def pem(self) -> str:
        """The certificate as text."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def server_context(file: Path, password: str | None = None) -> ssl.SSLContext:
    """The TLS settings of a server that shows what `Authority.server_pem` made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(file, password=password)
    return context


def fingerprint(pem: bytes) -> str:
    """The SHA-256 of the first certificate in a PEM file, in hexadecimal digits."""
    return x509.load_pem_x509_certificates(pem)[0].fingerprint(hashes.SHA256()).hex()


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # An hour back, for clocks that differ.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
