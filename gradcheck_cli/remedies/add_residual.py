"""Add skip connections around the hidden layers.

Works because  y = x + f(x) hands the gradient down unchanged however small that of f is.
Costs          Input and output of a block need the same shape; the signal grows with depth, so
               normalize or start the branches small.
Not for        Layers that change the width; shallow networks.
Sources        He et al. 2016, arXiv:1512.03385; Zhang et al. 2019, arXiv:1901.09321.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gradcheck_cli.records.trace import Role
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.surgery import exchange
from gradcheck_cli.remedies.wording import listed, names, paste, where
from gradcheck_cli.targets.change import Change

FEWEST = 4
HELPER = '''class Residual(nn.Module):
    """Adds what a layer computes to what it received."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layer(x)
'''


class Residual(nn.Module):
    """Adds what a layer computes to what it received."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Return x + layer(x)."""
        out: Tensor = x + self.layer(x)
        return out


@remedy("add-residual", treats=("depth-without-normalization",), risk=REVIEW, part="skips")
def add_residual(case: Case) -> Iterator[Draft]:
    """Draft skips around every hidden linear layer that keeps the width."""
    if case.trace.skips:
        return
    layers = []
    for layer in case.trace.weight_layers:
        module = case.module(layer)
        square = isinstance(module, nn.Linear) and module.in_features == module.out_features
        if layer.role is Role.LINEAR and square and layer.depth != 0:
            layers.append(layer)
    if len(layers) < FEWEST:
        return
    paths = [x.path for x in layers]
    shrink = 1 / len(layers) ** 0.5

    def wrap(module: nn.Module) -> nn.Module:
        assert isinstance(module, nn.Linear)
        with torch.no_grad():
            nn.init.xavier_normal_(module.weight, gain=shrink)
        return Residual(module)

    yield Draft(
        summary=f"Add skip connections around {names(paths)}, branches started small.",
        code=paste(
            where(layers),
            HELPER,
            f"for name in {listed(paths)}:",
            "    layer = model.get_submodule(name)",
            f"    nn.init.xavier_normal_(layer.weight, gain={shrink:.3g})",
            "    model.set_submodule(name, Residual(layer))",
        ),
        change=Change(summary="skip connections", model=exchange(paths, wrap)),
        layers=tuple(paths),
        size=4,
    )
