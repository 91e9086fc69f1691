"""The widgets with what Colab has: ipywidgets 7.7.1 and the kernel of its day."""

import os
import re
import subprocess
from pathlib import Path

from tests.support.official import official_python

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
    *("-r", str(ROOT / "pyproject.toml"), "--extra", "tutorials", "psutil", "pytest", "pytest-asyncio"),
)


def test_the_widgets_tests_pass_with_colabs_versions(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    run = subprocess.run(
        [
            *(str(official_python(COLAB)), "-m", "pytest", "-q", "-c", str(tmp_path / "pytest.ini")),
            *("--rootdir", str(ROOT), "--confcutdir", str(ROOT / "tests"), "-p", "no:cacheprovider"),
            *(str(ROOT / f"tests/widgets/test_{name}.py") for name in ("live", "explorer", "picker", "chat_panel")),
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
