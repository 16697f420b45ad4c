"""Start the recurrence as a rotation or the identity, and let the gates keep the state.

Works because  The gradient through k time steps is a product of k recurrent matrices: with an
               orthogonal one no direction is lost. A gate that keeps 1 - 1/k of the state remembers
               for k steps: its bias is log(k - 1), drawn for every k up to the sequence's length.
Costs          Nothing at run time; a network that must forget takes longer to learn it.
Not for        Pretrained recurrent weights.
Sources        Le et al. 2015, arXiv:1504.00941; Jozefowicz et al. 2015, section 2.4; Tallec &
               Ollivier 2018, arXiv:1804.11188 (chrono initialization).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from gradcheck_cli.records.trace import Layer
from gradcheck_cli.remedies.base import SAFE, Case, Draft, remedy
from gradcheck_cli.remedies.edits import Act, Edit
from gradcheck_cli.remedies.surgery import touch
from gradcheck_cli.remedies.weights import drawable
from gradcheck_cli.remedies.wording import listed, names, paste, where
from gradcheck_cli.targets.change import Change

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)
GATES = {"LSTM": 4, "LSTMCell": 4, "GRU": 3, "GRUCell": 3}
SHORTEST = 8  # steps: what need not be remembered for longer needs no gates that do
_REMEMBER = '''def start_gates(layer: nn.Module, steps: int) -> None:
    """Let the gates of a recurrent layer forget over 1 to `steps` steps."""
    if isinstance(layer, (nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell)):
        size = layer.hidden_size
        for name, weight in layer.named_parameters():
            if "weight_hh" in name:
                for block in weight.data.split(size):
                    nn.init.orthogonal_(block)
            elif "bias" in name:
                nn.init.zeros_(weight)
            if "bias_ih" in name:
                keep = torch.empty(size, device=weight.device).uniform_(1, steps - 1).log_()
                weight.data[size : 2 * size] = keep  # forget gate of an LSTM, update gate of a GRU
                if isinstance(layer, (nn.LSTM, nn.LSTMCell)):
                    weight.data[:size] = -keep  # and its input gate
'''


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


def remember(module: nn.Module, steps: int) -> None:
    """Start as a rotation whose gates forget over 1 to `steps` steps.

    The bias of the gate that keeps the state is log(u), u uniform in [1, steps - 1]; an LSTM's input
    gate gets its negative (Tallec & Ollivier 2018, section 2).
    """
    rotate(module)
    gates = GATES[type(module).__name__]
    for name, bias in module.named_parameters(recurse=False):
        if "bias_ih" in name:
            keep = torch.empty_like(bias.chunk(gates)[1]).uniform_(1, steps - 1).log_()
            bias.chunk(gates)[1].copy_(keep)  # an LSTM's forget gate, a GRU's update gate
            if gates == 4:
                bias.chunk(gates)[0].copy_(-keep)


def _length(case: Case, layers: tuple[Layer, ...]) -> int:
    """Return how many steps the longest of the recurrences takes, from the size of its outputs."""
    batch = case.trace.data.batch_size or 0
    longest = 0
    for layer in layers:
        module = case.module(layer)
        ways = 2 if getattr(module, "bidirectional", False) else 1
        width = ways * int(getattr(module, "hidden_size", 0)) * batch
        readings = [step.readings.get(layer.path) for step in case.trace.observed]
        counts = [r.output.count for r in readings if r is not None and r.output is not None]
        longest = max(longest, layer.calls, *(count // width for count in counts if width))
    return longest


def _to_remember(case: Case, layers: tuple[Layer, ...]) -> Iterator[Draft]:
    gated = tuple(x for x in layers if type(case.module(x)).__name__ in GATES)
    steps = _length(case, gated) if gated else 0
    if steps < SHORTEST:
        return
    paths = [x.path for x in gated]
    yield Draft(
        summary=f"Start the gates of {names(paths)} so that they remember for up to {steps} steps.",
        code=paste(
            where(gated),
            _REMEMBER,
            f"for name in {listed(paths)}:\n    start_gates(model.get_submodule(name), {steps})",
        ),
        change=Change(
            summary="gates that remember", model=touch(paths, partial(remember, steps=steps))
        ),
        layers=tuple(paths),
        size=2,
        edits=(
            Edit(
                act=Act.FINISH,
                new=f"{{model}}.apply(lambda layer: start_gates(layer, {steps}))",
                needs=_REMEMBER,
            ),
        ),
    )


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
    "initialize-recurrence",
    treats=("long-recurrence", "init-too-large", "init-too-small"),
    risk=SAFE,
    part="initialization",
)
def initialize_recurrence(case: Case) -> Iterator[Draft]:
    """Draft gates that keep the state, a rotation, then the identity."""
    yield from _of_repeated(repeated(case))
    layers = recurrent(case)
    if not layers:
        return
    paths = [x.path for x in layers]
    yield from _to_remember(case, layers)
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
            size=2,
        )


def _filled(fill: Callable[[torch.Tensor], Any]) -> Callable[[nn.Module], None]:
    def act(module: nn.Module) -> None:
        assert isinstance(module.weight, torch.Tensor)
        fill(module.weight)

    return act
