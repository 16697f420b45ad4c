"""Where a person reads: stdout for answers, stderr for everything beside them."""

import os
import sys

from rich.console import Console


class _Patient(Console):
    """Goes on in silence when the reader leaves, so that the exit code stays what it is."""

    def on_broken_pipe(self) -> None:
        """Print nowhere from here on."""
        self.quiet = True
        _discard_stdout()


def out() -> Console:
    """Return the console of stdout."""
    return _Patient(highlight=False, soft_wrap=False)


def err() -> Console:
    """Return the console of stderr."""
    return _Patient(stderr=True, highlight=False, soft_wrap=False)


def write_out(text: str) -> None:
    """Write to stdout as it is; a reader that leaves early changes nothing."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()


def _discard_stdout() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def animated(console: Console) -> bool:
    """May something move? Not in pipes and not in CI, whatever colour is forced."""
    return console.is_interactive and sys.stderr.isatty() and "CI" not in os.environ
