"""A class's server as its teacher runs it, by the command line."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import redis

from helpers import connect
from helpers.__main__ import main
from helpers._classroom import server, students
from helpers._classroom.folder import ClassFolder
from helpers._connecting.connection import forget
from helpers._localization.messages import speaking
from tests.support.cluster import free_port


class Room:
    """A class in a folder of its own.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = ClassFolder(folder)
        self.port = free_port()

    def run(self, task: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Carry a command out, in a process of its own, which ends, if it starts a server, else in this one."""
        command = ["class", task, "--folder", str(self.folder.path), *arguments]
        if task == "start" or environment:
            return subprocess.run(
                [sys.executable, "-m", "helpers", *command],
                env=os.environ | {"HELPERS_LANGUAGE": "en"} | environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
        out, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(errors), speaking("en"):
            try:
                status = main(command)
            except SystemExit as wrong_usage:
                status = int(str(wrong_usage.code))
        return subprocess.CompletedProcess(command, status, out.getvalue(), errors.getvalue())

    def done(self, task: str, *arguments: str, **environment: str) -> str:
        """What a command says that succeeds."""
        run = self.run(task, *arguments, **environment)
        assert run.returncode == 0, run.stdout + run.stderr
        assert run.stderr == ""
        return run.stdout

    def refused(self, task: str, *arguments: str, **environment: str) -> tuple[str, str]:
        """Why a command fails, and the advice."""
        run = self.run(task, *arguments, **environment)
        assert run.returncode == 1, run.stdout + run.stderr
        first, *_, last = run.stderr.splitlines()
        return first, last

    def start(self, *arguments: str) -> str:
        """Start the server for this computer alone."""
        return self.done("start", "--bind", "127.0.0.1", "--port", str(self.port), *arguments)

    @property
    def server(self) -> server.ClassServer:
        """What is known of the server."""
        return server.load(self.folder)

    def address(self, slug: str) -> str:
        """A student's address."""
        return students.load(self.folder)[slug].address(self.server)

    def student(self, slug: str) -> Any:
        """A client of a student's."""
        return connect(self.address(slug))

    def teacher(self) -> redis.Redis:
        """A client of the teacher's, with no other's connections."""
        return redis.Redis.from_url(self.server.own_address, protocol=2, driver_info=None)


@contextmanager
def room_in(folder: Path) -> Iterator[Room]:
    """A class that is not there any more in the end, whatever has become of it."""
    room = Room(folder)
    try:
        yield room
    finally:
        if room.folder.exists:
            for slug in students.load(room.folder):
                forget(room.address(slug))
            forget(room.server.own_address)
            server.stop(room.folder, room.server)
            room.folder.clean()
