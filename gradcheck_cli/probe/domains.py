"""What losses are given, of what they are documented for: targets of other values, scores for logarithms."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli import ops
from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.sources import resolved

_ROUNDED = 1e-3  # by which numbers may be off the end of a range


@dataclass(slots=True)
class Given:
    """What one loss was given for one of its arguments, in inspected steps."""

    at: SourceSite | None
    seen: int = 0
    outside: int = 0
    low: float = float("inf")
    high: float = -float("inf")

    def add(self, values: Tensor, outside: Tensor) -> None:
        """It was given these values, of which these (or these rows) are none of its own."""
        self.seen += outside.numel()
        self.outside += int(outside.sum())
        self.low, self.high = (
            min(self.low, float(values.min())),
            max(self.high, float(values.max())),
        )


@dataclass(slots=True)
class Domains:
    """Follows the arguments of losses whose documentation says what they take."""

    _given: dict[tuple[str, str], Given] = field(default_factory=dict)

    def saw(self, calls: Iterable[LossCall]) -> None:
        """An inspected step has ended, with these comparisons."""
        for call in calls:
            if call.reached and not call.choice:  # a choice is not a call of the loss
                for what, values, outside in (*_of_targets(call), *_of_input(call)):
                    at = resolved(*call.at[0]) if call.at else None
                    self._given.setdefault((call.kind, what), Given(at)).add(values, outside)

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        for names, given in self._given.items():
            if given.outside:
                ends = {"low": given.low, "high": given.high}
                yield Habit(
                    kind=Kind.OUTSIDE,
                    times=given.outside,
                    of=given.seen,
                    at=given.at,
                    names=names,
                    numbers=ends,
                )


Found = tuple[str, Tensor, Tensor]  # the kind of argument, its values, and which of them do not fit


def _of_targets(call: LossCall) -> Iterator[Found]:
    target = _readable(call.options.get("target"))
    if target is None:
        return
    given, soft = call.options.get("input"), call.options["target"].is_floating_point()
    if call.kind == "cross_entropy" and soft and isinstance(given, Tensor):
        turned = given.shape == target.shape and not _is_whole(target, 1)
        turned = turned and any(_is_whole(target, d) for d in range(2, target.dim()))
        yield "chances", target, torch.full_like(target, turned, dtype=torch.bool)
    low, high = ops.TARGETS.get(call.kind, (None, None))
    if call.kind == "kl_div" and call.options.get("log_target"):
        low, high = None, 0.0
    if call.kind in ops.SIGNED_LOSSES:
        yield "signs", target, target.abs() != 1
    elif call.kind == "multilabel_margin_loss":
        yield "numbers", target, _repeated(target)
    elif low is not None or high is not None:
        below = target < (low if low is not None else -float("inf")) - _ROUNDED
        yield (
            "targets",
            target,
            below | (target > (high if high is not None else float("inf")) + _ROUNDED),
        )


def _of_input(call: LossCall) -> Iterator[Found]:
    """Yield what a loss of log-probabilities was given for them: those are never above 0."""
    values = _readable(call.options.get("input", call.options.get("log_probs")))
    if values is None or call.kind not in ops.LOGARITHM_LOSSES:
        return
    classes = values.dim() - 1 if call.kind == "ctc_loss" or values.dim() < 2 else 1
    below = not bool((values > _ROUNDED).any())
    if below and call.kind != "kl_div":  # whose classes may be anywhere
        others = {*range(1, values.dim())} - {classes} if call.kind == "nll_loss" else {0, 1}
        turned = not _is_whole(values.exp(), classes) and any(
            _is_whole(values.exp(), d) for d in others
        )
        yield "turned", values, torch.full_like(values, turned, dtype=torch.bool)
    elif not bool((values < 0).any()) and any(_is_whole(values, d) for d in {classes, -1}):
        yield "probabilities", values, values >= 0
    else:
        yield "scores", values, values > _ROUNDED


def _is_whole(chances: Tensor, dim: int) -> bool:
    """Do they add up to 1 along this dimension, of which there are several?"""
    return chances.shape[dim] > 1 and bool(((chances.sum(dim) - 1).abs() < 10 * _ROUNDED).all())


def _repeated(numbers: Tensor) -> Tensor:
    """Return which rows of class numbers, that end at the first -1, hold one twice: they say yes or no of each class."""
    rows = numbers.reshape(-1, numbers.shape[-1]) if numbers.dim() else numbers.reshape(1, 1)
    behind = (rows < 0).cumsum(1) > 0
    row = torch.where(behind, -1.0 - torch.arange(rows.shape[1]).to(rows), rows).sort(1).values
    return (row.diff(dim=1) == 0).any(1)


def _readable(value: Any) -> Tensor | None:
    """Return the values of a tensor that has some."""
    if not isinstance(value, Tensor) or unreadable(value) is not None or not value.numel():
        return None
    if value.is_complex():
        return None
    return value.detach() if value.is_floating_point() else value.detach().to(torch.float64)
