"""Where each module was built: while user code runs, `nn.Module.__init__` notes its caller.

`__setstate__` is noted too, so that a deep copy (the layers of nn.TransformerEncoder) has the place
of its original. The note is a code object and an instruction; lines are worked out when asked for.
"""

import copy
import linecache
import os
import sys
import sysconfig
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
from torch import nn

from gradcheck_cli.here import below_here
from gradcheck_cli.records.trace import SourceSite

OURS = str(Path(__file__).parents[1]) + os.sep
TORCH = str(Path(torch.__file__).parent) + os.sep
STDLIB = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) + os.sep for name in ("stdlib", "platstdlib")
)
PACKAGES = ("site-packages", "dist-packages")

Place = tuple[CodeType, int]


class SiteBook:
    """The places where modules were built, filled while `recording`."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[weakref.ref[nn.Module], Place]] = {}

    @contextmanager
    def recording(self, by: Callable[[Any], Any] = lambda hook: hook) -> Iterator[None]:
        """Note every module built inside, `by` what calls us; torch is as it was afterwards, also after an exception."""
        caller, original = by(self._note_caller), by(self._note_original)
        patched: Any = nn.Module
        init, setstate = patched.__init__, patched.__setstate__

        def noting_init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            caller(module, sys._getframe(1))  # noqa: SLF001
            init(module, *args, **kwargs)

        def noting_setstate(module: nn.Module, state: dict[str, Any]) -> None:
            original(module, sys._getframe(1))  # noqa: SLF001
            setstate(module, state)

        patched.__init__ = noting_init
        patched.__setstate__ = noting_setstate
        try:
            yield
        finally:
            patched.__init__ = init
            patched.__setstate__ = setstate

    def site_of(self, module: nn.Module) -> SourceSite | None:
        """Return where the user's code built `module`; None where that was not seen."""
        place = self._place(module)
        return None if place is None else resolved(*place)

    def _place(self, module: nn.Module) -> Place | None:
        known = self._places.get(id(module))
        return known[1] if known is not None and known[0]() is module else None

    def _remember(self, module: nn.Module, place: Place) -> None:
        key = id(module)

        def forget(dead: weakref.ref[nn.Module]) -> None:
            if (known := self._places.get(key)) is not None and known[0] is dead:
                del self._places[key]

        self._places[key] = (weakref.ref(module, forget), place)

    def _note_caller(self, module: nn.Module, frame: FrameType | None) -> None:
        while frame is not None and _is_own_init(frame, module):
            frame = frame.f_back
        if (place := _users_place(frame)) is not None:
            self._remember(module, place)

    def _note_original(self, module: nn.Module, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code.co_name == "__setstate__":
            frame = frame.f_back
        if frame is None or frame.f_code.co_filename != copy.__file__:
            return
        original = frame.f_locals.get("x")
        if isinstance(original, nn.Module) and (place := self._place(original)) is not None:
            self._remember(module, place)


def _is_own_init(frame: FrameType, module: nn.Module) -> bool:
    code = frame.f_code
    return (
        code.co_name == "__init__"
        and code.co_argcount > 0
        and frame.f_locals.get(code.co_varnames[0]) is module
    )


def _users_place(frame: FrameType | None) -> Place | None:
    """Return the innermost place in the user's own code, else in a third-party package."""
    package: Place | None = None
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((OURS, TORCH, "<frozen")) and not _in_stdlib(name):
            place = (frame.f_code, frame.f_lasti)
            if not any(f"{os.sep}{folder}{os.sep}" in name for folder in PACKAGES):
                return place
            package = package or place
        frame = frame.f_back
    return package


def _in_stdlib(name: str) -> bool:
    return name.startswith(STDLIB) and not any(folder in name for folder in PACKAGES)


def resolved(code: CodeType, instruction: int) -> SourceSite:
    """Return the exact range of the source that an instruction was made from."""
    positions = list(code.co_positions())
    line, end_line, column, end_column = positions[instruction // 2]
    path = code.co_filename
    start = line or code.co_firstlineno
    end = end_line or start
    return SourceSite(
        file=below_here(path),
        line=start,
        column=_character(path, start, column or 0),
        end_line=end,
        end_column=_character(path, end, end_column) if end_column is not None else 0,
    )


def _character(path: str, line: int, byte: int) -> int:
    """Return the column, counted from 1 in characters, of a byte offset."""
    text = linecache.getline(path, line).encode()
    return len(text[:byte].decode(errors="replace")) + 1 if text else byte + 1
