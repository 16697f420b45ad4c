"""Does an optimizer step go down the loss?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.probe.picking import plain
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.optimizers import held_by

UP = 0.1  # cosine with the gradient beyond which a step is no accident of rounding


@experiment("step-descends", "Does an optimizer step go down the loss?")
def step_descends(scene: Scene) -> Iterator[Said]:
    """Take the first step of the training, without weight decay, and compare it with the gradient.

    Procedure  at the start, on one batch: the gradient of the loss, then one step of the user's own
               optimizer; the cosine between the change of the weights and the gradient.
    Answers    fine: below 0, as for every optimizer that descends. Wrong: above 0.1: the loss is climbed
               (`maximize`, a negative learning rate, a sign, gradients turned round after the backward pass). Skipped where no weight moves.
    Costs      one training step and one backward pass.
    Sources    Nocedal & Wright 2006, sec. 3.1: a descent direction has a negative product with the gradient.
    """
    subject = scene.subject
    batch = subject.batches[0]
    with subject.at("start"):
        slopes = _slopes(subject, batch)
    with subject.at("start"):  # again: a queue of the model's, or its statistics, may have gone on
        for group in _groups(subject):
            if "weight_decay" in group:
                group["weight_decay"] = 0.0
        held = _held(subject)
        before = [p.detach().clone() for p in held]
        subject.step(batch)
        cosine = _cosine([p.detach() - b for p, b in zip(held, before, strict=True)], slopes)
    if cosine is None:
        raise NotApplicableError("the first step moves no weight")
    yield Said(
        outcome=Outcome.WRONG if cosine > UP else Outcome.FINE,
        said=f"the cosine between the first step and the gradient is {number(cosine)}"
        + (": the step climbs the loss" if cosine > UP else ""),
        measured=cosine,
        limit=UP,
        supports=("gradient-ascent",) if cosine > UP else (),
    )


def _groups(subject: Subject) -> list[dict[str, Any]]:
    return [group for optimizer in subject.optimizers for group in optimizer.param_groups]


def _held(subject: Subject) -> list[Tensor]:
    return [p for p in held_by(*subject.optimizers) if p.requires_grad]


def _slopes(subject: Subject, batch: Any) -> list[Tensor | None]:
    """Return the gradient of the loss, whatever the loop makes of it afterwards."""
    loss = subject.total(batch)
    if not loss.requires_grad:
        raise NotApplicableError("the loss has no gradient")
    return list(torch.autograd.grad(loss, _held(subject), allow_unused=True))


def _cosine(moves: list[Tensor], slopes: list[Tensor | None]) -> float | None:
    """Return the cosine between moves and slopes, None where either is zero or no number."""
    dot = first = second = 0.0
    for move, slope in zip(moves, slopes, strict=True):
        if slope is None or slope.is_sparse:
            continue
        a, b = plain(move).double(), plain(slope).double()
        dot += float((a * b).sum())
        first += float(a.square().sum())
        second += float(b.square().sum())
    size = (first * second) ** 0.5
    return dot / size if size > 0 and size < float("inf") else None
