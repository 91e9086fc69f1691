"""The official packages, each in an environment of its own, since the second cannot live beside today's LangChain."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / "build" / "official"

COMMUNITY = ("langchain-community==0.4.2", "redis>=8,<9", "langchain-core>=1,<2")
MEMORYSTORE = ("langchain-google-memorystore-redis==0.3.0",)


def official_python(requirements: tuple[str, ...]) -> Path:
    """The interpreter of an environment that holds a package; made when first asked for.

    Several processes may ask at once: each makes its own and the first to finish wins.
    """
    name = requirements[0].replace("==", "-")
    home = ENVIRONMENTS / name
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (home / "complete").exists():
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        draft = ENVIRONMENTS / f"{name}.{os.getpid()}"
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(draft)], check=True)
        target = draft / python.relative_to(home)
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(target), *requirements], check=True)
        (draft / "complete").touch()
        try:
            draft.rename(home)
        except OSError:
            shutil.rmtree(draft)
    return python
