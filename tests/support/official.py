"""The official packages, each in an environment of its own, since the second cannot live beside today's LangChain."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.colab_freeze import FREEZE

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / "build" / "official"

COMMUNITY = ("langchain-community==0.4.2", "redis>=8,<9", "langchain-core>=1,<2")
_PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"
MEMORYSTORE = (
    "langchain-google-memorystore-redis==0.3.0",
    f"--override={ROOT / 'tests' / 'support' / 'data' / 'memorystore-overrides.txt'}",
)


def official_python(requirements: tuple[str, ...]) -> Path:
    """The interpreter of an environment that holds packages; made when first asked for.

    Several processes may ask at once: each makes its own and the first to finish wins.
    """
    wanted = repr((requirements, sys.version_info[:2])).encode()
    known = hashlib.sha256(wanted + (ROOT / "pyproject.toml").read_bytes()).hexdigest()[:8]
    name = f"{re.sub('[^a-z0-9.]+', '-', requirements[0])}-{known}"
    home = ENVIRONMENTS / name
    if not (home / "complete").exists():
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        draft = ENVIRONMENTS / f"{name}.{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed, and had the same number
        environment_python(draft, requirements)
        (draft / "complete").touch()
        try:
            draft.rename(home)
        except OSError:
            shutil.rmtree(draft)
    return home / _PYTHON


def environment_python(home: Path, requirements: tuple[str, ...]) -> Path:
    """The interpreter of a new environment that holds packages.

    Args:
        home: The environment's folder, to be made.
        requirements: What ``uv pip install`` takes.
    """
    uv = [sys.executable, "-m", "uv"]
    subprocess.run(
        [*uv, "venv", "--quiet", "--relocatable", "--python", _python_for(requirements), str(home)], check=True
    )
    python = home / _PYTHON
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *requirements], check=True)
    return python


def _python_for(requirements: tuple[str, ...]) -> str:
    """This Python; for Colab's packages, of which some have no wheel for a newer one, Colab's if this is newer."""
    found = re.search(r"Python (\d+)\.(\d+)", FREEZE.read_text(encoding="utf-8"))
    assert found
    newer = sys.version_info[:2] > (int(found[1]), int(found[2]))
    return f"{found[1]}.{found[2]}" if newer and any("ipython" in one for one in requirements) else sys.executable
