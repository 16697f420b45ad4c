"""How the cost of watching grows with parameters, layers and batch.

    python benchmarks/scaling.py [--check]

Prints the seconds that watching adds to a step. `--check` fails when ten times the parameters or
layers cost more than fifteen times as much: linear, with room for a noisy machine.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from benchmarks.models import Work, mlp
from benchmarks.overhead import watched
from benchmarks.timing import timed
from gradcheck_cli.probe.recorder import Recorder

LIMIT = 15.0  # times the cost for ten times the size
ROUNDS = 5


def work(widths: list[int], batch: int) -> Work:
    """Return an MLP with plain SGD on random data."""
    torch.manual_seed(0)
    model, x = mlp(widths), torch.randn(batch, widths[0])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    return Work(
        model, optimizer, lambda: model(x).square().mean(), lambda: model(x).square().mean(1)
    )


def cost(built: Work) -> tuple[float, float]:
    """Return the median seconds that watching adds to a step, and those of the bare step."""
    recorder = Recorder([built.model], [built.optimizer])
    bare, added = [], []
    with recorder:
        recorder.unhook_forward()
        watched(built, recorder, inspect=False)
        for _ in range(ROUNDS):
            bare.append(timed(lambda: float(built.step()), "cpu"))
            seen = timed(lambda: watched(built, recorder, inspect=False), "cpu")
            added.append(seen - bare[-1])
    return max(statistics.median(added), 1e-6), statistics.median(bare)


def table(title: str, sizes: list[int], build: Callable[[int], Work]) -> float:
    """Print one table; return the greatest growth of the cost for ten times the size."""
    print(f"| {title} | bare step, ms | watching adds, ms | ratio |\n|---|---|---|---|")
    costs = []
    for size in sizes:
        added, bare = cost(build(size))
        costs.append(added)
        print(f"| {size:,} | {bare * 1e3:.1f} | {added * 1e3:.1f} | {1 + added / bare:.2f}x |")
    return max(b / a for a, b in pairwise(costs))


def width_of(parameters: int) -> int:
    """Return the width at which three square layers have so many parameters."""
    return round((parameters / 3) ** 0.5)


def main() -> int:
    """Print three tables and, in the last line, how fast the cost grows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=float, default=3e8, help="parameters of the largest model")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(2)
    sizes = [n for n in (100_000, 1_000_000, 10_000_000, 100_000_000, 300_000_000)
             if n <= given.most]  # fmt: skip
    growth = {
        "parameters": table("parameters", sizes, lambda n: work([width_of(n)] * 4, 16)),
        "layers": table("layers", [10, 100, 1_000], lambda n: work([32] * (n + 1), 16)),
        "batch": table("batch", [16, 160, 1_600], lambda n: work([256] * 5, n)),
    }
    missed = [what for what, factor in growth.items() if factor > LIMIT]
    said = ", ".join(f"{what} {factor:.1f}x" for what, factor in growth.items())
    verdict = f"missed: {', '.join(missed)}" if missed else "at most linear"
    print(f"scaling: for ten times the size, watching costs {said} (limit {LIMIT}x); {verdict}")
    return 1 if given.check and missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
