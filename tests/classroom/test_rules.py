"""What a student's user may do: all that the kit does, with exactly the commands that docs/classroom.md lists."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import redis
from langchain.agents import create_agent

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, RedisSaver, chat_model, connect
from helpers._classroom.rules import COMMANDS, REPORT, rules
from helpers._histories import writing as exactly_once
from helpers.embedded import EmbeddedServer
from helpers.sessions import delete_session
from helpers.widgets import ChatPanel, SessionExplorer
from tests.conftest import ROOT
from tests.doctor.test_checks import live
from tests.support.room import Room, room_in
from tests.test_sessions_of_agents import look_up_order
from tools.running.execution import execute

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a class's server does not run on Windows itself")

PAGE = (ROOT / "docs" / "classroom.md").read_text(encoding="utf-8")
REFUSED = {
    "redis-server": "this user has no permissions to access one of the keys used as arguments",
    "embedded": "No permissions to access a key",
}


@pytest.fixture(params=REFUSED)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    """A class with Anna and Ben, on either engine."""
    with room_in(tmp_path / "class") as made:
        made.start("--engine", request.param)
        made.done("add", "anna", "ben")
        yield made


def history(client: Any, session_id: str, **options: Any) -> RedisChatMessageHistory:
    return RedisChatMessageHistory(session_id, client=client, **options)


async def test_a_student_uses_all_of_the_kit_and_every_command_that_is_allowed(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, teacher = room.student("anna"), room.teacher()
    history(room.student("ben"), "ben-1").add_user_message("Ben's own")
    teacher.acl_log_reset()
    teacher.config_resetstat()

    # All of lesson 1 and its exercises, as they are.
    for name in ("01_redis", "01_redis_exercises"):
        notebook = nbformat.read(ROOT / "notebooks" / "en" / f"{name}.ipynb", as_version=4)
        environment = {**os.environ, "REDIS_URL": room.address("anna")}
        assert await execute(notebook, ROOT / "notebooks" / "en", environment) is None
    assert teacher.hget(REPORT + "anna", "lesson") == b"01_redis_exercises"

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
    explorer.export(tmp_path / "anna.jsonl")
    delete_session(anna, "message_store:anna-chat")
    assert explorer.load(tmp_path / "anna.jsonl") == ["message_store:anna-chat"]
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
    explorer.export(tmp_path / "threads.jsonl")
    delete_session(anna, "thread:anna-agent")
    assert explorer.load(tmp_path / "threads.jsonl") == ["thread:anna-agent"]
    explorer.close()
    await live(saver, "anna-life")
    panel = ChatPanel(agent, "anna-agent")
    panel.clear()
    panel.close()

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
    assert len(list(teacher.scan_iter("message_store:{message_store:anna-fault}:write:*"))) == 1

    # Refused was only what the widgets leave out: the sessions of others.
    # `connect` asks once what kind of server it is, and takes no for an answer.
    assert {entry["object"] for entry in teacher.acl_log()} == {"info", "message_store:ben-1"}
    seen = {name.removeprefix("cmdstat_") for name in teacher.info("commandstats")}
    teachers = {"info", "auth", "hello", "acl|log", "acl", "config|resetstat", "config"}
    assert seen - teachers == set(COMMANDS)


def test_the_keys_of_others_are_refused_as_the_page_says(room: Room) -> None:
    ben = history(room.student("ben"), "ben-1")
    ben.add_user_message("Ben's own")
    anna = room.student("anna")
    theirs = history(anna, "ben-1")
    message = REFUSED[room.server.engine]
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
    assert b"message_store:ben-1" in list(anna.scan_iter())  # the name is no secret, as the page says
    assert [one.content for one in ben.messages] == ["Ben's own"]


async def test_a_panel_on_the_session_of_another_says_why_it_shows_nothing(room: Room) -> None:
    history(room.student("ben"), "ben-1").add_user_message("Ben's own")
    panel = ChatPanel(chat_model(), "ben-1", lambda session_id: history(room.student("anna"), session_id))
    panel._repr_mimebundle_()
    assert panel._error == REFUSED[room.server.engine]
    with pytest.raises(redis.exceptions.NoPermissionError):
        await panel.send("Hi")
    panel.close()


def test_the_page_lists_the_commands_and_keys_of_a_student() -> None:
    listed = PAGE.partition("## What a student may do")[2].partition("\n## ")[0]
    commands, keys, *_ = re.findall(r"(?:^\|.*\n)+", listed, re.MULTILINE)
    named = {name.lower().replace(" ", "|") for name in re.findall("`([A-Z ]+)`", commands)}
    assert named == set(COMMANDS)
    patterns = {re.sub("^(~|%R~)", "", rule) for rule in rules("anna") if "~" in rule}
    assert set(re.findall("`([a-z:_{*-]+)`", keys)) == patterns


def test_a_full_server_says_what_the_page_says() -> None:
    with EmbeddedServer() as server:
        client = connect(server.url)
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.OutOfMemoryError) as caught:
            history(client, "anna-1").add_user_message("Hi")
        said = "command not allowed when used memory > 'maxmemory'"
        assert said in str(caught.value)
        assert f"OutOfMemoryError: {said}\n" in PAGE
        client.config_set("maxmemory", 0)
