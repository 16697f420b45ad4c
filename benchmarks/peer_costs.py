"""What one other tool costs on the steps that gradcheck is measured on, for `benchmarks.overhead --peers`.

    python -m benchmarks.peer_costs "NAME OF THE TOOL" [--device cuda] [--rounds 8] [--threads 2]

Each tool has a process of its own. It watches one copy of a model while another is bare; their steps
alternate, and the ratio is the median over the rounds, fewer where a tool is very slow. Prints JSON: for each model the ratio, or
in one line why there is none.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.models import MODELS, Work
from benchmarks.peer_adapters import PEERS, Peer, is_installed
from benchmarks.timing import timed

ROOT = Path(__file__).parents[1]
WARMING = 2  # steps
ENOUGH = 12.0  # seconds of one tool on one model, after which FEWEST rounds will do
FEWEST = 3
LONGEST = 240.0  # seconds of one tool on all models

Found = dict[str, float | str]  # by model: a ratio, or why there is none


def ratio(peer: Peer, make: Callable[[str], Work], device: str, rounds: int) -> float:
    """Return the time of a step beside the tool, relative to a bare step; raises what the tool raises."""
    torch.manual_seed(0)
    bare = make(device)
    torch.manual_seed(0)
    seen = make(device)
    pairs = []
    with ExitStack() as stack:
        step = peer.attach(seen, stack)
        begun = time.perf_counter()
        for _ in range(WARMING):
            bare.step()
            step()
        while len(pairs) < rounds:
            if len(pairs) >= FEWEST and time.perf_counter() - begun > ENOUGH:
                break
            spent = timed(lambda: float(bare.step()), device)
            pairs.append(timed(step, device) / spent)
    return statistics.median(pairs)


def first_cause(error: BaseException) -> str:
    """Return in one line what went wrong first; a later error while it was handled says less."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said.partition('. ')[0].rstrip('.')}"


def measure(peer: Peer, models: Iterable[str], device: str, rounds: int) -> Found:
    """Return what was found for each model."""
    found: Found = {}
    for name in models:
        try:
            found[name] = ratio(peer, MODELS[name], device, rounds)
        except Exception as error:  # noqa: BLE001 - a tool may fail in any way, and that is a result
            found[name] = first_cause(error)
    return found


def apart(peer: Peer, models: list[str], device: str, rounds: int, threads: int) -> Found:
    """Measure a tool in a process of its own."""
    if not is_installed(peer):
        return dict.fromkeys(models, "not installed")
    words = [peer.name, "--device", device, "--rounds", str(rounds), "--threads", str(threads)]
    command = [sys.executable, "-m", "benchmarks.peer_costs", *words, "--models", *models]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return dict.fromkeys(models, f"not done after {LONGEST:.0f} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return dict.fromkeys(models, last)
    return json.loads(done.stdout.splitlines()[-1])


def all_apart(models: list[str], device: str, rounds: int, threads: int) -> list[dict[str, Any]]:
    """Measure every tool, print a row for each, and return the rows."""
    print(
        f"\n| beside | reads at every step | {' | '.join(models)} |\n|---|---|{'---|' * len(models)}"
    )
    rows = []
    for peer in PEERS:
        found = apart(peer, models, device, rounds, threads)
        release = version(peer.package) if is_installed(peer) else ""
        shown = " | ".join(cell(found[model]) for model in models)
        print(f"| {peer.name} {release} | {', '.join(peer.reads)} | {shown} |", flush=True)
        rows.append(
            {
                "name": peer.name,
                "version": release,
                "reads": list(peer.reads),
                "measures as much": peer.measures_as_much,
                "models": found,
            }
        )
    for row in rows:
        for model, found in row["models"].items():
            if isinstance(found, str):
                print(f"{row['name']} on {model}: {found}")
    return rows


def cell(found: float | str) -> str:
    """Return a ratio as the table shows it; where there is none, the reason stands below the table."""
    return (
        found
        if found == "not installed"
        else "fails"
        if isinstance(found, str)
        else f"{found:.2f}x"
    )


def faster(rows: list[dict[str, Any]], ours: dict[str, float]) -> list[str]:
    """Return which tools measure as much as gradcheck in less time, and on which model."""
    return [
        f"{row['name']} is faster on {model}"
        for row in rows
        if row["measures as much"]
        for model, found in row["models"].items()
        if not isinstance(found, str) and found < ours[model]
    ]


def summary(rows: list[dict[str, Any]]) -> str:
    """Return in a few words how many tools were measured, and how many of the models they failed on."""
    there = [row for row in rows if row["version"]]
    cells = [found for row in there for found in row["models"].values()]
    failed = sum(isinstance(found, str) for found in cells)
    return (
        f"{len(there)} of {len(rows)} peers installed, failing on {failed} of {len(cells)} models"
    )


def main() -> int:
    """Measure one tool in this process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("peer", choices=[peer.name for peer in PEERS])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")  # the tools' own
    [peer] = [peer for peer in PEERS if peer.name == given.peer]
    print(json.dumps(measure(peer, given.models, given.device, given.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
