"""The folder of a class: what is known of it from one command to the next, for the teacher's eyes only."""

import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from helpers._classroom import FOLDER
from helpers._localization.messages import say
from helpers.errors import ClassroomError

CLASS = "class.json"
"""The file by which a class's folder is known: how its server was started, and the secret."""
STUDENTS = "students.json"
TEACHER = "teacher.txt"
"""The file that holds the teacher's address."""
CERTIFICATE, AUTHORITY = "certificate.pem", "authority.pem"
CHATS = "appendonlydir"
"""The folder in which the server keeps the chats."""
SERVER_LOG, GATE_LOG = "server.log", "gate.log"
SERVER, GATE = "server.lock", "gate.lock"
"""Files that a process has locked for as long as it lives, however it ends."""
_COMMAND = "command.lock"
_IGNORED = ".gitignore"
_OURS = (
    CLASS,
    STUDENTS,
    TEACHER,
    CERTIFICATE,
    AUTHORITY,
    CHATS,
    SERVER_LOG,
    GATE_LOG,
    SERVER,
    GATE,
    _COMMAND,
    _IGNORED,
)
_NAMES = "|".join(map(re.escape, _OURS))

_LOCK_SECONDS = 2.0


class ClassFolder:
    """A class's folder. Nobody but its owner can read what is in it.

    Args:
        path: Where it is, or will be.
    """

    def __init__(self, path: Path) -> None:
        if sys.platform == "win32":
            raise ClassroomError(
                "A class's server does not run on Windows itself.\n"
                + say("Run it on Linux or macOS, or in WSL with mirrored networking, so that others can reach it.")
            )
        self.path = path.absolute()

    @property
    def exists(self) -> bool:
        """Whether there is a class in it."""
        return (self.path / CLASS).exists()

    def command(self, task: str) -> str:
        """A command of this class, as it can be typed here."""
        folder = "" if self.path == Path(FOLDER).absolute() else f" --folder {shlex.quote(str(self.path))}"
        return f"python -m helpers class {task}{folder}"

    def check(self) -> None:
        """See that it is a class's.

        Raises:
            ClassroomError: It is not, or it is somebody else's.
        """
        if not self.exists:
            raise ClassroomError(
                f"There is no class in {self.path}.\n" + say("Start a class first, or name its folder: --folder FOLDER")
            )
        self._see_to_rights()

    def create(self) -> None:
        """Make it, unless it is there.

        Raises:
            ClassroomError: Something else is there, or it can't be made.
        """
        if not self.exists and self.path.exists() and (not self.path.is_dir() or self._others()):
            raise ClassroomError(
                f"{self.path} contains something other than a class.\n"
                + say("Choose a folder that is empty or doesn't exist: --folder FOLDER")
            )
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._see_to_rights()
            # What is in here is not for a repository in which it may lie.
            self.write_text(_IGNORED, "*\n")
        except OSError as error:
            raise ClassroomError(
                f"The folder {self.path} can't be used: {error.strerror}.\n"
                + say("Choose a folder that is empty or doesn't exist: --folder FOLDER")
            ) from error

    def _others(self) -> list[str]:
        """The names of what is in it and not a class's, which another command may be about to make."""
        return sorted(one.name for one in self.path.iterdir() if not re.match(rf"\.?(?:{_NAMES})(?:\.|$)", one.name))

    def _see_to_rights(self) -> None:
        found = self.path.stat()
        if found.st_uid != os.geteuid():
            raise ClassroomError(
                f"The folder {self.path} belongs to another user of this computer.\n"
                + say("Choose a folder that is empty or doesn't exist: --folder FOLDER")
            )
        if found.st_mode & 0o077:
            self.path.chmod(0o700)

    def read(self, name: str) -> dict[str, Any]:
        """What a file of it holds; nothing if there is no such file.

        Raises:
            ClassroomError: The file is damaged.
        """
        file = self.path / name
        if not file.exists():
            return {}
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise ClassroomError(
                f"{file} can't be read: {type(error).__name__}.\n"
                + say("Restore the file, or start a class in another folder: --folder FOLDER")
            ) from error
        return found

    def write(self, name: str, values: dict[str, Any]) -> None:
        """Put a file into it, as a whole or not at all."""
        self.write_text(name, json.dumps(values, ensure_ascii=False, indent=1) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """The same with a text."""
        write_private(self.path / name, [text])

    def clean(self) -> list[str]:
        """Delete what is a class's in it, and itself.

        Returns:
            The names of what else is in it, which stays, and so does the folder then.
        """
        for name in _OURS:
            file = self.path / name
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)
        left = sorted(one.name for one in self.path.iterdir())
        if not left:
            self.path.rmdir()
        return left

    @contextmanager
    def one_command(self) -> Iterator[None]:
        """Have no other command change the class meanwhile."""
        import fcntl

        number = os.open(self.path / _COMMAND, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)

    def lives(self, name: str) -> bool:
        """Whether the process lives that has a file of it locked."""
        import fcntl

        try:
            number = os.open(self.path / name, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(number)
        return False

    def locked(self, name: str) -> int:
        """Lock a file of it for a process that inherits the lock.

        Returns:
            The number of the file, for the process to inherit and for the caller to close.

        Raises:
            ClassroomError: A process that lives has it locked.
        """
        import fcntl

        number = os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # for a moment also somebody who asks whether it is
                if time.monotonic() > deadline:
                    os.close(number)
                    raise ClassroomError(
                        f"A process of the class in {self.path} still runs.\n" + say("Wait a moment, then try again.")
                    ) from None
                time.sleep(0.02)
            else:
                return number


def write_private(file: Path, lines: Iterable[str]) -> None:
    """Write a file that only its owner can read: as a whole, or not at all.

    Args:
        file: Where it goes; what is there is replaced.
        lines: What it holds, piece by piece.

    Raises:
        OSError: It can't be written.
    """
    number, made = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # with mode 0600
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="\n") as output:
            output.writelines(lines)
            output.flush()
            os.fsync(output.fileno())
        Path(made).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(made).unlink()
        raise
