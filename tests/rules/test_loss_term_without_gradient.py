"""GC809: a term of the loss that trains nothing."""

import linecache
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, findings, mistakes, small

NAME = "loss-term-without-gradient"
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def trained(loss: Loss) -> Callable[[], None]:
    def loop() -> None:
        model = nn.Sequential(small(6, 8), nn.Linear(8, 4))
        optimizer = adam(model)
        for _ in range(20):
            x = torch.randn(32, 6)
            optimizer.zero_grad()
            loss(model(x), x).backward()
            optimizer.step()

    return loop


def regression(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(out[:, 0], x.mean(1))


def labels(x: torch.Tensor) -> torch.Tensor:
    return x[:, :3].argmax(1)


def under_no_grad(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        second = F.cross_entropy(out[:, 1:], labels(x))
    return regression(out, x) + second


def detached(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return regression(out, x) + 0.5 * F.cross_entropy(out[:, 1:], labels(x)).detach()


def by_hand(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        second = (out[:, 1] - x[:, 0]).square().mean()
    return second + regression(out, x)


@pytest.mark.parametrize("loss", [under_no_grad, detached, by_hand])
def test_the_line_of_the_term_is_told(loss: Loss) -> None:
    found = findings(trained(loss))[NAME]
    assert found.severity in {Severity.ERROR, Severity.WARNING}
    assert found.at is not None
    assert found.at.file.endswith("test_loss_term_without_gradient.py")


def both(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return regression(out, x) + F.cross_entropy(out[:, 1:], labels(x))


def logged(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    loss = both(out, x)
    total = torch.zeros(())
    total += loss.detach()
    with torch.no_grad():
        assert F.cross_entropy(out[:, 1:], labels(x)) + total > 0
    return loss


def without_value(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    loss = both(out, x)
    return loss - loss.detach() + 1


def advantage(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The baseline of a policy gradient, and its critic."""
    value = out[:, 0]
    returns = x.mean(1)
    chances = F.log_softmax(out[:, 1:], 1)[:, 0]
    better = returns - value.detach()
    better = better - better.mean()
    return -(chances * better).mean() + F.mse_loss(value, returns)


def quantized(out: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    code = out + (out.round() - out).detach()
    return (code - 1).square().mean() + 0.25 * F.mse_loss(out, out.round().detach())


def bootstrapped(out: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    target = x[0, 0] + 0.9 * out[1].max().detach()
    return (target - out[0, 0]).square()


@pytest.mark.parametrize("loss", [both, logged, without_value, advantage, quantized, bootstrapped])
def test_stop_gradients_that_are_meant_are_fine(loss: Loss) -> None:
    assert mistakes(trained(loss)) == set()


Slope = Callable[[nn.Module, torch.Tensor, bool], torch.Tensor]


def equation(model: nn.Module, x: torch.Tensor, graph: bool) -> torch.Tensor:
    """Return how far the slope is off what the equation asks for, at points that ask for a gradient."""
    out = model(x).sum()
    return (torch.autograd.grad(out, x, create_graph=graph)[0] - x.cos()).square().mean()


def penalty(model: nn.Module, x: torch.Tensor, graph: bool) -> torch.Tensor:
    """Return the penalty of a critic's slope between two samples."""
    between = x.detach().lerp(torch.randn_like(x), 0.5).requires_grad_()
    taken = torch.autograd.grad(outputs=model(between).sum(), inputs=between, create_graph=graph)
    return 10 * (taken[0].norm(2, dim=1) - 1).pow(2).mean()


def adversarial(model: nn.Module, x: torch.Tensor, graph: bool) -> torch.Tensor:
    """Return the loss of inputs that were moved along the gradient: it needs no graph of that."""
    [slope] = torch.autograd.grad(model(x).square().mean(), x)
    return model(x.detach() + 0.1 * slope.sign()).square().mean() + 0 * graph


def with_a_term(term: Slope, graph: bool) -> Callable[[], None]:
    def loop() -> None:
        model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = adam(model)
        for _ in range(20):
            x = torch.randn(32, 6, requires_grad=True)
            optimizer.zero_grad()
            loss = F.mse_loss(model(x.detach())[:, 0], x.detach().mean(1)) + term(model, x, graph)
            loss.backward()
            optimizer.step()

    return loop


@pytest.mark.parametrize("term", [equation, penalty])
def test_a_term_made_of_a_derivative_needs_the_graph_of_it(term: Slope) -> None:
    found = findings(with_a_term(term, False))[NAME]
    assert "create_graph=True" in found.message
    assert found.at is not None
    assert "autograd.grad" in linecache.getline(__file__, found.at.line or 0)
    assert NAME not in mistakes(with_a_term(term, True))


def test_inputs_may_be_moved_along_a_gradient() -> None:
    assert NAME not in mistakes(with_a_term(adversarial, False))
