"""Scale each layer until its output has variance 1 on the first batch (LSUV).

Works because  It measures the gain that the other schemes assume, so it also fits activations and
               wirings for which no formula is known.
Costs          A few forward passes before the first step; the batch should be typical.
Not for        Pretrained weights.
Sources        Mishkin & Matas 2016, arXiv:1511.06422, algorithm 1.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.initialize_orthogonally import orthogonal
from gradcheck_cli.remedies.surgery import together, touch
from gradcheck_cli.remedies.weights import drawable
from gradcheck_cli.remedies.wording import listed, names, paste, where
from gradcheck_cli.targets.change import Change

SMALLEST = 1e-12
ROUNDS = 2


class OnFirstBatch:
    """Scales the layers at `paths` when the model is called for the first time."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths
        self.busy = False

    def install(self, model: nn.Module) -> None:
        """Wait for the first batch."""
        handle = model.register_forward_pre_hook(self.fit, with_kwargs=True)
        self.handle = handle

    def fit(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Scale layer after layer in the order in which they run."""
        if self.busy:
            return
        self.busy = True
        self.handle.remove()
        mode = model.training
        model.eval()  # leaves running statistics and dropout alone
        with torch.no_grad():
            for path in self.paths:
                for _ in range(ROUNDS):
                    _scale(model, path, args, kwargs)
        model.train(mode)
        self.busy = False


def _scale(model: nn.Module, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    layer = model.get_submodule(path)
    seen: list[float] = []

    def read(_: nn.Module, __: object, output: Tensor) -> None:
        seen.append(float(output.float().std()))

    with layer.register_forward_hook(read):
        model(*args, **kwargs)
    if seen and seen[0] > SMALLEST:
        assert isinstance(layer.weight, Tensor)
        layer.weight.div_(seen[0])


@remedy(
    "initialize-on-data",
    treats=("init-too-small", "init-too-large", "depth-without-normalization", "constant-factor"),
    risk=SAFE,
    part="initialization",
)
def initialize_on_data(case: Case) -> Iterator[Draft]:
    """Draft orthogonal weights scaled on the first batch."""
    layers = drawable(case)
    if not layers:
        return
    paths = tuple(x.path for x in layers)

    def install(model: nn.Module) -> None:
        OnFirstBatch(paths).install(model)

    yield Draft(
        summary=f"Scale {names(paths)} on the first batch until their outputs have variance 1.",
        code=paste(
            where(layers),
            f"for name in {listed(paths)}:  # in the order in which they run",
            "    layer = model.get_submodule(name)",
            "    nn.init.orthogonal_(layer.weight)",
            "    with torch.no_grad(), layer.register_forward_hook(",
            "        lambda m, _, out: m.weight.div_(out.std())  # bias at 0",
            "    ):",
            "        model(inputs)",
        ),
        change=together(
            "variance 1 on the first batch",
            [
                Change(summary="orthogonal", model=touch(paths, orthogonal(1.0))),
                Change(summary="scale", model=install),
            ],
        ),
        layers=paths,
        size=2,
    )
