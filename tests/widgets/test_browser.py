"""What a reader does with the widgets, in a real JupyterLab with a real kernel and a real Redis."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import redis
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.types import Command
from playwright.sync_api import Browser, Locator, expect

from helpers import RedisChatMessageHistory, RedisSaver, chat_model
from helpers._localization.messages import catalog
from helpers.embedded import EmbeddedServer
from tests.conftest import copy_of_the_tree
from tests.support.chromium import chromium
from tests.support.jupyterlab import Lab, Notebook, running_browser, running_lab

HOSTILE = "<img src=x onerror=alert(1)>"
ASKED = {"en": "How many messages have I sent?", "ko": "제가 보낸 메시지는 몇 개인가요?"}
LINES = ["How long does Redis keep a chat?", "And after a restart?", "What is a window?", "Thank you!"]
Say = Callable[[str], str]

if chromium() is None:
    pytest.skip("no Chromium", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def lab(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(copy_of_the_tree(tmp_path_factory.mktemp("lab")), server.url) as running:
        yield running


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url, protocol=2) as made:
        made.flushall()
        yield made


def spoken(language: str) -> Say:
    """What the package says, in a language."""
    return lambda text: catalog(language).get(("", text)) or text


def without_cleanup(lab: Lab, language: str, tutorial: str) -> str:
    """A copy of a tutorial that leaves its sessions there to be looked at."""
    source = lab.tree / "notebooks" / language / f"{tutorial}.ipynb"
    notebook = json.loads(source.read_text(encoding="utf-8"))
    ids = [cell["id"] for cell in notebook["cells"]]
    notebook["cells"] = notebook["cells"][: ids.index("cleanup")]
    source.with_name("open.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return f"{language}/open.ipynb"


def record(client: redis.Redis, key: str, index: int) -> bytes:
    """One record of a list as it is stored."""
    found = client.lindex(key, index)
    assert isinstance(found, bytes)
    return found


def rows(place: Locator) -> int:
    """How many records the list of a panel shows."""
    return place.locator("table tbody tr").count()


def button(place: Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def tell(panel: Locator, say: Say, text: str) -> None:
    field = panel.get_by_label(say("Message"), exact=True)
    field.fill(text)
    field.press("Enter")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_tutorial_live(lab: Lab, browser: Browser, client: redis.Redis, tmp_path: Path, language: str) -> None:
    say, key = spoken(language), f"message_store:redis-tutorial-{language}"
    notebook = lab.open(browser, without_cleanup(lab, language, "01_redis"), language)
    notebook.run_all()

    panel = notebook.cell("panel")
    _talk(notebook, panel, say, client, key)
    _refresh(notebook, say, client, key)
    panel = notebook.cell("panel")
    _switch_and_clear(panel, say, client, key)
    _explore(notebook, say, client, key, tmp_path, language)
    _restart(notebook, say, client, key)
    assert notebook.dialogs == []
    notebook.close()


def _talk(notebook: Notebook, panel: Locator, say: Say, client: redis.Redis, key: str) -> None:
    expect(panel.get_by_text("Bob").first).to_be_visible()
    assert client.llen(f"{key}-panel") == rows(panel) == 4
    tell(panel, say, ASKED[key[-2:]])
    expect(panel.locator("table").get_by_text(ASKED[key[-2:]], exact=True)).to_be_visible()
    notebook.page.evaluate("() => document.activeElement.blur()")
    notebook.screenshot(panel, f"chat_panel-{key[-2:]}")
    tell(panel, say, HOSTILE)
    expect(panel.get_by_text(HOSTILE).first).to_be_visible()
    expect(panel.locator("table tbody tr")).to_have_count(8)  # six messages, the window's edge and the cap's
    assert client.llen(f"{key}-panel") == 6
    assert HOSTILE.encode() in record(client, f"{key}-panel", 1)
    tell(panel, say, "1 2 3")
    expect(panel.locator("table").get_by_text("1 2 3", exact=True)).to_be_visible()
    assert client.llen(f"{key}-panel") == 6  # the oldest two fell off
    assert 3590 < client.ttl(f"{key}-panel") <= 3600
    expect(panel.get_by_text(re.compile(r"59:5\d"))).to_be_visible()
    expect(panel.get_by_text(re.compile(r"59:4\d"))).to_be_visible(timeout=15_000)  # it counts down
    # Somebody else writes to the session.
    client.lpush(f"{key}-panel", record(client, f"{key}-panel", 1).replace(b"1 2 3", b"from elsewhere"))
    expect(panel.locator("table").get_by_text("from elsewhere", exact=True)).to_be_visible()
    client.lpop(f"{key}-panel")
    assert panel.locator("img").count() == 0


def _refresh(notebook: Notebook, say: Say, client: redis.Redis, key: str) -> None:
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
    notebook.page.reload()
    notebook.wait_until_ready()
    panel = notebook.cell("panel")
    expect(panel.get_by_text("1 2 3").first).to_be_visible()
    tell(panel, say, "4 5 6")
    expect(panel.locator("table").get_by_text("4 5 6", exact=True)).to_be_visible()
    assert b"4 5 6" in record(client, f"{key}-panel", 1)


def _switch_and_clear(panel: Locator, say: Say, client: redis.Redis, key: str) -> None:
    session = panel.get_by_label(say("Session"), exact=True)
    session.fill(f"redis-tutorial-new-{key[-2:]}")
    session.press("Enter")
    expect(panel.get_by_text(say("No messages yet."))).to_be_visible()
    tell(panel, say, "a new session")
    new = f"message_store:redis-tutorial-new-{key[-2:]}"
    expect(panel.locator("table").get_by_text("a new session", exact=True)).to_be_visible()
    assert client.llen(new) == 2
    clear = button(panel, say("Clear"))
    clear.click()
    sure = button(panel, say("{label}: click again").format(label=say("Clear")))
    expect(sure).to_be_visible()
    assert client.exists(new)
    sure.click()
    expect(panel.get_by_text(say("No messages yet."))).to_be_visible()
    assert not client.exists(new)
    session.fill(f"{key.partition(':')[2]}-panel")
    button(panel, say("Open")).click()
    expect(panel.get_by_text("4 5 6").first).to_be_visible()


def _explore(notebook: Notebook, say: Say, client: redis.Redis, key: str, folder: Path, language: str) -> None:
    for number in range(12):
        for line in range(number % 4 + 1):
            message = json.dumps(
                {"type": "human", "data": {"content": LINES[line] if number != 7 else f"{HOSTILE} {line}"}}
            )
            client.lpush(f"{key}-student-{number:02}", message)
        client.expire(f"{key}-student-{number:02}", 600 * (number + 1))
    explorer = notebook.cell("explore")
    button(explorer, say("Search again")).click()
    names = explorer.get_by_role("button", name=re.compile(r"redis-tutorial-"))
    expect(names).to_have_count(10)
    notebook.screenshot(explorer, f"session_explorer-{language}")

    button(explorer, say("Bytes")).click()
    expect(button(explorer, f"{say('Bytes')} ▼")).to_be_visible()
    sizes = {one: sum(map(len, client.lrange(one, 0, -1))) for one in client.scan_iter(f"{key}*", _type="list")}
    largest = max(sizes, key=lambda one: sizes[one])
    expect(names.first).to_have_text(str(largest, "utf-8").partition(":")[2])
    explorer.get_by_label(say("Filter"), exact=True).fill("student-0")
    expect(names).to_have_count(10)
    explorer.get_by_label(say("Filter"), exact=True).fill("student-07")
    expect(names).to_have_count(1)
    names.first.click()
    expect(explorer.get_by_text(f"{HOSTILE} 3").first).to_be_visible()
    assert explorer.locator("img").count() == 0

    button(explorer, say("Export this session")).click()
    with notebook.page.expect_download() as downloading:
        explorer.get_by_role("link", name=re.compile("jsonl")).click()
    file = folder / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert len(file.read_text().splitlines()) == 2 + 4
    before = client.lrange(f"{key}-student-07", 0, -1)

    button(explorer, say("Delete")).click()
    button(explorer, say("{label}: click again").format(label=say("Delete"))).click()
    expect(names).to_have_count(0)
    assert not client.exists(f"{key}-student-07")

    choose(notebook, explorer, say, file)
    expect(names).to_have_count(1)
    assert client.lrange(f"{key}-student-07", 0, -1) == before
    damaged = folder / "damaged.jsonl"
    damaged.write_text(file.read_text().replace("> 3", "> 9", 1))
    client.delete(f"{key}-student-07")
    choose(notebook, explorer, say, damaged)
    expect(explorer.get_by_role("alert")).to_contain_text("Line 3 of the export is damaged")
    assert not client.exists(f"{key}-student-07")


def choose(notebook: Notebook, explorer: Locator, say: Say, file: Path) -> None:
    """Choose a file to import."""
    with notebook.page.expect_file_chooser() as choosing:
        explorer.get_by_role("button", name=say("Import")).click()
    choosing.value.set_files(file)


def _restart(notebook: Notebook, say: Say, client: redis.Redis, key: str) -> None:
    notebook.restart_kernel()
    notebook.run_all()
    panel = notebook.cell("panel")
    expect(panel.locator("table tbody tr")).to_have_count(4)
    tell(panel, say, "after the restart")
    expect(panel.locator("table").get_by_text("after the restart", exact=True)).to_be_visible()
    assert b"after the restart" in record(client, f"{key}-panel", 1)


def test_memorystore_live(lab: Lab, browser: Browser) -> None:
    notebook = lab.open(browser, without_cleanup(lab, "en", "02_memorystore"), "en")
    notebook.run_all()
    picker = notebook.cell("pick")
    expect(picker.get_by_role("rowheader", name="chat-tutorial-en")).to_be_visible()
    button(picker, "Connect").click()
    expect(picker.get_by_text("Connected to chat-tutorial-en.")).to_be_visible()
    notebook.screenshot(picker, "instance_picker-en")
    picker.get_by_text("Create an instance").click()
    picker.get_by_label("ID", exact=True).fill("second")
    expect(picker.get_by_text("On the emulator it costs nothing.")).to_be_visible()
    button(picker, "Create").click()
    expect(picker.get_by_text("second is ready.")).to_be_visible()
    picker.get_by_label("Instance", exact=True).select_option(label="second (us-central1)")
    picker.get_by_text("Delete the chosen instance").click()
    delete = button(picker, "Delete")
    expect(delete).to_be_disabled()
    picker.get_by_label("Delete", exact=True).fill("second")
    delete.click()
    expect(picker.get_by_text("second is deleted.")).to_be_visible()
    expect(picker.get_by_role("rowheader", name="second")).to_have_count(0)
    panel = notebook.cell("panel")
    tell(panel, str, "hello there")
    expect(panel.locator("table").get_by_text("hello there", exact=True)).to_be_visible()
    notebook.close()


AGENT = """\
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware

