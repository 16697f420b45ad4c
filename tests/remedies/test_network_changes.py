"""What the remedies do to the network: exactly what they say, and nothing else."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from tests.support.small import case_of, modules, numbers, proposals, treated


def sigmoid_net() -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 16), nn.Sigmoid(), nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 3)
    )


def relu_net() -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
    )


class Written(nn.Module):
    """Calls its activations as functions and reuses one module."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 16)
        self.second = nn.Linear(16, 16)
        self.last = nn.Linear(16, 3)
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sigmoid(self.first(x))
        return self.last(self.act(self.act(self.second(x))))


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.lstm(x[:, None])[0][:, -1])


@pytest.mark.parametrize("kind", ["LeakyReLU", "GELU", "SELU"])
def test_saturating_activations_are_swapped(kind: str) -> None:
    target, case = case_of(sigmoid_net, "saturating-activation")
    [proposal] = [p for p in proposals(case, "swap-activation") if kind in p.fix.summary]
    model = treated(target, proposal).model
    assert modules(model, nn.Sigmoid) == []
    assert len(modules(model, getattr(nn, kind))) == 2


def test_the_output_activation_is_left_alone() -> None:
    target, case = case_of(
        lambda: nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid()),
        "saturating-activation",
        data=TensorDataset(torch.randn(64, 8), torch.rand(64, 1)),
        loss=nn.MSELoss(),
    )
    model = treated(target, proposals(case, "swap-activation")[0]).model
    assert [type(m) for m in model] == [nn.Linear, nn.LeakyReLU, nn.Linear, nn.Sigmoid]


def test_softmaxes_between_layers_become_activations_and_the_one_at_the_output_stays() -> None:
    between = [nn.Linear(8, 16), nn.Softmax(-1), nn.Linear(16, 3), nn.LogSoftmax(-1)]
    target, case = case_of(lambda: nn.Sequential(*between), "double-softmax", loss=nn.NLLLoss())
    model = treated(target, proposals(case, "swap-activation")[0]).model
    assert [type(m) for m in model] == [nn.Linear, nn.LeakyReLU, nn.Linear, nn.LogSoftmax]
    _, case = case_of(
        lambda: nn.Sequential(between[0], between[2], between[3]),
        "double-softmax",
        loss=nn.NLLLoss(),
    )
    assert proposals(case, "swap-activation") == []


def test_gates_of_recurrent_layers_are_never_touched() -> None:
    _, case = case_of(Gated, "saturating-activation")
    assert proposals(case, "swap-activation") == []


def test_activations_that_are_called_are_swapped_too_and_shared_ones_stay_shared() -> None:
    target, case = case_of(Written, "saturating-activation")
    proposal = proposals(case, "swap-activation")[0]
    model = treated(target, proposal).model
    assert isinstance(model.act, nn.LeakyReLU)
    with torch.no_grad():
        model.first.weight.zero_()
        model.first.bias.fill_(-1.0)
        x = model.second(functional.leaky_relu(torch.full((1, 16), -1.0)))
        expected = model.last(model.act(model.act(x)))
        assert torch.allclose(model(torch.randn(1, 8)), expected)
    assert "instead of sigmoid(x)" in proposal.fix.code


def test_he_is_drawn_before_rectifiers_and_xavier_elsewhere() -> None:
    wide = lambda: nn.Sequential(nn.Linear(8, 4000), nn.ReLU(), nn.Linear(4000, 3))  # noqa: E731
    _, case = case_of(wide, "init-too-small")
    [proposal] = proposals(case, "initialize")
    model = wide()
    assert proposal.change is not None
    assert proposal.change.model is not None
    proposal.change.model(model)
    assert model[0].weight.std().item() == pytest.approx((2 / 8) ** 0.5, rel=0.05)
    assert model[2].weight.std().item() == pytest.approx((2 / 4003) ** 0.5, rel=0.05)
    assert not model[0].bias.any()


def test_orthogonal_weights_have_equal_singular_values() -> None:
    target, case = case_of(relu_net, "init-too-small")
    change = proposals(case, "initialize-orthogonally")[0].change
    assert change is not None
    model = target.build([change]).model
    assert torch.allclose(torch.linalg.svdvals(model[2].weight), torch.tensor(2**0.5))


