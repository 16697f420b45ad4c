"""Give the optimizer the parameters it was not given.

Works because  An optimizer moves only what it holds; the others have gradients that nobody applies.
Costs          Optimizer state for these parameters.
Not for        Parts that another optimizer or an average (EMA, target network) is to move.
Sources        PyTorch documentation of torch.optim.Optimizer.
"""

import weakref
from collections.abc import Iterator

import torch
from torch import nn

from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.wording import names
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.optimizers import ids_held_by


def held() -> Change:
    """Return the change that adds all parameters of the model that no group holds."""
    built: list[weakref.ref[nn.Module]] = []

    def remember(model: nn.Module) -> None:
        built[:] = [weakref.ref(model)]

    def add(optimizer: torch.optim.Optimizer) -> None:
        model = built[-1]() if built else None
        if model is None:
            return
        known = ids_held_by(optimizer)
        missing = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
        if missing:
            optimizer.add_param_group({"params": missing})

    return Change(summary="optimize all parameters", model=remember, optimizer=add)


@remedy(
    "optimize-all-parameters",
    treats=("optimizer-misses-parameters", "unfrozen-too-late", "added-after-optimizer"),
    risk=REVIEW,
    part="wiring",
)
def optimize_all_parameters(case: Case) -> Iterator[Draft]:
    """Draft the addition of what is missing."""
    known = ids_held_by(*case.training.optimizers)
    missing = [
        name for name, p in case.model.named_parameters() if p.requires_grad and id(p) not in known
    ]
    if not missing:
        return
    paths = list(dict.fromkeys(name.rpartition(".")[0] for name in missing))
    yield Draft(
        summary=f"Give the optimizer the parameters of {names(paths)} too.",
        code="optimizer = torch.optim.AdamW(model.parameters(), ...)  # all of them",
        change=held(),
        layers=tuple(paths),
        size=1,
        edits=(Edit(act=Act.PARAMETERS),),
    )
