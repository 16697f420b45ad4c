"""Does a backward pass begin from a number that was made a tensor again, and leads nowhere?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

_FIRST = 8  # backward passes that tell whether a loop does it
_SMALL = 32  # nodes of a graph that may come from numbers only; a network has more


@dataclass(slots=True)
class RewrapWatch:
    """Counts backward passes whose graph ends in single numbers that nobody trains."""

    times: int = 0
    of: int = 0
    at: SourceSite | None = None

    @property
    def looks(self) -> bool:
        """Is the pass that comes looked at? A graph is not walked at every step."""
        return self.of < _FIRST or self.times > 0

    def begins(self, tensors: tuple[torch.Tensor, ...], held: Callable[[], set[int]]) -> None:
        """A backward pass begins; `held` returns the numbers that optimizers train."""
        self.of += 1
        if all(_is_rewrapped(t, held) for t in tensors):
            self.times += 1
            self.at = self.at or user_site()

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        if self.times:
            yield Habit(kind=Kind.REWRAPPED, times=self.times, of=self.of, at=self.at)


def _is_rewrapped(loss: torch.Tensor, held: Callable[[], set[int]]) -> bool:
    if not loss.requires_grad or loss.numel() != 1:
        return False
    if loss.grad_fn is None:
        return id(loss) not in held()
    todo: list[Any] = [loss.grad_fn]
    seen: set[Any] = set()
    leaves: list[torch.Tensor] = []
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if len(seen) > _SMALL:
            return False
        variable = getattr(node, "variable", None)
        if isinstance(variable, torch.Tensor):
            leaves.append(variable)
        todo.extend(n for n, _ in node.next_functions)
    if not leaves or any(x.numel() != 1 or isinstance(x, nn.Parameter) for x in leaves):
        return False  # parameters of one number are trained, or belong to another model
    return not held() & {id(x) for x in leaves}