def test_layers_are_scaled_on_the_first_batch_of_the_user() -> None:
    def tiny() -> nn.Module:
        model = relu_net()
        for parameter in model.parameters():
            parameter.data.mul_(1e-3)
        return model

    target, case = case_of(tiny, "init-too-small")
    change = proposals(case, "initialize-on-data")[0].change
    assert change is not None
    training = target.build([change])
    training.evaluate(1)
    batch = next(iter(numbers().tensors))
    assert training.model[0](batch).std().item() == pytest.approx(1, rel=0.2)
    assert training.model[:3](batch).std().item() == pytest.approx(1, rel=0.2)
    assert not training.model._forward_pre_hooks


@pytest.mark.parametrize(("batch_size", "kind"), [(32, nn.BatchNorm1d), (4, nn.LayerNorm)])
def test_the_normalization_suits_the_batch(batch_size: int, kind: type[nn.Module]) -> None:
    target, case = case_of(relu_net, "depth-without-normalization", batch_size=batch_size)
    model = treated(target, proposals(case, "insert-normalization")[0]).model
    assert len(modules(model, kind)) == 2
    assert isinstance(model[4], nn.Linear)


def test_a_layer_at_many_places_of_a_sample_is_normalized_over_its_features() -> None:
    target, case = case_of(
        lambda: nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 4, 3)),
        "depth-without-normalization",
        data=TensorDataset(torch.randn(64, 4, 2), torch.randint(3, (64,))),
    )
    [layer] = proposals(case, "insert-normalization")
    assert len(modules(treated(target, layer).model, nn.LayerNorm)) == 1


def test_convolutions_get_the_normalization_of_their_dimension() -> None:
    target, case = case_of(
        lambda: nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 3)),
        "depth-without-normalization",
        data=TensorDataset(torch.randn(64, 1, 8, 8), torch.randint(3, (64,))),
    )
    batch, group = proposals(case, "insert-normalization")
    assert len(modules(treated(target, batch).model, nn.BatchNorm2d)) == 1
    [norm] = modules(treated(target, group).model, nn.GroupNorm)
    assert (norm.num_groups, norm.num_channels) == (2, 6)


def test_dead_rectifiers_get_a_leak_and_their_biases_back() -> None:
    def dead() -> nn.Module:
        model = relu_net()
        nn.init.constant_(model[0].bias, -10)
        return model

    target, case = case_of(dead, "dead-relu")
    gentle = proposals(case, "revive-dead-relu")[1]
    assert gentle.change is not None
    training = target.build([gentle.change])
    assert not training.model[0].bias.any()
    assert len(modules(training.model, nn.LeakyReLU)) == 2
    assert training.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01)


def test_skips_go_around_layers_that_keep_the_width() -> None:
    def deep() -> nn.Module:
        hidden = [m for _ in range(6) for m in (nn.Linear(8, 8), nn.ReLU())]
        return nn.Sequential(*hidden, nn.Linear(8, 3))

    target, case = case_of(deep, "depth-without-normalization")
    [proposal] = proposals(case, "add-residual")
    model = treated(target, proposal).model
    x = torch.randn(2, 8)
    assert torch.allclose(model[0](x), x + model[0].layer(x))
    assert len(proposal.fix.layers) == 6


def test_recurrent_weights_become_rotations_and_forget_gates_open() -> None:
    target, case = case_of(Gated, "long-recurrence")
    change = proposals(case, "initialize-recurrence")[0].change
    assert change is not None
    lstm = target.build([change]).model.lstm
    for block in lstm.weight_hh_l0.chunk(4):
        assert torch.allclose(block @ block.T, torch.eye(16), atol=1e-5)
    assert lstm.bias_ih_l0.chunk(4)[1].eq(1).all()
    assert not lstm.bias_ih_l0.chunk(4)[0].any()


