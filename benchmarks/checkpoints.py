"""What an agent's thread costs in Redis, beside the other checkpointers that core commands suffice for.

    make benchmark-checkpoints

Every saver runs in a process and an environment of its own, against one server, and has an agent go on with one
thread. The turns before each mark are measured, one turn of each saver after the other, so whatever the machine does
meanwhile hits all alike. The tables go into docs/threads.md, a plot to docs/threads.svg; a bar that is missed is named,
and the exit status is then 1.
"""

import argparse
import json
import os
import platform
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import redis
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.measuring import HERE, Worker, markdown, put_between
from benchmarks.worker import TEXT, answer, record
from helpers.embedded import EmbeddedServer
from tests.support.official import official_python

PAGE = HERE.parent / "docs" / "threads.md"
PLOT = HERE.parent / "docs" / "threads.svg"

# As much of LangGraph and of the client as here, and the client's parser in C.
SAME = tuple(f"{package}=={version(package)}" for package in ("langchain", "langgraph", "langgraph-checkpoint"))
PLAINREDIS = ("langgraph-checkpoint-plainredis==0.1.0", f"redis[hiredis]=={redis.__version__}", *SAME)
VALKEY = ("langgraph-checkpoint-aws[valkey]==1.2.6", "valkey[libvalkey]", *SAME)

MARKS = (20, 100, 500)  # turns at which everything is measured
STORED = (20, 50, 100, 200, 500)  # and what is stored
MEASURED = 10  # turns, the last ones before a mark
CHUNK = 10  # turns between two looks at whether somebody interrupts
LONG = 10_000


class Subject(NamedTuple):
    """A saver, and how it is set up."""

    name: str
    options: dict[str, Any]
    requirements: tuple[str, ...] | None = None
    real: bool = False


SUBJECTS = {
    "RedisChatMessageHistory, a plain list": Subject("list", {}),
    "InMemorySaver, its own bytes": Subject("memory", {}),
    "langgraph-checkpoint-plainredis 0.1.0": Subject("plainredis", {}, PLAINREDIS),
    "langgraph-checkpoint-aws 1.2.6, ValkeySaver": Subject("valkey", {}, VALKEY),
    "RedisSaver, keep=20": Subject("ours", {"keep": 20}),
    "RedisSaver, keep=None": Subject("ours", {"keep": None}),
    "a plain list, real answers": Subject("list", {}, real=True),
    "RedisSaver, keep=20, real answers": Subject("ours", {"keep": 20}, real=True),
}
LIST, MEMORY, PLAIN, AWS, OURS, ALL, *_ = SUBJECTS

Figures = dict[tuple[str, int, str], float]
"""By saver, mark and what was measured: bytes, seconds or how many, a turn; of "stored", all of it."""


def at(of: str, saver: str, turns: int, beside: str = "", of_turns: int = 0) -> Callable[[Figures], float]:
    """A figure, or its ratio to another saver's, or to that at another mark."""

    def ratio(figures: Figures) -> float:
        below = figures[beside or saver, of_turns or turns, of] if beside or of_turns else 1.0
        return figures[saver, turns, of] / below

    return ratio


def spread(saver: str) -> Callable[[Figures], float]:
    """The bytes of a turn at the mark where they are most, by those where they are least."""

    def ratio(figures: Figures) -> float:
        wire = [figures[saver, mark, "wire"] for mark in MARKS]
        return max(wire) / min(wire)

    return ratio


