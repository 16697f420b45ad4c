"""Run a few steps under the recorder."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import nn

from gradcheck_cli.probe.recorder import Recorder
from gradcheck_cli.records.trace import Trace

Loss = Callable[[], torch.Tensor]


def train(
    model: nn.Module,
    loss: Loss,
    *,
    steps: int = 1,
    optimizer: torch.optim.Optimizer | None = None,
    inspect: bool = True,
    between: Callable[[], object] = lambda: None,
) -> Trace:
    """Watch `steps` ordinary steps; `between` runs after backward, before the update."""
    used = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = Recorder([model], [used])
    with recorder:
        for _ in range(steps):
            with recorder.step(inspect=inspect):
                used.zero_grad()
                value = loss()
                value.backward()
                between()
                used.step()
            recorder.finish_step(float(value.detach()))
    return recorder.trace()


def paths(trace: Trace) -> list[str]:
    """Layers that hold parameters and ran, in order."""
    return [x.path for x in trace.layers if x.parameters and x.calls]


def depths(trace: Trace) -> dict[str, int | None]:
    """Distance from the loss of every layer with parameters."""
    return {x.path: x.depth for x in trace.layers if x.parameters}


def seeded(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """Build in float64 from a seed."""
    torch.manual_seed(seed)
    return build().double()


def of_size(*shape: int, seed: int = 1) -> torch.Tensor:
    """Normal numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def sequential(widths: Sequence[int], between: Callable[[], nn.Module]) -> nn.Sequential:
    """Linear layers of these widths with a nonlinearity between."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), between()]
    return nn.Sequential(*layers[:-1])
