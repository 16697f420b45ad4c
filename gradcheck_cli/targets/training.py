"""A training that can be watched: the one shape in which every other floor sees the user's code."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from gradcheck_cli.records.trace import SourceSite, Trace
from gradcheck_cli.targets.losses import Objective


def unknown_site(_: nn.Module) -> SourceSite | None:
    """Say that it was not seen where a module was built."""
    return None


@dataclass(frozen=True, slots=True)
class Progress:
    """What a training in another process has done so far."""

    losses: tuple[float, ...]  # one per step
    trace: Trace | None = None  # of the steps that were to be watched, once they are done
    is_over: bool = False  # it takes no more steps
    failed: str = ""  # why, where it failed


class Away(Protocol):
    """A training in another process: it is asked for steps, and cannot be looked at."""

    def advance(self, steps: int, watch: int = 0) -> Progress:
        """Train until `steps` steps are done, the first `watch` of them observed."""

    def close(self) -> None:
        """End the process."""


@dataclass(slots=True)
class Outcome:
    """What one training step produced. `output` and `target` are kept for their shapes and ranges."""

    loss: torch.Tensor  # detached scalar
    batch: Any = None
    output: Any = None
    target: Any = None
    batch_size: int | None = None


@dataclass(slots=True)
class Training:
    """A model with everything that trains it; `step()` performs one ordinary optimizer step.

    `evaluate(n)` returns the mean loss over `n` batches that training never sees where the data
    allows it (else over upcoming batches), without touching parameters, buffers or the RNG.
    """

    model: nn.Module
    optimizers: tuple[torch.optim.Optimizer, ...]
    step: Callable[[], Outcome]
    evaluate: Callable[[int], float]
    device: torch.device
    precision: str = "fp32"
    assumptions: tuple[str, ...] = ()
    loss_name: str = ""
    optimizer_name: str = ""
    site_of: Callable[[nn.Module], SourceSite | None] = unknown_site  # where the user built it
    extra: dict[str, Any] = field(default_factory=dict)
    objective: Objective | None = None  # None where the user's hook does everything itself
    clip: float | None = None  # norm to which gradients are clipped
    # Where penalties on weights are added to the loss, and which part of the sum they are: 0 or 1.
    penalties: tuple[tuple[SourceSite, int], ...] = ()
    in_place: Callable[[], AbstractContextManager[Any]] = (
        nullcontext  # inside, the model is this training's
    )
    away: Away | None = None  # where its steps are taken in another process; `model` is not its own
