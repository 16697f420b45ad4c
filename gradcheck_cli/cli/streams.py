"""Keeps a machine format alone on stdout while code runs that we did not write."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stdout_to_stderr(*, active: bool) -> Iterator[None]:
    """Send everything that is printed to stderr, also by C code and child processes."""
    if not active:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


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


def tolerate_any_encoding() -> None:
    """Make a terminal that lacks a sign print another one instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
