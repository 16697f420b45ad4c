"""How often the first fix that gradcheck recommends makes a sick case learn.

    python -m benchmarks.fixes [--check] [--half development] [--only NAME] [--budget SECONDS]

Each case is diagnosed and its fixes are tried as `gradcheck diagnose` does. The first fix is then
judged anew, on seeds and for a number of steps that the product did not see: control, sham and
treated of the same seeds, held-out loss. It counts when every treated run ends lower than every
control and sham run, by a tenth or more on average. Cases whose data must be repaired (labels
without signal, degenerate data) are counted apart; healthy cases must be offered no fix at all.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.cases import CASES, Case
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.remedies.proposing import propose
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.target import Target
from gradcheck_cli.verifying import prove
from gradcheck_cli.verifying.arms import Run, advance, start
from gradcheck_cli.verifying.sham import sham
from gradcheck_cli.verifying.verdicts import Trio, effects, learns, material

GOAL = 0.95
OBSERVED = 50
JUDGED_ON = (101, 102, 103)  # seeds that verification never used
DATA = {"labels-without-signal", "degenerate-data"}


@dataclass(frozen=True)
class Result:
    """What came of one case."""

    case: str
    half: str
    label: str
    planted: str
    found: tuple[str, ...] = ()
    suspected: tuple[str, ...] = ()
    offered: int = 0
    first: str = ""
    status: str = ""
    claimed: float | None = None
    measured: float | None = None
    learns: bool = False
    seconds: float = 0.0
    error: str = ""


def target_of(case: Case) -> Target:
    """Describe the case's problem as a user would."""
    problem = case.problem(0)
    return Target.of(
        model=problem.model,
        data=problem.data,
        loss=problem.loss,
        optimizer=problem.optimizer,
        batch_size=problem.batch_size,
        seed=0,
        device="cpu",
    )


def tried(case: Case, budget: float) -> Result:
    """Diagnose a case, try its fixes, and judge the first one on other seeds."""
    began = time.monotonic()
    target = target_of(case)
    training = target.build()
    trace = observe(training, OBSERVED)
    findings = judge(trace).findings
    causes = rank(trace, findings)
    proposals = propose(training, trace, causes, findings)
    if case.label != "healthy":
        proposals = prove(target, proposals, budget=budget, baseline=findings)
    first = next((p for p in proposals if p.change is not None), None)
    outcome = judged(target, first, case.recipe.steps) if case.label != "healthy" else None
    said = first.fix.verification if first else None
    return Result(
        case=case.name,
        half=case.half,
        label=case.label,
        planted=case.cause,
        found=tuple(dict.fromkeys(f.name for f in findings)),
        suspected=tuple(c.name for c in causes),
        offered=len(proposals),
        first=f"{first.fix.name}: {first.fix.summary}" if first else "",
        status=said.status.value if said else Status.NOT_RUN.value,
        claimed=said.effect if said else None,
        measured=outcome[1] if outcome else None,
        learns=outcome[0] if outcome else False,
        seconds=round(time.monotonic() - began, 1),
    )


def judged(target: Target, proposal: Proposal | None, steps: int) -> tuple[bool, float] | None:
    """Return whether the change makes the model learn, and its mean effect, on new seeds."""
    if proposal is None or proposal.change is None:
        return None
    change = proposal.change
    arms: list[tuple[Run, Run, Run]] = []
    for seed in JUDGED_ON:
        control = start(target, (), seed)
        other = start(target, (sham(target, seed),), seed)
        treated = start(target, (change,), seed)
        for run in (control, other, treated):
            advance(run, steps)
            run.release()
        arms.append((control, other, treated))
    controls, shams, treateds = zip(*arms, strict=True)
    trio = Trio(controls, shams, treateds)
    found = effects(trio)
    return material(trio) and learns(treateds), sum(found) / len(found)


def guarded(case: Case, budget: float) -> Result:
    """Let no case stop the others; what it raised is its result."""
    try:
        return tried(case, budget)
    except Exception as error:  # noqa: BLE001 - counted and shown as a failure
        shown = f"{type(error).__name__}: {error}"
        return Result(
            case=case.name, half=case.half, label=case.label, planted=case.cause, error=shown
        )


def chosen(only: str, half: str, kinds: Sequence[str]) -> list[Case]:
    """Return the cases that can be scored and are asked for."""
    wanted: Callable[[Case], bool] = lambda c: only in c.name and half in {"all", c.half}  # noqa: E731
    kind: Callable[[Case], str] = lambda c: "healthy" if c.label == "healthy" else "sick"  # noqa: E731
    return [c for c in CASES if c.scored and wanted(c) and kind(c) in kinds]


def summary(results: Sequence[Result]) -> tuple[list[str], bool]:
    """Return what to print and whether the goals are met."""
    sick = [r for r in results if r.label != "healthy" and r.planted not in DATA]
    data = [r for r in results if r.planted in DATA]
    healthy = [r for r in results if r.label == "healthy"]
    cured = [r for r in sick if r.learns]
    claimed = [r for r in sick if r.status == Status.VERIFIED.value]
    kept = [r for r in claimed if r.learns]
    offered = [r for r in healthy if r.offered]
    claims = [r for r in data if r.status == Status.VERIFIED.value]
    lines = [
        f"first fix makes the model learn: {_share(cured, sick)} of sick cases a change can help",
        f"called verified: {_share(claimed, sick)}; of those true on new seeds: {_share(kept, claimed)}",
        f"healthy cases that are offered a fix: {_share(offered, healthy)}",
        f"data to be repaired, yet a change was called verified: {_share(claims, data)}",
        *(
            f"  not cured: {r.case} ({r.planted}): {r.error or r.first or 'no fix'}"
            for r in sick
            if not r.learns
        ),
        *(f"  healthy, offered: {r.case}: {', '.join(r.found)}" for r in offered),
    ]
    met = len(cured) >= GOAL * len(sick) and not offered and not claims
    return lines, met


def _share(part: Sequence[Result], whole: Sequence[Result]) -> str:
    return f"{len(part)}/{len(whole)}" + (f" = {len(part) / len(whole):.1%}" if whole else "")


def main() -> int:
    """Run and print; with --check exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--half", default="all", choices=["all", "development", "held-back"])
    parser.add_argument("--kind", default="all", choices=["all", "sick", "healthy"])
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--every", type=int, default=1, help="take every n-th case only")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds per case")
    parser.add_argument("--output", type=Path, help="JSON lines, one per case")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kinds = ["sick", "healthy"] if options.kind == "all" else [options.kind]
    cases = chosen(options.only, options.half, kinds)[:: options.every]
    results = []
    for number, case in enumerate(cases, 1):
        result = guarded(case, options.budget)
        results.append(result)
        mark = "ok" if result.learns or (case.label == "healthy" and not result.offered) else "--"
        print(
            f"{number}/{len(cases)} {mark} {case.name} [{case.label}] {result.status} {result.first}",
            flush=True,
        )
        if options.output:
            with options.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    lines, met = summary(results)
    print("\n".join(lines))
    return 1 if options.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