from helpers import RedisSaver, chat_model, connect
from helpers.widgets import ChatPanel, SessionExplorer

def look_up_order(order: int) -> str:
    "What an order cost."
    return f"Order {order}: 12.50"

def refund(order: int, amount: float) -> str:
    "Give money back."
    return f"{amount} of {order} refunded"

asking = HumanInTheLoopMiddleware(interrupt_on={"refund": True})
saver = RedisSaver(connect(), ttl=3600)
agent = create_agent(chat_model(), [look_up_order, refund], checkpointer=saver, middleware=[asking])
"""


def test_an_agent_live(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    cells = {
        "agent": AGENT,
        "panel": 'ChatPanel(agent, "bob")',
        "explore": "SessionExplorer(connect())",
    }
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, id=name) for name, source in cells.items()]
    )
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(made, lab.tree / "notebooks" / "en" / "agent.ipynb")
    RedisChatMessageHistory("bob", client=client).add_user_message("a history's message")
    notebook = lab.open(browser, "en/agent.ipynb", "en")
    notebook.run_all()
    panel = notebook.cell("panel")
    tell(panel, str, "Hi! I'm Bob. <img src=x onerror=alert()>")
    expect(panel.locator("table tbody tr")).to_have_count(2)
    expect(panel.get_by_text("expires in")).to_be_visible()
    tell(panel, str, "What did order 4711 cost?")
    expect(panel.locator("table tbody tr")).to_have_count(6)
    expect(panel.get_by_text("→ look_up_order(order=4711)").first).to_be_visible()
    expect(panel.locator("table").get_by_text("new", exact=True)).to_have_count(4)
    assert panel.locator("img").count() == 0
    notebook.page.evaluate("() => document.activeElement.blur()")
    notebook.screenshot(panel, "agent_panel-en")
    tell(panel, str, "Refund 12.50 for order 4711")
    expect(panel.get_by_text("The agent waits for your decision").first).to_be_visible()
    notebook.screenshot(panel, "agent_waits-en")
    explorer = notebook.cell("explore")
    button(explorer, "Search again").click()
    button(explorer, "bob · Thread").click()
    expect(explorer.get_by_text("The agent waits for your decision").first).to_be_visible()
    notebook.screenshot(explorer, "session_explorer_threads-en")
    # Answered by another process.
    asking = HumanInTheLoopMiddleware(interrupt_on={"refund": True})
    saver = RedisSaver(client)
    agent: Any = create_agent(chat_model(), [refund], checkpointer=saver, middleware=[asking])
    agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), {"configurable": {"thread_id": "bob"}})
    expect(panel.get_by_text("refunded").first).to_be_visible()
    expect(panel.get_by_text("The agent waits for your decision")).to_have_count(0)
    button(explorer, "Delete").click()
    button(explorer, "Delete: click again").click()
    expect(button(explorer, "bob · Thread")).to_have_count(0)
    expect(panel.get_by_text("No messages yet.").first).to_be_visible()
    assert list(client.scan_iter()) == [b"message_store:bob"]
    notebook.close()


def refund(order: int, amount: float) -> str:
    """Give money back."""
    return f"{amount} of {order} refunded"


def test_an_agent_is_answered_after_a_restart(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    client.set("somebody-elses", "stays")
    cells = json.loads((lab.tree / "notebooks/en/03_agents.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell["id"] for cell in cells if cell["cell_type"] == "code"]
    asked = code.index("request") + 1
    notebook = lab.open(browser, "en/03_agents.ipynb", "en")
    notebook.run(*code[:asked])
    assert {b"thread:agents-tutorial-en", b"thread:agents-tutorial-en-case"} <= set(client.keys())

    notebook.restart_kernel_by_menu()
    notebook.run("install", "language", "form", "desk", *code[asked:])
    expect(notebook.prompt("install")).to_have_text("[1]:")  # it was a new kernel
    expect(notebook.cell("waiting")).to_have_text("refund {'order': 4711, 'amount': 12.5}")
    expect(notebook.cell("approve")).to_contain_text("12.50 euros refunded for order 4711.")
    assert client.keys() == [b"somebody-elses"]

    notebook.run_all()
    assert client.keys() == [b"somebody-elses"]
    assert notebook.dialogs == []
    notebook.close()


def test_by_keyboard_alone(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    notebook = lab.open(browser, without_cleanup(lab, "en", "01_redis"), "en")
    notebook.run_all()
    panel = notebook.cell("panel")
    panel.get_by_label("Session", exact=True).focus()
    seen = []
    for _ in range(6):
        focused = notebook.page.evaluate(
            "() => document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent"
        )
        seen.append(focused.strip())
        notebook.page.keyboard.press("Tab")
    assert seen[:3] == ["Session", "Open", "Clear"]
    assert {"Message", "Send"} <= set(seen)
    panel.get_by_label("Message", exact=True).focus()
    notebook.page.keyboard.type("typed by hand")
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Enter")  # on the button
    expect(panel.locator("table").get_by_text("typed by hand", exact=True)).to_be_visible()
    notebook.close()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_pictures_can_be_read_on_both_themes(lab: Lab, browser: Browser, theme: str) -> None:
    """A notebook that is only opened shows the committed pictures: text and background have to differ."""
    notebook = lab.open(browser, "fr/01_redis.ipynb", "fr")
    notebook.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    notebook.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    for cell in ("panel", "explore"):
        place = notebook.cell(cell)
        expect(place.locator("table").first).to_be_visible()
        assert place.locator(".jupyter-widgets").count() == 0
        for element in ("td", "caption", "th"):
            contrast = place.locator(element).first.evaluate(_CONTRAST)
            assert contrast > 4.5, (cell, element, contrast)
    notebook.screenshot(notebook.cell("panel"), f"picture-{theme.split()[-1].lower()}")
    notebook.close()


# The contrast of an element's text with the page behind it, as WCAG 2 defines it; 4.5 is its level AA.
_CONTRAST = """element => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    const [r, g, b, a = 1] = parse(getComputedStyle(one).backgroundColor);
    layers.push([r, g, b, a]);
    if (a === 1) break;
  }
  let behind = [255, 255, 255];
  for (const [r, g, b, a] of layers.reverse())
    behind = [r, g, b].map((value, place) => value * a + behind[place] * (1 - a));
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const [one, other] = [light(parse(getComputedStyle(element).color)), light(behind)].sort((x, y) => y - x);
  return (one + 0.05) / (other + 0.05);
}"""
