"""What watching costs: time per step against the bare step, and extra peak memory.

    python -m benchmarks.overhead [--device cuda] [--rounds 8] [--threads 2] [--peers] [--check] [--write]

Bare and watched steps alternate in one process; a ratio is the median over rounds, a round being
five steps each. Levels: `every step` reads layers in every step and looks between them in one of five,
as `gradcheck diagnose` does; `closely` looks between them in every step; `sampled` is the default of
`watch` and `run` over 500 steps, summed from its three kinds of steps as
measured here; in a step that is not looked at, modules have no hooks. `--peers` measures the tools of the
extra `peers` on the same models (benchmarks/peer_costs.py): then `--check` fails also where one of
them reads outputs, gradients and weights of all layers at every step, as we do, in less time.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from benchmarks import peer_costs
from benchmarks.models import MODELS, Work
from benchmarks.timing import synchronize, timed
from gradcheck_cli.probe.recorder import Recorder
from gradcheck_cli.probe.sampling import Sampling

LONG = 500
ROUND = 5
RESULTS = Path(__file__).with_name("overhead.json")  # from which the README's table is made
GOALS = {"every step": 1.25, "sampled": 1.03, "memory": 0.10}


def watched(work: Work, recorder: Recorder, *, inspect: bool) -> None:
    """One step as `diagnose` and `watch` perform it."""
    recorder.hook_forward()
    with recorder.step(inspect=inspect):
        loss = work.step()
    recorder.unhook_forward()
    recorder.finish_step(float(loss))


def idle(recorder: Recorder, work: Work, device: str) -> float:
    """Return the seconds that a step costs which is not looked at: modules have no hooks then."""
    costs = []
    synchronize(device)
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
    median["idle"] = 1 + idle(recorder, work, device) / statistics.median(bares)
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
    """Run a measurement in a process of its own. Raises RuntimeError when that fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(measure()).encode())
        except BaseException:  # noqa: BLE001 - nothing of the parent may go on here
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        raise RuntimeError("the process that measured has died")
    return float(told)


def usable(device: str) -> bool:
    """Is there such a device? Asked in a child, as children can not use CUDA after their parent has."""

    def tried() -> float:
        try:
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError):  # the latter from a torch built without CUDA
            return 0.0
        return 1.0

    return bool(in_child(tried))


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
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
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
    on = torch.device(given.device)
    named = torch.cuda.get_device_name(on) if on.type == "cuda" else platform.machine()
    return {
        "device": given.device,
        "threads": given.threads,
        "cores": os.cpu_count(),
        "processor": named,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def table(chosen: dict[str, Callable[[str], Work]], given: argparse.Namespace) -> dict[str, Any]:
    """Measure and print gradcheck's own table; return its rows."""
    extra = {name: memory(make, given.device) for name, make in chosen.items()}
    torch.set_num_threads(given.threads)
    print("| model | every step | closely | sampled, 500 steps | extra peak memory |")
    print("|---|---|---|---|---|")
    rows = {}
    for name, make in chosen.items():
        torch.manual_seed(0)
        rows[name] = {
            **ratios(make(given.device), given.device, given.rounds),
            "memory": extra[name],
        }
        levels = " | ".join(f"{rows[name][x]:.3f}x" for x in ("every step", "closely", "sampled"))
        print(f"| {name} | {levels} | {extra[name]:+.1%} |", flush=True)
    return rows


def keep(rows: dict[str, Any], peers: list[dict[str, Any]], given: argparse.Namespace) -> None:
    """Write the figures; the tools beside it stay as they were where they were not measured now."""
    kept = {"machine": machine(given), "goals": GOALS, "models": rows}
    if peers:
        ours = {name: row["every step"] for name, row in rows.items()}
        kept["peers"] = {"machine": machine(given), "gradcheck": ours, "tools": peers}
    elif RESULTS.exists():
        before = json.loads(RESULTS.read_text(encoding="utf-8"))
        kept |= {"peers": before["peers"]} if "peers" in before else {}
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line; ends with one line where there is no such device or model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a model's name")
    parser.add_argument("--peers", action="store_true", help="measure the extra `peers` too")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {RESULTS.name}")
    given = parser.parse_args()
    if not any(given.only in name for name in MODELS):
        parser.error(f"--only {given.only}: expected a part of {', '.join(MODELS)}")
    if given.only and given.write:
        parser.error("--write keeps all models; leave --only out")
    try:
        known = torch.device(given.device).type in {"cpu", "cuda"}
    except RuntimeError:
        known = False
    if not known:
        parser.error(f"--device {given.device}: expected cpu or cuda")
    if not usable(given.device):
        parser.error(
            f"--device {given.device}: torch {torch.__version__} finds no such device here"
        )
    return given


def main() -> int:
    """Print the tables; with --check return 1 when a goal is missed."""
    given = arguments()
    chosen = {name: make for name, make in MODELS.items() if given.only in name}
    rows = table(chosen, given)
    peers = []
    if given.peers:
        peers = peer_costs.all_apart(list(chosen), given.device, given.rounds, given.threads)
    if given.write:
        keep(rows, peers, given)
    worst = {what: max(row[what] for row in rows.values()) for what in GOALS}
    missed = [what for what, goal in GOALS.items() if worst[what] > goal]
    missed += peer_costs.faster(peers, {name: row["every step"] for name, row in rows.items()})
    said = ", ".join(f"worst {what} {worst[what]:.3f} (goal {GOALS[what]})" for what in GOALS)
    if peers:
        said += f", {peer_costs.summary(peers)}"
    print(f"overhead: {said}; {'missed: ' + ', '.join(missed) if missed else 'all goals met'}")
    return 1 if given.check and missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
