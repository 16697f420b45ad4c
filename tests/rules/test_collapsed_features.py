"""GC203: outputs that do not depend on the input any more."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.collapsed_features import collapsed_features as gc203
from tests.support.a_trace import (
    a_trace,
    found,
    skipped,
    with_layer,
    with_outputs_that_part,
    with_reading,
)
from tests.support.answered import answer
from tests.support.loops import findings

LIMIT = gc203.thresholds


def collapsed(spread: float, loss: str = "stalled"):
    return with_reading(a_trace(loss=loss), "l2", spread=spread)


def test_names_the_layer_and_the_share_that_depends_on_the_sample() -> None:
    [finding] = found(gc203, collapsed(1e-9))
    assert (finding.code, finding.layers, finding.severity) == ("GC203", ("l2",), Severity.ERROR)
    assert (finding.evidence[0].measured, finding.evidence[0].limit) == (1e-9, LIMIT["spread"])


def test_an_output_without_any_spread_is_said_to_be_exactly_the_same() -> None:
    [finding] = found(gc203, collapsed(0.0))
    assert "exactly the same for every sample (" in finding.message


@pytest.mark.parametrize(("times", "count"), [(0.99, 1), (1.01, 0)])
def test_the_limit_is_where_the_card_says(times: float, count: int) -> None:
    assert len(found(gc203, collapsed(LIMIT["spread"] * times))) == count


def test_a_collapse_while_the_loss_falls_is_a_note_at_most() -> None:
    assert {f.severity for f in found(gc203, collapsed(1e-9, "learning"))} <= {Severity.NOTE}


def ends_in(spread: float, **facts: object):
    trace = with_reading(a_trace(loss="learning", **facts), "l2", spread=1e-9)
    return with_reading(trace, "l3", spread=spread)


@pytest.mark.parametrize(
    ("spread", "expected"), [(3e-15, Severity.ERROR), (1e-10, Severity.NOTE), (0.1, Severity.NOTE)]
)
def test_outputs_that_are_the_same_but_for_rounding_are_an_error_though_the_loss_falls(
    spread: float, expected: Severity
) -> None:
    [finding] = found(gc203, ends_in(spread))
    assert finding.severity is expected
    assert ("that of a constant at most" in finding.message) is (expected is Severity.ERROR)


def test_outputs_that_come_apart_promise_more() -> None:
    trace = with_outputs_that_part(ends_in(3e-15))
    assert [f.severity for f in found(gc203, trace)] == [Severity.NOTE]


def test_one_of_several_outputs_may_be_a_constant() -> None:
    trace = with_layer(with_reading(ends_in(0.0), "l1", spread=0.2), "l1", depth=0)
    assert [f.severity for f in found(gc203, trace)] == [Severity.NOTE]


def test_a_collapse_is_a_note_as_long_as_the_loss_looks_as_if_it_will_fall() -> None:
    trace = a_trace(update=1e-3)
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, agreement=0.9)
    trace = with_reading(trace, "l2", spread=1e-9)
    assert [f.severity for f in found(gc203, trace)] == [Severity.NOTE]


def test_where_the_inputs_themselves_hardly_vary_nothing_has_collapsed() -> None:
    trace = a_trace()
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, spread=LIMIT["spread"] / 2)
    assert not found(gc203, trace)


def test_a_branch_that_does_not_lead_to_the_loss_may_be_constant() -> None:
    assert not found(gc203, with_layer(collapsed(0.0), "l2", depth=None))


def test_says_so_when_batches_hold_one_sample() -> None:
    trace = a_trace()
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, spread=None)
    assert "one sample" in skipped(gc203, trace).reason


def test_a_collapsed_branch_below_outputs_that_depend_on_the_sample_is_a_note() -> None:
    trace = with_reading(a_trace(skips=True), "l1", spread=1e-8)
    assert [f.severity for f in found(gc203, trace)] == [Severity.NOTE]
    assert [f.severity for f in found(gc203, replace(trace, skips=False))] == [Severity.ERROR]
    above = with_reading(trace, "l3", spread=1e-8)
    assert [f.severity for f in found(gc203, above)] == [Severity.ERROR]


@pytest.mark.parametrize("told", [answer("pairs-matter"), answer("another", Outcome.FINE)])
def test_views_that_need_not_belong_together_are_an_error_though_the_loss_falls(
    told: Answer,
) -> None:
    trace = replace(a_trace(loss="learning"), examination=(told,))
    expected = [Severity.ERROR] if told.name == "pairs-matter" else []
    assert [f.severity for f in found(gc203, trace)] == expected


def test_layers_are_looked_at_where_views_were_not_asked_about() -> None:
    told = Answer(name="pairs-matter", question="", outcome=Outcome.SKIPPED, reason="one call")
    assert len(found(gc203, replace(collapsed(1e-9), examination=(told,)))) == 1


def autoencoder(deep: int, *, offset: float = 0.0) -> Callable[[], None]:
    """Learns to repeat what it is given, through so many sigmoids, and returns its loss by itself."""

    class Autoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [16, *[12] * deep]
            pairs = [(nn.Linear(a, b), nn.Sigmoid()) for a, b in pairwise(sizes)]
            self.encoder = nn.Sequential(*(layer for pair in pairs for layer in pair))
            self.decoder = nn.Sequential(nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 16))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = (self.decoder(self.encoder(x - offset)) - x).square()
            return made.sum(1).mean()

    def loop() -> None:
        model = Autoencoder()
        with torch.no_grad():
            model.decoder[2].bias.fill_(offset)  # type: ignore[operator]
        mix = torch.randn(3, 16)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(250):
            x = offset + (torch.randn(32, 3) @ mix).sigmoid()
            optimizer.zero_grad()
            model(x).backward()
            optimizer.step()

    return loop


def test_codes_that_are_the_same_for_all_samples_are_an_error_though_the_loss_falls() -> None:
    found_of = findings(autoencoder(12))["collapsed-features"]
    assert found_of.severity is Severity.ERROR
    assert "so are all outputs" in found_of.message


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_codes_of_their_own_are_none_also_beside_a_large_mean(offset: float) -> None:
    told = findings(autoencoder(1, offset=offset)).get("collapsed-features")
    assert told is None or told.severity is Severity.NOTE
