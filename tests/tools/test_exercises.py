"""Exercises are made from their solutions: what the reader gets, what is folded, and what a build refuses."""

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.tools.test_localize import Run, cell, edit_catalog, edit_file, edit_notebook, in_order, localize, tree
from tools import building, exercises
from tools.building import localized
from tools.translating.catalogs import context, read_catalog, read_source
from tools.translating.structure import code_difference
from tools.tutorials import ENGLISH, lessons, notebook_path, tutorials

__all__ = ["in_order", "localize", "tree"]  # fixtures

E = "01_redis_exercises"
SOURCE = f"notebooks/source/{E}.py"


@pytest.mark.parametrize(
    ("solution", "given"),
    [
        ("# ✎ Name it.\nname = 'Bob'", "# ✎ Name it.\nname = ..."),
        ("# ✎ Name both.\none = 1\ntwo = len(\n    'ab'\n)", "# ✎ Name both.\none = ...\ntwo = ..."),
        ("# ✎ Store it.\nfor text in ['one']:\n    add(text)", "# ✎ Store it."),
        ("# ✎ Name and store it.\nname = 1\nstore(name)", "# ✎ Name and store it."),
        ("# ✎ One\n# sentence in two lines.\nstore(1)", "# ✎ One\n# sentence in two lines."),
        ("def f(x):\n    # ✎ Return it.\n    return x", "def f(x):\n    # ✎ Return it.\n    ..."),
        (
            "def f(x):\n    # ✎ Find it.\n    y = x\n\n    return y",
            "def f(x):\n    # ✎ Find it.\n    ...\n\n    return y",
        ),
        ("# ✎ Wait.\nanswer = await ask()", "# ✎ Wait.\nanswer = ..."),
        ("# ✎ Correct it.\n#~ add(1)\n#~ add(1)\nadd(1)", "# ✎ Correct it.\nadd(1)\nadd(1)"),
        ("if x:\n    # ✎ Correct it.\n    #~ add(2)\n    add(1)", "if x:\n    # ✎ Correct it.\n    add(2)"),
        ("given = 1\n\n# ✎ One.\na = 1\n\n# ✎ Two.\nb = 2", "given = 1\n\n# ✎ One.\na = ...\n\n# ✎ Two.\nb = ..."),
        ("# no task\nname = 'Bob'", "# no task\nname = 'Bob'"),
    ],
)
def test_a_reader_gets_what_to_write_without_the_solution(solution: str, given: str) -> None:
    assert exercises.blank(solution) == given
    assert "#~" not in exercises.solved(solution)


def test_a_solution_is_folded_as_it_is_run() -> None:
    source = "# ✎ Correct it.\n#~ add(2)\nadd(1)"
    assert exercises.solved(source) == "# ✎ Correct it.\nadd(1)"
    assert exercises.answer(ENGLISH, source) == (
        "<details><summary>Solution</summary>\n\n```python\n# ✎ Correct it.\nadd(1)\n```\n\n</details>"
    )
    assert exercises.hint(ENGLISH, "Look *there*.") == "<details><summary>Hint</summary>\n\nLook *there*.\n\n</details>"


def test_the_two_variants_differ_in_the_cells_to_fill_in_alone(tree: Path) -> None:
    for name in set(tutorials()) - set(lessons()):
        blank, solved = localized(ENGLISH, name), localized(ENGLISH, name, solved=True)
        differ = [one.id for one, other in zip(blank.cells, solved.cells, strict=True) if one != other]
        assert differ == [one.id for one in read_source(name) if exercises.is_solution(one)]
        assert {tag for one in blank.cells for tag in one.metadata.get("tags", [])} <= {"translate", "varies"}
        for one in read_source(name):
            if exercises.is_solution(one):
                folded = cell(blank, f"{one.id}-solved").source
                assert f"```python\n{cell(solved, one.id).source}\n```" in folded


def test_a_cell_of_a_lesson_comes_with_its_translation(tree: Path) -> None:
    (ours,) = [one for one in read_source(E) if one.id == "install"]
    (theirs,) = [one for one in read_source("01_redis") if one.id == "install"]
    assert (ours.source, ours.cell_type) == (theirs.source, theirs.cell_type)
    assert context(E, ours) == "01_redis/install"
    assert cell(localized("ko", E), "install") == cell(localized("ko", "01_redis"), "install")
    assert f"{E}/install" not in read_catalog("ko")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id="install" like="01_redis"', 'id="install" like="09_nothing"', "like the one of '09_nothing', which there"),
        ('id="install" like="01_redis"', 'id="installed" like="01_redis"', "like the one of '01_redis', which there"),
        ('id="install" like="01_redis"\n', 'id="install" like="01_redis"\nx = 1\n', "and has none of its own"),
        ('id="install" like="01_redis"', 'id="install" tags=["unsolved"]', "unknown tag unsolved"),
    ],
)
def test_a_cell_like_none_is_named(tree: Path, localize: Run, old: str, new: str, message: str) -> None:
    edit_file(SOURCE, old, new)(tree)
    status, printed = localize("build", "--language", "en", "--tutorial", E)
    assert status == 1
    assert f"{E}.py, cell 'install" in printed
    assert message in printed


