"""The process that speaks TLS for a class's server, run by `helpers._classroom.server`.

It reads one line of JSON from its standard input (``{"addresses": […], "port": …, "target": …, "certificate": …}``),
prints one line of JSON (``{}`` or ``{"error": …}``), and passes bytes on until it is told to end (SIGTERM).
"""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from helpers._tls.certificates import server_context
from helpers._tls.listener import Listener, bound_socket

_LINE = 1 << 16


async def serve(config: dict[str, Any]) -> None:
    """Pass bytes on until the process is told to end."""
    context, target = server_context(Path(config["certificate"])), ("127.0.0.1", config["target"])
    listeners = [Listener(bound_socket((one, config["port"])), target, tls=context) for one in config["addresses"]]
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    for one in listeners:
        one.open()
    print("{}", flush=True)
    await ended.wait()
    for one in listeners:
        await one.close()


def main() -> None:
    """Run the process."""
    try:
        asyncio.run(serve(json.loads(sys.stdin.buffer.readline(_LINE))))
    except OSError as error:
        print(json.dumps({"error": error.strerror or type(error).__name__}), flush=True)


if __name__ == "__main__":
    main()
