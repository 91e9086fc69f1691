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
from helpers.errors import HelpersError, connection_error
from helpers.failover import without_retries
from helpers.resource_names import EMULATOR_VARIABLE, ResourceName, looks_like_resource_name
from helpers.voice import say, words

Client = redis.Redis | redis.RedisCluster

URL_VARIABLE = "REDIS_URL"
CONNECT_SECONDS = 3.5
"""How long `connect` waits for an endpoint in all, name resolution and TLS included."""

_SINGLE = ("redis", "rediss", "unix")
_CLUSTER = ("redis+cluster", "rediss+cluster")
_ENDPOINTS = words(
    "An endpoint is redis://HOST:PORT, rediss://HOST:PORT (TLS), unix:///PATH, redis+cluster://HOST:PORT, "
    "rediss+cluster://HOST:PORT or a Memorystore instance, projects/PROJECT/locations/REGION/instances/INSTANCE; "
    "blank means $REDIS_URL, else the embedded server."
)
DEFAULTS: dict[str, Any] = {
    # RESP2 is what every server speaks, Memorystore's from 3.2 to 7.2 too, and nothing here needs RESP3.
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
            Also the full name of a Memorystore instance,
            ``projects/PROJECT/locations/REGION/instances/INSTANCE`` (or ``…/clusters/CLUSTER``): address,
            AUTH string and certificate authorities are then fetched, and the server is verified by them.
        options: Anything that `redis.Redis` (or `redis.RedisCluster`) takes, such as ``password``,
            ``ssl_ca_certs`` or ``decode_responses``; one that is ``None``, and a blank tunnel, count as not
            given. What the endpoint itself says wins. With an instance's name also ``tunnel="127.0.0.1:6378"``, the
            local end of a tunnel to it: the server at the other end is verified as ever.

    Raises:
        ValueError: The endpoint is not of a known form.
        ConnectionFailedError: The server can't be reached (`ConnectionTimeoutError` when it doesn't
            answer, `AuthenticationFailedError` when it refuses the password), within 4 seconds.
            Also a `redis.ConnectionError`.
        InstanceNotReadyError: The Memorystore instance is being created or deleted.
        MemorystoreError: The Memorystore API refuses, or can't be reached within 10 seconds. Also a
            `google.api_core.exceptions.GoogleAPICallError`.
        SignInError: The Memorystore API needs credentials, and there are none.
        EmbeddedServerError: The embedded server can't be started here.
    """
    url = (endpoint or "").strip() or os.environ.get(URL_VARIABLE, "").strip() or embedded_server().url
    given = {name: value for name, value in options.items() if value is not None and (name, value) != ("tunnel", "")}
    known = tuple(sorted((name, _hashable(value)) for name, value in given.items())) if given else ()
    named = looks_like_resource_name(url)
    key = (os.getpid(), url, os.environ.get(EMULATOR_VARIABLE) if named else None, known)
    client = _clients.get(key)
    if client is None:
        with _lock:
            client = _clients.get(key)
            if client is None:
                make, where = _by_name(url, given) if named else _by_url(url, given)
                client = _clients[key] = _within_time_limit(make, where)
    return client


def forget(endpoint: str) -> None:
    """Drop the clients of an endpoint, so that the next `connect` makes a new one."""
    with _lock:
        for key in [key for key in _clients if key[1] == endpoint]:
            _clients.pop(key).close()


def _by_name(name: str, options: dict[str, Any]) -> tuple[Callable[[], Client], str]:
    """How to make the client of a Memorystore instance or cluster, and what it is called in errors."""
    resource = ResourceName.parse(name)
    tunnel = options.pop("tunnel", None)
    if resource.collection == "clusters":
        from helpers.cluster_access import cluster_factory

        return cluster_factory(resource, tunnel, options), str(resource)
    from helpers.instance_access import connection_pool_options

    pool_options = connection_pool_options(resource, tunnel, options)
    where = pool_options["access"].where
    return lambda: redis.Redis(connection_pool=redis.ConnectionPool(**pool_options)), where


def _by_url(url: str, options: dict[str, Any]) -> tuple[Callable[[], Client], str]:
    """How to make the client of an address, and what it is called in errors."""
    where = _shown(url)
    if "tunnel" in options:
        raise ValueError(
            f"{where!r} needs no tunnel=: it goes with the name of a Memorystore instance.\n{say(_ENDPOINTS)}"
        )
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in _SINGLE + _CLUSTER:
        said = f"{scheme}:// is no scheme that it can have" if scheme else "it has no scheme"
        raise ValueError(f"{where!r} is not an endpoint: {said}.\n{say(_ENDPOINTS)}")
    try:
        port = urlsplit(url).port
    except ValueError:
        port = -1
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{where!r} is not an endpoint: its port is not a number from 1 to 65535.\n{say(_ENDPOINTS)}")
    if scheme.startswith("rediss"):
        # A cluster's client signs in by itself.
        reading = _after_sign_in if scheme in _CLUSTER else _on_connect
        options = {"redis_connect_func": reading} | options
    if scheme in _CLUSTER:
        return lambda: redis.RedisCluster.from_url(url.replace("+cluster", "", 1), **DEFAULTS | options), where
    # One more try for a connection that broke while idle; a server that stays silent is not asked twice.
    retry = Retry(ConstantBackoff(0.05), 1, supported_errors=(redis.ConnectionError,))
    return lambda: redis.Redis.from_url(url, **DEFAULTS | {"retry": retry} | options), where


def read_session_tickets(connection: Any) -> None:
    """Ask something over a new TLS connection that nothing was read from yet.

    A server sends TLS 1.3 session tickets after the handshake. redis-py finds them on a connection that it
    wants to use, takes them for a reply that nobody read, and after a second such find gives up
    ("Connection not ready"). What is read at sign-in, or here, takes them along.
    """
    connection.send_command("PING", check_health=False)
    connection.read_response()


def _after_sign_in(connection: Any) -> None:
    if not (connection.credential_provider or connection.username or connection.password):
        read_session_tickets(connection)


def _on_connect(connection: Any) -> None:
    connection.on_connect()
    _after_sign_in(connection)


def _within_time_limit(make: Callable[[], Client], where: str) -> Client:
    """Make a client and have it answer, in a thread: name resolution knows no time limit of its own."""
    outcome: list[Client | BaseException] = []

    def attempt() -> None:
        try:
            with without_retries():
                client = make()
                client.ping()
            outcome.append(client)
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=attempt, name="helpers-connect", daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    result = outcome[0] if outcome else TimeoutError(f"it did not answer within {CONNECT_SECONDS} seconds")
    if isinstance(result, HelpersError):
        raise result
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
