"""Losses and optimizers that only the fresh cases use."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from benchmarks.cases.optimizers import Factory


def smoothed(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy against answers that are never quite sure."""
    return functional.cross_entropy(output, target, label_smoothing=0.1)


def focal(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy that cares less about what is known already (Lin et al. 2017)."""
    single = functional.binary_cross_entropy_with_logits(output, target, reduction="none")
    return ((1 - (-single).exp()).square() * single).mean()


def weighted(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy in which one class counts five times."""
    return functional.cross_entropy(output, target, output.new_tensor([1.0, 5.0, 1.0]))


def asked_only(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over the places that are asked."""
    return functional.cross_entropy(output.flatten(0, 1), target.flatten(), ignore_index=-100)


def quantiles(output: Tensor, target: Tensor) -> Tensor:
    """Pinball loss of three quantiles."""
    share = output.new_tensor([0.1, 0.5, 0.9])
    short = target - output
    return torch.maximum(share * short, (share - 1) * short).mean()


def huber(output: Tensor, target: Tensor) -> Tensor:
    """Huber's loss for targets in the hundreds."""
    return functional.huber_loss(output, target, delta=20.0)


def counts(output: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of counts whose log of the mean is the output."""
    return functional.poisson_nll_loss(output, target, log_input=True, full=True)


def mixed(output: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """Negative log-likelihood under a mixture of normal distributions."""
    means, spreads, shares = output
    single = -0.5 * ((target - means) / spreads.exp()).square() - spreads - 0.919
    return -(single + shares.log_softmax(dim=1)).logsumexp(dim=1).mean()


def triplet(output: tuple[Tensor, ...], _: Tensor) -> Tensor:
    """The other digit must be farther away than the same one."""
    return functional.triplet_margin_loss(*output, margin=0.5)


def every_floor(output: list[Tensor], target: Tensor) -> Tensor:
    """All heads, the last one counts most."""
    shares = (0.2, 0.3, 1.0)
    single = [functional.cross_entropy(scores, target) for scores in output]
    return sum((s * loss for s, loss in zip(shares, single, strict=True)), single[0] * 0.0)


def quantised(output: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """Rebuilding, codes that follow the encoder, and an encoder that commits to them."""
    rebuilt, value, code = output
    follow = (code - value.detach()).square().mean()
    commit = (value - code.detach()).square().mean()
    return functional.mse_loss(rebuilt, target) + follow + 0.25 * commit


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
                    weight.sub_(group["lr"] * size * orthogonal(past))
                else:
                    square = state.setdefault("square", torch.zeros_like(weight))
                    square.mul_(0.95).addcmul_(weight.grad, weight.grad, value=0.05)
                    share = 1 - 0.95 ** state["step"]
                    weight.sub_(group["lr"] * (past / share) / ((square / share).sqrt() + 1e-8))


def orthogonal(value: Tensor) -> Tensor:
    """Return the nearest rotation, by five Newton-Schulz steps."""
    turned = value if value.shape[0] <= value.shape[1] else value.T
    turned = turned / (turned.norm() + 1e-12)
    for _ in range(5):
        square = turned @ turned.T
        turned = 3.4445 * turned + (-4.7750 * square + 2.0315 * square @ square) @ turned
    return turned if value.shape[0] <= value.shape[1] else turned.T


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
