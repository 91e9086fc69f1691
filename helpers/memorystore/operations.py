"""What takes minutes: seeing an operation of the API through, with its progress shown."""

import time
from collections.abc import Callable

from google.api_core.operation import Operation

from helpers._localization import formats
from helpers._localization.messages import say
from helpers.errors import HelpersError
from helpers.memorystore.api.clients import CALL_SECONDS
from helpers.memorystore.api.errors import advised
from helpers.memorystore.progress import Progress

WAIT_SECONDS = 1800
"""How long a creation, a failover or a deletion is waited for. They take minutes."""
_FIRST_POLL, _LONGEST_POLL = 0.25, 10.0


class StillRunningError(HelpersError, TimeoutError):
    """An operation took longer than the wait for it. It continues."""


def operation_done(operation: Operation, doing: str) -> bool:
    """Whether an operation has ended well.

    Args:
        operation: The operation.
        doing: What it does, to follow "Could not ".

    Raises:
        MemorystoreError: It has ended otherwise.
    """
    with advised(doing):
        if not operation.done():
            return False
        operation.result(timeout=CALL_SECONDS)
    return True


def wait_for(label: str, done: str, is_done: Callable[[], bool], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    pause = _FIRST_POLL
    with Progress(label) as progress:
        try:
            while not is_done():
                if time.monotonic() + pause > deadline:
                    raise StillRunningError(
                        f"Not done after {timeout:.0f} seconds, and the operation continues.\n"
                        + formats.label(
                            label, say("Check its state with list_instances, or call again to keep waiting.")
                        )
                    )
                until = time.monotonic() + pause
                while (left := until - time.monotonic()) > 0:
                    time.sleep(min(left, 0.5))
                    progress.step()
                pause = min(pause * 1.5, _LONGEST_POLL)
        except KeyboardInterrupt:
            progress.done(
                say(
                    "{label}: stopped waiting; the operation continues. list_instances shows its state.",
                    label=label,
                )
            )
            raise
        progress.done(done)
