"""LangChain as 2.0 leaves it to the histories: without their base class. `pytest -p tests.support.langchain_2`."""

import sys

import langchain_core.chat_history
import langchain_core.runnables.history  # which the tests use; it has taken hold of the class by now

assert "helpers" not in sys.modules
del langchain_core.chat_history.BaseChatMessageHistory


def pytest_sessionfinish() -> None:
    """Fail where LangChain's class was used all the same."""
    from helpers._histories import base

    assert base.BaseChatMessageHistory.__module__ == base.__name__
