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
    _began: int = field(default_factory=get_ident)  # the thread that began to watch
    _passing: set[int] = field(default_factory=set)  # threads that began a backward pass

    @property
    def is_another(self) -> bool:
        """Does another thread run than the one that is watched, or that began to watch?"""
        return get_ident() != self._ident

    @property
    def is_other(self) -> bool:
        """Does another thread run than the one that has trained?"""
        return self._is_known and get_ident() != self._ident  # asked often: without a call more

    @property
    def is_alone(self) -> bool:
        """Does no other thread train?"""
        return not self.others and len(self._passing) < 2

    def passes(self) -> None:
        """The thread that runs begins a backward pass."""
        self._passing.add(get_ident())

    def may_read(self, maker: int) -> bool:
        """May gradients of what this thread made or stepped be read? A backward pass of it may write them meanwhile.

        What was made where the watching began may be trained by one thread that was started for it.
        """
        return maker == get_ident() or (maker == self._began and self.is_alone)

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
