"""The progress display: a widget in a real kernel, a line on a terminal, plain lines in a log."""

import os
import pty
import subprocess
import sys
import time

import pytest
from jupyter_client.manager import KernelManager

from helpers.memorystore.progress import Progress
from tests.conftest import ROOT
from tools.running.execution import SocketKernelManager

PROGRAM = """
import time
from helpers.memorystore.progress import Progress
with Progress("Creating chat") as progress:
    for _ in range(3):
        progress.step("half way")
        time.sleep(0.05)
    progress.done("chat is ready.")
"""
WIDGET = "application/vnd.jupyter.widget-view+json"


def test_in_a_notebook_a_widget_gives_way_to_one_line() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        # The blocking client of the kernel manager that the notebooks use.
        sockets = SocketKernelManager()
        manager = KernelManager(transport=sockets.transport, ip=sockets.ip)
        manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=30)
        shown: list[tuple[str, dict[str, object]]] = []

        def keep(message: dict[str, object]) -> None:
            kind = str(message["msg_type"])
            content = message["content"]
            assert isinstance(content, dict)
            if kind in ("display_data", "update_display_data"):
                shown.append((kind, content))
            assert kind not in ("error", "stream"), content

        reply = client.execute_interactive(PROGRAM, output_hook=keep, timeout=30)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok"
    (first, started), (last, ended) = shown
    assert (first, last) == ("display_data", "update_display_data")
    assert WIDGET in started["data"]  # type: ignore[operator]
    assert ended["data"] == {"text/plain": "chat is ready."}
    assert started["transient"] == ended["transient"]


def test_on_a_terminal_one_line_is_written_over() -> None:
    ours, theirs = pty.openpty()
    run = subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(theirs)
    written = os.read(ours, 10_000).decode()
    os.close(ours)
    assert run.stdout == "chat is ready.\n"
    assert "\n" not in written
    lines = written.split("\r\x1b[K")
    assert lines[1:] == ["Creating chat …", *["Creating chat: 0 sec, half way"] * 3, ""]


def test_in_a_log_there_are_few_lines() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout == "chat is ready.\n"
    assert run.stderr == "Creating chat …\n"


def test_in_a_log_a_long_wait_is_told_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("helpers.memorystore.progress._TEXT_EVERY", 0.2)
    with Progress("Creating chat") as progress:
        for _ in range(10):
            progress.step("half way")
            time.sleep(0.05)
    told = capsys.readouterr()
    assert told.out == ""
    assert 2 <= told.err.count("half way") <= 3


def test_a_wait_that_breaks_off_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), Progress("Creating chat"):
        raise RuntimeError
    assert capsys.readouterr().out == ""
