"""The browser's edition of the lessons: JupyterLite and Pyodide, with nothing that comes from another host."""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupyter_server
import nbformat

from tools.project import root
from tools.site.build import SITE
from tools.site.lite import packages
from tools.site.lite.copies import copy_of, in_page
from tools.site.lite.phrases import page
from tools.site.opening import LIVE
from tools.tutorials import LANGUAGES, notebook_path

STATIC = Path(__file__).parent / "static"
STORAGE = "chat-history-tutorials"
"""What JupyterLite's storage in the reader's browser is called."""

_APP = "notebooks"
_EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@jupyterlite/pyodide-kernel-extension", "anywidget")
_PYODIDE = "static/pyodide"
# The kernel installs what it does not find among these, from a list of its own.
_THE_KERNELS = ("jedi",)
_START = re.compile(r"await import\(\s*'\.\./config-utils\.js")


def build(folder: Path) -> None:
    """Make the edition in a folder, in place of what is there.

    Raises:
        packages.PackageError: Something could not be fetched, or is not what was locked.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        names = runtime(work / "pyodide")
        contents = work / "contents"
        write_copies(contents)
        (work / "jupyter-lite.json").write_text(json.dumps(_settings(names)), encoding="utf-8")
        _run_jupyterlite(work, contents, folder)
        shutil.copytree(work / "pyodide", folder / _PYODIDE)
    _add_page(folder)


def runtime(folder: Path) -> list[str]:
    """Put Python and all packages into a folder, as a page or Node loads them.

    Returns:
        The packages' names.

    Raises:
        packages.PackageError: Something could not be fetched, or is not what was locked.
    """
    folder.mkdir(parents=True)
    info = packages.core(folder)
    packages.wheels(folder, info)
    for wheel in sorted((_labextensions() / _EXTENSIONS[1] / "static" / "pypi").glob("*.whl")):
        # Of the two that stand in for the widgets' own, ipywidgets 8 takes the newer.
        if not wheel.name.startswith("widgetsnbextension-3"):
            shutil.copy(wheel, folder)
    _build_kit(folder)
    shutil.copy(STATIC / "start.mjs", folder)
    return packages.index(folder, info)


def write_copies(folder: Path) -> None:
    """Write the lessons' copies, each language's into a folder of its own."""
    for language in LANGUAGES:
        (folder / language).mkdir(parents=True)
        for tutorial in in_page():
            notebook = copy_of(nbformat.read(notebook_path(language, tutorial), as_version=4), language)
            nbformat.write(notebook, folder / language / f"{tutorial}.ipynb")


def _labextensions() -> Path:
    return Path(sys.prefix) / "share" / "jupyter" / "labextensions"


def _build_kit(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as built:
        uv = Path(sys.executable).parent / "uv"
        done = subprocess.run(  # noqa: S603 - uv of our own environment
            [uv, "build", "--quiet", "--wheel", "--out-dir", built, root()], capture_output=True, text=True
        )
        if done.returncode:
            raise packages.PackageError(f"The kit's wheel could not be built:\n{done.stderr.strip()}")
        for wheel in Path(built).glob("*.whl"):
            shutil.copy(wheel, folder)


def _settings(names: Sequence[str]) -> dict[str, Any]:
    """What JupyterLite is told."""
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "contentsStorageName": STORAGE,
            "settingsStorageName": STORAGE,
            "workspacesStorageName": STORAGE,
            "enableMemoryStorage": True,  # a private window runs the lesson too
            "exposeAppInBrowser": True,
            "litePluginSettings": {
                "@jupyterlite/pyodide-kernel-extension:kernel": {
                    "pyodideUrl": f"./{_PYODIDE}/start.mjs",
                    "disablePyPIFallback": True,
                    "loadPyodideOptions": {"packages": [*names, *_THE_KERNELS]},
                }
            },
        },
    }


def _run_jupyterlite(work: Path, contents: Path, folder: Path) -> None:
    extensions = [str(_labextensions() / name) for name in _EXTENSIONS]
    (work / "jupyter_lite_config.json").write_text(
        json.dumps({"LiteBuildConfig": {"federated_extensions": extensions, "ignore_sys_prefix": True}}),
        encoding="utf-8",
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter, folders of ours
        [
            *(sys.executable, "-m", "jupyterlite_core", "build", "--apps", _APP, "--no-sourcemaps"),
            *("--no-unused-shared-packages", "--lite-dir", work, "--contents", contents, "--output-dir", folder),
        ],
        cwd=work,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise packages.PackageError(f"JupyterLite could not be built:\n{done.stderr.strip()}")


def _add_page(folder: Path) -> None:
    """Have the lessons' page say what the kit has to say, before JupyterLite starts."""
    for name in ("page.js", "page.css"):
        shutil.copy(STATIC / name, folder)
    # Jupyter asks for the tab's pictures where its server has them.
    shutil.copytree(Path(jupyter_server.__file__).parent / "static" / "favicons", folder / "static" / "favicons")
    told = {
        "storage": STORAGE,
        "lessons": in_page(),
        "sizes": {path.name: path.stat().st_size for path in sorted((folder / _PYODIDE).iterdir())},
        "texts": {language: page(language) for language in LANGUAGES},
    }
    (folder / "page.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    index = folder / _APP / "index.html"
    text, changed = _START.subn(
        lambda found: f"await (await import('../page.js')).ready;\n        {found[0]}",
        index.read_text(encoding="utf-8"),
    )
    text = text.replace("</head>", '<link rel="stylesheet" href="../page.css">\n</head>', 1)
    if changed != 1:
        raise packages.PackageError("JupyterLite's page starts in another way than this expects: see _START.")
    index.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools browser",
        description="Make the lessons that run in a web page, in build/site/lite/. JupyterLite comes with the "
        "environment; Pyodide and the packages are fetched from npm and PyPI once, and kept in build/cache/.",
    )
    parser.add_argument("--lock", action="store_true", help="first choose the packages and write their lock")
    parser.add_argument("--newest", action="store_true", help="with --lock: the newest, whatever the kit has locked")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        if options.lock:
            packages.lock(newest=options.newest)
        build(SITE / LIVE)
    except packages.PackageError as error:
        print(error, file=sys.stderr)
        return 1
    megabytes = sum(path.stat().st_size for path in (SITE / LIVE).rglob("*") if path.is_file()) / 1e6
    print(f"{(SITE / LIVE).relative_to(root())}: {megabytes:.0f} MB in {time.perf_counter() - started:.1f} s")
    return 0
