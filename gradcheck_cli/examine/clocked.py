"""A subject that stops answering when the time is spent, also in the middle of an experiment."""

import time
from typing import Any

from gradcheck_cli.examine.subject import NotApplicableError, Subject

_TAKE_TIME = frozenset({"outputs", "loss", "total", "step"})


class Clocked:
    """Hand everything on to a subject; after `deadline` (of time.monotonic()) its passes are refused."""

    def __init__(self, subject: Subject, deadline: float) -> None:
        self._subject, self._deadline = subject, deadline

    def __getattr__(self, name: str) -> Any:
        if name in _TAKE_TIME and time.monotonic() > self._deadline:
            raise NotApplicableError("no time is left")
        return getattr(self._subject, name)
