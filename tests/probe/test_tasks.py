"""Several tasks in one loss, of which one is so small that it is not learned."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradcheck_cli.records.finding import Severity
from tests.support.loops import findings, report


class TwoHeads(nn.Module):
    """Says what something is and how large."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, 32), nn.Tanh())
        self.kind, self.size = nn.Linear(32, 3), nn.Linear(32, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both."""
        seen = self.trunk(x)
        return self.kind(seen), self.size(seen).squeeze(1)


def trained(
    unit: float = 1.0, weight: float = 1.0, *, rate: float = 0.05, swap: bool = False
) -> None:
    """`unit` of the sizes, `weight` of the term of kinds; in which order they are compared makes no difference."""
    model = TwoHeads()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for _ in range(60):
        x = torch.randn(64, 6)
        kinds, sizes = x[:, :3].argmax(1), unit * (x[:, 3] + x[:, 4])
        kind, size = model(x)
        terms = [
            lambda k=kind, y=kinds: weight * functional.cross_entropy(k, y),
            lambda s=size, y=sizes: functional.mse_loss(s, y),
        ]
        optimizer.zero_grad()
        sum(term() for term in (terms[::-1] if swap else terms)).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()


@pytest.mark.parametrize("swap", [True, False])
def test_a_task_that_drowns_in_the_other(*, swap: bool) -> None:
    found = findings(lambda: trained(30.0, 0.01, swap=swap))["held-back"]
    assert found.severity is Severity.WARNING
    assert found.message.startswith("cross_entropy is 0.00")
    assert found.evidence[0].measured < found.evidence[0].limit


def test_its_cause_is_the_scale_and_the_fix_speaks_of_both_tasks() -> None:
    said = report(lambda: trained(30.0, 0.01))
    assert said.causes[0].name == "target-scale"
    assert "to one size" in said.fixes[0].summary


@pytest.mark.parametrize(
    ("unit", "weight"),
    [(1.0, 1.0), (3.0, 1.0), (0.03, 1.0), (1.0, 0.1)],
    ids=["alike", "larger", "a small one that is learned", "weighed less"],
)
def test_its_twins_with_tasks_of_one_size_are_left_alone(unit: float, weight: float) -> None:
    assert "held-back" not in findings(lambda: trained(unit, weight))


def test_a_run_that_learns_none_of_its_tasks_has_another_fault() -> None:
    assert "held-back" not in findings(lambda: trained(30.0, 0.01, rate=0.0))
