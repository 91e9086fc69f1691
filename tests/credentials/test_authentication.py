"""Signing in: only where Google Cloud is used, and with advice where it fails."""

import json
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import authenticate
from helpers.environment import environment
from helpers.errors import SignInError
from tests.support.metadata_server import PROJECT, MetadataServer, running_metadata_server


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine that is not in Google Cloud and where nobody has signed in."""
    environment.cache_clear()
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.delenv("VERTEX_PRODUCT", raising=False)
    yield
    environment.cache_clear()


@pytest.fixture
def signed_in(tmp_path: Path) -> None:
    """What `gcloud auth application-default login` leaves."""
    (tmp_path / "application_default_credentials.json").write_text(
        json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"})
    )


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stand-in for `google.colab` with the real signature; lists the projects signed in for."""
    import importlib.machinery

    projects: list[str] = []

    def authenticate_user(clear_output: bool = True, project_id: str | None = None) -> None:
        projects.append(project_id or "")

    package, auth = types.ModuleType("google.colab"), types.ModuleType("google.colab.auth")
    package.__spec__ = importlib.machinery.ModuleSpec("google.colab", None)
    auth.authenticate_user = authenticate_user  # type: ignore[attr-defined]
    package.auth = auth  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", package)
    monkeypatch.setitem(sys.modules, "google.colab.auth", auth)
    return projects


@pytest.fixture
def metadata_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MetadataServer]:
    with running_metadata_server(monkeypatch, tmp_path) as server:
        yield server


def said(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    return text


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_without_a_project_nothing_is_signed_in_to(
    blank: str | None, capsys: pytest.CaptureFixture[str], colab: list[str]
) -> None:
    assert authenticate(blank) == ""
    assert "Not signed in" in said(capsys)
    assert colab == []


def test_application_default_credentials(signed_in: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert authenticate(" my-project ") == "my-project"
    assert "application default credentials for project my-project" in said(capsys)


def test_the_project_of_the_environment(
    signed_in: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-environment")
    assert authenticate() == "from-environment"
    assert authenticate("from-form") == "from-form"


@pytest.mark.parametrize("name", ["GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"])
def test_no_other_variable_makes_a_notebook_cost_money(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "some-real-project")
    assert authenticate() == ""
    assert "Not signed in" in said(capsys)


def test_the_project_of_the_credentials_where_no_form_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True).stdout
    account = tmp_path / "account.json"
    account.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "of-the-account",
                "private_key": key,
                "client_email": "a@b.c",
                "token_uri": "http://127.0.0.1:1/token",
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    assert authenticate() == "of-the-account"
    assert "project of-the-account" in said(capsys)
    assert authenticate("") == ""
    assert "Not signed in" in said(capsys)


def test_workbench_is_signed_in_by_its_metadata_server(
    metadata_server: MetadataServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VERTEX_PRODUCT", "WORKBENCH_INSTANCE")
    assert authenticate() == PROJECT
    assert f"application default credentials for project {PROJECT}" in said(capsys)
    assert authenticate("another") == "another"


def test_credentials_without_a_quota_project_are_advice_and_no_warning(
    signed_in: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import warnings

    import google.auth

    real = google.auth.default

    def warning(**options: object) -> object:
        # What google-auth says where it was given no quota project of ours.
        warnings.warn(
            "Your application has authenticated using end user credentials without a quota project.", stacklevel=2
        )
        return real(**options)  # type: ignore[arg-type]

    monkeypatch.setattr(google.auth, "default", warning)
    with warnings.catch_warnings(record=True) as warned:
        authenticate("my-project")
    assert warned == []
    assert "gcloud auth application-default set-quota-project my-project" in capsys.readouterr().out


def test_colab(colab: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert authenticate("my-project") == "my-project"
    assert colab == ["my-project"]
    assert "Colab" in said(capsys)


def test_colab_enterprise_is_signed_in_already(
    colab: list[str], signed_in: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VERTEX_PRODUCT", "COLAB_ENTERPRISE")
    assert authenticate("my-project") == "my-project"
    assert colab == []
    assert "application default credentials" in said(capsys)


def test_missing_credentials_name_the_command() -> None:
    with pytest.raises(SignInError, match="my-project") as caught:
        authenticate("my-project")
    assert "gcloud auth application-default login" in str(caught.value).splitlines()[-1]


def test_a_refused_sign_in_says_what_to_do(colab: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(clear_output: bool = True, project_id: str | None = None) -> None:
        raise RuntimeError("secret details")

    monkeypatch.setattr(sys.modules["google.colab.auth"], "authenticate_user", refused)
    with pytest.raises(SignInError, match="Run the cell again"):
        authenticate("my-project")


def test_an_emulator_asks_for_no_sign_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], colab: list[str]
) -> None:
    monkeypatch.setenv("MEMORYSTORE_EMULATOR_HOST", "127.0.0.1:8090")
    assert authenticate("my-project") == "my-project"
    assert capsys.readouterr().out == (
        "Not signed in: MEMORYSTORE_EMULATOR_HOST names an emulator, which needs no sign-in.\n"
    )
    assert colab == []
