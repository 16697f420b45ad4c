"""A user's exception told with their own frames: neither ours nor torch's, and no local values."""

import traceback

from gradcheck_cli.blame import is_theirs
from gradcheck_cli.here import below_here

MOST_FRAMES = 8


def told(error: BaseException) -> str:
    """Return the frames in the user's files and the exception, in Python's own form."""
    summary = traceback.TracebackException.from_exception(error, capture_locals=False)
    lines = []
    if summary.stack:
        frames = [frame for frame in summary.stack if is_theirs(frame.filename)]
        lines = traceback.StackSummary.from_list(frames[-MOST_FRAMES:]).format()
    return "".join([*lines, *summary.format_exception_only()])


def place(error: BaseException) -> str:
    """Return `FILE:LINE` of the user's innermost frame, nothing where there is none."""
    found = [f for f in traceback.extract_tb(error.__traceback__) if is_theirs(f.filename)]
    if not found:
        return ""
    return f"{below_here(found[-1].filename)}:{found[-1].lineno}"
