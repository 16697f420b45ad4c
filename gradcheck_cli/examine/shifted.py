"""Sequences whose targets are their own next entries, however inputs and targets are laid out."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_cli.examine.passes_over import drawn_alike
from gradcheck_cli.examine.sequences import SHORTEST, Entries
from gradcheck_cli.examine.subject import NotApplicableError, Subject

AGREE = 0.9  # of the positions whose target is the next entry
VARIED = 3  # different entries at least; fewer agree by chance
FEWEST = 32  # values that occur once, of which
MANY = 0.2  # are found in a column: those whose own target was counted in their feature
ROUNDING = 1e-9  # of a squared correlation of 1, in float32


def shifted(subject: Subject, ahead: int = 1) -> Entries:
    """Return the input whose next entries the targets of the first batch are; or, 0 `ahead`, itself.

    Raises NotApplicableError where there is none.
    """
    batch = subject.batches[0]
    target = subject.targets(batch)
    if not isinstance(target, Tensor):
        raise NotApplicableError("there is no target at each position")
    for name, x in subject.inputs(batch).items():
        if x.ndim < 2 or x.is_complex() or x[:64].unique().numel() <= VARIED:
            continue
        for axis in (1, 0):
            if x.shape[axis] >= SHORTEST and _is_next(target, x, axis, ahead):
                return Entries(name, batch, x, axis)
    raise NotApplicableError("the targets are not the next entries of an input")


def _is_next(target: Tensor, x: Tensor, axis: int, ahead: int) -> bool:
    """Are the targets, in any shape of this size, what follows in the input, and not the input itself?"""
    length = x.shape[axis]
    if not ahead:
        same = target.numel() == x.numel() and not x.is_floating_point()
        return same and _agreement(target.reshape(x.shape), x) == 1
    now, following = x.narrow(axis, 0, length - 1), x.narrow(axis, 1, length - 1)
    for steps in (length, length - 1):
        shape = list(x.shape)
        shape[axis] = steps
        if target.numel() == torch.Size(shape).numel():
            aligned = target.reshape(shape).narrow(axis, 0, length - 1)
            return _agreement(aligned, following) >= AGREE > _agreement(aligned, now)
    return False


def column_of_targets(subject: Subject) -> tuple[str, str, bool]:
    """Return which column of an input holds the targets of the fixed batches, how, and whether as they are.

    All of them, or all but for offset and scale; or many of those whose value occurs once: a slow series
    repeats its values, and two real numbers are not equal by chance.
    """
    batches = subject.batches
    targets = [subject.targets(batch) for batch in batches]
    if not all(isinstance(t, Tensor) and t.ndim and t.numel() == len(t) for t in targets):
        return "", "", False
    target = torch.cat([t.flatten() for t in targets])
    _, index, counts = target.unique(return_inverse=True, return_counts=True)
    if len(counts) < VARIED:
        return "", "", False
    for name, first in subject.inputs(batches[0]).items():
        tables = [subject.inputs(batch)[name] for batch in batches]
        many = sum(map(len, tables)) == len(target) and first.ndim == 2 and first.shape[1] > 1
        if not many or not first.is_floating_point():
            continue
        table = torch.cat(tables)
        same, once = table == target[:, None], counts[index] == 1
        few = int(once.sum()) < FEWEST
        shares = table.new_zeros(table.shape[1]) if few else same[once].float().mean(0)
        for shown, column, whole in (
            ("is equal to the target in every sample", same.all(0), True),
            ("is the target but for its offset and scale", _affine(table, target), False),
            (
                f"is equal to the target in {100 * float(shares.max()):.0f} % of the samples",
                shares >= MANY,
                False,
            ),
        ):
            if bool(column.any()):
                return f"column {int(column.nonzero()[0])} of {name}", shown, whole
    return "", "", False


def _affine(table: Tensor, target: Tensor) -> Tensor:
    """Return for each column whether its correlation with the target is 1, to rounding."""
    x, y = table.double() - table.double().mean(0), target.double() - target.double().mean()
    product, sizes = (x * y[:, None]).sum(0).square(), x.square().sum(0) * y.square().sum()
    return (sizes > 0) & (product >= (1 - ROUNDING) * sizes)


def _agreement(target: Tensor, entries: Tensor) -> float:
    """Return the share of targets that are these entries; ignored labels do not count."""
    if target.is_floating_point() != entries.is_floating_point():
        return 0.0
    if target.is_floating_point():
        return float(target.isclose(entries.to(target.dtype)).float().mean())
    counted = target >= 0
    return float((target == entries)[counted].float().mean()) if bool(counted.any()) else 0.0


def outputs_at(subject: Subject, sequence: Entries, values: Tensor | None = None) -> Tensor:
    """Return the main output [samples, positions, ...] for these entries.

    Raises NotApplicableError where there is no output at each position.
    """
    inputs = None if values is None else {sequence.name: values}
    for laid_out in _layouts(drawn_alike(subject, sequence.batch, inputs), sequence.values):
        return laid_out if sequence.axis == 1 else laid_out.transpose(0, 1)
    raise NotApplicableError("there is no output at each position")


def _layouts(output: Tensor, x: Tensor) -> Iterator[Tensor]:
    """Yield the output with the two first dimensions of the input in front, where it has them."""
    first, second = x.shape[:2]
    if output.shape[:2] == (first, second):
        yield output
    elif output.ndim == 3 and (output.shape[0], output.shape[2]) == (first, second):
        yield output.transpose(1, 2)  # classes come before positions, as cross_entropy takes them
    elif output.ndim and len(output) == first * second:
        yield output.unflatten(0, (first, second))
