"""Weights and errors that are complex numbers are measured as pairs of real ones, without a word to the user."""

import warnings

import pytest
import torch
from torch import nn

from gradcheck_cli import Policy, watch
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report, Verdict


class Phases(nn.Module):
    """Complex layers whose outputs are real."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 32, dtype=torch.cfloat)
        self.last = nn.Linear(32, 3, dtype=torch.cfloat)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.first(x))).abs()


def trained(sign: float, *, idle: bool = False, steps: int = 60) -> Report:
    """Train on the largest real part; an idle model beside it is passed back through before."""
    torch.manual_seed(0)
    inputs = torch.randn(256, 6, dtype=torch.cfloat)
    labels = inputs.real[:, :3].argmax(1)
    model, other = Phases(), Phases()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with watch(model, optimizer, verify=True, policy=Policy(examine="full")) as seen:
            for step in range(steps):
                rows = slice(32 * (step % 8), 32 * (step % 8) + 32)
                if idle:
                    nn.functional.cross_entropy(other(inputs[rows]), labels[rows]).backward()
                optimizer.zero_grad()
                (sign * nn.functional.cross_entropy(model(inputs[rows]), labels[rows])).backward()
                optimizer.step()
        return seen.verify(budget=0.5)


def test_a_step_along_complex_gradients_goes_down() -> None:
    [found] = [a for a in trained(1.0).examination if a.name == "step-descends"]
    assert found.outcome is Outcome.FINE
    assert found.measured == pytest.approx(-1.0, abs=1e-3)  # SGD steps along the gradient itself


def test_a_loss_that_is_flipped_is_found_with_complex_weights_too() -> None:
    report = trained(-1.0)
    assert report.verdict is Verdict.SICK
    assert "flipped-loss" in [c.name for c in report.causes]


@pytest.mark.heavy
def test_a_pass_through_a_model_that_nothing_trains_is_not_taken_for_the_training() -> None:
    asked = {a.name: a.outcome for a in trained(1.0, idle=True).examination}
    assert asked["loss-prefers-right"] is Outcome.FINE
    assert asked["step-descends"] is Outcome.FINE


def test_an_optimizer_that_has_nothing_to_step_with_may_stand_beside_complex_gradients() -> None:
    torch.manual_seed(0)
    model, other = nn.Linear(3, 2), nn.Linear(3, 2, dtype=torch.cfloat)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as seen:
        for _ in range(8):
            other(torch.randn(4, 3, dtype=torch.cfloat)).abs().sum().backward()
            optimizer.step()
            model(torch.randn(4, 3)).square().sum().backward()
            optimizer.step()
            optimizer.step()  # without anything new
            optimizer.zero_grad()
    assert not seen.report().crashed


@pytest.mark.parametrize("kind", [torch.float, torch.cfloat])
def test_squared_errors_written_by_hand_are_those_of_their_size(kind: torch.dtype) -> None:
    torch.manual_seed(0)
    inputs = torch.randn(256, 6, dtype=kind)
    right = inputs @ torch.randn(6, 2, dtype=kind)
    model = nn.Linear(6, 2, dtype=kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with watch(model, optimizer) as seen:
            for step in range(60):
                rows = slice(32 * (step % 8), 32 * (step % 8) + 32)
                optimizer.zero_grad()
                (model(inputs[rows]) - right[rows]).abs().square().mean().backward()
                optimizer.step()
    assert seen.report().verdict is Verdict.HEALTHY
