"""Which layers end a residual branch, and what closing them does."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.support.small import case_of, proposals


class Block(nn.Module):
    """A residual block as ResNets have it: normalized, and rectified after the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 16)
        self.inner, self.outer = nn.BatchNorm1d(16), nn.BatchNorm1d(16)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.outer(self.last(functional.relu(self.inner(self.first(x)))))
        return functional.relu(x + branch)


def resnet() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), Block(), Block(), nn.Linear(16, 3))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.embed(x)[:, None])[:, 0])


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


class Dense(nn.Module):
    """Joins what a branch computes to its input by concatenation: nothing is added."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x))
        return self.head(torch.cat([x, functional.relu(self.second(x))], 1))


@pytest.mark.parametrize(
    ("model", "ends"),
    [
        (resnet, ("2.outer", "3.outer")),
        (
            Encoder,
            tuple(f"layers.layers.{i}.{end}" for i in (0, 1) for end in ("self_attn", "linear2")),
        ),
    ],
)
def test_residual_branches_are_closed_at_their_ends(
    model: type[nn.Module], ends: tuple[str, ...]
) -> None:
    target, case = case_of(model, "init-too-large")
    [proposal] = proposals(case, "zero-init-residual")
    assert proposal.fix.layers == ends
    assert proposal.change is not None
    closed = target.build([proposal.change]).model
    for path in ends:
        end = closed.get_submodule(path)
        last = getattr(end, "out_proj", end)
        assert not last.weight.any()
        assert not last.bias.any()


def test_a_closed_block_is_the_identity_and_learns() -> None:
    target, case = case_of(resnet, "init-too-large")
    [proposal] = proposals(case, "zero-init-residual")
    assert proposal.change is not None
    training = target.build([proposal.change])
    x = torch.rand(4, 16)
    assert torch.equal(training.model[2](x), x)
    training.step()
    assert training.model[2].outer.weight.any()


@pytest.mark.parametrize("model", [Dense, plain])
def test_where_nothing_is_added_no_branch_is_closed(model: type[nn.Module]) -> None:
    _, case = case_of(model, "init-too-large")
    assert proposals(case, "zero-init-residual") == []
