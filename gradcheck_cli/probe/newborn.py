"""Weights of layers that each step makes, outside of any watched module, and that no optimizer holds."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.optim import Optimizer

from gradcheck_cli.probe.hooking import unheard
from gradcheck_cli.probe.picking import LIMIT, flat, is_lazy, plain, unreadable
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.optimizers import held_by, ids_held_by

_ALIKE = 0.5  # cosine: copies of what is trained are closer, draws are not
_MOST = 1024  # weights between two updates

Born = tuple["ref[torch.Tensor]", SourceSite | None]


@dataclass(slots=True)
class Newborn:
    """Counts updates before which weights were drawn, got a gradient, and were in no optimizer."""

    elsewhere: Callable[[], bool]  # does another thread run than the one that is watched?
    updates: int = 0
    times: Counter[SourceSite | None] = field(default_factory=Counter)
    _born: list[Born] = field(default_factory=list)  # since the last update
    # They had a gradient after a backward pass: kept until the update, which they are gone by else.
    _used: list[tuple[torch.Tensor, SourceSite | None]] = field(default_factory=list)

    def watch(self, stack: ExitStack) -> None:
        """Watch which parameters modules are given until the stack closes."""
        stack.callback(register_module_parameter_registration_hook(self._registered).remove)

    @unheard
    def _registered(self, _: nn.Module, __: str, given: Any) -> None:
        counts = self.updates and len(self._born) < _MOST and isinstance(given, torch.Tensor)
        if counts and not self.elsewhere() and not is_lazy(given) and given.dim() > 1:
            self._born.append((ref(given), user_site()))

    def passed(self) -> None:
        """A backward pass has ended."""
        alive = [(p, at) for born, at in self._born if (p := born()) is not None]
        self._used += [(p, at) for p, at in alive if p.grad is not None]

    def updated(self, optimizer: Optimizer, known: Callable[[], Iterable[Optimizer]]) -> None:
        """An optimizer has stepped, one of `known`."""
        self.updates += 1
        self._born.clear()
        if not self._used:
            return
        used, self._used = self._used, []
        held = ids_held_by(*known())
        own = [p for p in held_by(optimizer) if isinstance(p, nn.Parameter) and p.grad is not None]
        free = [(p, at) for p, at in used if id(p) not in held]
        self.times.update({at for p, at in free if own and _is_drawn(p, own)})

    def habits(self) -> Iterator[Habit]:
        """Say where it happened most often; a layer that joins once is another matter."""
        for at, times in self.times.most_common(1):
            if times > 1:
                of, names = self.updates, ("outside",)
                yield Habit(kind=Kind.MADE_ANEW, times=times, of=of, at=at, names=names)


def _is_drawn(weight: torch.Tensor, trained: list[nn.Parameter]) -> bool:
    """Is it neither of one value nor a copy of what is trained?"""
    if unreadable(weight) is not None:
        return False
    mine = _numbers(weight)
    alike = (_numbers(p) for p in trained if p.shape == weight.shape and unreadable(p) is None)
    near = (torch.cosine_similarity(mine, other, dim=0) > _ALIKE for other in alike)
    return bool((mine != mine[0]).any()) and not any(near)


def _numbers(tensor: torch.Tensor) -> torch.Tensor:
    return flat(plain(tensor), LIMIT).double()
