"""Give output and target the same shape before the loss compares them.

Works because  [N, 1] minus [N] is stretched to [N, N]: every output is compared with every target,
               and the best answer to that is the mean. A class number [N, 1] beside outputs [N, C] is
               what all of them learn; each of them has to learn yes or no.
               Losses [N] times weights [N, 1] are [N, N]: each sample is weighed by the weights of all.
Costs          Nothing.
Not for        Losses that broadcast on purpose.
Sources        PyTorch documentation, "Broadcasting semantics".
"""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from gradcheck_cli.features.mismatch import (
    class_numbers,
    on_purpose,
    shapes_of,
    stretched,
    weighed_by_all,
    weight_of_each,
)
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change


def aligned(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss on outputs that are reshaped like the target, where the numbers fit."""

    def wrapped(output: Any, target: Any, *rest: Any) -> Any:
        both = isinstance(output, Tensor) and isinstance(target, Tensor)
        if both and output.shape != target.shape and output.numel() == target.numel():
            output = output.reshape(target.shape)
        return loss(output, target, *rest)

    return wrapped


@remedy("match-target-shape", treats=("target-shape-broadcast",), risk=SAFE, part="loss")
def match_target_shape(case: Case) -> Iterator[Draft]:
    """Draft the reshaping of the output; of class numbers the rows of a one-hot matrix."""
    facts, across = case.trace.loss, weighed_by_all(case.trace)
    if across is not None:
        value, weight = shapes_of(across)
        yield Draft(
            summary=f"Give the numbers that weigh the samples the shape {value} of what they weigh (now {weight}).",
            code=f"loss = (loss_of_each * {weight_of_each(across).strip('`')}).mean()",
            cannot="the product is written with operators, and no function of a loss reaches it",
            at=across.at,
            size=1,
        )
        return
    if class_numbers(case.trace) or on_purpose(case.trace):
        yield _of_one_for_several(case.trace)
        return
    known = facts.output_shape is not None and facts.target_shape is not None
    shapes = f" (now {facts.output_shape} and {facts.target_shape})" if known else ""
    yield Draft(
        summary=f"Compare outputs and targets of one shape{shapes}.",
        code="loss = loss_fn(output.reshape(target.shape), target)",
        change=Change(summary="reshape the output like the target", loss=aligned),
        at=facts.at,
        size=1,
        edits=(Edit(act=Act.RESHAPE, at=facts.at),),
    )


def _of_one_for_several(trace: Trace) -> Draft:
    """Draft one target for each output of a sample; which they are is known of classes alone."""
    if class_numbers(trace):
        return Draft(
            summary="Compare the outputs of all classes with 1 for the class of the sample and 0 for the others.",
            code="target = F.one_hot(target.long().squeeze(1), output.shape[1]).float()  # or F.cross_entropy",
            cannot="a loss of class numbers and one of yes and no have different units: no loss tells the two apart",
            at=trace.loss.at,
            size=1,
        )
    return Draft(
        summary=f"Compare outputs and targets of one shape: {stretched(trace)}.",
        code="assert output.shape == target.shape  # output.mean(dim=1, keepdim=True), or one target per output",
        cannot="only its author knows which outputs belong to which targets",
        at=trace.loss.at,
        size=1,
    )
