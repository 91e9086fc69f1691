"""A student's Redis user: its name, and what it may do, the commands of the kit on the student's own keys."""

import re
from contextlib import suppress
from urllib.parse import unquote, urlsplit

USER_PREFIX = "student-"
"""What the name of a student's Redis user begins with."""
ABOUT = "class:about"
"""The key of what all students may read of the class."""
STUDENTS = "class:students"
"""The key of the students' names, which only the teacher may read."""
REPORT = "class:report:"
"""What the key of a student's report begins with."""

COMMANDS = (
    # Histories and the widgets.
    *"ping eval exists set del lpush rpush ltrim llen lrange expire pexpire ttl pttl type scan memory|usage".split(),
    # Agents' threads.
    *"evalsha hget hmget hset hdel hgetall".split(),
    # The moment of a report, by the server's clock.
    "time",
)

_STUDENT = re.compile(f"{USER_PREFIX}([a-z0-9]{{1,20}})")


def student(url: str) -> str:
    """The short name of the student that an address belongs to; empty if it is no student's.

    Args:
        url: The address.
    """
    with suppress(ValueError):
        found = _STUDENT.fullmatch(unquote(urlsplit(url).username or ""))
        return found[1] if found else ""
    return ""


def rules(slug: str) -> list[str]:
    """The rules of a student's user, as ``ACL SETUSER`` takes them after ``reset``, ``on`` and the password.

    Args:
        slug: The student's short name, lower-case letters and digits.
    """
    # A write names keys in braces too, and leaves them after a fault.
    own = (f"{start}{kind}{slug}-*" for kind in ("message_store:", "thread:") for start in ("", kind + "{", "{"))
    keys = [*(f"~{pattern}" for pattern in own), f"~{REPORT}{slug}", f"%R~{ABOUT}"]
    return [*keys, "-@all", *(f"+{one}" for one in COMMANDS)]
