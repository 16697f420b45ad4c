"""The gradient of one batch in float64, layer by layer: what the labels are computed from."""

import copy
import math
import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases.case import Problem

FLOOR = -30.0  # decades: what an exact zero counts as


def decades(above: float, below: float) -> float:
    """Return log10 of a ratio, exact zeros and infinities bounded."""
    if not (math.isfinite(above) and math.isfinite(below)):
        return 0.0
    if above <= 0:
        return FLOOR if below > 0 else 0.0
    return min(-FLOOR, max(FLOOR, math.log10(above / below) if below > 0 else -FLOOR))


def rms(value: Tensor) -> float:
    """Return the root of the mean square."""
    return float(value.square().mean().sqrt())


def doubled(batch: Any) -> Any:
    """Return a batch with its real numbers in float64."""
    if isinstance(batch, Tensor):
        return batch.double() if batch.is_floating_point() else batch
    if isinstance(batch, Mapping):
        return {name: doubled(value) for name, value in batch.items()}
    return [doubled(value) for value in batch]


def tensors(value: Any) -> list[Tensor]:
    """Return the tensors of a layer's output."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [tensor for part in value[:1] for tensor in tensors(part)]
    return []


@contextmanager
def sealed() -> Iterator[None]:
    """Leave the random numbers of the training as they were."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(7)
        yield


