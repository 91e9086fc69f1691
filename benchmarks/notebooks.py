"""How long the notebooks take under nbmake, in warm and in cold kernels, beside the same cells as plain scripts.

All run every tutorial in every language once, as many at once, on the embedded server, in alternating rounds. A script
has no kernel, no Jupyter and no pytest around it: what it takes is what the imports and the cells take. At the end,
every notebook runs once in each of its settings, as in `make test`.
"""

import argparse
import ast
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "notebooks"))

from tools.tutorials import LANGUAGES, neutral_environment, notebook_path, tutorials  # noqa: E402

# What runs a script: like a kernel, it lets cells await.
RUNNER = """\
import ast, asyncio, inspect, sys
code = compile(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
async def main():
    result = eval(code, {"__name__": "__main__"})
    if inspect.isawaitable(result):
        await result
asyncio.run(main())
"""


def script(language: str, tutorial: str, folder: Path) -> Path:
    """A notebook's code cells, one after the other."""
    notebook = nbformat.read(notebook_path(language, tutorial), as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    source = "\n".join(TransformerManager().transform_cell(cell) for cell in cells)
    ast.parse(source)
    path = folder / f"{language}-{tutorial}.py"
    path.write_text(source, encoding="utf-8")
    return path


def run_scripts(scripts: Sequence[Path], runner: Path, at_once: int) -> float:
    """Seconds that the scripts take."""

    def run(path: Path) -> None:
        done = subprocess.run(
            [sys.executable, str(runner), str(path)],
            cwd=ROOT / "notebooks" / "en",
            env=neutral_environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{path.name} failed:\n{done.stderr}")

    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, scripts))
    return time.perf_counter() - started


def run_nbmake(at_once: int, *options: str) -> float:
    """Seconds that nbmake takes, from the start of pytest to its end."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "--numprocesses", str(at_once), "notebooks"],
        cwd=ROOT,
        env=neutral_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--at-once", type=int, default=2, help="how many run at the same time (default: 2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runner = folder / "runner.py"
        runner.write_text(RUNNER)
        # In the order in which pytest collects them.
        scripts = [script(language, tutorial, folder) for language in sorted(LANGUAGES) for tutorial in tutorials()]
        floors, warm, cold = [], [], []
        for _ in range(options.rounds):
            floors.append(run_scripts(scripts, runner, options.at_once))
            warm.append(run_nbmake(options.at_once, "-k", "embedded"))
            cold.append(run_nbmake(options.at_once, "-k", "embedded", "--cold-kernels"))
            print(f"scripts {floors[-1]:.1f} s, nbmake {warm[-1]:.1f} s, all cold {cold[-1]:.1f} s", flush=True)
    floor, usual, slow = map(statistics.median, (floors, warm, cold))
    every = run_nbmake(options.at_once)
    print(
        f"{len(scripts)} notebooks, {options.at_once} at once, {os.cpu_count()} cores, Python "
        f"{sys.version.split()[0]}: scripts {floor:.1f} s, nbmake {usual:.1f} s, {usual / floor:.2f} times as much, "
        f"all cold {slow:.1f} s, {slow / floor:.2f} times as much. In all settings: {every:.1f} s."
    )


if __name__ == "__main__":
    main()
