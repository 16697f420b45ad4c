"""Samples that share an input: arrays that were stored again and again, and inputs that recur on purpose."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from gradcheck_cli.examine.inputs_used import inputs_used
from tests.examine.loops import answered, reported

Data = tuple[Tensor, Tensor]


def network(wide: int, out: int) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(wide, 32), nn.ReLU(), nn.Linear(32, out))


def drives(*, copied: bool) -> Data:
    """What a driver saw and did in forty drives: each has an array of its own, which is changed in place."""
    chance = np.random.default_rng(0)
    seen, done = [], []
    for _ in range(40):
        road = chance.uniform(-1, 1, 3).astype(np.float32)
        for _ in range(30):
            seen.append(road.copy() if copied else road)
            done.append(np.array([10 - 2 * road[0] + road[1]], dtype=np.float32))
            road += chance.normal(0, 0.4, 3).astype(np.float32) - 0.2 * road
    return torch.tensor(np.array(seen)), torch.tensor(np.array(done))


class Frames(Dataset[tuple[Tensor, Tensor]]):
    """Reads each sample into one buffer."""

    def __init__(self, *, copied: bool) -> None:
        self.all, self.copied, self.buffer = torch.randn(512, 6), copied, torch.zeros(6)

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        self.buffer.copy_(self.all[index])
        return self.buffer.clone() if self.copied else self.buffer, self.all[index, 0] > 0


def frames(*, copied: bool) -> Data:
    rows = [*DataLoader(Frames(copied=copied), batch_size=None)]
    return torch.stack([x for x, _ in rows]), torch.stack([y for _, y in rows]).long()


def stacked(*, copied: bool) -> Data:
    x = torch.randn(400, 5)
    given = x if copied else torch.stack([x[-1]] * len(x))
    return given, 20 + x.sum(1, keepdim=True)


def expanded(*, copied: bool) -> Data:
    x = torch.rand(400, 5)
    return x if copied else x[:1].expand(400, 5), (x[:, 1] > 0.5).long()


def trained(x: Tensor, y: Tensor, steps: int = 120) -> tuple[nn.Module, Callable[[], Tensor]]:
    model = network(x.shape[1], y.shape[1] if y.is_floating_point() else 2)

    def loss() -> Tensor:
        index = torch.randint(len(x), (64,))
        compared = functional.mse_loss if y.is_floating_point() else functional.cross_entropy
        return compared(model(x[index]), y[index])

    return model, loss


@pytest.mark.parametrize(
    "make",
    [drives, stacked, *(pytest.param(x, marks=pytest.mark.heavy) for x in (frames, expanded))],
)
@pytest.mark.parametrize("copied", [False, True])
def test_one_array_for_many_samples_and_a_copy_for_each(
    make: Callable[..., Data], copied: bool
) -> None:
    torch.manual_seed(1)
    report = reported(*trained(*make(copied=copied)), steps=120)
    assert [c.name for c in report.causes[:1]] == ([] if copied else ["degenerate-data"])
    assert (report.verdict == "sick") is not copied, report.headline
    said = [f.message for f in report.findings if f.name == "degenerate-data"]
    assert copied or any("changed in place" in message for message in said)


def again() -> Data:
    """Sixteen samples, which come again and again, each with the target that it has."""
    x = torch.randn(16, 5).repeat(30, 1)
    return x, x.sin().sum(1, keepdim=True)


def ones() -> Data:
    """A constant is learned, of inputs that say nothing on purpose."""
    return torch.ones(400, 3), torch.randn(400, 1)


def one_code() -> Data:
    """A network that makes one picture from one code."""
    return torch.randn(1, 4).expand(400, 4), torch.randn(1, 8).expand(400, 8)


def doses() -> Data:
    x = (torch.randint(8, (400, 1)) + 0.5) / 10
    return x, torch.randn(400, 1)


def grid() -> Data:
    """Places on a grid, and steps that were taken by chance."""
    return (torch.randint(5, (800, 2)) + 0.5) / 5, torch.randint(2, (800,))


@pytest.mark.parametrize("make", [again, ones, one_code, doses, grid])
def test_inputs_that_recur_on_purpose_are_no_arrays_changed_in_place(
    make: Callable[[], Data],
) -> None:
    torch.manual_seed(1)
    model, loss = trained(*make())
    assert "samples-differ" not in answered(model, loss, inputs_used, steps=30)


def test_a_single_sample_that_is_optimized_shares_its_input_with_none() -> None:
    torch.manual_seed(1)
    x, y = torch.randn(1, 4), torch.randn(1, 2)
    model = network(4, 2)
    report = reported(model, lambda: functional.mse_loss(model(x), y), depth="quick")
    assert "degenerate-data" not in [f.name for f in report.findings]
