"""What the loss was computed from, added up over the inspected steps, and what a constant would lose."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import isfinite, prod
from statistics import median
from typing import Any

import torch

from gradcheck_cli.features.mismatch import numbered
from gradcheck_cli.ops import LOGIT_LOSSES, NO_LOGITS
from gradcheck_cli.probe.label_order import LabelOrder
from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.probe.policies import Directions
from gradcheck_cli.probe.teachers import Teachers
from gradcheck_cli.probe.terms import NEVER_NEGATIVE, Measured, Terms
from gradcheck_cli.records.trace import (
    CHOICES,
    MOVING_TARGETS,
    OVER_THE_BATCH,
    OWN_CHOICES,
    LossFacts,
)
from gradcheck_cli.targets.sources import resolved

ParametersOf = Callable[[Iterable[int | str]], Iterable[torch.Tensor]]
_LARGE = 1_000_000  # outputs of this size are compared with a constant in the first looks only
_ENOUGH = 3
_READ = 65_536  # elements of which the size of scores is taken
_APART = 0.02  # share of the loss that is no comparison, above which it has other terms
_ELEMENTWISE = frozenset(
    "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy difference log-likelihood hinge_embedding_loss kl_div "
    "binary_cross_entropy_with_logits gaussian_nll_loss multilabel_soft_margin_loss poisson_nll_loss".split()
)


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparisons of a step lost, and the factor that makes it a part of the step's loss."""

    loss: float
    measured: Measured
    factor: float


