"""The scores count what they say they count."""

import math

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("transformers")

from benchmarks import peers, truth
from benchmarks.accuracy import missed
from benchmarks.cases import CASES
from benchmarks.peer_runs import Activation, Run, Weight
from benchmarks.scoring import Outcome, Ratio, Row, Score, score
from gradcheck_cli.records.finding import Severity

pytestmark = pytest.mark.heavy

HEALTHY = next(case for case in CASES if case.label == "healthy")
SICK = next(case for case in CASES if case.label == "vanishing")


def test_intervals_are_wilsons():
    low, high = Ratio(9, 10).interval
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    assert Ratio(0, 0).interval == (0.0, 1.0)
    assert Ratio(20, 20).interval[1] == 1.0


def test_notes_are_not_raised_and_warnings_are():
    quiet = Outcome(HEALTHY, {"vanishing-gradient": Severity.NOTE})
    loud = Outcome(HEALTHY, {"stalled-loss": Severity.WARNING}, truths={"stalled-loss": False})
    counted = score([quiet, loud])
    assert (counted.errors.hits, counted.alarms.hits, counted.alarms.of) == (0, 1, 2)
    assert str(counted.rows["stalled-loss"].precision).startswith("0.000 (0/1")


def test_a_planted_cause_counts_first_and_second():
    right = Outcome(SICK, causes=(SICK.cause, "other"))
    near = Outcome(SICK, causes=("other", SICK.cause))
    counted = score([right, near])
    assert (counted.first.hits, counted.second.hits, counted.first.of) == (1, 2, 2)
    assert counted.vanishing.recall.hits == 0


def test_every_finding_is_wrong_on_a_healthy_case():
    assert truth.is_true("stalled-loss", HEALTHY, {}, [2.0] * 50) is False


def test_losses_show_stalls_and_divergence():
    assert truth.shown_by_losses("stalled-loss", [2.3] * 50)
    assert not truth.shown_by_losses("stalled-loss", [2.3 - 0.04 * n for n in range(50)])
    assert truth.shown_by_losses("diverging-loss", [1.0 + n for n in range(50)])
    assert truth.shown_by_losses("non-finite", [1.0, math.nan])


def test_goals_that_are_missed_are_named():
    good = Row(Ratio(100, 100), Ratio(100, 100))
    full = Ratio(100, 100)
    part = Score(
        rows={"vanishing-gradient": good, "dying-relu": good},
        errors=Ratio(0, 50),
        alarms=Ratio(1, 50),
        first=full,
    )
    assert missed(part, {}) == []
    part.errors = Ratio(1, 50)
    [line] = missed(part, {})
    assert line.startswith("errors on healthy cases")


def a_run(first: float, last: float, steps: int = 50) -> Run:
    weights = [
        Weight("0.weight", matrix=True, dense=True),
        Weight("2.weight", matrix=True, dense=True),
    ]
    for weight, size in zip(weights, (first, last), strict=True):
        weight.size, weight.mean, weight.norm = 100, [size / 10] * steps, [size] * steps
        weight.zeros, weight.moved = [0] * steps, [1e-3] * steps
        weight.weight, weight.drift = [1.0] * steps, [0.1] * steps
    falling = [2.0 / (1 + n) for n in range(steps)]
    return Run(weights, [Activation("ReLU")], falling, rate=0.01)


def test_peers_see_strong_vanishing_and_let_a_good_run_pass():
    vanishing = {
        name
        for name, rule in peers.PEERS.items()
        if peers.VANISHING in (rule(a_run(1e-8, 1)) or ())
    }
    assert vanishing == set(peers.PEERS) - {"torchmortem (run)", "torch-audit (run)"}
    assert not any(rule(a_run(0.1, 0.1)) for rule in peers.PEERS.values())


def test_peers_of_absolute_size_go_silent_when_the_loss_is_scaled():
    assert not any(
        peers.VANISHING in rule(a_run(1e-2, 1e6))
        for rule in (peers.sagemaker, peers.thedeepchecker, peers.deepdiagnosis, peers.autotrainer)
    )
    assert peers.VANISHING in peers.naive_ratio(a_run(1e-2, 1e6))
