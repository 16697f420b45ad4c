"""Take a tenth of the learning rate.

Works because  A step that overshoots makes the loss jump; a tenth of it overshoots less.
Costs          Training takes longer.
Not for        Losses that fall slowly and smoothly.
Sources        this package.
"""

from collections.abc import Iterator

import torch

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.targets.change import Change


def divide(optimizer: torch.optim.Optimizer) -> None:
    """Divide the rate of every group by ten."""
    for group in optimizer.param_groups:
        group["lr"] /= 10


@remedy("tenth-of-the-rate", treats=("step-too-bold",), risk=SAFE, part="rate")
def tenth_of_the_rate(_: Case) -> Iterator[Draft]:
    """Draft one change."""
    yield Draft(
        summary="Take a tenth of the learning rate.",
        code='for group in optimizer.param_groups:\n    group["lr"] /= 10',
        change=Change(summary="lr / 10", optimizer=divide),
    )
