"""Certificate authorities of instances, as the service and its API have them."""

from cryptography.hazmat.primitives import hashes
from google.cloud import redis_v1

import helpers._tls.certificates


class Authority(helpers._tls.certificates.Authority):
    """The certificate authority of an instance, or of a region. Its certificates are valid as long as the service's.

    https://cloud.google.com/memorystore/docs/redis/about-in-transit-encryption
    """

    def __init__(self) -> None:
        super().__init__("Memorystore emulator CA")

    def described(self) -> redis_v1.TlsCertificate:
        """The certificate as the API of Memorystore for Redis shows it."""
        return redis_v1.TlsCertificate(
            serial_number=str(self.certificate.serial_number),
            cert=self.pem,
            create_time=self.certificate.not_valid_before_utc,
            expire_time=self.certificate.not_valid_after_utc,
            sha1_fingerprint=self.certificate.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 - as the API has it
        )
