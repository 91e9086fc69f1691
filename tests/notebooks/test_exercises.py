"""The exercises: solutions pass their checks in every language, and plausible wrong answers don't."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.support.warm_kernels import WarmKernelManager
from tools import exercises
from tools.building import localized
from tools.running.execution import execute, shown
from tools.site.phrases import PHRASES, translated
from tools.translating.catalogs import LIKE, read_source
from tools.tutorials import ENGLISH, LANGUAGES, lessons, neutral_environment, notebook_path, tutorials

NOTEBOOKS = [name for name in tutorials() if name not in lessons()]

# What students write in place of a solution, by notebook and exercise. A pair is what is replaced in the solution, and
# by what; a text replaces all that the reader writes.
Wrong = tuple[str, str] | str
WRONG: dict[str, dict[str, list[Wrong]]] = {
    "01_redis_exercises": {
        "order": [
            ('first = "three"', 'first = "one"'),
            ("order.add_user_message(text)", "order.add_ai_message(text.upper())"),
            ('["one", "two", "three"]:', '["three", "two", "one"]:'),
        ],
        "brief": [
            ("ttl=600", "ttl=10"),
            ("window=2, max_messages=4", "window=4, max_messages=2"),
            ('f"{SESSION_ID}-brief"', "SESSION_ID"),
            ("str(number)", "number"),
        ],
        "away": [
            ("count = 6", "count = 4"),
            ("list(export_sessions(client, [away.key]))", "export_sessions(client, [away.key])"),
            ("import_sessions(client, lines)", "pass"),
            ("[away.key]", "away.key"),
        ],
        "twice": [
            ("[question, answer]", "[question]"),
            ("[question, answer]", "[answer]"),
            ("[question, answer]", "[answer, question]"),
        ],
        "neighbour": [
            ("message_store:anna-*", "message_store:anna*"),
            ("message_store:anna-*", "anna-*"),
            ("message_store:anna-*", "message_store:*"),
            ("message_store:anna-*", "message_store:anna-1"),
        ],
        "budget": [
            ("max_tokens=max_tokens", "max_tokens=30"),
            ("[*history.messages, question],", "history.messages,"),
            ('start_on="human"', 'start_on="ai"'),
            ("[question, answer]", "[answer]"),
            ("return answer.content", "return answer"),
            ("model.invoke(to_send)", "model.invoke([*history.messages, question])"),
        ],
    },
    "02_memorystore_exercises": {
        "other": [
            ('first = "one"', 'first = "two"'),
            ('key = f"{SESSION_ID}-order"', 'key = f"message_store:{SESSION_ID}-order"'),
        ],
        "create": [
            ("memory_gb=2, replica_count=0", 'memory_gb=2, tier="STANDARD_HA"'),
            ("port = 6378", "port = 6379"),
            ('tier = "BASIC"', "tier = None"),
        ],
        "room": [
            (", ttl=24 * 3600", ", ttl=24"),
            ('f"{SESSION_ID}-archive")', 'f"{SESSION_ID}-archive", ttl=24 * 3600)'),
            ("max_messages=50", "window=50"),
        ],
        "failover": [
            ("lost = 5 - len(steadfast)", "lost = len(steadfast)"),
            ("operation = failover_instance(name)", "operation = create_instance(name, exist_ok=True)"),
        ],
        "temporary": [
            (
                "    try:\n        yield connect(instance_name)\n    finally:\n        ",
                "    yield connect(instance_name)\n    ",
            ),
            ("yield connect(instance_name)", "yield client"),
            ("    finally:", "    except Exception:"),
        ],
    },
    "03_agents_exercises": {
        "people": [
            ("person-{person}", "person-bob"),
            ("-person-{person}", "-{person}"),
            ("{person}", "{text[:1]}"),
        ],
        "waiting": [
            ("    return None", "    return {}"),
            ('["action_requests"][0]["args"]', '["action_requests"]'),
            ("    return None", '    return {"order": 4711, "amount": 12.5}'),
        ],
        "decide": [
            ('"approve" if allowed else "reject"', '"approve"'),
            ('"approve" if allowed else "reject"', '"reject" if allowed else "approve"'),
            ('return state["messages"]', 'return state["messages"][-1]'),
        ],
        "back": [
            ("ended[1].config", "config"),
            ("ended[1].config", "ended[2].config"),
            ("ended[1].config", 'config | {"configurable": {"thread_id": "another"}}'),
        ],
        "turns": [
            ("starts[-2:][0]", "-3"),
            ("starts[-2:][0]", "starts[-1]"),
            ("handler(request.override(messages=latest))", "handler(request)"),
        ],
    },
}
ROUNDS = [(name, number) for name in NOTEBOOKS for number in range(max(map(len, WRONG[name].values())))]


def checks(name: str) -> list[str]:
    """The names of a notebook's exercises, in their order."""
    return [cell.id.removesuffix("-check") for cell in read_source(name) if cell.id.endswith("-check")]


def said(notebook: NotebookNode, exercise: str) -> str:
    (cell,) = [one for one in notebook.cells if one.id == f"{exercise}-check"]
    return shown(cell.outputs)


