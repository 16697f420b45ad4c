"""What each step trains on again: the same batch, or the same random numbers."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Confidence, Evidence, Hit, Severity, loop_of, number, rule


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


@rule("GC825", "seeded-in-the-loop")
def seeded_in_the_loop(trace: Trace, *, share: float = 0.6, least_steps: int = 10) -> Iterator[Hit]:
    """The same seed is set again before each update, so that each step draws the same random numbers.

    Measures  the updates before which one line set the same seed and the training then drew from that generator; whether
              the model drew, and whether the inputs of the inspected steps are the same.
    Reports   more than `share` of at least `least_steps` updates.
    Matters   the same samples, noise or dropout mask in each step: the rest is never trained.
    Severity  warning; note for a policy of whose model and inputs nothing repeats.
    Not for   samples that all train in each step, in an order of chance; other seeds in each step; a seed per epoch of several steps; draws for an evaluation; generators that are put back.
    Sources   PyTorch documentation, Reproducibility (torch.manual_seed).
    """
    habit = loop_of(trace).habit(Kind.SEEDED)
    if habit.of < least_steps or min(habit.share, habit.numbers["drawn"]) <= share:
        return
    call, seed = habit.names
    same, inside = habit.numbers["same"], habit.numbers["inside"] > share
    if habit.numbers["all"] and not inside:
        return
    if same and not habit.numbers["all"]:
        repeats = f"trains on the same {number(habit.numbers['rows'])} samples"
    elif inside:
        repeats = "draws the same dropout masks or noise in the model"
    else:
        repeats = "draws the same random numbers"
    chosen = trace.loss.surrogate and not (same or inside)
    yield Hit(
        severity=Severity.NOTE if chosen else Severity.WARNING,
        confidence=Confidence.HIGH if same or inside else Confidence.MEDIUM,
        message=f"{call}({seed}) was called before {habit.times} of {habit.of} updates{habit.where}, with the same seed, so "
        f"that each step {repeats}. Set the seed once, before the loop.",
        evidence=(Evidence("updates before which the seed was set, of all", habit.share, share),),
        at=habit.at,
    )