class Profile:
    """The float64 gradient of one batch, layer by layer in the order in which they run."""

    def __init__(self, problem: Problem, model: nn.Module, batch: Any) -> None:
        with sealed(), ExitStack() as hooks:
            self.model = exact(model).train()
            self.calls: dict[str, list[Tensor]] = {}
            self.inputs: dict[str, Tensor] = {}
            self.silent: list[float] = []
            self.pinned: list[float] = []
            for name, layer in self.model.named_modules():
                if list(layer.parameters(recurse=False)):
                    hooks.callback(layer.register_forward_hook(self.watch(name)).remove)
                if isinstance(layer, nn.RNNBase):
                    hooks.callback(layer.register_forward_pre_hook(self.open(name)).remove)
                if isinstance(layer, nn.ReLU | nn.Sigmoid | nn.Tanh):
                    hooks.callback(layer.register_forward_hook(self.look).remove)
            loss, _ = problem.loss_of(self.model, doubled(batch))
            self.loss = float(loss)
            if loss.requires_grad:
                loss.backward()
        self.layers = [name for name in self.calls if self.matrices(name)]

    def watch(self, name: str) -> Callable[..., None]:
        """Keep the outputs of a layer, with their gradients."""

        def hook(_: nn.Module, __: Any, output: Any) -> None:
            kept = self.calls.setdefault(name, [])
            for tensor in tensors(output):
                if tensor.requires_grad:
                    tensor.retain_grad()
                    kept.append(tensor)

        return hook

    def open(self, name: str) -> Callable[..., Any]:
        """Ask for the gradient at the input of a recurrent layer, per time step."""

        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            first = inputs[0] if inputs[0].requires_grad else inputs[0].clone().requires_grad_()
            first.retain_grad()
            self.inputs[name] = first
            return (first, *inputs[1:])

        return hook

    def look(self, layer: nn.Module, _: Any, output: Tensor) -> None:
        """Count silent ReLU units, and saturated outputs of other activations."""
        if isinstance(layer, nn.ReLU):
            units = output.detach().transpose(0, 1).flatten(1)
            self.silent.append(float((units == 0).all(dim=1).double().mean()))
        else:
            bound = output.detach().abs() if isinstance(layer, nn.Tanh) else output.detach()
            flat = bound > 0.98 if isinstance(layer, nn.Tanh) else (bound - 0.5).abs() > 0.48
            self.pinned.append(float(flat.double().mean()))

    def matrices(self, name: str) -> list[nn.Parameter]:
        """Return the trainable weight matrices of one layer."""
        own = self.model.get_submodule(name).parameters(recurse=False)
        return [weight for weight in own if weight.requires_grad and weight.ndim > 1]

    def signal(self, name: str) -> float:
        """Return the rms of the gradient at the layer's outputs."""
        found = [call.grad for call in self.calls[name] if call.grad is not None]
        return rms(torch.cat([grad.flatten() for grad in found])) if found else 0.0

    def elasticity(self, name: str) -> float:
        """Return how much the loss changes when the layer's weights change in proportion."""
        return math.sqrt(sum(elastic(weight) ** 2 for weight in self.matrices(name)))

    def depth(self) -> float:
        """Return lowest against uppermost layers, in decades."""
        if len(self.layers) < 3:
            return 0.0
        quarter = max(1, len(self.layers) // 4)
        return min(
            decades(*(statistics.median(map(of, part)) for part in self.ends(quarter)))
            for of in (self.signal, self.elasticity)
        )

    def rise(self) -> float:
        """Return how much stronger the signal is below than above, in decades."""
        if len(self.layers) < 3:
            return 0.0
        quarter = max(1, len(self.layers) // 4)
        return decades(*(statistics.median(map(self.signal, part)) for part in self.ends(quarter)))

    def ends(self, quarter: int) -> tuple[list[str], list[str]]:
        """Return the lowest and the uppermost layers."""
        return self.layers[:quarter], self.layers[-quarter:]

    def time(self) -> float:
        """Return earliest against latest time steps, in decades; the worst layer counts."""
        found = [0.0]
        for name, value in self.inputs.items():
            layer = self.model.get_submodule(name)
            if value.grad is not None and not getattr(layer, "bidirectional", False):
                found.append(early(list(value.grad.unbind(dim=1))))
        for calls in self.calls.values():
            grads = [call.grad for call in calls if call.grad is not None]
            if len(grads) >= 8:
                found.append(early(grads))
        return min(found, key=lambda value: (value, 0)) if min(found) < 0 else max(found)

    def whole(self) -> float:
        """Return all elasticities together against the loss, in decades."""
        total = math.sqrt(sum(self.elasticity(name) ** 2 for name in self.layers))
        return decades(total, abs(self.loss))

    def branch(self) -> float:
        """Return the least elastic matrix against the median one, in decades."""
        every = [elastic(weight) for name in self.layers for weight in self.matrices(name)]
        known = [value for value in every if value > 0]
        return decades(min(known), statistics.median(known)) if known else 0.0

    def paths(self) -> dict[str, float]:
        """Return all paths, in decades."""
        found = {"depth": self.depth(), "time": self.time(), "whole": self.whole()}
        found |= {"branch": self.branch(), "rise": self.rise()}
        return {name: round(value, 2) for name, value in found.items()}

    def rows(self) -> list[list[Any]]:
        """Return name, log10 of the signal and log10 of the elasticity of every layer."""
        return [
            [name, *(round(decades(of(name), 1.0), 1) for of in (self.signal, self.elasticity))]
            for name in self.layers
        ]

    def nothing(self) -> tuple[int, int]:
        """Count the trainable matrices without a gradient, and those whose gradient is 0."""
        asked = [p for p in self.model.parameters() if p.requires_grad and p.ndim > 1]
        got = [weight.grad.to_dense() for weight in asked if weight.grad is not None]
        return len(asked) - len(got), sum(not grad.any() for grad in got)


def elastic(weight: nn.Parameter) -> float:
    """Return |w| |g|."""
    return 0.0 if weight.grad is None else float(weight.norm() * weight.grad.norm())


def early(grads: Sequence[Tensor]) -> float:
    """Return the earliest quarter of a sequence against the latest, in decades."""
    quarter = max(1, len(grads) // 4)
    first, last = (
        math.sqrt(statistics.mean(rms(grad) ** 2 for grad in part))
        for part in (grads[:quarter], grads[-quarter:])
    )
    return decades(first, last)


def exact(model: nn.Module) -> nn.Module:
    """Return a copy in float64, of the layers that PyTorch does not see too."""
    copied = copy.deepcopy(model).double()
    for layer in hidden_modules(copied).values():
        layer.double()
    return copied


def hidden_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layers kept in lists or dicts, where PyTorch does not see them."""
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            if isinstance(value, list | dict | tuple) and not key.startswith("_"):
                held = value.values() if isinstance(value, dict) else value
                layers = [part for part in held if isinstance(part, nn.Module)]
                found |= {f"{name}.{key}.{n}".strip("."): part for n, part in enumerate(layers)}
    return found
