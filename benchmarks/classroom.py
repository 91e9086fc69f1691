"""A class on one server: how long students' turns take, and how old what the teacher sees is.

    python -m benchmarks.classroom

100 students, each with connections of their own and the rules of a class, take a turn a second: they read their
history, store a question and an answer, and report. Meanwhile the teacher's view reads the class as it does in a
notebook. A turn is compared with the same turn of one student alone. What the teacher sees is as old as the time from a
report to its appearance in the view. All run on this machine, so the students' own computing is in the figures too.
"""

import argparse
import json
import math
import multiprocessing
import os
import platform
import queue
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import redis
from langchain_core.messages import AIMessage, HumanMessage
from rich.console import Console
from rich.table import Table

from helpers import RedisChatMessageHistory, connect
from helpers._classroom.rules import ABOUT, REPORT, STUDENTS, USER_PREFIX, rules
from helpers._classroom.state import ClassState, follow
from helpers.embedded import EmbeddedServer

OLDEST_SECONDS = 2.0
SLOWEST_RATIO = 2.0
WARMING = 3
"""The first turns of each student, in which processes start and connections open, don't count."""
ALONE, TOGETHER, WATCHED = "a student alone", "all at once", "all at once, with the teacher"
AGE = "until the teacher sees a report"
_PAIR = ["x" * 500, "y" * 500]


def enrol(url: str, students: int) -> list[str]:
    """Make a class, with twelve sessions a student; returns the students' addresses."""
    teacher: Any = connect(url)
    teacher.flushall()
    teacher.hset(ABOUT, "instance", "benchmark")
    server, addresses = urlsplit(url).netloc.rpartition("@")[2], []
    record = json.dumps({"type": "human", "data": {"content": _PAIR[0], "type": "human"}})
    for number in range(students):
        slug = f"s{number:03}"
        teacher.execute_command("ACL", "SETUSER", USER_PREFIX + slug, "reset", "on", ">benchmark", *rules(slug))
        teacher.hset(STUDENTS, slug, json.dumps({"name": f"Student {number}", "added": 0}))
        for session in range(12):
            teacher.rpush(f"message_store:{slug}-{session}", *[record] * 20)
        addresses.append(f"redis://{USER_PREFIX}{slug}:benchmark@{server}")
    return addresses


def student(address: str) -> Callable[[int], tuple[float, float]]:
    """A student, who takes a turn when called; the turn's seconds, and the moment of the report."""
    slug = urlsplit(address).username.removeprefix(USER_PREFIX)  # type: ignore[union-attr]
    client: Any = connect(address)
    history = RedisChatMessageHistory(f"{slug}-turns", client=client, max_messages=40, ttl=3600)
    reporting: Any = connect(address, socket_timeout=2)

    def turn(number: int) -> tuple[float, float]:
        started = time.perf_counter()
        _ = history.messages
        history.add_messages([HumanMessage(_PAIR[0]), AIMessage(_PAIR[1])])
        seconds = time.perf_counter() - started
        # As a report is sent: the moment, then the fields.
        now, _ = reporting.time()
        with reporting.pipeline(transaction=False) as pipeline:
            pipeline.exists(REPORT + slug)
            pipeline.hget(ABOUT, "instance")
            pipeline.hset(REPORT + slug, mapping={"seen": now * 1000, "error": f"turn {number}"})
            pipeline.execute()
        return seconds, time.time()

    return turn


def work(addresses: list[str], seconds: float, told: Any) -> None:
    """Some students in a process of their own, each with a turn a second."""
    turns = [student(address) for address in addresses]

    def one(place: int) -> None:
        chance = random.Random(addresses[place])  # noqa: S311
        time.sleep(chance.random())
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            number += 1
            took, moment = turns[place](number)
            told.put((addresses[place], number, took, moment))
            time.sleep(max(0.0, 1 - took))

    with ThreadPoolExecutor(len(addresses)) as pool:
        list(pool.map(one, range(len(addresses))))