# (what, its measure, at most or at least, what)
BARS: list[tuple[str, Callable[[Figures], float], str, float]] = [
    ("stored at 100 turns, keep=20, over the list", at("stored", OURS, 100, LIST), "most", 1.6),
    ("stored at 500 turns, keep=20, over the list", at("stored", OURS, 500, LIST), "most", 1.35),
    ("stored, all kept, at 500 turns over 100", at("stored", ALL, 500, of_turns=100), "most", 5.25),
    ("stored at 100 turns, plainredis over keep=20", at("stored", PLAIN, 100, OURS), "least", 80.0),
    ("stored at 100 turns, ValkeySaver over keep=20", at("stored", AWS, 100, OURS), "least", 80.0),
    ("client CPU a turn at 500, keep=20, over InMemorySaver", at("cpu", OURS, 500, MEMORY), "most", 1.3),
    ("client CPU a turn at 500, keep=20, over plainredis", at("cpu", OURS, 500, PLAIN), "most", 0.7),
    ("server CPU a turn at 500, keep=20, over plainredis", at("server", OURS, 500, PLAIN), "most", 0.6),
]
for _saver in (OURS, ALL):
    BARS.append((f"bytes a turn, {_saver}, the most of all marks over the least", spread(_saver), "most", 1.05))
for _mark in MARKS:
    BARS.append((f"stored at {_mark} turns, all kept, over the list", at("stored", ALL, _mark, LIST), "most", 5.0))
    for _saver in (OURS, ALL):
        BARS.append((f"bytes a turn at {_mark}, {_saver}", at("wire", _saver, _mark), "most", 9000.0))
        BARS.append((f"round trips a turn at {_mark}, {_saver}", at("trips", _saver, _mark), "most", 6.0))


def judged(figures: Figures) -> Iterator[tuple[bool, str]]:
    """For each bar whether it is met, and what was reached."""
    for what, measure, how, bar in BARS:
        reached = measure(figures)
        met = reached <= bar if how == "most" else reached >= bar
        yield met, f"{what}: {reached:,.4g}; the bar is at {how} {bar:,g}"


class Server:
    """The server under measurement, and what it says of itself."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url)

    def _told(self) -> dict[str, float]:
        told = self._client.info("stats", "cpu")
        return {
            "in": told["total_net_input_bytes"],
            "out": told["total_net_output_bytes"],
            "commands": told["total_commands_processed"],
            "server": told["used_cpu_user"] + told["used_cpu_sys"],
        }

    def spent(self, work: Callable[[], object]) -> dict[str, float]:
        """What the server had to do for a piece of work, without what asking it took."""
        idle, before = self._told(), self._told()
        work()
        after = self._told()
        return {name: after[name] - before[name] - (before[name] - idle[name]) for name in after}

    def keys(self, thread: str) -> list[bytes]:
        """All keys of a thread, each of which has its name in it."""
        return list(self._client.scan_iter(f"*{thread}*", 1000))

    def stored(self, thread: str) -> int:
        """Their bytes."""
        pipeline = self._client.pipeline(transaction=False)
        for key in self.keys(thread):
            pipeline.memory_usage(key, samples=0)
        return sum(pipeline.execute())

    def version(self) -> str:
        """Which server it is."""
        told = self._client.info("server")
        return f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {told['redis_version']}"

    def clear(self, thread: str) -> None:
        """Remove a thread, whoever wrote it."""
        for key in self.keys(thread):
            self._client.unlink(key)


@contextmanager
def agents(url: str, subjects: Mapping[str, Subject]) -> Iterator[tuple[dict[str, Worker], dict[str, str]]]:
    """Each subject's process, and the name of its thread."""
    server = Server(url)
    threads = {name: f"benchmark-{secrets.token_hex(6)}" for name in subjects}
    with ExitStack() as stack:
        for thread in threads.values():
            stack.callback(server.clear, thread)
        workers = {name: started(subject, url, threads[name]) for name, subject in subjects.items()}
        for worker in workers.values():
            stack.callback(worker.close)
        yield workers, threads


def started(subject: Subject, url: str, thread: str) -> Worker:
    """A subject's process."""
    python = official_python(subject.requirements) if subject.requirements else Path(sys.executable)
    question = record("human", TEXT)
    answered = json.loads(answer(TEXT) if subject.real else record("ai", TEXT))
    arguments = [json.dumps(subject.options), url, thread, question, json.dumps(answered)]
    return Worker("checkpoints_worker.py", python, subject.name, *arguments)


