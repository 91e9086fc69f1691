"""Which platform this is, and what it offers. Everything that depends on the platform asks here."""

import importlib.util
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from helpers._localization import formats
from helpers._localization.messages import say

EMULATOR_VARIABLE = "MEMORYSTORE_EMULATOR_HOST"
"""Where a local server takes the API's place, ``HOST:PORT``, as Google's other emulators have it. A value of another
form makes what asks the API raise ValueError."""


class Platform(StrEnum):
    """A place where notebooks run."""

    COLAB = "Colab"
    COLAB_ENTERPRISE = "Colab Enterprise"
    WORKBENCH = "Agent Platform Workbench"
    CI = "continuous integration"
    LOCAL = "local"


@dataclass(frozen=True)
class Environment:
    """The platform and what it offers.

    Attributes:
        platform: Which one it is.
        notebook: Whether a notebook's kernel runs this, rather than a terminal or a program.
    """

    platform: Platform
    notebook: bool

    @property
    def hosted(self) -> bool:
        """Whether the runtime is somebody else's, with packages of its own."""
        return self.platform in (Platform.COLAB, Platform.COLAB_ENTERPRISE, Platform.WORKBENCH)

    @property
    def asks_to_sign_in(self) -> bool:
        """Whether the platform has a window to sign in to Google Cloud; Colab Enterprise's only warns."""
        return self.platform is Platform.COLAB

    @property
    def keeps_secrets(self) -> bool:
        """Whether the platform has a store of secrets that a notebook reads by name."""
        return self.platform is Platform.COLAB

    @property
    def google_machine(self) -> bool:
        """Whether a metadata server gives out credentials, as on every machine of Google Cloud."""
        return self.platform in (Platform.COLAB_ENTERPRISE, Platform.WORKBENCH) or bool(
            os.environ.get("GCE_METADATA_HOST")
        )


@cache
def environment() -> Environment:
    """Find out where this runs.

    Colab is told by its module; Colab Enterprise, which has the same, and Workbench by ``VERTEX_PRODUCT``, older
    Workbench images by ``DL_ANACONDA_HOME``; continuous integration by ``CI``.

    Returns:
        The environment as it was at the first call.
    """
    product = os.environ.get("VERTEX_PRODUCT", "")
    if product == "COLAB_ENTERPRISE":
        platform = Platform.COLAB_ENTERPRISE
    elif product.startswith("WORKBENCH") or os.environ.get("DL_ANACONDA_HOME"):
        platform = Platform.WORKBENCH
    elif _has_module("google.colab"):
        platform = Platform.COLAB
    elif os.environ.get("CI", "").lower() not in ("", "0", "false"):
        platform = Platform.CI
    else:
        platform = Platform.LOCAL
    return Environment(platform, in_notebook())


def in_notebook() -> bool:
    """Ask whether a notebook's kernel runs this.

    Returns:
        Whether there is a kernel, which can show widgets.
    """
    if "IPython" not in sys.modules:
        return False
    shell: Any = sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None


def added_packages(before: str | Path) -> str:
    """What an installation has added to a runtime, and whether it changed a package that was installed.

    Args:
        before: A file that lists the packages as they were, from ``pip list --format=freeze``.

    Returns:
        A line to be printed.

    Raises:
        OSError: The file can't be read.
        RuntimeError: A package that was installed has another version now: restart the runtime.
    """
    then = {}
    for line in Path(before).read_text(encoding="utf-8").splitlines():
        name, _, version = line.partition("==")
        then[_normal(name)] = version.strip()
    now = {_normal(one.name): one.version for one in metadata.distributions()}
    changed = [
        f"{name} {then[name]} → {now[name]}" for name in sorted(then.keys() & now.keys()) if then[name] != now[name]
    ]
    if changed:
        raise RuntimeError(
            f"The installation changed installed packages: {', '.join(changed)}.\n"
            + say("Restart the runtime, then run the notebook from its beginning.")
        )
    added = [f"{name} {now[name]}" for name in sorted(now.keys() - then.keys())]
    return say("Added: {packages}. No installed package has changed.", packages=formats.listing(added) or "–")


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # there is no package `google`, or a stand-in without a spec
        return name in sys.modules
