"""What an optimizer trains when no call of a module told: found when it has stepped for the second time."""

import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.probe.alive import Alive
from gradcheck_cli.probe.clearing import Account
from gradcheck_cli.probe.sites import is_installed
from gradcheck_cli.probe.subjects import Group, tops
from gradcheck_cli.targets.optimizers import held_by

_KEPT = 8  # modules that were called last
_FRAMES = 30  # that are looked through for names
_ITEMS = 4_096  # of a list that is looked through
_AFTER = 2  # updates: a model may be called for the first time after the first


@dataclass(slots=True)
class Called:
    """The modules called last that no optimizer was known to train."""

    _modules: list[weakref.ref[nn.Module]] = field(default_factory=list)

    def add(self, module: nn.Module) -> None:
        """A module was called on its own."""
        others = [r for r in self._modules if r() not in {None, module}]
        self._modules = [*others[-_KEPT + 1 :], weakref.ref(module)]

    @property
    def alive(self) -> list[nn.Module]:
        """Those that still exist."""
        return [m for r in self._modules if (m := r()) is not None]


@dataclass(slots=True)
class Seen:
    """What happened at all, to give advice from when nothing could be measured."""

    backwards: int = 0
    updates: int = 0
    called: Called = field(default_factory=Called)  # in no training so far


def home_of(optimizer: Optimizer, account: Account, called: Called) -> Group | None:
    """Return the training of an optimizer that stepped; None while it is not clear.

    An optimizer all of whose parameters are idle is put beside the modules that were called instead
    of its own, and whose gradients it does not use. Else its parameters are looked for in modules
    that nobody calls; what is in no module is named after the variables that hold it.
    """
    if account.updates < _AFTER:
        return None
    if account.is_idle:
        others = [m for m in called.alive if any(p.grad is not None for p in m.parameters())]
        return Group(tuple(others), (optimizer,)) if others else None
    return Group(homes_of(held_by(optimizer)), (optimizer,), called=False)


def homes_of(parameters: Sequence[torch.Tensor]) -> tuple[nn.Module, ...]:
    """Return modules that hold these, and one more for those that are in none."""
    found = tops({id(p) for p in parameters}, None, Alive())
    inside = {id(p) for m in found for p in m.parameters()}
    bare = [p for p in parameters if id(p) not in inside]
    return (*found, *([Tensors(bare)] if bare else ()))


class Tensors(nn.ModuleList):
    """Tensors that are in no module, under the names of the variables that hold them."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        super().__init__()
        known = _variables({id(t) for t in tensors})
        for number, tensor in enumerate(tensors):
            name = known.get(id(tensor), f"tensor{number}")
            self._parameters[name] = tensor  # type: ignore[assignment] # it need not be an nn.Parameter


def _variables(wanted: set[int]) -> dict[int, str]:
    """Return the names of tensors in the frames that run, the innermost name first."""
    names: dict[int, str] = {}
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to look up the stack
    scopes: list[Mapping[str, Any]] = []
    while frame is not None and len(scopes) < _FRAMES:
        if not is_installed(frame.f_code.co_filename):
            scopes += [frame.f_locals, frame.f_globals]
        frame = frame.f_back
    for scope in scopes:
        for name, value in list(scope.items()):
            for found, tensor in _tensors_in(name, value):
                if id(tensor) in wanted and not name.startswith("_"):
                    names.setdefault(id(tensor), found)
        if len(names) == len(wanted):
            break
    return names


def _tensors_in(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors in a variable: itself, the items of a container, an object's attributes."""
    kind = type(value)
    if issubclass(kind, torch.Tensor):
        yield name, value
    elif kind is dict:
        yield from ((str(k), v) for k, v in list(value.items()) if isinstance(v, torch.Tensor))
    elif kind in {list, tuple} and len(value) <= _ITEMS:
        found = ((f"{name}{i}", v) for i, v in enumerate(value))
        yield from ((n, v) for n, v in found if isinstance(v, torch.Tensor))
    elif name == "self" and hasattr(value, "__dict__"):
        yield from ((k, v) for k, v in list(vars(value).items()) if isinstance(v, torch.Tensor))
