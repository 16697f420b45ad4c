"""Where outputs are compared with targets by torch's loss functions, and what a comparison is.

Which of two tensors is the output is told by the gradient it carries, not by its place among the
arguments. How much a comparison counts in the loss is the gradient that arrives at its value.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import torch

from gradcheck_cli.ops import LOGARITHM_LOSSES
from gradcheck_cli.probe.hooking import on_gradient, unheard
from gradcheck_cli.probe.picking import unreadable

_SIDES = (
    ("input", "target"), ("input1", "input2"), ("anchor", "positive"), ("x1", "x2"),
    ("log_probs", "targets"),
)  # fmt: skip


@dataclass(slots=True)
class LossCall:
    """One comparison of outputs with targets."""

    kind: str
    value: torch.Tensor  # detached
    output: torch.Tensor | None  # detached
    target: torch.Tensor | None  # detached
    activation_before: str | None
    again: Callable[[torch.Tensor], torch.Tensor]  # the same comparison of another output
    options: dict[str, Any] = field(default_factory=dict)  # its other arguments
    place: Any = None  # in the source
    at: tuple[Any, ...] = ()  # the same in the user's own code, if it is called there
    same: Callable[[tuple[str, ...]], torch.Tensor] | None = None  # with these arguments all ones
    mutual: bool = False  # both sides carry a gradient
    target_itself: torch.Tensor | None = None  # until it is known where it came from
    made_by: frozenset[int | str] = frozenset()  # layers and parameters that computed the target
    choice: bool = False  # it picks log-probabilities
    draw: int | None = None  # then: which one of the step it was
    push: torch.Tensor | None = None  # then: how hard the loss pushes each of them up
    reached: bool = False  # the backward pass came by
    arrived: bool = False  # a gradient, of whatever size
    unused: bool = False  # of several values only zeros, or no numbers, arrived
    coefficient: torch.Tensor | None = None  # d(loss) / d(value), once backward has come by
    of: frozenset[int | str] = frozenset()  # layers and parameters that computed the output
    in_pass: int | None = None  # the backward pass of the step that came by
    repels: bool = False  # the loss falls when outputs leave their targets

    @property
    def chosen(self) -> bool:
        """Are these log-probabilities of what the model itself chose?"""
        return self.choice and (bool(self.made_by) or self.repels)

    def await_gradient(
        self, tensor: torch.Tensor, read: "Callable[[LossCall, torch.Tensor], None]"
    ) -> None:
        """Have the gradient read that arrives at `tensor`."""
        if tensor.requires_grad and unreadable(tensor) is None:
            on_gradient(tensor, unheard(partial(self._arrives, read)))

    def _arrives(
        self, read: "Callable[[LossCall, torch.Tensor], None]", gradient: torch.Tensor
    ) -> None:
        if unreadable(gradient) is not None:
            return
        nothing = gradient.numel() > 1 and not bool((gradient.isfinite() & (gradient != 0)).any())
        self.unused = nothing and (self.unused or not self.arrived)
        self.arrived = True
        read(self, gradient)


@lru_cache(maxsize=64)
def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _named(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, with defaults; empty where the names are not known."""
    signature = _signature(function)
    try:
        bound = signature.bind(*args, **kwargs) if signature is not None else None
    except TypeError:
        return {}
    if bound is None:
        return {}
    bound.apply_defaults()
    return dict(bound.arguments)


def loss_call(
    function: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    before: Callable[[torch.Tensor], str | None],
) -> LossCall | None:
    """Return a call of one of torch's loss functions; None when it returned no tensor.

    `before` tells which nonlinearity a tensor went through last.
    """
    given = _named(function, args, kwargs)
    if not isinstance(result, torch.Tensor) or not given:
        return None
    names = next((pair for pair in _SIDES if set(pair) <= set(given)), None)
    if names is None:
        return None
    first, second = (given[name] for name in names)
    turned = not _carries(first) and _carries(second)
    chances = turned and function.__name__ in LOGARITHM_LOSSES  # take the place of targets
    name = names[1] if turned else names[0]
    output, target = (second, first) if turned else (first, second)

    def again(other: torch.Tensor) -> torch.Tensor:
        again_given = {**given, name: other}
        value: torch.Tensor = function(**again_given)
        return value

    def same(of: tuple[str, ...]) -> torch.Tensor:
        ones = {n: torch.ones_like(given[n]) for n in of if isinstance(given[n], torch.Tensor)}
        value: torch.Tensor = function(**{**given, **ones})
        return value

    call = LossCall(
        function.__name__,
        result.detach(),
        output.detach() if isinstance(output, torch.Tensor) else None,
        target.detach() if isinstance(target, torch.Tensor) else None,
        before(output) if isinstance(output, torch.Tensor) and not chances else None,
        again,
        options=given,
        same=same,
        mutual=_carries(first) and _carries(second) and names[0] in {"input", "x1"},
        target_itself=target if isinstance(target, torch.Tensor) else None,
    )
    call.await_gradient(result, weigh)
    return call


def _carries(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def weigh(call: LossCall, gradient: torch.Tensor) -> None:
    """Note how much a comparison counts in the loss: the gradient that arrives at its value."""
    call.reached = True
    before = call.coefficient
    call.coefficient = gradient.detach() if before is None else before + gradient.detach()
