"""Is a gradient clipped while a scaler's factor is still in it?"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad

from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

_READ = 8  # clippings whose numbers are fetched


@dataclass(slots=True)
class ScalingWatch:
    """Follows the factor from `scale` to `unscale_` or `step`."""

    scale: float = 1.0  # in the gradients now
    seen: int = 0
    times: int = 0
    at: SourceSite | None = None
    limit: float = 0.0
    factor: float = 1.0

    def watch(self, stack: ExitStack) -> None:
        """Watch scalers and clippings until the stack closes."""
        stack.enter_context(replaced(GradScaler, "scale", self._watch_scale))
        stack.enter_context(replaced(GradScaler, "_unscale_grads_", self._watch_unscale))
        # What `clip_grad_norm_` calls: scripts hold that function by a name of their own.
        stack.enter_context(replaced(clip_grad, "_clip_grads_with_norm_", self._watch_clip))

    def _watch_scale(self, original: Any, scaler: GradScaler, outputs: Any) -> Any:
        scaled = original(scaler, outputs)
        if scaled is not outputs and self.seen < _READ:
            self.scale = scaler.get_scale()
        return scaled

    def _watch_unscale(self, original: Any, scaler: GradScaler, *args: Any, **kwargs: Any) -> Any:
        self.scale = 1.0
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
