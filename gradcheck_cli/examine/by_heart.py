"""Can the model learn one small batch by heart?"""

from collections.abc import Iterator
from contextlib import ExitStack
from math import inf, isfinite
from typing import Any

import torch

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.constants import Constant, best_constant, repriced
from gradcheck_cli.examine.ideal import least
from gradcheck_cli.examine.passes_over import without_dropout
from gradcheck_cli.examine.subject import NotApplicableError, Only, OutOfTimeError, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.wording import map_tensors, tensors_in

SAMPLES = 8
STEPS = 120
RATES = (1e-3, 1e-2)
LEARNED = 0.5  # of the way from the best constant to the least loss


@experiment("by-heart", "Can the model learn eight samples by heart?", doubtful=True)
def by_heart(scene: Scene) -> Iterator[Said]:
    """Fit eight samples of the first batch with Adam, from the start, without dropout.

    Procedure  120 steps at each of two rates, on weights that are put back; the best loss counts.
    Answers    fine: more than half of the way from the best constant to the least loss is gone: network,
               loss and gradients can learn, and what fails is data, rate or capacity. Wrong: they can not,
               whatever the data holds.
    Costs      240 steps on eight samples.
    Sources    Karpathy 2019, A recipe for training neural networks ("overfit one batch").
    """
    scene.require_sense()
    scene.require_doubt()
    subject = scene.subject
    scene.afford(STEPS // 4)
    small = _few(subject)
    only: Any = Only(subject, (small,))
    constant, bottom = _reference(only)
    scale = constant.losses[0] - bottom
    best, level = max(
        (_fitted(scene, only, constant, rate) for rate in RATES), key=lambda end: end[1] - end[0]
    )
    bottom, gone = level - scale, (level - best) / (scale or 1.0)
    fine = gone >= LEARNED
    if not fine and scene.remaining <= 0:
        raise OutOfTimeError("the time ended before eight samples were learned")
    if not isfinite(best):
        yield Said(outcome=Outcome.WRONG, said="the loss of eight samples becomes no number")
        return
    yield Said(
        outcome=Outcome.FINE if fine else Outcome.WRONG,
        said=f"in {STEPS} steps the loss of eight samples goes to {number(best)}, {number(100 * gone)} % of the "
        f"way from the best constant ({number(level)}) to the least ({number(bottom)})",
        measured=100 * gone,
        limit=100 * LEARNED,
        unit="%",
    )


def _few(subject: Subject) -> Any:
    batch = subject.batches[0]
    sizes = [len(t) for t in tensors_in(batch) if t.ndim]
    if not sizes or len(set(sizes)) != 1:
        raise NotApplicableError("the batch cannot be parted into samples")
    return map_tensors(batch, lambda t: t[:SAMPLES] if t.ndim else t)


def _reference(only: Any) -> tuple[Constant, float]:
    """Return the best constant on the small batch, and the least loss."""
    with only.at("start"):
        with torch.no_grad():
            raw = [only.outputs(batch) for batch in only.batches]
        constant = best_constant(only, raw)
        bottom = least(only, raw)
    return constant, bottom if bottom is not None and bottom < constant.losses[0] else 0.0


def _fitted(scene: Scene, only: Any, constant: Constant, rate: float) -> tuple[float, float]:
    """Return the least loss on the way, and what the constant costs at the weights of the end.

    Penalties on weights change both alike.
    """
    best, [batch] = inf, only.batches
    with ExitStack() as stack:
        stack.enter_context(only.at("start"))
        stack.enter_context(without_dropout())
        weights = [p for p in only.model.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=rate)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = only.total(batch)
            if not isfinite(float(loss.detach())) or scene.remaining <= 0:
                break
            best = min(best, float(loss.detach()))
            if not loss.requires_grad:
                raise NotApplicableError("the loss has no gradient")
            loss.backward()
            optimizer.step()
        level = repriced(only, constant)[0]
    return best, level if isfinite(level) else constant.losses[0]
