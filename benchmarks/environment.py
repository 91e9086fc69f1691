"""How long a reader waits for the environment: as `make` makes it with uv, beside pip on the same lock.

Both begin with nothing, without a cache, in alternating rounds. uv's time has its own installation by pip in it.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ("--requirement", "requirements.txt")


def with_pip(python: Path) -> None:
    """Install what a reader needs, as `pip install -r requirements.txt` does."""
    _run(python, "pip", "install", "--quiet", "--no-cache-dir", *LOCK)


def with_uv(python: Path) -> None:
    """Install what a reader needs, as the Makefile does."""
    release = re.search(r"^uv==[^ ;\n]+", (ROOT / "requirements-dev.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert release is not None
    _run(python, "pip", "install", "--quiet", "--no-cache-dir", release[0])
    _run(python, "uv", "pip", "install", "--quiet", "--no-cache", "--python", str(python), *LOCK)


def _run(python: Path, *module: str) -> None:
    subprocess.run([str(python), "-m", *module], cwd=ROOT, check=True)


def measured(install: Callable[[Path], None]) -> tuple[float, float]:
    """Seconds from nothing to a whole environment, and its size in MB."""
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        venv.create(name, with_pip=True)
        install(Path(name, "Scripts" if os.name == "nt" else "bin", "python"))
        seconds = time.perf_counter() - started
        size = sum(path.lstat().st_size for path in Path(name).rglob("*"))
    return seconds, size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    options = parser.parse_args()
    pip, uv = [], []
    for _ in range(options.rounds):
        pip.append(measured(with_pip))
        uv.append(measured(with_uv))
        print(f"pip {pip[-1][0]:.0f} s, {pip[-1][1]:.0f} MB; uv {uv[-1][0]:.0f} s, {uv[-1][1]:.0f} MB", flush=True)
    times = [statistics.median(seconds for seconds, _ in one) for one in (pip, uv)]
    print(
        f"Medians of {options.rounds} alternating rounds, {os.cpu_count()} cores, Python {sys.version.split()[0]}: pip "
        f"{times[0]:.0f} s, uv with its own installation {times[1]:.0f} s, {times[1] / times[0]:.2f} times pip's."
    )


if __name__ == "__main__":
    main()