class Waiting(nn.Module):
    """Reads one step and 19 empty ones."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.memory = kind(8, 16, batch_first=True)
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.cat([x[:, None], x.new_zeros(len(x), 19, 8)], dim=1)
        return self.last(self.memory(steps)[0][:, -1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_gates_are_started_so_that_they_remember_for_the_length_of_the_sequence(
    kind: type[nn.RNNBase],
) -> None:
    target, case = case_of(lambda: Waiting(kind), "long-recurrence")
    [proposal] = [p for p in proposals(case, "initialize-recurrence") if "gates" in p.fix.summary]
    assert "up to 20 steps" in proposal.fix.summary
    assert proposal.change is not None
    memory = target.build([proposal.change]).model.memory
    gates = memory.bias_ih_l0.unflatten(0, (-1, 16))
    kept = torch.sigmoid(gates[1])  # of the state in each step
    lengths = 1 / (1 - kept)
    assert lengths.min() >= 2 - 1e-4
    assert lengths.max() <= 20 + 1e-3
    assert lengths.std() > 1
    if kind is nn.LSTM:
        assert torch.equal(gates[0], -gates[1])
    assert not gates[2:].any()
    assert not memory.bias_hh_l0.any()


def test_what_need_not_be_remembered_for_long_gets_no_gates_for_it() -> None:
    _, case = case_of(Gated, "long-recurrence")
    assert not any("gates" in p.fix.summary for p in proposals(case, "initialize-recurrence"))


def test_a_layer_that_a_loop_calls_again_and_again_becomes_a_rotation() -> None:
    class Turning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.turn, self.last = nn.Linear(8, 6), nn.Linear(6, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            state = self.first(x)
            for _ in range(12):
                state = self.turn(state).tanh()
            return self.last(state)

    target, case = case_of(Turning, "long-recurrence", layers=("turn",))
    rotation, identity = proposals(case, "initialize-recurrence")
    assert rotation.change is not None
    turned = target.build([rotation.change]).model.turn.weight
    assert torch.allclose(turned @ turned.T, torch.eye(6), atol=1e-5)
    assert identity.change is not None
    assert torch.equal(target.build([identity.change]).model.turn.weight, torch.eye(6))


def test_a_convolution_that_a_loop_calls_is_no_rotation() -> None:
    class Turning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.turn, self.last = nn.Conv1d(1, 1, 3, padding=1), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            state = x[:, None]
            for _ in range(12):
                state = self.turn(state).tanh()
            return self.last(state[:, 0])

    _, case = case_of(Turning, "long-recurrence", layers=("turn",))
    assert proposals(case, "initialize-recurrence") == []


def test_a_plain_recurrence_is_replaced_by_a_gated_one_of_the_same_shape() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.RNN(8, 16, num_layers=2, batch_first=True)
            self.last = nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.rnn(x[:, None])[0][:, -1])

    target, case = case_of(Reader, "long-recurrence")
    [proposal] = proposals(case, "replace-recurrence")
    gru = treated(target, proposal).model.rnn
    assert isinstance(gru, nn.GRU)
    assert (gru.input_size, gru.hidden_size, gru.num_layers) == (8, 16, 2)


@pytest.mark.parametrize("last", [nn.Softmax(dim=1), nn.LogSoftmax(dim=1), nn.Sigmoid()])
def test_the_activation_before_the_loss_is_taken_away(last: nn.Module) -> None:
    target, case = case_of(
        lambda: nn.Sequential(nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 3), last),
        "double-softmax",
    )
    [proposal] = proposals(case, "drop-output-activation")
    model = treated(target, proposal).model
    assert isinstance(model[3], nn.Identity)
    assert isinstance(model[1], nn.Sigmoid)


def test_a_softmax_that_is_called_is_taken_away_too() -> None:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return functional.softmax(self.last(x), dim=1)

    target, case = case_of(Classifier, "double-softmax")
    [proposal] = proposals(case, "drop-output-activation")
    model = treated(target, proposal).model
    x = torch.randn(2, 8)
    assert torch.equal(model(x), model.last(x))


def test_the_observed_model_is_never_changed() -> None:
    _, case = case_of(sigmoid_net, "saturating-activation")
    before = {name: p.clone() for name, p in case.model.named_parameters()}
    for name in ("swap-activation", "initialize", "insert-normalization", "rebuild-layers"):
        assert proposals(case, name)
    assert [type(m) for m in case.model] == [type(m) for m in sigmoid_net()]
    assert all(torch.equal(p, before[n]) for n, p in case.model.named_parameters())


class Homemade(nn.Module):
    """An activation of the user's own."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - 3).relu()


def test_an_activation_of_the_users_own_is_known_by_what_it_computes() -> None:
    target, case = case_of(
        lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3), Homemade()),
        "wrong-output-activation",
    )
    [proposal] = proposals(case, "drop-output-activation")
    model = treated(target, proposal).model
    assert [type(m) for m in model] == [nn.Linear, nn.ReLU, nn.Linear, nn.Identity]


