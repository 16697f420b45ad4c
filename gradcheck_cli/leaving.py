"""`os._exit` in the user's code ends what they asked for, not us: what was measured is told first."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any, NoReturn

from gradcheck_cli.errors import ExitCode, HardExit, ReplacedError

_real_exit = os._exit
_decided: list[int] = []  # the code of the process, once it is known
# How another thread ends a script that is run; at most one way.
from_threads: list[Callable[[int], None]] = []
PATIENCE = 5.0  # seconds in which threads of the user's may end when all is said
_REAL_PROGRAMS = os.execv, os.execve
REPLACES = (
    b"gradcheck: your code replaces this process by another program, which can not be watched\n"
)


def end_at_once(code: int) -> NoReturn:
    """End as `os._exit` does, which a script asks for when its threads would wait for ever."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    _real_exit(code)


def leave(code: int, *, waits: bool) -> NoReturn:
    """End the process with its code, which nothing that is left of the user's code makes a 0.

    Unless it `waits` for them, threads that do not end are waited for no longer than PATIENCE. Raises
    SystemExit.
    """
    if _left() and not waits:
        threading.Thread(target=_hurry, args=(code,), daemon=True).start()
    _decided.append(code)
    os._exit = lambda status: _real_exit(status or code)
    raise SystemExit(code)


def _left() -> list[str]:
    every = (t for t in threading.enumerate() if t is not threading.main_thread())
    return [thread.name for thread in every if not thread.daemon]


def _hurry(code: int) -> None:
    sleep(PATIENCE)
    if names := _left():
        sys.stderr.write(f"{names[0]}, a thread of your code, does not end: not waited for\n")
        end_at_once(code)


@contextmanager
def exits_heard(*, replaceable: bool = True) -> Iterator[None]:
    """Turn `os._exit` in this process into HardExit; processes that are forked end as ever.

    Another thread than the main one asks that one to end, as a run allows (`from_threads`); where nobody
    hears it, a line is all that is left. So it is where another program may take the place of this process; else that is a ReplacedError.
    """
    before, here = (os._exit, os.execv, os.execve), os.getpid()

    def leave(status: int) -> NoReturn:
        if os.getpid() != here:
            _real_exit(status)
        if _decided:  # an exit handler that was registered while this stood for `os._exit`
            _real_exit(status or _decided[0])
        if threading.current_thread() is threading.main_thread():
            raise HardExit(status)
        if from_threads:
            from_threads[-1](status)
        sys.stderr.write(
            f"error: a thread of your code ended the program with os._exit({status})\n"
        )
        sys.stderr.flush()
        _real_exit(status or ExitCode.CANNOT_DIAGNOSE)

    def replacing(real: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
        def replace(*args: Any) -> NoReturn:
            if os.getpid() == here and not replaceable:
                raise ReplacedError(0)
            if os.getpid() == here:
                os.write(2, REPLACES)
            real(*args)

        return replace

    replaced = (replacing(real) for real in _REAL_PROGRAMS)  # all others of their kind call these
    os._exit, os.execv, os.execve = leave, *replaced
    try:
        yield
    finally:
        os._exit, os.execv, os.execve = before
