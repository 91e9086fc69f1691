"""The server of a class: started by a command that ends, found again, restarted in mid-lesson, stopped."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from helpers import RedisChatMessageHistory, connect
from helpers._classroom import server, students
from helpers._classroom.folder import ClassFolder
from helpers._classroom.rules import ABOUT, STUDENTS
from helpers._tls.listener import bound_socket
from helpers.errors import ClassroomError, ConnectionFailedError
from tests.conftest import eventually
from tests.support.room import Room, room_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")

ENGINES = ("embedded", "redis-server")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_in(tmp_path / "class") as made:
        yield made


def processes(room: Room) -> list[psutil.Process]:
    """The processes that work in the class's folder, which is where it runs all of them."""
    found = []
    for one in psutil.process_iter(["cwd", "status"]):
        if one.info["cwd"] == str(room.folder.path) and one.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(one)
    return found


def kill(room: Room) -> None:
    """End the class's server as a crash does."""
    os.kill(room.server.pid, signal.SIGKILL)
    assert eventually(lambda: not server.is_running(room.folder))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("tls", ["--tls", "--no-tls"])
def test_it_outlives_the_command_and_ends_with_another(room: Room, engine: str, tls: str) -> None:
    said = room.start("--engine", engine, tls, "--language", "ko", "--memory", "64mb")
    assert room.server.where in said
    assert said.count("python -m helpers class") >= 2
    client = room.teacher()
    assert client.ping()
    assert client.config_get("maxmemory*")["maxmemory"] == str(64 << 20)
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    found: Any = client.hgetall(ABOUT)
    about = {name.decode(): value.decode() for name, value in found.items()}
    assert about.keys() == {"language", "started", "kit", "instance", "keeps"}
    assert about["language"] == "ko"
    assert len(processes(room)) == 1 + (tls == "--tls")
    with pytest.raises(ConnectionFailedError):
        connect(room.server.where + (f"?ssl_certificate_sha256={room.server.digest}" if room.server.tls else ""))
    assert connect(room.server.address("default", room.server.secret)).ping()

    room.done("stop")
    assert processes(room) == []
    bound_socket(("127.0.0.1", room.port)).close()
    assert not room.folder.path.exists()


def test_only_its_owner_can_read_its_folder(room: Room, tmp_path: Path) -> None:
    room.start("--tls")
    room.done("add", "3", "--handouts", str(tmp_path / "handouts.html"))
    room.student("s01").set("message_store:s01-x", "x")
    room.done("export", str(tmp_path / "sessions.jsonl"))
    files = [*room.folder.path.rglob("*"), *tmp_path.glob("*.*")]
    assert len(files) > 10
    assert stat.S_IMODE(room.folder.path.stat().st_mode) == 0o700
    assert {one.name for one in files if not one.is_dir() and stat.S_IMODE(one.stat().st_mode) != 0o600} == set()
    room.folder.path.chmod(0o755)
    room.done("list")
    assert stat.S_IMODE(room.folder.path.stat().st_mode) == 0o700


def test_no_password_is_told(room: Room) -> None:
    said = room.start("--tls")
    secret = room.server.secret
    room.done("add", "anna")
    password = students.load(room.folder)["anna"].password(room.server)
    said += room.done("list") + str(room.run("start")) + repr(room.server)
    for one in processes(room):
        said += repr(one.cmdline()) + repr(one.environ())
    for log in room.folder.path.glob("*.log"):
        said += log.read_text()
    assert secret not in said
    assert password not in said
    kept = "".join(one.read_text() for one in room.folder.path.glob("*.json"))
    assert password not in kept
    assert (room.folder.path / "teacher.txt").read_text().strip() == room.server.own_address


@pytest.mark.parametrize("engine", ENGINES)
def test_a_restart_in_mid_lesson_loses_nothing(room: Room, engine: str) -> None:
    room.start("--engine", engine)
    room.done("add", "anna", "민수")
    client = room.student("anna")
    history = RedisChatMessageHistory("anna-lesson", client=client)
    history.add_user_message("before")
    instance = room.teacher().hget(ABOUT, "instance")

    kill(room)
    with pytest.raises(redis.ConnectionError):
        history.add_user_message("lost")
    first, last = room.refused("list")
    assert first == f"The class's server at redis://127.0.0.1:{room.port} is not running."
    assert last.endswith(f"python -m helpers class start --folder {room.folder.path}")
    said = room.done("start")  # with all that it was started with
    assert f"redis://127.0.0.1:{room.port}" in said
    assert "Students: 2." in said

    history.add_user_message("after")  # by the same client, and so by the same line
    assert [message.content for message in history.messages] == ["before", "after"]
    assert room.teacher().hget(ABOUT, "instance") != instance
    assert room.teacher().hlen(STUDENTS) == 2


