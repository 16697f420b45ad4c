"""What the passes bring back makes the cause: the furthest upstream first, rivals beside it."""

from dataclasses import replace

import pytest

from gradcheck_cli.causes import shares as read
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.records.diagnosis import Basis, Cause
from gradcheck_cli.records.examination import Moment, Pass
from gradcheck_cli.records.trace import DataFacts, Trace
from gradcheck_cli.rules.engine import judge
from tests.support.a_trace import (
    a_trace,
    with_layer,
    with_nonlinearity,
    with_parameter,
    with_reading,
)

STARVED = [1e-2 * 0.1 ** (9 - i) for i in range(10)]


def passes(moment: Moment, lost: float, **left: tuple[float, float]) -> tuple[Pass, ...]:
    """Return the unchanged pass and others: by constant of `shares`, decades left and the factor."""
    made = [Pass(moment=moment, lost=lost)]
    for name, (rest, factor) in left.items():
        given = getattr(read, name)
        made.append(Pass(moment=moment, names=(given,), lost=rest, factor=factor, touched=1))
    return tuple(made)


def causes(trace: Trace, *made: tuple[Pass, ...]) -> tuple[Cause, ...]:
    given = replace(trace, passes=tuple(p for group in made for p in group))
    return rank(given, judge(given).findings)


def starved(**values: object) -> Trace:
    return a_trace(STARVED, **values)


def test_an_intervention_that_brings_all_back_is_the_cause() -> None:
    best = causes(starved(), passes(Moment.START, 8.0, FACTORS=(0.0, 20.0)))[0]
    assert (best.name, best.basis, best.score) == ("constant-factor", Basis.EXPERIMENT, 1.0)
    assert "100 % of the 8.0 orders of magnitude" in best.reasons[0]
    assert not best.distinguish


def test_of_two_that_bring_all_back_the_one_upstream_comes_first_and_names_the_other() -> None:
    raw = DataFacts(batch_size=32, input_mean=300.0, input_std=200.0)
    made = passes(Moment.START, 8.0, INPUTS=(0.0, 1.0), FACTORS=(0.2, 20.0))
    first, second, *_ = causes(starved(data=raw), made)
    assert (first.name, first.rivals) == ("unnormalized-input", ("constant-factor",))
    assert first.score > second.score


@pytest.mark.parametrize(("left", "named"), [(0.0, True), (6.0, False)])
def test_layers_with_normalization_lack_a_way_around_where_one_brings_all_back(
    left: float, named: bool
) -> None:
    trace = starved()
    for path in [x.path for x in trace.layers]:
        trace = with_layer(trace, path, normalized=True)
    found = causes(trace, passes(Moment.START, 8.0, SKIPS=(left, 1.0)))
    assert ("depth-without-normalization" in [c.name for c in found]) is named


@pytest.mark.parametrize(
    ("std", "cause"), [(0.01, "init-too-small"), (0.2, "depth-without-normalization")]
)
def test_smooth_layers_begin_too_small_only_where_torch_would_not_begin_them_so(
    std: float, cause: str
) -> None:
    trace = starved()
    for path in [x.path for x in trace.layers]:
        trace = with_layer(with_parameter(trace, path, std=std), path, activation="gelu")
    made = passes(Moment.START, 8.0, WEIGHTS=(0.0, 20.0), SKIPS=(0.0, 1.0))
    assert causes(trace, made)[0].name == cause


def test_inputs_come_before_slopes_and_need_inputs_that_are_out_of_range() -> None:
    made = passes(Moment.START, 8.0, INPUTS=(0.0, 1.0), BOUNDED_SLOPES=(0.0, 1.0))
    raw = DataFacts(batch_size=32, input_mean=300.0, input_std=200.0)
    assert causes(starved(data=raw), made)[0].name == "unnormalized-input"
    usual = DataFacts(batch_size=32, input_mean=0.0, input_std=1.0)
    assert "unnormalized-input" not in [c.name for c in causes(starved(data=usual), made)]


def test_what_training_lost_is_charged_to_no_part_of_the_network() -> None:
    late = passes(Moment.LATE, 8.0, WEIGHTS=(0.0, 5.0), STANDARDIZED=(0.0, 1.0))
    found = causes(starved(), passes(Moment.START, 0.1), late)
    assert not [c for c in found if c.basis is Basis.EXPERIMENT]


@pytest.mark.parametrize(
    ("over_time", "cause"), [(8.0, "long-recurrence"), (0.0, "saturating-activation")]
)
def test_gates_that_lose_a_gradient_along_time_are_those_of_a_memory(
    over_time: float, cause: str
) -> None:
    made = [Pass(moment=Moment.START, lost=8.0 - over_time, over_time=over_time)]
    made.append(Pass(moment=Moment.START, names=(read.GATES,), touched=40))
    trace = with_reading(starved(), "l1", early_over_late=1e-8 if over_time else None)
    assert causes(trace, tuple(made))[0].name == cause


@pytest.mark.parametrize(("begins", "dynamic"), [(0.5, True), (1.5, True), (3.0, False)])
def test_a_loss_that_more_than_doubles_from_little_is_of_training(
    begins: float, dynamic: bool
) -> None:
    trace = replace(a_trace(), passes=(*passes(Moment.START, begins), *passes(Moment.LATE, 8.0)))
    found = read.shares(trace)
    assert found is not None
    assert found.dynamic is dynamic


def test_without_passes_a_cause_is_a_possible_one() -> None:
    for found in causes(with_nonlinearity(a_trace(), dead=0.99)):
        assert found.basis is Basis.SIGNS
        assert found.score < 1


def test_a_pass_that_is_no_number_brings_nothing_back() -> None:
    base, other = Pass(moment=Moment.START, lost=5.0), Pass(moment=Moment.START, finite=False)
    assert read.restored(base, other) == 0
    assert read.restored(other, base) == 1
    assert read.restored(Pass(moment=Moment.START, lost=0.5), base) == 0
