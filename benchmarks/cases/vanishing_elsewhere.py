"""Planted vanishing: through time, in attention, at the inputs, at the output, in a graph."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import losses, networks, optimizers, sources
from benchmarks.cases.case import Problem, vanishing
from benchmarks.cases.healthy_shapes import Grid
from benchmarks.cases.networks import Apply, Pooled, Reader, Skip, Transformer, mlp, normal, xavier
from benchmarks.cases.optimizers import adam, sgd, using


def on(source: Any, model: networks.Builder, optimizer: optimizers.Factory, **more: Any) -> Problem:
    """A classifier of some source."""
    more = {"loss": losses.cross_entropy, **more}
    return Problem(source=source, model=model, optimizer=optimizer, **more)


TIME, SCALE, ENDS = "long-recurrence", "unnormalized-input", "wrong-output-activation"
BENDS, BIG, DEPTH = "saturating-activation", "init-too-large", "depth-without-normalization"
rotation = nn.init.orthogonal_


class SigmoidCell(nn.Module):
    """A recurrent network with sigmoid units, written out."""

    def __init__(self, act: Any, start: networks.Start) -> None:
        super().__init__()
        self.inward, self.onward = nn.Linear(8, 48), nn.Linear(48, 48)
        start(self.onward.weight)
        self.act, self.head = act(), nn.Linear(48, 10)

    def forward(self, rows: Tensor) -> Tensor:
        state = rows.new_zeros(len(rows), 48)
        for row in rows.unbind(dim=1):
            state = self.act(self.inward(row) + self.onward(state))
        for _ in range(12):
            state = self.act(self.onward(state))
        scores: Tensor = self.head(state)
        return scores


class Attention(nn.Module):
    """One question asked of all rows, by softmax over their answers."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.stem, self.places = nn.Linear(8, 32), nn.Parameter(torch.randn(8, 32))
        self.question = nn.Parameter(spread * torch.randn(32))
        self.key, self.value = nn.Linear(32, 32), nn.Linear(32, 32)
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, rows: Tensor) -> Tensor:
        places = (self.stem(rows) + self.places).relu()
        weights = (self.key(places) @ self.question).softmax(dim=1)
        scores: Tensor = self.head((weights.unsqueeze(1) @ self.value(places)).squeeze(1))
        return scores


class Pointer(nn.Module):
    """Many questions asked of all rows; only where they point is handed on."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.stem, self.places = nn.Linear(8, 32), nn.Parameter(torch.randn(8, 32))
        self.key, self.head = nn.Linear(32, 24), nn.Linear(8 * 24, 10)
        nn.init.normal_(self.key.weight, std=spread)

    def forward(self, rows: Tensor) -> Tensor:
        weights = self.key((self.stem(rows) + self.places).tanh()).softmax(dim=1)
        scores: Tensor = self.head(weights.flatten(1))
        return scores


class Spread(nn.Module):
    """Self-attention whose scores are not divided by anything, over several layers."""

    def __init__(self, spread: float, layers: int) -> None:
        super().__init__()
        self.asks = nn.ModuleList(nn.Linear(32, 32, bias=False) for _ in range(layers))
        self.keys = nn.ModuleList(nn.Linear(32, 32, bias=False) for _ in range(layers))
        for part in (*self.asks, *self.keys):
            nn.init.normal_(part.weight, std=spread)

    def forward(self, rows: Tensor) -> Tensor:
        for ask, key in zip(self.asks, self.keys, strict=True):
            rows = (ask(rows) @ key(rows).mT).softmax(dim=2) @ rows
        return rows


class DeepGraph(nn.Module):
    """A deep graph network over the pixels, with or without ways around its layers."""

    def __init__(self, layers: int, *, skips: bool) -> None:
        super().__init__()
        self.places = nn.Parameter(0.5 * torch.randn(64, 8))
        self.stem, self.head = nn.Linear(9, 24), nn.Linear(24, 10)
        plain = (Grid(24, 24) for _ in range(layers))
        around = (Skip(nn.LayerNorm(24), Grid(24, 24)) for _ in range(layers))
        self.layers = nn.Sequential(*(around if skips else plain))

    def forward(self, pixels: Tensor) -> Tensor:
        nodes = torch.cat([pixels, self.places.expand(len(pixels), -1, -1)], dim=2)
        scores: Tensor = self.head(self.layers(self.stem(nodes)).mean(dim=1))
        return scores


def smoothed(layers: int, *, skips: bool) -> networks.Builder:
    """Return a builder of a deep graph network."""
    return lambda: DeepGraph(layers, skips=skips)


def attending(layers: int, *, skips: bool) -> networks.Builder:
    """Return a builder of a transformer, with or without its ways around."""

    def build() -> nn.Module:
        blocks: list[nn.Module] = []
        for _ in range(layers):
            attention = nn.MultiheadAttention(32, 4, batch_first=True)
            look = Look(attention)
            think = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32))
            blocks += [Skip(look), Skip(think)] if skips else [look, think]
        return Pooled(nn.Linear(8, 32), nn.Sequential(*blocks), 32)

    return build


class Look(nn.Module):
    """Self-attention as a layer of one input."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, rows: Tensor) -> Tensor:
        seen: Tensor = self.attention(rows, rows, rows, need_weights=False)[0]
        return seen


