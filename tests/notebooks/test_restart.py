"""The lesson on agents, with its kernel restarted where it says so, in every language."""

import asyncio
from pathlib import Path

import nbformat
import pytest
import redis

from helpers.embedded import EmbeddedServer
from tools.running.execution import execute, lasting_outputs, shown
from tools.tutorials import LANGUAGES, neutral_environment, notebook_path


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answer_comes_after_the_kernel_was_restarted(
    server: EmbeddedServer, client: redis.Redis, tmp_path: Path, language: str
) -> None:
    client.set("somebody-elses", "stays")
    lesson = nbformat.read(notebook_path(language, "03_agents"), as_version=4)
    committed = [shown(cell.get("outputs", [])) for cell in lesson.cells]
    places = {cell.id: place for place, cell in enumerate(lesson.cells)}
    # What the lesson says to run again is all that the rest may need.
    again = [*range(places["setup"], places["short"]), places["desk"]]
    rest = range(places["kernel"], len(lesson.cells))

    def run(*part: int) -> None:
        notebook = nbformat.v4.new_notebook(cells=[lesson.cells[place] for place in part])
        environment = neutral_environment() | {"REDIS_URL": server.url}
        assert asyncio.run(execute(notebook, tmp_path, environment)) is None
        for place in part:
            if lesson.cells[place].cell_type == "code":
                assert shown(lasting_outputs(lesson.cells[place])) == committed[place], lesson.cells[place].id

    run(*again, places["request"])
    assert len(client.keys("thread:agents-tutorial-*-case")) == 1
    run(*again, *rest)
    assert client.keys() == [b"somebody-elses"]
