"""Run the tutorials from start to end and leave what they look like under build/."""

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import nbformat
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from helpers.embedded import EmbeddedServer
from tools.project import root
from tools.running.execution import AT_ONCE, WIDGET_VIEW, Failure, code_cells, execute, run_interruptibly
from tools.site.alone import lesson_page
from tools.tutorials import LANGUAGES, PROJECT_VARIABLES, narrowed, notebook_path, tutorials

BUILD = root() / "build"
INTERRUPTED = 130


@dataclass
class Run:
    """One notebook on its way."""

    language: str
    tutorial: str
    seconds: float = 0.0
    failure: Failure | None = None
    pages: list[Path] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.language:<6} {self.tutorial:<15}"

    def page(self, suffix: str) -> Path:
        return BUILD / self.language / f"{self.tutorial}{suffix}"


class Display:
    """A live progress line a notebook on a terminal, a line for each that is done elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("cell"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._progress if self._live else ExitStack():
            yield

    def waiting(self, run: Run) -> None:
        self._tasks[run.name] = self._progress.add_task(run.name, start=False, total=None, state="waiting")

    def cell(self, run: Run, place: int, total: int) -> None:
        task = self._tasks[run.name]
        if place == 1:
            self._progress.start_task(task)
        self._progress.update(task, completed=place, total=total, state="running")

    def done(self, run: Run, place: int, total: int) -> None:
        task = self._tasks[run.name]
        self._progress.stop_task(task)
        self._progress.update(task, state="[red]failed[/]" if run.failure else "[green]passed[/]")
        if not self._live:
            state = "failed" if run.failure else "passed"
            self._console.print(f"{run.name} cell {place:>2} of {total:<2} {run.seconds:6.1f} s  {state}")


async def run_all(runs: Sequence[Run], environment: dict[str, str], display: Display) -> None:
    """Execute the notebooks, as many at once as there are cores, two at the most."""
    one_of_few = asyncio.Semaphore(AT_ONCE)

    async def one(run: Run) -> None:
        async with one_of_few:
            await _run(run, environment, display)

    async with asyncio.TaskGroup() as group:
        for run in runs:
            display.waiting(run)
            group.create_task(one(run))


async def _run(run: Run, environment: dict[str, str], display: Display) -> None:
    path = notebook_path(run.language, run.tutorial)
    notebook = nbformat.read(path, as_version=4)
    total, place = len(code_cells(notebook)), 0

    def on_cell(begun: int) -> None:
        nonlocal place
        place = begun
        display.cell(run, place, total)

    started = time.perf_counter()
    run.failure = await execute(notebook, path.parent, environment, on_cell)
    run.seconds = time.perf_counter() - started
    page = run.page(".ipynb")
    page.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, page)
    # Rendering takes a second of computing; the other notebook's cells go on meanwhile.
    html = await asyncio.to_thread(_html, notebook, run)
    run.page(".html").write_text(html, encoding="utf-8")
    run.pages = [page, run.page(".html")]
    display.done(run, place, total)


def _html(notebook: nbformat.NotebookNode, run: Run) -> str:
    # A page has no kernel: it shows the picture of a widget, not the widget.
    notebook = deepcopy(notebook)
    for index in code_cells(notebook):
        for output in notebook.cells[index].outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return lesson_page(notebook, run.language, run.tutorial)


def report(runs: Sequence[Run], console: Console) -> None:
    """The table at the end, then each failed cell with its error."""
    table = Table("language", "tutorial", "result", "seconds", "executed notebook and page", title="Tutorials")
    for run in runs:
        result = "[red]failed[/]" if run.failure else "[green]passed[/]"
        pages = "\n".join(os.path.relpath(page) for page in run.pages)
        table.add_row(run.language, run.tutorial, result, f"{run.seconds:.1f}", pages)
    console.print(table)
    for run in runs:
        if run.failure:
            console.rule(f"{run.language}/{run.tutorial} failed", style="red")
            console.print(Text.from_ansi(str(run.failure)))


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0 all passed, 1 one failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m tools run", description="Run the tutorials; leave notebooks and pages in build/."
    )
    options = narrowed(parser, tutorials(), arguments)

    languages = [options.language] if options.language else list(LANGUAGES)
    names = [options.tutorial] if options.tutorial else tutorials()
    runs = [Run(language, tutorial) for language in languages for tutorial in names]
    console = Console()
    display = Display(console)
    signal.signal(signal.SIGTERM, _terminated)
    # Only what this run is about to make anew: the tests keep their screenshots and environments beside it.
    for language in languages:
        for old in (BUILD / language).glob(f"{options.tutorial or '*'}.*"):
            old.unlink()
    try:
        with ExitStack() as cleanup:
            # No form can be filled in here, so on a project of the reader's nothing could be created.
            environment = {name: value for name, value in os.environ.items() if name not in PROJECT_VARIABLES}
            if not environment.get("REDIS_URL"):
                environment["REDIS_URL"] = cleanup.enter_context(EmbeddedServer()).url
            cleanup.enter_context(display.shown())
            run_interruptibly(run_all(runs, environment, display))
    except KeyboardInterrupt:
        console.print("Interrupted: kernels and server have been stopped.", style="yellow")
        return INTERRUPTED
    report(runs, console)
    return 1 if any(run.failure for run in runs) else 0
