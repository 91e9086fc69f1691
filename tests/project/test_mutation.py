"""A score of mutants that falls is noticed, with the real mutmut on a small project of its own."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks.mutation import SCORES, UNSEEN, Score, core, judged
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="mutmut needs os.fork")

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PROJECT = """\
[tool.mutmut]
source_paths = ["shop"]
only_mutate = ["shop/*.py"]
"""
PRICES = """\
def is_free(price: int) -> bool:
    if price <= 0:
        return True
    return False
"""
STOCK = """\
def left(stock: int, sold: int) -> int:
    return stock - sold
"""
TESTS = """\
from shop.prices import is_free
from shop.stock import left

def test_gifts() -> None:
    assert is_free(0)

def test_goods() -> None:
    assert not is_free(1)

def test_left() -> None:
    assert left(3, 1) == 2
"""


UNSEEN_ONE = """\
[["shop.prices"]]
line = "if price <= 0:"
mutants = ["if price == 0:", "if price < 0:"]
why = "Nothing costs less than nothing."
"""
ALL = {"shop.prices": Score(4, 4), "shop.stock": Score(1, 1)}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with two modules, all of whose mutants are noticed."""
    files = {
        "pyproject.toml": PROJECT,
        "shop/__init__.py": "",
        "shop/prices.py": PRICES,
        "shop/stock.py": STOCK,
        "tests/test_shop.py": TESTS,
        "benchmarks/mutation.unseen.toml": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    commit(tmp_path, ALL)
    return tmp_path


@pytest.fixture
def mutation(shop: Path) -> Run:
    """The command, in that project."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(ROOT / "benchmarks/mutation.py"), "--processes", "1", *arguments]
        return subprocess.run(command, cwd=shop, capture_output=True, text=True)

    return run


def commit(shop: Path, scores: dict[str, Score], mutmut: str = version("mutmut")) -> None:
    modules = {name: score._asdict() for name, score in scores.items()}
    (shop / SCORES).write_text(json.dumps({"mutmut": mutmut, "modules": modules}))


def committed(shop: Path) -> dict[str, Score]:
    modules = json.loads((shop / SCORES).read_text())["modules"]
    return {name: Score(one["mutants"], one["killed"], one["sample"]) for name, one in modules.items()}


def take_out(shop: Path, test: str) -> None:
    file = shop / "tests/test_shop.py"
    kept, found, rest = file.read_text().partition(f"def {test}(")
    assert found
    file.write_text(kept + rest.partition("\n\n")[2])


# --- with mutmut --------------------------------------------------------------------------------


def test_without_a_test_the_score_falls_and_the_survivors_are_named(shop: Path, mutation: Run) -> None:
    take_out(shop, "test_gifts")
    (shop / UNSEEN).write_text(UNSEEN_ONE)
    before = ALL | {"shop.gone": Score(2, 1)}
    commit(shop, before)
    run = mutation()
    assert run.returncode == 1, run.stderr
    assert "shop.prices fell from 100.0 % (4 of 4) to 66.7 % (2 of 3)." in run.stdout
    assert "shop.stock fell" not in run.stdout
    assert "shop.gone had 50.0 % (1 of 2), and has no mutants any more." in run.stdout
    for text in (run.stdout, (shop / "build/mutation.diff").read_text()):
        assert "# shop.prices.x_is_free__mutmut_3: survived" in text
        assert "-        return True\n+        return False" in text
        assert "price < 0" not in text
    assert committed(shop) == before


def test_a_score_that_has_risen_passes_and_is_said(shop: Path, mutation: Run) -> None:
    commit(shop, {"shop.prices": Score(4, 3), "shop.stock": Score(1, 1)})
    run = mutation()
    assert run.returncode == 0, run.stderr
    assert "shop.prices: 100.0 % (4 of 4); was 75.0 % (3 of 4)" in run.stdout


def test_one_module_is_measured_by_a_sample_and_the_others_keep_their_score(shop: Path, mutation: Run) -> None:
    commit(shop, {"shop.prices": Score(4, 1), "shop.stock": Score(1, 1), "shop.gone": Score(2, 1)})
    run = mutation("prices", "--sample", "24", "--write")
    assert run.returncode == 0, run.stderr
    assert committed(shop) == {"shop.prices": Score(2, 2, "24"), "shop.stock": Score(1, 1)}
    assert json.loads((shop / SCORES).read_text())["modules"]["shop.prices"]["score"] == 100


def test_tests_that_fail_on_the_code_as_it_is_give_no_score(shop: Path, mutation: Run) -> None:
    (shop / "tests/test_shop.py").write_text(TESTS.replace("== 2", "== 3"))
    run = mutation("--write")
    assert run.returncode == 1
    assert "mutmut ended with status 1." in run.stderr
    assert committed(shop) == ALL


def test_a_run_that_takes_too_long_gives_no_score(shop: Path, mutation: Run) -> None:
    (shop / "tests/test_shop.py").write_text(TESTS + "    __import__('time').sleep(60)\n")
    run = mutation("--minutes", "0.05", "--write")
    assert run.returncode == 1
    assert "0.05 minutes did not suffice." in run.stderr
    assert committed(shop) == ALL


# --- without ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "before", "why"),
    [
        (Score(300, 299), Score(300, 300), "fell from 100.0 % (300 of 300) to 99.7 % (299 of 300)."),
        (Score(5, 5, "05"), Score(50, 40), "has 100.0 % (5 of 5 in the sample 05), which cannot be compared"),
        (Score(5, 4), None, "has 80.0 % (4 of 5), and no score is committed"),
        (None, Score(5, 4), "had 80.0 % (4 of 5), and has no mutants any more."),
    ],
)
def test_a_score_is_wrong_that(now: Score | None, before: Score | None, why: str) -> None:
    wrong = judged({"m": now} if now else {}, {"m": before} if before else {}, ["m", "without.functions"])
    assert [*wrong] == ["m"]
    assert wrong["m"].startswith(why)


@pytest.mark.parametrize("now", [Score(5, 4), Score(9, 8), Score(1, 1)])
def test_a_score_is_right_that_has_not_fallen(now: Score) -> None:
    assert judged({"m": now}, {"m": Score(10, 8)}, ["m"]) == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pricse"], "The modules are shop.prices, shop.stock."),
        (["prices", "--sample", "a"], "A sample is some digits, such as 05."),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_run(mutation: Run, arguments: list[str], says: str) -> None:
    run = mutation(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert says in run.stderr


def test_scores_of_another_mutmut_are_not_compared(shop: Path, mutation: Run) -> None:
    commit(shop, ALL, mutmut="3.0.0")
    for arguments in ([], ["prices", "--write"]):
        run = mutation(*arguments)
        assert (run.returncode, run.stdout) == (1, "")
        assert "makes other mutants than 3.0.0. Measure the whole core with --write." in run.stderr


# --- the repository's own -----------------------------------------------------------------------


def test_every_module_of_the_core_is_measured_each_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    nightly = YAML(typ="safe").load(ROOT / ".github/workflows/nightly.yml")
    measured = nightly["jobs"]["mutation"]["strategy"]["matrix"]["module"]
    assert sorted(measured) == sorted(module.split(".")[-1] for module in core())
    assert committed(ROOT).keys() <= set(core())


def test_what_cannot_be_seen_has_its_reason() -> None:
    for entries in tomllib.loads((ROOT / UNSEEN).read_text(encoding="utf-8")).values():
        for entry in entries:
            assert entry.keys() == {"line", "mutants", "why"}
            assert all(entry.values())
