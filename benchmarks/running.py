"""What `gradcheck run` costs a script: its start, its steps and its end, with and without, interleaved."""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scripts import trainings

SCRIPT = Path(trainings.__file__)
GOAL_RATIO = 1.03  # of the processor time of all steps
GOAL_START = 1.0  # seconds more until the first step


@dataclass(frozen=True, slots=True)
class Times:
    """Processor seconds of one process: until its first step, of its steps, and after the last."""

    start: float
    steps: float
    end: float


def one(name: str, steps: int, *, watched: bool) -> Times:
    """Run the script as a process of its own. Raises CalledProcessError when it fails."""
    command = ["-m", "gradcheck_cli", "run", "-q", "--fail-on", "never"] if watched else []
    before = _spent()
    done = subprocess.run(
        [sys.executable, *command, str(SCRIPT), name, str(steps)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    whole = _spent() - before
    begun, ended = map(float, done.stdout.split())
    return Times(begun, ended - begun, whole - ended)


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(name: str, steps: int, pairs: int) -> bool:
    """Print the medians over interleaved pairs; return whether both goals are met."""
    plain, watched = [], []
    for _ in range(pairs):
        plain.append(one(name, steps, watched=False))
        watched.append(one(name, steps, watched=True))
    both = list(zip(plain, watched, strict=True))
    start = statistics.median(w.start - p.start for p, w in both)
    only = statistics.median(w.steps / p.steps for p, w in both)
    whole = statistics.median((w.steps + w.end) / (p.steps + p.end) for p, w in both)
    report = statistics.median(w.end - p.end for p, w in both)
    print(
        f"{name:14s} start {start:+.2f} s   {steps} steps x{only:.3f}   report {report:+.2f} s   "
        f"steps and report x{whole:.3f}",
        flush=True,
    )
    return start <= GOAL_START and only <= GOAL_RATIO


def main() -> int:
    """Measure every model; with --check return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    given = parser.parse_args()
    met = [measure(name, given.steps, given.pairs) for name in trainings.MODELS]
    return int(given.check and not all(met))


if __name__ == "__main__":
    sys.exit(main())
