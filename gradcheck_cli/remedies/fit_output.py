"""Bring the model's outputs to where the loss is defined.

Works because  A loss of probabilities takes logarithms: outputs at or below 0 have none, and where they
               are clamped no gradient comes back. After a softmax (one class of several) or a sigmoid
               (yes or no) every output is a probability.
Costs          Nothing; cross_entropy and binary_cross_entropy_with_logits do the same in one step and
               lose fewer digits.
Not for        Losses that expect logits: they apply it themselves.
Sources        Bridle 1990; PyTorch documentation of NLLLoss and BCELoss.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.features.domains import of_targets, outside_domain
from gradcheck_cli.features.mismatch import one_class
from gradcheck_cli.remedies.base import REVIEW, Case, Draft, remedy
from gradcheck_cli.targets.calling import main_output
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.wording import map_tensors

FITS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "after-softmax": ("softmax(dim=1)", lambda x: x.softmax(1)),
    "after-sigmoid": ("sigmoid()", torch.sigmoid),
}


def through(change: Callable[[Tensor], Tensor]) -> Callable[[Callable[..., Any]], Any]:
    """Return how a loss is wrapped so that it sees the main output changed."""

    def wrap(loss: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(output: Any, target: Any, *rest: Any) -> Any:
            main = main_output(output)
            if main is not None:
                output = map_tensors(output, lambda t: change(t) if t is main else t)
            return loss(output, target, *rest)

        return wrapped

    return wrap


def _logarithms(kind: str, given: str) -> Draft:
    """Draft the logarithms of probabilities that a loss takes, in place of what it is given."""
    dim = 1 if kind == "nll_loss" else -1
    there = {"scores": "scores", "turned": "one over another dimension"}.get(given)
    log = (lambda x: x.log_softmax(dim)) if there else (lambda x: x.clamp_min(1e-12).log())
    return Draft(
        summary=f"Give {kind} the logarithms of probabilities: log_softmax in place of {there or 'softmax'}.",
        code=f"loss = F.{kind}(scores.log_softmax(dim={dim}), ...)",
        change=Change(summary="log", loss=through(log)),
        cannot="the two losses have different units: none of them tells whether the other is lower",
        size=2,
    )


@remedy(
    "fit-output",
    treats=("output-outside-loss-domain", "wrong-output-activation"),
    risk=REVIEW,
    part="loss",
)
def fit_output(case: Case) -> Iterator[Draft]:
    """Draft the function after which the loss was found to be well-behaved; the logarithm before losses that take it."""
    for habit in outside_domain(case.trace):
        known = habit.names[1] == "probabilities" or case.cause.name == "output-outside-loss-domain"
        if known and not of_targets(habit):
            yield _logarithms(*habit.names)
    if one_class(case.trace):
        yield Draft(
            summary="Use binary_cross_entropy_with_logits, which takes yes or no from one output.",
            code="loss = F.binary_cross_entropy_with_logits(output, target.float().view_as(output))",
            cannot="the loss of the training as it is stays 0: no loss is lower, and none tells the two apart",
            size=2,
        )
    answer = case.trace.answer("loss-domain")
    for name in answer.supports if answer is not None else ():
        if name not in FITS:
            continue
        call, change = FITS[name]
        yield Draft(
            summary=f"Apply {call} to the model's output before the loss.",
            code=f"loss = loss_fn(output.{call}, target)",
            change=Change(summary=call, loss=through(change)),
            size=2,
        )
