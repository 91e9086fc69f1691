"""The widgets with what Colab has: ipywidgets 7.7.1, the kernel of its day and anywidget of the day before."""

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from langchain_core.messages import HumanMessage

from helpers import RedisChatMessageHistory
from helpers.embedded import EmbeddedServer
from tests.conftest import copy_of_the_tree
from tests.support.chromium import chromium
from tests.support.official import official_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.support.jupyterlab import Lab

ROOT = Path(__file__).parents[2]
COLAB = (
    *(
        "ipywidgets==7.7.1",
        "anywidget==0.9.21",
        "ipykernel==6.17.1",
        "ipython==7.34.0",
        "traitlets==5.7.1",
        "langchain-core==1.5.5",
    ),
    *(
        "-r",
        str(ROOT / "pyproject.toml"),
        "--extra",
        "notebooks",
        "--extra",
        "tutorials",
        "psutil",
        "pytest",
        "pytest-asyncio",
    ),
)


def test_the_widgets_tests_pass_with_colabs_versions(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    run = subprocess.run(
        [
            *(str(official_python(COLAB)), "-m", "pytest", "-q", "-c", str(tmp_path / "pytest.ini")),
            *("--rootdir", str(ROOT), "--confcutdir", str(ROOT / "tests"), "-p", "no:cacheprovider"),
            *(
                str(ROOT / f"tests/widgets/test_{name}.py")
                for name in ("live", "explorer", "picker", "chat_panel", "class_view")
            ),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed
    assert int(passed[1]) > 35
    assert "skipped" not in run.stdout


@pytest.fixture(scope="module")
def lab_of_colab(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Lab]":
    from tests.support.jupyterlab import running_lab

    with running_lab(copy_of_the_tree(tmp_path_factory.mktemp("lab")), server.url, official_python(COLAB)) as running:
        yield running


@pytest.mark.skipif(chromium() is None, reason="no Chromium")  # conftest.py fails in CI, and says so elsewhere
def test_the_explorer_lives_with_colabs_versions(
    lab_of_colab: "Lab", server: EmbeddedServer, browser: "Browser"
) -> None:
    from playwright.sync_api import expect

    with redis.Redis.from_url(server.url, protocol=2) as client:
        for number in range(3):
            RedisChatMessageHistory(f"student-{number}", client=client).add_messages(
                [HumanMessage("Hi")] * (number + 1)
            )
    cells = {
        "versions": "import anywidget, ipywidgets\nprint(ipywidgets.__version__, anywidget.__version__)",
        "import": "from helpers import connect\nfrom helpers.widgets import SessionExplorer",
        "explore": "SessionExplorer(connect())",
    }
    notebook = lab_of_colab.open_cells(browser, cells)
    expect(notebook.cell("versions")).to_have_text("7.7.1 0.9.21")
    explorer = notebook.cell("explore")
    explorer.get_by_role("columnheader", name="Messages").get_by_role("button").click()
    names = explorer.locator("tbody [data-control=open]")
    expect(names).to_have_text(["student-2", "student-1", "student-0"])
    names.first.click()
    expect(explorer.locator(".detail .message")).to_have_count(3)
    notebook.restart_kernel()
    explorer.get_by_role("button", name="Refresh").click()
    expect(explorer.get_by_text("Run the cell again to continue.")).to_be_visible()
    explorer.get_by_label("Filter", exact=True).fill("student-1")
    expect(names).to_have_text(["student-1"])
    notebook.save()
    notebook.page.reload()
    notebook.wait_until_ready()
    reopened = notebook.cell("explore")
    reopened.get_by_label("Filter", exact=True).fill("student-1")
    expect(reopened.locator("tbody [data-control=open]")).to_have_text(["student-1"])
    assert notebook.complaints == []
    notebook.close()


@pytest.mark.skipif(chromium() is None, reason="no Chromium")  # conftest.py fails in CI, and says so elsewhere
def test_the_panel_lives_with_colabs_versions(lab_of_colab: "Lab", server: EmbeddedServer, browser: "Browser") -> None:
    from playwright.sync_api import expect

    cells = {
        "import": "from helpers import RedisChatMessageHistory, chat_model, connect\n"
        "from helpers.widgets import ChatPanel\nclient = connect()",
        "panel": "ChatPanel(chat_model(), 'bob', lambda name: RedisChatMessageHistory(name, client=client, ttl=3600))",
    }
    notebook = lab_of_colab.open_cells(browser, cells)
    panel = notebook.cell("panel")
    field = panel.get_by_role("textbox", name="Message")
    field.fill("Hi! I'm **Bob**.")
    field.press("Enter")
    expect(panel.locator(".log strong", has_text="Bob")).to_be_visible()
    expect(panel.locator(".list tbody tr")).to_have_count(2)
    expect(panel.get_by_text(re.compile(r"expires in 59:5\d"))).to_be_visible()
    with redis.Redis.from_url(server.url, protocol=2) as client:
        assert client.llen("message_store:bob") == 2
    notebook.restart_kernel()
    field.fill("Are you there?")
    field.press("Enter")
    expect(panel.get_by_text("Run the cell again to continue.")).to_be_visible()
    expect(field).to_have_value("Are you there?")
    assert notebook.complaints == []
    notebook.close()
