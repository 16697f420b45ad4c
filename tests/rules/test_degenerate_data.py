"""GC701: data that can not be learned from."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import OWN_CHOICES, DataFacts
from gradcheck_cli.rules.degenerate_data import degenerate_data as gc701
from tests.support.a_trace import (
    a_trace,
    found,
    skipped,
    with_parameter,
)
from tests.support.loops import adam, findings

LIMIT = gc701.thresholds


def fed(loss: str = "stalled", **facts: object):
    return a_trace(loss=loss, data=DataFacts(batch_size=32, **facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fact", "limit"), [("constant_features", "constant"), ("duplicate_inputs", "duplicates")]
)
@pytest.mark.parametrize(("more", "count"), [(-1e-4, 0), (1e-4, 1)])
def test_the_limits_of_the_shares_are_where_the_card_says(
    fact: str, limit: str, more: float, count: int
) -> None:
    answer = found(gc701, fed(**{fact: LIMIT[limit] + more}))
    assert len(answer) == count
    assert all(f.severity is Severity.ERROR for f in answer)
    assert all(f.evidence[0].measured == LIMIT[limit] + more for f in answer)


def test_a_single_class_is_said() -> None:
    [finding] = found(gc701, with_parameter(fed(classes_seen=1), "l3", shape=(10, 8)))
    assert "one class" in finding.message
    assert not found(gc701, with_parameter(fed(classes_seen=2), "l3", shape=(10, 8)))


@pytest.mark.parametrize(
    ("ignored", "classes", "alone"), [(0, 2, True), (-100, 2, False), (0, 3, False)]
)
def test_one_class_that_is_left_when_the_other_is_ignored(
    ignored: int, classes: int, alone: bool
) -> None:
    def loop() -> None:
        model = torch.nn.Conv2d(1, classes, 3, padding=1)
        optimizer = adam(model)
        for _ in range(20):
            x = torch.randn(8, 1, 6, 6)
            target = (x[:, 0] > 0).long() + (x[:, 0] > 1).long() * (classes == 3)
            optimizer.zero_grad()
            cross_entropy(model(x), target, ignore_index=ignored).backward()
            optimizer.step()

    told = [f.message for f in findings(loop).values() if f.name == "degenerate-data"]
    assert bool(told) is alone
    assert all("that the loss counts belong to one class" in message for message in told)


def test_scores_of_pairs_have_no_classes_that_could_be_one() -> None:
    assert not found(gc701, fed(classes_seen=1))  # as many scores as pairs, of no layer


@pytest.mark.parametrize(("times", "count"), [(0.99, 0), (1.01, 1)])
def test_a_wild_scale_is_a_note_from_the_limit_on(times: float, count: int) -> None:
    answer = found(gc701, fed(input_peak=LIMIT["peak"] * times))
    assert [f.severity for f in answer] == [Severity.NOTE] * count


def test_repeated_samples_in_a_network_that_learns_are_no_error() -> None:
    answer = found(gc701, fed("learning", duplicate_inputs=0.95))
    assert {f.severity for f in answer} <= {Severity.NOTE}


@pytest.mark.parametrize("size", [None, 1, 3])
def test_says_so_when_batches_are_tiny(size: int | None) -> None:
    trace = replace(fed(), data=DataFacts(batch_size=size))
    assert "four samples" in skipped(gc701, trace).reason


@pytest.mark.parametrize(
    ("drift", "count"), [(101.0, 1), (99.0, 0), (0.11, 0), (0.09, 1), (0.0, 1)]
)
def test_inputs_that_shrink_tenfold_or_grow_hundredfold_are_changed_in_place(
    drift: float, count: int
) -> None:
    answer = found(gc701, fed("learning", input_drift=drift))
    assert [f.severity for f in answer] == [Severity.ERROR] * count


def test_a_policy_chooses_what_it_sees() -> None:
    trace = fed(input_drift=0.01)
    acting = replace(trace, loss=replace(trace.loss, surrogate="log-probabilities of choices"))
    assert not found(gc701, acting)


def test_the_one_state_of_a_bandit_is_all_there_is_to_see() -> None:
    trace = fed(duplicate_inputs=1.0)
    chosen = replace(trace, loss=replace(trace.loss, surrogate=OWN_CHOICES))
    assert [len(found(gc701, t)) for t in (trace, chosen)] == [1, 0]
