"""The histories on the engine that a web page has: each test of theirs that needs nothing but one."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory
from helpers.embedded import EmbeddedServer
from tests.conftest import client_of
from tests.histories import test_history
from tests.histories.test_history import History, Make

globals().update(
    (name, test)
    for name, test in vars(test_history).items()
    if name.startswith("test_") and list(inspect.signature(test).parameters) == ["make"]
)


@pytest.fixture(params=["redis", "memorystore"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a history of either class on an empty server in this process."""
    with EmbeddedServer("memory") as server, client_of(server) as client:

        def history(session_id: str = "bob", **options: Any) -> History:
            if request.param == "redis":
                return RedisChatMessageHistory(session_id, **{"client": client} | options)
            return MemorystoreChatMessageHistory(options.pop("client", client), session_id, **options)

        yield history
