"""Which thread is watched: the first that trains. What others train is noted and left alone.

Readings of two trainings that run at once cannot be told apart, and torch keeps modes by thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import get_ident

from torch.optim import Optimizer


@dataclass(slots=True)
class WatchedThread:
    """The thread that is watched. It may change until something has trained."""

    others: list[Optimizer] = field(default_factory=list)  # optimizers that other threads step
    _ident: int = field(default_factory=get_ident)
    _is_known: bool = False

    @property
    def is_another(self) -> bool:
        """Does another thread run than the one that is watched, or that began to watch?"""
        return get_ident() != self._ident

    @property
    def is_other(self) -> bool:
        """Does another thread run than the one that has trained?"""
        return self._is_known and get_ident() != self._ident  # asked often: without a call more

    def takes(self, optimizer: Optimizer, may_change: Callable[[], bool]) -> bool:
        """Is this update, which begins now, to be watched? The first decides, if it `may_change` that."""
        if not self._is_known:
            self._ident = get_ident() if may_change() else self._ident
            self._is_known = True
        if get_ident() == self._ident:
            return True
        if optimizer not in self.others:
            self.others.append(optimizer)
        return False
