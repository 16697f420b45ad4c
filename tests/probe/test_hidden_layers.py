"""Layers that run where no hook sees them are judged by their parameters, and the report says so."""

import pytest
import torch
from torch import nn

from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.report import Verdict
from gradcheck_cli.targets.target import Target
from sample_models.digits import load

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def scripted(depth: int, activation: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    hidden = [m for _ in range(depth) for m in (nn.Linear(64, 64), activation())]
    return torch.jit.script(nn.Sequential(*hidden, nn.Linear(64, 10)))


def target(depth: int, activation: type[nn.Module]) -> Target:
    return Target.of(
        model=lambda: scripted(depth, activation), data=load, optimizer="SGD", lr=0.1, device="cpu"
    )


def test_scripted_layers_stand_in_the_order_of_registration_and_a_gap_says_so() -> None:
    trace = observe(target(2, nn.ReLU).build(), 3)
    depths = {x.path: x.depth for x in trace.layers if x.parameters}
    assert depths == {"0": 2, "2": 1, "4": 0}
    assert any("order of registration" in gap.reason for gap in trace.gaps)


def test_a_deep_scripted_sigmoid_network_is_sick_without_a_crash_of_ours() -> None:
    report = diagnose(target(9, nn.Sigmoid), 50, verify=False)
    assert report.verdict is Verdict.SICK
    assert report.findings[0].name == "vanishing-gradient"
    assert report.crashed == ()


def test_a_shallow_scripted_network_is_healthy() -> None:
    report = diagnose(target(1, nn.ReLU), 50, verify=False)
    assert report.verdict is Verdict.HEALTHY
