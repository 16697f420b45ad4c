"""The nonlinearities of torch: how steep they are at most, where they die, where they are flat."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

Slope = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Nonlinearity:
    """One nonlinearity. Flat is a slope below 1 % of the steepest."""

    name: str
    steepest: float = 1.0
    can_die: bool = False  # exactly 0, value and slope, for a whole half-line
    saturates: bool = False  # flat on both sides
    slope_of_output: Slope | None = None  # dy/dx from y, for calls that overwrite their argument
    # dy/dx from x as autograd has it, where that needs no graph
    slope_of_input: Slope | None = None
    random: bool = False  # calling it again would draw random numbers


def _is(values: torch.Tensor) -> torch.Tensor:
    return values.to(torch.float32)


def _leaky(y: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(y)  # never flat: which of its two slopes matters little


KNOWN: dict[str, Nonlinearity] = {
    n.name: n
    for n in (
        Nonlinearity(
            "relu",
            can_die=True,
            slope_of_output=lambda y: _is(y > 0),
            slope_of_input=lambda x: (~(x <= 0)).to(x.dtype),
        ),
        Nonlinearity("relu6", can_die=True, slope_of_output=lambda y: _is((y > 0) & (y < 6))),
        Nonlinearity("threshold", can_die=True, slope_of_output=lambda y: _is(y != 0)),
        Nonlinearity("sigmoid", 0.25, saturates=True, slope_of_output=lambda y: y * (1 - y)),
        Nonlinearity("logsigmoid"),
        Nonlinearity("tanh", saturates=True, slope_of_output=lambda y: 1 - y * y),
        Nonlinearity(
            "hardtanh",
            saturates=True,
            slope_of_output=lambda y: _is((y > y.min()) & (y < y.max())),
        ),
        Nonlinearity(
            "hardsigmoid",
            1 / 6,
            saturates=True,
            slope_of_output=lambda y: _is((y > 0) & (y < 1)) / 6,
        ),
        Nonlinearity("softsign", saturates=True),
        Nonlinearity("leaky_relu", slope_of_output=_leaky),
        Nonlinearity("prelu"),
        Nonlinearity("rrelu", slope_of_output=_leaky, random=True),
        Nonlinearity("gelu"),
        Nonlinearity("silu"),
        Nonlinearity("mish"),
        Nonlinearity("hardswish"),
        Nonlinearity("elu", slope_of_output=lambda y: torch.where(y > 0, 1.0, y + 1)),
        Nonlinearity("celu", slope_of_output=lambda y: torch.where(y > 0, 1.0, y + 1)),
        Nonlinearity("selu", 1.7581),
        Nonlinearity("softplus"),
        Nonlinearity("tanhshrink"),
    )
}

# Other spellings of the same functions, by the name torch gives the call.
ALIASES = {
    "relu_": "relu",
    "relu6_": "relu6",
    "threshold_": "threshold",
    "_threshold": "threshold",
    "sigmoid_": "sigmoid",
    "expit": "sigmoid",
    "tanh_": "tanh",
    "hardtanh_": "hardtanh",
    "log_sigmoid": "logsigmoid",
    "leaky_relu_": "leaky_relu",
    "rrelu_": "rrelu",
    "elu_": "elu",
    "celu_": "celu",
    "selu_": "selu",
    "swish": "silu",
}


def find(name: str) -> Nonlinearity | None:
    """Return the nonlinearity that torch calls `name`, or None."""
    return KNOWN.get(ALIASES.get(name, name))
