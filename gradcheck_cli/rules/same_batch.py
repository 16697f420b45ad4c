"""GC818 same-batch."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC818", "same-batch")
def same_batch(trace: Trace, *, least: int = 5, least_steps: int = 20) -> Iterator[Hit]:
    """Every step trains on the same batch, while the loader holds more samples.

    Measures  the inputs of the inspected steps beside the batches that loaders gave; the size of the loader's
              dataset; where its iterators are made.
    Reports   one and the same batch in at least `least` inspected steps of `least_steps`; an iterator made anew in each step over data
              that is not shuffled, which begins with the same samples each time.
    Matters   the loss falls because one batch is learned by heart; all other samples are never seen.
    Severity  warning where the iterator is made anew, or other batches are drawn between the updates; else note:
              to learn one batch by heart is a usual test.
    Not for   full-batch training; data that did not come from a loader, or was changed before the model saw it.
    Sources   PyTorch documentation, torch.utils.data.DataLoader: iter() begins a new pass.
    """
    habit = loop_of(trace).habit(Kind.ONE_BATCH)
    if habit.times < least or habit.of < least_steps:
        return
    rows, held = habit.numbers["rows"], habit.numbers["held"]
    again, others = habit.numbers["again"], habit.numbers["others"]
    said = f"Each step trains on the same {rows:.0f} samples; the loader holds {held:.0f}"
    if again:
        said += ": iter() begins a new pass in each step. Make the iterator once, before the loop"
    elif others:
        said += ", and other batches are drawn without being trained on"
    yield Hit(
        severity=Severity.WARNING if again or others else Severity.NOTE,
        message=f"{said}.",
        evidence=(Evidence("inspected steps with the same batch", habit.times, least),),
        at=habit.at if again else None,
    )
