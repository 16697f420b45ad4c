"""Roots at zero: noted, blamed for the NaN they make, and guarded."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.remedies.base import Case
from gradcheck_cli.rules.engine import judge
from tests.support.small import case_of, proposals, treated

Act = Callable[[Tensor], Tensor]


class Steep(nn.Module):
    """Applies a function to the sums of squares of what its layer gives, the first of them 0."""

    def __init__(self, act: Act) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.last = nn.Linear(1, 3)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        length = self.first(x).square().sum(1, keepdim=True)
        zero_first = length * (torch.arange(len(x)) > 0)[:, None]
        return self.last(self.act(zero_first))


def root(x: Tensor) -> Tensor:
    return x.sqrt()


def half_power(x: Tensor) -> Tensor:
    return x**0.5


def angle(x: Tensor) -> Tensor:
    return torch.acos(1 - x / x.max().detach())


def square(x: Tensor) -> Tensor:
    return x**2


def causes(case: Case) -> list[str]:
    return [c.name for c in rank(case.trace, judge(case.trace).findings)]


@pytest.mark.parametrize("act", [root, half_power, angle])
def test_a_function_without_a_slope_at_the_end_of_its_range_is_blamed_and_guarded(act: Act) -> None:
    target, case = case_of(lambda: Steep(act), "infinite-slope")
    assert causes(case)[0] == "infinite-slope"
    [proposal] = proposals(case, "safe-gradient")
    assert proposal.fix.at is not None
    assert proposal.fix.at.file.endswith("test_safe_gradient.py")
    model = treated(target, proposal).model
    assert model.first.weight.grad.isfinite().all()
    assert model.first.weight.grad.abs().sum() > 0


def test_away_from_the_point_the_guard_changes_nothing() -> None:
    target, case = case_of(lambda: Steep(root), "infinite-slope")
    [proposal] = proposals(case, "safe-gradient")
    assert proposal.change is not None
    x = torch.randn(4, 8)
    before, after = target.build().model(x), target.build([proposal.change]).model(x)
    assert torch.equal(before[1:], after[1:])
    assert torch.allclose(before[0], after[0], atol=2e-3)


@pytest.mark.parametrize(
    "act",
    [square, lambda x: x**0, lambda x: (x + 1).rsqrt(), lambda x: (x + 1).log()],
    ids=["square", "ones", "rsqrt", "log"],
)
def test_functions_that_have_a_slope_wherever_they_have_a_value_are_not_noted(act: Act) -> None:
    _, case = case_of(lambda: Steep(act), "infinite-slope")
    assert case.trace.steep == ()
    assert proposals(case, "safe-gradient") == []


def test_roots_of_the_data_are_no_business_of_the_gradient() -> None:
    class Prepared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x.abs().sqrt())

    _, case = case_of(Prepared, "infinite-slope")
    assert case.trace.steep == ()


def test_a_healthy_root_is_blamed_for_nothing() -> None:
    _, case = case_of(lambda: Steep(lambda x: (x + 1).sqrt()), "infinite-slope")
    assert len(case.trace.steep) == 1
    assert "infinite-slope" not in causes(case)


def test_steps_that_are_too_large_are_blamed_themselves() -> None:
    wild = lambda model: torch.optim.SGD(model.parameters(), lr=1e30)  # noqa: E731
    _, case = case_of(lambda: Steep(lambda x: (x + 1).sqrt()), "infinite-slope", optimizer=wild)
    assert "infinite-slope" not in causes(case)


def test_a_root_in_the_loss_is_advice_with_its_place() -> None:
    def distance(output: Tensor, target: Tensor) -> Tensor:
        apart = output - nn.functional.one_hot(target, 3)
        return (0 * apart).square().mean().sqrt() + apart.abs().mean()

    _, case = case_of(lambda: nn.Linear(8, 3), "infinite-slope", loss=distance)
    assert causes(case)[0] == "infinite-slope"
    [advice] = proposals(case, "safe-gradient")
    assert advice.change is None
    assert "in the loss" in advice.fix.summary
    assert "no part of the model" in advice.cannot
