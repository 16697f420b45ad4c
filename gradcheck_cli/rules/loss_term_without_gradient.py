"""GC809 loss-term-without-gradient."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import late
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Layer, Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, in_order, loop_of, rule


@rule("GC809", "loss-term-without-gradient")
def loss_term_without_gradient(
    trace: Trace, *, least: int = 2, share: float = 0.5
) -> Iterator[Hit]:
    """A term of the loss was computed without a graph: it counts in the value and trains nothing.

    Measures  in inspected steps, whether a loss or a mean of what the model computed carries no gradient
              (`no_grad`, `detach`) and is added to a number that carries one.
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
    yield Hit(
        severity=Severity.ERROR if idle else Severity.WARNING,
        message=f"A term of the loss, computed{habit.where}, carries no gradient: it changes the value of the loss and trains "
        "nothing. Compute it outside of no_grad and without detach.",
        layers=in_order(idle),
        evidence=(Evidence("share of inspected steps with such a term", habit.share, share),),
        at=habit.at,
    )


def _is_idle(trace: Trace, layer: Layer) -> bool:
    """Does the layer get no gradient, or only zeros?"""
    read = [r.weight_grad for s in late(trace) if (r := s.readings.get(layer.path)) is not None]
    return all(g is None or g.zero_share == 1 for g in read)
