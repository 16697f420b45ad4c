"""Settings that hold back a run that learns: decay in Adam's gradient, frozen random layers; and their healthy twins."""

from functools import partial
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.against_constant import against_constant, measured
from gradcheck_cli.examine.base import Budget, Scene
from gradcheck_cli.examine.battery import examine
from gradcheck_cli.examine.far_better import far_better
from gradcheck_cli.examine.freed import looks_drawn, unclipped
from gradcheck_cli.examine.input_scales import input_scales
from gradcheck_cli.examine.instead import bent_softmaxes, entropic
from gradcheck_cli.examine.variant import Variant, share_of
from gradcheck_cli.records.examination import Answer
from tests.support.trainings import Batch, blobs, network, sgd, trained


class Shops(nn.Module):
    """A number of each shop's own, and a column that everybody knows."""

    def __init__(self, *, frozen: bool, known: bool) -> None:
        super().__init__()
        self.shop, self.head = nn.Embedding(64, 4), nn.Linear(5, 1)
        if known:
            self.shop.weight.data[:, 0] = 4 * QUALITY
        self.shop.requires_grad_(not frozen)

    def forward(self, x: Tensor) -> Tensor:
        """Return one number for each row of shop and column."""
        return self.head(torch.cat([self.shop(x[:, 0].long()), x[:, 1:]], 1))


QUALITY = torch.randn(64, generator=torch.Generator().manual_seed(1))


def shops(samples: int = 512) -> Batch:
    """What is sold: half of it by the column, half of it by the shop."""
    chance = torch.Generator().manual_seed(0)
    number = torch.randint(64, (samples, 1), generator=chance)
    x = torch.cat([number.float(), torch.randn(samples, 1, generator=chance)], 1)
    return x, x[:, 1:] + QUALITY[number]


def asked(
    kind: type[torch.optim.Optimizer] = torch.optim.Adam,
    decay: float = 0.0,
    *,
    frozen: bool = False,
    idle: bool = False,
    known: bool = False,
) -> dict[str, Answer]:
    def made(model: nn.Module) -> torch.optim.Optimizer:
        held = [p for p in model.parameters() if p.requires_grad]
        parts = [{"params": held[:1], "lr": 0.0}, {"params": held[1:]}] if idle else held
        return kind(parts, lr=5e-2, weight_decay=decay)

    model = partial(Shops, frozen=frozen, known=known)
    subject, trace = trained(20, model=model, data=shops(), loss="mse_loss", optimizer=made)
    return {a.name: a for a in examine(subject, trace, experiments=(against_constant, far_better))}


@pytest.mark.parametrize(
    ("kind", "decay", "supports"),
    [(torch.optim.Adam, 0.2, ("weight-decay-too-strong",)), (torch.optim.AdamW, 0.1, ())],
)
def test_weight_decay_that_adam_makes_steps_of(
    kind: type[torch.optim.Optimizer], decay: float, supports: tuple[str, ...]
) -> None:
    assert asked(kind, decay)["without-decay"].supports == supports


@pytest.mark.heavy
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("idle", [False, True])
def test_a_layer_of_random_weights_that_is_frozen_or_has_a_rate_of_nothing(
    known: bool, idle: bool
) -> None:
    found = asked(frozen=not idle, idle=idle, known=known)
    assert ("unfrozen" in found) is not known
    if not known:
        assert found["unfrozen"].supports == ("frozen-parameters",)


def test_weights_as_they_were_drawn_and_as_they_were_trained() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(16, 40)
    assert looks_drawn(layer.weight)
    assert looks_drawn(0.3 * torch.randn(150, 6))
    assert looks_drawn(nn.Conv2d(3, 16, 3).weight)
    assert not looks_drawn(layer.bias)
    assert not looks_drawn(torch.eye(16))
    assert not looks_drawn(torch.randn(40, 1) @ torch.randn(1, 16) + 0.3 * torch.randn(40, 16))
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    for _ in range(30):
        x = torch.randn(32, 16)
        optimizer.zero_grad()
        (layer(x)[:, 0] - x[:, 0]).square().mean().backward()
        optimizer.step()
    assert not looks_drawn(layer.weight)


@pytest.mark.parametrize(("clip", "hard"), [(1e-3, True), (1.0, False)])
def test_clipping_that_leaves_next_to_nothing_of_each_step(clip: float, hard: bool) -> None:
    subject, trace = trained(10, optimizer=sgd(1.0), clip_norm=clip)
    scene = Scene(subject, trace, Budget(10.0, subject.device))
    freed = unclipped(scene)
    assert (freed is not None) is hard
    with subject.at("start"):
        before = subject.optimizers[0].param_groups[0]["lr"]
        (freed or Variant()).edit(subject)
        assert (subject.optimizers[0].param_groups[0]["lr"] > 30 * before) is hard


