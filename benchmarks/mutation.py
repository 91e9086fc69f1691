"""How many small faults of the core the tests notice, and whether they still notice as many.

mutmut makes one fault after the other, a `<=` in place of a `<`, say, and runs the tests that come by there. A mutant
that they don't notice has survived. A module's score is how many percent did not; the committed ones are in
mutation.json, and a run that has less fails. Mutants that change nothing that can be seen are in mutation.unseen.toml,
with the reason, and don't count. The survivors of a run, as patches, are in build/mutation.diff.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

SCORES = Path("benchmarks/mutation.json")
UNSEEN = Path("benchmarks/mutation.unseen.toml")
SURVIVORS = Path("build/mutation.diff")
MUTMUT = Path(sys.executable).with_name("mutmut")
ALL = "0123456789"
SURVIVED = {"survived", "no tests"}
NOTICED = {
    "killed",
    "timeout",
    "segfault",
    "suspicious",
    "check was interrupted by user",
}  # the last: by an import that fails


class Score(NamedTuple):
    """What became of a module's mutants, of those whose number ends in a digit of the sample."""

    mutants: int
    killed: int
    sample: str = ALL

    @property
    def percent(self) -> float:
        """How many of a hundred were noticed."""
        return round(100 * self.killed / self.mutants, 1)

    def __str__(self) -> str:
        of = "" if self.sample == ALL else f" in the sample {self.sample}"
        return f"{self.percent} % ({self.killed} of {self.mutants}{of})"


def core() -> list[str]:
    """The modules that pyproject.toml has mutmut change."""
    globs = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]["only_mutate"]
    files = sorted(path for glob in globs for path in Path().glob(glob) if path.stat().st_size)
    return [".".join(path.with_suffix("").parts) for path in files]


def run_mutmut(patterns: Iterable[str], processes: int, minutes: float) -> bool:
    """Try mutants, all of them anew; whether that ended in time."""
    # Made anew, it holds no test that is gone; made before Python starts, it is found on the path. On that, so that
    # the processes which tests start have the mutant too.
    shutil.rmtree("mutants", ignore_errors=True)
    Path("mutants").mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path("mutants").resolve()), "PYTHONHASHSEED": "0", "CI": ""}
    with subprocess.Popen([MUTMUT, "run", "--max-children", str(processes), *patterns], env=environment) as process:
        try:
            process.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait()
            return False
    if process.returncode:
        sys.exit(f"mutmut ended with status {process.returncode}. With debug = true in pyproject.toml it says more.")
    return True


def statuses(printed: str) -> dict[str, dict[str, str]]:
    """By module and mutant, what `mutmut results --all true` prints."""
    found: dict[str, dict[str, str]] = {}
    for name, status in re.findall(r"^ +(\S+): (.+)$", printed, re.MULTILINE):
        found.setdefault(name.rpartition(".")[0], {})[name] = status
    return found


def changed(patch: str, sign: str) -> list[str]:
    """The lines that a patch takes away (-) or adds (+), without their indentation."""
    return [line[1:].strip() for line in patch.splitlines() if line.startswith(sign) and not line.startswith(sign * 3)]


