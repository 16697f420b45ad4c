"""Decay the weights less.

Works because  Decay pulls every weight towards 0 by lr * decay per step; where that is stronger than
               the gradient the weights collapse and the signal with them.
Costs          Less regularization; watch the held-out loss.
Not for        Runs that overfit.
Sources        Krogh & Hertz 1992; Loshchilov & Hutter 2019, arXiv:1711.05101.
"""

from collections.abc import Callable, Iterator

import torch

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change

CHOICES = (1e-4, 0.0)


def _set(value: float) -> Callable[[torch.optim.Optimizer], None]:
    def edit(optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            if group.get("weight_decay", 0) > value:
                group["weight_decay"] = value

    return edit


@remedy("lower-weight-decay", treats=("weight-decay-too-strong",), risk=SAFE, part="decay")
def lower_weight_decay(case: Case) -> Iterator[Draft]:
    """Draft a usual decay, then none."""
    groups = [g for o in case.training.optimizers for g in o.param_groups]
    now = max((float(g.get("weight_decay", 0)) for g in groups), default=0.0)
    for value in CHOICES:
        if now > value:
            yield Draft(
                summary=f"Weight decay {value:g} instead of {now:g}.",
                code=f"for group in optimizer.param_groups:\n    group['weight_decay'] = {value:g}",
                change=Change(summary=f"weight decay {value:g}", optimizer=_set(value)),
                size=1,
                edits=(
                    Edit(act=Act.ARGUMENT, name="weight_decay", old=repr(now), new=f"{value:g}"),
                ),
            )
