"""Code is run on the training before it is shown: what does not run here is not printed.

The code of a fix is written for this model's names. It is executed on a training that is built for it
and thrown away. Code that needs names of the script which nobody here has (its inputs, its loader) is
only compiled.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from gradcheck_cli.errors import THEIRS, wording
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.targets.randomness import unchanged
from gradcheck_cli.targets.repeatable import Repeatable
from gradcheck_cli.targets.training import Training

RECOMMENDED = frozenset({Status.VERIFIED, Status.HELPS_PARTLY})
OPEN = "..."  # stands in code for what the reader fills in
INSTEAD = "# write it by hand: the usual code does not run on this model ({})"


def printable(target: Repeatable, proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Return the proposals; code of recommended fixes that does not run here is exchanged for the reason."""
    return tuple(_checked(target, proposal) for proposal in proposals)


def _checked(target: Repeatable, proposal: Proposal) -> Proposal:
    fix = proposal.fix
    problem = "" if not fix.code else _syntax(fix.code)
    if fix.code and not problem and fix.verification.status in RECOMMENDED:
        problem = _run(target, fix.code)
    if not problem:
        return proposal
    return replace(proposal, fix=replace(fix, code=INSTEAD.format(problem)))


def _syntax(code: str) -> str:
    try:
        compile(code, "fix", "exec")
    except SyntaxError as error:
        return f"SyntaxError: {error.msg}"
    return ""


def _run(target: Repeatable, code: str) -> str:
    """Execute the code on a training of its own and say what it raised."""
    if OPEN in code:
        return ""
    with unchanged():
        training = target.build()
        if training.away is not None:  # in another process
            return ""
        with training.in_place():
            return _raised(training, code)


def _raised(training: Training, code: str) -> str:
    scope = {"torch": torch, "nn": nn, "F": functional, "model": training.model}
    if len(training.optimizers) == 1:
        scope["optimizer"] = training.optimizers[0]
    try:
        exec(compile(code, "fix", "exec"), scope)  # noqa: S102 - our own code, on what is thrown away
    except NameError:
        return ""  # a name of the script
    except THEIRS as error:  # whatever it raises, it does not run
        return wording(error).splitlines()[0]
    return ""
