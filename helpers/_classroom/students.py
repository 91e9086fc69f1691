"""The students of a class: their users on its server, and all that is stored in their names."""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis

from helpers._classroom import names
from helpers._classroom.folder import STUDENTS as FILE
from helpers._classroom.folder import ClassFolder
from helpers._classroom.rules import REPORT, STUDENTS, USER_PREFIX, rules
from helpers._classroom.server import ClassServer, password_hash, signed_in, written_though_full
from helpers._localization import formats
from helpers._localization.messages import say
from helpers.errors import ClassroomError

MOST_AT_ONCE = 500
"""How many students one command adds at most."""

# Without letters and digits that look alike on paper.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 4
_OWN_KEY = re.compile(rf"(?:(?:message_store|thread):)?\{{?(?:message_store|thread):({names.SLUG.pattern})-")
_SCANNED = 1000
_DELETED = 500


@dataclass(frozen=True)
class Student:
    """One student of a class.

    Attributes:
        slug: The short name, which begins the student's session IDs.
        name: The name as the teacher wrote it.
        added: When the student was added, in milliseconds since 1970.
        salt: What the password is made from, beside the class's secret.
    """

    slug: str
    name: str
    added: int
    salt: str

    @property
    def user(self) -> str:
        """The student's Redis user."""
        return USER_PREFIX + self.slug

    def password(self, server: ClassServer) -> str:
        """The student's password, which is stored nowhere."""
        digest = hmac.digest(server.secret.encode(), f"{self.slug} {self.salt}".encode(), hashlib.sha256)
        number, letters = int.from_bytes(digest), ""
        for _ in range(_GROUPS * _GROUP):
            number, place = divmod(number, len(_LETTERS))
            letters += _LETTERS[place]
        return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))

    def address(self, server: ClassServer) -> str:
        """The one line by which the student connects."""
        return server.address(self.user, self.password(server))


def load(folder: ClassFolder) -> dict[str, Student]:
    """The students by short name, in the order in which they were added."""
    return {slug: Student(**values) for slug, values in folder.read(FILE).items()}


def add(folder: ClassFolder, wanted: Sequence[str]) -> list[Student]:
    """Add students: a user each, who may use their own keys only.

    Args:
        folder: The class's folder, with the command's lock.
        wanted: Their names, or one number of them.

    Returns:
        The new students.

    Raises:
        ClassroomError: A name can't be one, or the server does not run. Nobody was added.
    """
    client, server = signed_in(folder)
    known = load(folder)
    new: list[Student] = []
    for name in _wanted(wanted, known):
        slug = names.slug(name, known)
        student = Student(slug, name, int(time.time() * 1000), secrets.token_hex(8))
        known[slug] = student
        new.append(student)
    _change(folder, known, lambda: _introduce(client, server, new))
    return new


def reset(folder: ClassFolder, wanted: Sequence[str]) -> list[Student]:
    """Give students new passwords, and end their connections. Their chats stay.

    Returns:
        The students, with what their new addresses are made from.

    Raises:
        ClassroomError: There is no such student, or the server does not run. Nothing was changed.
    """
    client, server = signed_in(folder)
    known = load(folder)
    chosen = [Student(one.slug, one.name, one.added, secrets.token_hex(8)) for one in find(folder, known, wanted)]
    _change(folder, known | {one.slug: one for one in chosen}, lambda: _introduce(client, server, chosen))
    for one in chosen:
        client.execute_command("CLIENT", "KILL", "USER", one.user)
    return chosen


@dataclass(frozen=True)
class Removed:
    """What was removed.

    Attributes:
        students: How many students.
        keys: How many keys of theirs.
    """

    students: int
    keys: int


def remove(folder: ClassFolder, wanted: Sequence[str] | None) -> Removed:
    """Remove students: their users, whose connections end, and all that is stored in their names.

    Args:
        folder: The class's folder, with the command's lock.
        wanted: The students; ``None``: all of them.

    Raises:
        ClassroomError: There is no such student, or the server does not run. Nothing was changed.
    """
    client, _ = signed_in(folder)
    known = load(folder)
    chosen = list(known.values()) if wanted is None else find(folder, known, wanted)
    slugs = {one.slug for one in chosen}
    if chosen:
        # First, so that nothing is written while it is deleted.
        client.execute_command("ACL", "DELUSER", *(one.user for one in chosen))
    keys = [key for key in client.scan_iter(count=_SCANNED) if owner(key) in slugs]
    for start in range(0, len(keys), _DELETED):
        client.unlink(*keys[start : start + _DELETED])
    for slug in slugs:
        client.delete(REPORT + slug)
        client.hdel(STUDENTS, slug)
    _save(folder, {slug: one for slug, one in known.items() if slug not in slugs})
    return Removed(len(slugs), len(keys))


