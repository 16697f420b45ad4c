"""One change to a training, applied while it is built, so that all arms share seed and batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopChange:
    """What the loop around the steps does differently. A Target refuses what its own loop cannot do so."""

    clears: bool = False  # the gradients, between an update and the next backward pass
    keeps: bool = False  # the gradients where the loop clears them
    passes: int = 1  # backward passes per update, by which each loss is divided
    is_steady: bool = False  # the learning rate stays what was configured
    trains: bool = False  # every part is in the mode of its first training call
    unscales: bool = False  # gradients before they are clipped
    steps: bool = False  # the optimizer, after each backward pass
    checkpoints: bool = True  # parts of the network are run again in the backward pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is done differently. Every part is optional; they apply to a freshly built training.

    `model` may edit in place or return a replacement; it runs before the optimizer is built, so new
    parameters are optimized. `optimizer` edits the built optimizer (learning rate, weight decay, ...).
    `inputs` maps the batch's input tensors, `loss` wraps the loss function `(output, target)`,
    `warm_up` scales the learning rate linearly over that many steps, `clip` limits the gradient norm,
    `penalty` multiplies what the loss adds of weights alone, `loop` says what the user's own loop does differently.
    """

    summary: str
    model: Callable[[nn.Module], nn.Module | None] | None = None
    optimizer: Callable[[torch.optim.Optimizer], None] | None = None
    inputs: Callable[[torch.Tensor], torch.Tensor] | None = None
    loss: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
    precision: str | None = None
    warm_up: int | None = None
    clip: float | None = None
    penalty: float | None = None
    loop: LoopChange | None = None


def last(changes: Sequence[Change], name: str) -> Any:
    """Return what the last change that has this part gives it, None where none has."""
    given = [value for change in changes if (value := getattr(change, name)) is not None]
    return given[-1] if given else None
