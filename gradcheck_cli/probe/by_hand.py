"""Updates that no optimizer makes: after a backward pass its leaves are changed in place.

`p.data -= rate * p.grad`, `p.add_(p.grad, alpha=-rate)`, `p -= rate * g` with `g` of `autograd.grad`.
A change is seen by the number of in-place changes, by the storage, or, for `.data`, by a few values.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from gradcheck_cli.probe.clearing import PROBED, SURE, Account, Probe, has_values, mark_of
from gradcheck_cli.probe.homes import Tensors, homes_of
from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.probe.session import Session
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.probe.subjects import Group

_TRIES = 8  # backward passes without an optimizer, after which none is expected to be by hand
_NODES = 20_000  # of a graph that are walked to find its leaves
_VALUES = 8  # compared of each of the first leaves
_COMPARED = 4
_SECOND = 2  # backward pass onto the same leaves
_MANY = 32  # of them: where none changes a weight, a training does not what it should


@dataclass(eq=False, slots=True, weakref_slot=True)
class ByHand:
    """Stands for the lines that update: what a recorder asks of an optimizer."""

    leaves: list[torch.Tensor]
    grads: Mapping[int, torch.Tensor] = field(default_factory=dict)  # of the last pass, by leaf
    state: dict[Any, Any] = field(default_factory=dict)
    account: Account = field(default_factory=Account)  # of passes, until it updates; then of that
    homes: tuple[torch.nn.Module, ...] = ()  # at the second of these passes
    trains: bool = False  # it looks like a training by then
    _sums: list[torch.Tensor] = field(default_factory=list)  # of the leaves, as they began
    _marks: list[tuple[int, int]] = field(default_factory=list)
    _values: list[torch.Tensor] = field(default_factory=list)
    _probes: list[Probe] = field(default_factory=list)  # of leaves: are their gradients cleared?

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """One group, whose rate nobody knows."""
        return [{"params": self.leaves}]

    def __post_init__(self) -> None:
        self._sums = [_sum(p) for p in self.leaves]
        self.account.backward_at = self.account.update_at = user_site()
        self.account.awake = False  # nobody else keeps it
        stride = max(1, -(-len(self.leaves) // PROBED))
        self._probes = [Probe(weakref.ref(p)) for p in self.leaves[::stride]]

    def passes(self) -> None:
        """A backward pass begins, after which nothing was updated so far."""
        self.account.backwards += 1
        if self.account.backwards == _SECOND:
            self._looks_at_homes()
        if 1 < self.account.backwards <= _MANY:
            grad = self.leaves[0].grad
            self.account.thrown += grad is None or not has_values(grad)

    def finds_cleared(self) -> None:
        """Another pass begins: which used gradients are gone by now, or changed on purpose?"""
        for probe in self._probes:
            same = mark_of(probe.grad) == probe.mark
            if probe.used and same and self.account.uncleared < SURE:
                same = has_values(cast("torch.Tensor", probe.grad))  # or zeroed through `.data`
            probe.used = probe.used and same

    def passed(self) -> None:
        """A backward pass has ended: which gradients has it added to?"""
        for probe in self._probes:
            mark = mark_of(probe.grad)
            probe.added = probe.added or mark not in {None, probe.mark}
            probe.mark = mark
            if not self.account.updates:
                probe.hold()

    def has_updated(self) -> None:
        """The leaves were changed since the last pass; by now their gradients may be cleared."""
        account, moved = self.account, [p for p in self._probes if p.moved]
        account.thrown = account.thrown if account.updates else 0
        account.updates += 1
        account.looked += 1
        account.uncleared += any(p.used and p.added for p in moved)
        for probe in moved:
            probe.used, probe.added = True, False
            probe.hold()

    def _looks_at_homes(self) -> None:
        """Weights of modules are trained in training mode, and no input asks for a gradient with them.

        Of tensors in no module there are several, with a matrix among them.
        """
        self.homes = homes_of(self.leaves)
        if isinstance(self.homes[-1], Tensors):
            matrices = any(p.dim() > 1 for p in self.leaves)
            self.trains = len(self.homes) == 1 < len(self.leaves) and matrices
        else:
            self.trains = all(m.training for home in self.homes for m in home.modules())

    def is_stuck(self, passes: int) -> bool:
        """Are `passes`, all that there were, a training in which no weight ever changed?"""
        if not self.trains or self.account.backwards < max(passes, _MANY) or self.changed:
            return False
        pairs = zip(self.leaves, self._sums, strict=True)
        return all(torch.equal(_sum(p), was) for p, was in pairs)

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
        self._begins(leaves)
        if self.by_hand is not None and self.session is None:
            self.by_hand.passes()
        if self.by_hand is not None:
            self.by_hand.finds_cleared()

    def _begins(self, leaves: Callable[[], Sequence[torch.Tensor]]) -> None:
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
        hand.has_updated()
        if hand.account.uncleared:
            self.session.loop.accounts[cast("Any", hand)] = hand.account
        try:
            self.updated(hand)
        finally:  # it may end the script
            hand.note()

    def ends(self, passes: int) -> Session | None:
        """Make a training of `passes`, all that there were, where it should have been one."""
        hand = self.by_hand
        if hand is None or self.session is not None or not hand.is_stuck(passes):
            return None
        session = self.begin(Group(hand.homes, (cast("Any", hand),), by_hand=True))
        session.loop.accounts[cast("Any", hand)] = hand.account
        session.backward_seen = True
        return session

    def taken(self, loss: torch.Tensor, leaves: Sequence[torch.Tensor], grads: Any) -> None:
        """Gradients were computed without a backward pass."""
        self._begins(lambda: leaves)
        self.note_loss(loss)
        self.backward_ended(grads)

    def backward_ended(self, grads: Sequence[torch.Tensor | None] | None = None) -> None:
        """Keep what an update by hand will change, and the gradients, which may be cleared by then."""
        hand, session = self.by_hand, self.session
        if hand is None:
            return
        hand.note()
        hand.passed()
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


def _sum(tensor: torch.Tensor) -> torch.Tensor:
    if unreadable(tensor) is not None or tensor.layout is not torch.strided:
        return torch.zeros(())
    return tensor.detach().sum()


def _few(tensor: torch.Tensor) -> torch.Tensor:
    if unreadable(tensor) is not None or tensor.layout is not torch.strided:
        return torch.zeros(0)
    return tensor.detach().reshape(-1)[:_VALUES].clone()
