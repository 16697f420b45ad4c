"""GC821 scheduler-mode-inverted."""

import re
from collections.abc import Iterator

from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule

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