def ended(
    bias: float, end: nn.Module, source_width: int = 64, outputs: int = 1
) -> networks.Builder:
    """Return a builder of a shallow network with something at its end and a bias before it."""

    def build() -> nn.Module:
        model = mlp(nn.Tanh, 2, inputs=source_width, outputs=outputs, end=(deepcopy(end),))()
        with torch.no_grad():
            model.get_parameter("4.bias").fill_(bias)
        return model

    return build


def sure(spread: float, end: nn.Module, inputs: int = 64, outputs: int = 10) -> networks.Builder:
    """Return a builder of a network whose last weights begin this large."""

    def build() -> nn.Module:
        model = mlp(nn.Tanh, 2, inputs=inputs, outputs=outputs, end=(deepcopy(end),))()
        nn.init.normal_(model.get_parameter("4.weight"), std=spread)
        return model

    return build


def answered(factor: float) -> networks.Builder:
    """Return a builder of a network whose scores are multiplied by a constant."""
    return mlp(nn.Tanh, 2, end=(Apply(lambda scores: factor * scores),))


def lstm(gate: float, waiting: int = 30) -> networks.Builder:
    """Return a builder of an LSTM with this bias at its forget gate."""
    return lambda: Reader(nn.LSTM, waiting=waiting, gate=gate)


def rnn(**settings: Any) -> networks.Builder:
    """Return a builder of a recurrent network over rows."""
    return lambda: Reader(**settings)


tumours: dict[str, Any] = {"loss": losses.binary}
table: dict[str, Any] = {"inputs": 30, "outputs": 1}
long: dict[str, Any] = {"steps": 200}
halves = {"loss": losses.squared}

