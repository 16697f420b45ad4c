"""GC820: layers that a forward pass makes anew."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, findings, mistakes, report, update

NAME = "made-in-forward"


class Net(nn.Module):
    """A network whose last layer is whatever `last` makes of the hidden layer's outputs."""

    def __init__(self, last: Callable[["Net", torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.hidden = nn.Linear(6, 16)
        self.last = last
        self.kept: list[nn.Module] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self, self.hidden(x).tanh())


def trained(net: nn.Module, steps: int = 12) -> None:
    optimizer = adam(net)
    for _ in range(steps):
        update(net, optimizer)


def a_layer(_: Net, x: torch.Tensor) -> torch.Tensor:
    return nn.Linear(16, 3)(x)


def an_attribute(net: Net, x: torch.Tensor) -> torch.Tensor:
    net.head = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 3))
    return net.head(x)


def a_parameter(_: Net, x: torch.Tensor) -> torch.Tensor:
    return x @ nn.Parameter(0.3 * torch.randn(16, 3))


def a_tensor(_: Net, x: torch.Tensor) -> torch.Tensor:
    weight = torch.empty(3, 16)
    nn.init.xavier_uniform_(weight)
    return functional.linear(x, weight.requires_grad_())


def a_convolution(_: Net, x: torch.Tensor) -> torch.Tensor:
    return nn.Conv1d(1, 3, 16)(x[:, None]).flatten(1)


@pytest.mark.parametrize("last", [a_layer, an_attribute, a_parameter, a_tensor, a_convolution])
def test_a_layer_that_each_forward_pass_makes_is_named_with_its_line(
    last: Callable[[Net, torch.Tensor], torch.Tensor],
) -> None:
    found = findings(lambda: trained(Net(last)))
    assert found[NAME].severity is Severity.ERROR
    at = found[NAME].at
    assert at is not None
    assert last.__code__.co_firstlineno < at.line <= last.__code__.co_firstlineno + 3
    assert "added-after-optimizer" not in found


def test_it_leads_the_report_and_tells_where_the_layer_belongs() -> None:
    told = report(lambda: trained(Net(a_layer)))
    assert told.headline.startswith(NAME)
    assert "__init__" in told.fixes[0].code


def made_once(net: Net, x: torch.Tensor) -> torch.Tensor:
    """The first call makes it, as where its size depends on the data."""
    if not net.kept:
        net.kept.append(nn.Linear(16, 3))
    return net.kept[0](x)


def random_features(_: Net, x: torch.Tensor) -> torch.Tensor:
    return (x @ torch.randn(16, 16)).tanh()[:, :3]


def noise(_: Net, x: torch.Tensor) -> torch.Tensor:
    return (x + torch.randn(len(x), 16, requires_grad=True))[:, :3]


def dropped(_: Net, x: torch.Tensor) -> torch.Tensor:
    return functional.dropout(x, 0.2)[:, :3]


def a_state_of_zeros(net: Net, x: torch.Tensor) -> torch.Tensor:
    state = torch.zeros(len(x), 16).requires_grad_()
    return (x + state @ net.hidden.weight @ net.hidden.weight.T)[:, :3]


@pytest.mark.parametrize("last", [made_once, random_features, noise, dropped, a_state_of_zeros])
def test_what_is_made_once_or_is_no_weight_is_fine(
    last: Callable[[Net, torch.Tensor], torch.Tensor],
) -> None:
    assert NAME not in findings(lambda: trained(Net(last)))


class Hyper(nn.Module):
    """Its weights are computed by another network."""

    def __init__(self) -> None:
        super().__init__()
        self.code = nn.Parameter(torch.randn(8))
        self.weights = nn.Linear(8, 18)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weights(self.code + 0.1 * torch.randn(8)).view(3, 6))


def hyper() -> None:
    trained(Hyper())


def lazy() -> None:
    trained(nn.Sequential(nn.LazyLinear(16), nn.Tanh(), nn.LazyLinear(3)))


def attacked() -> None:
    """Learns from inputs that were moved along a gradient of their own."""
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = adam(net)
    for _ in range(12):
        x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))
        delta = nn.Parameter(0.1 * torch.randn(32, 6))
        functional.cross_entropy(net(x + delta), y).backward()
        optimizer.zero_grad()
        functional.cross_entropy(net(x + 0.1 * delta.grad.sign()), y).backward()
        optimizer.step()


def penalized() -> None:
    critic = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = adam(critic)
    for _ in range(12):
        mixed = torch.lerp(torch.randn(32, 6), torch.randn(32, 6), torch.rand(32, 1))
        mixed.requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        optimizer.zero_grad()
        (critic(mixed).mean() + (slope.norm(dim=1) - 1).square().mean()).backward()
        optimizer.step()


class Written(nn.Module):
    """A layer that is written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(0.3 * torch.randn(6, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.w


def fast_weights() -> None:
    """Learns to learn: copies of the weights take a step of their own, of which no graph is kept."""
    net = Written()
    optimizer = adam(net)
    for _ in range(12):
        fast = {"w": (net.w.detach() + 0.01 * torch.randn(6, 3)).requires_grad_()}
        x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))
        functional.cross_entropy(functional_call(net, fast, (x,)), y).backward()
        optimizer.zero_grad()
        functional.cross_entropy(net(x), y).backward()
        optimizer.step()


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("loop", [hyper, lazy, attacked, penalized, fast_weights])
def test_weights_that_are_computed_and_inputs_that_get_a_gradient_are_fine(
    loop: Callable[[], None],
) -> None:
    assert NAME not in mistakes(loop)
