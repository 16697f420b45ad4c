"""How the cost of watching grows with parameters, layers and batch.

    python -m benchmarks.scaling [--most 3e8] [--check] [--write]

For each size it prints the seconds that reading every layer adds to a step: the median, over pairs, of a
watched step less the bare step before it. Growth is the slope of a least-squares line through the
logarithms of the added seconds and of the three largest sizes, where costs that do not depend on
the size weigh least: 1 is linear, 2 is quadratic. `--check` fails above `GOAL`, which leaves room for noise.
"""

import argparse
import json
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks.models import Work, mlp
from benchmarks.overhead import machine, watched
from benchmarks.timing import timed
from gradcheck_cli.probe.recorder import Recorder

GOAL = 1.1
LARGEST = 3  # sizes that the slope is taken of
FEWEST, MOST = 7, 40  # pairs of steps, as many as ENOUGH seconds hold
ENOUGH = 10.0
RESULTS = Path(__file__).with_name("scaling.json")  # from which docs/cost.md is made
PARAMETERS = (100_000, 1_000_000, 10_000_000, 100_000_000, 300_000_000)
LAYERS = (10, 30, 100, 300, 1_000)
BATCHES = (16, 64, 256, 1_024, 4_096)


def work(widths: list[int], batch: int) -> Work:
    """Return an MLP with plain SGD on random data."""
    torch.manual_seed(0)
    model, x = mlp(widths), torch.randn(batch, widths[0])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)

    def losses() -> torch.Tensor:
        return model(x).square().mean(1)

    return Work(model, optimizer, lambda: losses().mean(), losses)


def width_of(parameters: int) -> int:
    """Return the width at which three square layers have so many parameters."""
    return round((parameters / 3) ** 0.5)


BUILDS: dict[str, tuple[Sequence[int], Callable[[int], Work]]] = {
    "parameters": (PARAMETERS, lambda n: work([width_of(n)] * 4, 16)),
    "layers": (LAYERS, lambda n: work([32] * (n + 1), 16)),
    "samples in a batch": (BATCHES, lambda n: work([256] * 5, n)),
}


def cost(built: Work) -> dict[str, float]:
    """Return the median seconds that watching adds to a step, and those of the bare step."""
    recorder = Recorder([built.model], [built.optimizer])
    bare: list[float] = []
    added: list[float] = []
    with recorder:
        recorder.unhook_forward()
        watched(built, recorder, inspect=False)
        begun = time.perf_counter()
        while len(bare) < FEWEST or (len(bare) < MOST and time.perf_counter() - begun < ENOUGH):
            bare.append(timed(lambda: float(built.step()), "cpu"))
            seen = timed(lambda: watched(built, recorder, inspect=False), "cpu")
            added.append(seen - bare[-1])
    return {"bare": statistics.median(bare), "added": max(statistics.median(added), 1e-6)}


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of log cost against log size over the largest sizes."""
    chosen = sorted(zip(sizes, costs, strict=True))[-LARGEST:]
    x, y = zip(*((math.log(size), math.log(spent)) for size, spent in chosen), strict=True)
    return statistics.linear_regression(x, y).slope


def measure(what: str, most: float) -> dict[str, object]:
    """Print one table; return its points and their slope."""
    sizes, build = BUILDS[what]
    print(f"| {what} | bare step, ms | watching adds, ms | ratio |\n|---|---|---|---|")
    points = []
    for size in sizes:
        if what == "parameters" and size > most:
            continue
        found = cost(build(size))
        points.append({"size": size, **found})
        bare, added = found["bare"], found["added"]
        print(
            f"| {size:,} | {bare * 1e3:.1f} | {added * 1e3:.1f} | {1 + added / bare:.2f}x |",
            flush=True,
        )
    grown = slope([p["size"] for p in points], [p["added"] for p in points])
    print(f"slope {grown:.2f}\n")
    return {"points": points, "slope": grown}


def main() -> int:
    """Print three tables and, in the last line, how fast the cost grows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=float, default=3e8, help="parameters of the largest model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--check", action="store_true", help="exit 1 when a slope is above the goal"
    )
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {RESULTS.name}")
    given = parser.parse_args()
    given.device = "cpu"
    if given.most < PARAMETERS[LARGEST - 1]:
        parser.error(
            f"--most {given.most:g}: a slope needs {LARGEST} sizes, so {PARAMETERS[LARGEST - 1]:,} at least"
        )
    torch.set_num_threads(given.threads)
    found = {what: measure(what, given.most) for what in BUILDS}
    if given.write:
        kept = {"machine": machine(given), "goal": GOAL, "sizes": found}
        RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    missed = [what for what, grown in found.items() if grown["slope"] > GOAL]
    said = ", ".join(f"{grown['slope']:.2f} in {what}" for what, grown in found.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    verdict = f"missed: {', '.join(missed)}" if missed else "all goals met"
    print(f"scaling: slope {said} (goal {GOAL} at most), peak memory {peak:.1f} GiB; {verdict}")
    return 1 if given.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
