"""Step functions and comparisons that hand the gradient on as if they were the identity.

Bengio et al. 2013, arXiv:1308.3432, section 4.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def _above(value: Tensor, other: Any) -> Tensor:
    above: Tensor = value > other
    return above.to(value.dtype)


def _from(value: Tensor, other: Any) -> Tensor:
    above: Tensor = value >= other
    return above.to(value.dtype)


STEPS: dict[str, Callable[..., Tensor]] = {
    "round": torch.round,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "trunc": torch.trunc,
    "sign": torch.sign,
    "heaviside": lambda value, *_: _above(value, 0),
}


class StraightThrough(torch.autograd.Function):
    """A step function forward, the identity backward."""

    @staticmethod
    def forward(_: Any, value: Tensor, step: Callable[..., Tensor], *rest: Any) -> Tensor:
        """Apply the step."""
        return step(value, *rest)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Pass the gradient on."""
        return (gradient, *[None] * (len(ctx.needs_input_grad) - 1))


def through(step: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the step function with the gradient of the identity."""

    def straight(value: Tensor, *rest: Any) -> Tensor:
        passed: Tensor = StraightThrough.apply(value, step, *rest)  # type: ignore[no-untyped-call]
        return passed

    return straight


def _opposite(comparison: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def compare(value: Tensor, other: Any) -> Tensor:
        return torch.rsub(comparison(value, other), 1)

    return compare


COMPARED: dict[str, Callable[..., Tensor]] = {
    "gt": through(_above),
    "ge": through(_from),
    "lt": _opposite(through(_from)),
    "le": _opposite(through(_above)),
}
SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
SHORT = {"greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le"}
