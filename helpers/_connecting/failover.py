"""Trying again while an instance changes over to its replica: for seconds, not for a number of times."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from helpers.errors import CertificateRefusedError, InstanceGoneError

FAILOVER_SECONDS = 10.0
"""How long a command is tried again. An attempt that has begun is waited for."""
_BACKOFF = ExponentialWithJitterBackoff(base=0.05, cap=1.0)

TRANSIENT = (redis.ConnectionError, redis.TimeoutError, OSError)
# Kinds of ConnectionError that no further attempt will mend.
FINAL = (
    redis.AuthenticationError,
    redis.exceptions.AuthorizationError,
    redis.exceptions.MaxConnectionsError,
    CertificateRefusedError,
    InstanceGoneError,
)

# redis-py retries a command, and inside that the connection it needs: only the outer of the two may go on.
_retrying: ContextVar[bool] = ContextVar("retrying", default=False)


@contextmanager
def _alone() -> Iterator[Callable[[Exception, int, Any], float]]:
    """Gives the function that says how long to wait before another attempt, or raises the error again."""
    deadline = -1.0 if _retrying.get() else time.monotonic() + FAILOVER_SECONDS

    def pause_after(error: Exception, failures: int, is_retryable: Callable[[Exception], bool] | None) -> float:
        pause = _BACKOFF.compute(failures)
        final = isinstance(error, FINAL) or (is_retryable and not is_retryable(error))
        if final or time.monotonic() + pause > deadline:
            raise error
        return pause

    token = _retrying.set(True)
    try:
        yield pause_after
    finally:
        _retrying.reset(token)


@contextmanager
def without_retries() -> Iterator[None]:
    """Have what fails fail at once: when a first connection is made, the reason is wanted."""
    with _alone():
        yield


class AsyncFailoverRetry(AsyncRetry):
    """`FailoverRetry` for redis-py's asyncio client."""

    def __init__(self) -> None:
        super().__init__(_BACKOFF, -1, TRANSIENT)  # type: ignore[arg-type]

    async def call_with_retry(
        self, do: Any, fail: Any, is_retryable: Any = None, with_failure_count: bool = False
    ) -> Any:
        """As redis-py's, but for a time."""
        with _alone() as pause_after:
            failures = 0
            while True:
                failures += 1
                try:
                    return await do()
                except TRANSIENT as error:
                    await (fail(error, failures) if with_failure_count else fail(error))
                    pause = pause_after(error, failures, is_retryable)
                await asyncio.sleep(pause)


class FailoverRetry(Retry):
    """Tries again with growing pauses until `FAILOVER_SECONDS` are over."""

    asynchronous = AsyncFailoverRetry

    def __init__(self) -> None:
        super().__init__(_BACKOFF, -1, TRANSIENT)

    def call_with_retry(self, do: Any, fail: Any, is_retryable: Any = None, with_failure_count: bool = False) -> Any:
        """As redis-py's, but for a time."""
        with _alone() as pause_after:
            failures = 0
            while True:
                failures += 1
                try:
                    return do()
                except TRANSIENT as error:
                    fail(error, failures) if with_failure_count else fail(error)
                    pause = pause_after(error, failures, is_retryable)
                time.sleep(pause)
