"""What many rules ask a trace for is computed once, and belongs to that trace alone."""

import copy
import pickle
from dataclasses import replace

from gradcheck_cli.features.once import once_per_trace
from gradcheck_cli.records.trace import Step, Trace

CALLS: list[int] = []


@once_per_trace
def longest(trace: Trace, *, factor: int = 1) -> int:
    CALLS.append(factor)
    return factor * len(trace.steps)


def test_it_is_computed_once_per_trace_and_argument_and_never_for_a_changed_copy() -> None:
    CALLS.clear()
    trace = Trace(steps=(Step(index=0, loss=1.0), Step(index=1, loss=0.5)))
    assert [longest(trace), longest(trace), longest(trace, factor=3)] == [2, 2, 6]
    assert CALLS == [1, 3]
    shorter = replace(trace, steps=trace.steps[:1])
    assert longest(shorter) == 1
    assert trace.losses == [1.0, 0.5]
    assert shorter.losses == [1.0]


def test_a_trace_that_was_asked_is_equal_to_one_that_was_not_and_can_be_kept() -> None:
    trace = Trace(steps=(Step(index=0, loss=1.0),))
    asked = copy.deepcopy(trace)
    longest(asked)
    assert asked == trace
    assert pickle.loads(pickle.dumps(asked)) == trace
