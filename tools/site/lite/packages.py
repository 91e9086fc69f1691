"""The packages that a web page loads: their lock, and where they come from.

Pyodide's core is npm's package `pyodide`, and Python's packages are wheels of PyPI, whose tag for WebAssembly (PEP 783)
follows from that core. The browser has a lock of its own, because not every release has such a wheel. Two packages have
none and work without their compiled half; what is left out has a stand-in in `helpers._in_page`, or whoever asks for it
does without.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from typing import Any

from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION

from tools.project import root

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
CORE = HERE / "pyodide.json"

# What a lesson imports, and what the page's kernel does.
_WANTED = (
    *("anywidget", "fakeredis", "ipywidgets", "jinja2", "langchain", "langchain-core", "langgraph"),
    *("langgraph-checkpoint", "lazy-loader", "markupsafe", "packaging", "polib", "pydantic", "redis"),
    *("comm", "ipython", "micropip"),
)
# These have no wheel for WebAssembly, or are of no use in a page: jedi's stubs alone are a fifth of all that is sent,
# and IPython completes without them.
_LEFT_OUT = ("hiredis", "jedi", "jupyterlab-widgets", "orjson", "ormsgpack", "widgetsnbextension", "zstandard")
# They work without their compiled half, which is all that their wheels for Linux have for Linux.
_REPACKED = ("markupsafe", "pyyaml")
_LINUX = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
_CORE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
_CORE_LICENSE = "package.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})$")


class PackageError(Exception):
    """A package that could not be fetched, or is not the one that was locked."""


@dataclass(frozen=True)
class Pin:
    """One line of the lock."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


def pins() -> list[Pin]:
    """What the lock holds."""
    found = [_PIN.match(line) for line in LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    if not all(found):
        raise PackageError(
            f"{LOCK.name}: a line is not NAME==VERSION --hash=sha256:… Run python -m tools browser --lock."
        )
    return [Pin(**match.groupdict()) for match in found if match]


def cache() -> Path:
    """Where fetched files are kept."""
    folder = root() / "build" / "cache" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# --- the core -----------------------------------------------------------------------------------


def core(folder: Path) -> dict[str, str]:
    """Put Pyodide's core into a folder.

    Returns:
        What the core says of itself: `abi_version`, `arch`, `platform` and `python`.

    Raises:
        PackageError: npm could not fetch it, or it is another one than was locked.
    """
    locked = json.loads(CORE.read_text(encoding="utf-8"))
    archive = cache() / f"pyodide-{locked['version']}.tgz"
    if not archive.exists() or _integrity(archive) != locked["integrity"]:
        fetched = _npm_pack(f"pyodide@{locked['version']}")
        if _integrity(fetched) != locked["integrity"]:
            raise PackageError(
                f"{fetched.name}: its SHA-512 is not the one in {CORE.name}. Run python -m tools browser --lock."
            )
    with tarfile.open(archive) as members:
        for name in (*_CORE_FILES, _CORE_LICENSE, "pyodide-lock.json"):
            (folder / name).write_bytes(_read(members, f"package/{name}"))
    described: dict[str, str] = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))["info"]
    (folder / _CORE_LICENSE).rename(folder / "pyodide.package.json")
    (folder / "pyodide-lock.json").unlink()
    return described


def _read(members: tarfile.TarFile, name: str) -> bytes:
    file = members.extractfile(name)
    assert file is not None, name
    return file.read()


def _npm_pack(wanted: str) -> Path:
    """Have npm fetch a package's archive, of which nothing is executed."""
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(
            "npm is missing, which fetches Pyodide. Install Node.js (Debian, Ubuntu: apt-get install npm)."
        )
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        done = subprocess.run(  # noqa: S603 - a program of this machine, a name of ours
            [npm, "pack", "--silent", "--pack-destination", folder, wanted], capture_output=True, text=True
        )
        if done.returncode:
            raise PackageError(f"npm could not fetch {wanted}:\n{done.stderr.strip()}")
        return _keep(Path(folder) / done.stdout.split()[-1])


def _keep(fetched: Path) -> Path:
    """Move a whole file into the cache, in which other processes look at the same time."""
    return fetched.replace(cache() / fetched.name)


def _integrity(archive: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()


# --- the wheels ---------------------------------------------------------------------------------


def wheels(folder: Path, info: dict[str, str]) -> None:
    """Put the locked wheels into a folder, as a page loads them.

    Raises:
        PackageError: pip could not fetch one, or it is another file than was locked.
    """
    wanted = {pin.sha256: pin for pin in pins()}
    if missing := [pin for digest, pin in wanted.items() if digest not in _kept()]:
        _download(missing, info)
    kept = _kept()
    for digest in wanted:
        path = kept[digest]
        if _runs_anywhere(path.name):
            shutil.copy(path, folder)
        else:
            _without_compiled_half(path, folder)


def _kept() -> dict[str, Path]:
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in cache().glob("*.whl")}


def _runs_anywhere(filename: str) -> bool:
    return filename.endswith(("-none-any.whl", "_wasm32.whl"))


