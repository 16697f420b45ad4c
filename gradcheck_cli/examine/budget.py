"""How much an examination may do, in work and not in time: a busy machine asks no less."""

import time
from typing import Any

import torch

from gradcheck_cli.examine.subject import OutOfTimeError, Subject

PATIENCE = 4.0  # times the budget, by the wall clock, where other programs take the processors
_TAKE_TIME = frozenset({"outputs", "loss", "total", "step"})


class Budget:
    """So many seconds of work of this thread, and at most `PATIENCE` times as long by the wall clock.

    A thread that hands its work to another device waits for it: there the wall clock alone counts.
    """

    def __init__(self, seconds: float, device: torch.device) -> None:
        self.seconds, here = seconds, device.type == "cpu"
        self.most = PATIENCE * seconds if here else seconds
        self._clock = time.thread_time if here else time.monotonic
        self._work, self._wall = self._clock(), time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds of work since the beginning."""
        return self._clock() - self._work

    @property
    def left(self) -> float:
        """Seconds of work that are left; below 0 afterwards."""
        return min(self.seconds - self.spent, self.most - (time.monotonic() - self._wall))

    def __str__(self) -> str:
        """Return it in words."""
        if self.most > self.seconds:
            return f"about {self.seconds:.0f} s, at most {self.most:.0f} s on a busy machine"
        return f"at most {self.seconds:.0f} s"


class Clocked:
    """Hand everything on to a subject; once the budget is spent its passes are refused."""

    def __init__(self, subject: Subject, budget: Budget) -> None:
        self._subject, self._budget = subject, budget

    def __getattr__(self, name: str) -> Any:
        if name in _TAKE_TIME and self._budget.left < 0:
            raise OutOfTimeError("no time is left")
        return getattr(self._subject, name)
