"""Networks that are linear where they must not be."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.superposition import superposition
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Verdict
from tests.examine.loops import adam, reported

POINTS = torch.randn(512, 2, generator=torch.Generator().manual_seed(0))
INSIDE = (POINTS.norm(dim=1) > 1.18).long()


def network(between: type[nn.Module]) -> nn.Sequential:
    """Three layers."""
    return nn.Sequential(
        nn.Linear(2, 24), between(), nn.Linear(24, 24), between(), nn.Linear(24, 2)
    )


def loss_of(model: nn.Module, labels: Tensor) -> Tensor:
    """The loss of some of the points."""
    rows = torch.randint(512, (64,))
    return functional.cross_entropy(model(POINTS[rows]), labels[rows])


@pytest.mark.heavy
@pytest.mark.slow
@pytest.mark.parametrize(
    ("between", "expected"), [(nn.Identity, Verdict.SICK), (nn.Tanh, Verdict.HEALTHY)]
)
def test_rings_need_something_nonlinear(between: type[nn.Module], expected: Verdict) -> None:
    model = network(between)
    report = reported(model, lambda: loss_of(model, INSIDE))
    assert report.verdict is expected
    if expected is Verdict.SICK:
        assert report.causes[0].name == "no-nonlinearity"
        assert "ReLU between the layers" in report.causes[0].reasons[0]


def test_a_linear_network_is_no_fault_where_lines_will_do() -> None:
    model = network(nn.Identity)
    report = reported(model, lambda: loss_of(model, (POINTS.sum(1) > 0).long()))
    assert report.verdict is Verdict.HEALTHY
    answers = {a.name: a.outcome for a in report.examination}
    assert answers.get(superposition.name, Outcome.SKIPPED) is Outcome.SKIPPED


@pytest.mark.heavy
@pytest.mark.slow
def test_labels_that_nobody_can_know_are_not_charged_to_linear_layers() -> None:
    model = network(nn.Identity)
    drawn = torch.randint(2, (512,), generator=torch.Generator().manual_seed(1))
    report = reported(model, lambda: loss_of(model, drawn), make=adam)
    assert report.verdict is not Verdict.HEALTHY
    assert not report.causes or report.causes[0].name != "no-nonlinearity"
