"""The edge: every exception becomes one clear message on stderr and its exit code."""

import functools
import inspect
import os
import traceback
from collections.abc import Callable
from typing import ParamSpec

from rich.text import Text

from gradcheck_cli.blame import Fault, blame, is_theirs
from gradcheck_cli.cli.consoles import err
from gradcheck_cli.errors import (
    THEIRS,
    ExitCode,
    GradcheckError,
    ToldElsewhereError,
    UserCodeError,
    wording,
)
from gradcheck_cli.here import below_here, is_gone
from gradcheck_cli.leaving import exits_heard
from gradcheck_cli.renderers.words import clean
from gradcheck_cli.shadowing import ours

P = ParamSpec("P")


def command(function: Callable[P, int]) -> Callable[P, None]:
    """Make a function that returns an exit code a command: its errors become messages and codes."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        raise SystemExit(code_of(functools.partial(function, *args, **kwargs)))

    paragraphs = (inspect.getdoc(function) or "").split("\n\n")  # the help wraps them by itself
    run.__doc__ = "\n\n".join(" ".join(text.split()) for text in paragraphs)
    return run


def code_of(call: Callable[[], int]) -> int:
    """Return the exit code of `call`, which returned it after its verdict was told.

    Whatever else ends it, be it an exit of the user's code, is told on stderr and is never 0.
    """
    try:
        with exits_heard():
            return call()
    except BaseException as error:  # noqa: BLE001  # the last edge: nothing may leave as a bare traceback
        with ours():
            return _ended_by(error)


def _ended_by(error: BaseException) -> int:
    """Tell what ended a command, and return the exit code of that."""
    if isinstance(error, GradcheckError):
        _tell(error)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        _say("interrupted", str(error) or "nothing was measured yet")
        return ExitCode.INTERRUPTED
    return _unforeseen(error)


def _tell(error: GradcheckError) -> None:
    if isinstance(error, ToldElsewhereError):
        return
    if not isinstance(error, UserCodeError):
        _say("error", str(error))
        return
    if error.ends:
        at = place(error.cause)
        _say("error", f"{error}, at {at}" if at else str(error))
    else:
        _say("error", error.doing)
        _plain(told(error.cause))
    if error.hint:
        _say("hint", error.hint)


def _unforeseen(error: BaseException) -> int:
    """Tell of an exception that nobody expected; whose fault it is decides how, and the exit code."""
    found = blame(error)
    said = wording(error)
    if found.fault is Fault.THEIRS:
        why = "" if isinstance(error, THEIRS[1:]) else ", because your code raised"
        _tell(UserCodeError(f"gradcheck could not go on{why}", error))
        return ExitCode.CANNOT_DIAGNOSE
    if found.fault is Fault.REPLACED:
        _say("error", f"your code replaced {found.where}, which gradcheck needs: {said}")
        return ExitCode.CANNOT_DIAGNOSE
    if found.fault is Fault.SYSTEM:
        named = getattr(error, "filename", None)
        what = getattr(error, "strerror", None) or said
        if named is None and is_gone():
            what = "the current folder was removed; go to another one"
        _say("error", f"{os.fsdecode(named)}: {what}" if named else what)
        return ExitCode.USAGE
    if found.fault is Fault.INPUT:
        _say("error", f"your model or data do not allow what gradcheck does with them: {said}")
        _say("hint", f"it happened at {found.where}")
        return ExitCode.CANNOT_DIAGNOSE
    _plain("".join(traceback.format_exception(error)))
    _say("bug", f"this is a bug in gradcheck, not in your model: {said}")
    _plain("Please report it with the lines above.\n")
    return ExitCode.BUG


def _say(label: str, message: str) -> None:
    """Print a line, however long it is; the further lines of a message stand below its first."""
    first, *others = message.splitlines() or [""]
    style = "bold" if label == "hint" else "bold red"
    err().print(Text.assemble((f"{label}: ", style), clean(first)), soft_wrap=True)
    for line in others:
        err().print(Text(" " * (len(label) + 2) + clean(line)), soft_wrap=True)


def _plain(text: str) -> None:
    """Print lines as they are, except for control characters."""
    for line in text.splitlines():
        err().print(Text(clean(line.expandtabs(4))), soft_wrap=True)


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
