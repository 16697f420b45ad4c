"""The learning rate beside what was configured, and the schedulers that change it."""

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

_SMALL = 1.001e-3  # share of the configured rate, three drops by ten, at which nothing is learned
_LOOKS = 64  # updates from one look at schedulers to the next
_WARM = 0.1  # share of it that a warm-up reaches soon
SCHEDULERS = (LRScheduler, ReduceLROnPlateau)  # which does not call the other's __init__


@dataclass(slots=True)
class Rates:
    """The rate of an optimizer's first group over its updates."""

    configured: float = 0.0
    peak: float = 0.0
    last: float = 0.0
    updates: int = 0
    useful_at: int = 0  # the last update at a rate that is not small
    steps: int = 0  # of a scheduler
    early: bool = False  # a scheduler had stepped before the first update
    schedulers: list[weakref.ref[LRScheduler]] = field(default_factory=list)
    kind: str = ""  # class of the scheduler made last
    at: SourceSite | None = None
    _next_look: int = 0  # the update at which schedulers are looked at
    _rate: Any = None  # as the optimizer holds it: the same object unless it was set again

    def scheduled(self, scheduler: LRScheduler) -> None:
        """A scheduler was made for the optimizer."""
        self.schedulers.append(weakref.ref(scheduler))
        self.kind, self.at, self._next_look = type(scheduler).__name__, user_site(), 0

    def updated(self, optimizer: Optimizer, *, asked: bool) -> None:
        """The optimizer has stepped; `asked` when a scaler may have skipped steps before."""
        group = optimizer.param_groups[0] if optimizer.param_groups else {}
        rate = group.get("lr")
        if rate is None or (isinstance(rate, torch.Tensor) and rate.device.type != "cpu"):
            return  # to fetch it would cost more than it is worth
        self.updates += 1
        if rate is not self._rate or isinstance(rate, torch.Tensor):
            self._rate, self.last = rate, float(rate)
            self.peak = max(self.peak, self.last)
        if self.updates >= self._next_look:
            self._look(group)
            self._next_look = self.updates + _LOOKS
        self.configured = max(self.configured, self.last)
        if self.last > _SMALL * self.configured:
            self.useful_at = self.updates
        if self.updates == 1 and not asked:
            self.early = self.steps == 1

    def _look(self, group: Mapping[str, Any]) -> None:
        """Read what was configured, and how often schedulers stepped, which may be gone at the end."""
        for name in ("initial_lr", "max_lr"):
            if group.get(name) is not None:
                self.configured = max(self.configured, float(group[name]))
        for reference in self.schedulers:
            scheduler = reference()
            if scheduler is not None and scheduler.last_epoch > self.steps:
                self.steps = scheduler.last_epoch

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        self._look({})
        numbers = {
            "rate": self.last,
            "configured": self.configured,
            "peak": self.peak,
            "scheduler steps": float(self.steps),
        }
        told: dict[str, Any] = {"of": self.updates, "at": self.at, "names": (self.kind,)}
        if self.useful_at < self.updates:
            yield Habit(
                kind=Kind.FADED, times=self.updates - self.useful_at, numbers=numbers, **told
            )
        if self.kind and self.peak < _WARM * self.configured:
            yield Habit(kind=Kind.WARMING, times=self.updates, numbers=numbers, **told)
        if self.early:
            yield Habit(kind=Kind.SCHEDULED_FIRST, times=1, **told)
        if self.last < 0:
            yield Habit(kind=Kind.ASCENDS, times=1, numbers=numbers, **told)
