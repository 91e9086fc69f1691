"""What `doctor` sees, and that it tells no secret."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from helpers import connect, doctor
from helpers._doctor.checks import Check, Report
from helpers._histories.histories import RedisChatMessageHistory
from helpers._localization.languages import LANGUAGES
from helpers._localization.messages import speak
from helpers.embedded import EmbeddedServer, Engine
from helpers.environment import environment
from tests.conftest import ROOT
from tests.support.metadata_server import MetadataServer, running_metadata_server
from tests.support.openai_server import OpenAIServer, openai_server

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
    assert line(report, "Platform").found == "local, in a terminal"
    assert line(report, "Redis").found.startswith("reachable, Valkey 9.")
    assert line(report, "Redis").found.endswith(" ms")
    assert "offline model" in line(report, "Model").found
    assert "not used" in line(report, "Google Cloud").found


def test_a_redis_that_is_not_there() -> None:
    report = doctor("redis://127.0.0.1:1")
    assert not report.ok
    assert line(report, "Redis").status == "bad"
    assert "Nothing listens there" in line(report, "Redis").advice
    assert str(report).splitlines()[-1] == "Not ready. To be mended: 1; to be looked at: 0."


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


def test_a_server_that_would_delete_chats(client: redis.Redis, server: EmbeddedServer) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        report = doctor(server.url)
    finally:
        client.config_set("maxmemory-policy", "noeviction")
    assert report.ok
    assert "maxmemory-policy allkeys-lru" in str(report)
    assert "nobody asked it to forget" in str(report)


def test_a_file_that_hides_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "redis.py").write_text("")
    run = subprocess.run(
        [sys.executable, "-c", "import helpers._doctor.checks as c; print(list(c._shadows()))"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert "redis.py here hides the library." in run.stdout, run.stderr
    assert "Rename redis.py." in run.stdout


def test_a_package_out_of_its_range(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda name: ["redis>=99", "not-there-at-all>=1", 'x; extra == "y"']
    )
    report = doctor(server.url)
    assert not report.ok
    text = str(report)
    assert "is outside of >=99" in text
    assert 'pip install "redis>=99"' in text
    assert "not-there-at-all is missing." in text
    assert "extra" not in text


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
    assert found.found.startswith("project my-project, credentials: credentials, token good for 60 min")
    assert metadata_server.tokens
    assert not any(token in str(report) for token in metadata_server.tokens)
    metadata_server.broken = True
    assert line(doctor(server.url), "Google Cloud").status == "bad"
    monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", "127.0.0.1:1")
    assert line(doctor(server.url), "Google Cloud").found == "an emulator at 127.0.0.1:1"


def test_room_on_the_disk(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers._doctor.checks._SCARCE_BYTES", 1 << 60)
    assert line(doctor(server.url), "Disk").status == "warning"
    monkeypatch.setattr("helpers._doctor.checks._TOO_FEW_BYTES", 1 << 60)
    assert line(doctor(server.url), "Disk").status == "bad"


def test_it_shows_as_a_table(server: EmbeddedServer) -> None:
    page = doctor(server.url)._repr_html_()
    assert "<caption" in page
    assert page.count("<tr>") == 8
    assert "Ready: all is well." in page


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
