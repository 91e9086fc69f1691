"""What JavaScript is tried and checked with outside a browser, and Pyodide is fetched with."""

import shutil

TOOLS = {"node": "nodejs", "npm": "npm", "tsc": "node-typescript"}
"""The programs, each with Debian's package of it."""


def missing() -> list[str]:
    """The packages of the programs that this machine does not have."""
    return [package for program, package in TOOLS.items() if shutil.which(program) is None]
