"""Limit the norm of the gradient.

Works because  One very large gradient, as from a steep place of the loss, throws the weights far
               away; limiting its norm keeps its direction and bounds the step.
Costs          One norm per step. Adaptive optimizers divide by the gradient's size anyway.
Not for        Gradients that are small, or large in every step: then scale or rate are wrong.
Sources        Pascanu et al. 2013, arXiv:1211.5063, algorithm 1.
"""

from collections.abc import Iterator

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.targets.change import Change

NORM = 1.0


@remedy(
    "clip-gradients", treats=("learning-rate-too-high", "init-too-large"), risk=SAFE, part="clip"
)
def clip_gradients(case: Case) -> Iterator[Draft]:
    """Draft one limit."""
    if not case.training.optimizers:
        return
    yield Draft(
        summary=f"Clip the gradient to norm {NORM:g}.",
        code=(
            "# between loss.backward() and optimizer.step():\n"
            f"torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={NORM:g})"
        ),
        change=Change(summary=f"clip to {NORM:g}", clip=NORM),
        size=2,
    )
