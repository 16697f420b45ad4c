"""An error of our own amid somebody's training ends the measuring, and never the training.

Whatever a training calls of ours comes through here: hooks by `shielded` and `hooking.unheard`, patches
and modes by `around`. While a watch is `up`, the first such error is kept, and from then on all of
them pass everything by. What the user's code raises is the user's, and so is what is meant for them.
"""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from gradcheck_cli.errors import GradcheckError

P = ParamSpec("P")
R = TypeVar("R")
_OURS = str(Path(__file__).parent.parent)


@dataclass(slots=True)
class Shield:
    """What became of the watches that run at once: an error in one of them ends them all."""

    watches: int = 0
    over: bool = False  # nothing is measured any more
    error: str = ""  # the traceback of what ended it

    def spared(self, call: Callable[[], R]) -> R | None:
        """Return what it returns; None where it fails when the measuring is over, as books may be half kept."""
        try:
            return call()
        except Exception:
            if not self.over:
                raise
        return None


now = Shield()


@contextmanager
def up() -> Iterator[Shield]:
    """Keep errors of ours inside."""
    global now  # noqa: PLW0603 - hooks of the whole process ask it
    mine = now
    mine.watches += 1
    try:
        yield mine
    finally:
        mine.watches -= 1
        if not mine.watches:
            now = Shield()


def keep(error: Exception) -> bool:
    """End the measuring because of it; False where it is to be raised: nothing is up, or it is not ours."""
    if not now.watches or isinstance(error, GradcheckError) or _is_theirs(error):
        return False
    if not now.over:
        now.error = "".join(traceback.format_exception(error))
        now.over = True
    return True


def theirs(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what the user gave us: what it raises inside a hook of ours is not ours, unless a line of ours raised it."""
    return call(*args, **kwargs)


def shielded(hook: Callable[P, R]) -> Callable[P, R | None]:
    """Return a hook that does nothing any more when the measuring is over, and ends it when it raises."""

    @wraps(hook)
    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        if now.over:
            return None
        try:
            return hook(*args, **kwargs)
        except Exception as error:
            if not keep(error):
                raise
        return None

    return call


def attempt(*calls: Callable[[], object]) -> None:
    """Call each, also when the measuring is over: what cleans up."""
    for call in calls:
        try:
            call()
        except Exception as error:
            if not keep(error):
                raise


class Passing:
    """A function that passes through us, which is called once whatever becomes of ours around it."""

    __slots__ = ("begun", "ended", "function", "result")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.begun = self.ended = False
        self.result: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it, and keep what it returns until ours has ended."""
        self.begun = True
        self.result = self.function(*args, **kwargs)
        self.ended = True
        return self.result


def around(function: Callable[..., Any], ours: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return `ours(function, ...)`; where ours fails, what the function returns without it."""
    if now.over:
        return function(*args, **kwargs)
    passing = Passing(function)
    try:
        return ours(passing, *args, **kwargs)
    except Exception as error:
        if passing.begun is not passing.ended or not keep(error):
            raise
    return passing.result if passing.ended else function(*args, **kwargs)


def bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that passes through us, for what outlives the call."""
    return function.function if isinstance(function, Passing) else function


def _is_theirs(error: Exception) -> bool:
    """Did it come through `theirs`, from a line that is not ours?"""
    frames = list(_frames(error.__traceback__))
    asked = any(f.tb_frame.f_code is theirs.__code__ for f in frames)
    return asked and not frames[-1].tb_frame.f_code.co_filename.startswith(_OURS)


def _frames(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next