def test_a_translation_keeps_the_code_that_the_reader_is_given() -> None:
    source = "# ✎ Correct it.\n#~ add(2)\nadd(1)"
    assert code_difference(source, "# ✎ 고치세요.\n#~ add(2)\nadd(1)", strings=False) is None
    found = code_difference(source, "# ✎ 고치세요.\n#~ add(3)\nadd(1)", strings=False)
    assert found is not None
    assert "(#~)" in found.text


# --- what is refused ----------------------------------------------------------------------------

MADE = """\
# %% [markdown] id="title"
\"\"\"
# Exercises
\"\"\"

# %% [markdown] id="setup"
\"\"\"
The exercises of another lesson have the same.
\"\"\"

# %% id="name-cell" tags=["solution"]
# ✎ Your name.
name = "Bob"

# %% id="name-check"
from helpers.exercises import exercise

with exercise("01_redis", "name") as check:
    check("A claim.", {actual}, {expected})
"""


@pytest.fixture
def really(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tree whose notebooks are really run."""
    from tools.running.execution import execute

    monkeypatch.setattr(building, "execute", execute)
    return tree


def written(tree: Path, actual: str, expected: str) -> Path:
    (tree / SOURCE).write_text(MADE.format(actual=actual, expected=expected), encoding="utf-8")
    return notebook_path(ENGLISH, E)


def test_a_solution_that_passes_is_built_with_the_outputs_of_the_empty_cells(really: Path, localize: Run) -> None:
    path = written(really, "name", '"Bob"')
    status, printed = localize("build", "--language", "en", "--tutorial", E)
    assert (status, printed) == (0, f"en/{E}: built and run\n")
    (check,) = [one for one in nbformat.read(path, as_version=4).cells if one.id == "name-check"]
    assert "".join(output.text for output in check.outputs).startswith("✗ A claim.\n")


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        ("name", '"Rob"', "These checks refuse the solutions:\nname-check:\n✗ A claim."),
        ("type(name)", "lambda kind: kind is not None", "these checks find it solved: name-check."),
        ("name", '"Bob")\n\nif name == "Bob":\n    raise ValueError("in the solution"', ": in the solution\n"),
    ],
)
def test_a_build_refuses_a_check_that_is_wrong(
    really: Path, localize: Run, actual: str, expected: str, message: str
) -> None:
    path = written(really, actual, expected)
    before = path.read_bytes()
    status, printed = localize("build", "--language", "en", "--tutorial", E)
    assert status == 1
    assert f"en/{E}: failed\n" in printed
    assert message in printed
    assert path.read_bytes() == before


def test_a_committed_check_that_finds_an_empty_cell_solved_is_refused(tree: Path, localize: Run) -> None:
    def change(notebook: NotebookNode) -> None:
        check = cell(notebook, "mine-check")
        check.outputs = [nbformat.v4.new_output("stream", name="stdout", text="✓ A claim.\nSolved.\n")]

    written(tree, "name", '"Bob"')
    (tree / SOURCE).write_text((tree / SOURCE).read_text("utf-8").replace("name-", "mine-"), "utf-8")
    localize("build", "--language", "en", "--tutorial", E)
    edit_notebook(ENGLISH, E, change)(tree)
    status, printed = localize("check")
    assert status == 1
    assert f"en/{E}, cell 'mine-check'" in printed
    assert "the check finds an exercise solved that nobody has solved" in printed


def test_what_awaits_translation_is_english_and_folded_all_the_same(tree: Path, localize: Run) -> None:
    written(tree, "name", '"Bob"')
    source = (tree / SOURCE).read_text("utf-8")
    hint = '\n# %% [markdown] id="name-hint" tags=["hint"]\n"""\nThink.\n"""\n'
    (tree / SOURCE).write_text(source + hint, "utf-8")
    localize("extract")
    korean = localized("ko", E)
    assert cell(korean, "name-hint").source.endswith("\n\nThink.\n\n</details>")
    assert "\n\n<details><summary>" in cell(korean, "name-hint").source
    edit_catalog("ko", f"{E}/name-hint", lambda catalog, entry: setattr(entry, "msgstr", "생각하세요."))(tree)
    edit_catalog("ko", f"{E}/name-cell", lambda catalog, entry: setattr(entry, "msgstr", '# ✎ 이름.\nname = "Bob"'))(
        tree
    )
    korean = localized("ko", E)
    assert cell(korean, "name-hint").source.endswith("\n\n생각하세요.\n\n</details>")
    assert cell(korean, "name-cell").source == "# ✎ 이름.\nname = ..."
    assert '```python\n# ✎ 이름.\nname = "Bob"\n```' in cell(korean, "name-cell-solved").source
