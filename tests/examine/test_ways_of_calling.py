"""How a network is called makes no difference: by keyword, or with all that a loader gives in one object."""

from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.inputs_used import inputs_used
from gradcheck_cli.ops import placed
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report
from tests.examine.loops import answered, reported


class Places(nn.Embedding):
    """Is given a size, not a tensor."""

    def forward(self, size: torch.Size) -> Tensor:  # type: ignore[override]
        return super().forward(torch.arange(size[1]))


class Reader(nn.Module):
    """Attention, normalizations, a gate and a memory, called by position."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(1200, 8), Places(6, 8)
        self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.norm, self.layer_norm = nn.BatchNorm1d(8), nn.LayerNorm(8)
        self.memory, self.last = nn.GRU(8, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table(tokens) + self.places(tokens.size())
        q, k, v = self.query(x), self.key(x), self.value(x)
        weights = functional.softmax(torch.matmul(q, k.transpose(1, 2)) / 8**0.5, dim=-1)
        x = self.layer_norm(x + torch.bmm(weights, v))
        x = torch.mul(x, torch.sigmoid(functional.linear(x, self.query.weight)))
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        x = functional.scaled_dot_product_attention(x, x, functional.dropout(x, 0.1, self.training))
        return self.last(self.memory(functional.relu(x))[0].mean(1))

    def loss(self, tokens: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(self(tokens), target)


class ByKeyword(Reader):
    """The same by keyword."""

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table(input=tokens) + self.places(size=tokens.size())
        q, k, v = self.query(input=x), self.key(input=x), self.value(input=x)
        scores = torch.matmul(input=q, other=k.transpose(dim0=1, dim1=2)) / 8**0.5
        weights = functional.softmax(input=scores, dim=-1)
        x = self.layer_norm(input=x + torch.bmm(input=weights, mat2=v))
        gate = torch.sigmoid(input=functional.linear(input=x, weight=self.query.weight))
        x = torch.mul(input=x, other=gate)
        x = self.norm(input=x.transpose(1, 2)).transpose(1, 2)
        dropped = functional.dropout(input=x, p=0.1, training=self.training)
        x = functional.scaled_dot_product_attention(query=x, key=x, value=dropped)
        return self.last(input=self.memory(input=functional.relu(input=x))[0].mean(dim=1))

    def loss(self, tokens: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(input=self(tokens=tokens), target=target)


def reported_of(kind: type[Reader]) -> Report:
    torch.manual_seed(0)
    model, tokens = kind(), torch.randint(0, 1200, (24, 6))
    return reported(model, partial(model.loss, tokens, tokens[:, 0] % 3), steps=12)


def test_the_report_is_the_same() -> None:
    told = [reported_of(kind) for kind in (Reader, ByKeyword)]
    assert not any(report.crashed for report in told)
    answers, by_keyword = ([(a.name, a.outcome, a.said) for a in r.examination] for r in told)
    assert answers == by_keyword
    assert len(answers) > 10
    findings, by_keyword = ([(f.code, f.message) for f in r.findings] for r in told)
    assert findings == by_keyword


@pytest.mark.parametrize(
    ("args", "kwargs", "by_position"),
    [
        ((), {"input": 1, "dim": 2}, (1,)),
        ((), {"input": 1, "other": 2}, (1, 2)),
        ((1,), {"target": 2, "weight": 3}, (1, 2)),
        ((), {"query": 1, "key": 2, "value": 3, "scale": 4}, (1, 2, 3)),
        ((1,), {"dim": 2}, (1,)),
        ((), {"condition": 1, "input": 2, "other": 3}, ()),
        ((1,), {"input": 2, "other": 3}, (1,)),
        ((), {"input": 1, "mat1": 2, "mat2": 3}, ()),
        ((), {"sorted_sequence": 1, "input": 2}, ()),
    ],
)
def test_operands_are_moved_only_to_where_they_stand(
    args: tuple[int, ...], kwargs: dict[str, int], by_position: tuple[int, ...]
) -> None:
    placed_args, rest = placed(args, kwargs)
    assert placed_args == by_position
    assert [*placed_args, *rest.values()] == [*args, *kwargs.values()]


@dataclass
class Held:
    """What a loader gives, handed over as a whole."""

    x: Tensor
    side: Tensor
    goal: Tensor


class OfHeld(nn.Linear):
    """Reads a part of what it is given."""

    def forward(self, held: Held | dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(held["x"] if isinstance(held, dict) else held.x)


class OfTwo(nn.Linear):
    """Does not read its second input."""

    def forward(self, x: Tensor, side: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)


class OfAny(nn.Linear):
    """Takes whatever else comes by name."""

    def forward(self, x: Tensor, **_: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)


def test_what_forward_does_not_name_may_be_left_unread() -> None:
    torch.manual_seed(0)
    x, side, goal = torch.randn(16, 4), torch.randn(16, 2), torch.randn(16, 1)
    for kind, expected in ((OfAny, Outcome.FINE), (OfTwo, Outcome.WRONG)):
        model = kind(4, 1)
        loss = partial(_loss_of, model, goal, x=x, side=side)
        assert answered(model, loss, inputs_used)[inputs_used.name].outcome is expected


def _loss_of(model: nn.Module, goal: Tensor, **given: Tensor) -> Tensor:
    return functional.mse_loss(model(**given), goal)


@pytest.mark.parametrize("whole", [Held, dict, None])
def test_what_is_handed_over_as_a_whole_may_hold_more_than_is_read(
    whole: type[Held] | type[dict[str, Tensor]] | None,
) -> None:
    torch.manual_seed(0)
    parts = {"x": torch.randn(16, 4), "side": torch.randn(16, 2), "goal": torch.randn(16, 1)}
    model = OfTwo(4, 1) if whole is None else OfHeld(4, 1)

    def loss() -> Tensor:
        output = model(parts["x"], parts["side"]) if whole is None else model(whole(**parts))
        return functional.mse_loss(output, parts["goal"])

    answer = answered(model, loss, inputs_used)[inputs_used.name]
    assert (answer.outcome is Outcome.WRONG) is (whole is None)
