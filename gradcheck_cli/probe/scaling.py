"""Is a gradient clipped, or a step taken, while a scaler's factor is still in it?"""

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad
from torch.optim import Optimizer

from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

_READ = 8  # clippings and updates whose numbers are fetched
_LEFT = 2.0  # times: what the loop makes smaller by more than that was unscaled or clipped


@dataclass(slots=True)
class Steps:
    """Counts updates by the gradients of a scaled loss that nothing had unscaled, neither a scaler nor the loop itself."""

    seen: int = 0
    times: int = 0
    at: SourceSite | None = None
    factor: float = 1.0
    _root: weakref.ref[torch.Tensor] | None = None
    passing: bool = False  # a backward pass from what a scaler gave
    _came: dict[int, float] = field(default_factory=dict)  # size of an optimizer's gradients

    def scaled(self, root: Any, factor: float) -> None:
        """A scaler gave this, with its factor."""
        if isinstance(root, torch.Tensor) and self.seen < _READ:
            self._root, self.factor = weakref.ref(root), factor

    def begins(self, roots: Sequence[torch.Tensor]) -> None:
        """A backward pass begins there."""
        self._came.clear()
        known = self._root() if self._root is not None else None
        self.passing = known is not None and any(r is known for r in roots)
        self._root = None

    def ended(self, optimizers: Iterable[Optimizer]) -> None:
        """It has ended."""
        if self.factor > 1:
            self._came = {id(o): size for o in optimizers if (size := _size(o))}
        self.passing = False

    def asked(self, optimizer: Any) -> None:
        """A scaler is asked to step this one, or unscales its gradients."""
        self.seen += self._came.pop(id(optimizer), None) is not None

    def updated(self, optimizer: Optimizer) -> None:
        """It has stepped."""
        came = self._came.pop(id(optimizer), None)
        if came is None or self.seen >= _READ:
            return
        self.seen += 1
        if _size(optimizer) > came / _LEFT:
            self.times += 1
            self.at = self.at or user_site()

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        if self.times:
            numbers = {"scale": self.factor}
            kind = Kind.STEPPED_SCALED
            yield Habit(kind=kind, times=self.times, of=self.seen, at=self.at, numbers=numbers)


@dataclass(slots=True)
class ScalingWatch:
    """Follows the factor from `scale` to `unscale_` or `step`."""

    scale: float = 1.0  # in the gradients now
    seen: int = 0
    times: int = 0
    at: SourceSite | None = None
    limit: float = 0.0
    factor: float = 1.0
    steps: Steps = field(default_factory=Steps)

    def watch(self, stack: ExitStack) -> None:
        """Watch scalers and clippings until the stack closes."""
        stack.enter_context(replaced(GradScaler, "scale", self._watch_scale))
        stack.enter_context(replaced(GradScaler, "_unscale_grads_", self._watch_unscale))
        # What `clip_grad_norm_` calls: scripts hold that function by a name of their own.
        stack.enter_context(replaced(clip_grad, "_clip_grads_with_norm_", self._watch_clip))

    def _watch_scale(self, original: Any, scaler: GradScaler, outputs: Any) -> Any:
        scaled = original(scaler, outputs)
        if scaled is not outputs and min(self.seen, self.steps.seen) < _READ:
            self.scale = scaler.get_scale()
            self.steps.scaled(scaled, self.scale)
        return scaled

    def _watch_unscale(self, original: Any, scaler: GradScaler, *args: Any, **kwargs: Any) -> Any:
        self.scale = 1.0
        if args:
            self.steps.asked(args[0])
        return original(scaler, *args, **kwargs)

    def _watch_clip(
        self,
        original: Any,
        parameters: Any,
        max_norm: float,
        total_norm: torch.Tensor,
        *more: Any,
        **named: Any,
    ) -> Any:
        if self.seen < _READ:
            self.clipped(float(max_norm), float(total_norm))
        return original(parameters, max_norm, total_norm, *more, **named)

    def clipped(self, limit: float, norm: float) -> None:
        """Gradients of this norm were clipped to the limit."""
        self.seen += 1
        if self.scale > 1 and isfinite(norm) and norm > limit:
            self.times += 1
            self.limit, self.factor = limit, self.scale
            self.at = self.at or user_site()

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        if self.times:
            numbers = {"limit": self.limit, "scale": self.factor}
            yield Habit(
                kind=Kind.CLIPPED_SCALED,
                times=self.times,
                of=self.seen,
                at=self.at,
                numbers=numbers,
            )
        yield from self.steps.habits()


def _size(optimizer: Optimizer) -> float:
    """Return the norm of the first gradient that it holds and that can be read; 0 where there is none."""
    for group in optimizer.param_groups:
        for held in group["params"]:
            if held.grad is not None and not held.grad.is_sparse and unreadable(held.grad) is None:
                size = float(held.grad.norm())
                return size if isfinite(size) else 0.0
    return 0.0