class Highway(nn.Module):
    """Lets a share of its input pass."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.gate(x))


def test_hand_written_gates_are_opened_and_never_swapped() -> None:
    target, case = case_of(
        lambda: nn.Sequential(Highway(), Highway(), nn.Linear(8, 3)), "saturating-activation"
    )
    assert proposals(case, "swap-activation") == []
    change = proposals(case, "gate-bias-init")[0].change
    assert change is not None
    model = target.build([change]).model
    assert model[0].gate.bias.eq(3).all()
    assert model[1].gate.bias.eq(3).all()


class Own(nn.Module):
    """A linear layer of the user's, and a correction that starts at zero."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(0.01 * torch.randn(inputs, outputs))
        self.correction = nn.Parameter(torch.zeros(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.matrix + x @ self.correction


def test_matrices_of_the_users_own_layers_are_drawn_too() -> None:
    def own() -> nn.Module:
        return nn.Sequential(Own(8, 64), nn.Tanh(), Own(64, 64), nn.ReLU(), nn.Linear(64, 3))

    target, case = case_of(own, "init-too-small")
    [proposal] = proposals(case, "initialize")
    assert set(proposal.fix.layers) == {"0.matrix", "2.matrix", "4"}
    assert proposal.change is not None
    model = target.build([proposal.change]).model
    assert model[0].matrix.std().item() == pytest.approx(5 / 3 * (2 / 72) ** 0.5, rel=0.1)
    assert model[2].matrix.std().item() == pytest.approx(2**0.5 * (2 / 128) ** 0.5, rel=0.1)
    assert not model[2].correction.any()
    scope = {"model": target.build().model, "nn": nn}
    exec(proposal.fix.code, scope)
    assert scope["model"][0].matrix.std() > 0.1


class Clamped(nn.Module):
    """Clamps its output above everything it gives at first, and rectifies within by clamp(min=0)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).clamp(min=0)
        return self.last(x).clamp(min=9.0)


def test_a_clamp_that_no_gradient_passes_is_taken_away() -> None:
    target, case = case_of(Clamped, "wrong-output-activation")
    [proposal] = proposals(case, "drop-output-activation")
    assert proposal.fix.summary.startswith("Remove clamp() at ")
    assert proposal.change is not None
    x = torch.randn(4, 8)
    model = target.build([proposal.change]).model
    assert torch.equal(model(x), model.last(model.first(x).relu()))


def test_a_recurrence_that_starts_too_large_is_started_as_a_rotation() -> None:
    target, case = case_of(Gated, "init-too-large")
    change = proposals(case, "initialize-recurrence")[0].change
    assert change is not None
    block = target.build([change]).model.lstm.weight_hh_l0[:16]
    assert torch.allclose(block @ block.T, torch.eye(16), atol=1e-5)


def test_softmaxes_within_the_network_are_taken_away_together() -> None:
    def chosen() -> nn.Module:
        hidden = [m for _ in range(3) for m in (nn.Linear(8, 8), nn.Softmax(1))]
        return nn.Sequential(*hidden, nn.Linear(8, 3))

    target, case = case_of(chosen, "double-softmax")
    [proposal] = proposals(case, "drop-output-activation")
    assert proposal.fix.layers == ("1", "3", "5")
    assert not modules(treated(target, proposal).model, nn.Softmax)


def test_a_network_of_the_users_own_layers_alone_is_rebuilt_too() -> None:
    def own() -> nn.Module:
        return nn.Sequential(Own(8, 16), nn.Sigmoid(), Own(16, 16), nn.Sigmoid(), Own(16, 3))

    target, case = case_of(own, "saturating-activation")
    proposal = proposals(case, "rebuild-layers")[0]
    model = treated(target, proposal).model
    assert len(modules(model, nn.LeakyReLU)) == 2
    assert model[2].matrix.std().item() > 0.1
    assert proposal.edits == ()


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.ReLU()])
def test_probabilities_before_nll_loss_get_their_logarithm(last: nn.Module) -> None:
    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), last)

    data = (torch.randn(64, 8), torch.arange(64) % 3)
    _, case = case_of(net, "wrong-output-activation", data=data, loss=nn.functional.nll_loss)
    assert proposals(case, "drop-output-activation") == []  # bare scores are no logarithms
    made = proposals(case, "fit-output")
    if isinstance(last, nn.ReLU):
        assert made == []
        return
    [proposal] = made
    assert "log_softmax in place of softmax" in proposal.fix.summary
    assert proposal.change.loss is not None
    probabilities = torch.tensor([[0.5, 0.25, 0.25]])
    cost = proposal.change.loss(nn.functional.nll_loss)(probabilities, torch.tensor([0]))
    assert float(cost) == pytest.approx(0.6931, abs=1e-3)
