"""From its first moment on, a signal ends a command with a line; where user code runs, `probe.terminating` does."""

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from gradcheck_cli.errors import ExitCode


def stop(*_: object) -> NoReturn:
    """Do for SIGTERM what Ctrl-C does. Raises KeyboardInterrupt."""
    raise KeyboardInterrupt


def stoppable(command: Callable[[], int]) -> int:
    """Return what `command` returns; a signal that arrives outside its own care is told, by rank 0."""
    if os.environ.get("RANK", "0") != "0":
        return command()  # torchrun ends the other ranks when one has ended, and tells of it
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
    try:
        return command()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing was measured yet\n")
        return ExitCode.INTERRUPTED
