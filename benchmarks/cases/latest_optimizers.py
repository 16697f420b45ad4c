"""Optimizers of the latest cases: what people put around and in place of PyTorch's own."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from benchmarks.cases.optimizers import Factory


class Accumulated(torch.optim.AdamW):
    """AdamW that moves once in four steps, on the sum of four gradients."""

    every = 4

    def __init__(self, params: Iterable[Any], **settings: Any) -> None:
        super().__init__(params, **settings)
        self.taken = 0

    def step(self, closure: Any = None) -> Any:
        """Move, or only count."""
        self.taken += 1
        return super().step(closure) if self.taken % self.every == 0 else None

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, where they have been used."""
        if self.taken % self.every == 0:
            super().zero_grad(set_to_none)


class Lookahead(torch.optim.Adam):
    """Adam whose weights are drawn back, every five steps, half the way to where they were."""

    def __init__(self, params: Iterable[Any], **settings: Any) -> None:
        super().__init__(params, **settings)
        self.taken = 0
        self.slow = [weight.detach().clone() for weight in self.weights()]

    def weights(self) -> list[torch.Tensor]:
        """Return all weights."""
        return [weight for group in self.param_groups for weight in group["params"]]

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move, and draw back."""
        found = super().step(closure)
        self.taken += 1
        if self.taken % 5 == 0:
            for slow, weight in zip(self.slow, self.weights(), strict=True):
                slow.lerp_(weight, 0.5)
                weight.copy_(slow)
        return found


class Lamb(Optimizer):
    """Adam's direction, in proportion to each weight's norm (You et al. 2020)."""

    def __init__(self, params: Iterable[Any], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every weight by about the learning rate times its norm."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                first = state.setdefault("first", torch.zeros_like(weight))
                second = state.setdefault("second", torch.zeros_like(weight))
                state["taken"] = taken = state.get("taken", 0) + 1
                first.lerp_(weight.grad, 0.1)
                second.lerp_(weight.grad.square(), 0.001)
                way = first / (1 - 0.9**taken) / ((second / (1 - 0.999**taken)).sqrt() + 1e-6)
                size = weight.norm() / way.norm() if weight.norm() > 0 else 1.0
                weight.sub_(group["lr"] * size * way)


def averaged(factory: Factory) -> Factory:
    """The same, with a running average of the weights kept beside them."""

    def make(model: nn.Module) -> Optimizer:
        optimizer = factory(model)
        mean = AveragedModel(model)
        optimizer.register_step_post_hook(lambda *_: mean.update_parameters(model))
        return optimizer

    return make


def private(factory: Factory, norm: float, noise: float) -> Factory:
    """The same with clipped gradients and noise on top of them, as privacy asks for."""

    def make(model: nn.Module) -> Optimizer:
        optimizer = factory(model)
        random = torch.Generator().manual_seed(0)

        def disturb(*_: object) -> None:
            clip_grad_norm_(model.parameters(), norm)
            for weight in model.parameters():
                if weight.grad is not None:
                    drawn = torch.randn(weight.shape, generator=random, dtype=weight.dtype)
                    weight.grad.add_(noise * norm * drawn)

        optimizer.register_step_pre_hook(disturb)
        return optimizer

    return make


def cosine(steps: int) -> Callable[[int], float]:
    """Fall to 0 along half a cosine, and stay there."""
    return lambda taken: 0.5 * (1 + math.cos(math.pi * min(1.0, taken / steps)))
