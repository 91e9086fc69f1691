"""The servers that a saver is tried on."""

from collections.abc import Iterator

import pytest

from helpers.embedded import EmbeddedServer

ON_BOTH = ("test_cost", "test_saver", "test_storage")
"""The modules whose tests ask what a saver does, and not what becomes of its connections."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run such tests in this process too, as a page does, but for those that need another process or a real server."""
    if (
        metafunc.module.__name__.rpartition(".")[2] in ON_BOTH
        and "server" in metafunc.fixturenames
        and metafunc.definition.get_closest_marker("real_server") is None
    ):
        metafunc.parametrize("server", ["process", "memory"], indirect=True)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """The server of all tests, or the one inside this process."""
    if getattr(request, "param", "process") == "process":
        yield server
        return
    with EmbeddedServer("memory") as inside:
        yield inside
