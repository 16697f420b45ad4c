"""The initial values that suit each activation, and which layers are to receive them."""

from collections.abc import Callable, Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from gradcheck_cli.records.trace import Layer, Role
from gradcheck_cli.remedies.activations import RECTIFIERS, spelled
from gradcheck_cli.remedies.base import Case
from gradcheck_cli.remedies.surgery import WEIGHTED

GAINS = {"tanh": 5 / 3, "selu": 3 / 4, "sigmoid": 1.0}
Setter = Callable[[Tensor], object]


def drawable(case: Case) -> tuple[Layer, ...]:
    """Return the linear and convolutional layers that may be initialised again."""
    return tuple(
        x
        for x in case.trace.weight_layers
        if x.role is Role.LINEAR and isinstance(case.module(x), WEIGHTED) and x.trainable
    )


def setter(activation: str) -> tuple[Setter, str]:
    """Return how to draw a weight before this activation, and the line of code that does it."""
    if activation in RECTIFIERS:
        return (
            lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
            'nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")',
        )
    if activation == "selu":
        return (
            lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear"),
            'nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")',
        )
    gain = GAINS.get(activation, 1.0)
    said = f", gain={gain:.3g}" if gain != 1 else ""
    return (
        lambda w: nn.init.xavier_normal_(w, gain=gain),
        f"nn.init.xavier_normal_(layer.weight{said})",
    )


def gain_of(activation: str) -> float:
    """Return the factor on an orthogonal weight that keeps the variance."""
    return sqrt(2) if activation in RECTIFIERS else GAINS.get(activation, 1.0)


def draw(layers: Sequence[Layer], after: str | None = None) -> Callable[[nn.Module], None]:
    """Return an edit that draws each layer for the activation behind it (`after`, when swapped)."""
    plan = [(x.path, after if after and x.activation else spelled(x.activation)) for x in layers]

    def edit(model: nn.Module) -> None:
        with torch.no_grad():
            for path, activation in plan:
                module = model.get_submodule(path)
                weight, bias = module.weight, module.bias
                assert isinstance(weight, Tensor)
                setter(activation)[0](weight)
                if isinstance(bias, Tensor):
                    bias.zero_()

    return edit


def follows(layers: Sequence[Layer]) -> dict[str, list[str]]:
    """Group the paths by the activation that follows."""
    groups: dict[str, list[str]] = {}
    for layer in layers:
        groups.setdefault(spelled(layer.activation), []).append(layer.path)
    return groups
