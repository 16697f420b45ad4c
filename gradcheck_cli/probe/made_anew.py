"""Weights that a forward pass draws by itself: they get a gradient, and are gone with the pass."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim import Optimizer

from gradcheck_cli.ops import PRODUCTS
from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.probe.teachers import sources
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.graph import is_leaf
from gradcheck_cli.targets.optimizers import ids_held_by

_DRAWS = ("rand", "normal", "uniform", "xavier", "kaiming", "orthogonal")  # parts of names of calls

Birth = tuple[
    SourceSite | None, bool
]  # where a tensor was made, and whether it was drawn at random


@dataclass(slots=True)
class MadeAnew:
    """Counts inspected steps in which such weights received a gradient, by where they were made.

    A tensor is known by its memory, which a parameter shares with what it is made of.
    """

    steps: int = 0
    times: Counter[SourceSite | None] = field(default_factory=Counter)
    _births: dict[int, Birth] = field(default_factory=dict)  # in this step, by their memory
    _used: list[tuple[torch.Tensor, SourceSite | None]] = field(default_factory=list)

    def saw(self, name: str, given: Sequence[torch.Tensor], result: Any, *, inside: bool) -> None:
        """A call returned, `inside` the forward pass of a module or between two of them."""
        if inside and name in PRODUCTS:
            for weight in given[1:]:
                made, drawn = self._births.get(_memory(weight), (None, False))
                if drawn and weight.requires_grad and is_leaf(weight):
                    self._used.append((weight, made))
        elif isinstance(result, torch.Tensor) and (memory := _memory(result)):
            before = [self._births.get(_memory(t)) for t in sources(name, list(given))]
            if not inside or None in before:
                self._births.pop(memory, None)
                return
            known = [b for b in before if b is not None]
            drawn = any(b[1] for b in known) or any(part in name for part in _DRAWS)
            self._births[memory] = (known[0][0] if known else user_site(), drawn)

    def ended(self, optimizers: Iterable[Optimizer]) -> None:
        """An inspected step has ended, whose updates these make."""
        held = ids_held_by(*optimizers)
        self.steps += 1
        self.times.update({at for w, at in self._used if w.grad is not None and id(w) not in held})
        self._births.clear()
        self._used.clear()

    def habits(self) -> Iterator[Habit]:
        """Say where it happened most often."""
        for at, times in self.times.most_common(1):
            yield Habit(kind=Kind.MADE_ANEW, times=times, of=self.steps, at=at)


def _memory(tensor: torch.Tensor) -> int:
    """Return where its numbers lie, 0 where they cannot be read or there are none."""
    if unreadable(tensor) is not None or tensor.layout is not torch.strided:
        return 0
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:  # so says torch of memory that it has given back, as of shards
        return 0
