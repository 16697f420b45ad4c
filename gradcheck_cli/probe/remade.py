"""Models and optimizers that a loop makes anew, again and again, at one line."""

import ast
import linecache
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median
from types import FrameType

import torch
from torch.optim import Optimizer

from gradcheck_cli.probe.clearing import Account
from gradcheck_cli.probe.picking import is_lazy, plain, unreadable
from gradcheck_cli.probe.sites import is_installed
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.optimizers import held_by

_READ = 256  # numbers of a matrix that tell whether it was drawn anew
_ALIKE = 0.5  # cosine: weights that were copied are closer, those drawn anew are not
_PASSES = re.compile(r"epoch|step|iter|batch", re.IGNORECASE)  # what loops of one training count


@dataclass(slots=True)
class Made:
    """What was made at a line, last and so far."""

    optimizer: Optimizer
    account: Account
    parameters: list[torch.Tensor]
    drawn: torch.Tensor | None  # what a matrix began as
    kinds: list[str] = field(default_factory=list)  # model, optimizer: what was made anew each time
    updates: list[int] = field(default_factory=list)  # that those before had made


@dataclass(slots=True)
class Remade:
    """Compares each optimizer with the one that was made at the same line before."""

    _made: dict[SourceSite, Made] = field(default_factory=dict)
    _loops: dict[SourceSite, str] = field(default_factory=dict)  # what the loop around counts

    def built(self, optimizer: Optimizer, account: Account) -> None:
        """An optimizer was made."""
        at, parameters = account.built_at, held_by(optimizer)
        if at is None or not parameters:
            return
        new = Made(optimizer, account, parameters, _values(parameters))
        before = self._made.get(at)
        if before is not None and before.account.updates and (kind := _kind(before, new)):
            new.kinds = [*before.kinds, kind]
            new.updates = [*before.updates, before.account.updates]
            if at not in self._loops:
                self._loops[at] = _counter()
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
                    at=at,
                    names=(made.kinds[0], self._loops.get(at, ""), type(made.optimizer).__name__),
                    numbers={"updates": median(made.updates)},
                )


def _kind(before: Made, new: Made) -> str:
    """Return what is new: the optimizer, the model with it; nothing where it is another one, or a copy."""
    if type(before.optimizer) is not type(new.optimizer):
        return ""
    if {id(p) for p in before.parameters} == {id(p) for p in new.parameters}:
        return "optimizer"
    if _shapes(before.parameters) != _shapes(new.parameters):
        return ""
    known = (before.drawn, _values(before.parameters))
    if new.drawn is None or any(k is None or _cosine(k, new.drawn) > _ALIKE for k in known):
        return ""
    shared = {id(p) for p in before.parameters} & {id(p) for p in new.parameters}
    return "" if shared else "model"


def _shapes(parameters: Sequence[torch.Tensor]) -> list[torch.Size]:
    return [torch.Size() if is_lazy(p) else p.shape for p in parameters]


def _values(parameters: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """Return a copy of numbers of the first matrix; None where there is none to read."""
    for p in parameters:
        if unreadable(p) is None and p.dim() > 1 and p.layout is torch.strided:
            numbers = plain(p).detach().flatten()[:_READ]
            return (numbers.abs() if numbers.is_complex() else numbers).double().clone()
    return None


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
    found = ((x.body[0].lineno, x.end_lineno or 0, ast.unparse(x.target)) for x in loops)
    return tuple(sorted(found))
