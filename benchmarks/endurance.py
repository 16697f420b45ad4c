"""Whether a long watched training stays as it began: memory, time per step and size of the report.

    python -m benchmarks.endurance [--steps 20000] [--check]

A small model trains under `watch`. Memory is the resident set of the process; its slope is a least
squares fit over the steps after warm-up. `--check` fails when the slope is over `LIMIT_BYTES` per step,
when steps of the last part take over `LIMIT_TIME` times those of the first, or when the report grows.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

from gradcheck_cli import watch
from gradcheck_cli.records import yamlfile
from gradcheck_cli.watching import Watch

LIMIT_BYTES = 1024.0  # per step: the loss and the facts of a step are kept, tensors are not
LIMIT_TIME = 1.3
LIMIT_REPORT = 1.5  # times the size after the warm-up
WARM = 0.2  # of the steps
PARTS = 100


def resident() -> int:
    """Return the bytes of memory that the process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def train(steps: int) -> tuple[list[tuple[int, int]], list[float], list[int]]:
    """Train; return memory by step, median seconds per step of each part, and sizes of two reports."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    memory: list[tuple[int, int]] = []
    parts: list[float] = []
    sizes: list[int] = []
    with watch(model, optimizer) as seen:
        times: list[float] = []
        for step in range(1, steps + 1):
            began = time.perf_counter()
            x = torch.randn(32, 16)
            loss = torch.nn.functional.cross_entropy(model(x), x[:, :4].argmax(1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            times.append(time.perf_counter() - began)
            if step % (steps // PARTS) == 0:
                memory.append((step, resident()))
                parts.append(statistics.median(times))
                times.clear()
            if step in {round(steps * WARM), steps}:
                sizes.append(size_of(seen))
    return memory, parts, sizes


def size_of(seen: Watch) -> int:
    """Return the bytes of the report so far, as YAML."""
    return len(yamlfile.dumps(seen.report()).encode())


def slope(points: list[tuple[int, int]]) -> float:
    """Return the least squares slope of memory over steps, in bytes per step."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def main() -> int:
    """Print the measurements; with --check the exit code says whether they are flat."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    memory, parts, sizes = train(max(options.steps, PARTS))
    grown = slope([p for p in memory if p[0] > options.steps * WARM])
    tenth = PARTS // 10
    # The fastest part of each: other work on the machine only ever adds time.
    first, last = min(parts[tenth : 2 * tenth]), min(parts[-tenth:])
    print(f"steps                  {options.steps:,}")
    print(f"resident memory        {memory[0][1] / 2**20:.1f} to {memory[-1][1] / 2**20:.1f} MiB")
    print(f"slope after warm-up    {grown:.0f} bytes per step (limit {LIMIT_BYTES:.0f})")
    print(
        f"time per step          {first * 1e6:.0f} then {last * 1e6:.0f} microseconds ({last / first:.2f}x, limit {LIMIT_TIME}x)"
    )
    print(f"report                 {sizes[0]:,} then {sizes[1]:,} bytes (limit {LIMIT_REPORT}x)")
    flat = grown <= LIMIT_BYTES and last <= LIMIT_TIME * first
    flat = flat and sizes[1] <= LIMIT_REPORT * sizes[0]
    return int(options.check and not flat)


if __name__ == "__main__":
    sys.exit(main())
