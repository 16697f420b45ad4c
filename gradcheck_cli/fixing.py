"""The verb `fix`: propose changes, prove them, and write the best proven one into the source."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.diagnosis import Cause, Fix, Status
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.remedies.patching.refusal import CannotPatchError
from gradcheck_cli.remedies.proposing import propose
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training
from gradcheck_cli.verifying import forecast, prove, reconsidered

if TYPE_CHECKING:
    from gradcheck_cli.remedies.patching.patch import Patch

__all__ = ["Cure", "Proposal", "fix", "propose"]

STEPS = 50
BUDGET = 60.0  # seconds for trying fixes
Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """What was found, what was tried, and the patch of the best proven fix that can be written."""

    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]
    fixes: tuple[Fix, ...]  # the best first
    chosen: Fix | None = None
    patch: "Patch | None" = None
    refusals: tuple[str, ...] = ()  # why better fixes cannot be written


def fix(
    target: Target,
    *,
    steps: int = STEPS,
    budget: float = BUDGET,
    verify_on: int | None = None,
    root: Path | None = None,
    on_stage: Stage | None = None,
) -> Cure:
    """Diagnose, try the fixes, and prepare the patch; nothing is written.

    They are tried for `budget` seconds, on `verify_on` samples of each batch where that is given.

    Raises what building and training the user's model raises.
    """
    say = on_stage or (lambda _: None)
    say("training under observation")
    training = target.build()
    began = time.monotonic()
    trace = observe(training, steps)
    pace = (time.monotonic() - began) / steps
    findings = judge(trace).findings
    causes = rank(trace, findings)
    proposals = propose(training, trace, causes, findings)
    say(forecast(proposals, pace, budget))
    tried = prove(
        target.on(verify_on), proposals, budget=budget, baseline=findings, on_progress=say
    )
    fixes = tuple(p.fix for p in tried)
    chosen, patch, refusals = _patchable(tried, training, target, root)
    if chosen is not None and patch is not None:
        shown = replace(chosen, diff=patch.diff)
        fixes = tuple(shown if f is chosen else f for f in fixes)
        chosen = shown
    return Cure(
        findings=findings,
        causes=reconsidered(causes, fixes),
        fixes=fixes,
        chosen=chosen,
        patch=patch,
        refusals=tuple(refusals),
    )


def _patchable(
    tried: Sequence[Proposal], training: Training, target: Target, root: Path | None
) -> tuple[Fix | None, "Patch | None", list[str]]:
    """Return the best verified fix that can be written, with its patch."""
    from gradcheck_cli.remedies.patching.patch import patch

    refusals: list[str] = []
    for proposal in tried:
        if proposal.fix.verification.status is not Status.VERIFIED:
            continue
        try:
            made = patch(
                proposal.edits, training, target.labels, layers=proposal.fix.layers, root=root
            )
        except CannotPatchError as refusal:
            refusals.append(f"{proposal.fix.name}: {refusal}")
            continue
        return proposal.fix, made, refusals
    return None, None, refusals
