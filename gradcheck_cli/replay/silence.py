"""What is played again says nothing: the user's modules have printed, warned and logged it once already."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from threading import get_ident
from typing import Any


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
    """Inside, nothing that this thread prints, warns of or logs is seen."""
    handle, thread = logging.Logger.handle, get_ident()

    def passed_by(logger: logging.Logger, record: logging.LogRecord) -> None:
        if get_ident() != thread:
            handle(logger, record)

    logging.Logger.handle = passed_by  # type: ignore[assignment, method-assign]
    try:
        with redirect_stdout(_Deaf(sys.stdout)), redirect_stderr(_Deaf(sys.stderr)):
            yield
    finally:
        logging.Logger.handle = handle  # type: ignore[method-assign]
