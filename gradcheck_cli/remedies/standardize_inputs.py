"""Bring the inputs to mean 0 and standard deviation 1 before the first layer.

Works because  The first layer's pre-activations and its gradient are proportional to its inputs:
               values in the hundreds saturate units and make one learning rate unfit for all.
Costs          The same two numbers must be used when the model is applied.
Not for        Indices of embeddings, one-hot inputs, images a pretrained network expects as they are.
Sources        LeCun et al. 1998, Efficient BackProp, section 4.3.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.targets.change import Change

SMALLEST = 1e-8


HELPER = '''class Standardize(nn.Module):
    """Brings inputs to mean 0 and standard deviation 1."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the standardized inputs."""
        return (inputs - self.mean) / self.std
'''


class PerFeature(nn.Module):
    """Standardizes each feature of a batch [samples, features] with running statistics."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features, affine=False)

    def hook(self, _: nn.Module, inputs: tuple[object, ...]) -> tuple[object, ...]:
        """Standardize the first input of a forward."""
        first, *others = inputs
        if isinstance(first, Tensor) and first.is_floating_point():
            first = self.norm(first)
        return (first, *others)


def _per_feature(features: int) -> Change:
    def edit(model: nn.Module) -> None:
        front = PerFeature(features)
        model.add_module("standardized_input", front)
        model.register_forward_pre_hook(front.hook)

    return Change(summary="standardize each input feature", model=edit)


@remedy(
    "standardize-inputs",
    treats=("unnormalized-input", "saturating-activation"),
    risk=SAFE,
    part="inputs",
)
def standardize_inputs(case: Case) -> Iterator[Draft]:
    """Draft one scale for all features, then one for each feature of a flat input."""
    data = case.trace.data
    mean, std = data.input_mean, data.input_std
    if mean is None or not std or std < SMALLEST:
        return
    if case.cause.name != "unnormalized-input" and 0.3 < std < 3 and abs(mean) < 3:
        return
    shift, scale = float(f"{mean:.4g}"), float(f"{std:.4g}")

    def standardize(inputs: Tensor) -> Tensor:
        return (inputs - shift) / scale if torch.is_floating_point(inputs) else inputs

    yield Draft(
        summary=f"Standardize the inputs: (x - {shift:g}) / {scale:g}.",
        code=f"inputs = (inputs - {shift:g}) / {scale:g}  # mean and std of the data",
        change=Change(summary="standardize inputs", inputs=standardize),
        size=1,
        edits=(
            Edit(
                act=Act.FRONT,
                new=f"Standardize({shift:g}, {scale:g})",
                needs=HELPER,
            ),
        ),
    )
    shape = data.input_shapes[0] if data.input_shapes else ()
    if len(shape) == 2:
        yield Draft(
            summary=f"Standardize each of the {shape[1]} input features by itself.",
            code=f"model = nn.Sequential(nn.BatchNorm1d({shape[1]}, affine=False), model)",
            change=_per_feature(shape[1]),
            size=3,
            edits=(Edit(act=Act.FRONT, new=f"nn.BatchNorm1d({shape[1]}, affine=False)"),),
        )
