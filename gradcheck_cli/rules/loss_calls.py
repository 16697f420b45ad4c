"""A loss that is called with what it cannot judge, or whose gradient is cut."""

from collections.abc import Iterator

from gradcheck_cli.features.domains import outside_domain, sometimes_learned
from gradcheck_cli.features.mismatch import (
    class_numbers,
    mismatch,
    on_purpose,
    one_class,
    weighed_by_all,
)
from gradcheck_cli.features.profile import late
from gradcheck_cli.features.progress import progress
from gradcheck_cli.ops import DETACHING
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Layer, Trace
from gradcheck_cli.rules.answers import eased, hit_of, speaks_against
from gradcheck_cli.rules.base import (
    CannotTellError,
    Evidence,
    Hit,
    Severity,
    in_order,
    loop_of,
    rule,
)

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
              a softmax over a single class; shapes that are stretched over each other; weights [N, 1] of losses or
              log-probabilities [N], in a loss that is none of pairs; class numbers that are
              compared with the outputs of all classes; targets or inputs that a loss is not documented for
              (labels of 0 where 1 and -1 are meant, scores where logarithms of probabilities are, probabilities over another dimension).
    Matters   gradients point the wrong way or are damped everywhere, whatever the network is like.
    Severity  error; warning while the loss falls all the same, for several outputs of one measured target a note.
    Not for   log_softmax before cross_entropy, which changes nothing.
    Sources   PyTorch documentation of the losses named.
    """
    loss = trace.loss
    what = mismatch(trace, outside)
    found = [a for n in EXPERIMENTS if (a := speaks_against(trace, n)) is not None]
    yield from (hit_of(answer, Severity.ERROR) for answer in found)
    if found and weighed_by_all(trace) is None:
        return
    if what is None and loss.kind is None and not any(trace.answer(n) for n in EXPERIMENTS):
        raise CannotTellError("the loss is not one of torch's own functions")
    if what is None:
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


@rule("GC812", "labels-all-ignored")
def labels_all_ignored(trace: Trace, *, least: int = 2, share: float = 0.25) -> Iterator[Hit]:
    """Every label of a batch is one that the loss ignores, or there is no label at all.

    Measures  in inspected steps, the labels of cross_entropy and nll_loss beside their ignore_index (-100); for
              all comparisons whether there are targets, whether a mask or weights of zeros leave anything.
    Reports   no target left in at least `least` inspected steps and more than `share` of them.
    Matters   the mean over no labels is not a number, their sum is 0, and no gradient comes of either.
    Severity  error.
    Not for   batches of which some labels are ignored, as for padding or prompts; losses that are 0 by
              themselves, as those of margins that are kept.
    Sources   PyTorch documentation, torch.nn.CrossEntropyLoss (ignore_index).
    """
    habit = loop_of(trace).habit(Kind.IGNORED)
    if habit.times < least or habit.times <= share * habit.of:
        return
    yield Hit(
        severity=Severity.ERROR,
        message=f"In {habit.times} of {habit.of} inspected steps all labels are ignored by the loss (ignore_index, "
        "mask, weights), or there are none, so nothing can be learned from the batch: look at how labels are masked, "
        "shifted and truncated.",
        evidence=(Evidence("share of inspected steps without a label", habit.share, share),),
    )


@rule("GC808", "loss-rewrapped")
def loss_rewrapped(trace: Trace, *, least: int = 3, share: float = 0.5) -> Iterator[Hit]:
    """The loss is a new tensor made from the number of the real one, so nothing gets a gradient.

    Measures  at every backward pass, whether the loss is itself a leaf, or computed from single numbers that no
              optimizer trains.
    Reports   at least `least` such passes and more than `share` of all.
    Matters   the graph of the real loss is lost; `requires_grad` only silences the error.
    Severity  error.
    Not for   a scalar that is trained itself; a loss computed from outputs that an operation without a
              derivative took out of the graph (GC601).
    Sources   PyTorch documentation, torch.tensor (it makes a leaf and copies data).
    """
    habit = loop_of(trace).habit(Kind.REWRAPPED)
    if habit.times < least or habit.times <= share * habit.of:
        return
    followed = any(x.depth is not None and x.parameters for x in trace.layers)
    if followed and trace.cuts and all(c.operation not in DETACHING for c in trace.cuts):
        return
    yield Hit(
        severity=Severity.ERROR,
        message=f"`backward()`{habit.where} begins from a tensor that was made from a number and is connected to no "
        "parameter: call it on the loss that the model's outputs gave, without `.item()`, `.data` or `torch.tensor(...)`.",
        evidence=(Evidence("share of backward passes that lead nowhere", habit.share, share),),
        at=habit.at,
    )


@rule("GC809", "loss-term-without-gradient")
def loss_term_without_gradient(
    trace: Trace, *, least: int = 2, share: float = 0.5
) -> Iterator[Hit]:
    """A term of the loss was computed without a graph: it counts in the value and trains nothing.

    Measures  in inspected steps, whether a loss or a mean of what the model computed carries no gradient
              (`no_grad`, `detach`, a derivative without its graph) and is added to a number that carries one.
    Reports   that in at least `least` inspected steps and more than `share` of them.
    Matters   what only this term could train is not trained, though the loss seems to contain it.
    Severity  error when layers get no gradient or only zeros; else warning.
    Not for   targets, teachers, baselines and straight-through outputs; `x - x.detach()`; terms for logging.
    Sources   PyTorch notes, Autograd mechanics (locally disabling gradient computation).
    """
    habit = loop_of(trace).habit(Kind.BLIND_TERM)
    if habit.times < least or habit.times <= share * habit.of:
        return
    idle = [x for x in trace.weight_layers if x.trainable and _is_idle(trace, x)]
    how, instead = "computed", "Compute it outside of no_grad and without detach."
    if habit.names:
        how, instead = "made of a derivative that was taken", "Take it with create_graph=True."
    yield Hit(
        severity=Severity.ERROR if idle else Severity.WARNING,
        message=f"A term of the loss, {how}{habit.where}, carries no gradient: it changes the value of the loss and trains "
        f"nothing. {instead}",
        layers=in_order(idle),
        evidence=(Evidence("share of inspected steps with such a term", habit.share, share),),
        at=habit.at,
    )


def _is_idle(trace: Trace, layer: Layer) -> bool:
    """Does the layer get no gradient, or only zeros?"""
    read = [r.weight_grad for s in late(trace) if (r := s.readings.get(layer.path)) is not None]
    return all(g is None or g.zero_share == 1 for g in read)
