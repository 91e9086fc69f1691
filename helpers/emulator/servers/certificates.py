"""Certificate authorities of instances, and the server certificates that they sign."""

import datetime
import ipaddress
import ssl
import tempfile
import uuid
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from google.cloud import redis_v1

# As the service has it: https://cloud.google.com/memorystore/docs/redis/about-in-transit-encryption
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
    """The certificate authority of an instance, or of a region. Its private key never leaves memory."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        # A name of its own, so that a chain can't be built with the instance's next authority by mistake.
        name = _name(f"Memorystore emulator CA {uuid.uuid4()}")
        self.certificate = (
            _unsigned(name, name, self._key.public_key(), _AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def server_context(self, address: str, *, common_name_only: bool) -> ssl.SSLContext:
        """Sign a new server certificate and make the TLS settings that show it.

        Args:
            address: The IP address that the certificate names.
            common_name_only: Name it as the common name alone, with no subject alternative name.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _unsigned(_name(address), self.certificate.subject, key.public_key(), _SERVER_DAYS)
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
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # `ssl` reads keys from files only: one in a folder of the owner's, encrypted, and gone at once.
        password = uuid.uuid4().hex
        encryption = BestAvailableEncryption(password.encode())
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "server.pem")
            # The authority is sent along, as the service does, by the errors that its users report.
            pem = certificate.public_bytes(Encoding.PEM) + self.certificate.public_bytes(Encoding.PEM)
            file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
            context.load_cert_chain(file, password=password)
        return context

    @property
    def pem(self) -> str:
        """The certificate as text."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def described(self) -> redis_v1.TlsCertificate:
        """The certificate as the API of Memorystore for Redis shows it."""
        return redis_v1.TlsCertificate(
            serial_number=str(self.certificate.serial_number),
            cert=self.pem,
            create_time=self.certificate.not_valid_before_utc,
            expire_time=self.certificate.not_valid_after_utc,
            sha1_fingerprint=self.certificate.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 - as the API has it
        )


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
