"""The verb `fix`: a diagnosis whose best proven fix is prepared as a patch of the source."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from gradcheck_cli.diagnosing import STEPS, diagnosed
from gradcheck_cli.pipeline import Conclusion, Stage, configured
from gradcheck_cli.policy import Policy
from gradcheck_cli.probe.stepping import Progress
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.records.report import Report
from gradcheck_cli.remedies.patching.refusal import CannotPatchError
from gradcheck_cli.targets.target import Target
from gradcheck_cli.targets.training import Training

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
        on_step=on_step,
        on_stage=on_stage,
        timeout=timeout,
        declining="",
    )
    return prepared(made, target.labels, root)


def prepared(made: Conclusion, labels: Mapping[str, str], root: Path | None = None) -> Cure:
    """Prepare the patch of the best proven fix; `labels` name the model, the optimizer and the loss."""
    place, patch, refusals = _patchable(made, labels, root)
    fixes = list(made.report.fixes)
    if patch is not None:
        fixes[place] = replace(fixes[place], diff=patch.diff)
    return Cure(
        report=replace(made.report, fixes=tuple(fixes)),
        patch=patch,
        refusals=tuple(refusals),
        notes=made.notes,
    )


def labels_of(script: ModuleType, training: Training) -> dict[str, str]:
    """Return what a script calls its model and its optimizer, where it has a name for them."""
    optimizer = training.optimizers[0] if len(training.optimizers) == 1 else None
    roles = {"model": training.model, "optimizer": optimizer}
    return {
        role: f"{script.__file__}:{name}"
        for role, part in roles.items()
        for name, value in vars(script).items()
        if part is not None and value is part
    }


def _patchable(
    made: Conclusion, labels: Mapping[str, str], root: Path | None
) -> "tuple[int, Patch | None, list[str]]":
    """Return the place and the patch of the best verified fix that can be written."""
    from gradcheck_cli.remedies.patching.patch import patch

    refusals: list[str] = []
    training = None
    for place, proposal in enumerate(made.proposals):
        if proposal.fix.verification.status is not Status.VERIFIED or made.training is None:
            continue
        training = training or made.training()
        try:
            change = patch(proposal.edits, training, labels, layers=proposal.fix.layers, root=root)
        except CannotPatchError as refusal:
            refusals.append(f"{proposal.fix.name}: {refusal}")
            continue
        return place, change, refusals
    return 0, None, refusals
