"""What a schedule of the learning rate is told, and when."""

import re
from collections.abc import Iterator

from gradcheck_cli.features.progress import FALLING, FEWEST, State, mann_kendall, progress
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule


@rule("GC814", "scheduler-before-optimizer")
def scheduler_before_optimizer(trace: Trace) -> Iterator[Hit]:
    """The scheduler stepped before the first update.

    Measures  at the first update, whether a scheduler of the optimizer had already stepped.
    Reports   that it had.
    Matters   the first value of the schedule is never used, and all others come one step early.
    Severity  note.
    Not for   schedules that are resumed; first updates that a gradient scaler skips.
    Sources   PyTorch documentation, torch.optim, how to adjust learning rate.
    """
    habit = loop_of(trace).habit(Kind.SCHEDULED_FIRST)
    if not habit.times:
        return
    name = habit.names[0]
    made = f" (made at {habit.at})" if habit.at else ""
    yield Hit(
        severity=Severity.NOTE,
        message=f"{name}{made} steps before the first update, so the first rate of the schedule is never used: "
        "call `optimizer.step()` before `scheduler.step()`.",
        evidence=(Evidence("scheduler steps before the first update", 1.0, 0.0),),
        at=habit.at,
    )


# What should rise, by the names that scripts give it.
_RISING = re.compile(
    r"acc|f1|auc|score|iou|dice|precision|recall|\bm?ap\b|r2|psnr|ssim|bleu|correct|reward|hits"
)
_MOVED = 2.0  # times: two numbers of one kind keep their ratio within it


@rule("GC821", "scheduler-mode-inverted")
def scheduler_mode_inverted(
    trace: Trace, *, share: float = 0.6, together: float = 0.6, gone: float = 0.1
) -> Iterator[Hit]:
    """A scheduler lowers the rate although what it is given improves: its mode says the other direction.

    Measures  every number that ReduceLROnPlateau is given, up to the third time that it lowers the rate: how many are
              records in the direction that its mode takes for none; whether they move with the loss (Kendall's tau).
    Reports   more than `share` of them records of the wrong direction and none of the right one: with max numbers
              that move with a falling loss (tau above `together`); with min numbers that move against it, named in the
              script as what should rise (accuracy, score, ...).
    Matters   progress is taken for a plateau, and the rate is lowered until nothing is learned any more.
    Severity  error while the loss has not been learned; warning where the rate ends below `gone` of what was
              configured; else note.
    Not for   an accuracy with max, a loss with min, whichever way they go.
    Sources   PyTorch documentation, torch.optim.lr_scheduler.ReduceLROnPlateau (mode).
    """
    loop = loop_of(trace)
    habit = loop.habit(Kind.LOWERED)
    if not habit.times or habit.numbers["progress"]:
        return
    seen = habit.numbers
    if seen["records"] <= share * (seen["of"] - 1) or not _improves(habit, together):
        return
    mode, other = ("max", "min") if habit.names[0] == "max" else ("min", "max")
    rates = [s.learning_rate for s in trace.steps if s.learning_rate is not None]
    left = rates[-1] / max(rates) if rates and max(rates) > 0 else 1.0
    state = progress(trace)
    learned = state.better or state.state in {State.KEPT, State.UNRATED}
    milder = Severity.WARNING if left < gone else Severity.NOTE
    way = "falls with the loss" if mode == "max" else "rises while the loss falls"
    yield Hit(
        severity=milder if learned else Severity.ERROR,
        message=f"ReduceLROnPlateau{habit.where} lowered the learning rate {habit.times} times, to {number(100 * left)} % of the "
        f"largest, while what it is given improved: it {way} ({number(seen['first'])} to {number(seen['last'])}), and "
        f'`mode="{mode}"` waits for the other direction. Make it `mode="{other}"`.',
        evidence=(
            Evidence(
                "share of numbers that are records of the wrong direction",
                seen["records"] / (seen["of"] - 1),
                share,
            ),
            Evidence("learning rate at the end over the largest", left, gone),
        ),
        at=habit.at,
    )


def _improves(habit: Habit, together: float) -> bool:
    """Is what goes the wrong way for the mode the right way for what it is?"""
    seen, (mode, said) = habit.numbers, habit.names
    rises = bool(_RISING.search(said.lower()))
    if mode == "min":
        return rises and seen["together"] < -together
    ratios = [seen[n] / seen[f"{n} loss"] if seen[f"{n} loss"] else 0.0 for n in ("first", "last")]
    alike = 0 < max(ratios) <= _MOVED * min(ratios)
    return not rises and alike and seen["together"] > together


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
