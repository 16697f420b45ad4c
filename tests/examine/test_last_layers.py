"""Losses that fall without end with a number that is the same for all samples: sick and healthy twins."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.loss_prefers_right import loss_prefers_right
from tests.examine.loops import answered, reported

Loss = Callable[["Heads", Tensor, Tensor], Tensor]


class Heads(nn.Module):
    """Two or three layers over one body, each called by the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 8), nn.ReLU(inplace=True))
        self.a, self.b, self.c = nn.Linear(8, 4), nn.Linear(8, 4), nn.Linear(4, 4)


def gaussian(sign: float, net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """A likelihood whose two halves should pull the spread to two sides."""
    mean, spread = net.a(h := net.body(x)), net.b(h)
    return (spread + (y - mean) ** 2 * torch.exp(sign * spread)).mean()


def turned(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """The other term has the wrong sign."""
    mean, spread = net.a(h := net.body(x)), net.b(h)
    return ((y - mean).abs() * torch.exp(-spread) - spread).mean()


def elbo(sign: float, net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """A reconstruction and a divergence, which is added."""
    mean, spread = net.a(h := net.body(x)), net.b(h)
    made = net.c(mean + (spread / 2).exp() * torch.randn_like(mean))
    divergence = -(1 + spread - mean**2 - spread.exp()).mean() / 2
    return functional.mse_loss(made, y) + sign * divergence


def torchs_own(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """Torch's own likelihood."""
    h = net.body(x)
    return functional.gaussian_nll_loss(net.a(h), y, functional.softplus(net.b(h)))


def mixture(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """A mixture of four normal distributions of one number."""
    h = net.body(x)
    means, spreads = net.a(h), net.b(h)
    parts = torch.distributions.Normal(means, spreads.exp()).log_prob(0.01 * y[:, :1])
    return -(net.c(h[:, :4]).log_softmax(1) + parts).logsumexp(1).mean()


def choices(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """What was rewarded becomes likelier, and a value is learned beside it."""
    h = net.body(x)
    chosen = net.a(h).log_softmax(1).gather(1, y.argmax(1, keepdim=True))[:, 0]
    return (net.b(h)[:, 0] - y[:, 0]).square().mean() - (chosen * y[:, 1]).mean()


def critic(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """What is real scores higher."""
    return (net.c(x.repeat(1, 2)[:, :4]) - net.c(y)).mean() - 0.0 * net.a(net.body(x)).mean()


def actor(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """What is judged as good becomes likelier: nothing is compared with numbers."""
    return -net.c(net.a(net.body(x))).mean()


def triplet(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """Near what is alike, far from the rest."""
    a, b, c = (net.a(net.body(t)) for t in (x, x + 0.1, x.flip(0)))
    return functional.triplet_margin_loss(a, b, c)


def hinge(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """Beyond the margin nothing is gained."""
    h = net.body(x)
    return (1 - net.a(h) * y.sign()).relu().mean() + (1 + net.b(h)).relu().mean()


def cosine(net: Heads, x: Tensor, y: Tensor) -> Tensor:
    """Directions that agree."""
    h = net.body(x)
    return -functional.cosine_similarity(net.a(h) + net.b(h), y).mean()


SICK: dict[str, Loss] = {
    "errors are multiplied by the spread": lambda *x: gaussian(1.0, *x),
    "the spread is rewarded": turned,
    "the divergence is subtracted": lambda *x: elbo(-1.0, *x),
}
HEALTHY: dict[str, Loss] = {
    "errors are divided by the spread": lambda *x: gaussian(-1.0, *x),
    "the divergence is added": lambda *x: elbo(1.0, *x),
    "torch": torchs_own,
    "mixture": mixture,
    "choices": choices,
    "critic": critic,
    "actor": actor,
    "triplet": triplet,
    "hinge": hinge,
    "cosine": cosine,
}


def training(of: Loss) -> tuple[nn.Module, Callable[[], Tensor]]:
    """Return a network and its loss of batches of 32."""
    torch.manual_seed(0)
    net = Heads()

    def loss() -> Tensor:
        x = torch.randn(32, 3)
        return of(net, x, x @ torch.ones(3, 4) + torch.randn(32, 4))

    return net, loss


@pytest.mark.parametrize("kind", [*SICK, *HEALTHY])
def test_an_output_that_lowers_the_loss_without_end_whatever_the_inputs_are(kind: str) -> None:
    answer = answered(*training({**SICK, **HEALTHY}[kind]), loss_prefers_right)
    assert ("loss-without-bound" in answer["loss-prefers-right"].supports) is (kind in SICK)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_likelihood_that_falls_without_end_is_no_healthy_one(sign: float) -> None:
    report = reported(*training(lambda *x: gaussian(sign, *x)), depth="quick")
    assert [c.name for c in report.causes][:1] == ["loss-without-bound"] * (sign > 0)
