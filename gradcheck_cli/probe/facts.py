"""What the batches and the loss looked like, added up over the inspected steps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite, prod
from typing import Any

import torch

from gradcheck_cli.probe.calls import LossCall, tensors_in
from gradcheck_cli.records.trace import OVER_THE_BATCH, DataFacts, LossFacts

_LARGE = 1_000_000  # outputs of this size are compared with a constant in the first looks only
_ENOUGH = 3
_READ = 65_536  # elements of which the size of scores is taken
_FEATURES = 65_536  # at most so many input features are followed


@dataclass(slots=True)
class DataWatch:
    """Follows the model's inputs."""

    batch_size: int | None = None
    shapes: tuple[tuple[int, ...], ...] = ()
    count: int = 0
    total: float = 0.0
    square: float = 0.0
    peak: float = 0.0
    bad: int = 0
    duplicates: float | None = None
    low: torch.Tensor | None = None
    high: torch.Tensor | None = None

    def saw(self, inputs: Any) -> None:
        """A batch enters the model."""
        given = list(tensors_in(inputs))
        if not given or given[0].dim() == 0:
            return
        self.shapes = tuple(tuple(t.shape) for t in given)
        self.batch_size = given[0].shape[0]
        first = next((t.detach() for t in given if t.is_floating_point()), None)
        if (
            first is None
            or first.dim() < 2
            or first.numel() == 0
            or (first.requires_grad and not first.is_leaf)
        ):
            return
        flat = first.reshape(first.shape[0], -1)
        flat = flat[:, :: -(-flat.shape[1] // _FEATURES)].double().cpu()
        finite = flat.isfinite()
        self.bad += int((~finite).sum())
        flat = torch.where(finite, flat, 0.0)
        self.count += flat.numel()
        self.total += float(flat.sum())
        self.square += float((flat * flat).sum())
        self.peak = max(self.peak, float(flat.abs().max()) if flat.numel() else 0.0)
        self._features(flat)

    def _features(self, flat: torch.Tensor) -> None:
        low, high = flat.amin(0), flat.amax(0)
        if self.low is not None and self.high is not None and self.low.shape == low.shape:
            low, high = torch.minimum(low, self.low), torch.maximum(high, self.high)
        self.low, self.high = low, high
        if self.duplicates is None and flat.shape[0] > 1:
            self.duplicates = 1 - torch.unique(flat, dim=0).shape[0] / flat.shape[0]

    def facts(self, loss: "LossWatch") -> DataFacts:
        """Return what was seen so far."""
        mean = self.total / self.count if self.count else None
        constant = None
        if self.low is not None and self.high is not None and (self.batch_size or 0) > 1:
            constant = float((self.low == self.high).double().mean())
        return DataFacts(
            batch_size=self.batch_size,
            input_shapes=self.shapes,
            input_mean=mean,
            input_std=None if mean is None else max(self.square / self.count - mean**2, 0.0) ** 0.5,
            input_peak=self.peak if self.count else None,
            constant_features=constant,
            nonfinite_inputs=self.bad,
            target_shape=loss.target_shape,
            target_kind=loss.target_kind,
            classes_seen=len(loss.classes) if loss.classes else None,
            target_low=loss.low,
            target_high=loss.high,
            nonfinite_targets=loss.bad,
            duplicate_inputs=self.duplicates,
        )


@dataclass(slots=True)
class LossWatch:
    """Follows outputs, targets and what a constant prediction would lose."""

    kind: str | None = None
    output_shape: tuple[int, ...] | None = None
    target_shape: tuple[int, ...] | None = None
    target_kind: str | None = None
    activation_before: str | None = None
    width: int | None = None
    low: float | None = None
    high: float | None = None
    bad: int = 0
    classes: dict[int, int] = field(default_factory=dict)
    count: int = 0
    total: torch.Tensor | None = None  # per output column
    baselines: list[float] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)  # loss / value of the function it was seen in
    score_scale: float | None = None

    def saw(self, calls: list[LossCall], value: torch.Tensor | None) -> None:
        """The losses of one inspected step, and the tensor that backward began from."""
        usable = [c for c in calls if c.output is not None and c.target is not None]
        if not usable:
            return
        call = usable[-1]
        output, target = call.output, call.target
        assert output is not None
        assert target is not None
        self.kind, self.activation_before = call.kind, call.activation_before
        if call.activation_before == "log_softmax" and _over_the_batch(output):
            self.activation_before = OVER_THE_BATCH
        self.output_shape, self.target_shape = tuple(output.shape), tuple(target.shape)
        if self.score_scale is None:
            self.score_scale = score_scale(call.kind, output)
        self._range(target)
        if output.numel() > _LARGE and len(self.baselines) >= _ENOUGH:
            return
        predict = self._best_constant(call.kind, output, target)
        if predict is None or value is None or call.value.numel() != 1 or len(usable) != 1:
            return
        own = float(call.value)
        if own and isfinite(own):
            self.scales.append(float(value) / own)
            self.baselines.append(self.scales[-1] * float(call.again(predict)))

    def _range(self, target: torch.Tensor) -> None:
        if target.numel() == 0:
            return
        self.target_kind = "values" if target.is_floating_point() else "classes"
        wide = target.double()
        good = wide[wide.isfinite()]
        self.bad += wide.numel() - good.numel()
        if good.numel():
            self.low = min(float(good.min()), self.low if self.low is not None else float("inf"))
            self.high = max(
                float(good.max()), self.high if self.high is not None else -float("inf")
            )

    def _best_constant(
        self, kind: str, output: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor | None:
        """Return the constant prediction, shaped as `output`, that fits the targets seen so far."""
        if kind in {"cross_entropy", "nll_loss"} and not target.is_floating_point():
            return self._class_prior(output, target)
        if output.shape != target.shape or not target.is_floating_point():
            return None
        rows = (
            target.double().reshape(target.shape[0], -1)
            if target.dim()
            else target.double().reshape(1, 1)
        )
        if self.total is None or self.total.shape[0] != rows.shape[1]:
            self.total, self.count = torch.zeros_like(rows[0]), 0
        self.total = self.total + rows.sum(0)
        self.count += rows.shape[0]
        mean = (self.total / self.count).reshape(output.shape[1:] if output.dim() else ())
        transform = _TRANSFORMS.get(kind)
        return transform(mean).to(output.dtype).expand_as(output) if transform else None

    def _class_prior(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
        axis = 1 if output.dim() > 1 else 0
        self.width = width = output.shape[axis]
        valid = target[(target >= 0) & (target < width)]
        for label, times in zip(*torch.unique(valid, return_counts=True), strict=True):
            self.classes[int(label)] = self.classes.get(int(label), 0) + int(times)
        counts = torch.ones(
            width, dtype=torch.float64
        )  # Laplace: few targets must not look certain
        for label, times in self.classes.items():
            counts[label] += times
        prior = (counts / counts.sum()).log().to(output)
        shape = [1] * output.dim()
        shape[axis] = width
        return prior.reshape(shape).expand_as(output)

    def facts(self) -> LossFacts:
        """Return what was seen so far."""
        shapes = (self.output_shape, self.target_shape)
        kind = self.kind
        if kind == "difference":
            kind = "mse_loss" if self._is_multiple() else "of a difference"
        same_kind = self.target_kind == "values" and None not in shapes
        return LossFacts(
            kind=kind,
            output_shape=self.output_shape,
            target_shape=self.target_shape,
            activation_before=self.activation_before,
            classes=self.width,
            baseline=self._baseline(),
            broadcast=same_kind and self.kind in _ELEMENTWISE and _is_stretched(*shapes),
            score_scale=self.score_scale,
        )

    def _is_multiple(self) -> bool:
        """Is the loss a constant multiple of the function it was seen in, without other terms?"""
        low, high = min(self.scales, default=0.0), max(self.scales, default=0.0)
        return bool(self.scales) and abs(high - low) <= 0.02 * max(abs(low), abs(high))

    def _baseline(self) -> float | None:
        if not self.baselines or not self._is_multiple():
            return None
        if self.low == self.high and self.target_kind == "values":
            return None  # to predict the one target there is says nothing
        return sum(self.baselines) / len(self.baselines)


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


def _is_stretched(output: tuple[int, ...] | None, target: tuple[int, ...] | None) -> bool:
    """As many numbers on both sides, in shapes that make a square of them: [N, 1] against [N]."""
    if output is None or target is None or output == target:
        return False
    wide = max(len(output), len(target))
    pairs = zip(
        (1,) * (wide - len(output)) + output, (1,) * (wide - len(target)) + target, strict=True
    )
    return prod(output) == prod(target) < prod(max(a, b) for a, b in pairs)


def _logit(mean: torch.Tensor) -> torch.Tensor:
    return torch.logit(mean.clamp(1e-6, 1 - 1e-6))


_TRANSFORMS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mse_loss": lambda mean: mean,
    "difference": lambda mean: mean,
    "l1_loss": lambda mean: mean,
    "smooth_l1_loss": lambda mean: mean,
    "huber_loss": lambda mean: mean,
    "binary_cross_entropy": lambda mean: mean.clamp(1e-6, 1 - 1e-6),
    "binary_cross_entropy_with_logits": _logit,
}
_ELEMENTWISE = frozenset(_TRANSFORMS)
