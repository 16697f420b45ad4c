"""Losses that are written by hand: which comparison it is, the gradient of what was computed tells."""

from functools import partial

import torch

from gradcheck_cli.probe.losses import LossCall, weigh

_ALIKE = 0.02  # relative spread of weights that count as equal
_WHOLE = 0.05  # off a sum of 1: chances are clamped, and rounded
Carried = tuple[torch.Tensor, float]  # a tensor that sees the gradient, and its sign


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
            weigh(call, torch.as_tensor(factor * halves * apart.numel(), dtype=torch.float64))
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
        weigh(call, weight)


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
    call.await_gradient(product, lambda c, g: weigh(c, -g))
    return call
