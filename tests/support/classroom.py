"""A class on a server of its own: users with the rules of students, and what the teacher knows of them."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import nbformat
import redis
from nbformat import NotebookNode

from helpers._classroom.rules import ABOUT, REPORT, STUDENTS, USER_PREFIX, rules
from helpers._connecting.connection import forget
from helpers.embedded import EmbeddedServer


class Class:
    """A class, and a client of its teacher.

    Attributes:
        url: The teacher's address.
        teacher: The client.
        addresses: The students' addresses, by short name.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.teacher: Any = redis.Redis.from_url(url, protocol=2)
        self.addresses: dict[str, str] = {}
        self.opened()

    def opened(self) -> None:
        """Have the server be this class's, from now on."""
        self.teacher.hset(ABOUT, mapping={"language": "en", "instance": secrets.token_hex(4)})

    def add(self, slug: str, name: str = "") -> str:
        """Add a student; returns their address."""
        password = secrets.token_urlsafe(12)
        self.teacher.execute_command("ACL", "SETUSER", USER_PREFIX + slug, "reset", "on", f">{password}", *rules(slug))
        self.teacher.hset(STUDENTS, slug, json.dumps({"name": name or slug, "added": 0}))
        server = urlsplit(self.url).netloc.rpartition("@")[2]
        self.addresses[slug] = f"redis://{USER_PREFIX}{slug}:{password}@{server}"
        return self.addresses[slug]

    def report(self, slug: str) -> dict[str, Any]:
        """What a student has reported."""
        found = {name.decode(): value.decode() for name, value in self.teacher.hgetall(REPORT + slug).items()}
        return {name: json.loads(value) if name.startswith("exercise:") else value for name, value in found.items()}

    def close(self) -> None:
        self.teacher.close()
        for address in self.addresses.values():
            forget(address)


# As if it were interrupted, which tells the teacher nothing.
_UNTIL_REPORTED = """\
import threading
from helpers._classroom import reporting
if reporting._reporter:
    reporting._reporter.take(reported := threading.Event())
    reported.wait(60)
raise KeyboardInterrupt
"""


@contextmanager
def until_reported(notebook: NotebookNode) -> Iterator[None]:
    """Have a notebook's kernel end only after everything is reported, however it is ended."""
    cell = nbformat.v4.new_code_cell(_UNTIL_REPORTED, metadata={"tags": ["raises-exception"]})
    notebook.cells.append(cell)
    try:
        yield
    finally:
        notebook.cells.remove(cell)


@contextmanager
def a_class(server: EmbeddedServer | None = None) -> Iterator[Class]:
    """A class on a server, or on one of its own."""
    own = server or EmbeddedServer().start()
    made = Class(own.url)
    try:
        yield made
    finally:
        made.close()
        if server is None:
            own.stop()
