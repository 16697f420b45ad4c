"""An end to the wait for user code that hangs: a dataset that never answers, a lock, a dead server."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from gradcheck_cli.errors import CannotDiagnoseError, UsageError
from gradcheck_cli.probe.sites import user_site_of


class HangingError(BaseException):
    """Nothing happened for too long; no `except Exception` of the user's stops it."""


@contextmanager
def patience(seconds: float | None) -> Iterator[Callable[[], None]]:
    """Wait at most `seconds` for the user's code; the function that is yielded begins the wait anew.

    Raises `HangingError` inside the code that hangs, and CannotDiagnoseError where nobody catches it.
    It needs the main thread and SIGALRM: raises UsageError where they are not to be had.
    """
    if seconds is None:
        yield lambda: None
        return
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        raise UsageError("--timeout needs a system with SIGALRM, and the main thread")

    def end(_: int, frame: FrameType | None) -> None:
        site = user_site_of(frame)
        place = f", waiting at {site}" if site else ""
        raise HangingError(f"nothing happened for {seconds:g} s (--timeout){place}")

    def again() -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    before = signal.signal(signal.SIGALRM, end)
    again()
    try:
        yield again
    except HangingError as hanging:
        raise CannotDiagnoseError(str(hanging)) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
