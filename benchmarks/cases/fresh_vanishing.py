"""Fresh, planted vanishing: other networks, data, optimizers and depths than the bank's."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import fresh_sources, losses, networks, optimizers, sources
from benchmarks.cases.case import Problem, vanishing
from benchmarks.cases.networks import Apply, Pooled, he, lecun, mlp, normal, xavier
from benchmarks.cases.optimizers import adam, adamw, sgd, using


def on(source: Any, model: networks.Builder, optimizer: optimizers.Factory, **more: Any) -> Problem:
    """A classifier of some source."""
    more = {"loss": losses.cross_entropy, **more}
    return Problem(source=source, model=model, optimizer=optimizer, **more)


BENDS, SMALL, BIG = "saturating-activation", "init-too-small", "init-too-large"
DEPTH, DECAY = "depth-without-normalization", "weight-decay-too-strong"
HIGH, TIME, SCALE = "learning-rate-too-high", "long-recurrence", "unnormalized-input"
ENDS, TWICE = "wrong-output-activation", "double-softmax"
F = fresh_sources
leaky = nn.LeakyReLU
adagrad = using(torch.optim.Adagrad, lr=0.01)
nadam = using(torch.optim.NAdam, lr=1e-3)
short: dict[str, Any] = {"steps": 200}
halves: dict[str, Any] = {"loss": losses.squared}
iris: dict[str, Any] = {"inputs": 4, "outputs": 3}
wine: dict[str, Any] = {"inputs": 13, "outputs": 3}
tumour: dict[str, Any] = {"inputs": 30, "outputs": 1}


def photo_net(
    act: Callable[[], nn.Module],
    depth: int,
    start: networks.Start | None = None,
    *,
    bias: float = 0.0,
    norm: bool = False,
    separable: bool = False,
) -> networks.Builder:
    """Return a builder of strided convolutions over a photo, then plain ones."""

    def build() -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(3, 12, 3, stride=2, padding=1), act()]
        for _ in range(depth):
            if separable:
                layers += [nn.Conv2d(12, 12, 3, padding=1, groups=12), nn.Conv2d(12, 12, 1)]
            else:
                layers.append(nn.Conv2d(12, 12, 3, padding=1))
            layers += [nn.BatchNorm2d(12)] if norm else []
            layers.append(act())
        head = (nn.AvgPool2d(4), nn.Flatten(), nn.Linear(48, 2))
        return networks.started(nn.Sequential(*layers, *head), start, bias)

    return build


def text_net(
    act: Callable[[], nn.Module], depth: int, start: Any = None, *, norm: bool = False
) -> networks.Builder:
    """Return a builder of one-dimensional convolutions over text."""

    def build() -> nn.Module:
        layers: list[nn.Module] = [nn.Embedding(96, 24), Apply(lambda value: value.mT)]
        for _ in range(depth):
            layer = nn.Conv1d(24, 24, 3, padding=1)
            if start:
                start(layer.weight)
                nn.init.zeros_(layer.bias)
            layers += [layer, *([nn.BatchNorm1d(24)] if norm else []), act()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, 4))

    return build


class Functional(nn.Module):
    """A stack without a single activation module, registered from last to first."""

    def __init__(self, act: Callable[[Tensor], Tensor], depth: int, start: Any = None) -> None:
        super().__init__()
        self.head = nn.Linear(48, 10)
        self.floors = nn.ModuleList(nn.Linear(48, 48) for _ in range(depth))
        self.stem = nn.Linear(64, 48)
        self.act = act
        networks.started(self, start)

    def forward(self, images: Tensor) -> Tensor:
        value = self.act(self.stem(images))
        for floor in reversed(self.floors):
            value = self.act(floor(value))
        scores: Tensor = self.head(value)
        return scores


class Product(nn.Module):
    """A gated linear layer: one product of two linear maps, or with a way around it."""

    def __init__(self, width: int, *, around: bool) -> None:
        super().__init__()
        self.up, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.around = around

    def forward(self, value: Tensor) -> Tensor:
        changed: Tensor = self.up(value) * self.gate(value).sigmoid()
        return value + changed if self.around else changed


def products(depth: int, inputs: int, *, around: bool) -> networks.Builder:
    """Return a builder of a chain of gated linear layers."""

    def build() -> nn.Module:
        chain = [Product(32, around=around) for _ in range(depth)]
        return nn.Sequential(nn.Linear(inputs, 32), *chain, nn.Linear(32, 1))

    return build


class Faded(nn.Module):
    """A residual block whose way around is turned down as well, or not."""

    def __init__(self, width: int, share: float) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.share = share

    def forward(self, value: Tensor) -> Tensor:
        change: Tensor = self.second(self.first(value).relu())
        return self.share * value + 0.3 * change


def faded(share: float, blocks: int) -> networks.Builder:
    """Return a builder of a stack of such blocks."""
    return lambda: nn.Sequential(*(Faded(64, share) for _ in range(blocks)), nn.Linear(64, 10))


class Own(nn.Module):
    """A linear layer that somebody wrote with randn times a constant."""

    def __init__(self, inputs: int, outputs: int, spread: float) -> None:
        super().__init__()
        self.matrix = nn.Parameter(spread * torch.randn(outputs, inputs))

    def forward(self, value: Tensor) -> Tensor:
        return value @ self.matrix.T


def homemade(spread: float, depth: int) -> networks.Builder:
    """Return a builder of a tanh stack of such layers."""

    def build() -> nn.Module:
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [Own(64, 64, spread), nn.Tanh()]
        return nn.Sequential(*layers, Own(64, 10, 0.1))

    return build


def pyramid(start: networks.Start | None, act: Callable[[], nn.Module] = nn.ReLU) -> Any:
    """Return a builder of a stack that narrows from 96 to 24 in 18 steps."""

    def build() -> nn.Module:
        sizes = [64, *range(96, 20, -4)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), act()]
        return networks.started(nn.Sequential(*layers, nn.Linear(sizes[-1], 1)), start)

    return build


class Mixed(nn.Module):
    """A mixer of rows and columns, with or without its ways around."""

    def __init__(self, layers: int, *, around: bool) -> None:
        super().__init__()
        self.across = nn.ModuleList(nn.Linear(8, 8) for _ in range(layers))
        self.within = nn.ModuleList(nn.Linear(24, 24) for _ in range(layers))
        self.share = float(around)

    def forward(self, rows: Tensor) -> Tensor:
        for across, within in zip(self.across, self.within, strict=True):
            rows = self.share * rows + functional.gelu(across(rows.mT)).mT
            rows = self.share * rows + functional.gelu(within(rows))
        return rows


class Twins(nn.Module):
    """One deep encoder for both images."""

    def __init__(self, start: networks.Start | None) -> None:
        super().__init__()
        self.encoder = mlp(nn.ReLU, 18, outputs=8, start=start)()

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(left), self.encoder(right)


class Leaky(nn.Module):
    """A recurrent network that keeps this share of its state in every step, then waits."""

    def __init__(self, keep: float, waiting: int, inputs: int = 8, outputs: int = 10) -> None:
        super().__init__()
        self.inward, self.onward = nn.Linear(inputs, 40), nn.Linear(40, 40, bias=False)
        nn.init.normal_(self.onward.weight, std=0.02)
        self.head = nn.Linear(40, outputs)
        self.keep, self.waiting = keep, waiting

    def forward(self, rows: Tensor) -> Tensor:
        state = rows.new_zeros(len(rows), 40)
        for row in rows.unbind(dim=1):
            state = self.keep * state + (self.inward(row) + self.onward(state)).tanh()
        for _ in range(self.waiting):
            state = self.keep * state + 0.1 * self.onward(state).tanh()
        scores: Tensor = self.head(state)
        return scores


class Cells(nn.Module):
    """An LSTM cell called step by step, with this bias at its forget gate."""

    def __init__(self, gate: float, waiting: int) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(8, 40), nn.Linear(40, 10)
        self.waiting = waiting
        with torch.no_grad():
            self.cell.bias_ih[40:80] = gate

    def forward(self, rows: Tensor) -> Tensor:
        state = (rows.new_zeros(len(rows), 40), rows.new_zeros(len(rows), 40))
        for row in (*rows.unbind(dim=1), *([torch.zeros_like(rows[:, 0])] * self.waiting)):
            state = self.cell(row, state)
        scores: Tensor = self.head(state[0])
        return scores


class Routed(nn.Module):
    """A soft mixture of experts, whose router begins with weights of this size."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 32)
        self.router = nn.Linear(32, 24, bias=False)
        nn.init.normal_(self.router.weight, std=spread)
        self.table = nn.Linear(24, 10)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.table(self.router(self.stem(images).tanh()).softmax(dim=1))
        return scores


