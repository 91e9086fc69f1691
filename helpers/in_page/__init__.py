"""What Python in a web page lacks and LangChain asks for, put in its place once, before anything else is loaded.

`helpers` imports this in a page and nowhere else. A page has no threads, so that what is given to a pool of threads is
done at once; and there are no builds of orjson and ormsgpack for it, so that modules which write the same bytes stand in.
"""

import importlib
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from helpers.in_page import plain_json, plain_msgpack


def submit(pool: ThreadPoolExecutor, task: Callable[..., Any], /, *arguments: Any, **options: Any) -> "Future[Any]":
    """Do a task at once, as a pool of threads would later.

    Args:
        pool: The pool, which does nothing.
        task: What is to be done.
        arguments: What it takes.
        options: Likewise.

    Returns:
        What comes of it: a result, or an error.
    """
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    try:
        future.set_result(task(*arguments, **options))
    except BaseException as error:
        future.set_exception(error)
    return future


ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]
for name, stand_in in (("orjson", plain_json), ("ormsgpack", plain_msgpack)):
    try:
        importlib.import_module(name)
    except ImportError:
        sys.modules[name] = stand_in
