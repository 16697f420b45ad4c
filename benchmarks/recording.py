"""What recording the first steps adds to a training of 500 steps that is watched anyway.

    python -m benchmarks.recording [--check] [--pairs N] [--only NAME]

Only the recorded steps can cost more: they are taken with and without recording in turn, in one
process, by the processor's clock. The pace of the steps after them is measured in the same runs.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass

import torch

from benchmarks.scripts.trainings import MODELS
from gradcheck_cli import watch
from gradcheck_cli.replay.recorder import MEMORY, STEPS

WHOLE = 500  # steps of a training
BEFORE = 5  # steps after the recorded ones that still belong to them: what is put away
LATER = 50  # steps that the pace is taken from
RATIO = 1.03  # goal


@dataclass(frozen=True)
class Taken:
    """Processor seconds of the first steps, and of each step after them; bytes that were kept."""

    early: float
    pace: float
    kept: int


def taken(name: str, *, recording: bool) -> Taken:
    """Train for a while under `watch`."""
    torch.manual_seed(0)
    model, batch = MODELS[name]()
    optimizer = torch.optim.AdamW(model.parameters())

    def train(steps: int) -> float:
        begun = time.process_time()
        for _ in range(steps):
            optimizer.zero_grad()
            model(batch()).square().mean().backward()
            optimizer.step()
        return time.process_time() - begun

    with watch(model, optimizer, verify=recording) as seen:
        early = train(STEPS + BEFORE)
        pace = train(LATER) / LATER
    return Taken(early, pace, seen.recorded_bytes)


def ratio(plain: Taken, recorded: Taken) -> float:
    """Return how much longer the whole training takes with the recording."""
    rest = (WHOLE - STEPS - BEFORE) * (plain.pace + recorded.pace) / 2
    return (recorded.early + rest) / (plain.early + rest)


def main() -> int:
    """Print a line per model; with --check exit 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a model's name")
    given = parser.parse_args()
    torch.set_num_threads(1)
    missed = False
    for name in (n for n in MODELS if given.only in n):
        taken(name, recording=True)  # what is done once in a process
        pairs = [
            (taken(name, recording=False), taken(name, recording=True)) for _ in range(given.pairs)
        ]
        found = [ratio(plain, recorded) for plain, recorded in pairs]
        kept, step = pairs[0][1].kept, statistics.median(p.pace for p, _ in pairs)
        middle = statistics.median(found)
        missed = missed or middle > RATIO or kept > MEMORY
        print(
            f"{name:14s} x{middle:.3f} over {WHOLE} steps of {1000 * step:.1f} ms (goal {RATIO})  of "
            f"{[round(r, 3) for r in found]}  recorded: {kept / 2**20:.1f} MiB of "
            f"{MEMORY / 2**20:.0f} MiB",
            flush=True,
        )
    return 1 if given.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
