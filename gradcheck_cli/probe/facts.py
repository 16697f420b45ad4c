"""What the batches looked like, added up over the inspected steps."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch

from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.probe.hooking import transformed
from gradcheck_cli.probe.loss_facts import LossWatch
from gradcheck_cli.probe.one_batch import Mark, mark_of
from gradcheck_cli.probe.rescaled import Rescaled
from gradcheck_cli.records.trace import DataFacts

_FEATURES = 65_536  # at most so many input features are followed
_MARKS = 256  # of the first batches
_SIZES = 8  # batches, of which the first and the last are compared


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
    asked: bool = False
    marks: list[Mark] = field(default_factory=list)
    rescaled: Rescaled = field(default_factory=Rescaled)
    sizes: list[float] = field(default_factory=list)  # root mean squares, of each batch

    def saw(self, inputs: Any) -> None:
        """A batch enters the model."""
        given = list(tensors_in(inputs))
        if not given or given[0].dim() == 0 or transformed():
            return
        self.shapes = tuple(tuple(t.shape) for t in given)
        self.batch_size = given[0].shape[0]
        self.rescaled.enters(given[0])
        self.asked = self.asked or any(t.requires_grad for t in given)
        if (mark := mark_of(given[0])) is not None and len(self.marks) < _MARKS:
            self.marks.append(mark)
        source = next((t for t in given if t.is_floating_point()), None)
        made = source is not None and source.requires_grad and not source.is_leaf
        if source is None or made or source.dim() < 2 or not source.numel():
            return
        first = source.detach()
        flat = first.reshape(first.shape[0], -1)
        flat = flat[:, :: -(-flat.shape[1] // _FEATURES)].cpu()
        if flat.dtype not in {torch.float32, torch.float64}:
            flat = flat.float()
        norm = float(torch.linalg.vector_norm(flat, dtype=torch.float64))
        if isfinite(norm):  # so all of them are; to ask each and to pick some costs far more
            low, high = flat.amin(0), flat.amax(0)  # `aminmax` takes many times as long
            self._take(flat, norm, float(torch.maximum(high, -low).max()))
            if not source.requires_grad:  # an input that is optimized may grow
                self.sizes.append(norm / flat.numel() ** 0.5)
            self._features(low, high, flat)
            return
        finite = flat.isfinite()
        good = flat[finite]
        self.bad += flat.numel() - good.numel()
        peak = float(good.abs().max()) if good.numel() else 0.0
        self._take(good, float(torch.linalg.vector_norm(good, dtype=torch.float64)), peak)
        # Values that are not finite equal nothing, themselves included.
        low, high = (torch.where(finite, flat, x) for x in (torch.inf, -torch.inf))
        self._features(low.amin(0), high.amax(0), flat[finite.all(1)])

    def _take(self, good: torch.Tensor, norm: float, peak: float) -> None:
        self.count += good.numel()
        self.total += float(good.sum(dtype=torch.float64))
        self.square += norm**2
        self.peak = max(self.peak, peak)

    def _features(self, low: torch.Tensor, high: torch.Tensor, rows: torch.Tensor) -> None:
        """Read how far each feature varies, and how many of the finite rows are there twice."""
        if self.low is not None and self.high is not None and self.low.shape == low.shape:
            low, high = torch.minimum(low, self.low), torch.maximum(high, self.high)
        self.low, self.high = low, high
        # Of the batch with the fewest: the memory of an agent begins with a few samples.
        if rows.shape[0] > 1 and self.duplicates != 0.0:
            share = (rows.shape[0] - torch.unique(rows, dim=0).shape[0]) / rows.shape[0]
            self.duplicates = share if self.duplicates is None else min(share, self.duplicates)

    def _drift(self) -> float | None:
        """Return the size of late batches relative to the largest of the first three.

        Of late ones all count: the largest where they shrink, the smallest where they grow. What a critic is given
        is made by turns by a generator.
        """
        first = max(self.sizes[:3], default=0.0)
        if len(self.sizes) < _SIZES or not first:
            return None
        low, *_, high = sorted(self.sizes[-(len(self.sizes) // 4) :])
        return high / first if high < first else max(low / first, 1.0)

    def facts(self, loss: LossWatch) -> DataFacts:
        """Return what was seen so far."""
        mean = self.total / self.count if self.count else None
        constant = None
        if self.low is not None and self.high is not None and (self.batch_size or 0) > 1:
            read = self.low <= self.high  # features with a finite value
            constant = float((self.low == self.high)[read].double().mean()) if read.any() else None
        return DataFacts(
            batch_size=self.batch_size,
            input_shapes=self.shapes,
            input_mean=mean,
            input_std=None if mean is None else max(self.square / self.count - mean**2, 0.0) ** 0.5,
            input_peak=self.peak if self.count else None,
            input_drift=self._drift(),
            constant_features=constant,
            nonfinite_inputs=self.bad,
            inputs_asked=self.asked,
            target_shape=loss.target_shape,
            target_kind=loss.target_kind,
            classes_seen=len(loss.classes) if loss.classes else None,
            target_low=loss.low,
            target_high=loss.high,
            nonfinite_targets=loss.bad,
            duplicate_inputs=self.duplicates,
            sorted_by_class=loss.order.spread if loss.order.in_rows else None,
        )
