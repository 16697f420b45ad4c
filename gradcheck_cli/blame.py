"""Whose fault an exception is that nobody foresaw: decided here alone, by frames and by what was in play.

Read from the innermost frame outward, over the frames of installed packages, to the first of the user's
or of ours:

    the user's                                      theirs
    ours, with a function that they replaced        theirs
    ours, and it was the system that refused        the system's: a path, a device, a full disk
    ours, and memory or the stack ran out           the input's: it was as large or deep as that
    ours, in a room that holds the user's objects,
        and torch raised                            the input's: torch does not do that with it
    ours, anywhere else                             ours: a bug
"""

import builtins
import os
import site
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType, TracebackType

from gradcheck_cli import shadowing
from gradcheck_cli.errors import THEIRS, wording
from gradcheck_cli.here import below_here

OURS = str(Path(__file__).resolve().parent) + os.sep
INSTALLED = {"site-packages", "dist-packages"}
HOLD_THEIR_OBJECTS = (
    "targets",
    "probe",
    "remedies",
    "verifying",
    "witnessing",
    "examine",
    "replay",
)


class Fault(Enum):
    """Who has to mend it."""

    THEIRS = "the user's code raised"
    REPLACED = "the user's code replaced what is called there"
    INPUT = "the user's model or data do not allow it"
    SYSTEM = "the system refused"
    OURS = "a bug of ours"


@dataclass(frozen=True, slots=True)
class Blame:
    """Whose fault, and the line of the user's or of ours that it is read from."""

    fault: Fault
    where: str = ""  # FILE:LINE; of what was replaced its name


def blame(error: BaseException) -> Blame:
    """Return whose fault `error` is; it reached a place where no error was expected."""
    frames = list(_frames(error.__traceback__))
    mine = [entry for entry in frames if is_theirs(_file(entry)) or _is_ours(_file(entry))]
    if not mine:
        return Blame(Fault.SYSTEM if isinstance(error, OSError) else Fault.OURS)
    last = mine[-1]
    where = f"{_shown(_file(last))}:{last.tb_lineno}"
    if not _is_ours(_file(last)) or isinstance(error, THEIRS[1:]):
        return Blame(Fault.THEIRS, where)
    if replaced := _replaced(error, frames[frames.index(last) :]):
        return Blame(Fault.REPLACED, replaced)
    return Blame(_of_ours(error, last, deeper=last is not frames[-1]), where)


def _of_ours(error: BaseException, last: TracebackType, *, deeper: bool) -> Fault:
    if isinstance(error, OSError):
        return Fault.SYSTEM
    if isinstance(error, (MemoryError, RecursionError)):
        return Fault.INPUT
    room = Path(_file(last).removeprefix(OURS)).parts[0].removesuffix(".py")
    held = room in HOLD_THEIR_OBJECTS
    return Fault.INPUT if held and (deeper or _of_torch(error)) else Fault.OURS


def _replaced(error: BaseException, frames: list[TracebackType]) -> str:
    """Return the name of a function of Python or torch that is called there and was replaced."""
    missing = "'NoneType' object is not callable" in wording(error)
    for entry in reversed(frames):
        frame = entry.tb_frame
        named = [frame.f_globals.get(name) for name in frame.f_code.co_names]
        for module in (*(m for m in named if isinstance(m, ModuleType)), builtins):
            for name in frame.f_code.co_names:
                if _is_odd(module, name, missing=missing):
                    return f"{module.__name__}.{name}"
    return ""


def _is_odd(module: ModuleType, name: str, *, missing: bool) -> bool:
    """Did the user's code put something else into a module that is not theirs, or took it away?"""
    if is_theirs(str(getattr(module, "__file__", None) or "<built-in>")):
        return False
    value = vars(module).get(name, module)
    odd = isinstance(value, FunctionType) and is_theirs(value.__code__.co_filename)
    return odd or (missing and value is None) or f"{module.__name__}.{name}" in shadowing.replaced


def _of_torch(error: BaseException) -> bool:
    """Did torch's C++ raise it? Its errors leave no frame, and are plain RuntimeErrors or kin."""
    return type(error) in {RuntimeError, NotImplementedError} or (
        type(error).__module__.partition(".")[0] == "torch"
    )


def is_theirs(file: str) -> bool:
    """Is it a file of the user's: neither ours nor of an installed package?"""
    if file.startswith("<"):
        return False
    path = os.path.realpath(file)
    return not path.startswith((OURS, *_libraries())) and not INSTALLED & {*Path(path).parts}


def _is_ours(file: str) -> bool:
    return os.path.realpath(file).startswith(OURS)


def _file(entry: TracebackType) -> str:
    return entry.tb_frame.f_code.co_filename


def _shown(file: str) -> str:
    ours = str(Path(OURS).parent) + os.sep
    return below_here(file.removeprefix(ours))


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


@cache
def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"]}
    folders |= {*site.getsitepackages(), site.getusersitepackages()}
    return tuple(os.path.realpath(folder) + os.sep for folder in folders)
