"""Connectors of addresses: one server, a cluster, or what a Sentinel names, by its URL."""

import re
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import SentinelManagedConnection

from helpers._connecting import pinned
from helpers._connecting.clients import DEFAULTS, Connector, TlsConnection, TlsSentinelConnection
from helpers._connecting.failover import FailoverRetry
from helpers._localization.messages import say, words
from helpers.errors import ConnectionFailedError

_ENDPOINTS = words(
    "An endpoint is redis://HOST:PORT, rediss://HOST:PORT (TLS), unix:///PATH, redis+cluster://HOST:PORT, "
    "rediss+cluster://HOST:PORT, redis+sentinel://HOST:PORT/SERVICE, rediss+sentinel://HOST:PORT/SERVICE or a "
    "Memorystore instance, projects/PROJECT/locations/REGION/instances/INSTANCE; blank means $REDIS_URL, else the "
    "embedded server."
)
_ENCODE = words(
    "In a user name or password, the characters # / ? [ ] @ must be percent-encoded (@ as %40, "
    "for example); urllib.parse.quote(PASSWORD, safe='') does that. Or leave the password out "
    "and pass password=…."
)
_PINNED = words("Begin the address with rediss:// (TLS), or leave the certificate out.")

_IN_PAGE = words(
    "Leave the endpoint blank and unset REDIS_URL: then the server inside this page keeps the chats until you close "
    "the page. To use your own server, run the notebook on your machine or in Colab."
)

# The parts of a URL. No sign that ends one of them stands unencoded in another, or a password is taken for a host.
_PARTS = re.compile(
    r"(?P<scheme>(?:[\w+.-]+://)?)(?:(?P<user>[^\s/?#\[\]@]*)@)?(?P<hosts>[^\s/?#@]*)(?P<path>(?:/[^?#@]*)?)"
    r"(?P<query>(?:\?[^#@]*)?)"
)
_HOST = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]*)(?::([0-9]*))?")

_SENTINEL_PORT = "26379"
# What Sentinels are reached with like the servers that they name.
_SHARED = ("ssl_", "socket_", "username", "password", "client_name", "protocol", "driver_info")


def server(url: str, options: dict[str, Any]) -> Connector:
    """The way to one server: ``redis://``, ``rediss://`` or ``unix://``."""
    where, parts, _ = _checked(url, options)
    # One more try for a connection that broke while idle; a server that stays silent is not asked twice.
    retry = Retry(ConstantBackoff(0.05), 1, supported_errors=(redis.ConnectionError,))
    tls = _tls(url, TlsConnection)
    digest = parse_qs(parts["query"][1:]).get(pinned.OPTION, [options.get(pinned.OPTION)])[0]
    if digest is not None:
        if not tls:
            raise ValueError(f"{where!r} has no certificate that {pinned.OPTION} could be of.\n{say(_PINNED)}")
        pinned.checked(digest)
        tls = {"connection_class": pinned.PinnedConnection}
    settings = DEFAULTS | {"retry": retry} | tls | options
    return Connector(lambda: redis.Redis.from_url(_plain(url), **settings), where)


def memory(url: str, options: dict[str, Any]) -> Connector:
    """The way to a server in this process, by the address that the embedded server has there."""
    where, parts, _ = _checked(url, options)
    settings = DEFAULTS | options | parse_url(f"redis://{parts['user'] or ''}@{parts['path']}{parts['query']}")

    def make() -> redis.Redis:
        from helpers.embedded import memory

        return redis.Redis.from_pool(memory.pool(f"{parts['scheme']}{parts['hosts']}", **settings))

    return Connector(make, where)


def out_of_page(url: str, options: dict[str, Any]) -> NoReturn:
    """No way: a web page can open no connection that Redis would understand."""
    raise ConnectionFailedError(f"{_shown(url)} can't be reached: a web page can't connect to Redis.\n{say(_IN_PAGE)}")


def cluster(url: str, options: dict[str, Any]) -> Connector:
    """The way to a cluster: ``redis+cluster://`` or ``rediss+cluster://`` and any of its nodes."""
    where, _, _ = _checked(url, options)
    settings = DEFAULTS | _tls(url, TlsConnection) | options
    return Connector(lambda: redis.RedisCluster.from_url(_plain(url), **settings), where)


