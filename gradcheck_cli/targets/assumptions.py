"""The loss where none was given: read from what the model returns and what the targets are.

Each inference is a sentence, because everything said about the run depends on it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.calling import IGNORED
from gradcheck_cli.targets.losses import Criterion
from gradcheck_cli.targets.wording import describe

GIVE_LOSS = "say which loss to use: --loss file.py:loss_fn or --loss cross_entropy"


@dataclass(frozen=True, slots=True)
class Inferred:
    """A loss that was not given, and the sentence that says why this one."""

    criterion: Criterion
    name: str
    sentence: str


def infer_loss(output: Tensor, target: Any) -> Inferred:
    """Choose a loss for this output and target. Raises UsageError where none suggests itself."""
    if not isinstance(target, Tensor):
        raise UsageError(
            f"no loss was given and the target is {describe(target)}, from which none can be inferred; {GIVE_LOSS}"
        )
    if not output.is_floating_point():
        raise UsageError(
            f"no loss was given and the model returns {describe(output)}, no floating-point numbers; {GIVE_LOSS}"
        )
    if target.dtype == torch.bool or _is_multi_label(output, target):
        return _binary(output, target, "the targets are 0 or 1")
    if not target.is_floating_point():
        return _for_integers(output, target)
    return _for_floats(output, target)


def infer_reconstruction(output: Tensor, inputs: tuple[Any, ...]) -> Inferred:
    """Without a target: reconstruct the input, where the output has its shape."""
    if len(inputs) == 1 and isinstance(inputs[0], Tensor) and inputs[0].shape == output.shape:
        sentence = "loss mse_loss between output and input, because the batch has no target and both have one shape"
        return Inferred(functional.mse_loss, "mse_loss", sentence)
    raise UsageError(
        f"no loss was given, the batch has no target and the output is {describe(output)}; {GIVE_LOSS}"
    )


def _is_multi_label(output: Tensor, target: Tensor) -> bool:
    """Several yes-or-no answers per sample: the shape of the output, and nothing but 0 and 1."""
    many = output.shape == target.shape and target.ndim > 1 and target.shape[-1] > 1
    return many and bool(((target == 0) | (target == 1)).all())


def _for_integers(output: Tensor, target: Tensor) -> Inferred:
    low, high = int(target[target != IGNORED].amin()), int(target.amax())
    if target.numel() and output.numel() == target.numel():
        if low >= 0 and high <= 1:
            return _binary(
                output, target, "the targets are the integers 0 and 1, the output one number each"
            )
        return _squared(output, target, "the output is one number per target")
    layout = _class_layout(output, target)
    if layout is None:
        raise UsageError(
            f"no loss was given and none fits output {describe(output)} and target {describe(target)}; {GIVE_LOSS}"
        )
    classes = output.shape[layout]
    if low < 0 or high >= classes:
        raise UsageError(
            f"the targets go from {low} to {high}, but the model has {classes} outputs: classes "
            f"count from 0 to {classes - 1}"
        )
    return _cross_entropy(output, layout)


def _class_layout(output: Tensor, target: Tensor) -> int | None:
    """Return the dimension of the output that counts the classes."""
    shape, wanted = tuple(output.shape), tuple(target.shape)
    if len(wanted) > 1 and wanted[-1] == 1 and len(shape) == len(wanted):
        wanted = wanted[:-1]  # a column of classes
    if shape[:-1] == wanted:
        return len(shape) - 1
    if len(shape) > 1 and shape[:1] + shape[2:] == wanted:
        return 1
    return None


def _cross_entropy(output: Tensor, layout: int) -> Inferred:
    classes = output.shape[layout]
    why = f"because the targets are integers and the model has {classes} outputs"
    if layout == output.ndim - 1 and output.ndim > 2:
        why += " in the last dimension"
    elif output.ndim > 2:
        why += " in dimension 1"
    if _are_probabilities(output, layout):
        why += "; it returns probabilities, to which cross_entropy applies a softmax again (give --loss if yours does not)"

    def criterion(values: Tensor, wanted: Tensor) -> Tensor:
        rows = values.movedim(layout, -1).reshape(-1, classes)
        return functional.cross_entropy(rows, wanted.reshape(-1).long())

    return Inferred(criterion, "cross_entropy", f"loss cross_entropy, {why}")


def _are_probabilities(output: Tensor, dim: int) -> bool:
    """Does the model end in a softmax?"""
    values = output.detach().float()
    one = torch.ones((), device=values.device)
    return bool((values >= 0).all()) and torch.allclose(values.sum(dim), one, atol=1e-3)


def _for_floats(output: Tensor, target: Tensor) -> Inferred:
    inside = bool(((target >= 0) & (target <= 1)).all())
    single = output.ndim == 1 or output.numel() == output.shape[0]
    if inside and single and output.numel() == target.numel():
        return _binary(output, target, "the targets lie in [0, 1] and the model has one output")
    if output.shape == target.shape or output.numel() == target.numel():
        return _squared(output, target, "the targets are real numbers")
    layout = 1 if output.ndim > 1 else 0
    raise UsageError(
        f"no loss was given; the targets are real numbers, but the output {describe(output)} and the "
        f"target {describe(target)} have different sizes (the model has {output.shape[layout]} outputs); {GIVE_LOSS}"
    )


def _binary(output: Tensor, target: Tensor, because: str) -> Inferred:
    if output.numel() != target.numel():
        raise UsageError(
            f"no loss was given and none fits output {describe(output)} and target {describe(target)}; {GIVE_LOSS}"
        )
    values = output.detach()
    name = "binary_cross_entropy_with_logits"
    if bool(((values >= 0) & (values <= 1)).all()) and values.numel() > 1:
        name = (
            "binary_cross_entropy"  # the model ends in a sigmoid: a second one would be our fault
        )
        because += ", and its outputs lie in [0, 1] already"
    function = getattr(functional, name)

    def criterion(given: Tensor, wanted: Tensor) -> Tensor:
        result: Tensor = function(given, wanted.reshape(given.shape).to(given.dtype))
        return result

    return Inferred(criterion, name, f"loss {name}, because {because}{_reshaped(output, target)}")


def _squared(output: Tensor, target: Tensor, because: str) -> Inferred:
    def criterion(given: Tensor, wanted: Tensor) -> Tensor:
        return functional.mse_loss(given, wanted.reshape(given.shape).to(given.dtype))

    return Inferred(
        criterion, "mse_loss", f"loss mse_loss, because {because}{_reshaped(output, target)}"
    )


def _reshaped(output: Tensor, target: Tensor) -> str:
    if output.shape == target.shape:
        return ""
    return f"; the target {list(target.shape)} is reshaped to the output's {list(output.shape)}"
