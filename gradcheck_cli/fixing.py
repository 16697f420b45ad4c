"""The verb `fix`: a diagnosis whose best proven fix is prepared as a patch of the source."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gradcheck_cli.diagnosing import STEPS, diagnosed
from gradcheck_cli.pipeline import Conclusion, Stage, configured
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.stepping import Progress
from gradcheck_cli.records.report import Report
from gradcheck_cli.remedies.patching.checks import current_project
from gradcheck_cli.targets.target import Target

if TYPE_CHECKING:
    from gradcheck_cli.remedies.patching.patch import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """The report, in which the fix that can be written has its diff, and the patch that writes it."""

    report: Report
    patch: "Patch | None" = None
    refusals: tuple[str, ...] = ()  # why better fixes cannot be written
    notes: tuple[str, ...] = ()  # of the policy


def fix(
    target: Target,
    steps: int | None = STEPS,
    *,
    policy: Policy | None = None,
    budget: float | None = None,
    command: str = "",
    root: Path | None = None,
    on_step: Progress | None = None,
    on_stage: Stage | None = None,
    timeout: float | None = None,
) -> Cure:
    """Diagnose, try the fixes, and prepare the patch below `root`; nothing is written.

    `policy` and `budget` are those of `diagnose`; fixes are tried whatever it says. Raises what
    building and training the user's model raises.
    """
    asked = (policy or configured()).but(verify=True, budget=budget)
    made = diagnosed(
        target,
        steps,
        policy=asked,
        command=command,
        root=root or current_project(),
        on_step=on_step,
        on_stage=on_stage,
        timeout=timeout,
        declining="",
    )
    return cure_of(made)


def cure_of(made: Conclusion) -> Cure:
    """Return the patch of the best proven fix that can be written, and why better ones cannot be."""
    refusals: list[str] = []
    for proposal in made.proposals:
        if not proposal.fix.proven:
            continue
        if proposal.patch is not None:
            return Cure(
                report=made.report,
                patch=proposal.patch,
                refusals=tuple(refusals),
                notes=made.notes,
            )
        refusals.append(f"{proposal.fix.name}: {proposal.fix.unwritten}")
    return Cure(report=made.report, refusals=tuple(refusals), notes=made.notes)
