"""Is a loss given what it is documented for? What it is not given makes targets say nothing, or the loss fall without end."""

from gradcheck_cli.features.once import once_per_trace
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace

OUTSIDE = 0.05  # of the values, above which it is no accident
_TAKES = {
    "signs": "takes 1 and -1",
    "targets": "is not defined there, or falls without end",
    "chances": "takes probabilities of the classes, in dimension 1",
    "numbers": "takes the numbers of the right classes with -1 behind the last one",
}


@once_per_trace
def outside_domain(trace: Trace, share: float = OUTSIDE) -> tuple[Habit, ...]:
    """Return which arguments of losses are not what these are documented for, the most of them first."""
    habits = trace.loop.habits_of(Kind.OUTSIDE) if trace.loop else ()
    found = [h for h in habits if h.share > share and not _may_weigh(h)]
    return tuple(sorted(found, key=lambda h: -h.share))


def of_targets(habit: Habit) -> bool:
    """Is it about the targets of a loss, and not about its input?"""
    return habit.names[1] in _TAKES


def _may_weigh(habit: Habit) -> bool:
    """Labels of both signs may be weights, and 0 between them leaves a pair out."""
    return habit.names[1] == "signs" and habit.numbers["low"] < 0 < habit.numbers["high"]


def sometimes_learned(habit: Habit) -> bool:
    """Can it be learned all the same? What adds up to 1 somewhere does not fall without end; unranked pairs may be ties."""
    kind, what = habit.names
    return what in {"probabilities", "turned", "chances"} or kind == "margin_ranking_loss"


def told(habit: Habit) -> str:
    """Say what the loss takes and what it is given."""
    kind, what = habit.names
    low, high = (f"{habit.numbers[end]:.3g}" for end in ("low", "high"))
    if what == "probabilities":
        return f"{kind} takes logarithms of probabilities, and its input{habit.where} is the probabilities themselves, which add up to 1"
    if what == "turned":
        return (
            f"{kind} takes logarithms of probabilities, and those of its input{habit.where} add up to 1 over another "
            "dimension, not over the classes"
        )
    if what == "scores":
        return (
            f"{kind} takes logarithms of probabilities, which are never above 0, and {100 * habit.share:.3g} % of its "
            f"input{habit.where} are, up to {high}"
        )
    said = f"{kind} {_TAKES[what]}, and "
    if what == "chances":
        return f"{said}its targets{habit.where} add up to 1 over another dimension: permute them"
    if what == "numbers":
        rows = f"{100 * habit.share:.3g} % of the rows{habit.where}"
        return f"{said}{rows} name a class twice, as yes or no for each class does"
    return f"{said}its targets{habit.where} run from {low} to {high}"
