"""Give output and target the same shape before the loss compares them.

Works because  [N, 1] minus [N] is stretched to [N, N]: every output is compared with every target,
               and the best answer to that is the mean.
Costs          Nothing.
Not for        Losses that broadcast on purpose.
Sources        PyTorch documentation, "Broadcasting semantics".
"""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

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
    """Draft the reshaping of the output."""
    facts = case.trace.loss
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
