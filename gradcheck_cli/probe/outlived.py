"""Optimizers that step on without new gradients, while a model in the place of theirs gets them.

A fold or a restart makes the model anew, and the optimizer still holds the parameters of the first one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch.optim import Optimizer

from gradcheck_cli.probe.alive import Alive
from gradcheck_cli.probe.clearing import Account, Mark, mark_of
from gradcheck_cli.probe.hooking import unheard
from gradcheck_cli.probe.picking import is_lazy, plain, unreadable
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.targets.optimizers import held_by, ids_held_by

Known = tuple[
    Mark | None, float
]  # by which tensor it is, and by its sum: a new one may stand where the last one stood


@dataclass(slots=True)
class Outlived:
    """Looks for parameters in no optimizer, of the same shapes, that get gradients."""

    _marks: dict[int, Known] = field(default_factory=dict)  # gradients at the last look
    _seen: WeakKeyDictionary[Optimizer, int] = field(default_factory=WeakKeyDictionary)

    @unheard
    def look(self, optimizer: Optimizer, others: Iterable[Optimizer], alive: Alive) -> None:
        """An optimizer has stepped without new gradients: has anything else in its place?"""
        taken = ids_held_by(*others)
        found = {
            id(p): (p.shape, _known(p.grad))
            for module in alive()
            for p in module._parameters.values()  # noqa: SLF001 - direct ones only
            if p is not None and p.grad is not None and p.requires_grad and id(p) not in taken
        }
        before, self._marks = self._marks, {key: mark for key, (_, mark) in found.items()}
        new = [x for key, (x, mark) in found.items() if before.get(key, mark) != mark]
        own = held_by(optimizer)
        fits = own and not any(map(is_lazy, own))
        if fits and not Counter(p.shape for p in own) - Counter(new):
            self._seen[optimizer] = self._seen.get(optimizer, 0) + 1

    def habits(self, accounts: Iterable[tuple[Optimizer, Account]]) -> Iterator[Habit]:
        """Say which of these still step so at the end, and in how many updates."""
        for optimizer, account in accounts:
            looks = min(self._seen.get(optimizer, 0), account.unfed)
            if looks and account.fed:
                yield Habit(
                    kind=Kind.OUTLIVED,
                    times=account.updates - account.starved + 1,
                    of=account.updates,
                    at=account.built_at,
                    numbers={"looks": looks},
                )


def _known(grad: torch.Tensor) -> Known:
    readable = unreadable(grad) is None and grad.layout is torch.strided
    return mark_of(grad), float(plain(grad).sum()) if readable else 0.0