def is_unseen(patch: str, entries: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a mutant is among those that change nothing that can be seen."""
    listed = [(entry["line"], mutant) for entry in entries for mutant in entry["mutants"]]
    was, now = ("\n".join(changed(patch, sign)) for sign in "-+")
    return (was, now) in listed


def judged(measured: Mapping[str, Score], committed: Mapping[str, Score], modules: Iterable[str]) -> dict[str, str]:
    """By module, what is wrong with its score."""
    wrong = {}
    for module in modules:
        now, before = measured.get(module), committed.get(module)
        if before and not now:
            wrong[module] = f"had {before}, and has no mutants any more."
        elif now and not before:
            wrong[module] = f"has {now}, and no score is committed that it could be compared with."
        elif now and before and now.sample != before.sample:
            wrong[module] = f"has {now}, which cannot be compared with {before}."
        elif now and before and now.percent < before.percent:
            wrong[module] = f"fell from {before} to {now}."
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="such as records or helpers.sessions (default: the whole core)")
    parser.add_argument("--sample", help="last digits of the mutants to try: 05 is a fifth (default: as committed)")
    processes = 2 * (os.cpu_count() or 1)  # tests mostly wait
    parser.add_argument("--processes", type=int, default=processes, help="at once (default: two a core)")
    parser.add_argument("--minutes", type=float, default=300, help="give up after so many (default: 300)")
    parser.add_argument("--write", action="store_true", help="commit to the scores in place of comparing them")
    options = parser.parse_args()

    every = core()
    modules = [one for one in every if not options.modules or {one, one.split(".")[-1]} & {*options.modules}]
    if len(modules) < len(options.modules):
        parser.error(f"The modules are {', '.join(every)}.")
    if options.sample and not options.sample.isdecimal():
        parser.error("A sample is some digits, such as 05.")
    release = version("mutmut")
    stored: Any = json.loads(SCORES.read_text(encoding="utf-8"))
    if stored["mutmut"] != release and (options.modules or not options.write):
        sys.exit(f"mutmut {release} makes other mutants than {stored['mutmut']}. Measure the whole core with --write.")
    committed = {name: Score(one["mutants"], one["killed"], one["sample"]) for name, one in stored["modules"].items()}
    samples = {one: options.sample or (committed[one].sample if one in committed else ALL) for one in modules}
    patterns = [f"{one}.*[{sample}]" for one, sample in samples.items()]
    if not run_mutmut(patterns, options.processes, options.minutes):
        sys.exit(f"{options.minutes:g} minutes did not suffice. Name fewer modules, a sample, or more minutes.")

    listed = tomllib.loads(UNSEEN.read_text(encoding="utf-8"))
    results = statuses(output("results", "--all", "true"))
    measured: dict[str, Score] = {}
    survivors: dict[str, list[str]] = {}
    for one in modules:
        tried = {name: status for name, status in results.get(one, {}).items() if name[-1] in samples[one]}
        # Where pytest itself does not start, each of them "takes too long".
        if not {*tried.values()} <= SURVIVED | NOTICED or (tried and not {"killed", *SURVIVED} & {*tried.values()}):
            sys.exit(f"{one}: its mutants were not tried: {Counter(tried.values())}.")
        patches = [output("show", name) for name, status in tried.items() if status in SURVIVED]
        survivors[one] = [patch for patch in patches if not is_unseen(patch, listed.get(one, []))]
        killed = len(tried) - len(patches)
        if mutants := killed + len(survivors[one]):
            measured[one] = Score(mutants, killed, samples[one])
    SURVIVORS.parent.mkdir(exist_ok=True)
    SURVIVORS.write_text("".join(patch for one in modules for patch in survivors[one]), encoding="utf-8")
    for one, score in measured.items():
        print(f"{one}: {score}; was {committed.get(one, 'not measured')}")
    print(f"The survivors are in {SURVIVORS}.")

    gone = committed.keys() - set(every)
    if options.write:
        scores = {one: score for one, score in committed.items() if one not in {*modules, *gone}} | measured
        table = {one: {"score": scores[one].percent, **scores[one]._asdict()} for one in sorted(scores)}
        SCORES.write_text(json.dumps({"mutmut": release, "modules": table}, indent=2) + "\n", encoding="utf-8")
    elif wrong := judged(measured, committed, [*modules, *gone]):
        for one, why in wrong.items():
            print(f"\n{one} {why}", *(survivors.get(one, []) if "fell" in why else []), sep="\n")
        sys.exit("Have a test notice these mutants, or commit to the scores with --write.")


def output(*arguments: str) -> str:
    """What mutmut prints."""
    return subprocess.run([MUTMUT, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