def find(folder: ClassFolder, known: Mapping[str, Student], wanted: Iterable[str]) -> list[Student]:
    """The students who are meant.

    Args:
        folder: The class's folder.
        known: The students by short name.
        wanted: Short names, users or names.

    Raises:
        ClassroomError: There is no such student, or there are several.
    """
    chosen: dict[str, Student] = {}
    for given in wanted:
        plain = names.shown(given)
        slug = plain.casefold().removeprefix(USER_PREFIX)
        found = [known[slug]] if slug in known else []
        alike = [one for one in known.values() if one.name.casefold() == plain.casefold()]
        if len(alike) > 1 and not (found and plain == slug):
            several = ", ".join(one.slug for one in alike)
            raise ClassroomError(
                f"Several students are called {names.clipped(plain)!r}.\n"
                + say("Name one of them by the short name: {names}", names=several)
            )
        if not (found or alike):
            raise ClassroomError(
                f"No student is called {names.clipped(plain)!r}. Nothing was changed.\n"
                + say("To see the students, run: {command}", command=folder.command("list"))
            )
        student = (found or alike)[0]
        chosen[student.slug] = student
    return list(chosen.values())


def owner(key: bytes | str) -> str:
    """The short name of the student whose key it is; blank if it is nobody's."""
    text = key if isinstance(key, str) else key.decode("utf-8", "replace")
    found = _OWN_KEY.match(text)
    return found[1] if found else ""


def configured(folder: ClassFolder, server: ClassServer) -> list[str]:
    """The students' users as lines of the server's configuration, so that they are there from its first moment."""
    return [f"user {one.user} {' '.join(_rules(one, server))}" for one in load(folder).values()]


def settle(folder: ClassFolder) -> None:
    """Have a server that was started tell the names of its students, whom it may have forgotten."""
    client, _ = signed_in(folder)
    _name(client, load(folder).values())


def _wanted(wanted: Sequence[str], known: Mapping[str, Student]) -> list[str]:
    """The names that are to be added."""
    if len(wanted) == 1 and wanted[0].strip().isdecimal():
        number = int(wanted[0])
        if not 1 <= number <= MOST_AT_ONCE:
            raise ClassroomError(
                f"{number} students can't be added at once.\n"
                + say("Add from 1 to {count}.", count=formats.number(MOST_AT_ONCE))
            )
        taken: set[str] = set(known)
        made = []
        for _ in range(number):
            made.append(names.slug("", taken))
            taken.add(made[-1])
        return made
    if len(wanted) > MOST_AT_ONCE:
        raise ClassroomError(
            f"{len(wanted)} students can't be added at once.\n"
            + say("Add from 1 to {count}.", count=formats.number(MOST_AT_ONCE))
        )
    return [names.shown(one) for one in wanted]


def _introduce(client: redis.Redis, server: ClassServer, students: Sequence[Student]) -> None:
    """Make the users, or give them the passwords and rights that they should have."""
    with client.pipeline(transaction=False) as pipeline:
        for one in students:
            pipeline.execute_command("ACL", "SETUSER", one.user, "reset", *_rules(one, server))
        pipeline.execute()
    _name(client, students)


def _name(client: redis.Redis, students: Iterable[Student]) -> None:
    said: dict[Any, Any] = {one.slug: json.dumps({"name": one.name, "added": one.added}) for one in students}
    if said:
        written_though_full(client, lambda: client.hset(STUDENTS, mapping=said))


def _rules(student: Student, server: ClassServer) -> list[str]:
    return ["on", password_hash(student.password(server)), *rules(student.slug)]


def _change(folder: ClassFolder, students: Mapping[str, Student], carry_out: Callable[[], None]) -> None:
    """Keep in the folder who the students are now, unless the server refuses what goes with it."""
    before = folder.read(FILE)
    _save(folder, students)
    try:
        carry_out()
    except BaseException:
        folder.write(FILE, before)
        raise


def _save(folder: ClassFolder, students: Mapping[str, Student]) -> None:
    values = {slug: asdict(one) for slug, one in students.items()}
    folder.write(FILE, values)
