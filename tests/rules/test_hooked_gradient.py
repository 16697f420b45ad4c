"""GC104: a hook is reported from a tenth on, as a note."""

import pytest

from gradcheck_cli.records.loop import Habit, Kind, LoopFacts
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.no_gradient import hooked_gradient


def trace(factor: float) -> Trace:
    habit = Habit(
        kind=Kind.HOOKED,
        times=16,
        at=SourceSite("train.py", 7),
        names=("a",),
        numbers={"factor": factor},
    )
    return Trace(loop=LoopFacts(habits=(habit,)))


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0, 2.0, 10.0])
def test_usual_factors_are_nothing(factor: float) -> None:
    assert list(hooked_gradient(trace(factor))) == []


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (0.0, "Your hook at train.py:7 sets gradients at layer `a` to zero."),
        (0.09, "changes the size of gradients at layer `a` by a factor of 0.09."),
        (1000.0, "by a factor of 1000."),
    ],
)
def test_what_is_less_than_a_tenth_or_more_than_ten_times_is_a_note(
    factor: float, said: str
) -> None:
    [hit] = hooked_gradient(trace(factor))
    assert hit.message.endswith(said)
    assert hit.severity.value == "note"
