"""What `watch` costs over a whole training: the same loop with and without it, interleaved.

With --record its first steps are recorded as well, and the memory of the recorded data is printed.
"""

import argparse
import statistics
import time

import torch

from benchmarks.scripts.trainings import MODELS
from gradcheck_cli import watch
from gradcheck_cli.watching import Watch


def seconds(
    name: str, steps: int, *, watching: bool, recording: bool = False
) -> tuple[float, Watch | None]:
    """Return the processor time of `steps` training steps, and what watched them."""
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
        return time.process_time() - begun, None
    with watch(model, optimizer, verify=recording) as seen:
        train()
    return time.process_time() - begun, seen


def main() -> None:
    """Print the ratio for each model, the median of interleaved pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--record", action="store_true", help="also record, beside watching alone")
    parser.add_argument("--only", default="", help="part of a model's name")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in (n for n in MODELS if given.only in n):
        ratios, kept = [], ""
        for _ in range(given.pairs):
            plain, _ = seconds(name, given.steps, watching=given.record)
            taken, seen = seconds(name, given.steps, watching=True, recording=given.record)
            ratios.append(taken / plain)
            if given.record and seen is not None:
                kept = f"  recorded: {seen.recorded_bytes / 2**20:.1f} MiB"
        said = [round(r, 3) for r in ratios]
        print(f"{name:14s} x{statistics.median(ratios):.3f}  of {said}{kept}", flush=True)


if __name__ == "__main__":
    main()
