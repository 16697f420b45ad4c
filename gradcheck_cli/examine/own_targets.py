"""Are the outputs of a sample compared with its own targets?"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said
from gradcheck_cli.examine.passes_over import drawn_alike, quietly
from gradcheck_cli.examine.sequences import CHANGE, Entries
from gradcheck_cli.examine.shifted import shifted
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.wording import map_tensors

OWN_TARGETS = "own-targets"
HALF = 0.5  # of the outputs that a sample's targets meet: fewer of its own are a mistake


def own_targets(subject: Subject) -> Iterator[Said]:
    """Say where the targets of a sample meet outputs of others, as after `flatten` of [positions, samples].

    Asked where the order of targets is known: they are the next entries of an input.
    """
    try:
        sequence = shifted(subject)
        with quietly(subject, gradients=True):
            fed, met = _fed(subject, sequence), _met(subject, sequence)
    except NotApplicableError:
        return
    if len(fed) != len(met) or not fed.any() or not met.any():
        return
    share = float((fed & met).sum() / met.sum())
    if share < HALF:
        yield Said(
            about=OWN_TARGETS,
            outcome=Outcome.WRONG,
            said=f"only {number(100 * share)} % of the outputs that a sample's targets are compared with are its own: "
            "outputs and targets are flattened in different orders; transpose one of them first",
            measured=100 * share,
            limit=100 * HALF,
            unit="%",
            supports=("mixed-samples",),
        )


def _with_another(values: Tensor, sequence: Entries) -> Tensor:
    """Return inputs or targets of which the first sample has others at all positions; ignored labels stay."""
    size = sequence.values.shape[:2]
    if values.numel() % size.numel():
        raise NotApplicableError("there is no target at each position")
    made = values.reshape(*size, -1).clone()
    first = made.select(1 - sequence.axis, 0)
    if made.is_floating_point():
        first.add_(made.std())
    else:
        first.copy_(torch.where(first < 0, first, (first + 1) % (made.max() + 1)))
    return made.reshape(values.shape)


def _fed(subject: Subject, sequence: Entries) -> Tensor:
    """Return which outputs follow the first sample's inputs, in the order in which they lie."""
    other = _with_another(sequence.values, sequence)
    before, after = (
        drawn_alike(subject, sequence.batch, inputs).detach()
        for inputs in (None, {sequence.name: other})
    )
    return _rows((after - before).abs(), sequence) > CHANGE * float(before.std())


def _met(subject: Subject, sequence: Entries) -> Tensor:
    """Return the outputs whose slopes follow the first sample's targets."""
    batch, target = sequence.batch, subject.targets(sequence.batch)
    other = _with_another(target, sequence)
    raw = subject.outputs(batch)
    slopes = [
        _slope(subject, raw, b)
        for b in (batch, map_tensors(batch, lambda t: other if t is target else t))
    ]
    return _rows((slopes[1] - slopes[0]).abs(), sequence) > 0


def _slope(subject: Subject, raw: Any, batch: Any) -> Tensor:
    point = subject.main(raw).detach().float().requires_grad_()
    loss = subject.loss(subject.with_main(raw, point), batch)
    return torch.autograd.grad(loss, [point], materialize_grads=True)[0]


def _rows(values: Tensor, sequence: Entries) -> Tensor:
    """Return the largest value of each position of each sample, in the order in which they lie."""
    many = sequence.values.shape[:2].numel()
    flat = values.flatten(0, 1) if values.ndim > 2 and len(values) != many else values
    if len(flat) != many or flat.ndim < 2:
        raise NotApplicableError("there is no output at each position")
    return flat.flatten(1).amax(1).detach()
