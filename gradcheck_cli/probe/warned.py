"""Warnings of what passes through us stay the caller's: at its own file and line, as often as without us.

Python files a warning under the frame that called what warns. Where a call of torch is heard, that
frame is ours. It would be shown at our line, and once more at the caller's in a step that is not heard.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from torch import overrides

from gradcheck_cli.probe.replacing import replaced

_PACKAGE = Path(__file__).parent.parent
_OURS = (str(_PACKAGE / "probe"), str(_PACKAGE / "replay"))
_HANDED_OVER = (
    overrides.__file__
)  # a function of torch written in Python hands itself over from there


@contextmanager
def warnings_at_their_line() -> Iterator[None]:
    """Show warnings that Python files under our frames as the caller's, and only once there."""

    def watch(
        original: Callable[..., None],
        message: Warning,
        category: type[Warning],
        filename: str,
        *where: Any,
    ) -> None:
        ours, caller = _passed(filename)
        if ours is None or caller is None:
            original(message, category, filename, *where)
            return
        _forget(ours, message, category)
        known = caller.f_globals
        warnings.warn_explicit(
            message,
            category,
            caller.f_code.co_filename,
            caller.f_lineno,
            module=known.get("__name__"),
            registry=known.setdefault("__warningregistry__", {}),
        )

    with replaced(warnings, "showwarning", watch):
        yield


def _forget(ours: FrameType, message: Warning, category: type[Warning]) -> None:
    """Take back that it was shown: whether it was is asked of the caller's registry."""
    ours.f_globals.get("__warningregistry__", {}).clear()
    warnings.onceregistry.pop((str(message), category), None)  # type: ignore[attr-defined]


def _passed(filename: str) -> tuple[FrameType | None, FrameType | None]:
    """Return our frame that a warning was filed under, and the frame that called through it."""
    if not filename.startswith(_OURS):
        return None, None
    frame: FrameType | None = sys._getframe(4)  # noqa: SLF001 - that called `watch` through its patch
    while frame is not None and frame.f_code.co_filename != filename:
        frame = frame.f_back
    ours = frame
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    if frame is not None and frame.f_code.co_filename == _HANDED_OVER and frame.f_back is not None:
        frame = frame.f_back.f_back  # past the function that handed itself over, to its caller
    return ours, frame
