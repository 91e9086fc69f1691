"""Connectors of addresses: one server, or a cluster, by its URL."""

import re
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from helpers._connecting.clients import DEFAULTS, Connector, read_session_tickets
from helpers._localization.messages import say, words

_ENDPOINTS = words(
    "An endpoint is redis://HOST:PORT, rediss://HOST:PORT (TLS), unix:///PATH, redis+cluster://HOST:PORT, "
    "rediss+cluster://HOST:PORT or a Memorystore instance, projects/PROJECT/locations/REGION/instances/INSTANCE; "
    "blank means $REDIS_URL, else the embedded server."
)


def server(url: str, options: dict[str, Any]) -> Connector:
    """The way to one server: ``redis://``, ``rediss://`` or ``unix://``.

    Raises:
        ValueError: The port is none, or there is a tunnel.
    """
    where = _checked(url, options)
    if _is_encrypted(url):
        options = {"redis_connect_func": _on_connect} | options
    # One more try for a connection that broke while idle; a server that stays silent is not asked twice.
    retry = Retry(ConstantBackoff(0.05), 1, supported_errors=(redis.ConnectionError,))
    return Connector(lambda: redis.Redis.from_url(url, **DEFAULTS | {"retry": retry} | options), where)


def cluster(url: str, options: dict[str, Any]) -> Connector:
    """The way to a cluster: ``redis+cluster://`` or ``rediss+cluster://`` and any of its nodes.

    Raises:
        ValueError: The port is none, or there is a tunnel.
    """
    where = _checked(url, options)
    if _is_encrypted(url):
        # A cluster's client signs in by itself.
        options = {"redis_connect_func": _after_sign_in} | options
    plain = url.replace("+cluster", "", 1)
    return Connector(lambda: redis.RedisCluster.from_url(plain, **DEFAULTS | options), where)


def unknown(url: str, options: dict[str, Any]) -> Connector:
    """No way: what the endpoint lacks.

    Raises:
        ValueError: Always.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    said = f"{scheme}:// is no scheme that it can have" if scheme else "it has no scheme"
    raise ValueError(f"{_shown(url)!r} is not an endpoint: {said}.\n{say(_ENDPOINTS)}")


def _checked(url: str, options: dict[str, Any]) -> str:
    """The address as it may be shown, once it is known to be one."""
    where = _shown(url)
    if "tunnel" in options:
        raise ValueError(
            f"{where!r} needs no tunnel=: it goes with the name of a Memorystore instance.\n{say(_ENDPOINTS)}"
        )
    try:
        port = urlsplit(url).port
    except ValueError:
        port = -1
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{where!r} is not an endpoint: its port is not a number from 1 to 65535.\n{say(_ENDPOINTS)}")
    return where


def _is_encrypted(url: str) -> bool:
    return url.lower().startswith("rediss")


def _after_sign_in(connection: Any) -> None:
    if not (connection.credential_provider or connection.username or connection.password):
        read_session_tickets(connection)


def _on_connect(connection: Any) -> None:
    connection.on_connect()
    _after_sign_in(connection)


def _shown(url: str) -> str:
    """The endpoint as it may be shown: no user, no password, no query."""
    scheme, separator, rest = url.partition("://")
    rest = rest if separator else scheme
    rest = re.split(r"[?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{scheme}://{rest}" if separator else rest
