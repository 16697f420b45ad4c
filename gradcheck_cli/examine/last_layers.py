"""Does the loss fall without end with an output of a last layer that is the same for all samples?"""

from collections.abc import Iterator
from math import inf, isfinite, isnan
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.errors import THEIRS
from gradcheck_cli.examine.base import Said, Scene
from gradcheck_cli.examine.passes_over import hooked
from gradcheck_cli.examine.subject import OutOfTimeError, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.randomness import seed_everything
from gradcheck_cli.targets.wording import map_tensors

SIZES = (10.0, 100.0, 1000.0)  # of outputs that are the same for all samples
TENFOLD = 3.0  # of the fall from the first size to the next: a root grows so, a logarithm does not


def endless(values: list[float]) -> bool:
    """Does the loss of outputs of `SIZES` fall by ever more?"""
    first, second = values[0] - values[1], values[1] - values[2]
    return first > 0 and second > TENFOLD * first


def without_end(scene: Scene) -> Said | None:
    """Say where a number that a last layer gives all samples lowers the loss the more the larger it is.

    Asked whatever the loss is made of: one output, several, or several networks. A loss that reads no numbers beside
    outputs, as a critic's, is none that could be right; where samples pull to both sides, rewards are weights.
    """
    subject = scene.subject
    names = {module: name for name, module in subject.model.named_modules()}
    for module, index, sign, made in () if scene.trace.loss.surrogate else _pulled_alike(subject):
        values = []
        for size in SIZES:
            instead = torch.zeros_like(made)
            instead[..., index] = sign * size
            cost = _cost(subject, subject.batches[0], 0.0, {module: instead})
            values.append(inf if cost is None else float(cost))
        if all(map(isfinite, values)) and endless(values):
            sizes, said = (", ".join(map(number, x)) for x in ([sign * s for s in SIZES], values))
            return Said(
                outcome=Outcome.WRONG,
                said=f"with output {index} of {names[module]} at {sizes} for all samples the loss is {said}: it falls "
                "without end, whatever the inputs are; look at the signs of penalties and of other terms",
                supports=("loss-without-bound",),
            )
    return None


def _pulled_alike(subject: Subject) -> Iterator[tuple[nn.Module, int, float, Tensor]]:
    """Yield the outputs that the loss pulls further to one side for every sample, from where they all are 1 there.

    Those that it reads by itself: behind others nothing is left of them.
    """
    for sign in (1.0, -1.0):
        made = dict[nn.Module, Tensor]()
        with torch.enable_grad():
            cost = _cost(subject, subject.batches[0], sign, made)
        if cost is None or not cost.requires_grad or not _reads_numbers(subject, made):
            continue
        slopes = torch.autograd.grad(cost, list(made.values()), materialize_grads=True)
        for (module, point), slope in zip(made.items(), slopes, strict=True):
            if slope.ndim > 1:
                alike = (sign * slope.flatten(0, -2) < 0).all(0)
                yield from ((module, int(i), sign, point) for i in alike.nonzero().flatten())


def _reads_numbers(subject: Subject, made: dict[nn.Module, Tensor]) -> bool:
    """Does the loss change with the numbers of a batch when no layer does?"""
    batch = subject.batches[0]
    other = map_tensors(batch, lambda t: 2 * t + 1 if t.is_floating_point() else t)
    costs = [_cost(subject, b, 0.0, dict(made)) for b in (batch, other)]
    values = [float("nan") if c is None else float(c.detach()) for c in costs]
    return values[0] != values[1] and not any(map(isnan, values))


def _cost(
    subject: Subject, batch: Any, fill: float, made: dict[nn.Module, Tensor]
) -> Tensor | None:
    """Return the loss where layers with weights give `made`, or the number, which is noted there; None where it refuses."""

    def put(module: nn.Module, _inputs: Any, output: Any) -> Any:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return output
        if module not in made or made[module].shape != output.shape:
            made[module] = torch.full_like(output, fill).detach().requires_grad_()
        return made[module].clone()  # it may be changed in place

    leaves = [m for m in subject.model.modules() if any(True for _ in m.parameters(recurse=False))]
    seed_everything(0)
    try:
        with hooked(leaves, put):
            return subject.total(batch)
    except OutOfTimeError:
        raise
    except THEIRS:  # numbers that it does not expect, or whatever an experiment may not ask
        return None
