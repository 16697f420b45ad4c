"""SIGTERM and Ctrl-C end the user's code and what takes long, and never the report on it.

While a report is made signals wait (`held`, `undisturbed`); what may take long lets them in
(`interruptible`), and one that waited interrupts the next of that kind.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from gradcheck_cli.leaving import PATIENCE, from_threads
from gradcheck_cli.stopping import stop

INTERRUPT_CODE, SIGTERM_CODE = 130, 143
GIVEN_UP = "the report was given up"
_INSISTS = 2.0  # seconds after which another Ctrl-C gives up a report that is being made
_NOBODYS = (signal.SIG_DFL, stop)  # what is done with SIGTERM where the user's code does nothing
_SAME_WISH = 10.0  # seconds in which further SIGTERMs mean the same; `docker stop` waits as long


class TerminatedError(BaseException):
    """SIGTERM arrived."""


@dataclass(slots=True)
class Signals:
    """What arrived while the script ran, or while it was reported on."""

    code: int = 0  # the exit code of the first that arrived, 0 without one
    held: bool = False  # nothing is interrupted now
    waits: bool = False  # one arrived meanwhile, and has interrupted nothing yet
    raises: type[BaseException] = TerminatedError
    left: int | None = None  # with which code another thread called os._exit
    _at: float = 0.0

    def terminate(self, *_: object) -> None:
        """Raise in the script, whatever it is doing. Raises TerminatedError, or what `raises` says."""
        again = self.code == SIGTERM_CODE and monotonic() - self._at < _SAME_WISH
        self.code = self.code or SIGTERM_CODE
        if self.held or again:  # torchrun sends several
            self.waits = self.waits or self.held
            return
        self._at = monotonic()
        raise self.raises

    def leave(self, status: int) -> None:
        """End the script from another of its threads; return only where the main one does not hear it."""
        self.left = status
        if hasattr(signal, "pthread_kill"):  # not on Windows
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            sleep(PATIENCE)
        while self.held:  # the report is being made, and the process ends after it
            sleep(PATIENCE)

    def interrupt(self, *_: object) -> None:
        """Note a Ctrl-C. Raises KeyboardInterrupt unless held, and also then if it is pressed again."""
        self.code = self.code or INTERRUPT_CODE
        if not self.held:
            raise KeyboardInterrupt
        now = monotonic()
        if self.waits and now - self._at > _INSISTS:
            raise KeyboardInterrupt(GIVEN_UP)
        self._at = self._at if self.waits else now
        self.waits = True

    @contextmanager
    def obeyed(self) -> Iterator[None]:
        """Let signals interrupt what is done inside, also one that waits.

        Raises KeyboardInterrupt, also for SIGTERM.
        """
        self.held, before = False, self.held
        try:
            if self.taken():
                raise KeyboardInterrupt
            yield
        except TerminatedError:
            raise KeyboardInterrupt from None
        finally:
            self.held = before

    def taken(self) -> bool:
        """Did one wait? Afterwards none does."""
        waited, self.waits = self.waits, False
        return waited


_holding: list[Signals] = []  # at most one: whose signals wait in this process


def interruptible() -> AbstractContextManager[None]:
    """Let signals interrupt what is done inside, where they wait. Raises KeyboardInterrupt."""
    return _holding[0].obeyed() if _holding and _is_main() else nullcontext()


def waited() -> bool:
    """Is a signal waiting that has interrupted nothing? Afterwards none is."""
    return bool(_holding) and _is_main() and _holding[0].taken()


@contextmanager
def held(*, terminate: bool = False) -> Iterator[Signals]:
    """Let Ctrl-C wait while a report is made, outside `interruptible`; with `terminate` SIGTERM too.

    What the user does with these signals stays. Inside another one nothing changes.
    """
    if _holding or not _is_main():
        yield _holding[0] if _holding and _is_main() else Signals()
        return
    asked = Signals(raises=KeyboardInterrupt)
    with ExitStack() as stack:
        signals = stack.enter_context(terminable(KeyboardInterrupt)) if terminate else asked
        own = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        stack.enter_context(_handled({} if own else {signal.SIGINT: signals.interrupt}))
        stack.enter_context(_held(signals))
        yield signals


@contextmanager
def _held(signals: Signals) -> Iterator[None]:
    signals.held = True
    _holding.append(signals)
    try:
        yield
    finally:
        _holding.remove(signals)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def terminable(raises: type[BaseException] = TerminatedError) -> Iterator[Signals]:
    """Let SIGTERM end the script with an exception, unless it handles the signal itself.

    With KeyboardInterrupt it does what Ctrl-C does.
    """
    signals, owner = Signals(raises=raises), os.getpid()
    if not _is_main() or signal.getsignal(signal.SIGTERM) not in _NOBODYS:
        yield signals
        return

    def end(*_: object) -> None:
        if os.getpid() == owner:
            signals.terminate()
        else:  # a forked child dies of it as it would have
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    from_threads.append(signals.leave)
    try:
        yield signals
    finally:
        from_threads.remove(signals.leave)
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def undisturbed(signals: Signals) -> Iterator[None]:
    """Let nothing interrupt what is done inside: no second signal, and no child that dies meanwhile.

    A DataLoader raises from a handler of SIGCHLD when its workers are killed; a signal that asks for an
    end is kept in `signals`.
    """
    if not _is_main():
        signals.held = True
        yield
        return
    handlers: dict[int, Any] = {signal.SIGINT: signals.interrupt}
    if hasattr(signal, "SIGCHLD"):
        handlers[signal.SIGCHLD] = signal.SIG_DFL
    if signal.getsignal(signal.SIGTERM) in {*_NOBODYS, None}:
        handlers[signal.SIGTERM] = signals.terminate
    with _held(signals), _handled(handlers):
        yield


@contextmanager
def _handled(handlers: dict[int, Any]) -> Iterator[None]:
    before = {number: signal.signal(number, do) for number, do in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
