"""Do outputs fit their own targets? Few batches say little of chance; exchanging outputs between samples says more."""

from collections.abc import Sequence
from math import inf
from statistics import fmean, stdev
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene
from gradcheck_cli.examine.passes_over import evaluating, losses
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.features.progress import ENOUGH
from gradcheck_cli.records.examination import Outcome

PATIENCE = 10  # passes over the data: as many as even random labels are learned by heart in
_DRAWS = 200
_ERRORS = 3.0  # standard deviations of the draws
_TIME = 2.0  # seconds; a loss that takes longer is not asked so often


def fit(scene: Scene, steps: int, said: Said) -> Outcome:
    """Return what it shows of a model after so many steps, of which something uncertain is said.

    Fine, or noted where it may know its samples by heart.
    """
    unsure = said.outcome is not Outcome.FINE and (said.measured or 0.0) >= 100 * ENOUGH
    if not unsure or not fits_its_own(scene.subject):
        return Outcome.WRONG
    by_heart = steps >= PATIENCE * (scene.subject.steps_per_pass or inf)
    return Outcome.NOTED if by_heart else Outcome.FINE


def fits_its_own(subject: Subject) -> bool:
    """Do the model's outputs, in the mode that does better, cost less than after each of many exchanges within the batches?

    Outputs that know nothing of the targets cost the same, and at least what the best constant does, however
    much the batches differ.
    """
    now = fmean(losses(subject))
    with evaluating(subject.model):
        if fmean(losses(subject)) < now:
            return _fits(subject)
    return _fits(subject)


def _fits(subject: Subject) -> bool:
    chance = torch.Generator().manual_seed(0)
    try:
        with torch.no_grad():
            raws = [subject.outputs(batch) for batch in subject.batches]
            mains = [subject.main(raw) for raw in raws]
            if not all(main.ndim for main in mains):
                return False
            own, began = _cost(subject, raws, mains), perf_counter()
            others: list[float] = []
            while len(others) < _DRAWS:
                orders = [torch.randperm(len(main), generator=chance) for main in mains]
                turned = [m[order.to(m.device)] for m, order in zip(mains, orders, strict=True)]
                others.append(_cost(subject, raws, turned))
                if others[-1] <= own or perf_counter() - began > _TIME:
                    return False
    except NotApplicableError:
        return False
    return fmean(others) - own > _ERRORS * stdev(others)


def _cost(subject: Subject, raws: Sequence[Any], mains: Sequence[Tensor]) -> float:
    """Return the mean loss of the fixed batches with these main outputs."""
    together = zip(raws, mains, subject.batches, strict=True)
    return fmean(float(subject.loss(subject.with_main(r, m), batch)) for r, m, batch in together)
