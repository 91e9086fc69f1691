"""Trying again while an instance changes over to its replica: for seconds, not for a number of times."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from helpers.errors import CertificateRefusedError

T = TypeVar("T")

FAILOVER_SECONDS = 10.0
"""How long a command is tried again. An attempt that has begun is waited for."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

TRANSIENT = (redis.ConnectionError, redis.TimeoutError, OSError)
# Kinds of ConnectionError that no further attempt will mend.
FINAL = (
    redis.AuthenticationError,
    redis.exceptions.AuthorizationError,
    redis.exceptions.MaxConnectionsError,
    CertificateRefusedError,
)

# redis-py retries a command, and inside that the connection it needs: only the outer of the two may go on.
_retrying: ContextVar[bool] = ContextVar("retrying", default=False)


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this is the outermost of the retries that are going on."""
    outermost = not _retrying.get()
    token = _retrying.set(True)
    try:
        yield outermost
    finally:
        _retrying.reset(token)


@contextmanager
def without_retries() -> Iterator[None]:
    """Have what fails fail at once: when a first connection is made, the reason is wanted."""
    with _alone():
        yield


class _Pauses:
    """The pauses between attempts; it says when there is no time for another."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + FAILOVER_SECONDS
        self._backoff = ExponentialWithJitterBackoff(base=_FIRST_PAUSE, cap=_LONGEST_PAUSE)
        self.failures = 0

    def after(self, error: Exception, is_retryable: Callable[[Any], bool] | None) -> float:
        """Seconds to wait after a failure, or raise it again."""
        self.failures += 1
        pause = self._backoff.compute(self.failures)
        if isinstance(error, FINAL) or (is_retryable and not is_retryable(error)):
            raise error
        if time.monotonic() + pause > self._deadline:
            raise error
        return pause


def _report(fail: Callable[..., Any], error: Exception, failures: int, with_failure_count: bool) -> Any:
    return fail(error, failures) if with_failure_count else fail(error)


class FailoverRetry(Retry):
    """Tries again with growing pauses until `FAILOVER_SECONDS` are over."""

    def __init__(self) -> None:
        super().__init__(ExponentialWithJitterBackoff(base=_FIRST_PAUSE, cap=_LONGEST_PAUSE), -1, TRANSIENT)

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> T:
        """As redis-py's, but for a time."""
        with _alone() as outermost:
            pauses = _Pauses()
            while True:
                try:
                    return do()
                except TRANSIENT as error:
                    _report(fail, error, pauses.failures + 1, with_failure_count)
                    if not outermost:
                        raise
                    pause = pauses.after(error, is_retryable)
                time.sleep(pause)


class AsyncFailoverRetry(AsyncRetry):
    """`FailoverRetry` for redis-py's asyncio client."""

    def __init__(self) -> None:
        super().__init__(ExponentialWithJitterBackoff(base=_FIRST_PAUSE, cap=_LONGEST_PAUSE), -1, TRANSIENT)  # type: ignore[arg-type]

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[T]],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> T:
        """As redis-py's, but for a time."""
        with _alone() as outermost:
            pauses = _Pauses()
            while True:
                try:
                    return await do()
                except TRANSIENT as error:
                    await _report(fail, error, pauses.failures + 1, with_failure_count)
                    if not outermost:
                        raise
                    pause = pauses.after(error, is_retryable)
                await asyncio.sleep(pause)