def watched(url: str, ended: threading.Event, seen: dict[tuple[str, int], float]) -> None:
    """Follow the class as the teacher's view does, and note when each report first shows."""
    for state in follow(connect(url), ended):
        assert isinstance(state, ClassState), state
        now = time.time()
        for one in state.students:
            if one.error.startswith("turn "):
                seen.setdefault((one.slug, int(one.error[5:])), now)


def percentile(values: list[float], share: int) -> float:
    """The value that so many percent of the others don't exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def measure(url: str, students: int, seconds: float, processes: int) -> dict[str, list[float]]:
    """Turns of one student alone, of all at once without and with the teacher, and how old what is seen is."""
    measured: dict[str, list[float]] = {}
    for name, working in ((ALONE, 1), (TOGETHER, students), (WATCHED, students)):
        addresses = enrol(url, students)[:working]
        seen: dict[tuple[str, int], float] = {}
        ended = threading.Event()
        view = threading.Thread(target=watched, args=(url, ended, seen))
        if name == WATCHED:
            view.start()
        turns = taken(addresses, seconds, processes)
        ended.wait(OLDEST_SECONDS)
        ended.set()
        measured[name] = [took for _, number, took, _ in turns if number > WARMING]
        if name == WATCHED:
            view.join()
            measured[AGE] = [
                _seen(seen, address, number) - moment for address, number, _, moment in turns if number > WARMING
            ]
    return measured


def taken(addresses: list[str], seconds: float, processes: int) -> list[tuple[str, int, float, float]]:
    """The turns that students take: whose, its number, its seconds, and the moment of its report."""
    spawned: Any = multiprocessing.get_context("spawn")
    told = spawned.Queue()
    shares = [share for share in (addresses[place::processes] for place in range(processes)) if share]
    made = [spawned.Process(target=work, args=(share, seconds, told)) for share in shares]
    for process in made:
        process.start()
    turns = []
    while any(process.is_alive() for process in made) or not told.empty():
        try:
            turns.append(told.get(timeout=0.2))
        except queue.Empty:
            continue
    return turns


def _seen(seen: dict[tuple[str, int], float], address: str, number: int) -> float:
    """When a report, or a later one of the same student, first showed."""
    slug = urlsplit(address).username.removeprefix(USER_PREFIX)  # type: ignore[union-attr]
    return min((at for (who, turn), at in seen.items() if who == slug and turn >= number), default=math.inf)


def main() -> int:
    """Measure and print; exit status 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure a class on one server.")
    parser.add_argument("--students", type=int, default=100, help="how many there are (default: 100)")
    parser.add_argument("--seconds", type=float, default=20, help="how long they work (default: 20)")
    parser.add_argument("--processes", type=int, default=4, help="in how many processes (default: 4)")
    options = parser.parse_args()
    with EmbeddedServer() as server:
        url = os.environ.get("REDIS_URL") or server.url
        measured = measure(url, options.students, options.seconds, options.processes)
    table = Table("", "number", "median", "95th percentile", "longest")
    for name, values in measured.items():
        figures = [statistics.median(values), percentile(values, 95), max(values)]
        table.add_row(name, str(len(values)), *(f"{1000 * figure:,.1f} ms" for figure in figures))
    console = Console(width=120)
    console.print(
        f"{options.students} students, a turn a second each, for {options.seconds:g} s; {options.processes} processes, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, redis-py {redis.__version__}."
    )
    console.print(table)
    ratio = percentile(measured[WATCHED], 95) / percentile(measured[ALONE], 95)
    oldest = max(measured[AGE])
    console.print(f"At the 95th percentile a turn takes {ratio:.2f} times its time alone.")
    console.print(f"What the teacher sees is at most {oldest:.2f} s old.")
    return 0 if ratio <= SLOWEST_RATIO and oldest <= OLDEST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
