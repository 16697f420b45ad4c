"""What the arms of an experiment say about a change: pure arithmetic on their outcomes.

`verified` asks for all of: every treated run ended lower than every control and every sham run; by
a tenth or more on average; its loss really fell; the findings are gone; nothing new is wrong.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from gradcheck_cli.records.diagnosis import Arm, Status, Verification
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.verifying.arms import Run, thinned

MATERIAL = 0.1  # relative fall of the held-out loss
SHARE_OF_START = 0.02  # and of the loss before training: converged runs differ by noise
LEARNED = 0.02  # by how much a run's own loss must fall to be called learning
FEWEST_SEEDS = 2


@dataclass(frozen=True, slots=True)
class Trio:
    """The three arms at the same seeds."""

    control: tuple[Run, ...]
    sham: tuple[Run, ...]
    treated: tuple[Run, ...]


def ended(run: Run) -> float:
    """Return the held-out loss at the end; infinite where there is none."""
    return run.held_out if run.finite else math.inf


def better(trio: Trio, index: int) -> float:
    """Return the loss to beat at one seed: the better of control and sham, or not training at all."""
    control, sham = trio.control[index], trio.sham[index]
    lowest = min(ended(control), ended(sham))
    return lowest if math.isfinite(lowest) else control.untrained


def effects(trio: Trio) -> list[float]:
    """Return the relative fall against the better of control and sham, per seed."""
    found = []
    for index, run in enumerate(trio.treated):
        rival = better(trio, index)
        if not run.finite:
            found.append(-math.inf)
        elif not math.isfinite(rival):
            found.append(1.0)
        else:
            found.append((rival - run.held_out) / max(abs(rival), 1e-12))
    return found


def material(trio: Trio) -> bool:
    """Is the treated arm lower by more than chance and by more than a trifle?"""
    others = [ended(x) for x in (*trio.control, *trio.sham)]
    if not all(x.finite for x in trio.treated) or max(map(ended, trio.treated)) >= min(others):
        return False
    gained = [better(trio, i) - x.held_out for i, x in enumerate(trio.treated)]
    starts = [x.untrained for x in (*trio.control, *trio.treated) if math.isfinite(x.untrained)]
    enough = SHARE_OF_START * abs(min(starts, default=0.0))
    return fmean(effects(trio)) >= MATERIAL and fmean(gained) >= enough


def learns(runs: Sequence[Run]) -> bool:
    """Did every run end below where it began?"""
    return all(
        x.finite
        and (
            not math.isfinite(x.untrained)
            or x.untrained - x.held_out >= LEARNED * max(abs(x.untrained), 1e-12)
        )
        for x in runs
    )


def worse(trio: Trio) -> bool:
    """Is the treated arm worse than both others by more than chance?"""
    others = [ended(x) for x in (*trio.control, *trio.sham)]
    if not all(math.isfinite(x) for x in others):
        return False
    apart = min(map(ended, trio.treated)) > max(others)
    return apart and fmean(effects(trio)) <= -MATERIAL


def usual(runs: Sequence[Run], severities: frozenset[Severity]) -> tuple[str, ...]:
    """Return the names of the findings that half of the watched runs or more show."""
    watched = [x for x in runs if x.watch and not x.failed]
    counted = Counter(
        name for x in watched for name in {f.name for f in x.findings if f.severity in severities}
    )
    return tuple(sorted(name for name, seen in counted.items() if 2 * seen >= len(watched)))


GRAVE = frozenset({Severity.ERROR})
ALL = frozenset({Severity.ERROR, Severity.WARNING})


def to_cure(baseline: Sequence[Finding], control: Sequence[Run]) -> tuple[str, ...]:
    """Return the names of the findings a cure must end: the errors, or else the warnings."""
    for severities in (GRAVE, ALL):
        named = {f.name for f in baseline if f.severity in severities}
        if named or usual(control, severities):
            return tuple(sorted(named | set(usual(control, severities))))
    return ()


def verdict(trio: Trio, baseline: Sequence[Finding], seconds: float = 0.0) -> Verification:
    """Judge a change by its three arms."""
    broken = next((x.failed for x in trio.treated if x.failed), "")
    wanted = to_cure(baseline, trio.control)
    left = tuple(name for name in usual(trio.treated, ALL) if name in wanted)
    without = {f.name for x in (*trio.control, *trio.sham) for f in x.findings}
    known = {f.name for f in baseline} | without
    new = tuple(name for name in usual(trio.treated, GRAVE) if name not in known)
    found = [x for x in effects(trio) if math.isfinite(x)]
    status, reason = _status(trio, left, new)
    if broken:
        status, reason = Status.NOT_RUN, f"with this change the training cannot be run: {broken}"
    return Verification(
        status=status,
        reason=reason,
        effect=fmean(found) if found and not broken else None,
        spread=stdev(found) if len(found) > 1 and not broken else None,
        arms=(
            _arm("control", trio.control),
            _arm("sham", trio.sham),
            _arm("treated", trio.treated),
        ),
        steps=max((len(x.curve) for x in trio.treated), default=0),
        seeds=tuple(x.seed for x in trio.treated),
        seconds=seconds,
        new_findings=new,
    )


def _status(trio: Trio, left: tuple[str, ...], new: tuple[str, ...]) -> tuple[Status, str]:
    lost = sum(not x.finite for x in trio.treated)
    if lost and any(x.finite for x in trio.control):
        return Status.HARMFUL, f"the loss stops being a number{_at(lost, trio)}"
    if worse(trio):
        return Status.HARMFUL, "the held-out loss ends above both controls at every seed"
    helped = material(trio) and learns(trio.treated)
    if new and not helped:
        return Status.HARMFUL, f"it does not learn more and shows {', '.join(new)}"
    if helped and len(trio.treated) < FEWEST_SEEDS:
        return Status.HELPS_PARTLY, "it learns more, but only one seed could be tried"
    watched = any(x.watch for x in trio.treated)
    if helped and not watched:
        return (
            Status.HELPS_PARTLY,
            "it learns more, but nobody looked whether the findings are gone",
        )
    if helped and not left and not new:
        return Status.VERIFIED, "it learns more than both controls at every seed"
    if helped:
        return Status.HELPS_PARTLY, f"it learns more, but shows {', '.join((*left, *new))}"
    better_at = sum(effect >= MATERIAL for effect in effects(trio))
    if len(trio.treated) > FEWEST_SEEDS and 2 * better_at > len(trio.treated):
        return Status.HELPS_PARTLY, f"it learns more than both controls{_at(better_at, trio)}"
    sick_otherwise = to_cure((), trio.control) and to_cure((), trio.sham)
    silent = watched and len(trio.treated) >= FEWEST_SEEDS and not left
    if silent and sick_otherwise and learns(trio.treated):
        return Status.HELPS_PARTLY, f"the findings are gone, but {_lacking(trio)}"
    return Status.INEFFECTIVE, _lacking(trio)


def _lacking(trio: Trio) -> str:
    """Say what a treated arm that may be lower lacks for being called better."""
    lower = fmean(effects(trio))
    rivals = "both controls'"
    if lower <= 0:
        return f"the held-out loss is not lower than {rivals}"
    if lower < MATERIAL:
        short = min(100 * lower, 100 * MATERIAL - 0.1)  # is not rounded up to the limit
        asked = f"{100 * MATERIAL:.0f} % is asked for"
        return f"the held-out loss is {short:.1f} % lower than {rivals}, and {asked}"
    if not material(trio):
        return f"the held-out loss is not clearly lower than {rivals} at every seed"
    return f"its own held-out loss falls by less than {100 * LEARNED:.0f} % of where it began"


def _at(count: int, trio: Trio) -> str:
    seeds = len(trio.treated)
    return f" at {count} of {seeds} seeds" if count < seeds else ""


def _arm(name: str, runs: Sequence[Run]) -> Arm:
    return Arm(
        name=name,
        curves=tuple(thinned(x.curve) for x in runs),
        held_out=tuple(x.held_out for x in runs),
        findings=usual(runs, ALL),
        steps=tuple(len(x.curve) for x in runs),
    )
