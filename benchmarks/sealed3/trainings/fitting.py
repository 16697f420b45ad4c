"""How the factories are trained plainly, to measure what they learn: `python FILE buggy|fixed SEED`."""

import sys
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]


def begin() -> bool:
    """Set the seed that was given; return whether the fault is wanted."""
    torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    return sys.argv[1] == "buggy"


def fit(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    loss_fn: Loss,
    optimizer: torch.optim.Optimizer,
    epochs: int,
) -> nn.Module:
    """Train, and return the model ready to be evaluated."""
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    return model.eval()


def tell(score: float, reference: float) -> None:
    """Print the score on held-out data, and what is reached without inputs."""
    print(f"held out {score:.4f} reference {reference:.4f}")
