"""Optimizers of the cases: factories that take the model, and plans of learning rates."""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

Factory: TypeAlias = Callable[[nn.Module], Optimizer]


def using(kind: Callable[..., Optimizer], **settings: Any) -> Factory:
    """Any optimizer over all parameters that ask for a gradient."""
    return lambda model: kind([p for p in model.parameters() if p.requires_grad], **settings)


slow = using(torch.optim.RMSprop, lr=3e-4)


def adam(lr: float = 1e-3, **settings: Any) -> Factory:
    """Adam."""
    return using(torch.optim.Adam, lr=lr, **settings)


fast = adam(1e-2)


adagrad = using(torch.optim.Adagrad, lr=0.01)


nadam = using(torch.optim.NAdam, lr=1e-3)


def before_its_head(model: nn.Module) -> torch.optim.Optimizer:
    """Make the optimizer first and give the network the layers it is to learn afterwards."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    body: Any = model
    body[0] = nn.Linear(512, 64)
    body[2] = nn.Linear(64, 64)
    return optimizer


def triangle(taken: int) -> float:
    """Rise and fall every twenty steps."""
    place = taken % 20
    return 0.1 + 0.9 * (1 - abs(place - 10) / 10)


def nearest_rotation(value: Tensor) -> Tensor:
    """Return the nearest rotation, by five Newton-Schulz steps."""
    turned = value if value.shape[0] <= value.shape[1] else value.T
    turned = turned / (turned.norm() + 1e-12)
    for _ in range(5):
        square = turned @ turned.T
        turned = 3.4445 * turned + (-4.7750 * square + 2.0315 * square @ square) @ turned
    return turned if value.shape[0] <= value.shape[1] else turned.T


class Muon(Optimizer):
    """Momentum made orthogonal for matrices, Adam for the rest (Jordan et al. 2024)."""

    def __init__(self, params: Iterable[Any], lr: float = 0.02) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every matrix by a rotation of the learning rate's size."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                state["step"] = state.get("step", 0) + 1
                past = state.setdefault("past", torch.zeros_like(weight))
                past.mul_(0.95).add_(weight.grad, alpha=0.05)
                if weight.ndim == 2:
                    size = 0.2 * max(weight.shape) ** 0.5
                    weight.sub_(group["lr"] * size * nearest_rotation(past))
                else:
                    square = state.setdefault("square", torch.zeros_like(weight))
                    square.mul_(0.95).addcmul_(weight.grad, weight.grad, value=0.05)
                    share = 1 - 0.95 ** state["step"]
                    weight.sub_(group["lr"] * (past / share) / ((square / share).sqrt() + 1e-8))


def scheduled(factory: Factory, share: Callable[[int], float]) -> Factory:
    """The same with a learning rate that follows a plan."""

    def make(model: nn.Module) -> Optimizer:
        optimizer = factory(model)
        peaks = [group["lr"] for group in optimizer.param_groups]
        taken = 0

        def plan(*_: object) -> None:
            nonlocal taken
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * share(taken)
            taken += 1

        optimizer.register_step_pre_hook(plan)
        return optimizer

    return make


def restarts(period: int) -> Callable[[int], float]:
    """A cosine that begins again and again."""
    return lambda step: 0.5 * (1 + math.cos(math.pi * (step % period) / period))


def cycle(length: int) -> Callable[[int], float]:
    """One cycle: up for a third, then down to nothing."""
    return lambda step: max(
        0.01, 3 * step / length if 3 * step < length else 1.5 * (1 - step / length)
    )


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
