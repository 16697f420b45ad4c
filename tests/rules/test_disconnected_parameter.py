"""GC601: parameters that never get a gradient."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Cut, SourceSite
from gradcheck_cli.rules.disconnected_parameter import disconnected_parameter as gc601
from tests.support.a_trace import (
    a_trace,
    found,
    moments,
    with_layer,
    with_parameter,
    with_reading,
)
from tests.support.loops import adam, batch, findings, report


def silent(*paths: str, **facts: object):
    trace = a_trace(**facts)  # type: ignore[arg-type]
    for path in paths:
        trace = with_parameter(trace, path, reached=False)
        trace = with_reading(trace, path, weight_grad=None, update=moments(0.0))
    return trace


def test_names_the_layers_and_the_place_of_the_cut() -> None:
    cut = Cut(operation="detach", layer="l1", at=SourceSite("m.py", 7))
    [finding] = found(gc601, silent("l0", "l1", cuts=(cut,)))
    assert (finding.code, finding.severity) == ("GC601", Severity.ERROR)
    assert finding.layers == ("l0", "l1")
    assert finding.evidence[0].measured == 2
    assert "detach at m.py:7" in finding.message


def test_one_gradient_in_the_whole_run_is_enough() -> None:
    assert not found(gc601, with_parameter(silent("l0"), "l0", reached=True))


def test_a_layer_whose_output_nothing_uses_is_a_note() -> None:
    [finding] = found(gc601, with_layer(silent("l0"), "l0", depth=None))
    assert finding.severity is Severity.NOTE


def test_a_target_network_moved_by_averaging_is_left_alone() -> None:
    assert not found(gc601, with_reading(silent("l0"), "l0", update=moments(1e-4)))


def test_frozen_and_unheld_and_uncalled_layers_are_the_business_of_others() -> None:
    assert not found(gc601, with_parameter(silent("l0"), "l0", trainable=False))
    assert not found(gc601, with_parameter(silent("l0"), "l0", optimized=False))
    assert not found(gc601, with_layer(silent("l0"), "l0", called=False))


def test_modules_in_plain_lists_are_named() -> None:
    [finding] = found(gc601, a_trace(unregistered=("blocks",)))
    assert finding.severity is Severity.ERROR
    assert finding.layers == ("blocks",)
    assert "blocks" in finding.message


def test_a_head_that_nothing_uses_beside_one_of_its_shape() -> None:
    def loop(*, pasted: bool) -> None:
        body, heads = nn.Linear(6, 16), nn.ModuleList([nn.Linear(16, 3), nn.Linear(16, 3)])
        model = nn.ModuleList([body, heads])
        optimizer = adam(model)
        for _ in range(6):
            x, y = batch()
            first, second = (head(torch.relu(body(x))) for head in heads)
            optimizer.zero_grad()
            score = nn.functional.cross_entropy
            (score(first, y) + score(first if pasted else second, y.flip(0))).backward()
            optimizer.step()

    told = findings(lambda: loop(pasted=True))["disconnected-parameter"]
    assert told.severity is Severity.WARNING
    assert "as large as" in told.message
    assert "disconnected-parameter" not in findings(lambda: loop(pasted=False))


class Translator(nn.Module):
    """Reads a sum from its encoder, or leaves it unread."""

    def __init__(self, *, read: bool) -> None:
        super().__init__()
        self.read = read
        self.encoder, self.decoder = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return scores."""
        seen = self.encoder(x).tanh()
        return self.decoder(seen if self.read else torch.ones_like(seen))


@pytest.mark.parametrize("read", [True, False])
def test_an_encoder_that_nobody_reads(*, read: bool) -> None:
    def loop() -> None:
        model = Translator(read=read)
        optimizer = adam(model)
        for _ in range(60):
            x, y = batch(64)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    said = report(loop)
    assert ("unused-input" in [cause.name for cause in said.causes[:1]]) is not read
    assert [f.severity for f in said.findings if f.code == "GC601"] == [Severity.WARNING][read:]
