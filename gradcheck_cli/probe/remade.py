"""Models and optimizers that a loop makes anew; weights that it, or a forward pass, draws again or puts back."""

import ast
import linecache
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.ops import PRODUCTS
from gradcheck_cli.probe.clearing import Account
from gradcheck_cli.probe.picking import is_lazy, plain, unreadable
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import is_installed, user_site
from gradcheck_cli.probe.teachers import sources
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.graph import is_leaf
from gradcheck_cli.targets.optimizers import held_by, ids_held_by

_READ = 256  # numbers of a matrix that tell whether it was drawn anew
_ALIKE = 0.5  # cosine: weights that were copied are closer, those drawn anew are not
# What draws or puts back weights in the place; what `reset_parameters` draws, `nn.init` does.
_DRAWS = (
    *(
        (nn.init, name)
        for name in dir(nn.init)
        if re.fullmatch(r"[a-z]\w*(form|ormal|gonal)_", name)
    ),
    *((nn.Module, name) for name in ("apply", "load_state_dict")),
)
_PARTS = re.compile(r"(modules|children|parameters)\(")  # a loop over them is none of the training
_PASSES = re.compile(r"epoch|step|iter|batch", re.IGNORECASE)  # what loops of one training count

Ends = tuple[torch.Tensor, torch.Tensor]  # numbers of the first and of the last matrix


@dataclass(slots=True)
class Made:
    """What was made at a line, last and so far."""

    optimizer: Optimizer
    account: Account
    parameters: list[torch.Tensor]
    drawn: Ends | None  # what the weights began as
    kinds: list[str] = field(default_factory=list)  # what was made anew each time
    updates: list[int] = field(default_factory=list)  # that those before had made
    at: SourceSite | None = None  # where it is made anew
    counts: str = ""  # by the loop around
    before: Ends | None = None  # the weights, as something began that may draw them again

    def notes(self, kind: str, updates: int, at: SourceSite | None, counts: str) -> None:
        """Something was made anew once more."""
        self.kinds.append(kind)
        self.updates.append(updates)
        self.at, self.counts = self.at or at, self.counts or counts

    @property
    def is_gone(self) -> bool:
        """Were the weights since then drawn again, or put back to what they began as?"""
        now = _values(self.parameters) if self.before else None
        if now is None or self.before is None or self.drawn is None:
            return False
        back = _equal(now, self.drawn) and not _equal(self.before, self.drawn)
        return back or all(_cosine(*both) <= _ALIKE for both in zip(now, self.before, strict=True))


