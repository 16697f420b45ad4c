"""GC405 mismatched-loss."""

from collections.abc import Iterator

from gradcheck_cli.features.domains import outside_domain, sometimes_learned
from gradcheck_cli.features.mismatch import class_numbers, mismatch, on_purpose, one_class
from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import eased, hit_of, speaks_against
from gradcheck_cli.rules.base import CannotTellError, Evidence, Hit, Severity, rule

EXPERIMENTS = ("loss-domain", "sums-agree", "samples-in-loss", "outputs-differ")


@rule("GC405", "mismatched-loss")
def mismatched_loss(trace: Trace, *, outside: float = 0.1) -> Iterator[Hit]:
    """The loss does not fit the output it is computed from.

    Measures  by experiment, the share of samples at which the loss is NaN or Inf or flat, and whether samples
              compete in it, whether two outputs with different targets are always equal, and whether outputs add up to 1 and targets do not; which nonlinearity the loss's input went through directly, the range of the targets, and
              the shapes of output and target.
    Reports   a softmax, sigmoid or ReLU before a loss that expects logits; probabilities where logarithms
              are expected; logarithms of probabilities that add up to 1 over the batch, not over the
              classes; targets further than `outside` of their range beyond what the output can reach;
              a softmax over a single class; shapes that are stretched over each other; class numbers that are
              compared with the outputs of all classes; targets or inputs that a loss is not documented for
              (labels of 0 where 1 and -1 are meant, scores where logarithms of probabilities are).
    Matters   gradients point the wrong way or are damped everywhere, whatever the network is like.
    Severity  error; warning while the loss falls all the same, for several outputs of one measured target a note.
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
    message, share = what
    name = "share of the targets' range that the output cannot reach"
    yield Hit(
        severity=_severity(trace),
        message=message,
        evidence=() if share is None else (Evidence(name, share, outside),),
    )


def _severity(trace: Trace) -> Severity:
    """Several outputs may be meant to learn one target; what a loss does not take teaches nothing, however it falls."""
    grave = [h for h in outside_domain(trace) if not sometimes_learned(h)]
    if one_class(trace) or class_numbers(trace) or grave:
        return Severity.ERROR
    harmless = trace.loss.broadcast and on_purpose(trace) and progress(trace).fine
    return Severity.NOTE if harmless else eased(trace)
