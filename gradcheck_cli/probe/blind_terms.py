"""Terms of the loss that were computed without a graph: they count in its value and train nothing.

One kind is made of `torch.autograd.grad(...)` without `create_graph`: how it depends on the weights is
not kept, though it may have a graph by way of the inputs.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gradcheck_cli import ops
from gradcheck_cli.probe.calls import Origin
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.site import SourceSite

_REDUCTIONS = frozenset({"mean", "sum"})
_JOINS = frozenset({"add", "__add__", "__radd__", "__iadd__", "add_", "sub", "__sub__", "rsub"})


@dataclass(frozen=True, slots=True)
class Blind:
    """A number of the model's outputs that carries no gradient."""

    at: SourceSite | None
    sources: frozenset[int]  # tensors it was made from
    derivative: bool = False  # it is made of gradients, and of nothing that a model computed


@dataclass(slots=True)
class BlindTerms:
    """Finds them in one step: a loss or a mean without a graph, added to a number that has one."""

    origin: Callable[[torch.Tensor], Origin]
    found: dict[SourceSite | None, bool] = field(default_factory=dict)  # where; of a derivative?
    _terms: dict[int, weakref.ref[torch.Tensor]] = field(default_factory=dict)  # with a gradient
    _known: dict[int, tuple[weakref.ref[torch.Tensor], Blind]] = field(default_factory=dict)

    def saw(self, name: str, given: list[torch.Tensor], result: Any) -> None:
        """A call returned."""
        if name == "grad" and isinstance(result, tuple):  # of `torch.autograd`
            taken = Blind(user_site(), frozenset(), derivative=True)
            self._note(taken, *(g for g in result if g is not None and not g.requires_grad))
        if not isinstance(result, torch.Tensor):
            return
        before = next((b for t in given if (b := self._of(t)) is not None), None)
        sources = frozenset(map(id, given))
        if before is not None and before.derivative and not any(map(self._is_trained, given)):
            self._note(Blind(before.at, before.sources | sources, derivative=True), result)
        elif result.dim():
            return
        elif result.requires_grad:
            if self._is_reduced(name, given):
                self._terms[id(result)] = weakref.ref(result)
            if name in _JOINS and len(given) == 2:
                self._joins(*given)
        elif before is not None:
            self._note(Blind(before.at, before.sources | sources), result)
        elif self._is_term(name, given):
            self._note(Blind(user_site(), sources), result)

    def _note(self, blind: Blind, *tensors: torch.Tensor) -> None:
        self._known.update({id(t): (weakref.ref(t), blind) for t in tensors})

    def _is_trained(self, tensor: torch.Tensor) -> bool:
        """Is it a weight, or made of what a model computed otherwise than by a derivative?"""
        blind = self._of(tensor)
        if blind is not None and blind.derivative:
            return False
        return isinstance(tensor, nn.Parameter) or bool(self.origin(tensor).calls)

    def _is_term(self, name: str, given: list[torch.Tensor]) -> bool:
        """Is it a loss or a mean of what the model computed, or such a number that is cut off?"""
        if name in {"detach", "data"}:
            term = self._terms.get(id(given[0]))
            return term is not None and term() is given[0]
        return self._is_reduced(name, given)

    def _is_reduced(self, name: str, given: list[torch.Tensor]) -> bool:
        reduced = name in ops.LOSSES or (name in _REDUCTIONS and given[0].numel() > 1)
        return reduced and any(self.origin(t).calls for t in given)

    def _of(self, tensor: torch.Tensor) -> Blind | None:
        known = self._known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _joins(self, one: torch.Tensor, other: torch.Tensor) -> None:
        """A sum of two numbers carries a gradient; `x - x.detach()` is meant so."""
        for term, rest in ((one, other), (other, one)):
            blind = self._of(term)
            if blind is None or term.dim() or rest.dim() or id(rest) in blind.sources:
                continue
            if not blind.derivative or self._is_trained(rest):
                self.found[blind.at] = blind.derivative
