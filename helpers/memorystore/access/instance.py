"""One Memorystore instance: its address, password and authorities, fetched and renewed.

An instance is asked about when its first connection is made, and again when that knowledge turns out to be
out of date: a certificate that a newer authority signed, an AUTH string that was rotated, an address that no
longer answers. Each fault is answered by one new look, and then reported.
"""

from typing import Any, NamedTuple

import redis
from google.cloud import redis_v1

from helpers._connecting.clients import DEFAULTS, Connector
from helpers._credentials.secrets import Secret
from helpers._localization.messages import say, words
from helpers.errors import HelpersError, InstanceNotReadyError, connection_error
from helpers.memorystore.access.connections import Access, MemorystoreConnection, authorities, tunnel_end
from helpers.memorystore.api.clients import CALL_SECONDS, cloud_redis_client, enum_name, is_encrypted
from helpers.memorystore.api.errors import advised
from helpers.memorystore.api.finding import Found, describe

_ROTATED = words(
    "The AUTH string was rotated: it was fetched again, and refused again. If it was changed a moment ago, "
    "wait a minute and call again."
)
_BEFORE_RESP3 = ("REDIS_3", "REDIS_4", "REDIS_5")


class Lookup(NamedTuple):
    """What the API said of an instance; no certificates where it has no TLS, no AUTH string where AUTH is off."""

    host: str
    port: int
    auth_string: Secret
    certificates: tuple[str, ...]
    redis_version: str


class InstanceAccess(Access):
    """How to reach one instance, be it through a tunnel, whose local end is ``HOST:PORT``.

    Raises:
        ValueError: The tunnel's end is not of that form.
        InstanceNotReadyError, ConnectionFailedError, MemorystoreError: As `connect` does.
    """

    found: Lookup

    def __init__(self, instance: Found, tunnel: str | None = None) -> None:
        super().__init__(instance.resource)
        self.tunnel = tunnel_end(tunnel) if tunnel else None
        self.found = self._read(instance.described)

    @property
    def where(self) -> str:
        """The instance as errors name it."""
        return f"{self.resource} {self.place_of_one}"

    def way(self, used: Lookup, host: str, port: int) -> tuple[str, int, str]:
        """To the instance or the tunnel's end."""
        return self.way_to_one(used)

    def get_credentials(self) -> Any:
        """What AUTH is sent with: the AUTH string, or nothing where AUTH is off."""
        return (self.found.auth_string,) if self.found.auth_string else ()

    async def get_credentials_async(self) -> Any:
        """Like `get_credentials`, which never waits."""
        return self.get_credentials()

    def advise(self, error: redis.RedisError, server: str) -> None:
        """Raise the error that says what to do."""
        if isinstance(error, (redis.ConnectionError, redis.TimeoutError)) and not isinstance(error, HelpersError):
            advice = say(_ROTATED) if isinstance(error, redis.AuthenticationError) else None
            raise connection_error(error, self.where, advice) from error

    def look_up(self) -> Lookup:
        """Ask the API, for the AUTH string too."""
        return self._read(describe(self.resource))

    def _read(self, found: redis_v1.Instance) -> Lookup:
        """What counts of an instance's description, with the AUTH string, which is not in it."""
        resource = self.resource
        state = enum_name(found, "state")
        if state in ("CREATING", "DELETING") or not found.host:
            raise InstanceNotReadyError(str(resource), state)
        auth_string = self._fetch_auth_string() if found.auth_enabled else Secret()
        certificates = (
            authorities(str(resource), (one.cert for one in found.server_ca_certs)) if is_encrypted(found) else ()
        )
        return Lookup(found.host, found.port or 6379, auth_string, certificates, found.redis_version)

    def _fetch_auth_string(self) -> Secret:
        with advised(f"fetch the AUTH string of {self.resource}"):
            answer = cloud_redis_client(self.resource.project).get_instance_auth_string(
                name=str(self.resource), timeout=CALL_SECONDS
            )
        return Secret(answer.auth_string)


def connector(instance: Found, options: dict[str, Any]) -> Connector:
    """The way to an instance; `options` are as for `redis.Redis`, and ``tunnel``."""
    pool_options = connection_pool_options(instance, options)
    where = pool_options["credential_provider"].where
    return Connector(lambda: redis.Redis(connection_pool=redis.ConnectionPool(**pool_options)), where)


def connection_pool_options(instance: Found, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a redis-py connection pool whose connections reach the instance; `options` as for `connector`.

    Raises:
        ValueError: The instance's version does not speak the protocol; and what `InstanceAccess` raises.
    """
    options = dict(options)
    access, resource = InstanceAccess(instance, options.pop("tunnel", None)), instance.resource
    if options.get("protocol", 2) not in (2, "2") and access.found.redis_version.startswith(_BEFORE_RESP3):
        raise ValueError(
            f"{resource} is {access.found.redis_version}, which speaks RESP2 only.\n" + say("Leave protocol= out.")
        )
    # RESP2, the default here, is what every version speaks.
    return DEFAULTS | dict(connection_class=MemorystoreConnection, credential_provider=access, **options)
