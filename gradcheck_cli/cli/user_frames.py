"""A user's exception told with their own frames: neither ours nor torch's, and no local values."""

import os
import site
import sysconfig
import traceback
from pathlib import Path

OURS = str(Path(__file__).resolve().parent.parent) + os.sep
MOST_FRAMES = 8


def told(error: BaseException) -> str:
    """Return the frames in the user's files and the exception, in Python's own form."""
    summary = traceback.TracebackException.from_exception(error, capture_locals=False)
    lines = []
    if summary.stack:
        frames = [frame for frame in summary.stack if _is_theirs(frame.filename)]
        lines = traceback.StackSummary.from_list(frames[-MOST_FRAMES:]).format()
    return "".join([*lines, *summary.format_exception_only()])


def _is_theirs(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    path = os.path.realpath(filename)
    return not path.startswith((OURS, *_libraries()))


def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"]}
    folders |= {*site.getsitepackages(), site.getusersitepackages()}
    return tuple(os.path.realpath(folder) + os.sep for folder in folders)