def test_a_class_that_keeps_nothing_says_so_and_has_its_students_again(room: Room) -> None:
    assert "so a restart loses them" in room.start("--forget")
    room.done("add", "anna")
    client = room.student("anna")
    history = RedisChatMessageHistory("anna-lesson", client=client)
    history.add_user_message("before")
    kill(room)
    assert "so a restart loses them" in room.done("start")
    assert history.messages == []
    history.add_user_message("after")
    assert room.teacher().hgetall(STUDENTS).keys() == {b"anna"}
    assert room.teacher().hget(ABOUT, "keeps") == b"0"
    assert "their chats are lost" in room.done("stop")
    assert not (room.folder.path / "appendonlydir").exists()


def test_what_is_kept_by_stop_is_said_and_deleted_when_asked(room: Room) -> None:
    room.start()
    room.done("add", "anna")
    history = RedisChatMessageHistory("anna-lesson", client=room.student("anna"))
    history.add_user_message("hello")
    said = room.done("stop")
    assert "The students and their chats are kept" in said
    assert "stop --delete" in said
    assert processes(room) == []
    assert room.run("start", "--forget").returncode == 1  # which would lose them
    assert room.run("start", "--engine", "redis-server").returncode == 1  # which can't read them
    room.done("start")
    assert [message.content for message in history.messages] == ["hello"]
    (room.folder.path / "notes.txt").write_text("the teacher's own")
    assert "notes.txt" in room.done("stop", "--delete")
    assert [one.name for one in room.folder.path.iterdir()] == ["notes.txt"]
    assert processes(room) == []


def test_the_port_is_taken(room: Room) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        first, last = room.refused("start", "--bind", "127.0.0.1", "--port", str(port))
        assert first == f"Port {port} of 127.0.0.1 is taken: another program listens there."
        free = int(last.rpartition("--port ")[2].rstrip("."))
    assert not room.folder.path.exists()
    room.done("start", "--bind", "127.0.0.1", "--port", str(free))


@pytest.mark.parametrize("address", ["192.0.2.1", "no-such-host.invalid", "999.1.1.1", "2001:db8::1"])
def test_the_address_is_not_this_computers(room: Room, address: str) -> None:
    first, last = room.refused("start", "--bind", address, "--port", str(room.port))
    assert first == f"{address} is not an address of this computer."
    assert "127.0.0.1" in last
    assert "--host" in last
    assert not room.folder.path.exists()


def test_it_is_running_already(room: Room) -> None:
    room.start()
    pid = room.server.pid
    first, last = room.refused("start")
    assert first.endswith(f"is already running, at redis://127.0.0.1:{room.port}.")
    assert "--folder" in last
    assert room.server.pid == pid
    assert room.teacher().ping()


def test_two_commands_at_once_start_one_server(room: Room) -> None:
    command = [sys.executable, "-m", "helpers", "class", "start", "--folder", str(room.folder.path)]
    command += ["--bind", "127.0.0.1", "--port", str(room.port)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate()[1] for one in both]
    assert sorted(one.returncode for one in both) == [0, 1], said
    assert "already running" in "".join(said)
    assert len(processes(room)) == 1


@pytest.mark.parametrize("task", ["list", "add", "reset", "remove", "export", "stop", "watch"])
def test_there_is_no_class_in_the_folder(room: Room, task: str) -> None:
    arguments = () if task in ("list", "stop", "watch") else ("x",)
    first, last = room.refused(task, *arguments)
    assert first == f"There is no class in {room.folder.path}."
    assert "--folder" in last
    assert not room.folder.path.exists()


def test_a_folder_with_something_else_in_it_is_left_alone(room: Room) -> None:
    room.folder.path.mkdir()
    (room.folder.path / "thesis.txt").write_text("mine")
    for task in ("start", "list", "stop"):
        room.refused(task)
    assert [one.name for one in room.folder.path.iterdir()] == ["thesis.txt"]


