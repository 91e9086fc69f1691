"""What a student's machine says of the class before the lesson: that all is ready, or the one thing to do."""

import secrets
from collections.abc import Iterator
from datetime import datetime
from importlib import metadata
from typing import Any, Literal
from urllib.parse import urlsplit

import redis

from helpers._classroom.rules import ABOUT, REPORT, USER_PREFIX, student
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.errors import (
    AuthenticationFailedError,
    CertificateRefusedError,
    ConnectionTimeoutError,
    connection_error,
)

Finding = tuple[Literal["good", "warning", "bad"], str, str]
"""How it is, what was found, and what to do; blank: nothing."""


def unreachable(error: redis.RedisError, url: str) -> Finding:
    """What a student does about a class's server that can't be reached.

    Args:
        error: What `connect` raised, or redis-py.
        url: The student's address.
    """
    place = urlsplit(url)
    where = {"host": place.hostname or "localhost", "port": str(place.port or 6379)}
    told = connection_error(error, "{scheme}://{host}:{port}".format(scheme=place.scheme, **where))
    found, _, advice = str(told).partition("\n")
    if isinstance(told, AuthenticationFailedError):
        advice = say(
            "The password of {user} is wrong or was replaced: ask your teacher for your new line.",
            user=USER_PREFIX + student(url),
        )
    elif isinstance(told, CertificateRefusedError):
        advice = say("This is not the server that your line is for: ask your teacher for your new line.")
    elif isinstance(told, ConnectionTimeoutError):
        advice = say(
            "Nothing answered at {host}, port {port}. Connect to the room's network, not to a guest network or a VPN. "
            "If others can connect, tell your teacher: a firewall may block this port.",
            **where,
        )
    elif "refused" in found:
        advice = say(
            "No server is listening at {host}, port {port}. Tell your teacher; when the class's server runs again, "
            "your line works as before.",
            **where,
        )
    return "bad", found, advice


def look(client: Any, slug: str) -> Iterator[Finding]:
    """What a class's server says to one of its students.

    Args:
        client: A client that is signed in as the student.
        slug: The student's short name.

    Yields:
        What was found; nothing if it is no class's server.
    """
    try:
        about = {field.decode(): value.decode() for field, value in client.hgetall(ABOUT).items()}
    except redis.ResponseError:  # somebody who is called so elsewhere
        return
    if not about.get("started", "").isdecimal():
        yield (
            "bad",
            say("The server has no information about its class."),
            say("Ask your teacher to stop the class's server and start it again."),
        )
        return
    if _is_full(client, slug):
        yield (
            "bad",
            say("The class's memory is full: the server stores nothing more."),
            say("Delete the sessions that you no longer need, and tell your teacher."),
        )
        return
    if (own := kit_version()) != about.get("kit", own):
        yield (
            "warning",
            say(
                "This is version {own} of the kit, and the class uses {theirs}.",
                own=own or "–",
                theirs=about["kit"] or "–",
            ),
            say("If a cell fails, install the class's version."),
        )
    started = datetime.fromtimestamp(int(about["started"]) / 1000).strftime("%H:%M")
    forgets = say("it loses the chats if it is restarted") if about.get("keeps") == "0" else ""
    ready = say(
        "The class is ready for you, {user}; its server has been running since {time}",
        user=USER_PREFIX + slug,
        time=started,
    )
    yield "good", formats.facts(ready, forgets), ""


def _is_full(client: Any, slug: str) -> bool:
    """Whether the server refuses writes, tried with a command that would write nothing."""
    try:
        client.execute_command("HSET", REPORT + slug, secrets.token_hex(4), 1, "no value")
    except redis.OutOfMemoryError:
        return True
    except redis.ResponseError:
        pass
    return False


def kit_version() -> str:
    """The version of the kit here; blank if it is not installed as a package."""
    try:
        return metadata.version("chat-history-tutorials")
    except metadata.PackageNotFoundError:
        return ""
