"""Do samples have inputs of their own, or do many share one and differ in their targets?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FEWEST = 64  # samples: fewer may be alike by chance
MOST = 24  # further batches
WIDEST = 4096  # numbers of a sample that are looked at
EACH = 8  # of them and more, on average, have the same inputs
LEFT = 0.5  # of the variance of targets lies between samples of the same inputs


def samples_differ(subject: Subject) -> Iterator[Said]:
    """Say where a handful of inputs stands for all samples, and does not tell their targets.

    Asked of two measured numbers and more: a dose, a place on a grid, a class and a constant of 0 or 1 recur on purpose. A sample that is
    drawn again has the same target again, so that nothing of the variance lies between the two.
    """
    seen = (*subject.batches, *subject.further(MOST))
    rows = [_rows(subject, batch) for batch in seen]
    pairs = [pair for pair in rows if pair is not None]
    if len({(x.shape[1], y.shape[1:]) for x, y in pairs}) != 1:
        return
    inputs, targets = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    own, member = inputs.unique(dim=0, return_inverse=True)
    if len(inputs) < max(FEWEST, EACH * len(own)) or not _is_measured(own):
        return
    left = _left(targets, member, len(own))
    if left is not None and left >= LEFT:
        names = " and ".join(n for n, t in subject.inputs(subject.batches[0]).items() if t.ndim)
        inside = f"the {len(inputs)} samples looked at have {len(own)} different inputs ({names})"
        yield Said(
            about="samples-differ",
            outcome=Outcome.WRONG,
            said=f"{inside}, and {number(100 * left)} % of the variance of their targets lies between samples of the same "
            "input: was one array, changed in place, stored for many samples? Copy it each time",
            measured=100 * left,
            limit=100 * LEFT,
            unit="%",
            supports=("degenerate-data",),
        )


def _rows(subject: Subject, batch: object) -> tuple[Tensor, Tensor] | None:
    """Return all that is known of each sample of a batch, and its target; None where it has none of its own."""
    given = [t for t in subject.inputs(batch).values() if t.ndim]
    target = subject.targets(batch)
    if not given or not isinstance(target, Tensor) or not target.ndim or not target.numel():
        return None
    if any(t.is_complex() or len(t) != len(target) for t in (*given, target)):
        return None
    flat = [t.detach().reshape(len(t), -1) for t in (*given, target)]
    labels = (
        target.is_floating_point() or flat[-1].shape[1] == 1
    )  # words at each place are too many
    if not labels or sum(t.shape[1] for t in flat) > WIDEST:
        return None
    return torch.cat([t.double() for t in flat[:-1]], 1), flat[-1]


def _is_measured(rows: Tensor) -> bool:
    """Have two columns or more a fraction of their own in each row? A dose has one."""
    parted = (rows != rows.round()).all(0)
    return sum(len(column.unique()) == len(rows) for column in rows.T[parted]) > 1


def _left(targets: Tensor, member: Tensor, groups: int) -> float | None:
    """Return the share of the variance of targets within the groups; None where all targets are the same."""
    values = targets.double()
    if not targets.is_floating_point():  # classes: each a column of 0 and 1
        values = (targets.unsqueeze(-1) == targets.unique()).flatten(1).double()
    sizes = torch.bincount(member, minlength=groups).unsqueeze(1)
    sums = values.new_zeros(groups, values.shape[1]).index_add_(0, member, values)
    whole = float((values - values.mean(0)).square().sum())
    within = float((values - (sums / sizes)[member]).square().sum())
    return within / whole if whole > 1e-9 * float(values.square().sum()) else None
