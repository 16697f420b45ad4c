"""Take away a limit on the gradient that cuts every step down.

Works because  Clipping is meant for rare peaks; a limit far below the usual norm makes every step
               as short as the limit says, whatever the gradient.
Costs          Rare large gradients pass again; put a limit near the usual norm to stop those.
Not for        Runs whose gradient norm has no usual size: find out why it explodes.
Sources        Pascanu et al. 2013, arXiv:1211.5063, section 3.2: "average norm".
"""

from collections.abc import Iterator
from statistics import median

import torch

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change


def unclip(optimizer: torch.optim.Optimizer) -> None:
    """Give the optimizer each gradient as it was before anybody limited it."""
    raw: dict[torch.Tensor, torch.Tensor] = {}

    def keep(parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            raw[parameter] = parameter.grad.detach().clone()

    def restore(*_: object) -> None:
        for parameter, gradient in raw.items():
            if parameter.grad is not None:
                parameter.grad.copy_(gradient)
        raw.clear()

    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.register_post_accumulate_grad_hook(keep)
    optimizer.register_step_pre_hook(restore)


def usual_norm(trace: Trace) -> float | None:
    """Return the median norm of the whole gradient before it was clipped."""
    norms = []
    for step in trace.observed:
        square = sum(
            reading.square
            for layer in step.readings.values()
            for reading in (layer.weight_grad, layer.bias_grad)
            if reading is not None
        )
        if step.clip:
            norms.append(square**0.5 / step.clip)
    return median(norms) if norms else None


@remedy("loosen-clipping", treats=("clipping-too-strong",), risk=REVIEW, part="clip")
def loosen_clipping(case: Case) -> Iterator[Draft]:
    """Draft the removal, with the usual norm as the limit to write instead."""
    norm = usual_norm(case.trace)
    limit = float(f"{norm:.1g}") if norm else 1.0
    said = f" The gradient's usual norm is {norm:.2g}." if norm else ""
    yield Draft(
        summary=f"Clip at the gradient's usual norm ({limit:g}) or not at all.",
        code=f"torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={limit:g})",
        change=Change(summary="no clipping", optimizer=unclip),
        why=said.strip(),
        size=1,
        edits=(Edit(act=Act.LIMIT, new=f"{limit:g}"),),
    )
