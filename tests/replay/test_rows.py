"""Samples of recorded steps are told apart, and some are left out."""

from itertools import islice

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine import examine
from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.subject import NotApplicableError
from gradcheck_cli.examine.unseen_data import unseen_data
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.trace import Step, Trace
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.examined import subject_of_steps
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.replay.rows import rows_of

SAMPLES, STEPS = 160, 60


def batches(*, numbered: int = 2) -> list[dict[str, Tensor]]:
    """Passes over 160 samples in batches of 32, each pass in another order."""
    x = torch.arange(SAMPLES * 3).reshape(SAMPLES, 3).float()
    weights = torch.ones(3)
    orders = [torch.randperm(SAMPLES).split(32) for _ in range(numbered)]
    rows = [row for order in orders for row in order]
    return [{"x": x[row], "target": x[row].sum(1), "weights": weights} for row in rows]


def test_samples_that_come_again_are_one_and_some_are_left_out() -> None:
    rows = rows_of(batches(), ("x",))
    assert (rows.many, rows.size) == (SAMPLES, 32)
    most, held = rows.parted(0)
    taken = torch.cat([b["x"] for b in islice(most, 8)])
    left = torch.cat([b["x"] for b in held])
    assert len(left) == 32
    assert not set(taken[:, 0].tolist()) & set(left[:, 0].tolist())
    for batch in (*held, next(most)):
        assert batch["x"].sum(1).equal(batch["target"])
        assert batch["weights"].equal(torch.ones(3))


def test_what_has_no_rows_is_refused() -> None:
    edges = [{**b, "edges": torch.zeros(2, 9, dtype=torch.long)} for b in batches()]
    with pytest.raises(NotApplicableError, match="holds indices"):
        rows_of(edges, ("x",))
    with pytest.raises(NotApplicableError, match="cannot be told apart"):
        rows_of([{"x": torch.tensor(1.0)}], ("x",))
    with pytest.raises(NotApplicableError, match="too few"):
        rows_of(batches(numbered=1)[:3], ("x",)).parted(0)


class Pair(nn.Module):
    """Two encoders; what belongs together is to be near each other."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Linear(12, 256), nn.ReLU(), nn.Linear(256, 32))
        self.other = nn.Sequential(nn.Linear(12, 256), nn.ReLU(), nn.Linear(256, 32))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        one, other = (functional.normalize(z, dim=1) for z in (self.one(x), self.other(y)))
        return one @ other.T / 0.1


def learned(kind: str, shift: int) -> Answer:
    """Train by rows that belong together, or are shifted against each other."""
    torch.manual_seed(0)
    x = torch.randn(SAMPLES, 12)
    y = (x[:, :3].argmax(1) if kind == "classes" else x.roll(1, 1)).roll(shift, 0)
    sizes = (nn.Linear(12, 256), nn.ReLU(), nn.Linear(256, 3))
    model = nn.Sequential(*sizes) if kind == "classes" else Pair()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    with Recorder() as recorder:
        for _ in range(STEPS // 5):
            for row in torch.randperm(SAMPLES).split(32):
                if kind == "classes":
                    loss = functional.cross_entropy(model(x[row]), y[row])
                else:
                    loss = functional.cross_entropy(model(x[row], y[row]), torch.arange(32))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
    steps = tuple(Step(index=i, loss=value) for i, value in enumerate(losses))
    subject = subject_of_steps(Replay(recorder.recording, model))
    asked = (against_constant, unseen_data)
    return examine(subject, Trace(steps=steps), experiments=asked)[-1]


@pytest.mark.parametrize("kind", ["classes", "pairs"])
def test_rows_that_are_shifted_against_each_other_are_learned_by_heart(kind: str) -> None:
    assert learned(kind, 1).outcome is Outcome.WRONG
    assert learned(kind, 0).outcome is Outcome.FINE


def test_targets_of_sequences_that_were_flattened_belong_to_their_samples() -> None:
    words = torch.arange(4 * 32 * 5).reshape(4, 32, 5)
    rows = rows_of([{"x": x, "y": x.flatten()} for x in words], ("x",))
    taken = rows.batch(torch.tensor([40, 3]))
    assert taken["y"].equal(taken["x"].flatten())
    uneven = [{"x": x, "y": x.flatten()[: -1 - i]} for i, x in enumerate(words)]
    with pytest.raises(NotApplicableError):
        rows_of(uneven, ("x",))