CASES = (
    vanishing(
        "rnn_wait_40",
        TIME,
        on(sources.rows, rnn(waiting=40), adam(), **long),
        model=rnn(waiting=40, recurrent=rotation),
    ),
    vanishing(
        "rnn_wait_60_rmsprop",
        TIME,
        on(sources.rows, rnn(waiting=60), using(torch.optim.RMSprop, lr=5e-4), **long),
        model=rnn(waiting=60, recurrent=rotation),
    ),
    vanishing(
        "rnn_wait_25",
        TIME,
        on(sources.rows, rnn(waiting=25), adam(5e-4), **long),
        model=rnn(waiting=25, recurrent=rotation),
    ),
    vanishing(
        "rnn_relu_wait_30",
        TIME,
        on(sources.rows, rnn(waiting=30, nonlinearity="relu"), adam(5e-4), **long),
        model=rnn(waiting=30, nonlinearity="relu", recurrent=nn.init.eye_),
    ),
    vanishing(
        "rnn_64_pixels",
        TIME,
        on(sources.pixel_rows, rnn(inputs=1), adam(), **long),
        model=rnn(inputs=1, recurrent=rotation),
    ),
    vanishing(
        "rnn_two_layers_wait_40",
        TIME,
        on(sources.rows, rnn(waiting=40, num_layers=2), adam(), **long),
        model=rnn(waiting=40, num_layers=2, recurrent=rotation),
    ),
    vanishing(
        "rnn_small_recurrent_wait_12",
        TIME,
        on(sources.rows, rnn(waiting=12, recurrent=normal(0.01)), sgd(0.01)),
        model=rnn(waiting=12, recurrent=rotation),
    ),
    vanishing(
        "gru_wait_60",
        TIME,
        on(sources.rows, rnn(kind=nn.GRU, waiting=60), adam(), **long),
        model=rnn(kind=nn.GRU, waiting=60, gate=3.0),
    ),
    vanishing(
        "gru_update_gate_-4",
        TIME,
        on(sources.rows, rnn(kind=nn.GRU, waiting=15, gate=-4.0), adam(), **long),
        model=rnn(kind=nn.GRU, waiting=15, gate=3.0),
    ),
    vanishing(
        "lstm_wait_40",
        TIME,
        on(sources.rows, rnn(kind=nn.LSTM, waiting=40), adam(2e-3), **long),
        model=lstm(4.0, 40),
    ),
    vanishing(
        "lstm_forget_gate_-5",
        TIME,
        on(sources.rows, lstm(-5.0), adam(2e-3), **long),
        model=lstm(4.0),
    ),
    vanishing(
        "lstm_forget_gate_-3_short",
        TIME,
        on(sources.rows, lstm(-3.0, 10), adam(2e-3), **long),
        model=lstm(3.0, 10),
    ),
    vanishing(
        "sigmoid_cell",
        BENDS,
        on(sources.rows, lambda: SigmoidCell(nn.Sigmoid, xavier), adam()),
        model=lambda: SigmoidCell(nn.Tanh, rotation),
    ),
    vanishing(
        "sigmoid_cell_sgd",
        BENDS,
        on(sources.rows, lambda: SigmoidCell(nn.Sigmoid, rotation), sgd(0.01)),
        model=lambda: SigmoidCell(nn.Tanh, rotation),
    ),
    vanishing(
        "raw_pixels_sigmoid",
        SCALE,
        on(sources.raw_digits, mlp(nn.Sigmoid, 2), sgd()),
        source=sources.digits,
    ),
    vanishing(
        "raw_pixels_tanh_3",
        SCALE,
        on(sources.raw_digits, mlp(nn.Tanh, 3, start=xavier), sgd(0.02)),
        source=sources.digits,
    ),
    vanishing(
        "raw_pixels_tanh_adam",
        SCALE,
        on(sources.raw_digits, mlp(nn.Tanh, 2, start=normal(0.3)), adam(3e-4)),
        source=sources.digits,
    ),
    vanishing(
        "raw_wine_tanh",
        SCALE,
        on(sources.raw_wine, mlp(nn.Tanh, 2, inputs=13, outputs=3), sgd(0.02)),
        source=sources.wine,
    ),
    vanishing(
        "raw_wine_sigmoid_adam",
        SCALE,
        on(sources.raw_wine, mlp(nn.Sigmoid, 2, inputs=13, outputs=3), adam()),
        source=sources.wine,
    ),
    vanishing(
        "raw_tumours_tanh",
        SCALE,
        on(sources.raw_tumours, mlp(nn.Tanh, 3, **table), sgd(0.02), **tumours),
        source=sources.tumours,
    ),
    vanishing(
        "raw_tumours_sigmoid",
        SCALE,
        on(sources.raw_tumours, mlp(nn.Sigmoid, 2, **table), sgd(0.02), **tumours),
        source=sources.tumours,
    ),
    vanishing(
        "attention_question_too_large",
        BIG,
        on(sources.rows, lambda: Attention(60.0), adam(2e-3)),
        model=lambda: Attention(0.2),
    ),
    vanishing(
        "attention_unscaled_4_layers",
        BIG,
        on(sources.rows, lambda: Pooled(nn.Linear(8, 32), Spread(3.0, 4), 32), adam(3e-4)),
        model=lambda: Pooled(nn.Linear(8, 32), Spread(0.1, 4), 32),
    ),
    vanishing(
        "transformer_queries_times_30",
        BIG,
        on(sources.rows, lambda: Transformer(3, first=False, spread=30.0), adam(3e-4), **long),
        model=lambda: Transformer(3, first=False),
    ),
    vanishing(
        "transformer_without_skips_8",
        DEPTH,
        on(sources.rows, attending(8, skips=False), adam(), **long),
        model=attending(8, skips=True),
    ),
    vanishing(
        "transformer_without_skips_5_sgd",
        DEPTH,
        on(sources.rows, attending(5, skips=False), sgd(0.02), **long),
        model=attending(5, skips=True),
    ),
    vanishing(
        "graph_12_layers",
        DEPTH,
        on(sources.pixel_rows, smoothed(12, skips=False), adam(), steps=150),
        model=smoothed(12, skips=True),
    ),
    vanishing(
        "graph_20_layers_sgd",
        DEPTH,
        on(sources.pixel_rows, smoothed(20, skips=False), sgd(0.01), steps=150),
        model=smoothed(20, skips=True),
    ),
    vanishing(
        "sigmoid_output_far_off",
        ENDS,
        on(sources.tumours, ended(-14.0, nn.Sigmoid(), 30), sgd(), **halves),
        model=ended(0.0, nn.Sigmoid(), 30),
    ),
    vanishing(
        "sigmoid_output_far_off_digits",
        ENDS,
        on(sources.onehot_digits, ended(-12.0, nn.Sigmoid(), 64, 10), adam(), **halves),
        model=ended(-2.0, nn.Sigmoid(), 64, 10),
    ),
    vanishing(
        "tanh_output_far_off",
        ENDS,
        on(sources.diabetes, ended(10.0, nn.Tanh(), 10), sgd(), **halves),
        model=ended(0.0, nn.Identity(), 10),
    ),
    vanishing(
        "softmax_output_one_sure",
        ENDS,
        on(
            sources.onehot_digits,
            ended(0.0, nn.Sequential(Apply(lambda s: 200 * s), nn.Softmax(dim=1)), 64, 10),
            sgd(),
            **halves,
        ),
        model=ended(0.0, nn.Softmax(dim=1), 64, 10),
    ),
    vanishing(
        "softmax_twice_sure",
        "double-softmax",
        on(
            sources.digits,
            ended(0.0, nn.Sequential(Apply(lambda s: 100 * s), nn.Softmax(dim=1)), 64, 10),
            sgd(),
        ),
        model=ended(0.0, nn.Identity(), 64, 10),
    ),
    vanishing(
        "scores_times_1e-4",
        "constant-factor",
        on(sources.digits, answered(1e-4), sgd()),
        model=answered(1.0),
    ),
    vanishing(
        "scores_times_1e-3_adam",
        "constant-factor",
        on(sources.digits, answered(1e-3), adam()),
        model=answered(1.0),
    ),
    vanishing(
        "attention_points_too_surely_sgd",
        BIG,
        on(sources.rows, lambda: Pointer(60.0), sgd(0.05)),
        model=lambda: Pointer(0.3),
    ),
    vanishing(
        "attention_points_too_surely_adam",
        BIG,
        on(sources.rows, lambda: Pointer(100.0), adam(3e-3)),
        model=lambda: Pointer(0.3),
    ),
    vanishing(
        "softmax_output_large_head",
        BIG,
        on(sources.onehot_digits, sure(100.0, nn.Softmax(dim=1)), sgd(0.02), **halves),
        model=sure(0.1, nn.Softmax(dim=1)),
    ),
    vanishing(
        "sigmoid_output_large_head_adam",
        BIG,
        on(sources.onehot_digits, sure(60.0, nn.Sigmoid()), adam(3e-4), **halves),
        model=sure(0.1, nn.Sigmoid()),
    ),
    vanishing(
        "sigmoid_output_large_head_tumours",
        BIG,
        on(sources.tumours, sure(60.0, nn.Sigmoid(), 30, 1), sgd(0.02), **halves),
        model=sure(0.1, nn.Sigmoid(), 30, 1),
    ),
    vanishing(
        "tanh_8_saturated_by_biases_of_5_adam",
        BIG,
        on(sources.digits, mlp(nn.Tanh, 8, start=xavier, bias=5.0), adam(3e-4)),
        model=mlp(nn.Tanh, 8, start=xavier),
    ),
    vanishing(
        "raw_pixels_tanh_4",
        SCALE,
        on(sources.raw_digits, mlp(nn.Tanh, 4), sgd(0.02)),
        source=sources.digits,
    ),
    vanishing(
        "raw_wine_tanh_3_sgd",
        SCALE,
        on(sources.raw_wine, mlp(nn.Tanh, 3, inputs=13, outputs=3), sgd(0.05)),
        source=sources.wine,
    ),
    vanishing(
        "raw_tumours_tanh_2_sgd",
        SCALE,
        on(sources.raw_tumours, mlp(nn.Tanh, 2, **table), sgd(0.05), **tumours),
        source=sources.tumours,
    ),
    vanishing(
        "tanh_6_biases_of_4_wine",
        BIG,
        on(sources.wine, mlp(nn.Tanh, 6, inputs=13, outputs=3, start=xavier, bias=4.0), sgd(0.02)),
        model=mlp(nn.Tanh, 6, inputs=13, outputs=3, start=xavier),
    ),
    vanishing(
        "softmax_output_large_head_adam",
        BIG,
        on(sources.onehot_digits, sure(300.0, nn.Softmax(dim=1)), adam(3e-4), **halves),
        model=sure(0.1, nn.Softmax(dim=1)),
    ),
)
