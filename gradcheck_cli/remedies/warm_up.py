"""Let the learning rate grow linearly over the first steps.

Works because  The first steps are taken with the largest gradients and with an adaptive
               optimizer's least certain estimates; small ones keep units from dying or saturating.
Costs          A few hundred slower steps and one more line.
Not for        Runs that are sick long after the start.
Sources        Goyal et al. 2017, arXiv:1706.02677; Liu et al. 2020, arXiv:1908.03265.
"""

from collections.abc import Iterator

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.targets.change import Change

STEPS = 100


@remedy("warm-up", treats=("learning-rate-too-high",), risk=SAFE, part="schedule")
def warm_up(case: Case) -> Iterator[Draft]:
    """Draft one warm-up."""
    if not case.training.optimizers:
        return
    yield Draft(
        summary=f"Raise the learning rate linearly over the first {STEPS} steps.",
        code=(
            "warm_up = torch.optim.lr_scheduler.LinearLR(\n"
            f"    optimizer, start_factor=1 / {STEPS}, total_iters={STEPS}\n"
            ")\n"
            "# after each optimizer.step():  warm_up.step()"
        ),
        change=Change(summary=f"warm-up over {STEPS} steps", warm_up=STEPS),
        size=2,
    )
