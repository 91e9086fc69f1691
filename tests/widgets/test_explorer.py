"""The explorer's Python side. `test_ipywidgets_7.py` runs it with Colab's versions too."""

import json
import re
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, message_to_dict

from helpers import RedisSaver, chat_model
from helpers._connecting.connection import connect
from helpers._histories.histories import RedisChatMessageHistory
from helpers.embedded import EmbeddedServer
from helpers.sessions import DamagedExportError, SessionNotFoundError, export_sessions
from helpers.widgets import SessionExplorer
from helpers.widgets.session_explorer import KEPT
from tests.test_sessions_of_agents import look_up_order
from tests.widgets.page import HOSTILE, Page, eventually, no_live_markup, visible

HALF = "\ud83d"


@pytest.fixture
def many(client: redis.Redis) -> redis.Redis:
    for number in range(25):
        history = RedisChatMessageHistory(f"student-{number:02}", client=client, ttl=60 * (number + 1))
        for line in range(1 + number % 5):
            history.add_user_message(f"line {line} of {number}" + "x" * number)
    client.set("message_store:other", "no chat")
    return client


@pytest.fixture
async def explorer(many: redis.Redis) -> AsyncIterator[SessionExplorer]:
    made = SessionExplorer(many)
    yield made
    made.close()


@pytest.fixture
def page(explorer: SessionExplorer) -> Page:
    return Page(explorer)


def raw(message: BaseMessage) -> str:
    return json.dumps(message_to_dict(message))


async def test_a_page_is_told_of_every_session(page: Page, many: redis.Redis) -> None:
    assert sorted(page.column("session")) == [f"student-{number:02}" for number in range(25)]
    row = next(row["cells"] for row in page.data["rows"] if row["cells"]["session"] == "student-03")
    assert row["messages"] == 4
    assert row["bytes"] == sum(map(len, many.lrange("message_store:student-03", 0, -1)))
    assert 230 < row["until"] - time.time() <= 240
    assert row["last"] == "You: line 3 of 3xxx"
    assert page.data["searching"] is False
    assert "Sessions: 10 of 25" in visible(page.picture)


async def test_one_is_read_and_deleted(page: Page, many: redis.Redis) -> None:
    (id_,) = page.ids("student-03")
    page.ask("open", id=id_)
    await eventually(lambda: page.data["opened"])
    opened = page.data["opened"]
    assert [(one["who"], one["text"]) for one in opened["records"]] == [
        ("You", f"line {line} of 3xxx") for line in range(4)
    ]
    page.ask("close")
    assert not page.data["opened"]
    page.ask("delete", ids=[id_])
    await eventually(lambda: page.data["note"] == "Deleted: student-03")
    assert not many.exists("message_store:student-03")
    assert "student-03" not in page.column("session")
    page.ask("delete", ids=page.ids("student-04", "student-05"))
    await eventually(lambda: page.data["note"] == "Deleted: 2")
    assert len(page.column("session")) == 22
    assert many.get("message_store:other") == b"no chat"
    page.ask("open", id=id_)
    await eventually(lambda: page.data["opened"])
    assert page.data["opened"]["empty"] == "The session is gone."
    assert page.heard == [1, 2, 3, 4, 5]


@pytest.mark.filterwarnings("ignore:1 record")
async def test_half_an_emoji_and_any_byte_are_shown(client: redis.Redis) -> None:
    history = RedisChatMessageHistory("cut", client=client)
    history.add_messages([HumanMessage(f"see you {HALF}"), AIMessage(f"bye {HALF}")])
    client.rpush(b"message_store:\xff\xfe", *client.lrange(history.key, 0, -1))
    explorer = SessionExplorer(client)
    page = Page(explorer)
    assert "bye \ufffd" in page.picture
    assert r"\udcff\udcfe" in page.picture
    (id_,) = page.ids(r"\udcff\udcfe")
    page.ask("open", id=id_)
    await eventually(lambda: page.data["opened"])
    opened: Any = page.data["opened"]
    assert opened["records"][0]["text"] == "see you \ufffd"
    page.ask("export", ids=[id_], name=r"\udcff")
    await eventually(lambda: page.events)
    assert page.events[0]["name"] == "_udcff.jsonl"
    page.ask("delete", ids=[id_])
    await eventually(lambda: not client.exists(b"message_store:\xff\xfe"))
    explorer.close()


async def test_half_an_emoji_in_a_prefix_is_said(client: redis.Redis) -> None:
    page = Page(SessionExplorer(client, prefix=HALF))
    assert "surrogates" in page.data["error"]
    assert 'role="alert"' in page.picture


