"""What is read in a pass: gradients along time, outputs; and inputs that are standardized."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite, log10
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.examine.changing import Changing
from gradcheck_cli.examine.passes_over import hooked
from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.probe.picking import plain
from gradcheck_cli.targets.wording import map_tensors

LEAST = 1e-45  # the smallest float32 above zero: what is lost below it is not measured


def over_time(mode: Changing, gradients: list[Tensor | None]) -> float:
    """Return the most decades that a gradient at early time steps lies below that at late ones."""
    rest, found = iter(gradients), [0.0]
    for group in mode.taps.values():
        sizes = [_size(next(rest)) for _ in group]
        found.append(_early_below_late(sizes))
    for _, axis in mode.sequences:
        gradient = next(rest)
        if gradient is not None:
            found.append(_early_below_late([_size(g) for g in gradient.unbind(axis)]))
    return max(found)


def _size(gradient: Tensor | None) -> float:
    return 0.0 if gradient is None else float(plain(gradient).float().square().sum())


def _early_below_late(squares: list[float]) -> float:
    quarter = len(squares) // 4
    if not quarter:
        return 0.0
    early, late = sum(squares[:quarter]), sum(squares[-quarter:])
    return log10(max(late, LEAST) / max(early, LEAST)) / 2


def constancy(seen: list[Tensor]) -> float:
    """Return the decades by which the outputs' dependence on the sample lies below 1."""
    for values in seen:
        if values.ndim > 1 and values.shape[0] > 1:
            around = values.detach().float()
            spread = float((around - around.mean(0)).square().mean().sqrt())
            size = float(around.square().mean().sqrt())
            return -log10(max(spread / max(size, LEAST), LEAST)) if isfinite(size) else 0.0
    return 0.0


@contextmanager
def outputs_of(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the first floating-point tensor of each output of the model."""
    found: list[Tensor] = []

    def note(_: nn.Module, __: Any, output: Any) -> None:
        found.extend([t for t in tensors_in(output) if t.is_floating_point()][:1])

    with hooked([model], note):
        yield found


@contextmanager
def standardized_inputs(model: nn.Module) -> Iterator[None]:
    """Give the model inputs of mean 0 and deviation 1; targets stay as they are."""

    def change(_: nn.Module, args: Any, kwargs: Any) -> Any:
        given = tuple(map_tensors(a, standard) for a in args)
        return given, {key: map_tensors(value, standard) for key, value in kwargs.items()}

    handle = model.register_forward_pre_hook(change, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def standard(values: Tensor) -> Tensor:
    """Standardize a table per column over the batch, any other tensor as a whole."""
    if not values.is_floating_point() or values.numel() < 2:
        return values
    if values.ndim == 2 and values.shape[0] > 1:
        mean, std = values.mean(0, keepdim=True), values.std(0, keepdim=True)
    else:
        mean, std = values.mean(), values.std()
    return (values - mean) / torch.where(std > 0, std, torch.ones_like(std))
