"""What the trainings of this folder share: real data, one plain loop, a score on held-out data."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class Split(NamedTuple):
    """Inputs and targets to learn from, and others to be tested on."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


def options() -> tuple[str, int]:
    """Return the first argument, `fixed`, `buggy` or the name of a fault, and the seed, which is set."""
    which, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    torch.manual_seed(seed)
    return which, seed


def split(x: Tensor, y: Tensor, held_out: float = 0.2) -> Split:
    """Return a split that is the same in every training."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    test, rest = order.split((round(held_out * len(x)), len(x) - round(held_out * len(x))))
    return Split(x[rest], y[rest], x[test], y[test])


def digits(top: float = 1.0) -> Split:
    """1,797 handwritten digits of 8 x 8 pixels from 0 to `top`: (n, 1, 8, 8) and (n,)."""
    bunch = datasets.load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16 * top
    return split(images, torch.tensor(bunch.target))


def friedman(rows: int = 1000) -> Split:
    """Friedman's function of 10 numbers from 0 to 1, about 14 +- 5: (n, 10) and (n, 1)."""
    x, y = datasets.make_friedman1(rows, noise=0.5, random_state=0)
    return split(torch.tensor(x).float(), torch.tensor(y).float()[:, None])


def glorot(model: nn.Module) -> nn.Module:
    """Initialize as Keras does: Glorot's uniform weights, zero biases."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def start(model: nn.Module, draw: Callable[[Tensor], object]) -> nn.Module:
    """Draw all weight matrices anew; biases become 0."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            draw(layer.weight.data)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model


def train(
    model: nn.Module,
    data: Split,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    batch: int = 32,
    after_backward: Callable[[nn.Module], object] = id,
) -> None:
    """Train in the usual way."""
    loader = DataLoader(TensorDataset(data.x, data.y), batch, shuffle=True)
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            after_backward(model)
            optimizer.step()


def say(score: float, reference: float) -> None:
    """Print a score on held-out data: 1 is perfect, the reference is reached without any input."""
    print(f"held out {score:.4f} reference {reference:.4f}")


def tell_accuracy(outputs: Tensor, labels: Tensor) -> None:
    """Print the accuracy, beside that of the commonest class."""
    guesses = outputs.argmax(1) if outputs.dim() > 1 and outputs.shape[1] > 1 else None
    if guesses is None:
        guesses = (outputs.flatten() > 0.5).long()
    labels = labels.flatten().long()
    say((guesses == labels).float().mean().item(), labels.bincount().max().item() / len(labels))


def tell_explained(outputs: Tensor, targets: Tensor) -> None:
    """Print R squared, the explained share of the variance, beside that of the mean: 0."""
    missed = (outputs - targets).square().sum() / (targets - targets.mean()).square().sum()
    say(1 - missed.nan_to_num(1e9).clamp(max=1e9).item(), 0.0)


@torch.no_grad()
def tell(model: nn.Module, data: Split) -> None:
    """Print how good the model is on held-out data; labels are whole numbers, other targets are not."""
    model.eval()
    told = tell_explained if data.test_y.is_floating_point() else tell_accuracy
    told(model(data.test_x), data.test_y)
