"""GC410: one change lets the run learn many times faster."""

from dataclasses import replace

import pytest

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity, Skip
from gradcheck_cli.rules.held_back import held_back
from tests.support.a_trace import a_trace
from tests.support.answered import answer, found


def test_a_change_that_gains_more_in_fewer_steps() -> None:
    later = answer("longer", Outcome.FINE)
    [finding] = found(held_back, later, answer("without-dropout"))
    assert finding.severity is Severity.WARNING


def test_where_nothing_is_gained_or_the_run_never_learns() -> None:
    later = answer("longer", Outcome.FINE)
    assert found(held_back, later, answer("without-dropout", Outcome.FINE)) == []
    assert found(held_back, answer("longer"), answer("without-dropout")) == []


def test_a_run_that_only_falls_is_held_back_by_what_gains_half_of_everything() -> None:
    later = answer("longer", Outcome.NOTED)
    assert found(held_back, later, answer("rate-higher")) == []  # 2 %
    much = replace(answer("rate-higher"), measured=60.0)
    [finding] = found(held_back, later, much)
    assert finding.severity is Severity.WARNING


def test_or_by_what_was_measured_beside_it() -> None:
    later = answer("longer", Outcome.NOTED)
    change = replace(answer("without-penalty"), measured=20.0, supports=("penalty-too-strong",))
    pull = replace(answer("penalty-pull"), supports=("penalty-too-strong",))
    assert found(held_back, later, change) == []
    [finding] = found(held_back, later, change, pull)
    assert finding.severity is Severity.WARNING


def test_without_an_extension_it_cannot_tell() -> None:
    assert isinstance(found(held_back, answer("without-dropout")), Skip)


def test_a_run_that_learns_and_would_learn_far_more() -> None:
    [finding] = found(held_back, answer("without-decay"), answer("unfrozen", Outcome.FINE))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(("update", "count"), [(3e-3, 0), (3e-5, 1)])
def test_a_larger_rate_is_better_and_the_usual_pace_is_not_too_slow(
    update: float, count: int
) -> None:
    told = (answer("longer", Outcome.FINE), answer("rate-higher"))
    trace = replace(a_trace(update=update), examination=told)
    hits = held_back(trace)
    assert isinstance(hits, list)
    assert len(hits) == count


@pytest.mark.parametrize(("bottom", "count"), [(1e-3, 0), (1e-7, 1)])
def test_larger_initial_weights_are_better_and_a_gradient_that_arrives_is_no_fault(
    bottom: float, count: int
) -> None:
    redrawn = replace(answer("redrawn-weights"), supports=("init-too-small",), measured=70.0)
    trace = a_trace((bottom, 1e-2, 1e-2, 1e-2))
    told = replace(trace, examination=(answer("longer", Outcome.FINE), redrawn))
    hits = held_back(told)
    assert isinstance(hits, list)
    assert len(hits) == count
    stands = replace(trace, examination=(answer("longer", Outcome.NOTED), redrawn))
    assert held_back(stands)  # one that does not learn when it goes on is held back all the same
