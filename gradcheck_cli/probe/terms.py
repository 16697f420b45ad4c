"""What the best constant prediction would lose, for each place in the source that compares with targets.

The loss may add such comparisons up, weigh, mask, scale or divide them. How much each counts is not
read from the source: it is the gradient that arrives at its value in the backward pass.
"""

from dataclasses import dataclass, field
from math import isfinite, log
from typing import Any

import torch

from gradcheck_cli.ops import CHANCE_LOSSES, CLASS_LOSSES, MEDIAN_LOSSES
from gradcheck_cli.probe import candidates
from gradcheck_cli.probe.loss_habits import Part, Place, Tasks
from gradcheck_cli.probe.losses import LossCall

_PLACES = 16  # in the source, whose targets are followed
_ROWS = 512  # targets kept for medians
_WIDE = 65_536  # numbers in a row, above which no rows are kept
_SQUARES = frozenset({"mse_loss", "difference"})
# Of losses over pairs and triples: what they are when all embeddings, or all scores, are the same.
_ALL_SAME = {
    "triplet_margin_loss": ("anchor", "positive", "negative"),
    "cosine_embedding_loss": ("input1", "input2"),
    "margin_ranking_loss": ("input1", "input2"),
}
# Losses that are never negative; of the others (log-likelihoods of densities) nothing is known.
NEVER_NEGATIVE = (
    CLASS_LOSSES | MEDIAN_LOSSES | _SQUARES | CHANCE_LOSSES | frozenset(_ALL_SAME)
    | {"kl_div", "ctc_loss", "hinge_embedding_loss", "multi_margin_loss", "soft_margin_loss",
       "multilabel_margin_loss", "multilabel_soft_margin_loss"}
)  # fmt: skip


