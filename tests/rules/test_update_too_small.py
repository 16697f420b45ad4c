"""GC401: weights that hardly move, in no layer."""

from dataclasses import replace

import pytest

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.update_size import update_too_small as gc401
from tests.support.a_trace import (
    a_trace,
    found,
    moments,
    skipped,
    with_reading,
)
from tests.support.answered import answer

LIMIT = gc401.thresholds
WEIGHT = 0.3


def moving(ratio: float, loss: str = "stalled"):
    return a_trace(loss=loss, update=ratio * WEIGHT)


def test_names_the_layer_that_moves_most_and_by_how_much() -> None:
    trace = with_reading(moving(1e-9), "l2", update=moments(1e-7 * WEIGHT))
    [finding] = found(gc401, trace)
    assert (finding.code, finding.severity) == ("GC401", Severity.ERROR)
    assert finding.layers == ("l0", "l1", "l2", "l3")
    assert finding.evidence[0].measured == pytest.approx(1e-7)
    assert "l2" in finding.message


@pytest.mark.parametrize(("times", "count"), [(0.99, 1), (1.01, 0)])
def test_the_limit_is_where_the_card_says(times: float, count: int) -> None:
    assert len(found(gc401, moving(LIMIT["ratio"] * times, "slow"))) == count
    assert len(found(gc401, moving(10 * LIMIT["ratio"] * times, "stalled"))) == count


@pytest.mark.parametrize(("more", "count"), [(-0.01, 0), (0.01, 1)])
def test_the_limit_of_lost_changes_is_where_the_card_says(more: float, count: int) -> None:
    trace = moving(1e-3)
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, lost=LIMIT["lost"] + more)
    answer = found(gc401, trace)
    assert len(answer) == count
    assert all("rounding" in f.message for f in answer)


def test_one_layer_that_moves_is_enough() -> None:
    assert not found(gc401, with_reading(moving(1e-9), "l3", update=moments(1e-3)))


@pytest.mark.parametrize("loss", ["learning", "converged"])
def test_small_steps_of_a_network_that_learns_are_a_note_at_most(loss: str) -> None:
    assert {f.severity for f in found(gc401, moving(1e-9, loss))} <= {Severity.NOTE}


@pytest.mark.parametrize(
    ("lost", "late", "severity"),
    [
        (0.9, Outcome.NOTED, Severity.WARNING),
        (0.9, Outcome.FINE, Severity.NOTE),
        (0.0, Outcome.NOTED, Severity.NOTE),
    ],
)
def test_changes_lost_to_rounding_are_no_note_where_the_run_learns_late(
    lost: float, late: Outcome, severity: Severity
) -> None:
    trace = moving(1e-9, "slow")
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, lost=lost)
    told = (answer("longer", Outcome.FINE), answer("plateau", late))
    [finding] = found(gc401, replace(trace, examination=told))
    assert finding.severity is severity


def test_small_steps_of_a_warm_up_are_a_note() -> None:
    trace = moving(1e-7)
    steps = [replace(s, learning_rate=1e-6 * (1 + s.index)) for s in trace.steps]
    answer = found(gc401, replace(trace, steps=tuple(steps)))
    assert [f.severity for f in answer] == [Severity.NOTE]


def test_without_any_gradient_there_is_nothing_to_move() -> None:
    assert not found(gc401, a_trace((0.0,) * 4, update=0.0))


def test_says_so_when_no_update_was_seen() -> None:
    assert "update" in skipped(gc401, a_trace(())).reason


def test_weights_that_are_zero_have_no_relative_change() -> None:
    trace = a_trace((1e-2,))
    assert skipped(gc401, with_reading(trace, "l0", weight=moments(0.0))).code == "GC401"
