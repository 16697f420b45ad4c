"""Optimizers of the cases: factories that take the model, and three that PyTorch lacks."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

Factory: TypeAlias = Callable[[nn.Module], Optimizer]


def using(kind: Callable[..., Optimizer], **settings: Any) -> Factory:
    """Any optimizer over all parameters that ask for a gradient."""
    return lambda model: kind([p for p in model.parameters() if p.requires_grad], **settings)


def adam(lr: float = 1e-3, **settings: Any) -> Factory:
    """Adam."""
    return using(torch.optim.Adam, lr=lr, **settings)


def adamw(lr: float = 1e-3, **settings: Any) -> Factory:
    """Adam with decoupled weight decay."""
    return using(torch.optim.AdamW, lr=lr, **settings)


def sgd(lr: float = 0.05, momentum: float = 0.9, **settings: Any) -> Factory:
    """Gradient descent with momentum."""
    return using(torch.optim.SGD, lr=lr, momentum=momentum, **settings)


def warmed(factory: Factory, steps: int = 30) -> Factory:
    """The same with a learning rate that rises over the first steps."""

    def make(model: nn.Module) -> Optimizer:
        optimizer = factory(model)
        peaks = [group["lr"] for group in optimizer.param_groups]
        taken = 0

        def rise(*_: object) -> None:
            nonlocal taken
            taken += 1
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * min(1.0, taken / steps)

        optimizer.register_step_pre_hook(rise)
        return optimizer

    return make


def clipped(factory: Factory, norm: float) -> Factory:
    """The same with gradients clipped before each step."""

    def make(model: nn.Module) -> Optimizer:
        optimizer = factory(model)

        def clip(*_: object) -> None:
            clip_grad_norm_(model.parameters(), norm)

        optimizer.register_step_pre_hook(clip)
        return optimizer

    return make


def layerwise(lr: float, decay: float) -> Factory:
    """Adam with a learning rate that falls from the head downwards, as in fine-tuning."""

    def make(model: nn.Module) -> Optimizer:
        layers = [layer for layer in model.children() if list(layer.parameters())]
        groups = [
            {"params": list(layer.parameters()), "lr": lr * decay ** (len(layers) - 1 - height)}
            for height, layer in enumerate(layers)
        ]
        return torch.optim.Adam(groups)

    return make


def only(part: str, factory: Callable[..., Optimizer], **settings: Any) -> Factory:
    """An optimizer over one part of the model."""
    return lambda model: factory(model.get_submodule(part).parameters(), **settings)


class Lion(Optimizer):
    """Sign of an interpolated momentum (Chen et al. 2023)."""

    def __init__(self, params: Iterable[Any], lr: float = 1e-4) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every weight by the learning rate, up or down."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                past = self.state[weight].setdefault("past", torch.zeros_like(weight))
                weight.sub_(group["lr"] * (0.9 * past + 0.1 * weight.grad).sign())
                past.mul_(0.99).add_(weight.grad, alpha=0.01)


class Lars(Optimizer):
    """Steps in proportion to each weight's norm (You et al. 2017)."""

    def __init__(self, params: Iterable[Any], lr: float = 0.01) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every weight by the learning rate times its norm."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                size = weight.norm().clamp(min=0.1)
                weight.sub_(group["lr"] * size * weight.grad / (weight.grad.norm() + 1e-12))
