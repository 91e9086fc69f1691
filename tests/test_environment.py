"""Which platform this is, what it offers, and how a secret is had there."""

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import connect, secret
from helpers.embedded import EmbeddedServer
from helpers.environment import Platform, added_packages, environment
from helpers.errors import SecretError

STANDINS = Path(__file__).parent / "support" / "standins"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No platform's marks, and nothing remembered."""
    for name in ("VERTEX_PRODUCT", "DL_ANACONDA_HOME", "CI", "GCE_METADATA_HOST"):
        monkeypatch.delenv(name, raising=False)
    environment.cache_clear()
    yield
    environment.cache_clear()
    for name in [name for name in sys.modules if name.startswith("google.colab")]:
        del sys.modules[name]


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The stand-in for `google.colab`, found as the real module is."""
    import google

    monkeypatch.setattr(google, "__path__", [str(STANDINS / "google"), *google.__path__])
    return monkeypatch


@pytest.mark.parametrize(
    ("variables", "platform"),
    [
        ({}, Platform.LOCAL),
        ({"CI": "true"}, Platform.CI),
        ({"CI": "false"}, Platform.LOCAL),
        ({"VERTEX_PRODUCT": "COLAB_ENTERPRISE"}, Platform.COLAB_ENTERPRISE),
        ({"VERTEX_PRODUCT": "WORKBENCH_INSTANCE"}, Platform.WORKBENCH),
        ({"DL_ANACONDA_HOME": "/opt/conda"}, Platform.WORKBENCH),
    ],
)
def test_platforms_by_their_variables(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], platform: Platform
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = environment()
    assert found.platform is platform
    assert found.hosted is (platform not in (Platform.LOCAL, Platform.CI))
    assert not found.asks_to_sign_in
    assert not found.keeps_secrets
    assert found.google_machine is (platform in (Platform.COLAB_ENTERPRISE, Platform.WORKBENCH))
    assert not found.notebook


def test_colab_by_its_module(colab: pytest.MonkeyPatch) -> None:
    found = environment()
    assert found.platform is Platform.COLAB
    assert found.asks_to_sign_in
    assert found.keeps_secrets
    assert not found.google_machine


def test_colab_enterprise_has_colabs_module_too(colab: pytest.MonkeyPatch) -> None:
    colab.setenv("VERTEX_PRODUCT", "COLAB_ENTERPRISE")
    assert environment().platform is Platform.COLAB_ENTERPRISE
    assert not environment().asks_to_sign_in


# Secrets.


def test_a_secret_of_colab(colab: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    colab.setenv("COLAB_SECRET_REDIS_PASSWORD", "from colab")
    colab.setenv("REDIS_PASSWORD", "from the environment")
    value = secret("REDIS_PASSWORD")
    assert value == "from colab"
    assert repr(value) == "'********'"
    assert "from" not in f"{[value]} {capsys.readouterr()}"


@pytest.mark.parametrize(
    ("kind", "reason", "advice"),
    [
        ("NotebookAccessError", "does not let this notebook read it", "Notebook access"),
        ("TimeoutException", "did not answer in time", "keep the tab open"),
        ("RuntimeError", "failed with RuntimeError", "environment variable REDIS_PASSWORD"),
    ],
)
def test_what_colab_refuses_is_said(colab: pytest.MonkeyPatch, kind: str, reason: str, advice: str) -> None:
    colab.setenv("COLAB_SECRET_FAILS", kind)
    with pytest.raises(SecretError) as caught:
        secret("REDIS_PASSWORD")
    first, last = str(caught.value).splitlines()
    assert first.startswith("The secret 'REDIS_PASSWORD' can't be read: ")
    assert reason in first
    assert advice in last
    assert caught.value.name == "REDIS_PASSWORD"
    colab.setenv("REDIS_PASSWORD", "from the environment")
    assert secret("REDIS_PASSWORD") == "from the environment"


def test_a_secret_that_colab_does_not_have_is_looked_for_elsewhere(colab: pytest.MonkeyPatch) -> None:
    colab.setenv("REDIS_PASSWORD", "from the environment")
    assert secret("REDIS_PASSWORD") == "from the environment"


def test_a_secret_of_the_environment_reaches_the_server(
    monkeypatch: pytest.MonkeyPatch, server: EmbeddedServer
) -> None:
    admin = connect(server.url)
    admin.execute_command("ACL", "SETUSER", "secretive", "on", ">the password", "~*", "+@all")  # type: ignore[no-untyped-call]
    monkeypatch.setenv("REDIS_PASSWORD", "the password")
    assert connect(server.url, username="secretive", password=secret("REDIS_PASSWORD")).ping()


def test_last_somebody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr("helpers._credentials.secrets.getpass", typed)
    assert secret("NOWHERE") == "typed"
    assert asked == ["NOWHERE: "]
    monkeypatch.setattr("helpers._credentials.secrets.getpass", lambda prompt: "")
    with pytest.raises(SecretError, match="nothing was typed"):
        secret("NOWHERE")


@pytest.mark.parametrize("error", [EOFError, OSError, RuntimeError])
def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def failing(prompt: str) -> str:
        raise error

    monkeypatch.setattr("helpers._credentials.secrets.getpass", failing)
    with pytest.raises(SecretError, match=r"set nowhere.*\n.*environment variable NOWHERE"):
        secret("NOWHERE")


# What an installation did.


def test_what_was_added_is_named(tmp_path: Path) -> None:
    lines = [f"{one.name}=={one.version}" for one in importlib.metadata.distributions()]
    before = tmp_path / "before.txt"
    before.write_text("\n".join(lines))
    assert added_packages(before) == "Added: –. No installed package has changed."
    before.write_text("\n".join(line for line in lines if not line.lower().startswith(("redis==", "polib=="))))
    version = importlib.metadata.version
    said = f"Added: polib {version('polib')}, redis {version('redis')}. No installed package has changed."
    assert added_packages(before) == said


def test_what_was_changed_is_an_error(tmp_path: Path) -> None:
    before = tmp_path / "before.txt"
    before.write_text("polib==0.1\nGone_Since==3\n")
    with pytest.raises(RuntimeError, match=r"changed installed packages: polib 0\.1 → .*\nRestart the runtime"):
        added_packages(before)
