"""What judging costs beside training: long traces, reports, and looks for findings during the run.

    python -m benchmarks.judging [--steps 20000] [--pairs 3] [--only PART] [--check] [--write]

Ratios are of processor time, plain and watched runs alternate in one process, the median counts. The
model is an MLP for digits of 28x28 pixels (784-256-256-10, batches of 128), and one of 1 ms a step.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import callbacks
from gradcheck_cli import watch
from gradcheck_cli.probe.history import STEPS
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.watching import Watch

RESULTS = Path(__file__).with_name("judging.json")  # from which a table of docs/cost.md is made


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number and what it may be."""

    what: str
    measured: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Is the number within its limit?"""
        return self.measured <= self.limit

    def __str__(self) -> str:
        return f"| {self.what} | {self.measured:.3f} {self.unit} | <= {self.limit:g} {self.unit} |"


def training(sizes: list[int], batch: int) -> tuple[nn.Module, torch.optim.Optimizer, Any]:
    """Return a small network, its optimizer, and one step of its training."""
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for a, b in pairwise(sizes):
        parts += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*parts[:-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    inputs = torch.randn(batch, sizes[0])
    targets = (inputs[:, 0] > 0).long()

    def step() -> None:
        loss = nn.functional.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return model, optimizer, step


def seconds(sizes: list[int], batch: int, steps: int, **options: Any) -> float:
    """Return the processor time of a training, watched where `options` are given."""
    model, optimizer, step = training(sizes, batch)
    with watch(model, optimizer, **options) if options else nullcontext():
        begun = time.process_time()
        for _ in range(steps):
            step()
        return time.process_time() - begun


def ratio(sizes: list[int], batch: int, steps: int, pairs: int, **options: Any) -> float:
    """Return the median over interleaved pairs of watched / plain."""
    seconds(sizes, batch, 20, **options)
    found = []
    for _ in range(pairs):
        plain = seconds(sizes, batch, steps)
        found.append(seconds(sizes, batch, steps, **options) / plain)
    return statistics.median(found)


def long_run(steps: int) -> Watch:
    """Return what was seen of a run of so many steps, as small as can be: the run itself is not timed."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    inputs = torch.randn(8, 4)
    targets = (inputs[:, 0] > 0).long()
    with watch(model, optimizer) as seen:
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    return seen


def _fastest(call: Callable[[], object]) -> float:
    costs = []
    for _ in range(3):
        begun = time.process_time()
        call()
        costs.append(time.process_time() - begun)
    return min(costs)


def of_pairs(train: Callable[..., float], steps: int, pairs: int, what: str, limit: float) -> Row:
    """Return the row of a training that is bare and watched in turns."""
    train(20, watched=True)
    found = []
    for _ in range(pairs):
        plain = train(steps, watched=False)
        found.append(train(steps, watched=True) / plain)
    return Row(what, statistics.median(found), limit, "x")


def judging() -> Row:
    """Judge the longest trace that is kept, from nothing each time."""
    [session] = long_run(STEPS)._everywhere.sessions  # noqa: SLF001 - ours
    trace: Trace = session.trace()
    spent = _fastest(lambda: judge(session.trace()))
    return Row(f"judge a trace of {len(trace.steps):,} steps", spent, 0.2, "s")


def reporting() -> Row:
    """Report on a very long run."""
    seen = long_run(100_000)
    return Row("report() after 100,000 steps", _fastest(seen.report), 1.0, "s")


def _keep(rows: list[Row]) -> None:
    """Replace these rows among those that were kept."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    kept |= {row.what: [row.measured, row.limit, row.unit] for row in rows}
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Print the rows; with --check return 1 when a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a row's name")
    parser.add_argument("--check", action="store_true", help="exit 1 when a limit is exceeded")
    parser.add_argument("--write", action="store_true", help=f"keep the rows in {RESULTS.name}")
    given = parser.parse_args()
    torch.set_num_threads(1)
    mlp, small = ([784, 256, 256, 10], 128), ([64, 256, 128, 10], 128)
    looks = {"on_finding": lambda _: None}
    measures: dict[str, Callable[[], Row]] = {
        "judge": judging,
        "report": reporting,
        "on_finding": lambda: Row(
            f"watch(on_finding=) over {given.steps:,} steps of an MLP",
            ratio(*mlp, given.steps, given.pairs, **looks),
            1.03,
            "x",
        ),
        "lightning": lambda: of_pairs(
            callbacks.lightning,
            given.steps,
            given.pairs,
            f"Lightning's callback over {given.steps:,} steps of an MLP",
            1.03,
        ),
        "transformers": lambda: of_pairs(
            callbacks.transformers,
            given.steps,
            given.pairs,
            f"the callback of transformers over {given.steps:,} steps of an MLP",
            1.03,
        ),
        "compiled": lambda: of_pairs(
            callbacks.compiled,
            500,
            given.pairs,
            "a compiled MLP over 500 steps, compiling included",
            1.05,
        ),
        "wide compiled": lambda: of_pairs(
            partial(callbacks.compiled, width=1024),
            500,
            given.pairs,
            "a compiled MLP of 1,024 units per hidden layer over 500 steps, compiling included",
            1.05,
        ),
        "small steps": lambda: Row(
            "watch() over 10,000 steps of about 1 ms",
            ratio(*small, 10_000, given.pairs, first=8),
            1.10,
            "x",
        ),
    }
    print("| what | measured | limit |\n|---|---|---|")
    rows = []
    for name, measure in measures.items():
        if given.only in name:
            rows.append(measure())
            print(rows[-1], flush=True)
    if given.write:
        _keep(rows)
    return int(given.check and not all(row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
