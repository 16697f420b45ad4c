"""Ordinary trainings to measure the cost of looking: run as a script, they know nothing of gradcheck."""

import sys
import time
from collections.abc import Callable

import torch
from torch import nn


def mlp() -> tuple[nn.Module, Callable[[], torch.Tensor]]:
    """Twelve blocks of Linear(512), GELU, LayerNorm."""
    blocks = [m for _ in range(12) for m in (nn.Linear(512, 512), nn.GELU(), nn.LayerNorm(512))]
    return nn.Sequential(*blocks), lambda: torch.randn(64, 512)


def convolutions() -> tuple[nn.Module, Callable[[], torch.Tensor]]:
    """A small convolutional network."""
    layers: list[nn.Module] = []
    for wide, narrow in ((32, 3), (64, 32), (128, 64)):
        layers += [nn.Conv2d(narrow, wide, 3, 2, 1), nn.BatchNorm2d(wide), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2048, 10)), lambda: torch.randn(
        32, 3, 32, 32
    )


MODELS = {"mlp": mlp, "convolutions": convolutions}


def main(name: str, steps: str) -> None:
    """Train, and print the processor time of this process before the first step and after the last."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, batch = MODELS[name]()
    optimizer = torch.optim.AdamW(model.parameters())
    begun = time.process_time()
    for _ in range(int(steps)):
        optimizer.zero_grad()
        model(batch()).square().mean().backward()
        optimizer.step()
    print(begun, time.process_time())


if __name__ == "__main__":
    main(*sys.argv[1:])
