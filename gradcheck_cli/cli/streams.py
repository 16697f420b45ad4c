"""Keeps a machine format alone on stdout while code runs that we did not write."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from gradcheck_cli.here import is_gone


@contextmanager
def lent(*, stdout_to_stderr: bool = False) -> Iterator[None]:
    """Lend stdout and stderr to code that we did not write; afterwards they are ours, whatever it did.

    It may close them, replace them, or close and reuse what is below them; and it may change the
    current folder, which is what it was too. With `stdout_to_stderr`
    everything that is printed goes to stderr, also by C code and child processes.
    """
    ours, here = (sys.stdout, sys.stderr), None if is_gone() else Path.cwd()
    _flush()
    kept = [os.dup(number) for number in (1, 2)]
    if stdout_to_stderr:
        os.dup2(2, 1)
    lying = [_file_at(number) for number in (1, 2)]
    try:
        yield
    finally:
        _flush()
        if here is not None and here.is_dir():  # it may have been removed; outputs are whole paths
            os.chdir(here)
        sys.stdout, sys.stderr = (
            _taken_back(number, stream, copy, known)
            for number, stream, copy, known in zip((1, 2), ours, kept, lying, strict=True)
        )


def _taken_back(number: int, stream: TextIO, copy: int, known: object) -> TextIO:
    """Return a stream to where `copy` leads: the one it was, a new one where that can not be."""
    if stream.closed or _file_at(number) != known:
        return _opened(copy)  # `number` may be in use by a file of theirs
    os.dup2(copy, number)
    os.close(copy)
    return stream


def _file_at(number: int) -> object:
    """Return which file is open under a number, None where none is."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _flush() -> None:
    """Let go of what was printed; what the user's code left in place of a stream may be anything."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _opened(number: int) -> TextIO:
    return open(number, "w", encoding="utf-8", errors="backslashreplace", buffering=1)


@contextmanager
def no_workflow_commands() -> Iterator[None]:
    """Keep what the user's code prints from being obeyed by GitHub Actions as commands."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    import secrets

    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)  # noqa: T201  # read by the runner
    try:
        yield
    finally:
        print(f"\n::{token}::", flush=True)  # noqa: T201  # read by the runner


def settle() -> None:
    """Make both streams fit to be written to, whatever the process was started with.

    One that is closed leads nowhere, else the first file that is opened would take its number and its
    text. A terminal that lacks a sign prints another one instead of failing.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            if nowhere != number:
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, _opened(os.dup(number)))
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