async def run(notebook: NotebookNode, language: str = ENGLISH) -> None:
    folder = notebook_path(language, NOTEBOOKS[0]).parent
    assert await execute(notebook, folder, neutral_environment(), kernels=WarmKernelManager) is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NOTEBOOKS)
async def test_every_solution_passes_its_check(language: str, name: str) -> None:
    notebook = localized(language, name, solved=True)
    await run(notebook, language)

    found = {cell.id: solved for cell, solved in exercises.checks(notebook)}
    assert found == {f"{exercise}-check": True for exercise in checks(name)}, {
        cell.id: shown(cell.outputs) for cell, solved in exercises.checks(notebook) if not solved
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_check_takes_an_empty_cell_for_a_solution(language: str, name: str) -> None:
    committed = nbformat.read(notebook_path(language, name), as_version=4)

    assert {cell.id: solved for cell, solved in exercises.checks(committed)} == {
        f"{exercise}-check": False for exercise in checks(name)
    }


@pytest.mark.parametrize(("name", "number"), ROUNDS)
async def test_a_check_refuses_wrong_answers_and_does_not_give_the_right_one_away(name: str, number: int) -> None:
    notebook = localized(ENGLISH, name, solved=True)
    wrong = {exercise: answers[number] for exercise, answers in WRONG[name].items() if number < len(answers)}
    solutions = {}
    for exercise, answer in wrong.items():
        (cell,) = [one for one in notebook.cells if one.id == f"{exercise}-cell"]
        solutions[exercise] = cell.source
        assert answer[0] in cell.source, (exercise, answer)
        cell.source = cell.source.replace(answer[0], answer[1])
    # A wrong answer may be one that fails in its own cell, after which the notebook goes on for who runs its cells.
    for cell in notebook.cells:
        if cell.id.endswith("-cell"):
            cell.metadata.tags = ["raises-exception"]
    await run(notebook)

    refused = {cell.id.removesuffix("-check") for cell, solved in exercises.checks(notebook) if not solved}
    assert refused == set(wrong), {exercise: said(notebook, exercise) for exercise in wrong}
    for exercise, solution in solutions.items():
        text = said(notebook, exercise)
        given = exercises.blank(next(one for one in read_source(name) if one.id == f"{exercise}-cell").source)
        own = [line.strip() for line in solution.splitlines() if line not in given.splitlines()]
        own += [line.partition(" = ")[2] for line in own if re.match(r"\w+ = ", line)]
        assert [line for line in own if len(line) > 3 and line in text] == [], text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_two_wrong_answers_are_tried_for_each_exercise(name: str) -> None:
    assert {exercise: len(answers) > 1 for exercise, answers in WRONG[name].items()} == dict.fromkeys(
        checks(name), True
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_exercise_has_all_its_parts(name: str) -> None:
    committed = nbformat.read(notebook_path(ENGLISH, name), as_version=4)
    cells = {cell.id: cell for cell in committed.cells}
    order = list(cells)
    lesson = name.removesuffix("_exercises")

    assert 3 <= len(checks(name)) <= 6
    minutes = []
    for number, exercise in enumerate(checks(name), start=1):
        heading = re.match(rf"## {number}\. .+ \((\d+) minutes\)\n", cells[exercise].source)
        assert heading, exercise
        minutes.append(int(heading[1]))
        parts = [exercise, f"{exercise}-cell", f"{exercise}-check", f"{exercise}-hint", f"{exercise}-cell-solved"]
        assert [part for part in order if part in parts] == parts
        assert f'with exercise("{lesson}", "{exercise}") as check' in cells[f"{exercise}-check"].source
        assert "✎" in cells[f"{exercise}-cell"].source
    assert minutes[0] <= 3
    assert minutes[-1] == max(minutes) >= 15


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_cell_that_runs_is_known_from_those_of_the_lessons_by_its_id(name: str) -> None:
    taught = {cell.id for lesson in lessons() for cell in read_source(lesson)}
    own = [cell.id for cell in read_source(name) if cell.cell_type == "code" and LIKE not in cell.metadata]

    assert taught.isdisjoint(own)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_hints_and_solutions_are_folded_under_words_of_the_language(language: str, name: str) -> None:
    committed = nbformat.read(notebook_path(language, name), as_version=4)
    for suffix, phrase in (("-hint", "hint"), ("-cell-solved", "solution")):
        folded = [cell.source for cell in committed.cells if cell.id.endswith(suffix)]
        assert len(folded) == len(checks(name))
        summary = f"<details><summary>{translated(language, PHRASES[phrase])}</summary>\n"
        for text in folded:
            assert summary in text
            assert text.endswith("\n\n</details>")


@pytest.mark.parametrize("name", NOTEBOOKS)
async def test_a_check_alone_in_a_fresh_kernel_says_not_yet(name: str, tmp_path: Path) -> None:
    committed = nbformat.read(notebook_path(ENGLISH, name), as_version=4)
    committed.cells = [cell for cell in committed.cells if cell.id == "install" or cell.id.endswith("-check")]
    for cell in committed.cells:
        if cell.id.endswith("-check"):
            cell.source = f"from helpers.exercises import exercise\n\n{cell.source}"
    await run(committed)

    found = [solved for _, solved in exercises.checks(committed)]
    assert found == [False] * len(checks(name))
