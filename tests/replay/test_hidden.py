"""What a training uses and no module is known to hold is put back like everything else."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gradcheck_cli.replay import Recorder, Recording
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.targets.change import Change


class Hiding(nn.Module):
    """Its encoder lies in a dict; a scale lies nowhere but in a function."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = {"encoder": nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh())}
        self.head = nn.Linear(8, 2)
        scale = torch.ones(8, requires_grad=True)
        self.scaled: Callable[[torch.Tensor], torch.Tensor] = lambda x: x * scale
        self.everything = [*self.parts["encoder"].parameters(), *self.head.parameters(), scale]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return scores for two classes."""
        scores: torch.Tensor = self.head(self.scaled(self.parts["encoder"](inputs)))
        return scores


def registered(model: nn.Module) -> None:
    assert isinstance(model, Hiding)
    model.encoder = model.parts["encoder"]


def recorded(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 12) -> Recording:
    with Recorder() as recorder:
        for _ in range(steps):
            inputs = torch.randn(16, 6)
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), (inputs[:, 0] > 0).long()).backward()
            optimizer.step()
    assert recorder.recording.obstacle == ""
    return recorder.recording


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_hidden_weights_statistics_and_gradients_are_put_back(
    error: type[BaseException] | None,
) -> None:
    torch.manual_seed(0)
    model = Hiding()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    recording = recorded(model, optimizer)
    norm = model.parts["encoder"][1]
    held = [*model.everything, norm.running_mean, norm.running_var]
    before = [tensor.detach().clone() for tensor in held]
    grads = [None if t.grad is None else t.grad.clone() for t in model.everything]
    groups = [len(group["params"]) for group in optimizer.param_groups]
    try:
        with Replay(recording, model) as replay:
            training = replay.build((Change(summary="", model=registered),), seed=1)
            for _ in range(5):
                training.step()
            assert not torch.equal(held[0], before[0]), "the encoder learns now"
            if error is not None:
                raise error
    except KeyboardInterrupt:
        pass
    assert all(torch.equal(a, b) for a, b in zip(held, before, strict=True))
    for tensor, grad in zip(model.everything, grads, strict=True):
        assert grad is not None
        assert tensor.grad is not None
        assert torch.equal(tensor.grad, grad)
    assert not hasattr(model, "encoder")
    assert [len(group["params"]) for group in optimizer.param_groups] == groups


def test_arms_of_a_hidden_part_begin_alike() -> None:
    torch.manual_seed(0)
    model = Hiding()
    recording = recorded(model, torch.optim.SGD(model.parameters(), lr=0.5))
    with Replay(recording, model) as replay:
        first = [
            float(replay.build((Change(summary="", model=registered),), seed=1).step().loss)
            for _ in range(2)
        ]
    assert first[0] == first[1]


def released(model: nn.Module) -> None:
    model.requires_grad_(True)


def test_what_a_change_unfreezes_is_trained_by_an_optimizer_that_was_not_given_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    recording = recorded(model, optimizer)
    before = model[0].weight.detach().clone()
    with Replay(recording, model) as replay:
        training = replay.build((Change(summary="", model=released),))
        training.step()
        moved = (model[0].weight - before).abs().max()
        training.step()
        assert moved > 0
        assert model[0].weight.grad is None, "nothing recorded sets it to zero"
    assert torch.equal(model[0].weight, before)
    assert not model[0].weight.requires_grad
    assert len(optimizer.param_groups[0]["params"]) == 2
