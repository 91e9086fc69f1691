"""The lesson on Memorystore in the reader's own project: it spends nothing unasked, and leaves what exists alone."""

import asyncio
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from helpers.emulator import Emulator
from helpers.memorystore import create_instance, get_instance, list_instances
from helpers.memorystore.api.clients import cloud_redis_client
from helpers.memorystore.api.names import Service
from tests.tools.test_localize import cell
from tools.running.execution import Failure, execute
from tools.tutorials import ENGLISH, neutral_environment, notebook_path

PROJECT = "own-project"
LOCATION = f"projects/{PROJECT}/locations/us-central1"
NAME = f"{LOCATION}/instances/chat-tutorial-en"


def operations() -> int:
    """How many creations, updates, failovers and deletions there were, in either service."""
    found = cloud_redis_client(PROJECT).list_operations({"name": LOCATION})
    return len(found.operations)


def run(emulator: Emulator, folder: Path, *form: tuple[str, str]) -> Failure | None:
    """Run the lesson with its form filled in as given, where the environment names the project."""
    lesson = nbformat.read(notebook_path(ENGLISH, "02_memorystore"), as_version=4)
    for blank, filled in form:
        assert blank in cell(lesson, "form").source
        cell(lesson, "form").source = cell(lesson, "form").source.replace(blank, filled)
    environment = neutral_environment() | {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "MEMORYSTORE_EMULATOR_HOST": emulator.host,
        "PATH": "",  # no gcloud, which would keep the project as this machine's own
    }
    return asyncio.run(execute(lesson, folder, environment))


@pytest.mark.parametrize("service", ["redis", "valkey"])
@pytest.mark.parametrize("box", ["False", "True"])
def test_an_existing_instance_is_left_alone(
    memorystore_emulator: Emulator, tmp_path: Path, service: Service, box: str
) -> None:
    before = create_instance(NAME, service=service, replica_count=1)
    filled = (('SERVICE = "redis"', f'SERVICE = "{service}"'), ("CREATE_INSTANCE = False", f"CREATE_INSTANCE = {box}"))
    assert run(memorystore_emulator, tmp_path, *filled) is None
    assert get_instance(NAME) == before
    assert operations() == 1, "There was more than the creation above."


def test_without_the_box_ticked_nothing_is_created(memorystore_emulator: Emulator, tmp_path: Path) -> None:
    failure = run(memorystore_emulator, tmp_path)
    assert isinstance(failure, CellExecutionError)
    assert failure.ename == "InstanceNotFoundError"
    assert list_instances(PROJECT) == []
    assert operations() == 0


def test_with_the_box_ticked_one_instance_is_created_and_kept(memorystore_emulator: Emulator, tmp_path: Path) -> None:
    assert run(memorystore_emulator, tmp_path, ("CREATE_INSTANCE = False", "CREATE_INSTANCE = True")) is None
    assert [one.name for one in list_instances(PROJECT)] == [NAME]
    assert operations() == 1