def test_a_folder_of_another_user_is_refused(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.start()
    monkeypatch.setattr(os, "geteuid", lambda: room.folder.path.stat().st_uid + 1)
    with pytest.raises(ClassroomError, match="belongs to another user"):
        server.load(ClassFolder(room.folder.path))


@pytest.mark.parametrize("file", ["class.json", "students.json"])
def test_a_file_that_is_damaged_is_named(room: Room, file: str) -> None:
    room.start()
    room.done("add", "anna")
    before = (room.folder.path / file).read_text()
    (room.folder.path / file).write_text(before[:-20])
    first, _ = room.refused("list")
    assert file in first
    (room.folder.path / file).write_text(before)


@pytest.mark.parametrize("host", ["a b", "köln.example", "x@y", "redis://x", "'"])
def test_what_is_no_host_is_refused(room: Room, host: str) -> None:
    first, _ = room.refused("start", "--bind", "127.0.0.1", "--port", str(room.port), "--host", host)
    assert first.endswith("is not a host name or an address.")
    assert not room.folder.path.exists()


@pytest.mark.parametrize("memory", ["lots", "256", "1mb", "-1gb", "1tb"])
def test_what_is_no_size_is_refused(room: Room, memory: str) -> None:
    first, last = room.refused("start", f"--memory={memory}")
    assert memory in first
    assert "256mb" in last
    assert not room.folder.path.exists()


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bin" / "redis-server"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho '1:M 01 Jan 2026 00:00:00.000 # Out of luck.'\nexit 1\n")
    broken.chmod(0o755)
    path = f"{broken.parent}{os.pathsep}{os.environ['PATH']}"
    arguments = ("--engine", "redis-server", "--bind", "127.0.0.1", "--port", str(room.port))
    first, _ = room.refused("start", *arguments, PATH=path)
    assert first == "The class's server did not start: Out of luck."
    assert not room.folder.path.exists()
    broken.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64'\n")
    first, last = room.refused("start", *arguments, PATH=path)
    assert "too old" in first
    assert "7.0" in last
    first, _ = room.refused("start", *arguments, PATH=str(tmp_path))
    assert "there is no redis-server on the PATH" in first
    assert not room.folder.path.exists()


def test_a_restart_that_fails_leaves_the_class_as_it_was(room: Room) -> None:
    room.start()
    room.done("add", "anna")
    room.done("stop")
    line, before = room.address("anna"), room.server
    for file in (room.folder.path / "appendonlydir").iterdir():
        file.write_bytes(b"damaged")
    first, last = room.refused("start", "--memory", "32mb", "--tls")
    assert first.startswith("The class's server did not start: ")
    assert last == "Fix that, then start the server again."
    assert room.server == before
    assert room.address("anna") == line
    assert processes(room) == []


def test_tls_that_has_ended_is_started_again(room: Room) -> None:
    room.start("--tls")
    room.done("add", "anna")
    line = room.address("anna")
    os.kill(room.server.gate, signal.SIGKILL)
    assert eventually(lambda: len(processes(room)) == 1)
    with pytest.raises(ConnectionFailedError):
        connect(line)
    pid = room.server.pid
    room.done("start")
    assert connect(line).ping()
    assert room.server.pid == pid
    kill(room)
    room.done("start")  # the process that spoke TLS for the one that was killed makes room
    assert room.address("anna") == line
    assert connect(line).ping()
    assert len(processes(room)) == 2


def test_every_address_of_this_computer(room: Room) -> None:
    for tls in ("--no-tls", "--tls"):
        room.done("start", "--bind", "*", "--host", "class.example", "--port", str(room.port), tls)
        room.done("add", "anna")
        assert "@class.example:" in room.address("anna")
        for host in ["127.0.0.1", *(["[::1]"] if socket.has_ipv6 and server._has_ipv6() else [])]:
            assert connect(room.address("anna").replace("class.example", host)).ping()
        room.done("stop", "--delete")


def test_a_certificate_that_other_programs_can_verify(room: Room) -> None:
    room.start("--tls", "--host", "localhost")
    authority = room.folder.path / "authority.pem"
    client = connect(
        f"rediss://localhost:{room.port}", username="default", password=room.server.secret, ssl_ca_certs=str(authority)
    )
    assert client.ping()


def in_a_network(room: Room, setup: str) -> str:
    """What a start says in a network namespace of its own."""
    command = [sys.executable, "-m", "helpers", "class", "start", "--folder", str(room.folder.path)]
    run = subprocess.run(
        ["unshare", "--map-root-user", "--net", "sh", "-c", f'ip link set lo up; {setup}; exec "$@"', "sh", *command],
        env=os.environ | {"HELPERS_LANGUAGE": "en"},
        capture_output=True,
        text=True,
    )
    if run.stderr.startswith("unshare"):
        pytest.skip("this system gives no namespaces")
    assert run.returncode == 0, run.stderr
    return run.stdout


NAMESPACES = pytest.mark.skipif(not (shutil.which("unshare") and shutil.which("ip")), reason="Linux's namespaces")


@NAMESPACES
def test_without_a_network_only_this_computer_is_served(room: Room) -> None:
    said = in_a_network(room, "true")
    assert "redis://127.0.0.1:6379" in said
    assert "Only this computer can reach it." in said


@NAMESPACES
def test_the_address_in_the_rooms_network_is_found_and_may_change(room: Room) -> None:
    said = in_a_network(room, "ip address add 10.9.8.7/24 dev lo; ip route add default via 10.9.8.7 dev lo")
    assert "redis://10.9.8.7:6379" in said
    assert "--tls" in said
    server.stop(room.folder, room.server)
    room.folder.write("students.json", {"anna": asdict(students.Student("anna", "Anna", 1, "salt"))})
    first, last = room.refused("start")  # on another day, in another network
    assert first == "10.9.8.7 is not an address of this computer."
    assert "--bind" in last
    assert "so the students need new lines" in room.start()
    assert room.student("anna").ping()
