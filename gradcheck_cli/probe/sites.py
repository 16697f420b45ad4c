"""Which line of the user's code is running."""

import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType

import torch

from gradcheck_cli.here import below_here
from gradcheck_cli.records.trace import SourceSite

_STDLIB = sysconfig.get_paths()["stdlib"]
_INTERNAL = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parent.parent),
    str(Path(sysconfig.get_paths()["scripts"], "gradcheck")),
    "<",
)


@lru_cache(maxsize=4096)
def _is_internal(file: str) -> bool:
    return file.startswith(_INTERNAL) or (file.startswith(_STDLIB) and "site-packages" not in file)


@lru_cache(maxsize=4096)
def is_installed(file: str) -> bool:
    """Is it a file of an installed package, of torch or of ours, and not the user's own?"""
    return _is_internal(file) or "site-packages" in file


def user_site() -> SourceSite | None:
    """Return the innermost line of the user's code on the stack, outside all installed packages."""
    return user_site_of(sys._getframe(1))  # noqa: SLF001 - the only way to look up the stack


def user_site_of(frame: FrameType | None) -> SourceSite | None:
    """Return the innermost line of the user's code in a frame and those that called it."""
    while frame is not None:
        if not is_installed(frame.f_code.co_filename):
            return SourceSite(_shown(frame.f_code.co_filename), frame.f_lineno)
        frame = frame.f_back
    return None


def is_asked_by(module: str) -> bool:
    """Is this module of torch's between the innermost line outside torch and gradcheck and what runs?"""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to look up the stack
    while frame is not None and _is_internal(frame.f_code.co_filename):
        if frame.f_globals.get("__name__") == module:
            return True
        frame = frame.f_back
    return False


def calling_place() -> tuple[CodeType, int] | None:
    """Return the innermost instruction outside torch and gradcheck."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to look up the stack
    while frame is not None:
        if not _is_internal(frame.f_code.co_filename):
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


def calling_places() -> tuple[tuple[CodeType, int], ...]:
    """Return the instructions of the user's own code that run, the innermost first."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to look up the stack
    found = []
    while frame is not None:
        if not is_installed(frame.f_code.co_filename):
            found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def site_of_code(code: CodeType) -> SourceSite:
    """Return where a function is written."""
    return SourceSite(_shown(code.co_filename), code.co_firstlineno)


@lru_cache(maxsize=4096)
def _shown(file: str) -> str:
    return below_here(file)
