"""What `doctor` sees, and that it tells no secret."""

import json
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from langchain.agents import create_agent

from helpers import RedisSaver, chat_model, connect, doctor
from helpers._doctor.checks import Check, Report
from helpers._histories.histories import RedisChatMessageHistory
from helpers._localization.languages import LANGUAGES
from helpers._localization.messages import speak
from helpers.embedded import EmbeddedServer, Engine
from helpers.environment import environment
from tests.conftest import ROOT
from tests.support.metadata_server import MetadataServer, running_metadata_server
from tests.support.openai_server import OpenAIServer, openai_server
from tests.test_sessions_of_agents import look_up_order

PASSWORD = "a-very-secret-password"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("CI", "VERTEX_PRODUCT", "DL_ANACONDA_HOME", "GOOGLE_CLOUD_PROJECT", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    environment.cache_clear()
    speak("en")
    yield
    environment.cache_clear()


@pytest.fixture
def model_server() -> Iterator[OpenAIServer]:
    with openai_server() as running:
        yield running


@pytest.fixture
def metadata_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MetadataServer]:
    with running_metadata_server(monkeypatch, tmp_path) as running:
        yield running


def line(report: Report, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def test_all_is_well(server: EmbeddedServer) -> None:
    report = doctor(server.url)
    assert report.ok
    assert {check.status for check in report.checks} == {"good"}
    text = str(report)
    assert text.splitlines()[-1] == "Ready: all is well."
    assert text.startswith(f"✓ Python        {sys.version.split()[0]}")
    assert "redis " in line(report, "Packages").found
    assert line(report, "Platform").found == "this computer, in a terminal"
    with redis.Redis.from_url(server.url, protocol=2) as asked:
        info = asked.info("server")
    version = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    assert line(report, "Redis").found.startswith(f"reachable, {version}, ")
    assert line(report, "Redis").found.endswith(" ms")
    assert "offline model" in line(report, "Model").found
    assert "not used" in line(report, "Google Cloud").found


def test_a_redis_that_is_not_there() -> None:
    report = doctor("redis://127.0.0.1:1")
    assert not report.ok
    assert line(report, "Redis").status == "bad"
    assert "Nothing is listening there" in line(report, "Redis").advice
    assert str(report).splitlines()[-1] == "Not ready. To fix: 1; to check: 0."


def test_a_wrong_password_is_not_told(server: EmbeddedServer) -> None:
    report = doctor(server.url.replace("redis://", f"redis://someone:{PASSWORD}@"))
    assert line(report, "Redis").status == "bad"
    assert "password" in line(report, "Redis").advice
    assert PASSWORD not in f"{report} {report._repr_html_()}"


def user_url(server: EmbeddedServer, rights: str) -> str:
    admin = connect(server.url)
    command = f"ACL SETUSER limited reset on >{PASSWORD} ~message_store:* {rights}".split()
    admin.execute_command(*command)  # type: ignore[no-untyped-call]
    return server.url.replace("redis://", f"redis://limited:{PASSWORD}@")


def test_what_is_blocked_is_named(server: EmbeddedServer) -> None:
    from helpers.errors import RIGHTS

    report = doctor(user_url(server, f"-@all {RIGHTS}"))
    assert report.ok
    blocked = report.checks[[check.name for check in report.checks].index("Redis") + 1]
    assert blocked.status == "warning"
    assert blocked.found == "Blocked, and not needed: CONFIG, CLIENT, ACL"
    assert "SCAN" in blocked.advice
    report = doctor(user_url(server, f"-@all {RIGHTS} -eval"))
    assert not report.ok
    assert "Refused: EVAL" in str(report)
    assert PASSWORD not in str(report)


@pytest.mark.parametrize("engine", ["valkey", "redis"])
def test_a_user_with_keys_of_their_own_is_ready(engine: Engine) -> None:
    from helpers.errors import RIGHTS

    if engine == "redis":
        assert shutil.which("redis-server"), "install redis-server"
    with EmbeddedServer(engine=engine) as own:
        admin = connect(own.url)
        rules = f"reset on >{PASSWORD} ~message_store:anna-* -@all {RIGHTS} +scan"
        admin.execute_command("ACL", "SETUSER", "anna", *rules.split())  # type: ignore[no-untyped-call]
        report = doctor(own.url.replace("redis://", f"redis://anna:{PASSWORD}@"))
    assert report.ok, report
    assert "Refused" not in str(report)


def test_the_rights_that_it_names_are_enough(server: EmbeddedServer) -> None:
    from helpers.errors import RIGHTS

    client = connect(user_url(server, f"-@all {RIGHTS}"))
    history = RedisChatMessageHistory("rights", client=client, ttl=60, max_messages=3)
    history.add_user_message("Hi")
    assert len(history.messages) == len(history) == 1
    history.clear()


async def live(saver: RedisSaver, thread_id: str) -> None:
    """All that can be done with a thread, both ways."""
    config: Any = {"configurable": {"thread_id": thread_id}}
    copied = f"{thread_id}-copy"
    agent: Any = create_agent(chat_model(), [look_up_order], checkpointer=saver)
    asked = {"messages": [("human", "What did order 4711 cost?")]}
    assert "12.50" in agent.invoke(asked, config, durability="sync")["messages"][-1].text
    assert len((await agent.ainvoke(asked, config, durability="sync"))["messages"]) == 8
    assert len(list(agent.get_state_history(config))) == len([one async for one in agent.aget_state_history(config)])
    assert list(saver.list(None))
    assert [one async for one in saver.alist(None)]
    saver.delete_for_runs(["none"])
    await saver.adelete_for_runs(["none"])
    for prune in (saver.prune, saver.aprune):
        saver.copy_thread(thread_id, copied)
        done: Any = prune([copied])
        await done if done else None
        assert len(list(saver.list({"configurable": {"thread_id": copied}}))) == 1
        saver.delete_thread(copied)
    await saver.acopy_thread(thread_id, copied)
    await saver.adelete_thread(copied)
    saver.delete_thread(thread_id)
    assert saver.get_tuple(config) is None
    assert await saver.aget_tuple(config) is None


@pytest.mark.parametrize("engine", ["valkey", "redis"])
async def test_the_rights_that_it_names_for_agents_are_enough_and_none_is_too_many(engine: Engine) -> None:
    from helpers.errors import THREAD_RIGHTS

    with EmbeddedServer(engine=engine) as own:
        admin: Any = connect(own.url)
        admin.execute_command("ACL", "SETUSER", "anna", *f"on >{PASSWORD} ~thread:* -@all {THREAD_RIGHTS}".split())
        url = own.url.replace("redis://", f"redis://anna:{PASSWORD}@")
        saver = RedisSaver(url, ttl=60, keep=2)
        await live(saver, "bob")
        assert admin.dbsize() == 0
        for right in THREAD_RIGHTS.split():
            if right == "+ping":
                continue  # which connecting needs
            admin.execute_command("ACL", "SETUSER", "anna", right.replace("+", "-"))
            admin.script_flush()  # a server that was restarted knows none
            with pytest.raises(redis.ResponseError):
                await live(saver, "bob")
            report = doctor(url)
            named = f"Missing for agents: {right[1:].upper()}\n"
            assert (named in str(report)) == (right not in ("+eval", "+scan"))
            assert f"give this user {THREAD_RIGHTS}" in str(report) or right in ("+eval", "+scan")
            admin.execute_command("ACL", "SETUSER", "anna", right)
            admin.flushall()
        assert "Missing for agents" not in str(doctor(url))
        admin.config_set("maxmemory", 1)
        assert "Missing for agents" not in str(doctor(url))
        assert admin.dbsize() == 0


def test_a_server_that_would_delete_chats(client: redis.Redis, server: EmbeddedServer) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        report = doctor(server.url)
    finally:
        client.config_set("maxmemory-policy", "noeviction")
    assert report.ok
    assert "maxmemory-policy allkeys-lru" in str(report)
    assert "set never to expire" in str(report)


@pytest.mark.parametrize("hiding", ["redis.py", "helpers.py", "langchain_core/__init__.py"])
def test_a_file_that_hides_a_library(tmp_path: Path, hiding: str) -> None:
    (tmp_path / hiding).parent.mkdir(exist_ok=True)
    (tmp_path / hiding).write_text("print('not the library')")
    done = checkup(tmp_path, "-m", "helpers", "doctor", "redis://127.0.0.1:1")
    name = hiding.partition("/")[0]
    assert f"✗ Names         {name} here shadows the library.\n                → Rename {name}." in done.stdout, (
        done.stderr
    )
    assert done.returncode == 1


def checkup(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("command", [("-mhelpers", "doctor"), ("-Wignore", "-m", "helpers", "doctor"), ()])
def test_the_doctor_is_reached_past_a_helpers_py_of_ones_own(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "helpers.py").write_text("print('not the library')")
    if command:
        done = checkup(tmp_path, *command, "redis://127.0.0.1:1")
    else:
        script = Path(sys.executable).with_name("chat-history-tutorials")
        done = subprocess.run([script, "doctor", "redis://127.0.0.1:1"], cwd=tmp_path, capture_output=True, text=True)
    assert "Rename helpers.py." in done.stdout, done.stderr
    assert "not the library" not in done.stdout


@pytest.mark.parametrize(
    "command", [("-m", "helpers"), ("-m", "helpers", "tidy"), ("-m", "helpers.py", "doctor"), ("helpers.py", "doctor")]
)
def test_a_helpers_py_of_ones_own_stays_ones_own(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "helpers.py").write_text("__path__ = ['.']\nprint(sorted(__import__('sys').modules))")
    done = checkup(tmp_path, *command)
    assert "'sys'" in done.stdout
    assert "lazy_loader" not in done.stdout
    assert "chat_history" not in done.stderr


def test_a_clone_is_the_kit_whatever_else_is_installed(
    tree: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    assert line(doctor(server.url), "Names").status == "good"


def test_a_package_out_of_its_range(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["redis>=99", "not-there-at-all>=1", 'x; extra == "y"', 'far-away; sys_platform == "none"']
    monkeypatch.setattr("importlib.metadata.requires", lambda name: needed)
    report = doctor(server.url)
    assert not report.ok
    text = str(report)
    assert "is outside of >=99" in text
    assert 'pip install "redis>=99"' in text
    assert "not-there-at-all is missing." in text
    assert 'pip install "not-there-at-all>=1"' in text
    assert "extra" not in text
    assert "far-away" not in text


def test_extras_are_told_from_what_is_needed(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = [
        "redis[hiredis]>=8",
        'ipywidgets>=99; extra == "widgets"',
        'not-there>=1; extra == "models"',
        'redis>=99; extra == "models"',
        "also-not-there>=1; sys_platform != 'none' and extra == 'cluster'",
        'nor-this; extra == "dev"',
        'pydantic>=2; extra == "embedded"',
        'pydantic>=2; extra == "emulator"',
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: needed)
    report = doctor(server.url)
    assert "ipywidgets 8." in str(report)
    assert "is outside of >=99" in str(report)
    assert 'pip install "ipywidgets>=99"' in str(report)
    assert [check.name for check in report.checks if check.status == "bad"] == ["Packages"]
    assert any(
        check.found.startswith("2 in the supported version ranges, including redis 8.") for check in report.checks
    )
    absent = next(check for check in report.checks if check.found.startswith("not installed"))
    assert (absent.status, absent.found) == ("good", "not installed, and not always needed: models, cluster")
    assert absent.advice == 'pip install "chat-history-tutorials[models,cluster]"'
    assert "dev" not in str(report)


def test_every_extra_that_a_reader_may_lack_is_looked_at() -> None:
    from helpers._doctor.checks import _EXTRAS

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(_EXTRAS) == set(extras) - {"class", "tutorials", "notebooks", "browser", "dev"}


def test_another_python(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers._doctor.checks.TESTED_PYTHONS", ((3, 5), (3, 6)))
    assert "Tested up to Python 3.6." in str(doctor(server.url))
    monkeypatch.setattr("helpers._doctor.checks.TESTED_PYTHONS", ((3, 98), (3, 99)))
    assert line(doctor(server.url), "Python").status == "bad"


def test_a_model_of_ones_own(
    server: EmbeddedServer, model_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", PASSWORD)
    report = doctor(server.url)
    assert line(report, "Model").status == "good"
    assert "127.0.0.1" in line(report, "Model").found
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:name@127.0.0.1:1/v1")
    report = doctor(server.url)
    assert line(report, "Model").status == "bad"
    assert "user:name" not in str(report)
    assert PASSWORD not in str(report)


def test_google_cloud(
    server: EmbeddedServer, metadata_server: MetadataServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    report = doctor(server.url)
    found = line(report, "Google Cloud")
    assert found.status == "good"
    assert found.found.startswith("project my-project, credentials: credentials, token valid for 60 min")
    assert metadata_server.tokens
    assert not any(token in str(report) for token in metadata_server.tokens)
    metadata_server.broken = True
    assert line(doctor(server.url), "Google Cloud").status == "bad"
    monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", "127.0.0.1:1")
    assert line(doctor(server.url), "Google Cloud").found == "an emulator at 127.0.0.1:1"


@pytest.fixture
def silence() -> Iterator[str]:
    """Where whoever connects is never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_what_never_answers_is_left_in_time(
    silence: str, metadata_server: MetadataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis and a model give up by themselves. What asks Google for a token would wait for minutes."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://{silence}/v1")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    monkeypatch.setattr(metadata_server, "on_token", lambda token: time.sleep(60))
    monkeypatch.setattr("helpers._doctor.checks._LOOK_SECONDS", 8.0)
    chat_model()  # loads its packages, which takes its time on a machine with much to do
    began = time.monotonic()
    report = doctor(f"redis://{silence}")
    assert time.monotonic() - began < 60  # 4, 4 and 8, where that machine has nothing else to do
    assert "it did not answer within 3.5 seconds" in line(report, "Redis").found
    assert "no answer (APITimeoutError)" in line(report, "Model").found
    assert line(report, "Google Cloud") == Check(
        "Google Cloud", "bad", "no answer within 8 sec", "Check the network and the address, then try again."
    )
    assert line(report, "Disk").status == "good"


def test_a_token_endpoint_that_never_answers(
    silence: str, server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"type": "service_account", "client_email": "me@my-project", "private_key": key.decode()}
    (tmp_path / "account.json").write_text(json.dumps(account | {"token_uri": f"http://{silence}/token"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    monkeypatch.setattr("helpers._doctor.checks._LOOK_SECONDS", 4.0)
    assert line(doctor(server.url), "Google Cloud").found == "no answer within 4 sec"


def test_what_was_found_before_the_answers_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = {b"PING": b"+PONG\r\n", b"SETINFO": b"+OK\r\n", b"\nINFO": b"$17\r\nredis_version:7.0\r\n"}

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while asked := self.request.recv(1 << 16):
                self.request.sendall(b"".join(reply * asked.count(name) for name, reply in replies.items()))

    monkeypatch.setattr("helpers._doctor.checks._REDIS_SECONDS", 3.0)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as muted:
        threading.Thread(target=muted.serve_forever).start()
        report = doctor(f"redis://127.0.0.1:{muted.server_address[1]}")
        muted.shutdown()
    place = report.checks.index(line(report, "Redis"))
    assert line(report, "Redis").found.startswith("reachable, Redis 7.0, ")
    assert (report.checks[place + 1].name, report.checks[place + 1].found) == ("", "no answer within 3 sec")


def test_room_on_the_disk(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers._doctor.checks._SCARCE_BYTES", 1 << 60)
    assert line(doctor(server.url), "Disk").status == "warning"
    monkeypatch.setattr("helpers._doctor.checks._TOO_FEW_BYTES", 1 << 60)
    assert line(doctor(server.url), "Disk").status == "bad"


def test_it_shows_as_a_table(server: EmbeddedServer) -> None:
    page = doctor(server.url)._repr_html_()
    assert page is not None
    assert "<caption" in page
    assert page.count("<tr>") == 8
    assert "Ready: all is well." in page


@pytest.mark.parametrize("absent", ["jinja2", "markupsafe"])
def test_without_the_extra_for_widgets_jupyter_shows_the_text(absent: str, tmp_path: Path) -> None:
    code = f"import sys; sys.modules[{absent!r}] = None; import helpers; r = helpers.doctor('redis://127.0.0.1:1')"
    show = "from IPython.core.formatters import DisplayFormatter; data, _ = DisplayFormatter().format(r)"
    done = checkup(tmp_path, "-c", f"{code}; {show}; print(sorted(data)); print(data['text/plain'])")
    assert done.stdout.startswith("['text/plain']\n✓ Python"), done.stderr


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_it_speaks_the_readers_language(server: EmbeddedServer, language: str) -> None:
    speak(language)
    try:
        report = doctor(server.url)
    finally:
        speak("en")
    assert not {check.found for check in report.checks} & {check.found for check in doctor(server.url).checks} - {
        report.checks[0].found
    }


def test_a_code_page_that_lacks_the_marks_does_not_end_it(server: EmbeddedServer) -> None:
    piped = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}  # as on Windows
    run = subprocess.run([sys.executable, "-m", "helpers", "doctor", server.url], capture_output=True, env=piped)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(b"? Python  ")


def test_the_command_line(server: EmbeddedServer) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", "helpers", *arguments], capture_output=True, text=True)

    good = run("doctor", server.url)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.endswith("Ready: all is well.\n")
    bad = run("doctor", "redis://127.0.0.1:1")
    assert bad.returncode == 1
    assert "✗ Redis" in bad.stdout
    assert run("nonsense").returncode == 2
    assert run().returncode == 2
    assert "Exit status" in run("doctor", "--help").stdout
