"""The commands of docs/teaching.md, taken out of the page and run: a class on one server, and what a student can do."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
import redis
from langchain.agents import create_agent

from helpers import RedisSaver
from helpers._connecting.connection import connect, forget
from helpers._histories import writing as exactly_once
from helpers._histories.histories import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers._models.choice import chat_model
from helpers.embedded import EmbeddedServer, Engine
from helpers.sessions import delete_session
from helpers.widgets import ChatPanel, SessionExplorer
from tests.conftest import ROOT, answers, eventually
from tests.doctor.test_checks import live
from tests.test_sessions_of_agents import look_up_order
from tools.running.execution import execute

PAGE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
REFUSED = {
    "redis": "this user has no permissions to access one of the keys used as arguments",
    "valkey": "No permissions to access a key",
}


def block(language: str, containing: str) -> str:
    """The page's one code block in a language that contains a text."""
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", PAGE, re.MULTILINE | re.DOTALL)
    found = [textwrap.dedent(text) for _, text in blocks if containing in text]
    assert len(found) == 1, f"{len(found)} blocks of {language} contain {containing!r}"
    return found[0]


class Classroom(NamedTuple):
    """A server for a class."""

    engine: Engine
    folder: Path
    port: int
    address: str  # the administrator's

    def run(self, commands: str) -> str:
        """Run a block of the page as the administrator; returns what it printed."""
        for written, here in ((".venv/bin/python", sys.executable), ("REDIS_HOST:6379", f"127.0.0.1:{self.port}")):
            commands = commands.replace(written, here)
        done = subprocess.run(
            ["bash", "-euc", commands],
            cwd=self.folder,
            env={**os.environ, "REDIS_URL": self.address, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def addresses(self) -> dict[str, str]:
        lines = (self.folder / "addresses.txt").read_text().split()
        return {line.partition("://")[2].partition(":")[0]: line for line in lines}

    @property
    def admin(self) -> Any:
        return connect(self.address)


@pytest.fixture(params=["redis", "valkey"])
def classroom(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Classroom]:
    """The server that the page starts, or an embedded one; with the page's users."""
    with Embedded(request.param, tmp_path) if request.param == "valkey" else OfThePage(tmp_path) as made:
        (tmp_path / "students.py").write_text(block("python", '"""Users for a class'))
        users = block("shell", "students.py add anna")
        if made.engine == "valkey":
            users = users.partition("\n")[2]  # no classroom.conf, and so no password in it
        listed = made.run(users)
        assert [line.split("\t")[0] for line in listed.splitlines()] == ["anna", "ben", "carla"]
        assert (tmp_path / "addresses.txt").stat().st_mode & 0o077 == 0
        yield made
        for address in (
            (made.address, *made.addresses().values()) if (tmp_path / "addresses.txt").exists() else [made.address]
        ):
            forget(address)


class Embedded:
    """An embedded server."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._server, self._folder = EmbeddedServer(engine), folder

    def __enter__(self) -> Classroom:
        url = self._server.start().url
        return Classroom(self._server.engine, self._folder, int(url.rpartition(":")[2]), url)

    def __exit__(self, *_: object) -> None:
        self._server.stop()


class OfThePage:
    """redis-server with the page's configuration, on a free port of this computer only."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("redis-server") is None:
            pytest.skip("there is no redis-server")
        self._folder = folder

    def __enter__(self) -> Classroom:
        with EmbeddedServer("redis") as free:
            port = int(free.url.rpartition(":")[2])
        config = self._folder / "classroom.conf"
        written = block("text", "maxmemory-policy")
        assert "bind * -::*\nport 6379\n" in written
        config.write_text(written.replace("bind * -::*\nport 6379", f"bind 127.0.0.1\nport {port}"))
        *commands, start = block("shell", "redis-server classroom.conf").splitlines()
        here = Classroom("redis", self._folder, port, "")
        here.run("\n".join(commands))
        assert config.stat().st_mode & 0o077 == 0
        self._process = subprocess.Popen(start.split(), cwd=self._folder, stdout=subprocess.DEVNULL)
        password = re.findall("^requirepass (.+)$", config.read_text(), re.MULTILINE)[0]
        made = here._replace(address=f"redis://:{password}@127.0.0.1:{port}")
        assert eventually(lambda: answers(made.address))
        assert not answers(f"redis://127.0.0.1:{port}"), "it lets in whoever comes"
        return made

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def history(client: Any, session_id: str, **options: Any) -> RedisChatMessageHistory:
    return RedisChatMessageHistory(session_id, client=client, **options)


async def test_a_student_can_do_all_that_the_kit_does_and_nothing_more(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = classroom.addresses()["anna"]
    anna, admin = connect(address), classroom.admin
    history(connect(classroom.addresses()["ben"]), "ben-1").add_user_message("Ben's own")
    admin.acl_log_reset()
    admin.config_resetstat()

    # All of the tutorial, with the page's session ID.
    notebook = nbformat.read(ROOT / "notebooks" / "en" / "01_redis.ipynb", as_version=4)
    (form,) = [cell for cell in notebook.cells if "\nSESSION_ID = " in cell.source]
    form.source += "\n" + block("python", 'SESSION_ID = "anna-redis"')
    assert await execute(notebook, ROOT / "notebooks" / "en", {**os.environ, "REDIS_URL": address}) is None

    # The widgets.
    panel = ChatPanel(chat_model(), "anna-chat", lambda session_id: history(anna, session_id, ttl=60))
    panel._repr_mimebundle_()
    assert panel._error == ""
    await panel.send("Hi! I'm Bob.")
    assert "Bob" in await panel.send("What's my name?")
    panel.close()
    explorer = SessionExplorer(anna)
    explorer._repr_mimebundle_()
    assert [one.key for one in explorer.refresh()] == ["message_store:anna-chat"]
    await explorer._open(next(one for one, key in explorer._keys.items() if key == explorer.sessions[0].key))
    explorer.export(classroom.folder / "anna.jsonl")
    delete_session(anna, "message_store:anna-chat")
    assert explorer.load(classroom.folder / "anna.jsonl") == ["message_store:anna-chat"]
    assert len(history(anna, "anna-chat")) == 4
    MemorystoreChatMessageHistory(anna, "message_store:anna-other", max_messages=2).add_user_message("Hi")
    explorer.close()

    # An agent.
    saver = RedisSaver(anna, ttl=60)
    agent = create_agent(chat_model(), [look_up_order], checkpointer=saver)
    panel = ChatPanel(agent, "anna-agent")
    panel._repr_mimebundle_()
    assert panel._error == ""
    assert "12.50" in await panel.send("What did order 4711 cost?")
    panel.close()
    explorer = SessionExplorer(anna, "thread:anna-")
    explorer._repr_mimebundle_()
    assert [one.messages for one in explorer.refresh()] == [4]
    await explorer._open(next(one for one, key in explorer._keys.items() if key == explorer.sessions[0].key))
    explorer.export(classroom.folder / "threads.jsonl")
    delete_session(anna, "thread:anna-agent")
    assert explorer.load(classroom.folder / "threads.jsonl") == ["thread:anna-agent"]
    await live(saver, "anna-life")
    panel = ChatPanel(agent, "anna-agent")
    panel.clear()

    # A write after a fault, which leaves its fence.
    send, attempts = exactly_once._send_once, []

    def faulty(client: Any, command: Any) -> None:
        attempts.append(command)
        if len(attempts) == 1:
            raise redis.ConnectionError("it broke")
        send(client, command)

    with monkeypatch.context() as patch:
        patch.setattr(exactly_once, "_send_once", faulty)
        history(anna, "anna-fault").add_user_message("Hi")
    assert len(list(admin.scan_iter("message_store:{message_store:anna-fault}:write:*"))) == 1

    # Refused was only what the widgets leave out: the sessions of others.
    # `connect` asks once what kind of server it is, and takes no for an answer.
    assert {entry["object"] for entry in admin.acl_log()} == {"info", "message_store:ben-1"}
    seen = {name.removeprefix("cmdstat_") for name in admin.info("commandstats")}
    lines = re.findall('^(?:COMMANDS|THREADS) = "(.*)"$', block("python", "COMMANDS ="), re.MULTILINE)
    commands = " ".join(lines).split()
    assert len(lines) == 2
    administrators = {"info", "auth", "acl|log", "acl", "config|resetstat", "config"}
    assert seen - administrators == set(commands)


async def test_the_keys_of_others_are_refused(classroom: Classroom) -> None:
    ben = history(connect(classroom.addresses()["ben"]), "ben-1")
    ben.add_user_message("Ben's own")
    anna = connect(classroom.addresses()["anna"])
    theirs = history(anna, "ben-1")
    message = REFUSED[classroom.engine]
    assert f"NoPermissionError: {message}\n" in PAGE
    for attempt in (
        lambda: theirs.messages,
        lambda: theirs.add_user_message("Anna was here"),
        theirs.clear,
        lambda: len(theirs),
        lambda: history(anna, "redis-tutorial-en").clear(),
        lambda: delete_session(anna, "message_store:ben-1"),
        lambda: history(anna, "anna-a}b").add_user_message("Hi"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError, match=message):
            attempt()
    panel = ChatPanel(chat_model(), "ben-1", lambda session_id: history(anna, session_id))
    panel._repr_mimebundle_()
    assert panel._error == message
    with pytest.raises(redis.exceptions.NoPermissionError):
        await panel.send("Hi")
    panel.close()
    untyped: Any = anna
    for command in ("GET message_store:anna-1", "KEYS *", "FLUSHALL", "CONFIG GET requirepass", "ACL LIST"):
        with pytest.raises(redis.exceptions.NoPermissionError):
            untyped.execute_command(*command.split())
    assert b"message_store:ben-1" in list(anna.scan_iter())  # the name is no secret, as the page says
    assert [one.content for one in ben.messages] == ["Ben's own"]


def test_a_name_never_opens_the_keys_of_others(classroom: Classroom) -> None:
    for name in ("anna-lena", "an*", "default", "Anna", "a b", ""):
        with pytest.raises(AssertionError, match="can't be a name"):
            classroom.run(f".venv/bin/python students.py add '{name}'")
    assert sorted(classroom.admin.acl_users()) == ["anna", "ben", "carla", "default"]
    address = classroom.run(".venv/bin/python students.py add annabel").strip()
    with pytest.raises(redis.exceptions.NoPermissionError):
        history(connect(classroom.addresses()["anna"]), "annabel-1").add_user_message("Hi")
    history(connect(address), "annabel-1").add_user_message("Hi")
    forget(address)


def test_a_full_server_refuses_and_keeps(classroom: Classroom) -> None:
    anna, admin = connect(classroom.addresses()["anna"]), classroom.admin
    if classroom.engine == "redis":
        assert admin.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
        assert admin.config_get("maxmemory")["maxmemory"] == str(256 << 20)
    mine = history(anna, "anna-1")
    mine.add_user_message("Hi")
    admin.config_set("maxmemory", 1)
    with pytest.raises(redis.exceptions.OutOfMemoryError) as caught:
        mine.add_user_message("Once more")
    said = "command not allowed when used memory > 'maxmemory'"
    assert said in str(caught.value)
    assert f"OutOfMemoryError: {said}" in PAGE
    assert len(mine.messages) == 1
    mine.clear()
    assert len(mine) == 0
    admin.config_set("maxmemory", 0)


def test_the_end_of_a_class(classroom: Classroom) -> None:
    students = {name: connect(address) for name, address in classroom.addresses().items()}
    for name, client in students.items():
        history(client, f"{name}-1").add_user_message(f"I'm {name}.")
    history(classroom.admin, "somebody").add_user_message("Not of the class.")
    listed = classroom.run(".venv/bin/python students.py list").splitlines()
    assert [line.split("\t")[:2] for line in listed] == [[name, "1 sessions"] for name in ("anna", "ben", "carla")]
    (classroom.folder / "save.py").write_text(block("python", "everything = SessionExplorer(connect())"))
    assert classroom.run(".venv/bin/python save.py") == "4 sessions, 9 lines\n"
    assert classroom.run(block("shell", "students.py remove")) == ""
    admin = classroom.admin
    assert admin.acl_users() == ["default"]
    assert list(admin.scan_iter()) == [b"message_store:somebody"]
    assert not (classroom.folder / "addresses.txt").exists()
    for client in students.values():
        with pytest.raises(redis.ConnectionError):
            client.ping()
        client.close()
    restored = SessionExplorer(admin)
    delete_session(admin, "message_store:somebody")
    assert len(restored.load(classroom.folder / "sessions.jsonl")) == 4


def test_the_exercises_have_the_answers_that_the_page_says(classroom: Classroom) -> None:
    history(connect(classroom.addresses()["ben"]), "ben-1").add_user_message("Ben's own")
    exercises = PAGE.partition("### Exercises")[2].partition("\n## ")[0]
    cells = re.findall(r"^```python\n(.*?)^```$", exercises, re.MULTILINE | re.DOTALL)
    assert len(cells) == 10, "five answers and five checks"
    for place in range(0, 10, 2):
        variables: dict[str, Any] = {
            "client": connect(classroom.addresses()["anna"]),
            "SESSION_ID": "anna-redis",
            "MemorystoreChatMessageHistory": MemorystoreChatMessageHistory,
        }
        before = cells[:place] if place in (4, 6) else []  # 3 goes on where 2 ended
        if place == 8:
            variables["client"] = classroom.admin  # the second tutorial's own server
        for cell in [*before, cells[place], cells[place + 1]]:
            exec(cell, variables)  # noqa: S102
    assert list(connect(classroom.addresses()["anna"]).scan_iter("*anna*")) in ([], [b"message_store:anna-redis-brief"])


@pytest.mark.parametrize("place", range(5))
def test_a_check_fails_where_the_answer_is_wrong(client: redis.Redis, place: int) -> None:
    exercises = PAGE.partition("### Exercises")[2].partition("\n## ")[0]
    cells = re.findall(r"^```python\n(.*?)^```$", exercises, re.MULTILINE | re.DOTALL)
    history(client, "ben-1").add_user_message("Ben's own")  # which this client may read
    variables: dict[str, Any] = {
        "client": client,
        "SESSION_ID": "anna-redis",
        "MemorystoreChatMessageHistory": MemorystoreChatMessageHistory,
    }
    wrong = [
        cells[0].replace('"three"\n', '"one"\n'),
        cells[2].replace("600", "6000"),
        cells[2] + cells[4].replace("count = 6", "count = 4"),
        "from helpers import RedisChatMessageHistory\n" + cells[6],
        cells[8].replace('"one"\n', '"two"\n'),
    ][place]
    exec(wrong, variables)  # noqa: S102
    with pytest.raises(AssertionError):
        exec(cells[2 * place + 1], {**variables, "json": __import__("json")})  # noqa: S102