async def test_an_order_that_is_not_known_is_said_and_can_be_given(client: redis.Redis) -> None:
    client.rpush("x:1", raw(HumanMessage("at the head")), raw(HumanMessage("at the end")))
    page = Page(SessionExplorer(client, "x:"))
    said = "Order unknown: pass newest_first=True or False."
    assert said in page.picture
    page.ask("open", id=page.ids("1")[0])
    await eventually(lambda: page.data["opened"])
    assert page.data["opened"]["warning"] == said
    assert [one["text"] for one in page.data["opened"]["records"]] == ["at the head", "at the end"]
    for given, last in ((True, "at the head"), (False, "at the end")):
        page = Page(SessionExplorer(client, "x:", newest_first=given))
        assert f"You: {last}" in visible(page.picture)
        page.ask("open", id=page.ids("1")[0])
        await eventually(lambda shown=page: shown.data["opened"])  # type: ignore[misc]
        assert page.data["opened"]["records"][-1]["text"] == last
        assert page.data["opened"]["warning"] == ""


async def test_sizes_that_are_estimated_say_so(client: redis.Redis) -> None:
    RedisChatMessageHistory("large", client=client).add_messages([HumanMessage("x" * 500)] * 1000)
    RedisChatMessageHistory("small", client=client).add_messages([HumanMessage("x" * 500)])
    explorer = SessionExplorer(client)
    page = Page(explorer)
    large, small = sorted(explorer.sessions)
    assert f" 1,000 ≈ {large.bytes:,} " in visible(page.picture)
    assert f" 1 {small.bytes} " in visible(page.picture)
    assert {"value": large.bytes, "text": "≈ "} in page.column("bytes")


async def test_export_and_import_through_the_page(page: Page, many: redis.Redis) -> None:
    names = [f"student-{number:02}" for number in range(10)]
    keys = [f"message_store:{name}" for name in names]
    page.ask("export", ids=page.ids(*names))
    await eventually(lambda: page.events)
    assert page.data["note"] == "Exported sessions: 10"
    assert page.events[0]["name"] == "sessions.jsonl"
    content = page.events[0]["text"].encode()
    before = {key: many.lrange(key, 0, -1) for key in keys}
    many.delete(*keys)
    page.ask("import", content)
    await eventually(lambda: page.data["note"] == "Imported sessions: 10" and not page.data["searching"])
    assert {key: many.lrange(key, 0, -1) for key in keys} == before
    assert len(page.column("session")) == 25
    page.ask("import", content)  # the same file once more
    await eventually(lambda: "already has" in page.data["error"])
    many.delete(*keys)
    lines = content.decode().replace("line 0", r"line\u2028", 1).splitlines()
    record = json.loads(lines[2])["record"]
    lines[2] = json.dumps({"crc32": zlib.crc32(record.encode()), "record": record}, ensure_ascii=False)
    page.ask("import", ("\ufeff" + "\r\n".join(lines) + "\r\n\r\n").encode())  # as another editor saves it
    await eventually(lambda: many.exists(*keys) == 10)
    many.delete(*keys)
    page.ask("import", content.replace(b"line 0", b"line X", 1))
    await eventually(lambda: "Line 3 of the export is damaged" in page.data["error"])
    assert not many.exists(*keys)


async def test_one_session_is_exported(page: Page, many: redis.Redis) -> None:
    page.ask("export", ids=page.ids("student-07"), name="student-07")
    await eventually(lambda: page.events)
    assert page.events[0]["name"] == "student-07.jsonl"
    assert len(page.events[0]["text"].splitlines()) == 2 + 3
    many.delete("message_store:student-07")
    page.ask("export", ids=[row["id"] for row in page.data["rows"]])
    await eventually(lambda: page.data["note"] == "Exported sessions: 24")
    page.ask("export", ids=page.ids("student-07"), name="student-07")
    await eventually(lambda: "no session under the key" in page.data["error"])


