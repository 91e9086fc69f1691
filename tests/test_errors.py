"""The package's errors: in words, in every process."""

import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import grpc
import pytest
import redis
from google.api_core import exceptions as google

import helpers
from helpers.errors import HelpersError, NotAHistoryError, connection_error
from helpers.memorystore.api.errors import api_error

for module in pkgutil.walk_packages(helpers.__path__, "helpers."):
    if not module.name.endswith(("__main__", "emulator.fixture", "embedded.process")):
        importlib.import_module(module.name)


def kinds(base: type[HelpersError] = HelpersError) -> Iterator[type[HelpersError]]:
    """All classes of errors, whatever module they are in."""
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


KINDS = sorted({kind for kind in kinds() if kind.__module__.startswith("helpers.")}, key=lambda kind: kind.__name__)
VALUES = {str: "a text", int: 7, bool: True}


def made(kind: type[HelpersError]) -> HelpersError:
    """An error of a class, whatever its constructor asks for."""
    own = [base for base in kind.__mro__ if "__init__" in vars(base) and base.__module__.startswith("helpers.")]
    if not own:
        return kind("What happened, and where.\nWhat to do.")
    parameters = inspect.signature(own[0]).parameters.values()
    arguments = {
        one.name: VALUES.get(one.annotation, "a text") for one in parameters if one.default is inspect.Parameter.empty
    }
    return kind(**arguments)


def the_same(error: BaseException, other: BaseException) -> bool:
    return (type(error), str(error), repr(error), error.args, vars(error)) == (
        type(other), str(other), repr(other), other.args, vars(other)
    )  # fmt: skip


def pickled(protocol: int, error: Any) -> Any:
    return pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
COPIES: dict[str, Callable[[Any], Any]] = {
    **{f"pickle {protocol}": partial(pickled, protocol) for protocol in PROTOCOLS},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def test_all_of_them_are_looked_at() -> None:
    assert len(KINDS) >= 25
    assert {kind.__module__ for kind in KINDS} >= {
        "helpers.errors",
        "helpers.memorystore.api.errors",
        "helpers.sessions",
    }


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_and_copying(kind: type[HelpersError], way: str) -> None:
    error = made(kind)
    error.add_note("a note")
    vars(error)["of_the_callers"] = [1]
    assert the_same(COPIES[way](error), error)


def refused_call() -> google.GoogleAPICallError:
    """An error as the API's library makes it: with the call in it, which can't be copied."""
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        try:
            channel.unary_unary("/a.Service/Call")(b"", timeout=0.2)
        except grpc.RpcError as error:
            made: google.GoogleAPICallError = google.from_grpc_error(error)
            return made
    raise AssertionError


@pytest.mark.parametrize("way", COPIES)
def test_an_error_of_the_api_survives_too(way: str) -> None:
    error = api_error(refused_call(), "look something up")
    assert the_same(COPIES[way](error), error)


def fail(number: int) -> None:
    raise (
        NotAHistoryError(f"key {number}") if number % 2 else connection_error(redis.TimeoutError("no answer"), "there")
    )


def test_an_error_comes_back_from_a_pool_of_processes() -> None:
    """And the pool goes on: an error that can't be unpickled breaks it for good."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for number in range(4):
            with pytest.raises((NotAHistoryError, redis.TimeoutError)) as caught:
                pool.submit(fail, number).result()
            with pytest.raises(type(caught.value)) as expected:
                fail(number)
            assert str(caught.value) == str(expected.value)
