"""What is played again says and writes nothing: the user's modules have done so once already."""

import builtins
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from threading import get_ident
from typing import Any

from gradcheck_cli.probe.replacing import replaced


class _Deaf:
    """A stream that drops what this thread writes, and hands on the rest."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._thread = stream, get_ident()

    def write(self, text: Any) -> int:
        """Drop it, or hand on what another thread writes."""
        return len(text) if get_ident() == self._thread else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def silent() -> Iterator[None]:
    """Inside, nothing that this thread prints, warns of, logs or writes to a file it opens is seen."""
    thread = get_ident()

    def others_only(handle: Any, logger: logging.Logger, record: logging.LogRecord) -> None:
        if get_ident() != thread:
            handle(logger, record)

    def leading_nowhere(opens: Any, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if get_ident() == thread and mode[:1] in {"w", "a", "x"} and not isinstance(file, int):
            file, mode = os.devnull, mode.replace("x", "w")
        return opens(file, mode, *args, **kwargs)

    logged = replaced(logging.Logger, "handle", others_only)
    opened, as_io = (replaced(of, "open", leading_nowhere) for of in (builtins, io))
    with (
        logged,
        opened,
        as_io,
        redirect_stdout(_Deaf(sys.stdout)),
        redirect_stderr(_Deaf(sys.stderr)),
    ):
        yield
