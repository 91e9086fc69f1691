"""Trying again for a time: what ends it, and what it is not for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis

from helpers._connecting import failover
from helpers._connecting.failover import FINAL, AsyncFailoverRetry, FailoverRetry, without_retries
from helpers.errors import InstanceGoneError

Attempts = Callable[..., int]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def attempts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    """How often something is tried that fails a number of times, and whether each failure was reported."""
    monkeypatch.setattr(failover, "FAILOVER_SECONDS", 0.3)

    def count(error: Exception, failures: int, **options: Any) -> int:
        tried: list[None] = []
        reported: list[Any] = []

        def do() -> str:
            tried.append(None)
            if len(tried) <= failures:
                raise error
            return "done"

        async def do_async() -> str:
            return do()

        async def report(*what: Any) -> None:
            reported.append(what)

        def call() -> Any:
            if request.param:
                return asyncio.run(AsyncFailoverRetry().call_with_retry(do_async, report, **options))
            return FailoverRetry().call_with_retry(do, lambda *what: reported.append(what), **options)

        with suppress(type(error)):
            assert call() == "done"
        counted = options.get("with_failure_count", False)
        expected = [(error, place) if counted else (error,) for place in range(1, min(len(tried), failures) + 1)]
        assert reported == expected
        return len(tried)

    return count


@pytest.mark.parametrize("with_failure_count", [False, True])
def test_what_passes_is_tried_again(attempts: Attempts, with_failure_count: bool) -> None:
    assert attempts(redis.ConnectionError("gone"), 2, with_failure_count=with_failure_count) == 3


def test_there_is_an_end(attempts: Attempts) -> None:
    assert 2 < attempts(redis.TimeoutError("no answer"), 10**9) < 100


@pytest.mark.parametrize("kind", FINAL)
def test_what_no_attempt_mends_is_told_at_once(attempts: Attempts, kind: type[Exception]) -> None:
    error = kind("refused") if kind is not InstanceGoneError else InstanceGoneError("it", "was deleted")
    assert attempts(error, 1) == 1


def test_what_the_caller_finds_hopeless_is_told_at_once(attempts: Attempts) -> None:
    assert attempts(redis.ConnectionError("gone"), 1, is_retryable=lambda error: False) == 1
    assert attempts(redis.ConnectionError("gone"), 1, is_retryable=lambda error: True) == 2


def test_a_first_connection_is_tried_once(attempts: Attempts) -> None:
    with without_retries():
        assert attempts(redis.ConnectionError("gone"), 1) == 1
