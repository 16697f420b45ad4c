"""Values that are hidden behind a call, whose slope is not: the call is named, and its twin that hides before is not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gradcheck_cli.records.loop import Kind
from tests.support.loops import adam, findings, report, watched

NAME = "infinite-slope"
Act = Callable[[Tensor], Tensor]


class Gained(nn.Module):
    """Gives each column a factor, which makes it a layer of its own, and applies a function."""

    def __init__(self, act: Act) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(6))
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.factor * x)


def training(act: Act, *, own: bool, largest: float = 1.0) -> Callable[[], None]:
    """A loop over points of which every second number is 0, or `largest`."""

    def loop() -> None:
        torch.manual_seed(0)
        first = nn.Sequential(Gained(act)) if own else nn.Sequential(nn.Linear(6, 6), Applied(act))
        model = nn.Sequential(first, nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
        if not own:
            with torch.no_grad():
                first[0].weight.copy_(torch.eye(6))
                first[0].bias.zero_()
        optimizer = adam(model)
        for _ in range(20):
            x = torch.rand(32, 6) * largest
            x[:, ::2] = 0
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), x[:, 1::2].argmax(1)).backward()
            optimizer.step()

    return loop


class Applied(nn.Module):
    """A function as a module."""

    def __init__(self, act: Act) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)


def behind(function: Act) -> Act:
    return lambda x: torch.where(x > 0, function(x), torch.zeros_like(x))


def before(function: Act) -> Act:
    return lambda x: torch.where(x > 0, function(torch.where(x > 0, x, torch.ones_like(x))), 0 * x)


FUNCTIONS: dict[str, Act] = {
    "log": torch.log,
    "sqrt": torch.sqrt,
    "pow": lambda x: x**0.3,
    "div": lambda x: 0.1 / x,
    "rsqrt": lambda x: torch.rsqrt(x) * 0.1,
    "acos": lambda x: torch.acos(1 - x),
    "xlogy": lambda x: torch.xlogy(x, x),
}


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_value_that_is_hidden_behind_the_call_is_no_slope_that_is(
    name: str, *, own: bool
) -> None:
    said = report(training(behind(FUNCTIONS[name]), own=own))
    assert said.causes[0].name == NAME
    assert name in said.causes[0].reasons[0]
    assert said.causes[0].at is not None
    assert said.causes[0].at.file.endswith("test_slopes.py")
    advice = [f for f in said.fixes if f.name == "safe-gradient"]
    assert name in advice[0].summary


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_hidden_before_the_call_has_a_slope(name: str, *, own: bool) -> None:
    said = report(training(before(FUNCTIONS[name]), own=own))
    assert NAME not in [c.name for c in said.causes]
    assert "non-finite" not in [f.name for f in said.findings]


@pytest.mark.parametrize("right", [True, False])
def test_a_softplus_by_hand_overflows_behind_its_mask(*, right: bool) -> None:
    def softplus(x: Tensor) -> Tensor:
        return torch.where(x > 20, x, torch.log1p(torch.exp(x.clamp(max=20) if right else x)))

    said = report(training(softplus, own=True, largest=200.0))
    named = [c for c in said.causes if c.name == NAME]
    assert bool(named) is not right
    if named:
        assert "exp()" in named[0].reasons[0]


def test_norms_and_angles_at_0_have_a_slope_that_torch_chooses() -> None:
    def length(x: Tensor) -> Tensor:
        return x / (1 + (0 * x).norm(dim=1, keepdim=True) + torch.atan2(0 * x, 0 * x))

    assert not any(h for s in watched(training(length, own=True)) for h in broke(s))
    assert "non-finite" not in findings(training(length, own=True))


@pytest.mark.parametrize("offset", [0.0, 1e-12])
def test_a_root_at_0_in_a_step_that_was_not_looked_into_is_a_possible_cause(offset: float) -> None:
    def loop() -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 3))
        optimizer = adam(model)
        for step in range(60):
            one, other = torch.randn(2, 32, 4)
            other[0] = one[0] if step == 42 else other[0]
            apart = (model(one) - model(other)).square().sum(1)
            optimizer.zero_grad()
            ((apart + offset).sqrt() - (one - other).norm(dim=1)).square().mean().backward()
            optimizer.step()

    causes = report(loop).causes
    assert ([c.name for c in causes[:1]] == [NAME]) is (not offset)
    if causes:
        assert "up to step 43" in causes[0].reasons[0]
        assert "sqrt() at" in causes[0].reasons[0]


def broke(session) -> tuple:
    loop = session.trace().loop
    return loop.habits_of(Kind.BROKE) if loop else ()
