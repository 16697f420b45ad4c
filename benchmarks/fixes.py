"""How often the first fix that gradcheck recommends makes a sick case learn.

    python -m benchmarks.fixes [--check] [--half development] [--only NAME] [--budget SECONDS]
                               [--kept FILE] [--write docs/fixes.md] [--as-scripts] [--first N]

Each case is diagnosed and its fixes are tried as `gradcheck diagnose` does. The first fix is then
judged anew, on seeds that the product did not see and for as many steps as the case or the claim
has, whichever is more: control, sham and treated of the same seeds, held-out loss. It counts when every treated run ends lower than every
control and sham run, by a tenth or more on average. A network change can help a case when that
holds for the first fix or, measured alike, for the cure its author knows; the other cases are
listed apart, as are those whose data must be repaired (labels without signal, degenerate data).
Healthy cases must be offered no fix at all. With --kept a run that was stopped goes on.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks import as_scripts
from benchmarks.accuracy import HALVES
from benchmarks.cases import CASES, Case, Problem
from benchmarks.fixes_text import Result, document, lines, met
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.remedies.proposing import propose
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.target import Target
from gradcheck_cli.verifying import prove
from gradcheck_cli.verifying.arms import Run, advance, start
from gradcheck_cli.verifying.bench import sham
from gradcheck_cli.verifying.verdicts import Trio, effects, learns, material

SAID = (
    "half",
    "kind",
    "only",
    "every",
    "start",
    "first",
    "as_scripts",
    "budget",
)  # options that decide what is measured
OBSERVED = 50
JUDGED_ON = (101, 102, 103)  # seeds that verification never used


def target_of(problem: Problem) -> Target:
    """Describe a problem as a user would."""
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
    target = target_of(case.problem(0))
    training = target.build()
    trace = observe(training, OBSERVED)
    findings = judge(trace).findings
    causes = rank(trace, findings)
    proposals = propose(training, trace, causes, findings)
    if case.label != "healthy":
        proposals = prove(target, proposals, budget=budget, baseline=findings)
    first = next((p for p in proposals if p.change is not None), None)
    said = first.fix.verification if first else None
    cured, measured, curable = False, None, False
    if case.label != "healthy":
        cured, measured, curable = judgment(case, first)
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
        measured=measured,
        learns=cured,
        curable=curable,
        seconds=round(time.monotonic() - began, 1),
    )


def judgment(
    case: Case, first: Proposal | None, least: int | None = None
) -> tuple[bool, float | None, bool]:
    """Return whether the fix makes the case learn, by how much, and whether anything known does.

    Runs have the steps of the claim, and at least those of the case, or `least`.
    """
    target, cured, measured = target_of(case.problem(0)), False, None
    steps = max(least or case.recipe.steps, first.fix.verification.steps if first else 0)
    rivals = [others(target, seed, steps) for seed in JUDGED_ON]
    if first is not None and first.change is not None:
        cured, measured = judged(target, (first.change,), rivals, steps)
    known = case.cured(0)
    curable = cured or (known is not None and judged(target_of(known), (), rivals, steps)[0])
    return cured, measured, curable


def others(target: Target, seed: int, steps: int) -> tuple[Run, Run]:
    """Return control and sham of one seed."""
    return arm(target, (), seed, steps), arm(target, (sham(target, seed),), seed, steps)


def arm(target: Target, changes: Sequence[Change], seed: int, steps: int) -> Run:
    """Return one run of the training with these changes."""
    run = start(target, changes, seed)
    advance(run, steps)
    run.release()
    return run


def judged(
    target: Target, changes: Sequence[Change], rivals: Sequence[tuple[Run, Run]], steps: int
) -> tuple[bool, float]:
    """Return whether the target so changed learns beyond control and sham, and the mean effect."""
    treated = tuple(arm(target, changes, seed, steps) for seed in JUDGED_ON)
    controls, shams = zip(*rivals, strict=True)
    trio = Trio(controls, shams, treated)
    found = effects(trio)
    return material(trio) and learns(treated), sum(found) / len(found)


def guarded(case: Case, budget: float, *, as_script: bool) -> Result:
    """Let no case stop the others; what it raised is its result."""
    try:
        return as_scripts.tried(case, budget, judgment) if as_script else tried(case, budget)
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


def main() -> int:
    """Run and print; with --check exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--half", default="all", choices=["all", *HALVES])
    parser.add_argument("--kind", default="all", choices=["all", "sick", "healthy"])
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--every", type=int, default=1, help="take every n-th case of a kind only")
    parser.add_argument("--start", type=int, default=0, help="of each kind, let so many out first")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds per case")
    parser.add_argument(
        "--kept", type=Path, help="JSON lines, one per case; those in it are not run again"
    )
    parser.add_argument(
        "--as-scripts", action="store_true", help="run each case as a script with --verify"
    )
    parser.add_argument("--first", type=int, help="take so many only, of all kinds in turn")
    parser.add_argument("--write", type=Path, help="write the figures as Markdown")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kinds = ["sick", "healthy"] if options.kind == "all" else [options.kind]
    cases = [
        case
        for kind in kinds
        for case in chosen(options.only, options.half, [kind])[options.start :: options.every]
    ]
    if options.first is not None:
        cases = as_scripts.in_turn(cases)[: options.first]
    known = kept(options.kept)
    results = []
    for number, case in enumerate(cases, 1):
        result = known.get(case.name) or guarded(case, options.budget, as_script=options.as_scripts)
        results.append(result)
        mark = "ok" if result.learns or (case.label == "healthy" and not result.offered) else "--"
        print(
            f"{number}/{len(cases)} {mark} {case.name} [{case.label}] {result.status} {result.first}",
            flush=True,
        )
        if options.kept and case.name not in known:
            with options.kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    shown = [*lines(results), *(as_scripts.summary(results) if options.as_scripts else ())]
    print("\n".join(shown))
    if options.write is not None:
        options.write.write_text(document(results, command(options)), encoding="utf-8")
    return 1 if options.check and not met(results) else 0


def command(options: argparse.Namespace) -> str:
    """Return the command as it was given, but for where it keeps and writes."""
    said = [f"--{name} {value}" for name, value in vars(options).items() if name in SAID and value]
    return " ".join(["python -m benchmarks.fixes", *said])


def kept(file: Path | None) -> dict[str, Result]:
    """Return what an earlier run found out, by the name of the case."""
    if file is None or not file.exists():
        return {}
    stored = [Result(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    return {result.case: result for result in stored}


if __name__ == "__main__":
    sys.exit(main())
