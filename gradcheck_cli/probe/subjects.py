"""Which models an optimizer trains, found among all modules that are alive."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import nn

from gradcheck_cli.probe.alive import Alive
from gradcheck_cli.probe.picking import is_lazy
from gradcheck_cli.probe.sites import is_installed
from gradcheck_cli.records.trace import Gap
from gradcheck_cli.targets.optimizers import ids_held_by

Optimizers = Sequence[torch.optim.Optimizer]


@dataclass(frozen=True, slots=True)
class Group:
    """Models and optimizers that belong together: one training."""

    models: tuple[nn.Module, ...]
    optimizers: tuple[torch.optim.Optimizer, ...]
    called: bool = True  # by `module(...)`, so that hooks tell when a step begins
    by_hand: bool = False  # no optimizer makes its updates


def group_of(
    called: nn.Module, free: Optimizers, taken: Optimizers = (), alive: Alive | None = None
) -> Group | None:
    """Return the training that a call of `called` is part of; None when no free optimizer trains it.

    `taken` are optimizers of other trainings. The optimizers may train more than this model (an encoder and a head called one after the
    other); of a plain holder of several trainings (the two sides of a GAN) only the part they train.
    """
    inside = {id(p) for p in called.parameters()}
    training = [o for o in free if ids_held_by(o) & inside]
    if not training:
        return None
    wanted = ids_held_by(*training)
    models: list[nn.Module] = []
    for top in tops(wanted, called, alive or Alive()):
        holds = {id(p) for p in top.parameters()}
        others = [o for o in (*free, *taken) if o not in training and ids_held_by(o) & holds]
        part = (
            _smallest(top, wanted & holds, called) if others else _without_copy(top, wanted, called)
        )
        models.append(part)
    return Group(tuple(models), tuple(training))


def tops(wanted: set[int], called: nn.Module | None, alive: Alive) -> list[nn.Module]:
    """Return modules that are part of no other and hold wanted parameters, each parameter once."""
    holders = [m for m in alive(called) if any(id(p) in wanted for p in m.parameters())]
    parts = {id(part) for m in holders for part in m.modules() if part is not m}
    whole = [m for m in holders if id(m) not in parts]
    whole.sort(key=lambda m: (called is None or not _contains(m, called), -_size(m)))
    left, chosen = set(wanted), []
    for top in whole:
        held = {id(p) for p in top.parameters()} & left
        if held:
            chosen.append(top)
            left -= held
    return chosen


def _without_copy(top: nn.Module, wanted: set[int], called: nn.Module) -> nn.Module:
    """Return the child that is trained where the rest of `top` is a frozen copy of it: an average."""
    for child in top.children():
        held = {id(p) for p in child.parameters()}
        rest = [p for p in top.parameters() if id(p) not in held]
        alike = _shapes(rest) == _shapes(child.parameters())
        trained = not wanted.isdisjoint(held) and wanted.isdisjoint(map(id, rest))
        inside = child is called or _contains(child, called)
        if alike and trained and inside and not any(p.requires_grad for p in rest):
            return child
    return top


def _shapes(parameters: Iterable[nn.Parameter]) -> list[torch.Size]:
    return sorted(torch.Size() if is_lazy(p) else p.shape for p in parameters)


def _contains(module: nn.Module, part: nn.Module) -> bool:
    return any(m is part for m in module.modules())


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if not is_lazy(p))


def _smallest(module: nn.Module, wanted: set[int], called: nn.Module) -> nn.Module:
    """Return the smallest part of `module` that holds all wanted parameters and what was called."""
    for child in module.children():
        held = {id(p) for p in child.parameters()}
        if wanted <= held and (child is called or _contains(child, called)):
            return _smallest(child, wanted, called)
    return module


def scripted(models: Iterable[nn.Module]) -> tuple[Gap, ...]:
    """Return a gap for each class of TorchScript modules in these models."""
    found = (x for m in models for x in m.modules() if isinstance(x, torch.jit.ScriptModule))
    names = dict.fromkeys(type(x).__name__ for x in found)
    reason = "TorchScript runs without calling hooks"
    return tuple(Gap(what=f"inside {name}", reason=reason) for name in names)


def names_of(models: Sequence[nn.Module], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Return a name for each: the variable of the script that holds it, else its class.

    Names in `taken` belong to other models.
    """
    variables = list(_variables())
    names: list[str] = []
    used = set(taken)
    for model in models:
        known = (n for n, v in variables if v is model and not n.startswith("_"))
        stem = name = next(known, type(model).__name__)
        number = 2
        while name in used:
            name, number = f"{stem}{number}", number + 1
        used.add(name)
        names.append(name)
    return tuple(names)


def _variables() -> Iterator[tuple[str, Any]]:
    """Yield the script's variables, then those of its functions that run, the outermost first."""
    yield from list(vars(sys.modules["__main__"]).items())
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to look up the stack
    while frame is not None:
        if not is_installed(frame.f_code.co_filename):
            frames.append(frame)
        frame = frame.f_back
    for frame in reversed(frames):
        scope = frame.f_locals
        yield from list(scope.items())
        owner = scope.get("self")
        if isinstance(owner, nn.Module):
            yield from owner.named_children()
        elif hasattr(owner, "__dict__"):
            yield from list(vars(owner).items())
