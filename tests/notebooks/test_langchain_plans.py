"""What the first lesson says of LangChain's plans, held to what the installed LangChain says in its source."""

import inspect
import re

import pytest
from langchain_core import chat_history
from langchain_core.runnables import history

from tests.conftest import ROOT

SAID = (ROOT / "notebooks" / "source" / "01_redis.py").read_text(encoding="utf-8").replace("\n", " ")
PLANS = re.compile(
    r"deprecated this class \(since langchain-core (?P<wrapper>[\d.]+)\) and the base class of all such histories "
    r"\(since (?P<base>[\d.]+)\), and will remove both in version (?P<removal>[\d.]*\d)"
)


@pytest.mark.parametrize(
    ("which", "marked"),
    [
        ("wrapper", lambda: inspect.getsource(history.RunnableWithMessageHistory.__init__)),
        ("base", lambda: inspect.getsource(chat_history).partition("class BaseChatMessageHistory")[0]),
    ],
)
def test_the_deprecations_that_it_names_are_langchains_own(which: str, marked: object) -> None:
    said = PLANS.search(SAID)
    assert said
    assert callable(marked)
    source = marked()

    assert re.findall(r'since="([^"]+)"', source) == [said[which]]
    assert re.findall(r'removal="([\d.]+?)(?:\.0)?"', source) == [said["removal"]]