def measure(url: str, progress: Progress) -> Figures:
    """All figures of the conversations."""
    server, figures, taken = Server(url), Figures(), 0
    task = progress.add_task("turns", total=STORED[-1] * len(SUBJECTS))
    with agents(url, SUBJECTS) as (workers, threads):

        def go_on(name: str, turns: int) -> dict[str, float]:
            done = workers[name].do(str(turns))
            progress.advance(task, turns)
            return done

        for mark in STORED:
            alike = MEASURED if mark in MARKS else 0
            held: dict[str, float] = {}
            for name in SUBJECTS:
                for turns in in_chunks(mark - taken - alike):
                    held[name] = go_on(name, turns).get("bytes", 0)
            for _ in range(alike):
                for name in SUBJECTS:
                    done: dict[str, float] = {}
                    spent = server.spent(lambda name=name, done=done: done.update(go_on(name, 1)))  # type: ignore[misc]
                    held[name] = done.pop("bytes", 0)
                    for what, value in (done | spent | {"wire": spent["in"] + spent["out"]}).items():
                        figures[name, mark, what] = figures.get((name, mark, what), 0.0) + value / MEASURED
            for name, thread in threads.items():
                figures[name, mark, "stored"] = held[name] or server.stored(thread)
                figures[name, mark, "keys"] = len(server.keys(thread))
            taken = mark
    return figures


def in_chunks(turns: int) -> Iterator[int]:
    """So many turns, some at a time."""
    for first in range(0, turns, CHUNK):
        yield min(CHUNK, turns - first)


def measure_long(url: str, turns: int, progress: Progress) -> list[list[str]]:
    """For keep=20 and with everything kept: what a long thread costs to write, to hold and to read elsewhere."""
    server, made = Server(url), []
    for keep in (20, None):
        task = progress.add_task(f"a long thread, keep={keep}", total=turns)
        subject = Subject("written", {"keep": keep})
        with agents(url, {"": subject}) as (workers, threads):
            seconds, network = 0.0, 0.0
            for some in in_chunks(turns):
                done: dict[str, float] = {}
                spent = server.spent(lambda some=some, done=done: done.update(workers[""].do(str(some))))  # type: ignore[misc]
                seconds, network = seconds + done["wall"], network + spent["in"] + spent["out"]
                progress.advance(task, some)
            stored = server.stored(threads[""])
            reader = started(subject._replace(name="read"), url, threads[""])
            try:
                spent = server.spent(lambda done=done, reader=reader: done.update(reader.do("1")))  # type: ignore[misc]
            finally:
                reader.close()
            if done["messages"] != 2 * turns:
                raise RuntimeError(f"{done['messages']} of {2 * turns} messages were read.")
            row = [f"keep={keep}", f"{seconds:,.1f}", f"{network / turns / 1e3:,.1f}", f"{stored / 1e6:,.1f}"]
            made.append([*row, f"{done['wall']:,.2f}", f"{(spent['in'] + spent['out']) / 1e6:,.1f}"])
    return made


COLUMNS = [
    "saver",
    "stored, KB",
    "times the list",
    "keys",
    "to the server, bytes a turn",
    "from it",
    "round trips a turn",
    "commands",
    "client CPU, ms a turn",
    "server CPU",
]
LONG_COLUMNS = ["saver", "written in, s", "kB on the wire a turn", "stored, MB", "read in a new process, s", "MB read"]


