"""The widgets' JavaScript by itself: its types, its logic under Node, and the one text that it is joined to."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from helpers.widgets.modules import STATIC, joined, order, texts
from tests.support.node import missing

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in STATIC.glob("*.js"))
WIDGETS = [name for name in NAMES if "\nexport default widget(" in (STATIC / f"{name}.js").read_text(encoding="utf-8")]

if missing():
    pytest.skip("no Node or no TypeScript", allow_module_level=True)  # conftest.py fails in CI, and says so elsewhere


def run(*command: str | Path, text: str = "") -> None:
    """Run a program, which has to end well."""
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_are_right() -> None:
    run("tsc", "--project", STATIC / "jsconfig.json")


def test_the_logic_holds_under_node() -> None:
    run("node", "--test", *sorted((HERE / "modules").glob("*.test.js")))


@pytest.mark.parametrize("name", WIDGETS)
def test_a_joined_module_is_one(name: str) -> None:
    text = joined(name)
    assert not re.search(r"^import ", text, re.MULTILINE)
    assert re.findall(r"^export .*", text, re.MULTILINE) == re.findall(
        r"^export default widget\(.*", text, re.MULTILINE
    )
    assert not re.search("</script|<!--", text)  # it stands in a page
    run("node", "--input-type=module", text=f"{text}\n")
    style = re.match(r"const HOUSE_CSS = (.*);\n", text)
    assert style
    assert json.loads(style[1]) == (STATIC / "house.css").read_text(encoding="utf-8")


def test_the_modules_share_no_name() -> None:
    declared: dict[str, str] = {}
    for name in NAMES:
        text = (STATIC / f"{name}.js").read_text(encoding="utf-8")
        for found in re.findall(r"^(?:export )?(?:async )?(?:function|const|let|class) \*?(\w+)", text, re.MULTILINE):
            assert found not in declared, f"{found} is in {declared[found]}.js and in {name}.js"
            declared[found] = name


def test_a_modules_texts_are_found() -> None:
    javascript = (
        'link.say("Sort by"), link.say(\n  "{count} “new” \\"ones\\"", { count }), link.say("Sort by"), unsay("x")'
    )
    assert texts(javascript) == ["Sort by", '{count} “new” "ones"']


@pytest.mark.parametrize("name", WIDGETS)
def test_a_module_says_nothing_that_no_catalog_can_hold(name: str) -> None:
    calls = re.findall(r"\.say\(", joined(name))
    assert len(calls) == len(re.findall(r'\.say\(\s*"(?:[^"\\]|\\.)+"', joined(name))) > 10


def test_what_is_imported_comes_first() -> None:
    for name in WIDGETS:
        found = order(name)
        assert found[-1] == name
        assert found.index("dom") < found.index("live") < found.index(name)
