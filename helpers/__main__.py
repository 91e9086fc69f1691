"""The command line: ``python -m helpers doctor``, or ``chat-history-tutorials doctor``; the same with ``class``."""

import argparse
import io
import sys
from collections.abc import Sequence

from helpers._classroom import command as classroom


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 ready or done, 1 something is bad, 2 wrong usage."""
    prog = "python -m helpers" if sys.argv[0].endswith(".py") else None
    parser = argparse.ArgumentParser(prog=prog, description="Tools of the chat history tutorials.")
    commands = parser.add_subparsers(dest="command", required=True)
    checkup = commands.add_parser(
        "doctor",
        help="say what this environment is, has and lacks",
        description="Look at Python, packages, platform, Redis, model, Google Cloud and disk. Nothing is changed. "
        "Exit status: 0 ready (warnings don't count), 1 something is bad, 2 wrong usage.",
    )
    checkup.add_argument(
        "endpoint",
        nargs="?",
        help="a Redis, or a Memorystore instance by its name; default: $REDIS_URL, else an embedded server",
    )
    classroom.add_to(commands)
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a code page of Windows, which a pipe gets, lacks the marks
    if options.command == "class":
        return classroom.run(options)

    from helpers._doctor.checks import doctor

    report = doctor(options.endpoint)
    print(report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
