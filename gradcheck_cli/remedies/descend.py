"""Let the optimizer go down the loss.

Works because  A step along the gradient raises the loss; against it, it lowers it.
Costs          Nothing.
Not for        Rewards, which are to be large: there the loss is the negative reward.
Sources        Nocedal & Wright 2006, section 3.1.
"""

from collections.abc import Iterator

import torch

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change


def _descending(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        if "maximize" in group:
            group["maximize"] = False
        group["lr"] = abs(group["lr"])


@remedy("descend", treats=("gradient-ascent", "ascending-updates"), risk=SAFE, part="direction")
def descend(case: Case) -> Iterator[Draft]:
    """Draft what is turned round: `maximize`, or the sign of the rate."""
    groups = [g for o in case.training.optimizers for g in o.param_groups]
    if any(g.get("maximize") for g in groups):
        yield Draft(
            summary="Minimize: maximize=False.",
            code="for group in optimizer.param_groups:\n    group['maximize'] = False",
            change=Change(summary="maximize=False", optimizer=_descending),
            edits=(Edit(act=Act.ARGUMENT, name="maximize", old="True", new="False"),),
        )
    elif any(g["lr"] < 0 for g in groups):
        yield Draft(
            summary="Use a positive learning rate.",
            code="for group in optimizer.param_groups:\n    group['lr'] = abs(group['lr'])",
            change=Change(summary="positive learning rate", optimizer=_descending),
        )
    else:
        yield Draft(
            summary="Subtract the gradient in the optimizer's step: it adds it.",
            code="parameter.data -= lr * parameter.grad  # not +=",
            cannot="the optimizer is code of your own, which has to be changed by hand",
        )
