"""Puts in its place, once and before anything else is loaded, what Python in a web page lacks and LangChain asks for.

`helpers` calls `start` in a page and nowhere else. A page has no threads, so that what is given to a pool of threads is
done at once, and who waits for another thread waits in vain; and there are no builds of orjson and ormsgpack for it, so
that modules which write the same bytes stand in.
"""

import importlib
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from helpers._in_page import plain_json, plain_msgpack

_wait = threading.Condition.wait


class EndlessWaitError(RuntimeError):
    """Something waits for another thread, which a web page does not have."""


def wait(condition: threading.Condition, timeout: float | None = None) -> bool:
    """Wait as long as it is said, and not for ever.

    Args:
        condition: What is waited for.
        timeout: How many seconds.

    Returns:
        Whether it came about.

    Raises:
        EndlessWaitError: The wait would have no end.
    """
    if timeout is None:
        raise EndlessWaitError("There are no threads in a web page, so that nothing would end this wait.")
    return _wait(condition, timeout)


def submit(pool: ThreadPoolExecutor, task: Callable[..., Any], /, *arguments: Any, **options: Any) -> "Future[Any]":
    """Do a task at once, as a pool of threads would later.

    Args:
        pool: The pool, which does nothing.
        task: What is to be done. If it does nothing but wait for the others, it is over.
        arguments: What it takes.
        options: Likewise.

    Returns:
        What comes of it: a result, or an error.
    """
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    try:
        future.set_result(task(*arguments, **options))
    except EndlessWaitError:
        future.set_result(None)
    except BaseException as error:
        future.set_exception(error)
    return future


def start() -> None:
    """Put all of it in its place, for the whole process."""
    threading.Condition.wait = wait  # type: ignore[assignment, method-assign]
    ThreadPoolExecutor.submit = submit  # type: ignore[assignment, method-assign]
    for name, stand_in in (("orjson", plain_json), ("ormsgpack", plain_msgpack)):
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = stand_in