def _download(wanted: Iterable[Pin], info: dict[str, str]) -> None:
    """Have pip fetch wheels into the cache, which it checks against their hashes."""
    groups: dict[bool, list[str]] = {True: [], False: []}
    for pin in wanted:
        groups[pin.name in _REPACKED].append(str(pin) if pin.sha256 else f"{pin.name}=={pin.version}")
    major, minor, *_ = info["python"].split(".")
    for repacked, lines in groups.items():
        if not lines:
            continue
        platforms = _LINUX if repacked else (f"pyemscripten_{info['abi_version']}_wasm32",)
        with tempfile.TemporaryDirectory(dir=cache()) as folder:
            listed = Path(folder) / "wanted.txt"
            listed.write_text("\n".join(lines), encoding="utf-8")
            done = subprocess.run(  # noqa: S603 - our own interpreter, names from our lock
                [
                    *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
                    *("--only-binary", ":all:", "--implementation", "cp", "--python-version", f"{major}.{minor}"),
                    *(word for abi in (f"cp{major}{minor}", "abi3", "none") for word in ("--abi", abi)),
                    *(word for platform in platforms for word in ("--platform", platform)),
                    *("--dest", folder, "--requirement", listed),
                ],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise PackageError(f"pip could not fetch what the browser needs:\n{done.stderr.strip()}")
            for wheel in Path(folder).glob("*.whl"):
                _keep(wheel)


def _without_compiled_half(path: Path, folder: Path) -> None:
    """Repack a wheel for Linux without what was compiled, which the package does without. Its licences stay."""
    with zipfile.ZipFile(path) as old:
        files = {
            name: old.read(name)
            for name in old.namelist()
            if not name.endswith((".so", "/", ".dist-info/RECORD")) and ".libs/" not in name
        }
    about = next(name for name in files if name.endswith(".dist-info/WHEEL"))
    text = re.sub(rb"(?m)^(Tag|Root-Is-Purelib): .*\n?", b"", files[about]).rstrip()
    files[about] = text + b"\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    _write_wheel(folder / f"{'-'.join(path.name.split('-')[:2])}-py3-none-any.whl", files)


def _write_wheel(path: Path, files: dict[str, bytes]) -> None:
    """Write a wheel whose bytes depend on nothing but its files."""
    record = next(name for name in files if name.endswith(".dist-info/WHEEL")).replace("WHEEL", "RECORD")
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in {**files, record: "".join([*lines, f"{record},,\n"]).encode()}.items():
            made.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)


def index(folder: Path, info: dict[str, str]) -> list[str]:
    """Write Pyodide's list of packages beside the wheels of a folder.

    Returns:
        Their names.
    """
    packages: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
            metadata = next(name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            about = Parser().parsestr(wheel.read(metadata).decode(), headersonly=True)
        name = re.sub(r"[-_.]+", "-", about["Name"]).lower()
        packages[name] = {
            "name": name,
            "version": about["Version"],
            "file_name": path.name,
            "install_dir": "site",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "package_type": "package",
            "imports": _imports(names),
            "depends": [],
            "unvendored_tests": False,
        }
    text = json.dumps({"info": info, "packages": packages}, indent=1, sort_keys=True)
    (folder / "pyodide-lock.json").write_text(text + "\n", encoding="utf-8")
    return sorted(packages)


def _imports(names: Sequence[str]) -> list[str]:
    tops = {name.split("/")[0] for name in names if name.endswith(".py")}
    return sorted(top.removesuffix(".py") for top in tops if not top.endswith((".data", ".dist-info")))


# --- the lock -----------------------------------------------------------------------------------

_HEADER = """\
# What a web page loads beside Pyodide's core, each a file of PyPI. Made by python -m tools browser --lock.
"""


def lock(*, newest: bool) -> None:
    """Choose the core and the wheels, and write both locks.

    Args:
        newest: Whether the newest releases are taken, in place of those that the kit has locked for everybody.

    Raises:
        PackageError: Something has no wheel that runs in a page, or could not be fetched.
    """
    archive = _npm_pack(f"pyodide@{PYODIDE_VERSION.split('.')[0]}")
    with tarfile.open(archive) as members:
        version = json.loads(_read(members, "package/package.json"))["version"]
        info = json.loads(_read(members, "package/pyodide-lock.json"))["info"]
    chosen = []
    for line in _resolved(info["python"], newest=newest):
        name, its_version = line.split("==")
        chosen.append(Pin(name, its_version, ""))
    _download(chosen, info)
    by_name = {}
    for digest, path in _kept().items():
        name, its_version = path.name.split("-")[:2]
        by_name[re.sub(r"[-_.]+", "-", name).lower(), its_version] = digest
    lines = [str(Pin(pin.name, pin.version, by_name[pin.name, pin.version])) for pin in chosen]
    LOCK.write_text(_HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    locked = {"version": version, "integrity": _integrity(archive)}
    CORE.write_text(json.dumps(locked, indent=2) + "\n", encoding="utf-8")


def _resolved(python: str, *, newest: bool) -> list[str]:
    """The versions that go together in a page, as uv finds them."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "wanted").write_text("\n".join(_WANTED), encoding="utf-8")
        nowhere = (f"{name} ; sys_platform == 'nowhere'\n" for name in _LEFT_OUT)
        (folder / "left-out").write_text("".join(nowhere), encoding="utf-8")
        locked = []
        for name in ("requirements.txt", "requirements-dev.txt"):
            lines = (root() / name).read_text(encoding="utf-8").splitlines()
            kept = "\n".join(line for line in lines if not line.startswith("-e"))
            (folder / name).write_text(kept, encoding="utf-8")
            locked += ["--constraint", name]
        done = subprocess.run(  # noqa: S603 - uv of our own environment, names of ours
            [
                *(Path(sys.executable).parent / "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
                # uv's newest platform in a browser: it decides which markers hold, and the wheels are found by pip.
                *("--python-platform", "wasm32-pyodide2024", "--python-version", ".".join(python.split(".")[:2])),
                *("--override", "left-out", *([] if newest else locked), "wanted"),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise PackageError(f"uv found no versions that go together:\n{done.stderr.strip()}")
    return [line for line in done.stdout.splitlines() if line]
