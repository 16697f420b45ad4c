"""Every way gradcheck can stop, and the exit code of each.

GradcheckError
|-- UsageError        2  what was asked for does not exist or does not fit
|   `-- ToldElsewhere 2  the same, and another process says so
|-- CannotDiagnose    3  nothing could be measured
|   `-- UserCodeError 3  the user's own code raised or ended the program; carries what it raised
`-- (anything else)   4  a bug of ours
"""

from enum import IntEnum

# What the user's code may raise when it is called: an error, or an end of the program that would else
# pass for ours. Ctrl-C, SIGTERM and our own stops are none of its.
THEIRS = (Exception, SystemExit, GeneratorExit)


class ExitCode(IntEnum):
    """What the process tells its caller. Formats of output never change it."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    CANNOT_DIAGNOSE = 3
    BUG = 4
    INTERRUPTED = 130


def wording(error: BaseException) -> str:
    """Return the type and the message of an exception, whose own words may raise."""
    try:
        said = str(error)
    except THEIRS:
        said = "<its message can not be read>"
    return f"{type(error).__name__}: {said}"


class GradcheckError(Exception):
    """Base of all errors that are shown as one line; `str()` is that line."""

    exit_code = ExitCode.BUG


class UsageError(GradcheckError):
    """What was asked for does not exist or does not fit: a path, a name, an option, a config."""

    exit_code = ExitCode.USAGE


class ToldElsewhereError(UsageError):
    """Another process says what is wrong; this one only ends."""


class CannotDiagnoseError(GradcheckError):
    """No step could be measured, so nothing can be said."""

    exit_code = ExitCode.CANNOT_DIAGNOSE


class UserCodeError(CannotDiagnoseError):
    """The user's own code raised `cause` while `doing`; shown with their frames only."""

    def __init__(self, doing: str, cause: BaseException, hint: str = "") -> None:
        self.ends = _ending(cause)  # how it ended the program, where it did
        super().__init__(f"{doing}: {self.ends or wording(cause)}")
        self.doing = doing
        self.cause = cause
        self.hint = hint


class HardExit(SystemExit):
    """`os._exit` was called in the user's code: the same to us as `sys.exit`, and it can be reported."""


class ReplacedError(HardExit):
    """`os.execv` or a kin of it was called: another program would have taken this process's place."""


def _ending(cause: BaseException) -> str:
    if isinstance(cause, ReplacedError):
        return "your code replaced the program with os.exec"
    if isinstance(cause, HardExit):
        return f"your code ended the program with os._exit({cause.code})"
    if isinstance(cause, SystemExit):
        said = "" if cause.code is None else repr(cause.code)
        return f"your code ended the program with sys.exit({said})"
    return "your code raised GeneratorExit" if isinstance(cause, GeneratorExit) else ""
