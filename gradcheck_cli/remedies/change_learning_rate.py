"""Train with another learning rate; several are tried on copies and the best one is shown.

Works because  Too small a step leaves the weights where they were; too large a one overshoots, so
               the loss jumps, units die or saturate. Steps of about a thousandth of a weight's norm
               usually learn.
Costs          Nothing; a schedule that was tuned to the old rate must be tuned again.
Not for        A network whose gradient vanishes: a larger step does not bring back direction.
Sources        Smith 2017, arXiv:1506.01186 (range test); Bengio 2012, arXiv:1206.5533.
"""

from collections.abc import Iterator

import torch

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.optimizers import configured
from gradcheck_cli.targets.training import Training

UP = (10.0, 100.0, 1e3, 1e4, 1e5)
DOWN = (0.1, 0.01, 1e-3, 1e-4)
HIGHEST = {True: 3e-2, False: 1.0}  # for adaptive optimizers, and for the others


def scaled(factor: float) -> Change:
    """Return the change that multiplies the learning rate of every group."""

    def edit(optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
            if "initial_lr" in group:
                group["initial_lr"] = group["initial_lr"] * factor

    return Change(summary=f"lr x {factor:g}", optimizer=edit)


def rate(training: Training) -> float | None:
    """Return the largest learning rate: what was configured, whatever a schedule makes of it now."""
    groups = [g for o in training.optimizers for g in o.param_groups]
    return max((configured(g) for g in groups if "lr" in g), default=None)


def drafts(case: Case, factors: tuple[float, ...]) -> Iterator[Draft]:
    """Yield one draft per factor that gives a sensible rate."""
    now = rate(case.training)
    if not now:
        return
    highest = HIGHEST[case.trace.adaptive]
    for factor in factors:
        if factor > 1 and float(f"{now * factor:.3g}") > highest:
            continue
        yield draft(now, factor)


def draft(now: float, factor: float) -> Draft:
    """Return the draft that multiplies the learning rate `now`."""
    new = float(f"{now * factor:.3g}")
    return Draft(
        summary=f"Learning rate {new:g} instead of {now:g}.",
        code=f"for group in optimizer.param_groups:\n    group['lr'] = {new:g}  # was {now:g}",
        change=scaled(factor),
        size=1,
        edits=(Edit(act=Act.ARGUMENT, name="lr", old=repr(now), new=f"{new:g}"),),
    )


@remedy("raise-learning-rate", treats=("learning-rate-too-low",), risk=SAFE, part="rate")
def raise_learning_rate(case: Case) -> Iterator[Draft]:
    """Draft larger rates."""
    yield from drafts(case, UP)


@remedy(
    "lower-learning-rate",
    treats=("learning-rate-too-high", "dead-relu", "init-too-large"),
    risk=SAFE,
    part="rate",
)
def lower_learning_rate(case: Case) -> Iterator[Draft]:
    """Draft smaller rates."""
    yield from drafts(case, DOWN)
