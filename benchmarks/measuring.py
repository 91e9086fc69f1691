"""What the benchmarks share: an implementation's process, and the place in a page for what was measured."""

import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Worker:
    """An implementation's process, which answers each line with one.

    Args:
        script: The worker's file, beside this one.
        python: The interpreter that has the implementation.
        arguments: What the worker is started with.
    """

    def __init__(self, script: str, python: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [str(python), "-P", str(HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # out of reach of Ctrl-C: it ends once its input does
        )

    def do(self, work: str) -> dict[str, Any]:
        """What comes of a piece of work."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{work}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The worker ended during {work!r}, with status {self._process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def put_between(page: Path, mark: str, figures: str) -> None:
    """Put figures into a page, between the two comments of that name."""
    text = page.read_text(encoding="utf-8")
    before, opened, rest = text.partition(f"<!-- {mark} -->\n")
    _, closed, after = rest.partition(f"<!-- /{mark} -->")
    if not opened or not closed:
        raise ValueError(f"{page} has no <!-- {mark} --> and <!-- /{mark} -->.")
    page.write_text(f"{before}{opened}{figures}\n{closed}{after}", encoding="utf-8")


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [f"| {' | '.join(columns)} |", "|---" + "|--:" * (len(columns) - 1) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])
