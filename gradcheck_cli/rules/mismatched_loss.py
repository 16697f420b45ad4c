"""GC405 mismatched-loss."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import progress
from gradcheck_cli.ops import LOGIT_LOSSES, REGRESSION_LOSSES
from gradcheck_cli.records.trace import OVER_THE_BATCH, Trace
from gradcheck_cli.rules.answers import hit_of, speaks_against
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
)

EXPERIMENTS = ("loss-domain", "samples-in-loss")
_SQUASHING = {"softmax", "gumbel_softmax", "sigmoid", "relu", "relu6", "hardsigmoid"}
# What an output can reach, by its last nonlinearity.
_REACH = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
}
_REACH |= {"relu": (0.0, float("inf")), "softmax": (0.0, 1.0), "softplus": (0.0, float("inf"))}

OF_LOGARITHMS = frozenset({"nll_loss", "kl_div"})


@rule("GC405", "mismatched-loss")
def mismatched_loss(trace: Trace, *, outside: float = 0.1) -> Iterator[Hit]:
    """The loss does not fit the output it is computed from.

    Measures  by experiment, the share of samples at which the loss is NaN or Inf or flat, and whether samples
              compete in it; which nonlinearity the loss's input went through directly, the range of the targets, and
              the shapes of output and target.
    Reports   a softmax, sigmoid or ReLU before a loss that expects logits; probabilities where logarithms
              are expected; logarithms of probabilities that add up to 1 over the batch, not over the
              classes; targets further than `outside` of their range beyond what the output can reach;
              shapes that are stretched over each other.
    Matters   gradients point the wrong way or are damped everywhere, whatever the network is like.
    Severity  error; warning while the loss falls all the same.
    Not for   log_softmax before cross_entropy, which changes nothing.
    Sources   PyTorch documentation of the losses named.
    """
    loss = trace.loss
    found = [a for n in EXPERIMENTS if (a := speaks_against(trace, n)) is not None]
    yield from (hit_of(answer, Severity.ERROR) for answer in found)
    if found:
        return
    if loss.kind is None and not any(trace.answer(name) for name in EXPERIMENTS):
        raise CannotTellError("the loss is not one of torch's own functions")
    what = mismatch(trace, outside)
    if loss.kind is None or what is None:
        return
    message, evidence = what
    yield Hit(
        severity=Severity.WARNING if progress(trace).fine else Severity.ERROR,
        confidence=Confidence.HIGH,
        message=message,
        evidence=evidence,
    )


def mismatch(trace: Trace, outside: float = 0.1) -> tuple[str, tuple[Evidence, ...]] | None:
    """Return what does not fit, in a sentence with its numbers, or None."""
    loss = trace.loss
    before = loss.activation_before
    if loss.broadcast:
        return (
            f"{loss.kind} broadcasts an output of shape {loss.output_shape} against a target of shape "
            f"{loss.target_shape}: every output is compared with every target.",
            (),
        )
    if before == OVER_THE_BATCH:
        return (
            f"The input of {loss.kind} went through a log_softmax over the samples of the batch, not over "
            "the classes: samples compete with each other.",
            (),
        )
    if loss.kind in LOGIT_LOSSES and before in _SQUASHING:
        return f"{loss.kind} expects logits, but its input went through {before} already.", ()
    if loss.kind in OF_LOGARITHMS and before in {"softmax", "sigmoid"}:
        return (
            f"{loss.kind} expects logarithms of probabilities, but its input is the result of {before}.",
            (),
        )
    return _out_of_reach(trace, outside)


def _out_of_reach(trace: Trace, outside: float) -> tuple[str, tuple[Evidence, ...]] | None:
    """Return which part of the targets a regression's last nonlinearity can not reach."""
    loss, data, before = trace.loss, trace.data, trace.loss.activation_before
    reach = _REACH.get(before or "")
    if (
        loss.kind in REGRESSION_LOSSES
        and reach
        and data.target_low is not None
        and data.target_high is not None
    ):
        span = data.target_high - data.target_low or 1.0
        beyond = max(reach[0] - data.target_low, data.target_high - reach[1]) / span
        if beyond > outside:
            return (
                f"Targets run from {number(data.target_low)} to {number(data.target_high)}, but the output "
                f"goes through {before} and can not reach them.",
                (
                    Evidence(
                        "share of the targets' range that the output cannot reach", beyond, outside
                    ),
                ),
            )
    return None