async def test_an_export_too_large_for_the_page_is_refused(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.widgets.session_explorer.FILE_BYTES", 1000)
    page.ask("export", ids=page.ids("student-07", "student-08"))
    await eventually(lambda: page.data["error"])
    assert page.data["error"] == 'Too large for the page: use export("sessions.jsonl").'
    assert page.events == []


async def test_export_and_import_through_files(many: redis.Redis, tmp_path: Path) -> None:
    explorer = SessionExplorer(many)
    file = tmp_path / "all.jsonl"
    lines = explorer.export(file)
    assert lines == len(file.read_text().splitlines()) == 1 + 25 + 75
    assert len(explorer.refresh()) == 25
    with pytest.raises(FileExistsError):
        explorer.export(file)
    for keys in (["student-00"], ["message_store:student-00", "message_store:student-99"]):
        with pytest.raises(SessionNotFoundError):
            explorer.export(tmp_path / "some.jsonl", keys)
    with pytest.raises(TypeError):
        explorer.export(tmp_path / "some.jsonl", "message_store:student-00")  # type: ignore[arg-type]
    assert not (tmp_path / "some.jsonl").exists()
    many.delete("message_store:student-24")  # as if it had expired since it was found
    assert explorer.export(tmp_path / "rest.jsonl") == lines - 6
    many.delete(*(one.key for one in explorer.sessions))
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe" + file.read_bytes())
    with pytest.raises(DamagedExportError, match="Line 1"):
        explorer.load(tmp_path / "bytes.jsonl")
    assert len(explorer.load(file)) == 25
    assert len(explorer.refresh()) == 25


async def test_a_search_goes_on_in_the_background(many: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.widgets.session_explorer._PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("helpers.widgets.session_explorer._TOLD_SECONDS", 0.0)
    monkeypatch.setattr("helpers.sessions._PIPELINED", 5)
    monkeypatch.setattr("helpers.sessions.SCAN_COUNT", 5)
    explorer = SessionExplorer(many)
    page = Page(explorer)
    assert "searching …" in page.picture
    assert page.data["searching"] is True
    assert len(page.column("session")) < 25
    await eventually(lambda: not page.data["searching"])
    assert len(set(page.column("session"))) == 25
    RedisChatMessageHistory("zoe", client=many).add_user_message("Hi")
    page.ask("refresh")
    await eventually(lambda: not page.data["searching"])
    assert len(set(page.column("session"))) == len(page.column("session")) == 26
    assert len(explorer.sessions) == 26
    explorer.close()


async def test_a_server_that_is_gone_is_told_and_not_raised() -> None:
    server = EmbeddedServer().start()
    explorer = SessionExplorer(connect(server.url))
    server.stop()
    page = Page(explorer)
    assert "refused" in page.picture
    assert "refused" in page.data["error"]
    page.ask("refresh")
    await eventually(lambda: not page.data["searching"])
    assert "refused" in page.data["error"]


async def test_a_message_that_is_html_is_shown_and_never_run(client: redis.Redis) -> None:
    RedisChatMessageHistory(HOSTILE, client=client).add_user_message(f"</script>{HOSTILE}")
    page = Page(SessionExplorer(client))
    no_live_markup(page.picture)
    assert page.column("session") == [HOSTILE]
    assert page.kept["rows"][0]["cells"]["last"] == f"You: </script>{HOSTILE}"  # the script ends where it should
    assert page.shown["text/html"].count("</script>") == 2


async def test_a_saved_notebook_keeps_some_of_many(client: redis.Redis) -> None:
    record = raw(HumanMessage("x" * 1000))
    pipeline = client.pipeline(transaction=False)
    for number in range(KEPT + 50):
        pipeline.rpush(f"message_store:{number}", record)
    pipeline.execute()
    page = Page(SessionExplorer(client))
    assert len(page.data["rows"]) == KEPT + 50
    assert len(page.kept["rows"]) == KEPT
    assert page.kept["note"] == "Not saved here: 50 more"
    assert len(page.picture) < 12_000
    assert len(page.shown["text/html"]) < 140_000


def test_lines_of_an_export_say_what_they_are(client: redis.Redis) -> None:
    RedisChatMessageHistory("bob", client=client).add_user_message("Hi")
    first, second, third = map(json.loads, export_sessions(client, ["message_store:bob"]))
    assert first == {"format": "chat-sessions/1"}
    assert second.keys() == {"crc32", "session", "messages", "ttl_ms"}
    assert third.keys() == {"crc32", "record"}


async def test_threads_and_histories_are_told_apart_with_the_same_actions(client: redis.Redis, tmp_path: Path) -> None:
    agent: Any = create_agent(chat_model(), [look_up_order], checkpointer=RedisSaver(client))
    thread: Any = {"configurable": {"thread_id": "bob"}}
    agent.invoke({"messages": [("human", f"What did order 4711 cost? {HOSTILE}")]}, thread)
    RedisChatMessageHistory("bob", client=client).add_user_message("Hi")
    explorer = SessionExplorer(client)
    page = Page(explorer)
    assert "message_store:* thread:*" in visible(page.picture)
    assert "bob · Thread" in visible(page.picture)
    assert sorted(page.column("session:mark")) == ["", "Thread"]
    id_ = next(row["id"] for row in page.data["rows"] if row["cells"]["session:mark"])
    page.ask("open", id=id_)
    await eventually(lambda: page.data["opened"])
    assert "look_up_order(order=4711)" in str(page.data["opened"]["records"])
    assert re.fullmatch(r"Checkpoints: \d", page.data["opened"]["facts"][0])
    page.ask("export", ids=[id_], name="bob")
    await eventually(lambda: page.events)
    assert page.data["note"] == "Exported sessions: 1"
    explorer.export(tmp_path / "all.jsonl")
    page.ask("delete", ids=[id_])
    await eventually(lambda: not client.exists("thread:bob"))
    assert client.exists("message_store:bob")
    client.delete("message_store:bob")
    assert explorer.load(tmp_path / "all.jsonl") == ["message_store:bob", "thread:bob"]
    assert [one.kind for one in explorer.refresh()] == ["history", "thread"]
    explorer.close()
