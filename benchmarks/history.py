"""How fast the histories are, beside both official classes and the bare floor.

    make benchmark

Every implementation runs in a process and an environment of its own, against one server. In each round each of them
does each piece of work once, in turn, so whatever the machine does meanwhile hits all alike. Medians are printed with
their ratios; a plot goes to docs/benchmark.svg and the table into docs/histories.md.
"""

import argparse
import os
import platform
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

import matplotlib
import redis
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.measuring import HERE, Worker, markdown, put_between
from helpers.embedded import EmbeddedServer
from tests.support.official import COMMUNITY, MEMORYSTORE, official_python

PLOT = HERE.parent / "docs" / "benchmark.svg"
PAGE = HERE.parent / "docs" / "histories.md"

EVERYONE = ("ours", "community", "memorystore", "floor")
WORK = {
    "append 2,000": EVERYONE,
    "append 2,000 real": EVERYONE,
    "read 2,000": EVERYONE,
    "read 2,000 real": EVERYONE,
    "last 20 of 2,000": EVERYONE,
    "turn at 20": ("ours", "community", "memorystore"),  # ours brings its floor along
    "turn at 20 real": ("ours", "community", "memorystore"),
    "turn at 100": ("ours",),
    "turn at 100,000": ("ours",),
    "500 async turns": ("ours", "community", "memorystore"),
}
UNITS = {work: "a message" for work in WORK if work.startswith(("append", "read"))} | {"last 20 of 2,000": "a read"}

# (work, beside which, how ours must be, by which ratio)
BARS = [
    ("append 2,000", "community", "faster", 25.0),
    ("append 2,000", "floor", "slower", 4.0),
    ("append 2,000 real", "community", "faster", 10.0),
    ("read 2,000", "community", "faster", 2.5),
    ("read 2,000 real", "community", "faster", 2.0),
    ("last 20 of 2,000", "community", "faster", 150.0),
    ("turn at 20", "community", "faster", 5.0),
    ("turn at 20", "floor", "slower", 1.6),
    ("turn at 20 real", "community", "faster", 5.0),
    ("500 async turns", "community", "faster", 3.0),
]
GROWTH = 1.15
COLUMNS = ["work", *(f"{name}, µs" for name in EVERYONE), "community / ours", "ours / floor"]

Seconds = dict[tuple[str, str], float]


def measure(url: str, rounds: int) -> Seconds:
    """The median seconds of each piece of work for each implementation, after a round that warms up."""
    pythons = {
        "ours": Path(sys.executable),
        "floor": Path(sys.executable),
        "community": official_python(COMMUNITY),
        "memorystore": official_python(MEMORYSTORE),
    }
    taken: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        workers = {name: Worker("worker.py", python, name, url) for name, python in pythons.items()}
        for worker in workers.values():
            stack.callback(worker.close)
        for number in track(range(rounds + 1), description="rounds", disable=not sys.stderr.isatty()):
            for work, names in WORK.items():
                for name in names:
                    for other, seconds in workers[name].do(work).items():
                        if number:
                            taken.setdefault((work, other or name), []).append(seconds)
    return {place: statistics.median(values) for place, values in taken.items()}


def unit(work: str) -> str:
    """What a time of this work is for."""
    return UNITS.get(work, "a turn")


def rows(seconds: Seconds) -> list[list[str]]:
    """For each piece of work: medians in microseconds, and how ours compares."""
    made = []
    for work in WORK:
        row = [f"{seconds[work, name] * 1e6:,.1f}" if (work, name) in seconds else "" for name in EVERYONE]
        ours = seconds[work, "ours"]
        faster = f"{seconds[work, 'community'] / ours:.1f}" if (work, "community") in seconds else ""
        above = f"{ours / seconds[work, 'floor']:.2f}" if (work, "floor") in seconds else ""
        made.append([f"{work}, {unit(work)}", *row, faster, above])
    return made


def table(seconds: Seconds) -> Table:
    """The table for the terminal."""
    made = Table(*COLUMNS)
    for row in rows(seconds):
        made.add_row(*row)
    return made


def missed_bars(seconds: Seconds) -> list[str]:
    """What misses its bar."""
    missed = []
    for work, other, how, ratio in BARS:
        ours, theirs = seconds[work, "ours"], seconds[work, other]
        reached = theirs / ours if how == "faster" else ours / theirs
        if (reached < ratio) if how == "faster" else (reached > ratio):
            missed.append(f"{work}: {reached:.2f} times {how} than {other}; the bar is {ratio:g}")
    grown = seconds["turn at 100,000", "ours"] / seconds["turn at 100", "ours"]
    if grown > GROWTH:
        missed.append(f"a turn at 100,000 stored messages takes {grown:.2f} times that at 100; the bar is {GROWTH}")
    return missed


def _short(microseconds: float) -> str:
    """A figure that fits above its bar."""
    return f"{microseconds / 1000:.3g}k" if microseconds >= 1000 else f"{microseconds:.3g}"


def plot(seconds: Seconds, conditions: str) -> None:
    """A bar for each implementation in each piece of work, on a scale of powers of ten."""
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "benchmark"
    from matplotlib import pyplot

    colours = {"ours": "#c6302b", "community": "#8a99a8", "memorystore": "#5b7083", "floor": "#d8dee4"}
    shown = [work for work in WORK if (work, "community") in seconds]
    figure, axes = pyplot.subplots(figsize=(11, 4.2), layout="constrained")
    for place, name in enumerate(EVERYONE):
        points = [(x, seconds[work, name] * 1e6) for x, work in enumerate(shown) if (work, name) in seconds]
        xs = [x + (place - 1.5) * 0.2 for x, _ in points]
        drawn = axes.bar(xs, [value for _, value in points], 0.19, label=name, color=colours[name])
        axes.bar_label(drawn, fmt=_short, fontsize=7, padding=1)
    axes.set_xticks(range(len(shown)), [f"{work}\n({unit(work)})" for work in shown], fontsize=9)
    axes.set_yscale("log")
    axes.set_ylabel("µs, median (less is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=4, loc="upper left")
    axes.margins(y=0.25)
    axes.set_title(conditions, fontsize=8, color="#555555")
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> int:
    """Measure, print, plot; exit status 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure the histories beside their peers.")
    parser.add_argument("--rounds", type=int, default=9, help="how often each does each piece of work (default: 9)")
    options = parser.parse_args()
    console = Console(width=140)
    given = os.environ.get("REDIS_URL")
    with ExitStack() as stack:
        url = given or stack.enter_context(EmbeddedServer()).url
        seconds = measure(url, options.rounds)
    conditions = (
        f"{'the server at REDIS_URL' if given else 'embedded Valkey on loopback'}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, redis-py {redis.__version__}, 500-character messages, "
        f"in the real rows with the tool calls and metadata of models, {options.rounds} interleaved rounds"
    )
    console.print(f"Medians; {conditions}.")
    console.print(table(seconds))
    missed = missed_bars(seconds)
    for line in missed:
        console.print(f"[red]missed[/] {line}")
    plot(seconds, conditions)
    put_between(PAGE, "benchmark", f"Medians; {conditions}.\n\n{markdown(COLUMNS, rows(seconds))}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
