"""One way in: `connect` turns an endpoint into a client that is known to work."""

import os
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from helpers.embedded import embedded_server
from helpers.errors import connection_error

Client = redis.Redis | redis.RedisCluster

URL_VARIABLE = "REDIS_URL"
CONNECT_SECONDS = 3.5
"""How long `connect` waits for an endpoint in all, name resolution and TLS included."""

_SINGLE = ("redis", "rediss", "unix")
_CLUSTER = ("redis+cluster", "rediss+cluster")
_ENDPOINTS = (
    "An endpoint is redis://HOST:PORT, rediss://HOST:PORT (TLS), unix:///PATH, redis+cluster://HOST:PORT or "
    "rediss+cluster://HOST:PORT; blank means $REDIS_URL, else the embedded server."
)
_DEFAULTS: dict[str, Any] = {
    # RESP2 is what every server from Redis 5 on speaks, and nothing here needs RESP3.
    "protocol": 2,
    # No CLIENT SETINFO on every new connection: two requests that managed servers block anyway.
    "driver_info": None,
    "socket_connect_timeout": 3,
    "socket_timeout": 5,
}

_clients: dict[Any, Client] = {}
_lock = threading.Lock()


def connect(endpoint: str | None = None, **options: Any) -> Client:
    """Connect to Redis and return a client that has answered a PING.

    The same endpoint and options give the same client, so histories share its connections.

    Args:
        endpoint: ``redis://``, ``rediss://``, ``unix://``, ``redis+cluster://`` or
            ``rediss+cluster://`` and the rest of the address. ``None`` or blank means the
            environment variable ``REDIS_URL`` and, where that is not set, the embedded server.
        options: Anything that `redis.Redis` (or `redis.RedisCluster`) takes, such as ``password``,
            ``ssl_ca_certs`` or ``decode_responses``; one that is ``None`` counts as not given. What
            the endpoint itself says wins.

    Raises:
        ValueError: The endpoint is not of a known form.
        ConnectionFailedError: The server can't be reached (`ConnectionTimeoutError` when it doesn't
            answer, `AuthenticationFailedError` when it refuses the password), within 4 seconds.
            Also a `redis.ConnectionError`.
        EmbeddedServerError: The embedded server can't be started here.
    """
    url = (endpoint or "").strip() or os.environ.get(URL_VARIABLE, "").strip() or embedded_server().url
    given = {name: value for name, value in options.items() if value is not None}
    known = tuple(sorted((name, _hashable(value)) for name, value in given.items())) if given else ()
    key = (os.getpid(), url, known)
    client = _clients.get(key)
    if client is None:
        where = _shown(url)
        make = _factory(url, where, given)
        with _lock:
            client = _clients.get(key)
            if client is None:
                client = _clients[key] = _within_time_limit(make, where)
    return client


def _factory(url: str, where: str, options: dict[str, Any]) -> Callable[[], Client]:
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in _SINGLE + _CLUSTER:
        said = f"{scheme}:// is no scheme that it can have" if scheme else "it has no scheme"
        raise ValueError(f"{where!r} is not an endpoint: {said}.\n{_ENDPOINTS}")
    try:
        port = urlsplit(url).port
    except ValueError:
        port = -1
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{where!r} is not an endpoint: its port is not a number from 1 to 65535.\n{_ENDPOINTS}")
    if scheme in _CLUSTER:
        return lambda: redis.RedisCluster.from_url(url.replace("+cluster", "", 1), **_DEFAULTS | options)
    # One more try for a connection that broke while idle; a server that stays silent is not asked twice.
    retry = Retry(ConstantBackoff(0.05), 1, supported_errors=(redis.ConnectionError,))
    return lambda: redis.Redis.from_url(url, **_DEFAULTS | {"retry": retry} | options)


def _within_time_limit(make: Callable[[], Client], where: str) -> Client:
    """Make a client and have it answer, in a thread: name resolution knows no time limit of its own."""
    outcome: list[Client | BaseException] = []

    def attempt() -> None:
        try:
            client = make()
            client.ping()
            outcome.append(client)
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=attempt, name="helpers-connect", daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    result = outcome[0] if outcome else TimeoutError(f"it did not answer within {CONNECT_SECONDS} seconds")
    if isinstance(result, (redis.RedisError, RedisClusterException, OSError)):
        raise connection_error(result, where) from result
    if isinstance(result, BaseException):  # a wrong option, say: not the server's doing
        raise result
    return result


def _shown(url: str) -> str:
    """The endpoint as it may be shown: no user, no password, no query."""
    scheme, separator, rest = url.partition("://")
    rest = rest if separator else scheme
    rest = re.split(r"[?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{scheme}://{rest}" if separator else rest


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
