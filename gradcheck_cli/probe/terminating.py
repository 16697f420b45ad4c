"""SIGTERM as an exception, so that what was measured is reported before the process ends."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGTERM_CODE = 143


class TerminatedError(BaseException):
    """SIGTERM arrived."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the script with an exception, unless it handles the signal itself."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun sends several; SIGKILL ends us
        raise TerminatedError

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
