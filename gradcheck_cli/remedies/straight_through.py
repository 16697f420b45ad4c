"""Straight-through: steps and comparisons with the gradient of the identity, choices with a softmax's.

Bengio et al. 2013, arXiv:1308.3432, section 4.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.calls import Placed


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


class HardChoice(Placed):
    """While active, the one-hot code of an argmax on this line has the gradient of a softmax.

    Forward it is 1 for the largest number and 0 for the others, as written (straight-through; Jang et
    al. 2017, arXiv:1611.01144, section 2.2, without the noise).
    """

    def __init__(self, site: SourceSite) -> None:
        super().__init__(site)
        self._chosen: list[tuple[Tensor, Tensor]] = []  # indices, and the softmax they stand for

    def forget(self) -> None:
        """Drop the tensors of this forward pass."""
        self._chosen.clear()

    def handle(
        self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Note what is chosen on the line, and soften its one-hot code."""
        result = func(*args, **kwargs)
        if name in {"argmax", "argmin"} and args and self.is_here():
            sign = 1 if name == "argmax" else -1
            soft = _softmax(sign * args[0], *args[1:], **kwargs)
            if soft is not None:
                self._chosen.append((result, soft))
        elif name == "one_hot" and args:
            return _softened(result, args[0], self._chosen)
        return result


def _softmax(
    value: Tensor, dim: int | None = None, keepdim: object = None, **_: object
) -> Tensor | None:
    """Return the softmax with its classes last, as one_hot has them; None where all compete."""
    if dim is None:
        return None
    soft = value.softmax(dim).movedim(dim, -1)
    return soft.unsqueeze(dim if dim >= 0 else dim - 1) if keepdim else soft


def _softened(hard: Tensor, indices: Tensor, chosen: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    for noted, soft in chosen:
        if noted is indices and soft.shape == hard.shape:
            return hard.to(soft.dtype) + soft - soft.detach()
    return hard
