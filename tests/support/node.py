"""What the widgets' JavaScript is tried and checked with outside a browser."""

import shutil

TOOLS = {"node": "nodejs", "tsc": "node-typescript"}
"""The programs, each with Debian's package of it."""


def missing() -> list[str]:
    """The packages of the programs that this machine does not have."""
    return [package for program, package in TOOLS.items() if shutil.which(program) is None]
