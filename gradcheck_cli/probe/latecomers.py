"""What no optimizer took in time: parameters that came late or were frozen; and optimizers whose model was replaced."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary, WeakSet, ref

import torch
from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.probe.alive import Alive
from gradcheck_cli.probe.clearing import Account, Mark, mark_of
from gradcheck_cli.probe.hooking import unheard
from gradcheck_cli.probe.ownership import clean
from gradcheck_cli.probe.picking import is_lazy, plain, unreadable
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.optimizers import held_by, ids_held_by

_MOST = 8  # optimizers for which it is noted what there was: some scripts make one per task

Gradients = dict[int, torch.Tensor]  # by the identities of parameters
There = Mapping[int, tuple["ref[torch.Tensor]", bool]]  # by id: is it trainable


@dataclass(slots=True)
class Latecomers:
    """What all modules held when each optimizer was made."""

    _there: WeakKeyDictionary[Optimizer, There] = field(default_factory=WeakKeyDictionary)
    _noted: int = 0

    def built(self, optimizer: Optimizer, alive: Alive) -> None:
        """An optimizer was made, while these modules were alive."""
        self._noted += 1
        if self._noted <= _MOST:
            held = {id(p): p for m in alive() for p in m._parameters.values() if p is not None}  # noqa: SLF001 - direct ones only
            self._there[optimizer] = {key: (ref(p), p.requires_grad) for key, p in held.items()}

    def habits(
        self,
        models: Mapping[str, nn.Module],
        own: Sequence[Optimizer],
        held: set[int],
        at: SourceSite | None,
    ) -> Iterator[Habit]:
        """Say which parameters of the models, by the prefix of their names, came too late.

        `own` are the optimizers of these models, `held` the identities of all that any optimizer holds.
        """
        known = [self._there[o] for o in own if o in self._there]
        if not known or len(known) < len(own):
            return  # of an optimizer that was there before, nobody knows what it could have taken
        trained = [(n, p) for n, p in _named(models) if p.requires_grad]
        outside = [(n, p) for n, p in trained if id(p) not in held and p.grad is not None]
        frozen = [n for n, p in outside if all(_was(then, p) is False for then in known)]
        absent = [n for n, p in outside if all(_was(then, p) is None for then in known)]
        for kind, names in ((Kind.UNFROZEN_LATE, frozen), (Kind.ADDED_LATE, absent)):
            if names:
                layers = dict.fromkeys(n.rpartition(".")[0] or n for n in names)
                yield Habit(
                    kind=kind, times=len(names), of=len(trained), at=at, names=tuple(layers)
                )


@dataclass(slots=True)
class Twins:
    """Optimizers that hold all parameters of another one; layers whose new gradients none uses."""

    _later: WeakSet[Optimizer] = field(default_factory=WeakSet)
    _grads: dict[int, tuple[int, int]] = field(default_factory=dict)  # of parameters by id
    _left: dict[int, str] = field(default_factory=dict)  # classes of those layers by id
    # Gradients of the last update, where another optimizer holds all of these parameters and more.
    _pulls: WeakKeyDictionary[Optimizer, Gradients] = field(default_factory=WeakKeyDictionary)
    # Of such another one: did it pull them the other way?
    _against: WeakKeyDictionary[Optimizer, list[bool]] = field(default_factory=WeakKeyDictionary)

    def look(self, optimizer: Optimizer, all_of_them: Sequence[Optimizer], alive: Alive) -> None:
        """An optimizer steps: has another one its parameters, and who has a gradient since the last look?"""
        own = ids_held_by(optimizer)
        others = {o: ids_held_by(o) for o in all_of_them if o is not optimizer}
        if own and any(own < more for more in others.values()):
            self._pulls[optimizer] = _gradients(optimizer)
        for other in (o for o, less in others.items() if less < own and o in self._pulls):
            now, theirs = _gradients(optimizer), self._pulls[other]
            along = sum(float((g * now[key]).sum()) for key, g in theirs.items() if key in now)
            self._against.setdefault(optimizer, []).append(along < 0)
        if not own or own not in others.values():
            return
        self._later.add(optimizer)
        held = ids_held_by(*all_of_them)
        before, self._grads = self._grads, {}
        for module in alive():
            for p in module._parameters.values():  # noqa: SLF001 - direct ones only
                if p is None or p.grad is None or not p.requires_grad or id(p) in held:
                    continue
                mark = id(p.grad), p.grad._version  # noqa: SLF001 - no public twin
                self._grads[id(p)] = mark
                if before.get(id(p), mark) != mark:
                    self._left[id(module)] = type(module).__name__

    def habits(self, made: Mapping[Optimizer, SourceSite | None]) -> Iterator[Habit]:
        """Say so of these optimizers, and where they were made."""
        twins = [o for o in made if o in self._later]
        if len(twins) > 1 and self._left:
            names, at = tuple(self._left.values()), next(iter(made.values()))
            yield Habit(kind=Kind.HELD_TWICE, times=len(twins), of=len(made), at=at, names=names)
        for optimizer in made:
            if looks := self._against.get(optimizer):
                at = made[optimizer]
                yield Habit(kind=Kind.OPPOSED, times=sum(looks), of=len(looks), at=at)


def _gradients(optimizer: Optimizer) -> Gradients:
    """Return copies of those that can be read, by the identities of their parameters."""
    found = ((id(p), p.grad) for p in held_by(optimizer) if p.grad is not None)
    readable = ((k, g) for k, g in found if unreadable(g) is None and g.layout is torch.strided)
    return {key: plain(grad).detach().clone() for key, grad in readable}


def _was(there: There, parameter: torch.Tensor) -> bool | None:
    """Was it trainable; None where it did not exist."""
    known = there.get(id(parameter))
    return known[1] if known is not None and known[0]() is parameter else None


def _named(models: Mapping[str, nn.Module]) -> Iterator[tuple[str, nn.Parameter]]:
    for prefix, model in models.items():
        for name, parameter in model.named_parameters(prefix=prefix):
            yield clean(name), parameter


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