def rows(figures: Figures) -> list[list[str]]:
    """A row for each saver, with the figures at all marks in each cell."""

    def cell(name: str, what: str, scale: float = 1.0, digits: int = 0) -> str:
        return " / ".join(f"{figures[name, mark, what] * scale:,.{digits}f}" for mark in MARKS)

    made = []
    for name, subject in SUBJECTS.items():
        beside = next(one for one, other in SUBJECTS.items() if other == Subject("list", {}, real=subject.real))
        times = " / ".join(f"{at('stored', name, mark, beside)(figures):,.2f}" for mark in MARKS)
        network = [cell(name, "keys"), cell(name, "in"), cell(name, "out"), cell(name, "trips"), cell(name, "commands")]
        server = cell(name, "server", 1e3, 2)
        if subject.name == "memory":
            network, server = [""] * 5, ""
        made.append([name, cell(name, "stored", 1e-3), times, *network, cell(name, "cpu", 1e3, 1), server])
    return made


def table(columns: Sequence[str], made: Sequence[Sequence[str]]) -> Table:
    """The table for the terminal."""
    drawn = Table(*columns)
    for row in made:
        drawn.add_row(*row)
    return drawn


def plot(figures: Figures, conditions: str) -> None:
    """What is stored over the turns, on scales of powers of ten."""
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "threads"
    from matplotlib import pyplot

    looks = {LIST: "#b9c3cc", MEMORY: "#8a99a8", PLAIN: "#5b7083", AWS: "#2f4356", OURS: "#c6302b", ALL: "#e58a86"}
    figure, axes = pyplot.subplots(figsize=(9, 4.6), layout="constrained")
    for name, colour in looks.items():
        values = [figures[name, mark, "stored"] for mark in STORED]
        style = "--" if name in (LIST, ALL) else "-"
        axes.plot(STORED, values, style, marker="o", markersize=3, color=colour, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(STORED, [str(mark) for mark in STORED])
    axes.minorticks_off()
    axes.set_yticks([1e5, 1e6, 1e7, 1e8, 1e9], ["100 kB", "1 MB", "10 MB", "100 MB", "1 GB"])
    axes.set_xlabel("turns")
    axes.set_ylabel("stored (less is better)")
    axes.grid(axis="y", color="#eeeeee")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    axes.set_title(conditions, fontsize=7, color="#555555")
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> int:
    """Measure, print, plot; exit status 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure what an agent's thread costs beside other checkpointers.")
    parser.add_argument(
        "--long", type=int, default=LONG, help=f"turns of the long thread, 0 leaves it out (default: {LONG})"
    )
    options = parser.parse_args()
    console = Console(width=200)
    given = os.environ.get("REDIS_URL")
    with ExitStack() as stack:
        url = given or stack.enter_context(EmbeddedServer()).url
        which = Server(url).version()
        progress = stack.enter_context(Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()))
        figures = measure(url, progress)
        long = measure_long(url, options.long, progress) if options.long else []
    conditions = (
        f"{f'{which} at REDIS_URL' if given else f'embedded {which} on loopback'}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, redis-py {redis.__version__}, "
        f"langchain {version('langchain')}, langgraph {version('langgraph')}"
    )
    what = (
        f"`create_agent` without tools, questions and answers of {len(TEXT)} characters, at "
        f"{' / '.join(map(str, MARKS))} turns; bytes and times are those of the last {MEASURED} turns before; "
        f"{conditions}."
    )
    long_what = (
        f"A thread of {options.long:,} turns, written through the saver alone with one checkpoint a turn, as an agent "
        'with `durability="exit"` does, and its newest checkpoint read by a process that knows nothing of it:'
    )
    console.print(what, table(COLUMNS, rows(figures)), sep="\n")
    if long:
        console.print(long_what, table(LONG_COLUMNS, long), sep="\n")
    bars = list(judged(figures))
    for met, line in bars:
        console.print(f"{'[green]met[/]' if met else '[red]missed[/]'} {line}", highlight=False)
    plot(figures, conditions)
    put_between(PAGE, "benchmark", f"{what}\n\n{markdown(COLUMNS, rows(figures))}")
    if long:
        put_between(PAGE, "long", f"{long_what}\n\n{markdown(LONG_COLUMNS, long)}")
    return 0 if all(met for met, _ in bars) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
