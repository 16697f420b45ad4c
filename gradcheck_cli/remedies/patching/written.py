"""The diff of the fixes that lead, in the user's own source; nothing is written."""

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradcheck_cli.errors import THEIRS
from gradcheck_cli.records.finding import Crash
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.remedies.patching.checks import CannotPatchError, project_root
from gradcheck_cli.remedies.patching.patch import patch
from gradcheck_cli.targets.training import Training


@dataclass(frozen=True, slots=True)
class Source:
    """What the model, the optimizer and the loss are called, and the folder in which files may be edited."""

    labels: Mapping[str, str]
    root: Path


def of_the_script(training: Training) -> Source:
    """Return the source of the script that has run, in its own project."""
    script = sys.modules["__main__"]
    file = getattr(script, "__file__", None) or ""
    optimizer = training.optimizers[0] if len(training.optimizers) == 1 else None
    roles = {"model": training.model, "optimizer": optimizer}
    labels = {"script": file} | {
        role: f"{file}:{name}"
        for role, part in roles.items()
        for name, value in vars(script).items()
        if part is not None and value is part
    }
    return Source(labels, project_root(Path(file).parent))


def written(
    proposals: Sequence[Proposal],
    training: Training,
    source: Source,
    on_crash: Callable[[Crash], None],
) -> tuple[Proposal, ...]:
    """Return the proposals, of which the first and the proven ones have their diff, or why there is none."""
    return tuple(
        _with_diff(proposal, training, source, on_crash)
        if not place or proposal.fix.proven
        else proposal
        for place, proposal in enumerate(proposals)
    )


def _with_diff(
    proposal: Proposal, training: Training, source: Source, on_crash: Callable[[Crash], None]
) -> Proposal:
    fix, reason = proposal.fix, ""
    try:
        made = patch(proposal.edits, training, source.labels, layers=fix.layers, root=source.root)
    except CannotPatchError as refusal:
        reason = str(refusal)
    except THEIRS:
        on_crash(Crash(f"the diff of {fix.name}", traceback.format_exc()))
    else:
        return replace(proposal, fix=replace(fix, diff=made.diff), patch=made)
    return replace(proposal, fix=replace(fix, unwritten=reason))
