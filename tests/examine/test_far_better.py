"""Settings that hold back a run that learns: decay in Adam's gradient, frozen random layers; and their healthy twins."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.base import Scene
from gradcheck_cli.examine.battery import examine
from gradcheck_cli.examine.budget import Budget
from gradcheck_cli.examine.far_better import far_better
from gradcheck_cli.examine.freed import looks_drawn, unclipped
from gradcheck_cli.examine.variant import Variant
from gradcheck_cli.records.examination import Answer
from tests.support.trainings import Batch, sgd, trained


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
    known: bool = False,
) -> dict[str, Answer]:
    def made(model: nn.Module) -> torch.optim.Optimizer:
        held = [p for p in model.parameters() if p.requires_grad]
        return kind(held, lr=5e-2, weight_decay=decay)

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


@pytest.mark.parametrize("known", [False, True])
def test_a_frozen_layer_of_random_weights(known: bool) -> None:
    found = asked(frozen=True, known=known)
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
