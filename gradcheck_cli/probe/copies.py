"""Copies of a trained model that run without a graph: averages, targets, best states. Do they follow it?

What runs is compared with the weights at the start and with those that are trained: how far along the
way from the one to the other it stands, 0 to 1. A model into which other weights are put for an
evaluation is compared with what it is at the next update, when its own are back.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim import Optimizer

from gradcheck_cli.probe.hooking import in_backward, unheard
from gradcheck_cli.probe.picking import flat, plain, unreadable
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.probe.subjects import names_of
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.optimizers import held_by, ids_held_by

_NUMBERS, _PARAMETERS = 64, 32  # that are read: of a parameter, of an optimizer
_CALLS = 64  # of modules that are looked at between two updates
_ALL = 64  # looks; then only what runs at most at each fourth update is looked at each time
_BEGINS = 0.1  # of the way: below, it stands where the training began
_WRITTEN = 8  # in-place changes of a weight: more than making and loading it takes
_SPELLS = (torch.no_grad, torch.inference_mode, torch.set_grad_enabled)


@dataclass(slots=True)
class Start:
    """What an optimizer trains, some numbers of it, as it was when the optimizer was made."""

    parameters: list[torch.Tensor]
    values: torch.Tensor


@dataclass(slots=True)
class Runs:
    """How a model ran without a graph: one that is trained, or a copy of it."""

    optimizer: "ref[Optimizer]"  # that trains it, or what it is a copy of
    trained: "ref[nn.Module]"
    name: str
    at: SourceSite | None
    is_copy: bool
    is_part: bool  # of what is trained
    first: torch.Tensor | None = None
    written: bool = False  # it was changed since it was made
    times: int = 0  # spells between two updates in which it ran
    updates: int = -1  # that were made before the last of them
    looks: int = 0
    looked: int = 0  # updates before the last of the looks
    behind: int = 0  # looks in a row, up to the last, at which it stood at the start
    share: float = 1.0  # of the way, at the last look
    longest: float = 0.0  # way so far, squared

    def again(self, updates: int) -> bool:
        """Note that it runs after so many updates; return whether it is to be looked at."""
        if updates == self.updates:
            return False
        self.times, self.updates = self.times + 1, updates
        often = self.looks >= _ALL and 4 * self.times > updates
        due = not often or updates >= 1.1 * self.looked
        if due:
            self.looks, self.looked = self.looks + 1, updates
        return due


@dataclass(slots=True)
class Copies:
    """Looks at the first calls without a graph between two updates."""

    updates_of: Callable[[Optimizer], int] = lambda _: 0
    alive: Callable[[], Sequence[nn.Module]] = tuple
    elsewhere: Callable[[], bool] = lambda: False  # does another thread run than the watched one?
    blind: Callable[[], bool] = lambda: False  # hooks would make torch.compile begin anew
    _starts: WeakKeyDictionary[Optimizer, Start] = field(default_factory=WeakKeyDictionary)
    _runs: WeakKeyDictionary[nn.Module, Runs | None] = field(default_factory=WeakKeyDictionary)
    _met: list[Runs] = field(default_factory=list)
    _waiting: list[tuple[Runs, torch.Tensor]] = field(default_factory=list)  # for the next update
    _left: int = 0  # calls to look at
    _hook: Any = None

    def watch(self, stack: ExitStack) -> None:
        """Watch spells without a graph until the stack closes."""
        stack.callback(self._rest)
        for spell in _SPELLS:
            stack.enter_context(replaced(spell, "__enter__", self._watch))

    @unheard
    def built(self, optimizer: Optimizer) -> None:
        """An optimizer was made, or is met when it steps."""
        held = held_by(optimizer)
        chosen = held[:: max(1, -(-len(held) // _PARAMETERS))]
        if (values := _values(chosen)) is not None:
            self._starts[optimizer] = Start(chosen, values)
            self._runs.clear()

    def updated(self, optimizer: Optimizer) -> None:
        """It has stepped: what is trained has its own weights, if others were put into it before."""
        if optimizer not in self._starts:
            self.built(optimizer)
        self._rest()
        self._left = _CALLS
        if self._waiting:
            for runs, values in self._waiting:
                self._compare(runs, values)
            self._waiting.clear()

    def _rest(self) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def _watch(self, original: Any, spell: Any) -> Any:
        result = original(spell)
        begins = self._left and self._hook is None and not torch.is_grad_enabled()
        if begins and not in_backward() and not self.blind() and not self.elsewhere():
            self._hook = register_module_forward_pre_hook(self._called)
        return result

    @unheard
    def _called(self, module: nn.Module, *_: Any) -> None:
        if self.elsewhere():
            return
        self._left -= 1
        if self._left <= 0:
            self._rest()
        if torch.is_grad_enabled() or in_backward():
            return
        if module not in self._runs:
            self._runs[module] = self._meet(module)
        if (runs := self._runs[module]) is not None:
            self._look(runs, module)

    def _meet(self, module: nn.Module) -> Runs | None:
        """Return what is to be noted of it, if it is trained or a copy of what is."""
        own = list(module.parameters())
        shapes, ids = [p.shape for p in own], {id(p) for p in own}
        trained: nn.Module | None = None
        for optimizer in sorted(self._starts, key=lambda o: not ids_held_by(o) & ids):
            held = ids_held_by(optimizer)
            if held & ids:
                trained = module
            elif not Counter(p.shape for p in held_by(optimizer)) - Counter(shapes):
                alike = (m for m in self.alive() if [p.shape for p in m.parameters()] == shapes)
                trained = next((m for m in alike if held <= {id(p) for p in m.parameters()}), None)
            if trained is not None:
                known = ref(optimizer), ref(trained), names_of([module])[0], user_site()
                copied = trained is not module
                part = not copied and not held <= ids
                self._met.append(Runs(*known, is_copy=copied, is_part=part))
                return self._met[-1]
        return None

    def _look(self, runs: Runs, module: nn.Module) -> None:
        optimizer, trained = runs.optimizer(), runs.trained()
        if optimizer is None or trained is None or not runs.again(self.updates_of(optimizer)):
            return
        given = dict(zip(map(id, trained.parameters()), module.parameters(), strict=False))
        mine = [given[id(p)] for p in self._starts[optimizer].parameters if id(p) in given]
        values = None if runs.is_part else _values(mine)
        if values is None:
            return
        if not runs.is_copy:
            self._waiting.append((runs, values))
            return
        runs.written |= any(_changes(p) > _WRITTEN for p in mine)
        runs.written |= runs.first is not None and not torch.equal(runs.first, values)
        runs.first = values if runs.first is None else runs.first
        self._compare(runs, values)

    @unheard
    def _compare(self, runs: Runs, values: torch.Tensor) -> None:
        """See how far these numbers are on the way that the training has gone."""
        optimizer = runs.optimizer()
        start = self._starts.get(optimizer) if optimizer is not None else None
        now = _values(start.parameters) if start is not None else None
        if start is None or now is None or not now.shape == values.shape == start.values.shape:
            return
        way = now - start.values
        square = float(way @ way)
        runs.longest = max(runs.longest, square)
        if 2 * square > runs.longest > 0:  # else what is trained was put back itself
            runs.share = float((values - start.values) @ way) / square
            runs.behind = runs.behind + 1 if runs.share < _BEGINS else 0

    def habits(self, optimizers: Iterable[Optimizer]) -> Iterator[Habit]:
        """Say which models that ran still stand at the start of what these optimizers train."""
        for optimizer in optimizers:
            of = [r for r in self._met if r.optimizer() is optimizer and r.times]
            mine = [r for r in of if not r.is_copy]
            others = sum(not r.behind for r in [r for r in mine if not r.is_part] or mine)
            for runs in of:
                if runs.behind >= (1 if runs.is_copy else 2):
                    numbers = {
                        "share": runs.share,
                        "updates": runs.updates,
                        "written": runs.written or not runs.is_copy,
                        "others": others,
                    }
                    yield Habit(
                        kind=Kind.LEFT_BEHIND,
                        times=runs.times,
                        of=self.updates_of(optimizer),
                        at=runs.at,
                        names=(runs.name, "copy" if runs.is_copy else ""),
                        numbers={name: float(value) for name, value in numbers.items()},
                    )


def _changes(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version  # noqa: SLF001 - no public way to ask


def _values(tensors: Iterable[torch.Tensor]) -> torch.Tensor | None:
    """Return a copy of some numbers of each; None where one cannot be read."""
    held = list(tensors)
    if not held or any(unreadable(t) is not None for t in held):
        return None
    return torch.cat([flat(plain(t), _NUMBERS).to("cpu", torch.float32, copy=True) for t in held])
