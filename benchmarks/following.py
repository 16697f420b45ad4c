"""What `watch` costs over a whole training: the same loop with and without it, interleaved."""

import argparse
import statistics
import time

import torch

from benchmarks.scripts.trainings import MODELS
from gradcheck_cli import watch


def seconds(name: str, steps: int, *, watching: bool) -> float:
    """Return the processor time of `steps` training steps."""
    torch.manual_seed(0)
    model, batch = MODELS[name]()
    optimizer = torch.optim.AdamW(model.parameters())

    def train() -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            model(batch()).square().mean().backward()
            optimizer.step()

    begun = time.process_time()
    if not watching:
        train()
        return time.process_time() - begun
    with watch(model, optimizer):
        train()
    return time.process_time() - begun


def main() -> None:
    """Print the ratio for each model, the median of interleaved pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a model's name")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in (n for n in MODELS if given.only in n):
        ratios = []
        for _ in range(given.pairs):
            plain = seconds(name, given.steps, watching=False)
            ratios.append(seconds(name, given.steps, watching=True) / plain)
        said = [round(r, 3) for r in ratios]
        print(f"{name:14s} x{statistics.median(ratios):.3f}  of {said}", flush=True)


if __name__ == "__main__":
    main()
