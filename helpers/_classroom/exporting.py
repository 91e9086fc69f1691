"""All that a class has stored, in two files: the chats, and how far each student came."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import redis

from helpers._classroom.folder import ClassFolder, write_private
from helpers._classroom.rules import REPORT
from helpers._classroom.server import signed_in
from helpers._classroom.students import Student, load
from helpers._localization.messages import say
from helpers.errors import ClassroomError
from helpers.sessions import export_sessions, find_sessions

FORMAT = "chat-class/1"
"""What the first line of the second file says that it is."""


class Exported(NamedTuple):
    """What was exported.

    Attributes:
        sessions: How many sessions.
        students: How many students.
        progress: The file that says how far each of them came.
    """

    sessions: int
    students: int
    progress: Path


def export(folder: ClassFolder, file: Path) -> Exported:
    """Write all sessions into a file, as `helpers.sessions` exports them, and beside it how far each student came.

    Args:
        folder: The class's folder.
        file: Where the sessions go.

    Returns:
        What was exported.

    Raises:
        ClassroomError: One of the files is there already, or can't be written. Nothing is left half written.
    """
    client, _ = signed_in(folder)
    progress = file.with_name(f"{file.stem}.students{file.suffix or '.jsonl'}")
    for one in (file, progress):
        if one.exists():
            raise ClassroomError(
                f"{one} exists. Nothing was exported.\n" + say("Choose another name, or move the file away.")
            )
    known = load(folder)
    keys = [session.key for some in find_sessions(client) for session in some]
    try:
        write_private(progress, _progress(client, list(known.values())))
        try:
            write_private(file, export_sessions(client, keys, missing_ok=True))
        except BaseException:
            progress.unlink()
            raise
    except OSError as error:
        raise ClassroomError(
            f"{file} can't be written: {error.strerror}.\n"
            + say("Name a file in a folder that exists and that you can write to.")
        ) from error
    return Exported(len(keys), len(known), progress)


def _progress(client: redis.Redis, students: list[Student]) -> Iterator[str]:
    """A line that says what it is, then one for each student."""
    yield json.dumps({"format": FORMAT}) + "\n"
    for one in students:
        found: Any = client.hgetall(REPORT + one.slug)
        report: dict[str, Any] = {}
        exercises: dict[str, Any] = {}
        for field, value in sorted((name.decode(), text.decode(errors="replace")) for name, text in found.items()):
            kind, _, name = field.partition(":")
            if kind == "exercise":
                exercises[name] = _read(value)
            else:
                report[field] = int(value) if field == "seen" and value.isdecimal() else value
        line = {"student": one.slug, "name": one.name, "added": one.added, **report, "exercises": exercises}
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _read(value: str) -> Any:
    # Students write their own reports: what they make of them is no reason to export nothing.
    try:
        return json.loads(value)
    except ValueError:
        return value
