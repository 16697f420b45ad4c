"""What the gauges measure, computed slowly and obviously: everything kept, plain autograd."""

import copy
from dataclasses import dataclass, field

import torch
from torch import nn

from gradcheck_cli.records.reading import Moments
from tests.probe.problems import Problem


def moments(*tensors: torch.Tensor) -> Moments:
    """Return the six sums, element by element."""
    values = [v for t in tensors for v in t.detach().double().flatten().tolist()]
    good = [v for v in values if v - v == 0]
    return Moments(
        count=len(values),
        nonfinite=len(values) - len(good),
        zeros=sum(v == 0 for v in good),
        total=sum(good),
        square=sum(v * v for v in good),
        peak=max((abs(v) for v in good), default=0.0),
    )


def spread(outputs: list[torch.Tensor], axis: int = 0) -> float:
    """Return the variance across the batch over the mean square, both summed over units."""
    above = below = 0.0
    for output in outputs:
        for unit in output.detach().movedim(axis, 0).flatten(1).T:
            mean = unit.mean()
            above += float(((unit - mean) ** 2).mean())
            below += float((unit**2).mean())
    return above / below


def derivative(function: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return the slope of an elementwise function at each element of x."""
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(function(x).sum(), x)
    return slope


def cosine(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    """Return the cosine between two lists of tensors taken as one vector."""
    one, other = (torch.cat([t.flatten() for t in x]) for x in (a, b))
    return float(one @ other / (one.norm() * other.norm()))


@dataclass
class Twin:
    """One step of a problem with everything kept."""

    model: nn.Module
    outputs: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    before: dict[str, torch.Tensor] = field(default_factory=dict)

    def grads(self, layer: str) -> list[torch.Tensor]:
        """Gradients of the layer's matrices."""
        return [p.grad for p in self._own(layer) if p.dim() > 1 and p.grad is not None]

    def _own(self, layer: str) -> list[nn.Parameter]:
        return list(self.model.get_submodule(layer).parameters())

    def updates(self, layer: str) -> list[torch.Tensor]:
        """What the step changed in the layer's matrices."""
        named = self.model.get_submodule(layer).named_parameters()
        return [p.detach() - self.before[f"{layer}.{n}"] for n, p in named if p.dim() > 1]

    def matrices(self, layer: str) -> list[torch.Tensor]:
        """The layer's weights after the step."""
        return [p.detach() for p in self._own(layer) if p.dim() > 1]

    def vectors(self, layer: str) -> list[torch.Tensor]:
        """Gradients of the layer's other parameters."""
        return [p.grad for p in self._own(layer) if p.dim() < 2 and p.grad is not None]


def first_step(problem: Problem) -> Twin:
    """Perform one step of plain SGD, keeping all outputs with their gradients."""
    model = problem.build()
    twin = Twin(model)
    for name in problem.layers:
        model.get_submodule(name).register_forward_hook(_keeper(twin, name))
    twin.before = {n: p.detach().clone() for n, p in model.named_parameters(remove_duplicate=False)}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    problem.loss(model).backward()
    optimizer.step()
    return twin


def _keeper(twin: Twin, name: str):
    def keep(_module: nn.Module, _args: object, output: object) -> None:
        first = output[0] if isinstance(output, tuple) else output
        first.retain_grad()
        twin.outputs.setdefault(name, []).append(first)

    return keep


def input_gradient(problem: Problem, layer: str) -> torch.Tensor:
    """Return the gradient of the loss by the input of a layer."""
    model, kept = copy.deepcopy(problem.build()), []

    def enter(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        kept.append(args[0].detach().requires_grad_())
        return (kept[0], *args[1:])

    model.get_submodule(layer).register_forward_pre_hook(enter)
    problem.loss(model).backward()
    return kept[0].grad
