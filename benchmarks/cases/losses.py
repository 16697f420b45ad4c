"""Losses of the cases that PyTorch does not have as one function."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

cross_entropy = functional.cross_entropy
binary = functional.binary_cross_entropy_with_logits


def squared(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error that lets shapes broadcast, as one writes it by hand."""
    return (output - target).square().mean()


def per_letter(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the next letter, over all places of the text."""
    return functional.cross_entropy(output.flatten(0, 1), target.flatten())


def summed(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy summed over the batch."""
    return functional.cross_entropy(output, target, reduction="sum")


def likelihood(output: Tensor, target: Tensor) -> Tensor:
    """Negative log of probabilities the model has computed itself."""
    return functional.nll_loss(output.log(), target)


def times(factor: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Cross-entropy multiplied by a constant."""
    return lambda output, target: factor * functional.cross_entropy(output, target)


def tiny_binary(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy in very small units."""
    return 1e-6 * binary(output, target)


def evidence_bound(output: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
    """Loss of a variational autoencoder: rebuilding, and distance from the prior."""
    rebuilt, mean, log_variance = output
    distance = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1).mean()
    return functional.mse_loss(rebuilt, target, reduction="sum") / len(target) + 0.1 * distance


def contrastive(output: tuple[Tensor, Tensor], alike: Tensor) -> Tensor:
    """Pull codes of equal digits together, push others a margin apart."""
    distance = (output[0] - output[1]).square().sum(dim=1).add(1e-9).sqrt()
    return (alike * distance.square() + (1 - alike) * (2 - distance).relu().square()).mean()


def both_tasks(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Name the digit, and say whether it is odd."""
    return functional.cross_entropy(output[0], target) + functional.cross_entropy(
        output[1], target % 2
    )


def of_output(output: Any, _: Any) -> Tensor:
    """The model computes its loss itself."""
    return torch.as_tensor(output)
