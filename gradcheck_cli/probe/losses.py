"""Where outputs are compared with targets: torch's loss functions, and the usual ones written by hand.

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

_ALIKE = 0.02  # relative spread of weights that count as equal
_WHOLE = 0.05  # off a sum of 1: chances are clamped, and rounded
_SIDES = (
    ("input", "target"), ("input1", "input2"), ("anchor", "positive"), ("x1", "x2"),
    ("log_probs", "targets"),
)  # fmt: skip

Carried = tuple[torch.Tensor, float]  # a tensor that sees the gradient, and its sign


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
    call.await_gradient(result, _weight)
    return call


def _carries(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def _weight(call: LossCall, gradient: torch.Tensor) -> None:
    call.reached = True
    before = call.coefficient
    call.coefficient = gradient.detach() if before is None else before + gradient.detach()


# ---- written by hand ----------------------------------------------------------------------------


def difference(
    output: torch.Tensor, target: torch.Tensor, apart: torch.Tensor, before: str | None
) -> LossCall:
    """Return `output - target`; the gradient will tell whether a squared or absolute error is made of it.

    Of complex numbers, both parts are compared.
    """
    output_, target_, apart_ = map(_real, (output, target, apart))
    call = LossCall(
        "difference",
        _size("mse_loss", apart_),
        output_,
        target_,
        before,
        partial(_error, "mse_loss", target_),
        target_itself=target,
    )
    call.await_gradient(apart, partial(_of_errors, apart=apart_))
    return call


def _of_errors(call: LossCall, gradient: torch.Tensor, *, apart: torch.Tensor) -> None:
    """The gradient of c * sum(apart ** 2) is 2 c apart, that of c * sum(|apart|) is c sign(apart)."""
    slope, error = _real(gradient).double(), apart.double()
    if not slope.numel() or not bool(slope.isfinite().all()):
        return
    call.reached = True
    call.repels = float((slope * error).sum()) < 0
    for kind, shape, halves in (("mse_loss", error, 0.5), ("l1_loss", error.sign(), 1.0)):
        size = float((shape * shape).sum())
        factor = float((slope * shape).sum()) / size if size else 0.0
        rest = float((slope - factor * shape).square().sum())
        if factor > 0 and rest <= _ALIKE**2 * float(slope.square().sum()):
            assert call.target is not None
            call.kind, call.again = kind, partial(_error, kind, call.target)
            call.value = _size(kind, apart)
            _weight(call, torch.as_tensor(factor * halves * apart.numel(), dtype=torch.float64))
            return


def _error(kind: str, target: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return _size(kind, other - target)


def _size(kind: str, apart: torch.Tensor) -> torch.Tensor:
    return apart.abs().mean() if kind == "l1_loss" else apart.square().mean()


def _real(tensor: torch.Tensor) -> torch.Tensor:
    return (
        torch.view_as_real(tensor.detach().resolve_conj())
        if tensor.is_complex()
        else tensor.detach()
    )


def chosen(
    scores: torch.Tensor, labels: torch.Tensor, picked: torch.Tensor, carried: Carried | None = None
) -> LossCall | None:
    """Return `log_p.gather(1, labels)`, or the same of chances, as a negative log-likelihood by hand.

    `scores` [N, ..., classes], one label per row; else None. `picked` may be carried by another tensor.
    """
    width = scores.shape[-1] if scores.dim() else 0
    rows = scores.numel() // width if width else 0
    if width < 2 or labels.numel() != rows or picked.numel() != rows:
        return None
    values = picked.detach().reshape(-1).double()
    logarithms = bool((values <= 1e-6).all())
    if not logarithms and not bool(((values >= 0) & (values <= 1 + 1e-6)).all()):
        return None
    if not _add_up(scores.detach().double().exp() if logarithms else scores.detach().double()):
        return None
    flat = labels.detach().reshape(-1).long()
    call = LossCall(
        "nll_loss",
        -values if logarithms else -values.clamp_min(1e-12).log(),
        scores.detach().reshape(-1, width),
        flat,
        None,
        lambda other: -other.double().gather(1, flat[:, None]).squeeze(1),
        target_itself=labels,
        choice=True,
    )
    carrier, sign = carried or (picked, 1.0)
    read = partial(_of_choices, values=values, logarithms=logarithms, sign=sign)
    call.await_gradient(carrier, read)
    return call


def beside_all(scores: torch.Tensor, labels: torch.Tensor, off: torch.Tensor) -> LossCall | None:
    """Return `logsumexp(scores) - scores[rows, labels]`, or its negative, as the same likelihood."""
    logs = scores.detach().double().log_softmax(-1)
    own = logs.reshape(-1, logs.shape[-1]).gather(1, labels.detach().reshape(-1, 1)).squeeze(1)
    for sign in (1.0, -1.0):
        if torch.allclose(sign * off.detach().reshape(-1).double(), own, rtol=1e-3, atol=1e-4):
            return chosen(logs, labels, own, (off, sign))
    return None


def _add_up(chances: torch.Tensor) -> bool:
    """Are these chances, of the classes or (a softmax over the wrong dimension) of the rows? Values of actions are none."""
    ways = (chances.sum(-1), chances.reshape(-1, chances.shape[-1]).sum(0))
    return any(bool(((sums - 1).abs() < _WHOLE).all()) for sums in ways)


def _of_choices(
    call: LossCall, gradient: torch.Tensor, *, values: torch.Tensor, logarithms: bool, sign: float
) -> None:
    """Of a likelihood all rows weigh the same, those that are masked nothing; else it is none."""
    slope = -sign * gradient.detach().reshape(-1).double()
    weight = slope if logarithms else slope * values
    if not bool(weight.isfinite().all()):
        return
    call.reached, call.push = True, weight
    up, down = float(weight.clamp_min(0).sum()), float(-weight.clamp_max(0).sum())
    call.repels = down > 0.05 * (up + down)
    counting = weight[weight != 0]
    if counting.numel() and float(counting.min()) >= (1 - _ALIKE) * float(counting.max()) > 0:
        _weight(call, weight)


def against_chances(
    chances: torch.Tensor, logs: torch.Tensor, product: torch.Tensor
) -> LossCall | None:
    """Return `targets * log_p`, rows of chances against logarithms, as a cross-entropy by hand."""
    stretched = (
        chances.numel() == logs.numel() < product.numel()
    )  # yes or no: a column beside a row
    rows_alike = chances.shape == logs.shape and chances.dim() > 1 and chances.shape[-1] > 1
    if not (stretched or rows_alike):
        return None
    rows = chances.detach().double()
    off = rows - 1 if stretched else (rows.sum(-1) - 1).abs()
    if bool((rows < 0).any()) or bool((off > 1e-3).any()):
        return None
    if bool((logs.detach() > 1e-6).any()):
        return None
    target = chances.detach()
    call = LossCall(
        "log-likelihood" if stretched else "cross_entropy",
        -product.detach(),
        logs.detach(),
        target,
        None,
        lambda other: -(target * other),
    )
    call.await_gradient(product, lambda c, g: _weight(c, -g))
    return call
