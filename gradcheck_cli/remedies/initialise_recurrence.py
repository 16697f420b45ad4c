"""Start the recurrence as a rotation or the identity, and open the forget gates.

Works because  The gradient through k time steps is a product of k recurrent matrices: with an
               orthogonal one no direction is lost, and a forget gate that starts near 1 keeps the
               cell as it is.
Costs          Nothing at run time; a network that must forget takes longer to learn it.
Not for        Pretrained recurrent weights.
Sources        Le et al. 2015, arXiv:1504.00941; Jozefowicz et al. 2015, section 2.4; Tallec &
               Ollivier 2018, arXiv:1804.11188 (chrono initialisation).
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from gradcheck_cli.records.trace import Layer
from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import touch
from gradcheck_cli.remedies.weights import drawable
from gradcheck_cli.remedies.wording import first_site, listed, names, paste, where
from gradcheck_cli.targets.change import Change

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)
GATES = {"LSTM": 4, "LSTMCell": 4, "GRU": 3, "GRUCell": 3}


def recurrent(case: Case) -> tuple[Layer, ...]:
    """Return the recurrent layers of the model."""
    return tuple(x for x in case.trace.weight_layers if isinstance(case.module(x), RECURRENT))


def rotate(module: nn.Module) -> None:
    """Make each hidden-to-hidden block orthogonal, biases 0, forget gates open."""
    _start(module, nn.init.orthogonal_)


def stay(module: nn.Module) -> None:
    """Make each hidden-to-hidden block the identity, biases 0, forget gates open."""
    _start(module, nn.init.eye_)


def _start(module: nn.Module, fill: Callable[[torch.Tensor], Any]) -> None:
    gates = GATES.get(type(module).__name__, 1)
    for name, parameter in module.named_parameters(recurse=False):
        if "weight_hh" in name:
            for block in parameter.chunk(gates):
                block.copy_(fill(torch.empty_like(block)))
        elif "bias" in name:
            parameter.zero_()
            if gates == 4 and "bias_ih" in name:
                parameter.chunk(gates)[1].fill_(1.0)  # order of gates: input, forget, cell, output


def _helper(fill: str) -> str:
    return (
        "def start_recurrence(layer: nn.Module) -> None:\n"
        '    """Let states and gradients pass through time unchanged."""\n'
        "    if isinstance(layer, (nn.RNN, nn.LSTM, nn.GRU)):\n"
        "        for name, weight in layer.named_parameters():\n"
        '            if "weight_hh" in name:\n'
        "                for block in weight.data.split(layer.hidden_size):\n"
        f"                    nn.init.{fill}(block)\n"
        '            elif "bias" in name:\n'
        "                nn.init.zeros_(weight)\n"
        '            if "bias_ih" in name and isinstance(layer, nn.LSTM):\n'
        "                nn.init.ones_(weight.data.split(layer.hidden_size)[1])\n"
    )


@remedy(
    "initialise-recurrence",
    treats=("long-recurrence", "init-too-large", "init-too-small"),
    risk=SAFE,
    part="initialisation",
)
def initialise_recurrence(case: Case) -> Iterator[Draft]:
    """Draft a rotation, then the identity."""
    yield from _of_repeated(repeated(case))
    layers = recurrent(case)
    if not layers:
        return
    paths = [x.path for x in layers]
    for said, act, fill in (("orthogonal", rotate, "orthogonal_"), ("identity", stay, "eye_")):
        yield Draft(
            summary=f"Start the recurrent weights of {names(paths)} as {said} matrices.",
            code=paste(
                where(layers),
                _helper(fill),
                f"for name in {listed(paths)}:\n    start_recurrence(model.get_submodule(name))",
            ),
            change=Change(summary=f"{said} recurrence", model=touch(paths, act)),
            layers=tuple(paths),
            at=first_site(layers),
            size=2,
            edits=(
                Edit(act=Act.FINISH, new="{model}.apply(start_recurrence)", needs=_helper(fill)),
            ),
        )


def repeated(case: Case) -> tuple[Layer, ...]:
    """Return the square linear layers that a loop of the user's calls again and again."""
    suspects = case.cause.layers if case.cause.name == "long-recurrence" else ()
    return tuple(
        x
        for x in drawable(case)
        if x.path in suspects
        and x.calls > 1
        and isinstance(module := case.module(x), nn.Linear)
        and module.in_features == module.out_features
    )


def _of_repeated(layers: tuple[Layer, ...]) -> Iterator[Draft]:
    """Draft for layers that turn a state over and over as for those of torch that do."""
    paths = [x.path for x in layers]
    fills: tuple[tuple[str, Callable[[torch.Tensor], Any]], ...] = (
        ("orthogonal", nn.init.orthogonal_),
        ("identity", nn.init.eye_),
    )
    for said, fill in fills if layers else ():
        yield Draft(
            summary=f"Start {names(paths)}, called again and again, as {said} matrices.",
            code=paste(
                where(layers),
                f"for name in {listed(paths)}:\n"
                f"    nn.init.{fill.__name__}(model.get_submodule(name).weight)",
            ),
            change=Change(summary=f"{said} recurrence", model=touch(paths, _filled(fill))),
            layers=tuple(paths),
            at=first_site(layers),
            size=2,
        )


def _filled(fill: Callable[[torch.Tensor], Any]) -> Callable[[nn.Module], None]:
    def act(module: nn.Module) -> None:
        assert isinstance(module.weight, torch.Tensor)
        fill(module.weight)

    return act
