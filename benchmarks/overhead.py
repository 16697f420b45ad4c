"""What watching costs: time per step against the bare step, and extra peak memory.

    python -m benchmarks.overhead [--device cuda] [--rounds 8] [--threads 2] [--check] [--write]

Bare and watched steps alternate in one process; a ratio is the median over rounds, a round being
five steps each. Levels: `every step` reads layers in every step and looks between them in one of five,
as `gradcheck diagnose` does; `closely` looks between them in every step; `sampled` is the default of
`watch` and `run` over 500 steps, summed from its three kinds of steps as
measured here; in a step that is not looked at, modules have no hooks.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from benchmarks.models import MODELS, Work
from gradcheck_cli.probe.recorder import Recorder
from gradcheck_cli.probe.sampling import Sampling

LONG = 500
ROUND = 5
RESULTS = Path(__file__).with_name("overhead.json")  # from which the README's table is made
GOALS = {"every step": 1.25, "sampled": 1.03, "memory": 0.10}


def timed(step: Callable[[], object], device: str) -> float:
    """Return the seconds of one step, with everything it started on a device."""
    begun = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def watched(work: Work, recorder: Recorder, *, inspect: bool) -> None:
    """One step as `diagnose` and `watch` perform it."""
    recorder.hook_forward()
    with recorder.step(inspect=inspect):
        loss = work.step()
    recorder.unhook_forward()
    recorder.finish_step(float(loss))


def idle(recorder: Recorder, work: Work) -> float:
    """Return the seconds that a step costs which is not looked at: modules have no hooks then."""
    costs = []
    for _ in range(50):
        begun = time.perf_counter()
        recorder._before_update(work.optimizer, (work.optimizer,), {})  # noqa: SLF001 - ours
        recorder._after_update(work.optimizer)  # noqa: SLF001 - ours
        recorder.finish_step(1.0)
        costs.append(time.perf_counter() - begun)
    return statistics.median(costs)


def ratios(work: Work, device: str, rounds: int) -> dict[str, float]:
    """Return time relative to the bare step for each level."""
    kinds: dict[str, list[float]] = {"read": [], "inspected": [], "every step": []}
    bares: list[float] = []
    recorder = Recorder([work.model], [work.optimizer])
    for _ in range(2):
        work.step()
    with recorder:
        watched(work, recorder, inspect=True)
    for _ in range(rounds):
        pairs = {"read": [0.0, 0.0], "inspected": [0.0, 0.0]}
        for kind in ("inspected", *["read"] * (ROUND - 1)):
            pairs[kind][0] += timed(lambda: float(work.step()), device)
            with recorder:
                recorder.unhook_forward()
                inspect = kind == "inspected"
                pairs[kind][1] += timed(
                    lambda i=inspect: watched(work, recorder, inspect=i), device
                )
        for kind, (bare, seen) in pairs.items():
            kinds[kind].append(seen / bare)
        read, inspected = pairs["read"], pairs["inspected"]
        bares.append(read[0] / (ROUND - 1))
        kinds["every step"].append((read[1] + inspected[1]) / (read[0] + inspected[0]))
    median = {kind: statistics.median(values) for kind, values in kinds.items()}
    median["idle"] = 1 + idle(recorder, work) / statistics.median(bares)
    return {
        "every step": median["every step"],
        "closely": median["inspected"],
        "sampled": sampled(median),
    }


def sampled(median: dict[str, float]) -> float:
    """Return the ratio of a long run under the default schedule."""
    schedule, total = Sampling(), 0.0
    for index in range(LONG):
        kind = "read" if schedule.observes(index) else "idle"
        total += median["inspected" if schedule.inspects(index) else kind]
    return total / LONG


def in_child(measure: Callable[[], float]) -> float:
    """Run a measurement in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(measure()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        result = float(pipe.read())
    os.waitpid(child, 0)
    return result


def peak(make: Callable[[str], Work], device: str, *, watch: bool) -> float:
    """Return the peak memory in bytes of some steps, above what was there before the model."""
    torch.set_num_threads(1)
    before = _memory("VmRSS")
    work = make(device)
    recorder = Recorder([work.model], [work.optimizer])
    with recorder:
        for index in range(7):
            if watch:
                watched(work, recorder, inspect=index % ROUND == 0)
            else:
                recorder.unhook_forward()
                work.step()
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return _memory("VmHWM") - before


def _memory(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(x for x in status.splitlines() if x.startswith(field))
    return float(line.split()[1]) * 1024


def memory(make: Callable[[str], Work], device: str) -> float:
    """Return the extra peak memory of a watched run, relative to the bare run's."""

    def measured(watch: bool) -> float:
        return statistics.median(
            in_child(lambda: peak(make, device, watch=watch)) for _ in range(3)
        )

    return measured(True) / measured(False) - 1


def machine(given: argparse.Namespace) -> dict[str, object]:
    """Return what the figures were measured on."""
    return {
        "device": given.device,
        "threads": given.threads,
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def main() -> int:
    """Print the table; with --check return 1 when a goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a model's name")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {RESULTS.name}")
    given = parser.parse_args()
    chosen = {name: make for name, make in MODELS.items() if given.only in name}
    extra = {name: memory(make, given.device) for name, make in chosen.items()}
    torch.set_num_threads(given.threads)
    print("| model | every step | closely | sampled, 500 steps | extra peak memory |")
    print("|---|---|---|---|---|")
    rows = {}
    worst = {"every step": 0.0, "sampled": 0.0, "memory": max(extra.values())}
    for name, make in chosen.items():
        torch.manual_seed(0)
        work = make(given.device)
        found = ratios(work, given.device, given.rounds)
        levels = " | ".join(f"{found[x]:.3f}x" for x in ("every step", "closely", "sampled"))
        print(f"| {name} | {levels} | {extra[name]:+.1%} |", flush=True)
        rows[name] = {**found, "memory": extra[name]}
        for level in ("every step", "sampled"):
            worst[level] = max(worst[level], found[level])
    if given.write:
        kept = {"machine": machine(given), "goals": GOALS, "models": rows}
        RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    missed = [what for what, goal in GOALS.items() if worst[what] > goal]
    said = ", ".join(f"worst {what} {worst[what]:.3f} (goal {GOALS[what]})" for what in GOALS)
    print(f"overhead: {said}; {'missed: ' + ', '.join(missed) if missed else 'all goals met'}")
    return 1 if given.check and missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
