"""What a reader does with a panel, in a real JupyterLab with a real kernel and a real Redis."""

import base64
import json
import os
import re
import signal
import struct
import zlib
from typing import Any

import pytest
import redis
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.types import Command
from playwright.sync_api import Browser, Locator, expect

from helpers import RedisChatMessageHistory, RedisSaver, chat_model
from helpers._localization.messages import catalog
from tests.support.axe import violations
from tests.support.chromium import chromium
from tests.support.jupyterlab import Lab, Notebook

if chromium() is None:
    pytest.skip("no Chromium", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere


SETUP = """\
import asyncio, os
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from helpers import RedisChatMessageHistory, chat_model, connect
from helpers.widgets import ChatPanel
client = connect()

def history(session_id):
    return RedisChatMessageHistory(session_id, client=client, ttl=3600, window=4, max_messages=6)

async def pieces(messages):
    "An answer of which each piece waits until the test lets it go."
    async for _ in messages:
        pass
    for piece in ("One **bold", "** word.\\n\\nA second", " paragraph."):
        yield AIMessageChunk(piece)
        await asyncio.to_thread(client.blpop, "go", 60)
"""
SLOW = 'ChatPanel(RunnableGenerator(pieces), "bob", history)'


def open_cells(lab: Lab, browser: Browser, *cells: str) -> tuple[Notebook, list[Locator]]:
    """A notebook of the setup and of cells, which have run, and the outputs of the latter."""
    names = [f"cell-{number}" for number in range(len(cells) + 1)]
    notebook = lab.open_cells(browser, dict(zip(names, [SETUP, *cells], strict=True)))
    return notebook, [notebook.cell(name) for name in names[1:]]


def field(panel: Locator, name: str = "Message") -> Locator:
    return panel.get_by_role("textbox", name=name)


def tell(panel: Locator, text: str, name: str = "Message") -> None:
    field(panel, name).fill(text)
    field(panel, name).press("Enter")


def log(panel: Locator) -> Locator:
    return panel.locator(".log")


def listed(panel: Locator) -> list[str]:
    """The lines of the list, each as it is read."""
    return [" ".join(one.split()) for one in panel.locator(".list tbody tr").all_inner_texts()]


def line(panel: Locator, text: str) -> Locator:
    return panel.locator(".list").get_by_text(text, exact=True)


def button(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("button", name=name, exact=True)


ASKED = {"en": "How many messages have I sent?", "ko": "제가 보낸 메시지는 몇 개인가요?"}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_panel_of_the_tutorial_live(lab: Lab, browser: Browser, client: redis.Redis, language: str) -> None:
    def say(text: str) -> str:
        return catalog(language).get(("", text)) or text

    source = lab.tree / "notebooks" / language / "01_redis.ipynb"
    tutorial = json.loads(source.read_text(encoding="utf-8"))
    ids = [cell["id"] for cell in tutorial["cells"]]
    tutorial["cells"] = tutorial["cells"][: ids.index("panel") + 1]
    source.with_name("panel.ipynb").write_text(json.dumps(tutorial), encoding="utf-8")
    notebook = lab.open(browser, f"{language}/panel.ipynb", language)
    notebook.run_all()
    panel, key = notebook.cell("panel"), f"message_store:redis-tutorial-{language}-panel"
    message = say("Message")

    expect(log(panel).get_by_text("Bob").first).to_be_visible()
    expect(panel.locator(".list tbody tr")).to_have_count(8)  # six messages, the window's edge and the cap's
    tell(panel, ASKED[language], message)
    expect(line(panel, ASKED[language])).to_be_visible()
    window, cap = (say(one).format(count=count) for one, count in zip(EDGES, (4, 6), strict=True))
    lines = listed(panel)
    assert (lines[4], lines[7]) == (window, cap)
    assert [one[0] for one in lines if one[0].isdigit()] == list("012345")
    assert client.llen(key) == 6
    # Korean has spaces between its words, and breaks lines only there.
    expect(panel.locator(".frame")).to_have_css("word-break", "keep-all" if language == "ko" else "normal")
    notebook.page.evaluate("() => document.activeElement.blur()")
    notebook.page.mouse.move(0, 0)
    notebook.screenshot(panel, f"chat_panel-{language}")
    tell(panel, "1 2 3", message)
    expect(line(panel, "1 2 3")).to_be_visible()
    assert client.llen(key) == 6  # the oldest two fell off
    expect(panel.locator(".list .fresh")).to_have_count(2)
    assert 3590 < client.ttl(key) <= 3600

    # The clock is counted in the page, and nobody asks Redis for it.
    before = client.info("commandstats")
    expect(panel.get_by_text(re.compile(r"59:5\d"))).to_be_visible()
    expect(panel.get_by_text(re.compile(r"59:4\d"))).to_be_visible(timeout=15_000)
    after = client.info("commandstats")
    assert {name for name in after if after[name]["calls"] != before.get(name, {}).get("calls")} <= {"cmdstat_info"}

    # Somebody else writes to the session, and the reader comes back.
    client.lpush(key, record(client, key, 1).replace(b"1 2 3", b"from elsewhere"))
    expect(line(panel, "from elsewhere")).to_have_count(0)
    log(panel).hover()
    expect(line(panel, "from elsewhere")).to_be_visible()

    # The page is loaded anew.
    notebook.save()
    notebook.page.reload()
    notebook.wait_until_ready()
    panel = notebook.cell("panel")
    expect(log(panel).get_by_text("1 2 3")).to_be_visible()
    tell(panel, "4 5 6", message)
    expect(line(panel, "4 5 6")).to_be_visible()
    expect(button(panel, say("Send"))).to_be_visible()
    assert b"4 5 6" in record(client, key, 1)

    # Another session, cleared again.
    session = field_of(panel, say("Session"))
    session.fill("redis-tutorial-new")
    session.press("Enter")
    expect(log(panel).get_by_text(say("No messages yet."))).to_be_visible()
    tell(panel, "a new session", message)
    expect(line(panel, "a new session")).to_be_visible()
    expect(button(panel, say("Send"))).to_be_visible()
    button(panel, say("Clear")).click()
    assert client.exists("message_store:redis-tutorial-new")
    button(panel, say("{label}: click again").format(label=say("Clear"))).click()
    expect(log(panel).get_by_text(say("No messages yet."))).to_be_visible()
    assert not client.exists("message_store:redis-tutorial-new")
    session.fill(key.partition(":")[2])
    button(panel, say("Open")).click()
    expect(log(panel).get_by_text("4 5 6")).to_be_visible()

    # The kernel begins anew, and the cells are run again.
    notebook.restart_kernel()
    notebook.run_all()
    panel = notebook.cell("panel")
    expect(panel.locator(".list tbody tr")).to_have_count(8)
    tell(panel, "after the restart", message)
    expect(line(panel, "after the restart")).to_be_visible()
    assert b"after the restart" in record(client, key, 1)
    assert notebook.dialogs == []
    notebook.close()


EDGES = (
    "The chain gets the latest {count} (window).",
    "Redis keeps at most {count} (max_messages); older ones drop off here.",
)


def record(client: redis.Redis, key: str, index: int) -> bytes:
    """One record of a list as it is stored."""
    found = client.lindex(key, index)
    assert isinstance(found, bytes)
    return found


def field_of(panel: Locator, label: str) -> Locator:
    return panel.get_by_label(label, exact=True)


def test_what_stands_is_not_drawn_again(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    notebook, (panel,) = open_cells(lab, browser, SLOW)
    tell(panel, "Tell me.")
    expect(log(panel).get_by_text("One **bold")).to_be_visible()
    assert not client.exists("message_store:bob")
    client.rpush("go", 1)
    expect(log(panel).locator("strong", has_text="bold")).to_be_visible()
    paragraph = log(panel).locator(".theirs p").first
    paragraph.evaluate("one => one.dataset.mine = 'yes'")
    client.rpush("go", 1)
    expect(log(panel).get_by_text("A second paragraph.")).to_be_visible()
    client.rpush("go", 1)
    expect(line(panel, "Tell me.")).to_be_visible()
    expect(button(panel, "Send")).to_be_visible()
    assert paragraph.get_attribute("data-mine") == "yes"
    assert log(panel).locator(".message").count() == 2
    tell(panel, "And again.")
    expect(log(panel).locator(".message")).to_have_count(4)
    assert paragraph.get_attribute("data-mine") == "yes"
    client.rpush("go", 1, 1, 1)
    expect(line(panel, "And again.")).to_be_visible()
    notebook.close()


def test_an_answer_is_stopped_and_asked_for_again(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    notebook, (panel,) = open_cells(lab, browser, SLOW)
    tell(panel, "Tell me.")
    expect(log(panel).get_by_text("One **bold")).to_be_visible()
    expect(field(panel)).to_have_value("")
    notebook.screenshot(panel, "chat_answering")
    button(panel, "Stop").click()
    expect(log(panel).get_by_text("Stopped. The unfinished answer was not stored.")).to_be_visible()
    expect(log(panel).get_by_text("One **bold")).to_be_visible()
    expect(field(panel)).to_have_value("Tell me.")
    notebook.screenshot(panel, "chat_stopped")
    assert not client.exists("message_store:bob")
    client.rpush("go", 1, 1, 1, 1)  # one for the answer that was stopped, which still waits for it
    button(panel, "Try again").click()
    expect(line(panel, "Tell me.")).to_be_visible()
    expect(field(panel)).to_have_value("")
    assert client.llen("message_store:bob") == 2
    expect(log(panel).locator(".message")).to_have_count(2)
    notebook.close()


def test_a_fault_is_said_and_the_line_kept(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    notebook, (panel,) = open_cells(lab, browser, 'ChatPanel(chat_model(), "bob", history)')
    client.set("message_store:bob", "something else")
    tell(panel, "Hi! I'm Bob.")
    expect(panel.get_by_role("alert")).to_contain_text("Choose another session_id or key_prefix; nothing was changed.")
    expect(field(panel)).to_have_value("Hi! I'm Bob.")
    client.delete("message_store:bob")
    field(panel).press("Enter")
    expect(line(panel, "Hi! I'm Bob.")).to_be_visible()
    expect(panel.get_by_role("alert")).to_be_hidden()
    expect(field(panel)).to_have_value("")
    assert client.llen("message_store:bob") == 2
    notebook.close()


def test_a_kernel_that_is_killed_in_mid_answer(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    notebook, (panel, _) = open_cells(lab, browser, SLOW, 'client.set("pid", os.getpid())')
    tell(panel, "Tell me.")
    expect(log(panel).get_by_text("One **bold")).to_be_visible()
    os.kill(int(str(client.get("pid"), "ascii")), signal.SIGKILL)  # type: ignore[arg-type]
    expect(panel.get_by_text("Run the cell again to continue.")).to_be_visible(timeout=30_000)
    expect(log(panel).get_by_text("Tell me.")).to_be_visible()
    expect(log(panel).get_by_text("One **bold")).to_be_visible()
    expect(field(panel)).to_have_value("Tell me.")
    notebook.screenshot(panel, "chat_without_kernel")
    notebook.close()


def test_two_panels_on_one_session(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    other = 'ChatPanel(chat_model(), "bob", history)'
    notebook, (one, another) = open_cells(lab, browser, other, other)
    tell(one, "Hi! I'm Bob.")
    expect(line(one, "Hi! I'm Bob.")).to_be_visible()
    expect(line(another, "Hi! I'm Bob.")).to_be_visible()
    tell(another, "What's my name?")
    for panel in (one, another):
        expect(line(panel, "What's my name?")).to_be_visible()
        expect(log(panel).locator(".message")).to_have_count(4)
    assert client.llen("message_store:bob") == 4
    button(one, "Clear").click()
    button(one, "Clear: click again").click()
    expect(log(another).get_by_text("No messages yet.")).to_be_visible()
    notebook.close()


def test_the_view_stays_at_the_end_unless_the_reader_left_it(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    many = RedisChatMessageHistory("bob", client=client)
    for number in range(20):
        many.add_messages([HumanMessage(f"question {number}"), AIMessage(f"answer {number}")])
    factory = "lambda name: RedisChatMessageHistory(name, client=client)"
    notebook, (panel,) = open_cells(lab, browser, f'ChatPanel(chat_model(), "bob", {factory})')
    place = "one => [one.scrollTop, one.scrollHeight - one.clientHeight - one.scrollTop]"
    expect(log(panel).get_by_text("answer 19")).to_be_in_viewport()
    tell(panel, "and one more")
    expect(line(panel, "and one more")).to_be_visible()
    assert log(panel).evaluate(place)[1] < 2
    log(panel).evaluate("one => one.scrollTop = 100")
    down = button(panel, "To the latest message")
    expect(down).to_be_visible()
    many.add_user_message("from elsewhere")
    button(panel, "Refresh").click()
    expect(line(panel, "from elsewhere")).to_be_visible()
    assert log(panel).evaluate(place)[0] == 100
    down.click()
    expect(log(panel).get_by_text("from elsewhere")).to_be_in_viewport()
    expect(down).to_be_hidden()
    notebook.close()


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![seen](https://example.com/track.png)",
    "<svg/onload=alert(1)>\n\n<iframe src=https://example.com></iframe>",
    "> " * 1000 + "deep",
    "\n".join(" " * 2 * level + "- deep" for level in range(300)),
    "a*_" * 350_000,
    "\ud83d half \udc00",
    "\u202egnp.exe\u202e \u2066\u2067 end",
    "[style](https://example.com)<style>*{display:none}</style>",
    "</script><!--",
    "{{7*7}} ${alert(1)} `</code><b>`",
]


@pytest.mark.filterwarnings("ignore:1 record")
def test_messages_that_are_made_to_break_out_are_text(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    kept = RedisChatMessageHistory("bob", client=client)
    kept.add_messages([kind(text) for text in HOSTILE for kind in (HumanMessage, AIMessage)])
    notebook, (panel, _) = open_cells(
        lab,
        browser,
        'ChatPanel(RunnableLambda(lambda messages: messages[-1].content), "bob", KEPT)'.replace(
            "KEPT", "lambda name: RedisChatMessageHistory(name, client=client)"
        ),
        "None",
    )
    for text in HOSTILE[:5]:
        expect(
            log(panel).get_by_text(text.split("\n")[0].replace("![seen]", "🖼 seen").partition("(https")[0]).first
        ).to_be_attached()
    for text in (HOSTILE[0], HOSTILE[2], HOSTILE[7], HOSTILE[9]):
        before = client.llen("message_store:bob")
        tell(panel, text)
        expect(button(panel, "Stop")).to_be_hidden(timeout=20_000)
        expect(panel.get_by_text(f"Messages: {before + 2}")).to_be_visible(timeout=20_000)
    inside = log(panel).evaluate(
        "one => [...one.querySelectorAll('*')].map(e => e.localName + ' ' + (e.getAttribute('href') ?? ''))"
    )
    tags = {one.split(" ")[0] for one in inside}
    assert not tags & {"img", "script", "iframe", "style", "b", "object", "embed", "link", "form"}
    assert {one.split(" ")[1] for one in inside} <= {"", "https://example.com/", "https://example.com/track.png"}
    assert notebook.dialogs == []
    notebook.save()
    notebook.page.reload()
    notebook.wait_until_ready()
    expect(log(notebook.cell("cell-1")).get_by_text("deep").first).to_be_attached()
    assert {url.split("/")[2] for url in notebook.requests if url.startswith(("http", "ws"))} == {
        f"127.0.0.1:{lab.port}"
    }
    assert notebook.dialogs == []
    assert notebook.complaints == []
    notebook.close()


def png(side: int) -> str:
    """A picture of noise, which does not shrink."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + os.urandom(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def test_photos_are_shown_small_once_they_are_seen(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    for side in (16, 700):  # one that travels with its message, and one of 2 MB
        photo = {"type": "image", "base64": png(side), "mime_type": "image/png"}
        history = RedisChatMessageHistory("bob", client=client)
        history.add_messages([HumanMessage([{"type": "text", "text": f"of {side}"}, photo]), AIMessage("Nice!")])
    elsewhere = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    history.add_messages([HumanMessage([elsewhere])])
    notebook, (panel,) = open_cells(lab, browser, 'ChatPanel(chat_model(), "bob", history)')
    photos = log(panel).get_by_role("img", name="Image")
    expect(photos).to_have_count(2)
    for number in range(2):
        photos.nth(number).scroll_into_view_if_needed()
        box = photos.nth(number).bounding_box()
        assert box is not None
        assert 0 < box["height"] <= 160
        assert photos.nth(number).evaluate("one => one.naturalWidth") == (16, 700)[number]
    expect(log(panel).get_by_role("link", name="🖼 Image")).to_have_attribute("href", "https://example.com/x.png")
    notebook.screenshot(panel, "chat_photos")
    notebook.close()


AGENT = """\
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from helpers import RedisSaver

def look_up_order(order: int) -> str:
    "What an order cost."
    return f"Order {order}: 12.50"

def refund(order: int, amount: float) -> str:
    "Give money back."
    return f"{amount} of {order} refunded"

asking = HumanInTheLoopMiddleware(interrupt_on={"refund": True})
agent = create_agent(
    chat_model(), [look_up_order, refund], checkpointer=RedisSaver(client, ttl=3600), middleware=[asking]
)
ChatPanel(agent, "bob")
"""


def refund(order: int, amount: float) -> str:
    """Give money back."""
    return f"{amount} of {order} refunded"


def test_an_agent_live(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    RedisChatMessageHistory("bob", client=client).add_user_message("a history's message")
    notebook, (panel,) = open_cells(lab, browser, AGENT)
    expect(field_of(panel, "Thread")).to_have_value("bob")
    tell(panel, "Hi! I'm Bob. <img src=x onerror=alert()>")
    expect(panel.locator(".list tbody tr")).to_have_count(2)
    expect(panel.get_by_text("expires in")).to_be_visible()
    tell(panel, "What did order 4711 cost?")
    expect(panel.locator(".list tbody tr")).to_have_count(6)
    expect(panel.locator(".list").get_by_text("new", exact=True).filter(visible=True)).to_have_count(4)
    call = log(panel).get_by_text("→ look_up_order(order=4711)")
    expect(call).to_have_count(1)
    call.click()
    expect(log(panel).locator("pre", has_text='"order": 4711')).to_be_visible()
    result = log(panel).get_by_text("look_up_order: Order 4711: 12.50")
    expect(result).to_be_visible()
    notebook.page.evaluate("() => document.activeElement.blur()")
    notebook.screenshot(panel, "agent_panel-en")
    tell(panel, "Refund 12.50 for order 4711")
    expect(log(panel).get_by_text("The agent waits for your decision")).to_be_visible()
    notebook.screenshot(panel, "agent_waits-en")
    # Answered by another process.
    asking = HumanInTheLoopMiddleware(interrupt_on={"refund": True})
    saver = RedisSaver(client)
    agent: Any = create_agent(chat_model(), [refund], checkpointer=saver, middleware=[asking])
    agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), {"configurable": {"thread_id": "bob"}})
    button(panel, "Refresh").click()
    expect(panel.locator(".list").get_by_text("refunded").first).to_be_visible()
    expect(log(panel).get_by_text("The agent waits for your decision")).to_be_hidden()
    assert log(panel).locator("img").count() == 0
    assert notebook.dialogs == []
    notebook.close()


def test_by_keyboard_alone(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    RedisChatMessageHistory("bob", client=client).add_messages([HumanMessage("Hi! I'm Bob."), AIMessage("Hi Bob!")])
    notebook, (panel,) = open_cells(lab, browser, 'ChatPanel(chat_model(), "bob", history)')
    press = notebook.page.keyboard.press
    field_of(panel, "Session").focus()
    seen = []
    for _ in range(9):
        seen.append(notebook.page.evaluate(FOCUSED))
        press("Tab")
    assert seen == [
        *("Session", "Open", "Refresh", "Clear", "Conversation", "Copy", "Copy", "Message"),
        "Send",
    ]
    field(panel).focus()
    notebook.page.keyboard.type("first line")
    press("Shift+Enter")
    notebook.page.keyboard.type("second line")
    expect(field(panel)).to_have_value("first line\nsecond line")
    height = field(panel).bounding_box()
    press("Enter")
    expect(line(panel, "first line second line")).to_be_visible()
    expect(field(panel)).to_be_focused()
    shrunk = field(panel).bounding_box()
    assert height is not None
    assert shrunk is not None
    assert height["height"] > shrunk["height"] + 10
    notebook.page.keyboard.type("by the button")
    press("Tab")
    press("Enter")
    expect(line(panel, "by the button")).to_be_visible()
    for _ in range(2):  # to the list, and what stands there
        press("Tab")
    button(panel, "Copy").last.focus()
    press("Enter")
    expect(button(panel, "Copied")).to_be_visible()
    button(panel, "Clear").focus()
    press("Enter")
    expect(button(panel, "Clear: click again")).to_be_focused()
    press("Enter")
    expect(log(panel).get_by_text("No messages yet.")).to_be_visible()
    assert notebook.prompt("cell-1").inner_text() == "[2]:"  # no key has reached JupyterLab
    notebook.close()


FOCUSED = """() => {
  let one = document.activeElement;
  while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return (one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent) || one.textContent;
}"""


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing(lab: Lab, browser: Browser, client: redis.Redis, theme: str, width: int) -> None:
    call: Any = {"name": "look_up_order", "args": {"order": 4711}, "id": "1"}
    usage: Any = {"input_tokens": 812, "output_tokens": 24, "total_tokens": 836}
    thinking: Any = [{"type": "reasoning", "reasoning": "I should look."}, {"type": "text", "text": MARKDOWN}]
    RedisChatMessageHistory("bob", client=client).add_messages(
        [
            HumanMessage("What did **order 4711** cost? `x` [a link](https://example.com)"),
            AIMessage("", tool_calls=[call]),
            AIMessage(thinking, usage_metadata=usage),
        ]
    )
    notebook, (panel,) = open_cells(lab, browser, SLOW)
    notebook.theme(theme)
    notebook.page.set_viewport_size({"width": width, "height": 1000})
    name = f"chat-{theme.lower()}-{width}"
    notebook.page.emulate_media(reduced_motion="reduce")
    notebook.screenshot(panel, name)
    tell(panel, "Stop me")
    expect(log(panel).get_by_text("One **bold")).to_be_visible()
    button(panel, "Stop").click()
    expect(button(panel, "Try again")).to_be_visible()
    button(panel, "Copy").first.focus()
    assert violations(panel) == []
    notebook.screenshot(panel, f"{name}-stopped")
    notebook.close()


MARKDOWN = """It cost **12.50 euros**:

| item | price |
|---|--:|
| tea | 4.50 |
| cup | 8.00 |

```python
order = look_up_order(4711)
```

> 주문 4711은 12.50유로입니다. 注文の金額です。

- مرحبا، كيف حالك؟
- [the list](https://example.com/list)"""
