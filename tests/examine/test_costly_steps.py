"""A run that is no better than a constant, whose extension the time ends before its steps are over."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.examine import base as budget
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report, Verdict
from tests.support.trainings import Batch, target

SECONDS = 0.01  # that a step takes, by a clock that counts nothing else


class Clock:
    """Stands still but for training steps."""

    def __init__(self) -> None:
        self.now = 0.0

    def thread_time(self) -> float:
        return self.now

    monotonic = thread_time


def costly(clock: Clock) -> type[torch.optim.SGD]:
    """Return an optimizer whose steps take their time."""

    class Costly(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            super().step(closure)
            clock.now += SECONDS

    return Costly


def parity(samples: int = 4096, bits: int = 30) -> Batch:
    """Whether an odd number of the first four bits is set: a plateau of hundreds of steps, which ends."""
    x = 2.0 * torch.randint(0, 2, (samples, bits), generator=torch.Generator().manual_seed(0)) - 1
    return x, (x[:, :4].prod(1) > 0).long()


class Network(nn.Module):
    """Two layers that read `share` of their input."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.first, self.last = nn.Linear(30, 32), nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(self.share * x).relu())


Ask = Callable[..., Report]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask about a training of parity whose network reads `share` of its input."""
    clock = Clock()
    monkeypatch.setattr(budget, "time", clock)

    def told(share: float = 1.0, steps: int = 50) -> Report:
        made = target(
            model=lambda: Network(share),
            data=parity(),
            optimizer=lambda model: costly(clock)(model.parameters(), lr=0.3),
        )
        return diagnose(made, steps, verify=False, examine="full")

    return told


def stall(report: Report) -> Severity | None:
    """Return how much the loss that stands still counts."""
    return next((f.severity for f in report.findings if f.name == "stalled-loss"), None)


@pytest.mark.heavy
def test_a_plateau_that_the_time_leaves_open_is_open_and_the_steps_that_are_named_decide(
    ask: Ask,
) -> None:
    short = ask()
    assert (short.verdict, stall(short)) == (Verdict.UNSURE, Severity.NOTE)
    assert "there was no time for 750; try --steps 800." in short.headline
    enough = ask(steps=800)
    assert (enough.verdict, stall(enough)) == (Verdict.HEALTHY, None)


def test_a_network_that_does_not_read_its_input_is_sick_however_little_time_there_is(
    ask: Ask,
) -> None:
    report = ask(share=0.0)
    assert (report.verdict, stall(report)) == (Verdict.SICK, Severity.ERROR)
    against = {a.name for a in report.examination if a.outcome is Outcome.WRONG}
    assert "by-heart" in against  # an experiment, and not the loss alone
