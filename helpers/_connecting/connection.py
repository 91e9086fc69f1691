"""One way in: `connect` turns an endpoint into a client that is known to work."""

import hashlib
import os
import pkgutil
import re
import threading
import warnings
from typing import Any

import redis
from redis.exceptions import RedisClusterException

from helpers._connecting.clients import Client, Connector
from helpers._connecting.failover import without_retries
from helpers._localization.messages import say, words
from helpers.embedded import embedded_server
from helpers.environment import EMULATOR_VARIABLE, done_in_time, environment
from helpers.errors import ConnectionFailedError, HelpersError, connection_error

URL_VARIABLE = "REDIS_URL"
CONNECT_SECONDS = 3.5
"""How long `connect` waits for an endpoint in all, name resolution and TLS included."""

FORMS = (
    (r"memory://", "helpers._connecting.addresses:memory"),
    (r"(redis|rediss|unix)://", "helpers._connecting.addresses:server"),
    (r"(redis|rediss)\+cluster://", "helpers._connecting.addresses:cluster"),
    (r"(redis|rediss)\+sentinel://", "helpers._connecting.addresses:sentinel"),
    (
        r"(//redis\.googleapis\.com/)?projects/[^/\s]+/locations/[^/\s]+/clusters/",
        "helpers.memorystore.access.cluster:connector",
    ),
    # Whatever else begins like a name: the instances' connector says what is wrong with it.
    (r"(//[^/\s]+/)?projects/", "helpers.memorystore.access.services:connector"),
    (r"", "helpers._connecting.addresses:unknown"),
)
"""What an endpoint begins with, and its connector, which is loaded when the first such endpoint is asked for: it
takes the endpoint and the options, and returns a `Connector`. The first row that matches counts."""
_FORMS_IN_PAGE = (FORMS[0], (r"", "helpers._connecting.addresses:out_of_page"))

_NAME = re.compile(r"(?P<service>(//[^/\s]+/)?)(?P<name>projects/.*)", re.IGNORECASE)
"""The name of a resource of Google Cloud, which may say whose it is: one instance has a name with and one without."""

# What a server that answers a PING may answer to other commands, and why.
_MOVED = "MOVED", words("This is a node of a cluster: use redis+cluster://, or rediss+cluster:// with TLS.")
_READONLY = "READONLY", words("This is a read replica: use the primary endpoint, which accepts writes.")
_MISCONF = (
    "MISCONF",
    words("The server can't save to its disk, so it refuses writes: free some space there, or fix its folder."),
)


class _Slot:
    """The place of one client. Who wants another one does not wait for it."""

    def __init__(self, options: Any) -> None:
        self.lock = threading.Lock()
        self.client: Client | None = None
        self.options = options  # so that none of them ends and leaves its id to another one


_slots: dict[Any, _Slot] = {}
_SALT = os.urandom(16)


def connect(endpoint: str | None = None, **options: Any) -> Client:
    """Connect to Redis, or Memorystore, by an address or a name.

    Args:
        endpoint: ``redis://``, ``rediss://``, ``unix://``, ``redis+cluster://``, ``redis+sentinel://`` (or
            ``rediss+…``) and the rest of the address. ``None`` or blank means the
            environment variable ``REDIS_URL`` and, where that is not set, the embedded server, which in a web page is
            the only one that can be reached.
            Also the full name of a Memorystore instance, be it for Redis or for Valkey,
            ``projects/PROJECT/locations/REGION/instances/INSTANCE`` (or ``…/clusters/CLUSTER``): address,
            certificate authorities and what to sign in with are then fetched, and the server is verified. Where both
            services have an instance of that name, ``//redis.googleapis.com/`` or
            ``//memorystore.googleapis.com/`` before it says which one is meant.
        options: Anything that `redis.Redis` (or `redis.RedisCluster`) takes, such as ``password``,
            ``ssl_ca_certs`` or ``decode_responses``; one that is ``None``, and a blank tunnel, count as not
            given. What the endpoint itself says wins. With ``rediss://`` also ``ssl_certificate_sha256``, in the
            address or as an option: the SHA-256 of the server's certificate, in hexadecimal digits, by which alone the
            server is then known, whoever signed it. With an instance's name also ``tunnel="127.0.0.1:6378"``, the
            local end of a tunnel to it: the server at the other end is verified as ever. With the name of one for
            Valkey also ``reader=True``, to read from its replicas, which take no writes; ``network``, the one of its
            networks that this runs in; and ``username`` alone, the token user to sign in as.

    Returns:
        A client that has answered a PING: `redis.RedisCluster` for a cluster, else `redis.Redis`. The same endpoint
        and options give the same client, so histories share its connections.

    Raises:
        ValueError: The endpoint or the tunnel is not of a known form, both services have an instance of that name
            (`AmbiguousNameError`), or a tunnel can't lead to it.
        TypeError: redis-py takes no such option.
        ConnectionFailedError: The server can't be reached, within 4 seconds (`ConnectionTimeoutError` when it doesn't
            answer, `AuthenticationFailedError` when it refuses the password). Also a `redis.ConnectionError`.
        InstanceNotReadyError: The Memorystore instance is being created or deleted.
        MemorystoreError: The Memorystore API refuses, or can't be reached within 10 seconds.
        SignInError: The Memorystore API needs credentials, and there are none.
        EmbeddedServerError: The embedded server can't be started here.
    """
    url = address(endpoint) or embedded_server().url
    given = {name: value for name, value in options.items() if value is not None and (name, value) != ("tunnel", "")}
    service, name = _name(url)
    emulator = os.environ.get(EMULATOR_VARIABLE) if name.lower().startswith("projects/") else None
    key = (os.getpid(), _hidden(name), service, emulator, _hidden(given) if given else None)
    slot = _slots.get(key) or _slots.setdefault(key, _Slot(given))
    with slot.lock:
        if slot.client is None or _is_over(slot.client):
            forms = _FORMS_IN_PAGE if environment().in_page else FORMS
            home = next(home for form, home in forms if re.match(form, url, re.IGNORECASE))
            connector = pkgutil.resolve_name(home)(url, given)
            slot.client, peculiar = _within_time_limit(connector)
            if peculiar and not (connector.reader and peculiar is _READONLY):
                warnings.warn(_said(connector.where, *peculiar), stacklevel=2)
        return slot.client


