"""The command line: ``python -m tools COMMAND``."""

import argparse
import pkgutil
import sys
from collections.abc import Sequence

# Each command is loaded when it is asked for: saying where the repository is needs no package at all.
_COMMANDS = {
    "extract": ("tools.localize:extract", "bring the catalogs up to date with the English source"),
    "build": ("tools.localize:build", "make the notebooks; run those whose code has changed"),
    "check": ("tools.localize:check", "say where catalogs, code, links and notebooks disagree"),
    "status": ("tools.localize:status", "say how far each language is translated"),
    "diff": ("tools.localize:diff", "say what changed in English since it was translated"),
    "new": ("tools.localize:new", "start a language"),
    "review": ("tools.localize:review", "record that a page was read as a whole, and what was found"),
    "links": ("tools.checking.elsewhere:main", "ask whether the pages that translations lead to are in their language"),
    "run": ("tools.running.run:main", "run the tutorials; leave notebooks and pages in build/"),
    "site": ("tools.site.build:main", "make the site in build/site/"),
    "slides": ("tools.site.slides.command:main", "make the lessons' slides in build/slides/"),
    "browser": ("tools.site.lite.edition:main", "make the lessons that run in a web page, in build/site/lite/"),
    "lab": ("tools.running.lab:main", "open JupyterLab on the tutorials, with a server that outlives kernels"),
    "repository": ("tools.repository:main", "say where this repository is, or check it"),
}

_EPILOG = """\
exit status: 0 fine, 1 problems found or a notebook that failed, 2 wrong use of the command line

python -m tools COMMAND --help says more of a command; CONTRIBUTING.md says what a translator does, step by step.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command; returns the exit status."""
    width = max(map(len, _COMMANDS))
    parser = argparse.ArgumentParser(
        prog="python -m tools",
        usage="python -m tools [-h] COMMAND …",
        description="What makes, checks, translates and runs the notebooks.\n\ncommands:\n"
        + "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in _COMMANDS.items()),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=_COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    home, _ = _COMMANDS[options.command]
    status: int = pkgutil.resolve_name(home)(options.arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
