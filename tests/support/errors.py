"""What an error says: its last line, which is advice, and all that anybody could see of it."""

import traceback


def everything_said(error: BaseException, test: str) -> str:
    """An exception as everything that prints it shows it, local variables included.

    Args:
        error: The exception.
        test: The file of the test, whose own variables are left out.
    """
    summary = traceback.TracebackException.from_exception(error, capture_locals=True)
    part: traceback.TracebackException | None = summary
    while part is not None:
        part.stack = traceback.StackSummary.from_list([frame for frame in part.stack if frame.filename != test])
        part = part.__cause__ or part.__context__
    return "".join(summary.format()) + repr(error) + str(error)


def last_line(error: BaseException) -> str:
    """What to do, as an error says it."""
    return str(error).splitlines()[-1]