@dataclass(slots=True)
class LossWatch:
    """Follows outputs, targets and what a constant prediction would lose."""

    kind: str | None = None
    at: tuple[Any, ...] = ()  # where in the user's code it compares
    output_shape: tuple[int, ...] | None = None
    target_shape: tuple[int, ...] | None = None
    target_kind: str | None = None
    activation_before: str | None = None
    low: float | None = None
    high: float | None = None
    whole: bool = True  # targets are whole numbers
    by_hand: bool = False  # the comparison is written with operators
    bad: int = 0
    width: int | None = None
    classes: set[int] = field(default_factory=set)
    score_scale: float | None = None
    directions: Directions = field(default_factory=Directions)
    order: LabelOrder = field(default_factory=LabelOrder)
    _teachers: Teachers = field(default_factory=Teachers)
    _looked: int = 0  # steps with comparisons; of them:
    _policy: int = 0  # with log-probabilities of choices
    _own: int = 0  # that the model itself was seen to make
    _repelling: int = 0  # in which the loss falls when outputs leave their targets
    _moving: int = 0  # with targets of changing networks alone
    terms: Terms = field(default_factory=Terms)
    _read: int = 0  # steps with large outputs
    _pending: tuple[Measured, float] | None = None  # of this step; where backward began
    _totals: list[Compared] = field(default_factory=list)

    def saw(
        self, calls: list[LossCall], value: torch.Tensor | None, parameters_of: ParametersOf
    ) -> None:
        """The comparisons of one inspected step, and the tensor that backward began from.

        `parameters_of` gives the parameters behind the identities and paths in `LossCall.made_by`.
        """
        for call in calls:
            if call.made_by and call.reached:
                self._teachers.look(parameters_of(call.made_by))
        usable = [c for c in calls if c.output is not None and c.target is not None]
        if not usable:
            return
        self._looked += 1
        usable = self._with_targets(usable)
        if not usable:
            return
        reached = [c for c in usable if c.coefficient is not None]
        misfits = (
            c for c in reached if c.kind in LOGIT_LOSSES and c.activation_before in NO_LOGITS
        )
        call = next(misfits, (reached or usable)[-1])  # of several losses the one that is wrong
        output, target = call.output, call.target
        assert output is not None
        assert target is not None
        self.kind, self.activation_before, self.at = call.kind, call.activation_before, call.at
        if call.activation_before == "log_softmax" and _over_the_batch(output):
            self.activation_before = OVER_THE_BATCH
        self.output_shape, self.target_shape = tuple(output.shape), tuple(target.shape)
        self.by_hand = not call.options
        if self.score_scale is None:
            self.score_scale = score_scale(call.kind, output)
        self._range(target)
        self._classes(call, output, target)
        if max(c.value.numel() + _size(c.output) for c in usable) > _LARGE:
            self._read += 1
            if self._read > _ENOUGH:
                return
        measured = self.terms.measure(reached)
        if measured is not None and value is not None and value.numel() == 1:
            self._pending = (measured, float(value))

    def _with_targets(self, calls: list[LossCall]) -> list[LossCall]:
        """Leave out what compares with no target that stands still; note where nothing else is left."""
        reached = [c for c in calls if c.reached]
        if any(c.chosen for c in reached):
            self._policy += 1
            self._own += any(c.chosen and c.made_by for c in reached)
            return []
        self._repelling += any(c.repels for c in reached)
        if not self._teachers.moving and not any(c.mutual for c in reached):
            return calls
        still = [c for c in calls if not c.mutual and not (c.made_by and self._teachers.moving)]
        self._moving += bool(reached) and not any(c.reached for c in still)
        return still

    def _surrogate(self) -> str:
        """Return why the size of the loss does not tell whether anything is learned."""
        half = self._looked / 2
        if self._policy > half:
            return OWN_CHOICES if self._own else CHOICES
        if self._repelling > self._looked / 5:
            return "it pushes outputs away from what they are compared with"
        if self._moving:
            return MOVING_TARGETS
        return ""

    def settle(self, loss: float, loss_scale: float) -> float | None:
        """The step ended with `loss`: return its part that compares outputs with targets.

        `loss_scale` is the factor of mixed precision, which is in all that backward saw. The part is in
        units of the comparison itself, however it is weighed in the loss.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return None
        measured, total = pending
        seen = total / loss_scale
        unit = loss / seen if seen and isfinite(loss / seen) else 1.0  # several backwards, one loss
        factor = unit / loss_scale
        self._totals.append(Compared(loss, measured, factor))
        return measured.data / measured.weight

    def _range(self, target: torch.Tensor) -> None:
        if target.numel() == 0:
            return
        self.target_kind = "values" if target.is_floating_point() else "classes"
        wide = good = target.double()
        if target.is_floating_point():
            good = wide[wide.isfinite()]
            self.whole = self.whole and bool((good == good.round()).all())
        self.bad += wide.numel() - good.numel()
        if good.numel():
            self.low = min(float(good.min()), self.low if self.low is not None else float("inf"))
            self.high = max(
                float(good.max()), self.high if self.high is not None else -float("inf")
            )

    def _classes(self, call: LossCall, output: torch.Tensor, target: torch.Tensor) -> None:
        if call.kind not in {"cross_entropy", "nll_loss"} or not output.dim():
            return
        self.width = output.shape[1 if output.dim() > 1 else 0]
        if not target.is_floating_point():
            counts = (target >= 0) & (target < self.width)
            valid = target[counts & (target != call.options.get("ignore_index", -1))]
            self.classes.update(self.order.saw(valid))

    def facts(self) -> LossFacts:
        """Return what was seen so far."""
        apart, surrogate = self._apart(), self._surrogate()
        return LossFacts(
            kind="of a difference" if self.kind == "difference" else self.kind,
            at=resolved(*self.at[0]) if self.at else None,
            output_shape=self.output_shape,
            target_shape=self.target_shape,
            activation_before=self.activation_before,
            classes=self.width,
            baseline=None if apart or surrogate else self._baseline(lambda c: c.factor),
            apart=apart,
            data_baseline=self._baseline(lambda c: 1 / c.measured.weight) if apart else None,
            bounded=self.kind in NEVER_NEGATIVE if self.kind else None,
            surrogate=surrogate,
            first_over_guess=self._first_over_guess(),
            broadcast=self._broadcast(),
            score_scale=self.score_scale,
            redrawn=self.directions.redrawn,
            pushed_by_weights=self.directions.weights,
            pushed_by_values=self.directions.values,
        )

    def _broadcast(self) -> bool:
        """Is a side stretched over the other one, and not on purpose? By hand several outputs may learn one target."""
        output, target = self.output_shape, self.target_shape
        if (
            self.kind not in _ELEMENTWISE
            or output is None
            or target is None
            or self.low == self.high
        ):
            return False
        numbers = self.whole and (self.low, self.high) == numbered(output, target)
        widened = _is_widened(output, target) and (numbers or not self.by_hand)
        return widened or _is_squared(output, target)

    def _first_over_guess(self) -> float | None:
        first = self._totals[0].measured if self._totals else None
        return first.data / first.guess if first is not None and first.guess else None

    def _apart(self) -> bool:
        """Are there other terms in the loss beside the comparisons, penalties for instance?"""
        rests = [
            abs(c.loss - c.factor * c.measured.data) / abs(c.loss)
            for c in self._totals
            if c.loss and isfinite(c.loss)
        ]
        return bool(rests) and median(rests) > _APART

    def _baseline(self, unit: Callable[[Compared], float]) -> float | None:
        """Return the mean over the steps; later ones count more, whose constant fits more targets."""
        known = [c for c in self._totals if c.measured.constant is not None]
        if not known or len(known) < len(self._totals):
            return None
        weighed = [(n, unit(c) * (c.measured.constant or 0.0)) for n, c in enumerate(known, 1)]
        return sum(n * lost for n, lost in weighed) / sum(n for n, _ in weighed)


def _size(tensor: torch.Tensor | None) -> int:
    return 0 if tensor is None else tensor.numel()


def score_scale(kind: str, output: torch.Tensor) -> float | None:
    """Return the rms of scores [N, classes, ...]: around the mean over classes, or around 0 for yes or no.

    A part of large outputs is read: as many samples and places as make up about `_READ` elements. None
    for other losses, and where the scores are not finite.
    """
    if kind not in {"cross_entropy", "binary_cross_entropy_with_logits"} or not output.numel():
        return None
    if output.dim() > 2:
        output = output.flatten(2)[..., :: -(-output[0].numel() // _READ)]
    if output.dim() > 1:
        output = output[:: -(-output.numel() // _READ)]
    if kind == "cross_entropy":
        output = output - output.mean(min(1, output.dim() - 1), keepdim=True)
    rms = float(output.float().square().mean().sqrt())
    return rms if isfinite(rms) else None


def _over_the_batch(output: torch.Tensor) -> bool:
    """Are these logarithms of chances that add up to 1 over the samples, and not over the classes?"""
    if output.dim() < 2 or min(output.shape[:2]) < 2:
        return False
    samples, classes = (output.double().logsumexp(axis).abs().max() for axis in (0, 1))
    return bool(samples < 1e-2 < classes)


def _is_squared(output: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """As many numbers on both sides, in shapes that make a square of them: [N, 1] against [N]."""
    wide = max(len(output), len(target))
    pairs = zip(
        (1,) * (wide - len(output)) + output, (1,) * (wide - len(target)) + target, strict=True
    )
    return prod(output) == prod(target) < prod(max(a, b) for a, b in pairs)


def _is_widened(output: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """One number of each sample against several: [N, 1] against [N, C]. A single sample may stand for all."""
    alike = len(output) == len(target) and output[:1] == target[:1]
    return alike and prod(output) != prod(target)
