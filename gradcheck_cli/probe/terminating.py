"""SIGTERM and Ctrl-C end the script, and never the report on it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

INTERRUPT_CODE, SIGTERM_CODE = 130, 143
_SAME_WISH = 10.0  # seconds in which further SIGTERMs mean the same; `docker stop` waits as long


class TerminatedError(BaseException):
    """SIGTERM arrived."""


@dataclass(slots=True)
class Signals:
    """What arrived while the script ran, or while it was reported on."""

    code: int = 0  # the exit code of the first that arrived, 0 without one
    held: bool = False  # the script has ended: from here on nothing is interrupted
    raises: type[BaseException] = TerminatedError
    _at: float = 0.0

    def terminate(self, *_: object) -> None:
        """Raise in the script, whatever it is doing. Raises TerminatedError, or what `raises` says."""
        again = self.code == SIGTERM_CODE and time.monotonic() - self._at < _SAME_WISH
        self.code = self.code or SIGTERM_CODE
        if self.held or again:  # torchrun sends several
            return
        self._at = time.monotonic()
        raise self.raises

    def interrupt(self, *_: object) -> None:
        """Note a Ctrl-C that came after the script. Raises KeyboardInterrupt unless held."""
        self.code = self.code or INTERRUPT_CODE
        if not self.held:
            raise KeyboardInterrupt

    @contextmanager
    def obeyed(self) -> Iterator[None]:
        """Let signals interrupt what is done inside, between the end of the script and the report.

        Raises KeyboardInterrupt, also for SIGTERM.
        """
        self.held, before = False, self.held
        try:
            yield
        except TerminatedError:
            raise KeyboardInterrupt from None
        finally:
            self.held = before


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def terminable(raises: type[BaseException] = TerminatedError) -> Iterator[Signals]:
    """Let SIGTERM end the script with an exception, unless it handles the signal itself.

    With KeyboardInterrupt it does what Ctrl-C does.
    """
    signals, owner = Signals(raises=raises), os.getpid()
    if not _is_main() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield signals
        return

    def end(*_: object) -> None:
        if os.getpid() == owner:
            signals.terminate()
        else:  # a forked child dies of it as it would have
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    try:
        yield signals
    finally:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def undisturbed(signals: Signals) -> Iterator[None]:
    """Let nothing interrupt what is done inside: no second signal, and no child that dies meanwhile.

    A DataLoader raises from a handler of SIGCHLD when its workers are killed; a signal that asks for an
    end is kept in `signals`.
    """
    signals.held = True
    if not _is_main():
        yield
        return
    handlers: dict[int, Any] = {signal.SIGINT: signals.interrupt}
    if hasattr(signal, "SIGCHLD"):
        handlers[signal.SIGCHLD] = signal.SIG_DFL
    if signal.getsignal(signal.SIGTERM) in {signal.SIG_DFL, None}:
        handlers[signal.SIGTERM] = signals.terminate
    before = {number: signal.signal(number, do) for number, do in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
