"""An end to the wait for user code that hangs: a dataset that never answers, a lock, a dead server."""

import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ParamSpec, TypeVar

from gradcheck_cli.errors import CannotDiagnoseError, UsageError
from gradcheck_cli.probe.sites import user_site_of

P = ParamSpec("P")
T = TypeVar("T")


class HangingError(BaseException):
    """Nothing happened for too long; no `except Exception` of the user's stops it."""


@contextmanager
def patience(seconds: float | None) -> Iterator[None]:
    """Wait at most `seconds` for the user's code within. Raises CannotDiagnoseError when it hangs."""
    try:
        with _alarm(seconds):
            yield
    except HangingError as hanging:
        raise CannotDiagnoseError(str(hanging)) from None


def patiently(seconds: float | None, call: Callable[P, T]) -> Callable[P, T]:
    """Return `call`, which raises HangingError from inside when it takes longer than `seconds`."""
    if seconds is None:
        return call

    @functools.wraps(call)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> T:
        with _alarm(seconds):
            return call(*args, **kwargs)

    return waiting


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    """Raise HangingError inside the code that runs for longer than `seconds`.

    Raises UsageError where there is no SIGALRM, and outside of the main thread.
    """
    if seconds is None:
        yield
        return
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        raise UsageError("--timeout needs a system with SIGALRM, and the main thread")

    def end(_: int, frame: FrameType | None) -> None:
        site = user_site_of(frame)
        place = f", waiting at {site}" if site else ""
        raise HangingError(f"nothing happened for {seconds:g} s (--timeout){place}")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
