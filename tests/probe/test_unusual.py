"""Unusual models are measured, or what could not be measured is a gap with its reason; never a crash."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from gradcheck_cli.probe.recorder import Recorder
from tests.probe import architectures, twins
from tests.probe.watching import train


def test_lazy_layers_are_read_after_their_first_call() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(1))
    x = torch.randn(5, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trace = train(model, lambda: model(x).square().mean(), steps=2, optimizer=optimizer)
    assert trace.layer("0").parameters[0].shape == (4, 3)
    assert trace.steps[1].readings["0"].weight_grad.count == 12


def test_functional_transforms_are_a_gap() -> None:
    model = nn.Linear(3, 2)
    x = torch.randn(5, 3)

    def loss() -> torch.Tensor:
        return torch.func.vmap(model)(x).square().mean() + model(x).sum()

    trace = train(model, loss)
    assert any("torch.func" in gap.reason for gap in trace.gaps)
    assert trace.steps[0].readings["Linear"].weight_grad.count == 6


def test_complex_weights_are_read_as_pairs() -> None:
    model = nn.Linear(3, 2, dtype=torch.complex64)
    x = torch.randn(5, 3, dtype=torch.complex64)
    trace = train(model, lambda: model(x).abs().square().mean())
    expected = twins.moments(torch.view_as_real(model.weight.grad))
    assert trace.steps[0].readings["Linear"].weight_grad.norm == pytest.approx(expected.norm)


def test_sparse_gradients_keep_their_zeros() -> None:
    model = nn.Embedding(50, 4, sparse=True)
    words = torch.tensor([1, 2, 2, 7])
    trace = train(model, lambda: model(words).square().mean())
    found = trace.steps[0].readings["Embedding"].weight_grad
    expected = twins.moments(model.weight.grad.to_dense())
    assert (found.count, found.zeros) == (expected.count, expected.zeros)
    assert found.norm == pytest.approx(expected.norm)


class Odd(nn.Module):
    """Returns what the test asks for."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.inner, self.how = nn.Linear(3, 2), how

    def forward(self, x: torch.Tensor) -> object:
        y = self.inner(x)
        if self.how == "nothing":
            self.kept = y
            return None
        return OrderedDict(logits=y) if self.how == "mapping" else (y, {"more": [y]})


@pytest.mark.parametrize("how", ["nothing", "mapping", "nested"])
def test_outputs_of_any_kind(how: str) -> None:
    model = nn.ModuleDict({"odd": Odd(how)})
    x = torch.randn(5, 3)

    def loss() -> torch.Tensor:
        got = model["odd"](x)
        y = {"nothing": lambda: model["odd"].kept, "mapping": lambda: got["logits"],
             "nested": lambda: got[0]}[how]()  # fmt: skip
        return y.square().mean()

    assert train(model, loss).steps[0].readings["odd.inner"].output_grad.count == 10


def test_packed_sequences() -> None:
    model = nn.GRU(3, 4, batch_first=True)
    packed = pack_padded_sequence(torch.randn(3, 9, 3), [9, 8, 5], batch_first=True)
    trace = train(model, lambda: model(packed)[0].data.square().mean())
    assert trace.steps[0].readings["GRU"].output.count == 22 * 4


@pytest.mark.parametrize("shape", [(0, 3), (3,), (2, 2, 2, 3)])
def test_outputs_of_any_shape(shape: tuple[int, ...]) -> None:
    model = nn.Linear(3, 2)
    x = torch.randn(shape)
    trace = train(model, lambda: model(x).sum())
    assert trace.steps[0].readings["Linear"].output.count == x.numel() // 3 * 2


def test_a_gradient_scaler_is_not_clipping() -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    with Recorder([model], [optimizer]) as recorder:
        with recorder.step(inspect=True):
            scaler.scale(model(torch.randn(4, 6)).square().mean()).backward()
            scaler.step(optimizer)
            scaler.update()
        step = recorder.finish_step(1.0)
    assert step.clip == pytest.approx(1.0)
    assert step.loss_scale == 1024.0


def test_an_overflow_is_a_skipped_step() -> None:

    torch.manual_seed(0)
    training = architectures.scaled()
    with Recorder(training.models, training.optimizers) as recorder:
        with recorder.step(inspect=True):
            training.step()
        assert recorder.finish_step(1.0).skipped
