"""The steps of a run, however long it is, in a bounded amount of memory."""

from dataclasses import replace
from math import isfinite

import torch

from gradcheck_cli.records.trace import Step

STEPS = 8192  # kept at most
OBSERVED = 512  # of them with readings, unless said otherwise
BEGINNING = 128  # steps that are always kept as they are


class History(list[Step]):
    """A list of steps that thins itself: every second step goes when it is full, evenly over the run.

    What stays is spaced evenly, so the shape of the loss is kept. The beginning stays whole, as do
    the last step and the first whose loss was no number.
    """

    def __init__(self, most_observed: int = OBSERVED) -> None:
        super().__init__()
        self.most_observed = most_observed
        self.taken = 0  # steps so far, with those that are no longer kept
        self.looks = 0  # of them with readings, kept or not
        self._stride = 1  # between kept steps
        self._observed: list[int] = []  # indices of steps with readings
        self._apart = 0.0  # steps between kept readings
        self._broken: int | None = None  # the first step whose loss was no number

    def append(self, step: Step) -> None:
        """Take in the step that ended."""
        if self and not self._stays(self[-1]):
            self.pop()
        super().append(step)
        self.taken = step.index + 1
        if self._broken is None and not isfinite(step.loss):
            self._broken = step.index
        if step.readings:
            self._observe(step.index)
        while len(self) > STEPS and self._stride < self.taken:
            self._stride *= 2
            self[:] = [s for s in self[:-1] if self._stays(s)] + self[-1:]

    def _stays(self, step: Step) -> bool:
        return (
            step.index < BEGINNING
            or step.index % self._stride == 0
            or step.index == self._broken
            or bool(step.readings)
        )

    def _observe(self, index: int) -> None:
        """Keep the newest readings, and of the others as many as are allowed, evenly over the run."""
        self.looks += 1
        before, self._observed = self._observed, [*self._observed, index]
        if len(self._observed) > self.most_observed:
            self._apart = 2 * self.taken / self.most_observed
        elif len(before) < 2 or before[-1] - before[-2] >= self._apart:
            return
        kept: list[int] = []
        for observed in before:
            if observed < BEGINNING // 2 or not kept or observed - kept[-1] >= self._apart:
                kept.append(observed)
        if kept != before:
            gone = set(before).difference(kept)
            self._observed = [*kept, index]
            self[:] = [replace(s, readings={}) if s.index in gone else s for s in self]


def whole_loss(losses: list[torch.Tensor]) -> torch.Tensor | float | None:
    """Return the whole loss of a step: a number where it is at hand, a tensor while it is on a device."""
    if not losses:
        return None
    if len(losses) == 1 and losses[0].is_cpu and losses[0].dim() == 0:
        return float(losses[0])
    whole = torch.stack([x.float().mean() for x in losses]).sum()
    return float(whole) if whole.device.type == "cpu" else whole
