"""Weights that a model keeps as plain attributes, and what looks like them: sick and healthy twins."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.remedies.register_modules import as_parameters
from gradcheck_cli.targets.target import Target
from tests.support.loops import adam, batch, report

Make = Callable[["Body"], None]


class Body(nn.Module):
    """A layer, and weights of three classes that `make` keeps in one way or another."""

    def __init__(self, make: Make) -> None:
        super().__init__()
        self.body = nn.Linear(6, 16)
        make(self)

    def weight(self) -> Tensor:
        """Return the weights [16, 3], whatever they are kept in."""
        kept: Any = self.kept
        kept = kept(torch.eye(16)) if hasattr(kept, "weight") else kept
        kept = kept["a"] if isinstance(kept, (dict, nn.ParameterDict)) else kept
        return kept if isinstance(kept, Tensor) else kept[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, and keep what was computed on the way."""
        self.seen = torch.tanh(self.body(x))
        self.all_seen = [x, self.seen]
        if self.seen.requires_grad:
            self.seen.retain_grad()
        return self.seen @ self.weight()


def drawn() -> Tensor:
    return 0.3 * torch.randn(16, 3)


def shifted(model: Body) -> None:
    model.kept = nn.Parameter(torch.randn(16, 3)) + 0.1


def scaled(model: Body) -> None:
    model.kept = nn.Parameter(torch.randn(16, 3)) * 0.3


def leaf(model: Body) -> None:
    model.kept = torch.randn(16, 3, requires_grad=True)


def listed(model: Body) -> None:
    model.kept = [nn.Parameter(drawn())]


def keyed(model: Body) -> None:
    model.kept = {"a": nn.Parameter(drawn())}


def paired(model: Body) -> None:
    model.kept = drawn().requires_grad_(), drawn().requires_grad_()


def proper(model: Body) -> None:
    model.kept = nn.Parameter(drawn())


def proper_list(model: Body) -> None:
    model.kept = nn.ParameterList([drawn()])


def buffered(model: Body) -> None:
    model.register_buffer("kept", drawn())


def constant(model: Body) -> None:
    model.kept = drawn()


def tied(model: Body) -> None:
    model.head = nn.Linear(16, 3)
    model.kept = [model.head.weight.t()]


def normed(model: Body) -> None:
    model.kept = nn.Linear(16, 3)
    with warnings.catch_warnings():  # it computes a plain attribute of two parameters
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(model.kept)


def spectral(model: Body) -> None:
    model.kept = parametrizations.spectral_norm(nn.Linear(16, 3))


def parametrized(model: Body) -> None:
    model.kept = nn.Linear(16, 3)
    parametrize.register_parametrization(model.kept, "weight", nn.Tanh())


def trained(make: Make, *, by_hand: bool = False, given: bool = False) -> Report:
    """Return the report on a loop of a `Body`; what it keeps is moved by hand, or given to the optimizer."""

    def loop() -> None:
        model = Body(make)
        weight = model.weight()
        held = [*model.parameters(), *([weight] if given else [])]
        optimizer = torch.optim.Adam(held, lr=1e-2)
        for _ in range(40):
            x, y = batch()
            optimizer.zero_grad()
            functional.cross_entropy(model(x.requires_grad_()), y).backward()
            optimizer.step()
            if by_hand:
                weight.data -= 0.1 * weight.grad
                weight.grad = None

    return report(loop)


def told(said: Report) -> list[str]:
    return [f.message for f in said.findings if f.code == "GC601"]


@pytest.mark.parametrize("make", [shifted, leaf, listed, keyed, paired])
def test_a_weight_that_is_no_parameter_is_named_with_its_line(make: Make) -> None:
    said = trained(make)
    [message] = told(said)
    assert message.startswith("kept")
    assert "no optimizer trains it" in message
    assert "unregistered-modules" in [c.name for c in said.causes]


@pytest.mark.parametrize(
    "make", [proper, proper_list, buffered, constant, tied, normed, spectral, parametrized]
)
def test_weights_that_are_parameters_or_constants_are_not(make: Make) -> None:
    assert not told(trained(make))


@pytest.mark.parametrize("make", [leaf, listed, keyed, paired])
@pytest.mark.parametrize("how", ["by_hand", "given"])
def test_a_weight_that_somebody_trains_is_not(make: Make, how: str) -> None:
    assert not told(trained(make, **{how: True}))


def test_modules_in_a_list_that_somebody_trains_or_froze_are_not() -> None:
    def loop(*, given: bool, frozen: bool) -> None:
        def hide(model: Body) -> None:
            model.kept = [nn.Linear(16, 3).requires_grad_(not frozen)]

        model = Body(hide)
        hidden: Any = model.kept[0]
        more = [*hidden.parameters()] if given else []
        optimizer = torch.optim.Adam([*model.parameters(), *more], lr=1e-2)
        for _ in range(6):
            x, y = batch()
            optimizer.zero_grad()
            functional.cross_entropy(hidden(torch.tanh(model.body(x))), y).backward()
            optimizer.step()

    assert told(report(lambda: loop(given=False, frozen=False)))
    assert not told(report(lambda: loop(given=True, frozen=False)))
    assert not told(report(lambda: loop(given=False, frozen=True)))


class Physics(nn.Module):
    """Keeps the points at which its equation is to hold, which are no weights."""

    def __init__(self) -> None:
        super().__init__()
        self.points = torch.linspace(0, 1, 32)[:, None].requires_grad_()
        self.net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))

    def loss(self) -> Tensor:
        """Return how far u' = -u and u(0) = 1 are from true."""
        u = self.net(self.points)
        (slope,) = torch.autograd.grad(u.sum(), self.points, create_graph=True)
        return (slope + u).square().mean() + (u[0] - 1).square().mean()


def test_points_that_a_derivative_is_taken_by_are_no_weights() -> None:
    def loop() -> None:
        model = Physics()
        optimizer = adam(model)
        for _ in range(30):
            optimizer.zero_grad()
            model.loss().backward()
            optimizer.step()

    assert not told(report(loop))


def diagnosed(make: Make) -> Report:
    torch.manual_seed(0)
    parts = {"model": lambda: Body(make), "data": batch(256)}
    return diagnose(
        Target.of(**parts, batch_size=32, device="cpu"), steps=20, examine="none", verify=False
    )


def test_a_weight_whose_graph_is_gone_after_one_step_is_named_all_the_same() -> None:
    [finding] = [f for f in diagnosed(scaled).findings if f.code == "GC601"]
    assert finding.severity is Severity.ERROR
    assert "was computed from a Parameter" in finding.message
    assert not told(diagnosed(proper))


@pytest.mark.parametrize("make", [shifted, leaf, listed, keyed, paired])
def test_the_fix_makes_parameters_of_such_weights(make: Make) -> None:
    def mended(model: Body) -> None:
        make(model)
        as_parameters("kept")(model)

    [fix] = [f for f in diagnosed(make).fixes if f.name == "register-modules"]
    assert fix.summary == "Make parameters of kept."
    assert not told(trained(mended))
