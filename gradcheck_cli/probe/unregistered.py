"""Modules and weights that a model keeps where `parameters()` does not see them, and no optimizer holds."""

import inspect
import re
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.probe.picking import plain, unreadable
from gradcheck_cli.probe.sites import is_installed, site_of_code
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.records.trace import Stray
from gradcheck_cli.targets.graph import is_leaf, node_of
from gradcheck_cli.targets.optimizers import ids_held_by

_OF_TORCH = frozenset(vars(nn.Module()))  # attributes in which a module registers what it holds
_MOST = 1_000  # nodes between an attribute and what it was computed from


@dataclass(slots=True)
class Unregistered:
    """What models hold beside their parameters; made before they run, so that no result of theirs is meant."""

    models: Sequence[nn.Module]
    derived: set[int] = field(default_factory=set)  # tensors that a derivative was taken by
    _begun: dict[int, tuple["weakref.ref[torch.Tensor]", list[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        registered = self._registered()
        for _, _, values in self._kept():
            for tensor in values:
                if isinstance(tensor, torch.Tensor) and (found := _leaves(tensor, registered)):
                    self._begun[id(tensor)] = weakref.ref(tensor), _sums(found)

    def modules(self, optimizers: Iterable[Optimizer]) -> Iterator[str]:
        """Yield attributes that hold modules in plain containers, whose weights no optimizer holds."""
        known = self._registered() | ids_held_by(*optimizers)
        for path, _, values in self._kept():
            hidden = (p for x in values if isinstance(x, nn.Module) for p in x.parameters())
            if any(p.requires_grad and id(p) not in known for p in hidden):
                yield path

    def weights(self, optimizers: Iterable[Optimizer]) -> Iterator[Stray]:
        """Yield attributes with tensors that received a gradient and that nobody changed."""
        known = self._registered() | ids_held_by(*optimizers)
        for path, module, values in self._kept():
            for tensor in values:
                if isinstance(tensor, torch.Tensor) and (found := self._strays(tensor, known)):
                    name = path.rpartition(".")[2]
                    yield Stray(
                        path=path,
                        computed=not is_leaf(tensor),
                        contained=vars(module)[name] is not tensor,
                        parameter=any(isinstance(x, nn.Parameter) for x in found),
                        at=_written(module, name),
                    )
                    break

    def _strays(self, tensor: torch.Tensor, known: set[int]) -> list[torch.Tensor]:
        """Return what a tensor is computed from, where nobody holds or changed it and a gradient arrived."""
        then, sums = self._begun.get(id(tensor), (None, []))
        if then is None or then() is not tensor or id(tensor) in self.derived:
            return []
        found = _leaves(tensor, known)
        arrived = all(x.grad is not None and id(x) not in self.derived for x in found)
        return found if arrived and _sums(found) == sums else []

    def _registered(self) -> set[int]:
        return {id(p) for model in self.models for p in model.parameters()}

    def _kept(self) -> Iterator[tuple[str, nn.Module, list[Any]]]:
        """Yield plain attributes of modules: their path, whose they are, and what is in them."""
        for path, module in (x for model in self.models for x in model.named_modules()):
            for name, value in list(vars(module).items()):
                if name in _OF_TORCH:
                    continue
                values = value.values() if isinstance(value, dict) else value
                one = isinstance(value, torch.Tensor)
                if one or isinstance(values, (list, tuple, type({}.values()))):
                    yield f"{path}.{name}".lstrip("."), module, [value] if one else [*values]


def _leaves(tensor: torch.Tensor, known: set[int]) -> list[torch.Tensor]:
    """Return what a tensor with a gradient is computed from, itself if it is a leaf; none where one is known."""
    if not tensor.requires_grad:
        return []
    if is_leaf(tensor):
        found = [tensor]
    else:
        todo, seen = [node_of(tensor)], set[Any]()
        while todo and len(seen) <= _MOST:
            if (node := todo.pop()) is not None and node not in seen:
                seen.add(node)
                todo += [n for n, _ in node.next_functions]
        found = [n.variable for n in seen if hasattr(n, "variable")] if not todo else []
    loose = all(id(x) not in known and unreadable(x) is None for x in found)
    return sorted(found, key=id) if loose else []


@torch.no_grad()
def _sums(tensors: Iterable[torch.Tensor]) -> list[float]:
    return [float(plain(x).cpu().sum(dtype=torch.float64)) for x in tensors]


def _written(module: nn.Module, name: str) -> SourceSite | None:
    """Return the line of a class of the user's that sets an attribute when a module is built."""
    for kind in type(module).__mro__:
        code = getattr(vars(kind).get("__init__"), "__code__", None)
        if code is None or is_installed(code.co_filename):
            continue
        try:
            lines, first = inspect.getsourcelines(code)
        except OSError:
            continue
        for number, line in enumerate(lines, first):
            if re.match(rf"\s*self\.{re.escape(name)}\b[^=]*=[^=]", line):
                return SourceSite(site_of_code(code).file, number)
    return None
