"""Finds the comparisons of outputs with targets among the calls of one step."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_cli import ops
from gradcheck_cli.probe import losses, losses_by_hand
from gradcheck_cli.probe.blind_terms import BlindTerms
from gradcheck_cli.probe.calls import Origin
from gradcheck_cli.probe.hooking import transformed
from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.probe.policies import Weights
from gradcheck_cli.probe.sites import calling_place, calling_places, user_site
from gradcheck_cli.probe.weighed import Weighings
from gradcheck_cli.records.site import SourceSite

_PICKS = frozenset({"gather", "__getitem__", "take_along_dim"})
_SUMS = frozenset({"add", "__add__", "__radd__"})
_PRODUCTS = frozenset({"mul", "__mul__", "__rmul__", "multiply"})
_QUOTIENTS = frozenset({"div", "__truediv__", "divide"})
_MASKS = _PRODUCTS | {"where", "masked_fill", "masked_fill_", "masked_select", "__getitem__"}


@dataclass(slots=True)
class Comparisons:
    """The comparisons of one step, in the order in which they were made."""

    origin: Callable[[torch.Tensor], Origin]
    makers: Callable[[torch.Tensor], frozenset[int | str]]  # of a tensor without a graph
    cleared: Callable[[], bool] = lambda: False  # are there no gradients?
    found: list[LossCall] = field(default_factory=list)
    passes: list[Hashable] = field(default_factory=list)  # backward passes, by where they began
    _picked: list[list[torch.Tensor]] = field(default_factory=list)  # scores, and whose of them
    blanked: bool = False  # something with a gradient was masked out whole
    backward_at: SourceSite | None = None
    blind: BlindTerms = field(init=False)
    weights: Weights = field(default_factory=Weights)  # of what a policy chose
    weighings: Weighings = field(default_factory=Weighings)

    def __post_init__(self) -> None:
        self.blind = BlindTerms(self.origin)

    def close(self) -> None:
        """No tensor is kept."""
        self.found.clear()
        self._picked.clear()
        self.weights = Weights()
        self.weighings = Weighings()

    def saw(
        self,
        function: Any,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        given: list[torch.Tensor],
        result: Any,
        *,
        outside: bool,
    ) -> None:
        """A call returned; `outside` of all modules it may be a part of a loss written by hand."""
        call = None
        if transformed():
            return  # values cannot be read there
        if name in _MASKS and isinstance(result, torch.Tensor) and result.requires_grad:
            self.blanked = self.blanked or _is_blank(given, result)
        self.blind.saw(name, given, result)
        self.weights.saw(name, args, result)
        self.weights.draws.saw(name, given, result)
        if name in ops.LOSSES:
            call = losses.loss_call(function, args, kwargs, result, self._last)
        elif not outside or not isinstance(result, torch.Tensor) or not result.requires_grad:
            return
        elif name in ops.DIFFERENCES or name in _SUMS:
            call = self._difference(given, result) if name in ops.DIFFERENCES else None
            if call is None and self._picked:
                call, given = self._beside_all(given, result)
        elif name in _PICKS:
            call = self._pick(name, args, given, result)
        elif name in _PRODUCTS | _QUOTIENTS and len(given) == 2:
            call = self._against_chances(given, result) if name in _PRODUCTS else None
            if any(t.requires_grad and self.origin(t).calls for t in given):
                self.weighings.saw(given, result)
        if call is not None:
            call.place, call.at = calling_place(), calling_places()[:1]
            call.of = frozenset().union(*(self.makers(t) for t in given if t.requires_grad))
            target = call.target_itself
            if target is not None and not target.requires_grad:
                call.made_by = self.makers(target)
            call.target_itself = None
            self.found.append(call)
            if call.choice:
                call.draw = self.weights.draws.of(given[-1])
                self.weights.picked(result)

    def backward_begins(self) -> None:
        """Another backward pass begins; after gradients were cleared it is the first."""
        self.backward_ended()
        if self.passes and self.cleared():
            self.passes.clear()
            for call in self.found:
                call.in_pass = -1 if call.reached else None
        self.passes.append(calling_places())
        self.backward_at = self.backward_at or user_site()

    def backward_ended(self) -> None:
        """Note which comparisons the last backward pass came by."""
        for call in self.found:
            if call.reached and call.in_pass is None:
                call.in_pass = len(self.passes) - 1

    def _last(self, tensor: torch.Tensor) -> str | None:
        return self.origin(tensor).last

    def _difference(self, given: list[torch.Tensor], result: torch.Tensor) -> LossCall | None:
        """Return `output - target`, the beginning of a loss written by hand."""
        outputs = [t for t in given if t.requires_grad and self.origin(t).calls]
        targets = [t for t in given if not t.requires_grad]
        if len(given) != 2 or len(outputs) != 1 or len(targets) != 1 or targets[0].numel() < 2:
            return None
        if len({t.is_complex() for t in given}) > 1:
            return None  # which parts are compared with what is not told by shapes
        return losses_by_hand.difference(outputs[0], targets[0], result, self._last(outputs[0]))

    def _pick(
        self, name: str, args: tuple[Any, ...], given: list[torch.Tensor], result: torch.Tensor
    ) -> LossCall | None:
        """Return `log_p.gather(1, labels)`, `log_p[rows, labels]`, or `log_p[label]` of one sample."""
        scores, labels = given[0], given[-1]
        if len(given) < 2 or labels.dtype != torch.long or not self.origin(scores).calls:
            return None
        if name == "__getitem__":
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            if index[-1] is not labels or scores.dim() != len(index) or scores.dim() > 2:
                return None
        call = losses_by_hand.chosen(scores, labels, result)
        width = scores.shape[-1] if scores.dim() else 0
        if call is None and width > 1 and scores.numel() == width * labels.numel():
            self._picked.append([scores, labels])
        return call

    def _beside_all(
        self, given: list[torch.Tensor], result: torch.Tensor
    ) -> tuple[LossCall | None, list[torch.Tensor]]:
        """Return scores that were picked, beside what all of them add up to, and what it was made of."""
        for scores, labels in self._picked:
            if result.numel() == labels.numel() and unreadable(result) is None:
                call = losses_by_hand.beside_all(scores, labels, result)
                if call is not None:
                    return call, [scores, labels]
        return None, given

    def _against_chances(self, given: list[torch.Tensor], result: torch.Tensor) -> LossCall | None:
        """Return `targets * log_p`."""
        logs = [t for t in given if t.requires_grad and self.origin(t).calls]
        chances = [t for t in given if not t.requires_grad and not self.origin(t).calls]
        if len(logs) != 1 or len(chances) != 1:
            return None
        return losses_by_hand.against_chances(chances[0], logs[0], result)


def _is_blank(given: list[torch.Tensor], result: torch.Tensor) -> bool:
    """Is nothing left of what carries a gradient, and was there something?"""
    source = next((t.detach() for t in given if t.requires_grad), None)
    if source is None or source.numel() < 2 or unreadable(result) is not None:
        return False
    if not bool(source.isfinite().all()):  # as after an update by no number: 0 times it is none
        return any(t.numel() > 1 and not t.requires_grad and not t.any() for t in given)
    return not result.any() and bool(source.any())
