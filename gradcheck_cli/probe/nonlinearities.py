"""What each nonlinearity does to a gradient: its slope, and where it is flat."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

Slope = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Nonlinearity:
    """One nonlinearity. `slope(x, y)` is dy/dx; flat is a slope below 1 % of the steepest."""

    name: str
    slope: Slope
    steepest: float = 1.0
    can_die: bool = False  # exactly 0, value and slope, for a whole half-line
    saturates: bool = False  # flat on both sides

    def flat(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return bool, shaped as x: where the slope is below 1 % of the steepest."""
        return self.slope(x, y).abs() < 0.01 * self.steepest


def _numeric(function: Callable[[torch.Tensor], torch.Tensor]) -> Slope:
    """Central difference, for nonlinearities whose derivative is not a short expression."""

    def slope(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        h = 1e-3
        return (function(x + h) - function(x - h)) / (2 * h)

    return slope


def _between(low: float, high: float) -> Slope:
    return lambda x, _: ((x > low) & (x < high)).to(x.dtype)


KNOWN: dict[str, Nonlinearity] = {
    n.name: n
    for n in (
        Nonlinearity("relu", lambda x, _: (x > 0).to(x.dtype), can_die=True),
        Nonlinearity("relu6", _between(0, 6), can_die=True),
        Nonlinearity("threshold", lambda _, y: (y != 0).to(y.dtype), can_die=True),
        Nonlinearity("sigmoid", lambda _, y: y * (1 - y), 0.25, saturates=True),
        Nonlinearity("logsigmoid", lambda x, _: torch.sigmoid(-x)),
        Nonlinearity("tanh", lambda _, y: 1 - y * y, saturates=True),
        Nonlinearity("hardtanh", _between(-1, 1), saturates=True),
        Nonlinearity("hardsigmoid", lambda x, y: _between(-3, 3)(x, y) / 6, 1 / 6, saturates=True),
        Nonlinearity("softsign", lambda _, y: (1 - y.abs()) ** 2, saturates=True),
        Nonlinearity("leaky_relu", lambda x, y: torch.where(x == 0, torch.ones_like(x), y / x)),
        Nonlinearity("prelu", lambda x, y: torch.where(x == 0, torch.ones_like(x), y / x)),
        Nonlinearity("rrelu", lambda x, y: torch.where(x == 0, torch.ones_like(x), y / x)),
        Nonlinearity("gelu", _numeric(functional.gelu)),
        Nonlinearity("silu", _numeric(functional.silu)),
        Nonlinearity("mish", _numeric(functional.mish)),
        Nonlinearity("hardswish", _numeric(functional.hardswish)),
        Nonlinearity("elu", _numeric(functional.elu)),
        Nonlinearity("celu", _numeric(functional.celu)),
        Nonlinearity("selu", _numeric(functional.selu), 1.7581),
        Nonlinearity("softplus", lambda x, _: torch.sigmoid(x)),
        Nonlinearity("tanhshrink", lambda x, _: torch.tanh(x) ** 2),
    )
}

# Other spellings of the same functions, by the name torch gives the call.
ALIASES = {
    "relu_": "relu",
    "relu6_": "relu6",
    "threshold_": "threshold",
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
