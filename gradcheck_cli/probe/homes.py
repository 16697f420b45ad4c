"""What an optimizer trains when no call of a module told: found when it has stepped for the second time."""

import weakref
from dataclasses import dataclass, field

from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.probe.clearing import Account
from gradcheck_cli.probe.subjects import Group

_KEPT = 8  # modules that were called last
_AFTER = 2  # updates: a model may be called for the first time after the first


@dataclass(slots=True)
class Called:
    """The modules called last that no optimizer was known to train."""

    _modules: list[weakref.ref[nn.Module]] = field(default_factory=list)

    def add(self, module: nn.Module) -> None:
        """A module was called on its own."""
        others = [r for r in self._modules if r() not in {None, module}]
        self._modules = [*others[-_KEPT + 1 :], weakref.ref(module)]

    @property
    def alive(self) -> list[nn.Module]:
        """Those that still exist."""
        return [m for r in self._modules if (m := r()) is not None]


@dataclass(slots=True)
class Seen:
    """What happened at all, to give advice from when nothing could be measured."""

    forwards: int = 0
    backwards: int = 0
    updates: int = 0
    compiled: bool = False
    called: Called = field(default_factory=Called)  # in no training so far

    def compiles(self) -> None:
        """Something is compiled."""
        self.compiled = True


def home_of(optimizer: Optimizer, account: Account, called: Called) -> Group | None:
    """Return the training of an optimizer that stepped; None while it is not clear.

    An optimizer all of whose parameters are idle is put beside the modules that were called instead
    of its own, and whose gradients it does not use.
    """
    if account.updates < _AFTER:
        return None
    if account.idle == account.updates:
        others = [m for m in called.alive if any(p.grad is not None for p in m.parameters())]
        return Group(tuple(others), (optimizer,)) if others else None
    return None
