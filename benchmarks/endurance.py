"""Whether a long watched run stays as light as it began: memory, time per step, size of the report.

    python -m benchmarks.endurance [--check] [--steps 20000]

A small network is trained under `watch`. The resident memory and the time of a step are read in twenty
stretches; the slope of the memory is Theil and Sen's (the median of all pairs of stretches) over the
last half, when caches and the bounded history have filled. With --check the exit code is 1 when memory grows by more
than `LEAK` bytes a step, the last quarter's steps take `SLOWER` times as long as the second quarter's, or
the report is larger than `LARGEST`.
"""

import argparse
import gc
import resource
import sys
import time
from itertools import combinations
from pathlib import Path
from statistics import median

import torch
from torch import nn

from gradcheck_cli import watch
from gradcheck_cli.records.yamlfile import dumps

STRETCHES = 20
LEAK = 16.0  # bytes a step: 1.6 MB in 100,000 steps
SLOWER = 1.25
LARGEST = 256 * 1024  # bytes of YAML


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def slope(points: list[tuple[int, float]]) -> float:
    """Return the median slope of all pairs of points (Theil 1950, Sen 1968)."""
    return median((b - a) / (j - i) for (i, a), (j, b) in combinations(points, 2))


def main() -> int:
    """Train, print and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--steps", type=int, default=20_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 32), nn.LeakyReLU(), nn.Linear(32, 32), nn.LeakyReLU(), nn.Linear(32, 4))  # fmt: skip
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    chance = torch.Generator().manual_seed(1)
    length = options.steps // STRETCHES
    memory: list[tuple[int, float]] = []
    paces: list[float] = []
    print(f"{'steps':>7} {'resident MB':>12} {'us/step':>8}")
    with watch(net, optimizer) as watched:
        for stretch in range(1, STRETCHES + 1):
            took = []
            for _ in range(length):
                begun = time.perf_counter()
                x = torch.randn(32, 16, generator=chance)
                loss = nn.functional.cross_entropy(net(x), x[:, :4].argmax(1))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                took.append(time.perf_counter() - begun)
            gc.collect()
            memory.append((stretch * length, resident()))
            paces.append(median(took))
            print(f"{memory[-1][0]:7} {memory[-1][1] / 1e6:12.2f} {1e6 * paces[-1]:8.0f}")
        size = len(dumps(watched.report()).encode())
    quarter = STRETCHES // 4
    leak = slope(memory[STRETCHES // 2 :])
    slower = median(paces[-quarter:]) / median(paces[quarter : 2 * quarter])
    print(
        f"{options.steps} watched steps: memory {leak:+.1f} bytes a step (goal <= {LEAK:g}), ",
        end="",
    )
    print(f"a step takes {slower:.2f}x as long at the end (<= {SLOWER}), report {size / 1024:.0f} KiB (<= {LARGEST // 1024})")  # fmt: skip
    return int(options.check and (leak > LEAK or slower > SLOWER or size > LARGEST))


if __name__ == "__main__":
    sys.exit(main())