def address(endpoint: str | None) -> str:
    """The endpoint that is meant; blank for the embedded server, which ends with this process."""
    return (endpoint or "").strip() or os.environ.get(URL_VARIABLE, "").strip()


def forget(endpoint: str) -> None:
    """Drop the clients of an endpoint, so that the next `connect` makes a new one.

    A name without a service is that of either service's instance, and so may its client be.
    """
    service, name = _name(endpoint)
    for key in [key for key in list(_slots) if key[1] == _hidden(name)]:
        if key[2] and service and key[2] != service:
            continue
        if (slot := _slots.pop(key, None)) and slot.client:
            slot.client.close()


def _name(endpoint: str) -> tuple[str, str]:
    """Whose the resource is that an endpoint names, where that is said, and the rest of it."""
    found = _NAME.match(endpoint.strip())
    return (found["service"].lower(), found["name"]) if found else ("", endpoint)


def peculiarity(client: Any) -> tuple[str, str] | None:
    """What a server answers to some commands, though it answers a PING, and why; ``None``: nothing that is known."""
    if isinstance(client, redis.RedisCluster):
        return None
    try:
        found = client.info()
    except redis.RedisError:  # a user without the right to ask, or a service that blocks the question
        return None
    if found.get("cluster_enabled"):
        return _MOVED
    if found.get("role") == "slave":
        return _READONLY
    return _MISCONF if "err" in (found.get("rdb_last_bgsave_status"), found.get("aof_last_write_status")) else None


def _is_over(client: Any) -> bool:
    """Whether a client is of no use any more: it was closed for good, or what it leads to is gone."""
    # redis-py's ordinary client opens again; a cluster's has no node any more, for good.
    manager = getattr(client, "nodes_manager", None)
    if manager is not None and manager.default_node is None:
        return True
    options = client.connection_pool.connection_kwargs if manager is None else manager.connection_kwargs
    return getattr(options.get("credential_provider"), "gone", False) is True


def _within_time_limit(connector: Connector) -> tuple[Client, tuple[str, str] | None]:
    """Make a client and have it answer, in a thread: name resolution knows no time limit of its own."""
    outcome: list[tuple[Client, tuple[str, str] | None] | BaseException] = []

    def attempt() -> None:
        try:
            with without_retries():
                client = connector.make()
                client.ping()
                outcome.append((client, peculiarity(client)))
        except Exception as error:
            outcome.append(error)

    done_in_time(attempt, CONNECT_SECONDS, "helpers-connect")
    result = outcome[0] if outcome else TimeoutError(f"it did not answer within {CONNECT_SECONDS} seconds")
    if isinstance(result, RedisClusterException) and isinstance(result.__cause__, (redis.RedisError, OSError)):
        result = result.__cause__  # what happened at the last node that was tried
    if isinstance(result, HelpersError):
        raise result
    if isinstance(result, (redis.RedisError, RedisClusterException, OSError)):
        raise connection_error(result, connector.where, connector.advice(result)) from result
    if isinstance(result, BaseException):  # a wrong option, say: not the server's doing
        raise result
    if result[1] is _MOVED:
        result[0].close()
        answer, advice = _MOVED
        raise ConnectionFailedError(
            _said(connector.where, answer, connector.advice(redis.ResponseError(answer)) or advice)
        )
    return result


def _said(where: str, answer: str, advice: str) -> str:
    return f"{where} answers, and commands for histories it answers with {answer}.\n{say(advice)}"


def _hidden(value: Any) -> Any:
    """A value as part of a key: a text, which may be a password, by its digest, and others as they are."""
    if isinstance(value, (str, bytes)):
        data = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        return hashlib.blake2b(data, key=_SALT, digest_size=16).digest()
    if isinstance(value, (dict, list, tuple)):
        return tuple(map(_hidden, sorted(value.items()) if isinstance(value, dict) else value))
    try:
        hash(value)
    except TypeError:
        return "itself", id(value)
    return value