def stack(kind: type[nn.Module], depth: int) -> nn.Module:
    """Hidden layers of one nonlinearity, as they are drawn by default."""
    layers = [part for _ in range(depth) for part in (nn.Linear(16, 16), kind())]
    return nn.Sequential(nn.Linear(6, 16), kind(), *layers, nn.Linear(16, 4))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("kind", "depth", "supports"),
    [(nn.Sigmoid, 5, ("saturating-activation",)), (nn.Sigmoid, 1, None), (nn.ReLU, 5, None)],
)
def test_a_network_that_loses_its_gradients_beside_one_that_keeps_them(
    kind: type[nn.Module], depth: int, supports: tuple[str, ...] | None
) -> None:
    model = partial(stack, kind, depth)
    optimizer = partial(torch.optim.RMSprop, lr=3e-3)
    found = better(60, model=model, optimizer=lambda m: optimizer(m.parameters()))
    answer = found.get("without-saturation")
    assert (answer.supports if answer else None) == supports


def squared(outputs: Tensor, labels: Tensor) -> Tensor:
    """Squared errors of probabilities."""
    return (outputs.softmax(1) - functional.one_hot(labels, 4)).square().mean()


def better(steps: int = 8, **parts: Any) -> dict[str, Answer]:
    """Train and ask whether it learns far better with a change."""
    subject, trace = trained(steps, **parts)
    asked = (against_constant, input_scales, far_better)
    return {a.name: a for a in examine(subject, trace, experiments=asked)}


@pytest.mark.parametrize(("rate", "held"), [(0.1, True), (2.0, False)])
def test_squared_errors_of_probabilities(rate: float, *, held: bool) -> None:
    found = better(loss=squared, optimizer=sgd(rate))["cross-entropy"]
    assert found.supports == (("wrong-output-activation",) if held else ())


def test_what_is_asked_of_squared_errors_only() -> None:
    def variant(**parts: Any) -> Variant | None:
        subject, trace = trained(2, **parts)
        return entropic(Scene(subject, trace, Budget(10.0, subject.device)))

    x, labels = blobs(classes=2)
    chances = x, labels.float()[:, None]
    sigmoid = partial(network, 6, 1, nn.Sigmoid())
    assert variant(loss=squared) is not None
    assert variant(data=chances, model=sigmoid, loss="mse_loss") is not None
    assert variant() is None
    assert variant(loss=expected_pay) is None, "of a policy: that it has labels is not known"
    assert variant(model=partial(network, 6, 4, nn.Softmax(1)), loss=of_logarithms) is None
    assert variant(data=chances, model=sigmoid, loss=nn.BCELoss()) is None
    assert variant(data=chances, model=partial(network, 6, 1), loss="mse_loss") is None


def expected_pay(outputs: Tensor, labels: Tensor) -> Tensor:
    """What a policy does not earn."""
    return 1 - outputs.softmax(1).gather(1, labels[:, None]).mean()


def of_logarithms(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of probabilities."""
    return functional.nll_loss(outputs.log(), labels)


class Scored(nn.Module):
    """Two hidden layers; behind the first one a ReLU or a softmax. Attention has one, too."""

    def __init__(self, *, softmax: bool) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 4)
        self.softmax = softmax

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [samples, classes]."""
        x = self.first(x)
        x = functional.softmax(input=x, dim=1) if self.softmax else x.relu()
        gate = self.second(x).softmax(1)
        return self.last(gate * x)


@pytest.mark.parametrize("softmax", [True, False])
def test_a_softmax_between_layers(softmax: bool) -> None:
    subject, trace = trained(2, model=partial(Scored, softmax=softmax), optimizer=sgd(0.2))
    scene = Scene(subject, trace, Budget(10.0, subject.device))
    bent = bent_softmaxes(scene)
    assert (bent is not None) is softmax
    if bent is not None:
        reference, batches = measured(subject, trace), list(islice(subject.more(), 60))
        unchanged = share_of(subject, Variant(), batches, reference)
        assert unchanged < 0.12 < share_of(subject, bent, batches, reference)


@pytest.mark.parametrize("counts", [True, False])
def test_a_column_that_is_small_beside_the_others(*, counts: bool) -> None:
    def adam(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), lr=0.02)

    x = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    y = x[:, :1] + counts * x[:, 1:]
    data, model = (x * torch.tensor([40.0, 0.01]), y), partial(network, 2, 1)
    found = better(20, data=data, model=model, optimizer=adam, loss="mse_loss")
    assert found["standardized-inputs"].supports == (("unnormalized-input",) if counts else ())
