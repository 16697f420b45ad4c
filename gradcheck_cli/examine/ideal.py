"""Outputs made from the targets: right ones, wrong ones, and ones that say nothing.

How a loss reads an output is not known beforehand, so each is made in every way that is usual: as
logits, as probabilities, as their logarithms; as the value itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isclose, isfinite
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gradcheck_cli.examine.constants import class_dimension, link_of
from gradcheck_cli.examine.subject import NotApplicableError, Subject

_SURE = 0.98  # probability of the class that is meant
ROUNDING = 1e-5  # relative, of a loss
_LOGITS = (0.1, 1.0, 3.0, 8.0)  # sizes of scores: the best size counts, whatever the loss rewards


@dataclass(frozen=True, slots=True)
class Family:
    """One way of writing outputs down, for one batch."""

    name: str
    right: Tensor
    wrong: Tensor
    neutral: Tensor  # the same for every sample
    blind: Tensor | None = None  # as large as `right`, and the same for every sample and class


@dataclass(frozen=True, slots=True)
class Costs:
    """What a family's outputs cost, the mean over batches; inf where that is no number."""

    name: str
    right: float
    wrong: float
    neutral: float
    blind: float = inf

    @property
    def gain(self) -> float:
        """The share of what wrong or neutral outputs cost that right ones save."""
        return (self.neutral - self.right) / (abs(self.neutral) or abs(self.wrong) or 1.0)


def families(output: Tensor, target: Any, *, bounded: bool = True) -> list[Family]:
    """Return every way of writing the targets as outputs; none where shapes do not tell.

    A model that ends in a softmax, or in its logarithm, gives nothing but (logarithms of) probabilities, and where
    that is `bounded` no other way counts.
    """
    if not isinstance(target, Tensor) or not target.numel():
        return []
    dim = class_dimension(output, target)
    if dim is not None:
        made, lies = list(_of_classes(output, target, dim)), link_of(output, dim)[0]
        return [family for family in made if bounded and family.name == lies] or made
    if target.numel() == output.numel() and not target.is_complex():
        return list(_of_values(target.reshape(output.shape).to(output.dtype)))
    return []


def _of_classes(output: Tensor, target: Tensor, dim: int) -> Iterator[Family]:
    classes = output.shape[dim]
    numbers = target.flatten() if output.ndim == 2 else target
    known = (numbers >= 0) & (numbers < classes)  # others are ignored by a loss
    numbers = numbers.clamp(0, classes - 1).long()

    def hot(which: Tensor) -> Tensor:
        made = functional.one_hot(which, classes).movedim(-1, dim).to(output.dtype)
        return made * known.unsqueeze(dim)

    right, wrong = hot(numbers), hot((numbers + 1) % classes)
    rest = (1 - _SURE) / max(classes - 1, 1)
    even = torch.full_like(right, 1 / classes)

    def shares(chosen: Tensor) -> Tensor:
        return chosen * (_SURE - rest) + rest

    none = torch.zeros_like(right)
    for size in _LOGITS:
        yield Family("logits", size * right, size * wrong, none, none + size)
    yield Family("probabilities", shares(right), shares(wrong), even)
    yield Family("log-probabilities", shares(right).log(), shares(wrong).log(), even.log())


def _of_values(target: Tensor) -> Iterator[Family]:
    mean = target.mean(0, keepdim=True).expand_as(target)
    low, high = float(target.min()), float(target.max())
    yield Family("values", target, 2 * mean - target, mean)
    if low == 0 and high == 1:
        signs = 2 * target - 1
        zero = torch.zeros_like(target)
        for size in _LOGITS:
            yield Family("logits", size * signs, -size * signs, zero)
        shares = 0.5 + (_SURE - 0.5) * signs
        yield Family("probabilities", shares, 1 - shares, torch.full_like(target, 0.5))


def costs(subject: Subject, raw: Sequence[Any]) -> list[Costs]:
    """Return what right, wrong and neutral outputs cost, for each family that the loss takes.

    `raw` holds an output for each of the first batches. Raises NotApplicableError where outputs cannot
    be made from the targets.
    """
    batches = list(zip(raw, subject.batches, strict=False))
    bounded = not any(_takes_logits(subject, out, batch) for out, batch in batches[:1])
    made = [
        families(subject.main(out), subject.targets(batch), bounded=bounded)
        for out, batch in batches
    ]
    if not made or not all(made):
        raise NotApplicableError("right outputs cannot be made from the targets")
    # A small batch may hold one value alone, of which fewer families can be made: it is left out.
    most = max(map(len, made))
    whole = [(batch, of) for batch, of in zip(batches, made, strict=True) if len(of) == most]
    batches = [batch for batch, _ in whole]
    found: dict[str, Costs] = {}
    for members in zip(*(of for _, of in whole), strict=True):
        kinds = []
        for kind in ("right", "wrong", "neutral", "blind"):
            values = [
                cost(subject, out, getattr(member, kind), batch)
                for (out, batch), member in zip(batches, members, strict=True)
            ]
            kinds.append(sum(values) / len(values))
        costs_of = Costs(members[0].name, *kinds)
        known = found.get(costs_of.name)
        if known is None or costs_of.right < known.right:
            found[costs_of.name] = costs_of
    return list(found.values())


def _takes_logits(subject: Subject, raw: Any, batch: Any) -> bool:
    """Is a softmax inside the loss? Then one before it is a mistake, and bounds no right output."""
    output = subject.main(raw)
    if class_dimension(output, subject.targets(batch)) is None:
        return False
    one, other = (cost(subject, raw, output + shift, batch) for shift in (0.0, 1.0))
    return isfinite(one) and isclose(one, other, rel_tol=ROUNDING)


def least(subject: Subject, raw: Sequence[Any]) -> float | None:
    """Return what the rightest outputs cost; None where they cannot be made."""
    try:
        values = [c.right for c in costs(subject, raw) if isfinite(c.right)]
    except NotApplicableError:
        return None
    return min(values, default=None)


def cost(subject: Subject, raw: Any, instead: Tensor | None, batch: Any) -> float:
    """Return what outputs cost in the place of the main ones; inf where there are none or it is no number."""
    if instead is None:
        return inf
    try:
        with torch.no_grad():
            value = float(subject.loss(subject.with_main(raw, instead), batch))
    except NotApplicableError:  # logits in a loss of probabilities: it refuses them
        return inf
    return value if isfinite(value) else inf