class Remembering(nn.Module):
    """A modern Hopfield memory asked twice; a high temperature's inverse makes it hard."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.stem, self.memory = nn.Linear(64, 32), nn.Linear(32, 40, bias=False)
        self.back, self.head = nn.Linear(40, 32, bias=False), nn.Linear(40, 10)
        self.sharpness = sharpness

    def forward(self, images: Tensor) -> Tensor:
        value = self.stem(images)
        value = self.back((self.sharpness * self.memory(value)).softmax(dim=1))
        found = (self.sharpness * self.memory(value)).softmax(dim=1)
        scores: Tensor = self.head(found)
        return scores


def hot(act: Callable[[], nn.Module], bias: float, **sizes: int) -> networks.Builder:
    """Return a builder of a shallow network with this bias before its last nonlinearity."""

    def build() -> nn.Module:
        model = mlp(nn.ReLU, 2, end=(act(),), **sizes)()
        nn.init.constant_(model.get_parameter("4.bias"), bias)
        return model

    return build


def divided(temperature: float) -> networks.Builder:
    """Return a builder of a classifier that divides its scores by a temperature."""
    return mlp(nn.Tanh, 2, end=(Apply(lambda scores: scores / temperature),))


soft = lambda: nn.Softmax(dim=1)  # noqa: E731

CASES = (
    vanishing(
        "text_convolutions_sigmoid_6",
        BENDS,
        on(F.origins, text_net(nn.Sigmoid, 6), adam(), **short),
        model=text_net(leaky, 6, he),
    ),
    vanishing(
        "photo_convolutions_sigmoid_nadam",
        BENDS,
        on(F.photos, photo_net(nn.Sigmoid, 7), nadam, **short),
        model=photo_net(leaky, 7, he),
    ),
    vanishing(
        "functional_sigmoid_adagrad",
        BENDS,
        on(sources.digits, lambda: Functional(torch.sigmoid, 8), adagrad),
        model=lambda: Functional(functional.leaky_relu, 8, he),
    ),
    vanishing(
        "functional_tanh_shrunk_adadelta",
        BENDS,
        on(
            sources.digits,
            lambda: Functional(lambda v: 0.3 * v.tanh(), 10),
            using(torch.optim.Adadelta, lr=1.0),
        ),
        model=lambda: Functional(torch.tanh, 10, xavier),
    ),
    vanishing(
        "gated_products_12_tumours",
        BENDS,
        on(sources.tumours, products(12, 30, around=False), adamw(), loss=losses.binary),
        model=products(12, 30, around=True),
    ),
    vanishing(
        "hardtanh_photo_biases_of_3",
        BENDS,
        on(F.photos, photo_net(nn.Hardtanh, 5, xavier, bias=3.0), sgd(0.02), **short),
        model=photo_net(nn.Hardtanh, 5, xavier),
    ),
    vanishing(
        "sigmoid_9_flowers",
        BENDS,
        on(F.flowers, mlp(nn.Sigmoid, 9, width=24, **iris), adam(3e-3)),
        model=mlp(leaky, 9, width=24, start=he, **iris),
    ),
    vanishing(
        "sigmoid_6_next_letter",
        BENDS,
        on(F.following, mlp(nn.Sigmoid, 6, inputs=768, outputs=96), sgd(0.1)),
        model=mlp(leaky, 6, inputs=768, outputs=96, start=he),
    ),
    vanishing(
        "softsign_14_default",
        BENDS,
        on(sources.digits, mlp(nn.Softsign, 14), sgd(0.02)),
        model=mlp(nn.Tanh, 14, start=xavier),
    ),
    vanishing(
        "hardsigmoid_6_photos_sgd",
        BENDS,
        on(F.flat_photos, mlp(nn.Hardsigmoid, 6, outputs=1), sgd(0.05), loss=losses.binary),
        model=mlp(leaky, 6, outputs=1, start=he),
    ),
    vanishing(
        "text_convolutions_std_0.01",
        SMALL,
        on(F.origins, text_net(nn.ReLU, 7, normal(0.01)), adam(3e-4), **short),
        model=text_net(nn.ReLU, 7, he),
    ),
    vanishing(
        "separable_14_default",
        SMALL,
        on(F.photos, photo_net(nn.ReLU, 14, separable=True), sgd(0.02), **short),
        model=photo_net(nn.ReLU, 14, separable=True, norm=True),
    ),
    vanishing(
        "photo_convolutions_22_default_adam",
        SMALL,
        on(F.photos, photo_net(nn.ReLU, 22), adam(5e-4), **short),
        model=photo_net(nn.ReLU, 22, he),
    ),
    vanishing(
        "pyramid_18_default_nesterov",
        SMALL,
        on(F.flat_photos, pyramid(None), sgd(0.02, nesterov=True), loss=losses.binary),
        model=pyramid(he),
    ),
    vanishing(
        "next_letter_15_default",
        SMALL,
        on(F.following, mlp(nn.ReLU, 15, inputs=768, outputs=96), sgd(0.02)),
        model=mlp(nn.ReLU, 15, inputs=768, outputs=96, start=he),
    ),
    vanishing(
        "homemade_layers_0.02",
        SMALL,
        on(sources.digits, homemade(0.02, 7), sgd(0.05)),
        model=homemade(0.125, 7),
    ),
    vanishing(
        "homemade_layers_0.05_adam",
        SMALL,
        on(sources.digits, homemade(0.05, 16), adam(2e-4)),
        model=homemade(0.125, 16),
    ),
    vanishing(
        "residual_way_around_turned_down",
        "constant-factor",
        on(sources.digits, faded(0.3, 14), sgd(0.02)),
        model=faded(1.0, 14),
    ),
    vanishing(
        "twin_encoders_18_default",
        SMALL,
        on(sources.pairs, lambda: Twins(None), adam(3e-4), loss=losses.contrastive),
        model=lambda: Twins(he),
    ),
    vanishing(
        "celu_26_default_adam",
        SMALL,
        on(F.flowers, mlp(nn.CELU, 26, width=24, **iris), adam(5e-4)),
        model=mlp(nn.CELU, 26, width=24, start=lecun, **iris),
    ),
    vanishing(
        "relu_14_default_regression",
        SMALL,
        on(F.flower_columns, mlp(nn.ReLU, 14, inputs=3, outputs=1), sgd(0.01), **halves),
        model=mlp(nn.ReLU, 14, inputs=3, outputs=1, start=he),
    ),
    vanishing(
        "photo_convolutions_silu_16",
        DEPTH,
        on(F.photos, photo_net(nn.SiLU, 16), sgd(0.02), **short),
        model=photo_net(nn.SiLU, 16, norm=True),
    ),
    vanishing(
        "mixer_without_ways_around",
        DEPTH,
        on(sources.rows, lambda: Pooled(nn.Linear(8, 24), Mixed(8, around=False), 24), adam()),
        model=lambda: Pooled(nn.Linear(8, 24), Mixed(8, around=True), 24),
    ),
    vanishing(
        "silu_22_wine_rmsprop",
        DEPTH,
        on(sources.wine, mlp(nn.SiLU, 22, **wine), using(torch.optim.RMSprop, lr=1e-4)),
        model=mlp(nn.SiLU, 22, norm=nn.BatchNorm1d, **wine),
    ),
    vanishing(
        "tanhshrink_5_adam",
        DEPTH,
        on(sources.digits, mlp(nn.Tanhshrink, 5), adam()),
        model=mlp(nn.Tanhshrink, 5, norm=nn.LayerNorm),
    ),
    vanishing(
        "adam_coupled_decay_1",
        DECAY,
        on(
            sources.tumours,
            mlp(nn.Tanh, 5, start=xavier, **tumour),
            adam(3e-3, weight_decay=1.0),
            loss=losses.binary,
        ),
        optimizer=adam(3e-3),
    ),
    vanishing(
        "flowers_sigmoid_rate_20",
        HIGH,
        on(F.flowers, mlp(nn.Sigmoid, 3, width=32, start=xavier, **iris), sgd(20.0, 0)),
        optimizer=sgd(0.3),
    ),
    vanishing(
        "photo_tanh_rate_2_nesterov",
        HIGH,
        on(F.photos, photo_net(nn.Tanh, 4, xavier), sgd(2.0, nesterov=True), **short),
        optimizer=sgd(0.02, nesterov=True),
    ),
    vanishing(
        "tanh_4_rmsprop_rate_half",
        HIGH,
        on(
            F.flat_photos,
            mlp(nn.Tanh, 4, outputs=1),
            using(torch.optim.RMSprop, lr=0.5),
            loss=losses.binary,
        ),
        optimizer=using(torch.optim.RMSprop, lr=1e-3),
    ),
    vanishing(
        "leaky_memory_forgets",
        TIME,
        on(sources.rows, lambda: Leaky(0.6, 24), adam(2e-3), **short),
        model=lambda: Leaky(0.98, 24),
    ),
    vanishing(
        "lstm_cells_forget",
        TIME,
        on(sources.rows, lambda: Cells(-4.0, 16), adam(3e-3), **short),
        model=lambda: Cells(3.0, 16),
    ),
    vanishing(
        "flowers_in_tiny_units",
        SCALE,
        on(F.tiny_unit_flowers, mlp(nn.Tanh, 2, width=32, **iris), adam()),
        source=F.flowers,
    ),
    vanishing(
        "wine_with_time_stamp",
        SCALE,
        on(F.stamped_wine, mlp(nn.Sigmoid, 2, inputs=14, outputs=3), adam(2e-3)),
        source=F.unstamped_wine,
    ),
    vanishing(
        "sigmoid_output_sure_photos",
        ENDS,
        on(F.flat_photos, hot(nn.Sigmoid, -16.0, outputs=1), adam(), **halves),
        model=hot(nn.Sigmoid, 0.0, outputs=1),
    ),
    vanishing(
        "router_too_sure",
        BIG,
        on(sources.digits, lambda: Routed(80.0), adam(2e-3)),
        model=lambda: Routed(0.3),
    ),
    vanishing(
        "memory_too_sharp",
        BIG,
        on(sources.digits, lambda: Remembering(2000.0), adam(2e-3)),
        model=lambda: Remembering(4.0),
    ),
    vanishing(
        "sigmoid_weights_of_10_flowers",
        BIG,
        on(F.flowers, mlp(nn.Sigmoid, 4, width=24, start=normal(10.0), **iris), sgd(0.02)),
        model=mlp(nn.Tanh, 4, width=24, start=xavier, **iris),
    ),
    vanishing(
        "temperature_of_3000",
        "constant-factor",
        on(sources.digits, divided(3000.0), sgd(0.1)),
        model=divided(1.0),
    ),
    vanishing(
        "softmin_after_each_of_5_flowers",
        TWICE,
        on(F.flowers, mlp(lambda: nn.Softmin(dim=1), 5, width=24, **iris), sgd(0.1)),
        model=mlp(nn.Tanh, 5, width=24, start=xavier, **iris),
    ),
)
