"""Is the network one linear layer, however many it has?"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.passes_over import hooked, quietly
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import Role
from gradcheck_cli.rules.base import number
from gradcheck_cli.targets.wording import tensors_in

CHANGE = 1e-4  # of the spread of outputs: above rounding in float32
LARGE = 100.0  # root mean square of the inputs: small ones see the slope of a smooth function alone
# Of the size of outputs; what hardly depends on the input adds up whatever lies between.
FLAT = 1e-3


@experiment("superposition", "Is the network more than a single linear layer?", doubtful=True)
def superposition(scene: Scene) -> Iterator[Said]:
    """Add up the inputs of two samples and compare the output with the sum of theirs.

    Procedure  at the start, in evaluation mode, without dropout, at the last layer with weights, inputs made large:
               f(a + b) against f(a) + f(b) - f(0), for networks of two such layers and more, where the run does
               not learn.
    Answers    fine: they differ. Noted: they are equal: nothing nonlinear lies between the layers, which
               are worth no more than a single one. Whether that keeps the run from learning is tried by
               `nonlinear-layers`.
    Costs      four forward passes.
    Sources    Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 6.1 (XOR).
    """
    scene.require_doubt()
    subject = scene.subject
    chain, inputs = hidden(scene), subject.inputs(subject.batches[0])
    [name, x] = next(iter(inputs.items()), ("", torch.zeros(0)))
    if len(chain) < 2 or len(inputs) != 1 or not x.is_floating_point() or len(x) < 2:
        raise NotApplicableError("there is one layer, or not one input of numbers")
    x = x * (LARGE / max(float(x.square().mean().sqrt()), 1e-30))
    at_last = partial(_output_of, chain[-1], subject, name)
    with quietly(subject, moment="start"):  # dead units are linear, too
        other = x.flip(0)
        first, second = at_last(x), at_last(other)
        gap = at_last(x + other) + at_last(torch.zeros_like(x)) - first - second
    if not float(first.std(0).max()) > FLAT * float(first.abs().max()):
        raise NotApplicableError("outputs hardly depend on the input")
    off = float(gap.abs().max()) / float(first.std())
    linear = off <= CHANGE
    yield Said(
        outcome=Outcome.NOTED if linear else Outcome.FINE,
        said=f"the output of a sum of inputs is the sum of the outputs (off by {number(100 * off)} % of their "
        f"spread): nothing nonlinear lies between the {len(chain)} layers, which are worth a single one"
        if linear
        else f"the output of a sum of inputs is off the sum of the outputs by {number(100 * off)} % of their spread",
        measured=100 * off,
        limit=100 * CHANGE,
        unit="%",
        supports=("no-nonlinearity",) if linear else (),
    )


def _output_of(layer: nn.Module, subject: Subject, name: str, values: Tensor) -> Tensor:
    """Return what a layer gives for other values of the input."""
    seen: list[Tensor] = []

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        seen.extend(tensors_in(output)[:1])

    with hooked([layer], note):
        subject.outputs(subject.batches[0], {name: values})
    if not seen:
        raise NotApplicableError("the last layer was not called")
    return seen[-1].detach().double()


def hidden(scene: Scene) -> list[nn.Module]:
    """Return the modules of the linear layers in the order in which they run; none where one is no module."""
    layers = sorted(
        (x for x in scene.trace.weight_layers if x.role is Role.LINEAR), key=lambda x: x.order
    )
    try:
        return [scene.subject.model.get_submodule(x.path) for x in layers]
    except AttributeError:
        return []


def bent(layers: list[nn.Module]) -> AbstractContextManager[None]:
    """Put a ReLU behind each of these layers."""
    return hooked(layers, lambda _m, _i, out: out.relu() if isinstance(out, Tensor) else None)
