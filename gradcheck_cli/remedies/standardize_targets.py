"""Let the network predict targets of mean 0 and standard deviation 1.

Works because  A network's first outputs are of size 1. Targets in the thousands make a loss, and steps,
               that are a million times too large; tiny ones make none.
Costs          Predictions have to be scaled back: output * std + mean.
Not for        Classes, and targets that are probabilities.
Sources        LeCun et al. 1998, Efficient BackProp, section 4.5.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gradcheck_cli.features.mismatch import drowned
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.fit_output import through
from gradcheck_cli.rules.answers import speaks_against
from gradcheck_cli.targets.change import Change


@remedy("standardize-targets", treats=("target-scale",), risk=REVIEW, part="loss")
def standardize_targets(case: Case) -> Iterator[Draft]:
    """Draft the scale of the targets seen, between lowest and highest."""
    if drowned(case.trace) or speaks_against(case.trace, "parts-learn"):
        yield Draft(
            summary="Bring the tasks to one size: standardize the targets of the large one, or weigh the terms.",
            code="target = (target - mean) / std  # each task's own, of the training set",
            cannot="only its author knows what each task is worth",
            size=1,
        )
        return
    data = case.trace.data
    if data.target_low is None or data.target_high is None:
        return
    mean = float(f"{(data.target_low + data.target_high) / 2:.3g}")
    std = float(f"{(data.target_high - data.target_low) / 4:.3g}") or 1.0  # of most distributions

    def scaled(output: Tensor) -> Tensor:
        return output * std + mean if torch.is_floating_point(output) else output

    yield Draft(
        summary=f"Predict (target - {mean:g}) / {std:g}.",
        code=f"target = (target - {mean:g}) / {std:g}  # and output * {std:g} + {mean:g} to predict",
        change=Change(summary="standardize targets", loss=through(scaled)),
        size=1,
    )
