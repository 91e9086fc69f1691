"""A history without an address: kept by the embedded server, and not without a word."""

import os
import subprocess
import sys

import pytest
import redis
from jupyter_client.manager import KernelManager

from helpers.embedded import EmbeddedServer

PROGRAM = """
import os, sys
from helpers import MemorystoreChatMessageHistory, RedisChatMessageHistory, connect
from helpers.sessions import find_sessions
connect(None)
for number in range(3):
    history = RedisChatMessageHistory(f"bob {number}", url=os.environ.get("MISTYPED") if number else "  ")
    history.add_user_message("remember me")
    RedisChatMessageHistory("ann", client=history.redis_client)
RedisChatMessageHistory("eve", url=os.environ.get("MISTYPED"))
print(len(history))
"""


def run_program(address: str | None) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    if address is not None:
        environment["REDIS_URL"] = address
    return subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment)


@pytest.mark.parametrize("address", [None, "", "a server"])
def test_no_address_in_a_program_is_warned_of_once(address: str | None, server: EmbeddedServer) -> None:
    run = run_program(address and server.url)
    assert run.stdout.strip() == "1"
    if address:
        assert run.stderr == ""
    else:
        assert run.stderr.count("Warning") == 1
        assert "so an embedded server keeps the chats, and it ends with this program" in run.stderr
        assert "REDIS_URL" in run.stderr
        redis.Redis.from_url(server.url, protocol=2).flushall()


def test_the_warning_names_the_callers_line() -> None:
    assert "<string>:7: UserWarning" in run_program(None).stderr


def test_a_notebook_without_an_address_is_quiet() -> None:
    manager = KernelManager(kernel_name="python3")
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    manager.start_kernel(env=environment)
    kernel = manager.blocking_client()
    kernel.start_channels()
    said: list[str] = []
    try:
        kernel.wait_for_ready(timeout=60)
        kernel.execute_interactive(
            PROGRAM, output_hook=lambda message: said.append(message["content"].get("text", "")), timeout=60
        )
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
    assert "".join(said).strip() == "1"
