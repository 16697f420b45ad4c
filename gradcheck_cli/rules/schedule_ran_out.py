"""GC805 schedule-ran-out."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import FALLING, FEWEST, State, progress
from gradcheck_cli.features.trend import mann_kendall
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule

NOTHING = 1e-3  # of the rate that is configured: weights stand still
AT_WORK = 0.1  # of the rate: what the loss does with less says nothing of the schedule
BEGINNING = 0.02  # of the rate: a fiftieth of the warm-up


def _made(habit: Habit, per_step: float) -> str:
    """Say which scheduler it is, and how often it steps."""
    often = "every batch" if per_step < 2 else f"every {number(per_step)} batches"
    name = habit.names[0] or "no scheduler"
    return f" ({name}, made at {habit.at}, steps {often})" if habit.at else ""


def _advice(habit: Habit) -> str:
    if habit.names[0] == "ReduceLROnPlateau":
        return "Its mode says whether what it is given should fall (min, as a loss) or rise (max)."
    return "Step the scheduler as often as its numbers mean (most count epochs), or set them for the whole run."


def _waits(habit: Habit, updates: int, *, learned: bool) -> bool:
    """Has a warm-up taken so long that something should have been learned, and is only at its beginning?"""
    return (
        not learned
        and habit.of >= updates
        and habit.numbers["peak"] <= BEGINNING * habit.numbers["configured"]
    )


def _falls(trace: Trace, habit: Habit) -> bool:
    """Did the loss still fall before the rate faded, in the second half of the steps with a tenth of it or more?"""
    before = [s for s in trace.steps if s.index < habit.of - habit.times]
    whole = habit.numbers["configured"]
    losses = [s.loss for s in before if (s.learning_rate or whole) >= AT_WORK * whole]
    late = losses[len(losses) // 2 :]
    return mann_kendall(losses if len(late) < FEWEST else late) < FALLING


@rule("GC805", "schedule-ran-out")
def schedule_ran_out(
    trace: Trace,
    *,
    share: float = 0.5,
    lost: float = 0.2,
    least: int = 20,
    slow: float = 10.0,
    enough: float = 0.5,
    waited: int = 200,
) -> Iterator[Hit]:
    """The learning rate is next to nothing for most of the run, beside what was configured.

    Measures  at every update, the rate against the largest that was configured or used; how often the
              scheduler stepped.
    Reports   a rate of 0.1 % of it or less in the last part of the run, longer than `share` of at least `least`
              updates, or than `lost` of them where less than `enough` of the loss is gone and it was still falling then; a rate that never reaches 10 % of it although a warm-up steps once in
              `slow` updates or more; one that is below 2 % of it after `waited` updates that taught nothing.
    Matters   the weights stand still while the loop goes on; a rate meant for epochs runs out after a few
              batches when the scheduler steps once per batch, and the other way round a warm-up never ends.
    Severity  error while the loss has not been learned; warning for a warm-up that never exceeds 0.1 %, for one that
              steps at each update, and where
              less than `enough` of the loss is gone and it was still falling when the rate faded; note when it
              was learned all the same, or its size tells nothing.
    Not for   schedules that end low together with the run; warm-ups that are still on.
    Sources   PyTorch documentation, torch.optim, how to adjust learning rate.
    """
    state = progress(trace)
    learned = state.better or state.state in {State.KEPT, State.UNRATED}
    severity = Severity.NOTE if learned else Severity.ERROR
    for kind in (Kind.FADED, Kind.WARMING):
        habit = loop_of(trace).habit(kind)
        if habit.of < least or not habit.numbers:
            continue
        rate, configured = habit.numbers["rate"], habit.numbers["configured"]
        peak, steps = habit.numbers["peak"], habit.numbers["scheduler steps"]
        per_step, part = habit.of / steps if steps else habit.of, habit.share
        made = _made(habit, per_step)
        early = state.better and state.learned < enough and _falls(trace, habit)
        most = lost if early else share
        if kind is Kind.FADED and part > most and 0 < configured <= 10 * peak:
            message = (
                f"In the last {habit.times} of {habit.of} updates the learning rate is at most 0.1 % of the configured "
                f"{number(configured)}; it ends at {number(rate)}{made}. {_advice(habit)}"
            )
            if early:
                severity = Severity.WARNING
        elif kind is Kind.WARMING and (per_step >= slow or _waits(habit, waited, learned=learned)):
            message = (
                f"The learning rate never exceeds {number(peak)}, while {number(configured)} is configured{made}: the "
                f"warm-up does not end in this run. {'Step the scheduler once per batch, or shorten' if per_step >= slow else 'Shorten'} the warm-up."
            )
            if per_step < slow or (learned and peak <= NOTHING * configured):
                severity = Severity.WARNING  # at such a rate no fall of the loss is learning
        else:
            continue
        yield Hit(
            severity=severity,
            message=message,
            evidence=(
                Evidence("learning rate at the end", rate, NOTHING * configured),
                Evidence("share of updates at such a rate", part, most),
            ),
            at=habit.at,
        )
        return
