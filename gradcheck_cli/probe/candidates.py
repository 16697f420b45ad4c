"""Constant outputs for losses that have no formula for the best one: the least of a few candidates.

Their loss is at least that of the best constant, and close to it. Targets are labels here: of
sequences (CTC) or of classes (margins).
"""

from collections.abc import Iterable, Iterator

import torch

from gradcheck_cli.probe.losses import LossCall

_BLANKS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)  # chances of the blank of CTC
KINDS = frozenset({"ctc_loss", "multi_margin_loss", "multilabel_margin_loss"})


def least(call: LossCall, counts: torch.Tensor) -> torch.Tensor | None:
    """Return the value of the call for the candidate that loses least; None where none is finite.

    `counts` [classes]: how often each label was seen, from `labels`.
    """
    output = call.output
    assert output is not None
    values = [call.again(x.to(output).expand_as(output)) for x in _candidates(call, counts)]
    finite = [v for v in values if bool(v.isfinite().all())]
    return min(finite, key=lambda v: float(v.sum()), default=None)


def _candidates(call: LossCall, counts: torch.Tensor) -> Iterator[torch.Tensor]:
    if call.kind == "ctc_loss":
        labels = counts.clone()
        labels[call.options["blank"]] = 0
        share = labels / labels.sum().clamp_min(1)
        for blank in _BLANKS:
            chances = (1 - blank) * share
            chances[call.options["blank"]] = blank
            yield chances.clamp_min(1e-12).log()
        return
    yield torch.zeros_like(counts)  # all alike
    if call.kind == "multi_margin_loss" and int((counts > 0).sum()) > 1:
        usual = torch.zeros_like(counts)
        usual[counts.argmax()] = call.options["margin"]
        yield usual


def labels(call: LossCall) -> torch.Tensor:
    """Return the labels of the call's targets [labels], without what only fills up."""
    target = call.target
    assert target is not None
    if call.kind == "ctc_loss" and target.dim() == 2:
        lengths = call.options["target_lengths"]
        rows: Iterable[tuple[torch.Tensor, int]] = zip(target, map(int, lengths), strict=False)
        return torch.cat([row[:length] for row, length in rows])
    return target[target >= 0].reshape(-1)


def of_density(
    call: LossCall, mean: torch.Tensor, variance: torch.Tensor, target: torch.Tensor
) -> torch.Tensor:
    """Return the Gaussian negative log-likelihood of the targets, with one mean and variance per position.

    As `torch.nn.functional.gaussian_nll_loss`, reduced as the call is; `mean` and `variance` are
    shaped as a row of `target` [N, ...].
    """
    variance = variance.clamp_min(call.options["eps"])
    apart = (target.double() - mean).square()
    value = 0.5 * (variance.log() + apart / variance)
    if call.options["full"]:
        value = value + 0.5 * torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64))
    reduction = call.options["reduction"]
    if reduction == "none":
        return value
    return value.sum() if reduction == "sum" else value.mean()
