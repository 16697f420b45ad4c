"""The initial values that suit each activation, and which layers are to receive them."""

from collections.abc import Callable, Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from gradcheck_cli.ops import RECTIFIERS
from gradcheck_cli.records.trace import Layer, Role
from gradcheck_cli.remedies.activations import spelled
from gradcheck_cli.remedies.base import Case
from gradcheck_cli.remedies.surgery import WEIGHTED

GAINS = {"tanh": 5 / 3, "selu": 3 / 4, "sigmoid": 1.0}
MATRIX = 2  # dimensions
Setter = Callable[[Tensor], object]


def drawable(case: Case) -> tuple[Layer, ...]:
    """Return the linear and convolutional layers that may be initialized again."""
    return tuple(
        x
        for x in case.trace.weight_layers
        if x.role is Role.LINEAR and isinstance(case.module(x), WEIGHTED) and x.trainable
    )


def written(case: Case) -> dict[str, str]:
    """Return the matrices of layers that are no class of torch's, with the activation behind each.

    Which of the two dimensions is the input only the user knows. Matrices that start at zero are
    meant to (LoRA, gates).
    """
    return {
        parameter.name: spelled(x.activation)
        for x in case.trace.weight_layers
        if x.role is Role.LINEAR and not _is_of_torch(case.module(x))
        for parameter in x.parameters
        if parameter.trainable and len(parameter.shape) == MATRIX and parameter.std > 0
    }


def _is_of_torch(module: nn.Module | None) -> bool:
    return type(module).__module__.startswith("torch.nn.modules")


def draw_written(matrices: Mapping[str, str]) -> Callable[[nn.Module], None]:
    """Return an edit that draws each matrix after Xavier, whose fans are interchangeable."""

    def edit(model: nn.Module) -> None:
        for name, activation in matrices.items():
            nn.init.xavier_normal_(model.get_parameter(name), gain=gain_of(activation))

    return edit


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


def planned(layers: Sequence[Layer], after: str | None = None) -> dict[str, str]:
    """Return the activation each path is drawn for; `after` is what hidden ones are swapped to.

    The output layer is drawn like the hidden ones where those agree: one rule for a whole model.
    """
    hidden = {x.path: after or spelled(x.activation) for x in layers if x.depth and x.activation}
    kinds = {setter(activation)[1] for activation in hidden.values()}
    others = next(iter(hidden.values())) if len(kinds) == 1 else ""
    return {x.path: hidden.get(x.path, others) for x in layers}


def draw(layers: Sequence[Layer], after: str | None = None) -> Callable[[nn.Module], None]:
    """Return an edit that draws each layer for the activation behind it."""
    plan = planned(layers, after)

    def edit(model: nn.Module) -> None:
        with torch.no_grad():
            for path, activation in plan.items():
                module = model.get_submodule(path)
                weight, bias = module.weight, module.bias
                assert isinstance(weight, Tensor)
                setter(activation)[0](weight)
                if isinstance(bias, Tensor):
                    bias.zero_()

    return edit


def grouped(layers: Sequence[Layer], after: str | None = None) -> dict[str, list[str]]:
    """Group the paths by the activation they are drawn for."""
    groups: dict[str, list[str]] = {}
    for path, activation in planned(layers, after).items():
        groups.setdefault(activation, []).append(path)
    return groups


def helper(case: Case, layers: Sequence[Layer], lines: Sequence[str], said: str) -> str:
    """Return the source of a function for `model.apply`, '' where it would touch other layers."""
    drawn = {x.path for x in layers}
    alike = {p: m for p, m in case.model.named_modules() if isinstance(m, WEIGHTED)}
    if set(alike) != drawn or len(lines) != 1:
        return ""
    kinds = list(dict.fromkeys(f"nn.{type(m).__name__}" for m in alike.values()))
    shown = kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"
    biases = [m.bias is not None for m in alike.values()]
    body = [f"        {lines[0]}"]
    if all(biases):
        body.append("        nn.init.zeros_(layer.bias)")
    elif any(biases):
        body += ["        if layer.bias is not None:", "            nn.init.zeros_(layer.bias)"]
    head = [
        "def initialize(layer: nn.Module) -> None:",
        f'    """{said}"""',
        f"    if isinstance(layer, {shown}):",
    ]
    return "\n".join([*head, *body, ""])
