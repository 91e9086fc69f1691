"""What a reader does with a panel, in a real JupyterLab with a real kernel and a real Redis."""

import re
from collections.abc import Iterator

import nbformat
import pytest
import redis
from playwright.sync_api import Browser, Locator, expect

from helpers.embedded import EmbeddedServer
from tests.conftest import copy_of_the_tree
from tests.support.chromium import chromium
from tests.support.jupyterlab import Lab, Notebook, running_browser, running_lab

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


SETUP = """\
import asyncio
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from helpers import RedisChatMessageHistory, chat_model, connect
from helpers.widgets import ChatPanel
client = connect()
def history(session_id):
    return RedisChatMessageHistory(session_id, client=client, ttl=3600, window=4, max_messages=6)
"""


def open_cells(lab: Lab, browser: Browser, *cells: str) -> Notebook:
    """A notebook of the setup and of cells, which have run."""
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate([SETUP, *cells])]
    )
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(made, lab.tree / "notebooks" / "en" / "chat.ipynb")
    notebook = lab.open(browser, "en/chat.ipynb", "en")
    notebook.run_all()
    return notebook


def tell(panel: Locator, text: str) -> None:
    field = panel.get_by_role("textbox", name="Message")
    field.fill(text)
    field.press("Enter")


def test_a_line_is_answered(lab: Lab, browser: Browser, client: redis.Redis) -> None:
    notebook = open_cells(lab, browser, 'ChatPanel(chat_model(), "bob", history)')
    panel = notebook.cell("cell-1")
    tell(panel, "Hi! I'm Bob.")
    expect(panel.get_by_role("log").get_by_text("Nice to meet you, Bob!")).to_be_visible()
    expect(panel.locator(".list tbody tr")).to_have_count(4)
    expect(panel.get_by_text(re.compile(r"expires in 59:5\d"))).to_be_visible()
    assert client.llen("message_store:bob") == 2
    notebook.screenshot(panel, "chat-simple")
    notebook.close()
