"""Draw the weights as orthogonal matrices.

Works because  All singular values of each layer are equal, so a product of many layers neither
               shrinks nor stretches any direction; tanh networks of great depth become trainable.
Costs          A QR decomposition per layer at the start.
Not for        Pretrained weights.
Sources        Saxe et al. 2014, arXiv:1312.6120; Pennington et al. 2017, arXiv:1711.04735.
"""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import together, touch
from gradcheck_cli.remedies.weights import drawable, gain_of, grouped, helper
from gradcheck_cli.remedies.wording import listed, names, paste, where
from gradcheck_cli.targets.change import Change


def orthogonal(gain: float) -> Callable[[nn.Module], None]:
    """Return the act that draws one layer."""

    def act(module: nn.Module) -> None:
        assert isinstance(module.weight, Tensor)
        nn.init.orthogonal_(module.weight, gain=gain)
        if isinstance(module.bias, Tensor):
            module.bias.zero_()

    return act


@remedy(
    "initialize-orthogonally",
    treats=("init-too-small", "init-too-large", "depth-without-normalization"),
    risk=SAFE,
    part="initialization",
)
def initialize_orthogonally(case: Case) -> Iterator[Draft]:
    """Draft one draw for all linear and convolutional layers."""
    layers = drawable(case)
    if not layers:
        return
    changes, blocks = [], []
    lines: list[str] = []
    for activation, paths in grouped(layers).items():
        gain = gain_of(activation)
        changes.append(Change(summary=activation, model=touch(paths, orthogonal(gain))))
        lines.append(f"nn.init.orthogonal_(layer.weight, gain={gain:.4g})")
        blocks.append(
            f"for name in {listed(paths)}:\n"
            "    layer = model.get_submodule(name)\n"
            f"    nn.init.orthogonal_(layer.weight, gain={gain:.4g})\n"
            "    if layer.bias is not None:\n"
            "        nn.init.zeros_(layer.bias)"
        )
    needs = helper(case, layers, lines, "Keep every direction of signals and gradients.")
    yield Draft(
        summary=f"Initialize {names([x.path for x in layers])} with orthogonal matrices.",
        code=paste(where(layers), *blocks),
        change=together("orthogonal", changes),
        layers=tuple(x.path for x in layers),
        size=2,
        edits=(Edit(act=Act.FINISH, new="{model}.apply(initialize)", needs=needs),)
        if needs
        else (),
    )
