"""The histories keep working where LangChain has no base class for them, as from 2.0 on."""

import subprocess
import sys

import pytest
from langchain_core.chat_history import BaseChatMessageHistory

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers.embedded import EmbeddedServer
from tests.conftest import ROOT
from tools.tutorials import neutral_environment

GONE = ["langchain_core.chat_history", "langchain_core.runnables.history"]


@pytest.mark.parametrize("history", [RedisChatMessageHistory, MemorystoreChatMessageHistory])
def test_where_there_is_the_class_the_histories_are_of_it(history: type) -> None:
    assert issubclass(history, BaseChatMessageHistory)


def test_without_the_class_the_histories_pass_the_same_tests() -> None:
    """All of them, sync and async, of both classes and of subclasses that override something."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.langchain_2", "tests/histories/test_history.py"],
        cwd=ROOT,
        env=neutral_environment(CI=""),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " passed in" in done.stdout


def test_nothing_imports_what_goes_and_the_panel_converses_without_it(server: EmbeddedServer) -> None:
    program = f"""\
import sys
sys.modules |= dict.fromkeys({GONE})
import asyncio, importlib, pkgutil
import helpers
from helpers._models.offline import OfflineChatModel

for module in pkgutil.walk_packages(helpers.__path__, "helpers."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
history = helpers.RedisChatMessageHistory("gone", {server.url!r})
assert type(history).__mro__[-2].__module__ == "helpers._histories.base"

async def talk():
    conversing = helpers._conversing.Conversing(OfflineChatModel(), lambda session_id: history)
    return [answer async for answer in conversing.answers("I'm Bob", "gone")]

assert "Bob" in asyncio.run(talk())[-1][-1].text
history.add_user_message("What's my name?")
history.add_ai_message("Bob")
print(*[message.type for message in history.messages], history)
history.clear()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == "human ai human ai <RedisChatMessageHistory 'message_store:gone'>\n"
