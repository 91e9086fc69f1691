"""One way in: `connect` turns an endpoint into a client that is known to work."""

import os
import pkgutil
import re
import threading
from collections.abc import Callable
from typing import Any

import redis
from redis.exceptions import RedisClusterException

from helpers._connecting.clients import Client, Connector
from helpers._connecting.failover import without_retries
from helpers.embedded import embedded_server
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import HelpersError, connection_error

URL_VARIABLE = "REDIS_URL"
CONNECT_SECONDS = 3.5
"""How long `connect` waits for an endpoint in all, name resolution and TLS included."""

FORMS = (
    (r"(redis|rediss|unix)://", "helpers._connecting.addresses:server"),
    (r"(redis|rediss)\+cluster://", "helpers._connecting.addresses:cluster"),
    (r"projects/[^/\s]+/locations/[^/\s]+/clusters/", "helpers.memorystore.access.cluster:connector"),
    # Whatever else begins like a name: the instance's connector says what is wrong with it.
    (r"projects/", "helpers.memorystore.access.instance:connector"),
    (r"", "helpers._connecting.addresses:unknown"),
)
"""What an endpoint begins with, and its connector, which is loaded when the first such endpoint is asked for: it
takes the endpoint and the options, and returns a `Connector`. The first row that matches counts."""

_clients: dict[Any, Client] = {}
_lock = threading.Lock()


def connect(endpoint: str | None = None, **options: Any) -> Client:
    """Connect to Redis, or Memorystore, by an address or a name.

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

    Returns:
        A client that has answered a PING: `redis.RedisCluster` for a cluster, else `redis.Redis`. The same endpoint
        and options give the same client, so histories share its connections.

    Raises:
        ValueError: The endpoint or the tunnel is not of a known form.
        TypeError: redis-py takes no such option.
        ConnectionFailedError: The server can't be reached, within 4 seconds (`ConnectionTimeoutError` when it doesn't
            answer, `AuthenticationFailedError` when it refuses the password). Also a `redis.ConnectionError`.
        InstanceNotReadyError: The Memorystore instance is being created or deleted.
        MemorystoreError: The Memorystore API refuses, or can't be reached within 10 seconds.
        SignInError: The Memorystore API needs credentials, and there are none.
        EmbeddedServerError: The embedded server can't be started here.
    """
    url = (endpoint or "").strip() or os.environ.get(URL_VARIABLE, "").strip() or embedded_server().url
    given = {name: value for name, value in options.items() if value is not None and (name, value) != ("tunnel", "")}
    known = tuple(sorted((name, _hashable(value)) for name, value in given.items())) if given else ()
    key = (os.getpid(), url, os.environ.get(EMULATOR_VARIABLE) if url.startswith("projects/") else None, known)
    client = _clients.get(key)
    if client is None:
        with _lock:
            client = _clients.get(key)
            if client is None:
                client = _clients[key] = _within_time_limit(*_connector(url, given))
    return client


def forget(endpoint: str) -> None:
    """Drop the clients of an endpoint, so that the next `connect` makes a new one."""
    with _lock:
        for key in [key for key in _clients if key[1] == endpoint]:
            _clients.pop(key).close()


def _connector(endpoint: str, options: dict[str, Any]) -> Connector:
    """The way to an endpoint, by its form."""
    home = next(home for form, home in FORMS if re.match(form, endpoint, re.IGNORECASE))
    found: Connector = pkgutil.resolve_name(home)(endpoint, options)
    return found


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


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
