"""``python -m helpers.emulator``: the emulator by itself, until it is told to stop."""

import argparse
import os
import queue
import signal
import sys
import textwrap
import threading

from helpers._localization.messages import say, words
from helpers.emulator.api.errors import PROVOKING_PROJECTS
from helpers.emulator.emulator import Emulator
from helpers.emulator.servers.tokens import DEFAULT_SECONDS
from helpers.environment import EMULATOR_VARIABLE
from helpers.errors import EmbeddedServerError

_BANNER = words(
    "Memorystore emulator, for practice and tests. It is not Google Cloud: it listens on this computer only, "
    "costs nothing, and forgets everything when it ends (Ctrl-C). To use it, in another terminal:"
)


def _parser() -> argparse.ArgumentParser:
    projects = "\n".join(
        textwrap.fill(f"{name}: {what}", 100, initial_indent="  ", subsequent_indent="      ")
        for name, what in PROVOKING_PROJECTS.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m helpers.emulator",
        description="A local stand-in for the APIs of Memorystore for Redis and Memorystore for Valkey, for practice "
        "and tests. It issues the access tokens of IAM authentication too.",
        epilog=f"Any project ID will do. These have something wrong about them, to practise on:\n{projects}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, default=0, help="where the API listens (default: a free port)")
    parser.add_argument(
        "--operation-seconds",
        type=_seconds,
        default=2.0,
        metavar="S",
        help="how long creating and updating take; deleting takes half of it (default: %(default)s)",
    )
    parser.add_argument(
        "--failover-seconds", type=_seconds, default=2.0, metavar="S", help="how long a failover takes (default: 2.0)"
    )
    parser.add_argument(
        "--token-seconds",
        type=_seconds,
        default=DEFAULT_SECONDS,
        metavar="S",
        help="how long an access token is good for (default: %(default)s)",
    )
    parser.add_argument(
        "--engine",
        choices=("valkey", "redis", "fakeredis"),
        help="the instances' servers (default: valkey); with fakeredis, Memorystore for Valkey has single nodes "
        "without authentication only",
    )
    parser.add_argument(
        "--common-name-only",
        action="store_true",
        help="have certificates name their address as the common name alone, as some of Google's do",
    )
    # For `practice_project`: whoever holds the other end of standard input decides how long this lives.
    parser.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 3600:
        raise ValueError
    return seconds


def main() -> int:
    """Run the emulator; returns the exit code."""
    options = _parser().parse_args()
    # The one kind of queue that a signal handler may safely put into.
    ending: queue.SimpleQueue[None] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.put(None))
    try:
        emulator = Emulator(
            port=options.port,
            operation_seconds=options.operation_seconds,
            failover_seconds=options.failover_seconds,
            engine=options.engine,
            common_name_only=options.common_name_only,
            token_seconds=options.token_seconds,
        ).start()
    except EmbeddedServerError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Port {options.port} of 127.0.0.1 can't be had: {error.strerror}.", file=sys.stderr)
        return 1
    with emulator:
        print(say(_BANNER), f"export {EMULATOR_VARIABLE}={emulator.host}", sep="\n", flush=True)
        if options.until_stdin_closes:
            threading.Thread(target=_wait_for_end_of_stdin, args=(ending,), daemon=True).start()
        ending.get()
    return 0


def _wait_for_end_of_stdin(ending: "queue.SimpleQueue[None]") -> None:
    # Not through sys.stdin, whose lock a thread must not hold when the interpreter ends.
    while os.read(0, 1024):
        pass
    ending.put(None)


if __name__ == "__main__":
    sys.exit(main())
