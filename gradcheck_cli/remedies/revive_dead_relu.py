"""Bring dead rectifiers back: a leak on the negative side, and biases back to zero.

Works because  A unit that is negative on every sample has output 0 and slope 0 and can never leave
               that state; a leak of 0.01 gives it a gradient, a bias of 0 puts half of the samples
               on the positive side again.
Costs          Activations are no longer exactly sparse.
Not for        Layers whose zeros are wanted: masks, sparse codes, ReLU before a square root.
Sources        Maas et al. 2013; Lu et al. 2019, arXiv:1903.06733.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from gradcheck_cli.ops import DYING
from gradcheck_cli.records.trace import Role
from gradcheck_cli.remedies.activations import hidden, reachable
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.remedies.change_learning_rate import scaled
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import together, touch
from gradcheck_cli.remedies.swap_activation import code, edits, swapped
from gradcheck_cli.remedies.wording import listed, names, paste
from gradcheck_cli.targets.change import Change

HELPER = '''def reset_bias(layer: nn.Module) -> None:
    """Put half of the samples on the positive side of each unit again."""
    if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
'''


def _zero_bias(module: nn.Module) -> None:
    if isinstance(module.bias, Tensor):
        module.bias.zero_()


@remedy("revive-dead-relu", treats=("dead-relu",), risk=REVIEW, part="activation")
def revive_dead_relu(case: Case) -> Iterator[Draft]:
    """Draft leak and biases, then the same with a tenth of the learning rate."""
    layers = tuple(reachable(hidden(case.trace, DYING)))
    weighted = [x.path for x in case.trace.weight_layers if x.role is Role.LINEAR]
    weighted = [
        path
        for path in weighted
        if getattr(case.model.get_submodule(path), "bias", None) is not None
    ]
    if not layers or not weighted:
        return
    paths = [x.path for x in layers]
    leak = swapped(layers, "LeakyReLU")
    reset = Change(summary="biases to 0", model=touch(weighted, _zero_bias))
    lines = paste(
        code(layers, "LeakyReLU"),
        f"for name in {listed(weighted)}:\n    nn.init.zeros_(model.get_submodule(name).bias)",
    )
    made = (
        *edits(layers, "LeakyReLU"),
        Edit(act=Act.FINISH, new="{model}.apply(reset_bias)", needs=HELPER),
    )
    yield Draft(
        summary=f"Give {names(paths)} a leak (LeakyReLU) and set the biases to 0.",
        code=lines,
        change=together("leak, biases to 0", [leak, reset]),
        layers=tuple(paths),
        size=3,
        edits=made,
    )
    yield Draft(
        summary=f"Give {names(paths)} a leak, set the biases to 0, use a tenth of the learning rate.",
        code=paste(lines, "# and lr / 10 in the optimizer"),
        change=together("leak, biases to 0, lr / 10", [leak, reset, scaled(0.1)]),
        layers=tuple(paths),
        size=4,
    )
