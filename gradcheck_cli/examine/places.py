"""What the place of a sample in its batch does to its output."""

from collections.abc import Iterable, Sequence, Sized
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradcheck_cli.examine.snapshot import restored
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.targets.wording import tensors_in

MANY = 0.25  # of the samples; a few that change are choices that rounding decides
NARROW = 0.1  # a spread, relative to the outputs: below it, rounding is a large part
ROUNDINGS = 16  # another order of rows may be added up in another way


def other_order(size: int) -> Tensor:
    """Turn each half of a batch around: a model may take the halves for two kinds of samples."""
    half = size // 2
    return torch.cat([torch.arange(half).flip(0), torch.arange(half, size).flip(0)])


def moved_by_place(before: Tensor, after: Tensor, order: Tensor) -> float:
    """Return the change that many of the samples reach, relative to the spread of all outputs.

    Layers may count samples in the second dimension.
    """
    size = len(order)
    if before.shape != after.shape or not before.ndim or len(before) % size:
        return 0.0
    rows = [(before.reshape(size, -1), after.reshape(size, -1))]
    if before.ndim > 1 and before.shape[1] == size:
        rows.append((before.transpose(0, 1).flatten(1), after.transpose(0, 1).flatten(1)))
    changes = ((a - b[order.to(b.device)]).abs().amax(1).quantile(1 - MANY) for b, a in rows)
    spread = float(before.std()) if before.numel() > 1 else 0.0
    scale = max(spread, NARROW * float(before.abs().max()), 1e-12)
    return float(min(changes)) / scale


def rounding(tensors: Iterable[Tensor]) -> float:
    """Return what may be rounding in a pass with these values, some of them perhaps of 16 bits."""
    steps = (torch.finfo(t.dtype).eps for t in tensors if t.is_floating_point())
    return ROUNDINGS * max(steps, default=0.0)


def in_order(before: Any, after: Any, order: Tensor) -> bool:
    """Was all that the model was given for each sample brought into the other order?

    A list of numbers, as of lengths, stays as it was.
    """
    pairs = list(zip(tensors_in(before), tensors_in(after), strict=False))
    each = [(b, a) for b, a in pairs if b.ndim and len(b) == len(order)]
    listed = any(_is_listed(entry, len(order)) for entry in before)
    same = all(b.shape == a.shape and torch.allclose(b[order.to(b.device)], a) for b, a in each)
    return bool(each) and same and not listed


def _is_listed(entry: Any, size: int) -> bool:
    return isinstance(entry, Sized) and not isinstance(entry, Tensor | str) and len(entry) == size


class _Draws(TorchFunctionMode):
    """Note whether numbers are drawn from a generator of the model's own."""

    taken = False

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        self.taken |= (kwargs or {}).get("generator") is not None
        return func(*args, **(kwargs or {}))


def goes_on(subject: Subject, batch: Any) -> bool:
    """Does the model draw numbers or carry a state, so that a second pass may give other outputs?"""
    with restored([subject.model], []), _Draws() as draws:
        first, second = (subject.main(subject.outputs(batch)).float() for _ in range(2))
    return draws.taken or first.shape != second.shape or not torch.allclose(first, second)
