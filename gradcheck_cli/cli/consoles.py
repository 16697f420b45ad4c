"""Where a person reads: stdout for answers, stderr for everything beside them."""

import os
import sys
from typing import IO, Any

from rich.console import Console

from gradcheck_cli.errors import UsageError

LEAST_WIDTH = 40  # columns; below, a layer's name and one number do not fit beside each other


class _Patient(Console):
    """Goes on in silence when the reader leaves, so that the exit code stays what it is.

    Raises UsageError where the system refuses what is printed on stdout, as a full disk does.
    """

    def on_broken_pipe(self) -> None:
        """Print nowhere from here on."""
        self.quiet = True
        _discard(self.file)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; raises UsageError as said above."""
        try:
            super().print(*objects, **options)
        except OSError as error:
            self.quiet = True
            _discard(self.file)
            if not self.stderr:  # of what stderr refuses nobody can be told
                raise _refused(error) from error


def out() -> Console:
    """Return the console of stdout."""
    return _console(stderr=False)


def err() -> Console:
    """Return the console of stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    """Return a console; one that is narrower than `LEAST_WIDTH`, or says 0, leaves wrapping to itself.

    NO_COLOR wins over FORCE_COLOR: no escape sequence is written at all (https://no-color.org).
    """
    colors: Any = None if os.environ.get("NO_COLOR") else "auto"
    console = _Patient(stderr=stderr, highlight=False, soft_wrap=False, color_system=colors)
    console.width = max(console.width, LEAST_WIDTH)
    return console


def write_out(text: str) -> None:
    """Write to stdout as it is; a reader that leaves early changes nothing.

    Raises UsageError where the system refuses it.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        raise _refused(error) from error


def _refused(error: OSError) -> UsageError:
    return UsageError(f"can not write to stdout: {error.strerror or error}")


def _discard(stream: IO[str]) -> None:
    """Let a stream lead nowhere: what is left in its buffer must not fail when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def animated(console: Console) -> bool:
    """May something move? Not in pipes and not in CI, whatever color is forced."""
    return console.is_interactive and sys.stderr.isatty() and "CI" not in os.environ
