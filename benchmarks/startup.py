"""How long commands take that only answer with words: whole processes, beside a bare Python.

    python -m benchmarks.startup [--check] [--rounds 15]

The commands and `python -c pass` are started in turn; each time is the median over the rounds, after
one round that is not counted and writes the bytecode. With --check the exit code is 1 when a median misses
its goal, which is meant for an idle machine.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
BARE = "python -c pass"
GRADCHECK = ["-m", "gradcheck_cli"]
COMMANDS = {  # what Python is started with, and the exit code
    BARE: (["-c", "pass"], 0),
    "gradcheck --help": ([*GRADCHECK, "--help"], 0),
    "gradcheck explain": ([*GRADCHECK, "explain", "vanishing-gradient"], 0),
    "gradcheck explain, no name": ([*GRADCHECK, "explain"], 2),
    "gradcheck --version": ([*GRADCHECK, "--version"], 0),
}
GOALS = {"gradcheck --help": 0.150, "gradcheck explain": 0.200}  # seconds


def seconds(words: list[str], code: int) -> float:
    """Return the wall time of one process. Raises RuntimeError when it ends in another way."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    spent = time.perf_counter() - begun
    if done.returncode != code:
        raise RuntimeError(f"{words} ended with {done.returncode}: {done.stderr.decode()}")
    return spent


def measure(rounds: int) -> dict[str, float]:
    """Return the median seconds of each command over interleaved rounds."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds + 1):
        for name, (words, code) in COMMANDS.items():
            times[name].append(seconds(words, code))
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def missed(medians: dict[str, float]) -> list[str]:
    """Return the commands that take longer than their goal."""
    return [name for name, goal in GOALS.items() if medians[name] > goal]


def main() -> int:
    """Print the table; with --check return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    given = parser.parse_args()
    medians = measure(given.rounds)
    print("| command | ms | times a bare Python |\n|---|---|---|")
    for name, median in medians.items():
        print(f"| {name} | {median * 1e3:.0f} | {median / medians[BARE]:.1f}x |")
    said = ", ".join(
        f"{name} {medians[name] * 1e3:.0f} ms (goal {goal * 1e3:.0f}), "
        f"{medians[name] / medians[BARE]:.1f}x a bare Python"
        for name, goal in GOALS.items()
    )
    late = missed(medians)
    print(f"startup: {said}; {'missed: ' + ', '.join(late) if late else 'all goals met'}")
    return int(given.check and bool(late))


if __name__ == "__main__":
    sys.exit(main())
