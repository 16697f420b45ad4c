"""GC808 loss-rewrapped."""

from collections.abc import Iterator

from gradcheck_cli.ops import DETACHING
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


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