@dataclass(slots=True)
class Remade:
    """Compares each optimizer with the one that was made at the same line before, and weights with what they were."""

    elsewhere: Callable[[], bool]  # does another thread run than the one that is watched?
    _made: dict[SourceSite, Made] = field(default_factory=dict)
    _drawing: tuple[SourceSite | None, str] | None = (
        None  # where, in which loop, since the last backward pass
    )

    def watch(self, stack: ExitStack) -> None:
        """Watch what draws weights or loads them until the stack closes."""
        for owner, name in _DRAWS:
            stack.enter_context(replaced(owner, name, self._draws))

    def _draws(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        trained = [m for m in self._made.values() if m.account.updates]
        if trained and self._drawing is None and not self.elsewhere():
            self._drawing = user_site(), _counter()
            for made in trained:
                made.before = _values(made.parameters)
        return original(*args, **kwargs)

    def passes(self) -> None:
        """A backward pass begins: what was drawn again by now is trained."""
        if self._drawing is None:
            return
        for made in self._made.values():
            if made.is_gone:
                made.notes("weights", made.account.updates - sum(made.updates), *self._drawing)
            made.before = None
        self._drawing = None

    def built(self, optimizer: Optimizer, account: Account) -> None:
        """An optimizer was made."""
        at, parameters = account.built_at, held_by(optimizer)
        if at is None or not parameters:
            return
        new = Made(optimizer, account, parameters, _values(parameters))
        before = self._made.get(at)
        if before is not None and before.account.updates and (kind := _kind(before, new)):
            new.kinds, new.updates = [*before.kinds], [*before.updates]
            new.at, new.counts = before.at, before.counts
            drawn = self._drawing if kind == "weights" else None
            new.notes(kind, before.account.updates, *(drawn or (at, _counter())))
        self._made[at] = new

    def habits(
        self, optimizers: Sequence[Optimizer], accounts: Mapping[Optimizer, Account]
    ) -> Iterator[Habit]:
        """Say what was made anew of what these optimizers train, and how many updates each had."""
        lines = dict.fromkeys(a.built_at for o in optimizers if (a := accounts.get(o)))
        for at, made in ((at, self._made[at]) for at in lines if at in self._made):
            others = any(a.updates and a.built_at != at for a in accounts.values())
            if made.kinds and len(set(made.kinds)) == 1 and not (others and "model" in made.kinds):
                yield Habit(
                    kind=Kind.REMADE,
                    times=len(made.kinds),
                    of=len(made.kinds) + 1,
                    at=made.at,
                    names=(made.kinds[0], made.counts, type(made.optimizer).__name__),
                    numbers={"updates": median(made.updates)},
                )


def _kind(before: Made, new: Made) -> str:
    """Return what is new: the optimizer, the model with it; nothing where it is another one, or a copy."""
    if type(before.optimizer) is not type(new.optimizer):
        return ""
    if {id(p) for p in before.parameters} == {id(p) for p in new.parameters}:
        return "weights" if before.is_gone else "optimizer"
    if _shapes(before.parameters) != _shapes(new.parameters):
        return ""
    known = (before.drawn, _values(before.parameters))
    if new.drawn is None or any(k is None or _cosine(k[0], new.drawn[0]) > _ALIKE for k in known):
        return ""
    shared = {id(p) for p in before.parameters} & {id(p) for p in new.parameters}
    return "" if shared else "model"


def _shapes(parameters: Sequence[torch.Tensor]) -> list[torch.Size]:
    return [torch.Size() if is_lazy(p) else p.shape for p in parameters]


def _values(parameters: Sequence[torch.Tensor]) -> Ends | None:
    """Return copies of numbers of the first and the last matrix; None where there is none to read."""
    matrices = [
        p for p in parameters if unreadable(p) is None and p.dim() > 1 and p.layout is torch.strided
    ]
    return (_few(matrices[0]), _few(matrices[-1])) if matrices else None


def _few(matrix: torch.Tensor) -> torch.Tensor:
    numbers = plain(matrix).detach().flatten()[:_READ]
    return (numbers.abs() if numbers.is_complex() else numbers).double().clone()


def _equal(one: Ends, other: Ends) -> bool:
    return all(torch.equal(*both) for both in zip(one, other, strict=True))


def _cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one * other).sum() / (one.norm() * other.norm()).clamp(min=1e-300))


def _counter() -> str:
    """Return what the innermost `for` around the running lines of the user counts, if it counts passes or steps."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to look up the stack
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_installed(file):
            around = [t for first, last, t in _loops_in(file) if first <= frame.f_lineno <= last]
            if around:
                return around[-1] if _PASSES.search(around[-1]) else ""
        frame = frame.f_back
    return ""


@lru_cache(maxsize=64)
def _loops_in(file: str) -> tuple[tuple[int, int, str], ...]:
    """Return the `for` loops of a file, outer ones first: their lines, and what they count."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return ()
    loops = (x for x in ast.walk(tree) if isinstance(x, ast.For))
    loops = (x for x in loops if not _PARTS.search(ast.unparse(x.iter)))
    found = ((x.body[0].lineno, x.end_lineno or 0, ast.unparse(x.target)) for x in loops)
    return tuple(sorted(found))


_DRAW = ("rand", "normal", "uniform", "xavier", "kaiming", "orthogonal")  # parts of names of calls

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
            drawn = any(b[1] for b in known) or any(part in name for part in _DRAW)
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