def sentinel(url: str, options: dict[str, Any]) -> Connector:
    """The way to the primary of a service: ``redis+sentinel://HOST:PORT[,HOST:PORT]/SERVICE[/DB]``, or ``rediss+…``.

    As in langchain_community's class, user name and password are for the Sentinels and for the servers, and the
    service is ``mymaster`` where none is named. ``sentinel_kwargs`` holds what is different for the Sentinels. One
    that wants no password is asked without.
    """
    where, parts, places = _checked(url, options)
    service, _, db = parts["path"].strip("/").partition("/")
    own = options.pop("sentinel_kwargs", {})
    settings = DEFAULTS | {"retry": FailoverRetry(), "connection_class": SentinelManagedConnection} | options
    settings |= _tls(url, TlsSentinelConnection) | parse_url(f"redis://{parts['user'] or ''}@/{db}{parts['query']}")
    shared = {name: value for name, value in settings.items() if name.startswith(_SHARED)}
    shared |= _tls(url, TlsConnection) | own

    def reached(place: tuple[str, str], settings: dict[str, Any]) -> redis.Redis:
        host, port = place[0].strip("[]") or "localhost", place[1] or _SENTINEL_PORT
        client = redis.Redis.from_pool(redis.ConnectionPool(host=host, port=port, **settings))
        try:
            client.ping()
        except redis.AuthenticationError as error:
            if not re.search("without any password configured|no password is set", str(error)):
                raise
            return reached(place, settings | {"username": None, "password": None})
        except (redis.ConnectionError, redis.TimeoutError):
            if len(places) == 1:  # otherwise another one may answer
                raise
        return client

    def make() -> redis.Redis:
        manager = redis.Sentinel([])
        manager.sentinels = [reached(place, shared) for place in places]
        client: redis.Redis = manager.master_for(unquote(service) or "mymaster", **settings)
        return client

    return Connector(make, where)


def unknown(url: str, options: dict[str, Any]) -> Connector:
    """No way: what the endpoint lacks."""
    said = f"{_scheme(url).lower()} is no scheme that it can have" if _scheme(url) else "it has no scheme"
    raise ValueError(f"{_shown(url)!r} is not an endpoint: {said}.\n{say(_ENDPOINTS)}")


def _checked(url: str, options: dict[str, Any]) -> tuple[str, re.Match[str], list[tuple[str, str]]]:
    """The address as it may be shown, its parts, and host and port of each server that it names."""
    where, parts = _shown(url), _parts(url)
    scheme = _scheme(url).lower()
    sentinel = scheme.endswith("+sentinel://")
    path = ".*" if scheme == "unix://" else "(/[^/]*)?" * sentinel + "(/[0-9]*)?"
    found = [_HOST.fullmatch(name) for name in parts["hosts"].split("," if sentinel else None)] if parts else []
    places = [(one[1], one[2] or "") for one in found if one and (not one[2] or 0 < int(one[2]) < 65536)]
    if parts is None:
        wrong, advice = "a sign in it is not percent-encoded", _ENCODE
    elif len(places) < len(found):
        wrong, advice = "its port is not a number from 1 to 65535", _ENDPOINTS
    elif not re.fullmatch(path, parts["path"]):
        wrong, advice = "its database is not a number", _ENDPOINTS
    elif "tunnel" in options:
        wrong, advice = "tunnel= goes with the name of a Memorystore instance", _ENDPOINTS
    else:
        return where, parts, places
    raise ValueError(f"{where!r} is not an endpoint: {wrong}.\n{say(advice)}")


def _scheme(url: str) -> str:
    found = re.match(r"[\w+.-]+://", url)
    return found[0] if found else ""


def _parts(url: str) -> re.Match[str] | None:
    """The parts of an address; ``None`` where there are two ways to read it."""
    try:
        urlsplit(url)  # refuses letters that Unicode makes one of the signs of
    except ValueError:
        return None
    return _PARTS.fullmatch(url)


def _shown(url: str) -> str:
    """The endpoint as it may be shown: no user, no password, no query; if it is not clear, no more than the scheme."""
    if (parts := _parts(url)) is None:
        return f"{_scheme(url)}…"
    # What is no port may be a password whose host is missing.
    hosts = re.sub(r":(?![0-9]{1,5}(,|$))[^,\]]*(?=,|$)", ":…", parts["hosts"])
    return parts["scheme"] + hosts + (parts["path"] if hosts == parts["hosts"] else "")


def _plain(url: str) -> str:
    """The address as redis-py reads it, without the TLS that would put its own class in the place of ours."""
    return re.sub(r"^rediss?(\+\w+)?:", "redis:", url, flags=re.IGNORECASE)


def _tls(url: str, kind: type) -> dict[str, Any]:
    return {"connection_class": kind} if url.lower().startswith("rediss") else {}