@dataclass(slots=True)
class Term:
    """The targets that one place in the source has compared with, and their best constant."""

    counts: torch.Tensor | None = None  # of classes, weighted as the loss weighs them
    total: torch.Tensor | None = None  # of targets, per position
    rows: torch.Tensor | None = None  # the first targets, for medians
    count: int = 0
    first: torch.Tensor | None = None  # target that was seen
    varies: bool = False  # are there others?

    def constant_loss(self, call: LossCall) -> torch.Tensor | None:
        """Return the value of the call, had it been given the best constant for the targets so far.

        None where no constant is known for this loss, or where only one target was ever seen.
        """
        output, target = call.output, call.target
        if call.kind in _ALL_SAME:
            return call.same(_ALL_SAME[call.kind]) if call.same is not None else None
        if output is None or target is None or not target.numel():
            return None
        if call.kind in candidates.KINDS and not target.is_floating_point():
            return self._least(call, output)
        if call.kind in CLASS_LOSSES and not target.is_floating_point():
            return call.again(self._classes(call, output, target))
        if output.shape != target.shape or not target.is_floating_point():
            return None
        self._take(target)
        if call.kind == "gaussian_nll_loss":
            return self._density(call, target)
        predicted = self._prediction(call, output)
        if predicted is None or (not self.varies and call.kind != "cross_entropy"):
            return None
        value = call.again(predicted)
        if call.kind in _SQUARES:  # the mean was fitted to these targets
            value = value * (self.count / max(self.count - 1, 1))
        return value

    # ---- classes --------------------------------------------------------------------------

    def _classes(self, call: LossCall, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return scores or logarithms, shaped as `output`, of the best constant over classes."""
        axis = 1 if output.dim() > 1 else 0
        width = output.shape[axis]
        weighed = _counted(call, target)
        valid = (target >= 0) & (target < width) & (target != call.options.get("ignore_index"))
        labels, times = target[valid].reshape(-1), weighed[valid].reshape(-1)
        if self.counts is None or self.counts.shape[0] != width:
            self.counts = torch.zeros(width, dtype=torch.float64)
        self.counts += torch.bincount(labels.cpu(), times.double().cpu(), minlength=width)
        if int((self.counts > 0).sum()) < 2:  # the one class there is says nothing: all alike
            prior = torch.full((width,), 1 / width, dtype=torch.float64)
        else:
            counts = self.counts + 1  # Laplace: few targets must not look certain
            prior = _smoothed(_weighted(counts / counts.sum(), call), call)
        shape = [1] * output.dim()
        shape[axis] = width
        return prior.log().to(output).reshape(shape).expand_as(output)

    def _least(self, call: LossCall, output: torch.Tensor) -> torch.Tensor | None:
        """Count the labels, and return what the best of some constants loses."""
        width = output.shape[-1]
        found = candidates.labels(call)
        found = found[found < width].cpu()
        if self.counts is None or self.counts.shape[0] != width:
            self.counts = torch.zeros(width, dtype=torch.float64)
        self.counts += torch.bincount(found, minlength=width)
        return candidates.least(call, self.counts)

    # ---- values ---------------------------------------------------------------------------

    def _take(self, target: torch.Tensor) -> None:
        rows = target.double().reshape(target.shape[0] if target.dim() else 1, -1)
        if self.total is None or self.total.shape[0] != rows.shape[1]:
            self.total, self.rows, self.count = torch.zeros_like(rows[0]), None, 0
        self.total = self.total + rows.sum(0)
        self.count += rows.shape[0]
        if self.first is None or self.first.shape != rows[0].shape:
            self.first, self.varies = rows[0].clone(), False
        self.varies = self.varies or bool((rows != self.first).any())
        if rows.shape[1] <= _WIDE:
            kept = rows if self.rows is None else torch.cat([self.rows, rows])
            self.rows = kept[:: -(-kept.shape[0] // _ROWS)]

    def _density(self, call: LossCall, target: torch.Tensor) -> torch.Tensor | None:
        """Return what one mean and one variance per position lose; None where all targets are alike."""
        if self.rows is None or self.rows.shape[0] < 2 or not self.varies:
            return None
        shape = target.shape[1:]
        assert self.total is not None
        mean = (self.total / self.count).reshape(shape)
        return candidates.of_density(call, mean, self.rows.var(0).reshape(shape), target)

    def _prediction(self, call: LossCall, output: torch.Tensor) -> torch.Tensor | None:
        assert self.total is not None
        mean = self.total / self.count
        found = _of_values(call, mean, self.rows, self.count, 1 if output.dim() > 1 else 0, output)
        if found is None:
            return None
        return found.reshape(output.shape[1:] if output.dim() else ()).to(output).expand_as(output)


def _counted(call: LossCall, target: torch.Tensor) -> torch.Tensor:
    """Return how often each target counts: not at all where the loss was masked out by hand."""
    weight = call.coefficient
    if weight is None or weight.shape != target.shape:
        return torch.ones_like(target, dtype=torch.float64)
    return (weight != 0).double()


def _weighted(prior: torch.Tensor, call: LossCall) -> torch.Tensor:
    weight = call.options.get("weight")
    if not isinstance(weight, torch.Tensor) or weight.shape != prior.shape:
        return prior
    weighed = prior * weight.detach().double().cpu()
    total = float(weighed.sum())
    return (weighed / total).clamp_min(1e-12) if total > 0 else prior


def _smoothed(prior: torch.Tensor, call: LossCall) -> torch.Tensor:
    share = call.options.get("label_smoothing") or 0.0
    return (1 - share) * prior + share / prior.shape[0]


def _of_values(
    call: LossCall,
    mean: torch.Tensor,
    rows: torch.Tensor | None,
    count: int,
    axis: int,
    output: torch.Tensor,
) -> torch.Tensor | None:
    """Return the constant, one number per position, that loses least against targets of this mean."""
    kind, given = call.kind, call.options
    if kind in _SQUARES:
        return mean
    if kind in MEDIAN_LOSSES:
        return mean if rows is None else rows.median(0).values
    if kind in CHANCE_LOSSES:
        weight = given.get("pos_weight")
        shrunk = (mean * count + 0.5) / (count + 1)
        if isinstance(weight, torch.Tensor):
            up = weight.detach().double().to(mean).expand(output.shape[1:]).reshape(-1)
            shrunk = up * shrunk / (up * shrunk + 1 - shrunk)
        return torch.logit(shrunk) if kind.endswith("logits") else shrunk
    if kind == "multilabel_soft_margin_loss":
        return torch.logit((mean * count + 0.5) / (count + 1))
    if kind == "soft_margin_loss":  # targets of -1 and 1
        return torch.logit(((mean + 1) / 2 * count + 0.5) / (count + 1))
    if kind == "hinge_embedding_loss":
        return torch.where(mean > 0, 0.0, float(given["margin"]))
    if kind == "kl_div" and not given.get("log_target"):
        return mean.clamp_min(1e-12).log()
    if kind == "poisson_nll_loss":
        safe = mean.clamp_min(1e-6)
        return safe.log() if given.get("log_input", True) else safe
    if kind == "cross_entropy":  # soft targets; classes lie along `axis` of the output
        prior = mean.reshape(output.shape[1:] if output.dim() > 1 else output.shape)
        share = given.get("label_smoothing") or 0.0
        width = output.shape[axis]
        return ((1 - share) * prior + share / width).clamp_min(1e-12).log().reshape(-1)
    return None


@dataclass(slots=True)
class Measured:
    """The comparisons of one step: what they contribute to the loss, and what a constant would."""

    data: float  # in units of the loss as it was given to backward
    constant: float | None
    weight: float  # sum of the coefficients
    guess: float | None = None  # what equal chances of all classes would; None for other losses


@dataclass(slots=True)
class Terms:
    """Adds up the comparisons of each step."""

    by_place: dict[Any, Term] = field(default_factory=dict)
    tasks: Tasks = field(default_factory=Tasks)
    _begun: bool = False

    @torch.no_grad()
    def measure(self, calls: list[LossCall]) -> Measured | None:
        """Return what the comparisons that reached the loss lost, None when there were none."""
        data = constant = weight = guess = 0.0
        known, any_call, classes = True, False, not self._begun
        parts: dict[Place, Part] = {}
        for call in calls:
            if call.coefficient is None:
                continue
            any_call = True
            data += _dot(call.coefficient, call.value)
            weight += float(call.coefficient.double().sum())
            alike = _equal_chances(call) if classes else None
            classes = classes and alike is not None
            guess += 0.0 if alike is None else _dot(call.coefficient, alike)
            if known:
                lost = self._constant(call)
                known = lost is not None
                part = 0.0 if lost is None else _dot(call.coefficient, lost)
                constant += part
                number = sum(kind == call.kind for kind, _ in parts)
                parts[call.kind, number] = _dot(call.coefficient, call.value), part
                self.tasks.at.setdefault((call.kind, number), call.at)
        if not any_call or not isfinite(data) or not weight:
            return None
        self._begun = True
        if known:
            self.tasks.saw(parts)
        return Measured(
            data,
            constant if known and isfinite(constant) else None,
            weight,
            guess if classes and isfinite(guess) else None,
        )

    def _constant(self, call: LossCall) -> torch.Tensor | None:
        place = (call.place, call.kind)
        if place not in self.by_place and len(self.by_place) >= _PLACES:
            return None
        term = self.by_place.setdefault(place, Term())
        try:
            return term.constant_loss(call)
        except (RuntimeError, ValueError, TypeError, IndexError):
            return None  # a loss that can not be asked again about another output


def _equal_chances(call: LossCall) -> torch.Tensor | None:
    """Return what the call would be if all classes had the same chance."""
    if call.kind not in CLASS_LOSSES | CHANCE_LOSSES or call.output is None:
        return None
    axis = 1 if call.output.dim() > 1 else 0
    if call.kind == "cross_entropy" or call.kind.endswith("logits"):
        alike = torch.zeros_like(call.output)
    elif call.kind == "nll_loss":
        alike = torch.full_like(call.output, -log(call.output.shape[axis]))
    else:
        alike = torch.full_like(call.output, 0.5)
    return call.again(alike)


def _dot(weights: torch.Tensor, values: torch.Tensor) -> float:
    return float((weights.double() * values.double()).sum())
