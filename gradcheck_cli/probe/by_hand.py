"""Updates that no optimizer makes: after a backward pass its leaves are changed in place.

`p.data -= rate * p.grad`, `p.add_(p.grad, alpha=-rate)`, `p -= rate * g` with `g` of `autograd.grad`.
A change is seen by the number of in-place changes, by the storage, or, for `.data`, by a few values.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from gradcheck_cli.probe.homes import homes_of
from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.probe.session import Session
from gradcheck_cli.probe.subjects import Group

_TRIES = 8  # backward passes without an optimizer, after which none is expected to be by hand
_NODES = 20_000  # of a graph that are walked to find its leaves
_VALUES = 8  # compared of each of the first leaves
_COMPARED = 4


@dataclass(eq=False, slots=True, weakref_slot=True)
class ByHand:
    """Stands for the lines that update: what a recorder asks of an optimizer."""

    leaves: list[torch.Tensor]
    grads: Mapping[int, torch.Tensor] = field(default_factory=dict)  # of the last pass, by leaf
    state: dict[Any, Any] = field(default_factory=dict)
    _marks: list[tuple[int, int]] = field(default_factory=list)
    _values: list[torch.Tensor] = field(default_factory=list)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """One group, whose rate nobody knows."""
        return [{"params": self.leaves}]

    def note(self) -> None:
        """Note what the leaves are now."""
        self._marks = [_mark(p) for p in self.leaves]
        self._values = [_few(p) for p in self.leaves[:_COMPARED]]

    @property
    def changed(self) -> bool:
        """Have the leaves changed since they were noted?"""
        if not self._marks:
            return False
        if any(_mark(p) != mark for p, mark in zip(self.leaves, self._marks, strict=True)):
            return True
        now = (_few(p) for p in self.leaves[:_COMPARED])
        return any(not torch.equal(a, b) for a, b in zip(now, self._values, strict=True))


@dataclass(slots=True)
class HandWatch:
    """Looks for such updates while there is no optimizer, and makes steps of them."""

    begin: Callable[[Group], Session]  # to watch a training
    updated: Callable[[Any], None]
    note_loss: Callable[[torch.Tensor], None]
    session: Session | None = None
    by_hand: ByHand | None = None
    _tries: int = _TRIES

    def backward_begins(self, leaves: Callable[[], Sequence[torch.Tensor]]) -> None:
        """Another backward pass begins: was there an update since the last?"""
        self.look()
        if self.session is None and self._tries:
            self._tries -= 1
            found = list(leaves())
            if found and not (self.by_hand and _same(found, self.by_hand.leaves)):
                self.by_hand = ByHand(found)

    def look(self) -> None:
        """Make a step of an update that was made since the last backward pass."""
        hand = self.by_hand
        if hand is None or not hand.changed:
            return
        if self.session is None:
            self.session = self.begin(
                Group(homes_of(hand.leaves), (cast("Any", hand),), by_hand=True)
            )
        try:
            self.updated(hand)
        finally:  # it may end the script
            hand.note()

    def taken(self, loss: torch.Tensor, leaves: Sequence[torch.Tensor], grads: Any) -> None:
        """Gradients were computed without a backward pass."""
        self.backward_begins(lambda: leaves)
        self.note_loss(loss)
        self.backward_ended(grads)

    def backward_ended(self, grads: Sequence[torch.Tensor | None] | None = None) -> None:
        """Keep what an update by hand will change, and the gradients, which may be cleared by then."""
        hand, session = self.by_hand, self.session
        if hand is None:
            return
        hand.note()
        if session is not None and session.wanted:
            given = [p.grad for p in hand.leaves] if grads is None else grads
            pairs = zip(hand.leaves, given, strict=False)
            hand.grads = {id(p): g.detach().clone() for p, g in pairs if g is not None}
            session.before_update(cast("Any", hand))
            session.recorder.joins_update(cast("Any", hand))


def leaves_of(loss: torch.Tensor) -> list[torch.Tensor]:
    """Return the tensors that a backward pass from `loss` would give a gradient."""
    found: dict[int, torch.Tensor] = {}
    todo, seen = [loss.grad_fn], set[Any]()
    while todo and len(seen) < _NODES:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, torch.Tensor) and variable.is_leaf:
            found[id(variable)] = variable
        todo.extend(n for n, _ in reversed(node.next_functions))
    return list(found.values())[::-1]


def _same(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> bool:
    return {id(x) for x in one} == {id(x) for x in other}


def _mark(tensor: torch.Tensor) -> tuple[int, int]:
    readable = unreadable(tensor) is None and tensor.layout is torch.strided
    return tensor._version, tensor.data_ptr() if readable else 0  # noqa: SLF001 - no public twin


def _few(tensor: torch.Tensor) -> torch.Tensor:
    if unreadable(tensor) is not None or tensor.layout is not torch.strided:
        return torch.zeros(0)
    return tensor.detach().reshape(-1)[:_VALUES].clone()
