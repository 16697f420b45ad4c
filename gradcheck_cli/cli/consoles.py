"""Where a person reads: stdout for answers, stderr for everything beside them."""

import os
import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from gradcheck_cli.renderers.words import clean


def tolerate_any_encoding() -> None:
    """Make a terminal that lacks a sign print another one instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


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


class Steps:
    """The progress of a training on stderr; silent where nothing may move."""

    def __init__(self, *, quiet: bool) -> None:
        console = err()
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
            disable=quiet or not animated(console),
        )
        self.task = self.progress.add_task("starting", total=None, note="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def step(self, done: int, total: int, loss: float) -> None:
        """Show that `done` of `total` steps are behind us."""
        self.progress.update(self.task, completed=done, total=total, note=f"loss {loss:.4g}")

    def stage(self, name: str) -> None:
        """Show what is being done now."""
        self.progress.update(self.task, description=clean(name), note="")
