"""Planted vanishing: the signal is lost along the depth of a plain stack."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import losses, networks, optimizers, sources
from benchmarks.cases.case import Problem, vanishing
from benchmarks.cases.networks import (
    Apply,
    Skip,
    convolutions,
    he,
    lecun,
    mlp,
    normal,
    orthogonal,
    xavier,
)
from benchmarks.cases.optimizers import adam, sgd, using


def on(
    model: networks.Builder,
    optimizer: optimizers.Factory,
    source: Any = sources.digits,
    **more: Any,
) -> Problem:
    """A classifier, of the digits unless told otherwise."""
    more = {"loss": losses.cross_entropy, **more}
    return Problem(model=model, optimizer=optimizer, source=source, **more)


BENDS, SMALL = "saturating-activation", "init-too-small"
DEPTH, DECAY, HIGH = (
    "depth-without-normalization",
    "weight-decay-too-strong",
    "learning-rate-too-high",
)
Tumours: dict[str, Any] = {"source": sources.tumours, "loss": losses.binary}
Table: dict[str, Any] = {"inputs": 30, "outputs": 1}
leaky = nn.LeakyReLU


class Square(nn.Module):
    """The square, for polynomial networks."""

    def forward(self, value: Tensor) -> Tensor:
        return value.square()


class Bell(nn.Module):
    """exp(-x^2): flat away from its middle."""

    def forward(self, value: Tensor) -> Tensor:
        return (-value.square()).exp()


class Gate(nn.Module):
    """A layer that multiplies its input by a gate, nothing added."""

    def __init__(self, width: int, bias: float) -> None:
        super().__init__()
        self.gate = nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, bias)

    def forward(self, value: Tensor) -> Tensor:
        gated: Tensor = value * self.gate(value).sigmoid()
        return gated


class Towers(nn.Module):
    """Each half of the image has a tower of its own."""

    def __init__(self, upper: networks.Builder, lower: networks.Builder) -> None:
        super().__init__()
        self.upper, self.lower = upper(), lower()
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        upper, lower = images.split(32, dim=1)
        scores: Tensor = self.head(torch.cat([self.upper(upper), self.lower(lower)], dim=1))
        return scores


class Evaluated(nn.Module):
    """A stack whose batch normalisation was left in evaluation mode, or not."""

    def __init__(self, depth: int, *, training: bool) -> None:
        super().__init__()
        self.stack = mlp(nn.ReLU, depth, norm=nn.BatchNorm1d)()
        self.training_wanted = training

    def forward(self, images: Tensor) -> Tensor:
        for layer in self.stack:
            if isinstance(layer, nn.BatchNorm1d):
                layer.train(self.training_wanted)
        scores: Tensor = self.stack(images)
        return scores


def gates(depth: int, bias: float) -> networks.Builder:
    """Return a builder of a chain of gates."""
    return lambda: nn.Sequential(*(Gate(64, bias) for _ in range(depth)), nn.Linear(64, 10))


def tower(act: Any, depth: int) -> networks.Builder:
    """Return a builder of one tower over half an image."""
    return mlp(act, depth, inputs=32, width=32, outputs=32, start=xavier)


def hourglass(act: Any, start: networks.Start | None) -> networks.Builder:
    """Return a builder of a deep autoencoder."""

    def build() -> nn.Module:
        sizes = (64, 56, 48, 40, 32, 24, 16, 24, 32, 40, 48, 56, 64)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), act()]
        return networks.started(nn.Sequential(*layers[:-1]), start)

    return build


def residual(*, branch_only: bool) -> networks.Builder:
    """Return a builder of a stack of two-layer blocks, with or without the way around them."""

    def build() -> nn.Module:
        parts = [(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(12)]
        blocks = [nn.Sequential(*part) if branch_only else Skip(*part) for part in parts]
        return nn.Sequential(*blocks, nn.LayerNorm(64), nn.Linear(64, 10))

    return build


def scaled(factor: float, depth: int = 4) -> networks.Builder:
    """Return a builder of a stack that multiplies by a constant between its layers."""
    return mlp(nn.Tanh, depth, start=xavier, between=lambda: Apply(lambda value: factor * value))


def mixed(kind: Any, times: int) -> networks.Builder:
    """Return a builder of a stack with a softmax, or something else, after each layer."""
    return mlp(kind, times, start=xavier)


def mixed_table(kind: Any, times: int) -> networks.Builder:
    """Return the same for a table."""
    return mlp(kind, times, start=xavier, inputs=30, outputs=1)


soft = lambda: nn.Softmax(dim=1)  # noqa: E731
slow = using(torch.optim.RMSprop, lr=3e-4)

CASES = (
    vanishing("sigmoid_5_sgd", BENDS, on(mlp(nn.Sigmoid, 5), sgd()), model=mlp(leaky, 5)),
    vanishing(
        "sigmoid_6_sgd_plain",
        BENDS,
        on(mlp(nn.Sigmoid, 6), sgd(0.1, 0)),
        model=mlp(leaky, 6, start=he),
    ),
    vanishing("sigmoid_8_sgd", BENDS, on(mlp(nn.Sigmoid, 8), sgd()), model=mlp(leaky, 8, start=he)),
    vanishing("sigmoid_10_adam", BENDS, on(mlp(nn.Sigmoid, 10), adam()), model=mlp(leaky, 10)),
    vanishing(
        "sigmoid_12_rmsprop", BENDS, on(mlp(nn.Sigmoid, 12), slow), model=mlp(leaky, 12, start=he)
    ),
    vanishing(
        "sigmoid_15_sgd_xavier",
        BENDS,
        on(mlp(nn.Sigmoid, 15, start=xavier), sgd()),
        model=mlp(nn.Tanh, 15, start=xavier),
    ),
    vanishing(
        "sigmoid_20_adam_batchnorm_cures",
        BENDS,
        on(mlp(nn.Sigmoid, 20, start=xavier), adam()),
        model=mlp(nn.Sigmoid, 20, start=xavier, norm=nn.BatchNorm1d),
    ),
    vanishing(
        "sigmoid_7_tumours",
        BENDS,
        on(mlp(nn.Sigmoid, 7, **Table), sgd(), **Tumours),
        model=mlp(leaky, 7, start=he, **Table),
    ),
    vanishing(
        "sigmoid_8_wine",
        BENDS,
        on(mlp(nn.Sigmoid, 8, inputs=13, outputs=3), sgd(), source=sources.wine),
        model=mlp(nn.Tanh, 8, inputs=13, outputs=3, start=xavier),
    ),
    vanishing(
        "sigmoid_7_diabetes",
        BENDS,
        on(
            mlp(nn.Sigmoid, 7, inputs=10, outputs=1),
            sgd(0.02),
            source=sources.diabetes,
            loss=losses.squared,
        ),
        model=mlp(nn.Tanh, 7, inputs=10, outputs=1, start=xavier),
    ),
    vanishing(
        "sigmoid_conv_8",
        BENDS,
        on(convolutions(nn.Sigmoid, 8), sgd(), source=sources.images),
        model=convolutions(leaky, 8, start=he),
    ),
    vanishing(
        "sigmoid_conv_10_adam",
        BENDS,
        on(convolutions(nn.Sigmoid, 10), adam(), source=sources.images),
        model=convolutions(leaky, 10, start=he),
    ),
    vanishing(
        "hardsigmoid_8_adam",
        BENDS,
        on(mlp(nn.Hardsigmoid, 8), adam()),
        model=mlp(leaky, 8, start=he),
    ),
    vanishing("bell_8_sgd", BENDS, on(mlp(Bell, 8), sgd()), model=mlp(leaky, 8, start=he)),
    vanishing(
        "sigmoid_8_loss_1e6",
        BENDS,
        on(mlp(nn.Sigmoid, 8), sgd(1e-8), loss=losses.times(1e6)),
        model=mlp(leaky, 8, start=he),
    ),
    vanishing(
        "sigmoid_8_loss_1e-6",
        BENDS,
        on(mlp(nn.Sigmoid, 8), sgd(1e4), loss=losses.times(1e-6)),
        model=mlp(leaky, 8, start=he),
    ),
    vanishing(
        "tanh_8_saturated_biases",
        BENDS,
        on(mlp(nn.Tanh, 8, start=xavier, bias=3.0), sgd()),
        model=mlp(nn.Tanh, 8, start=xavier),
    ),
    vanishing(
        "sigmoid_autoencoder_12",
        BENDS,
        on(hourglass(nn.Sigmoid, None), adam(3e-3), source=sources.copies, loss=losses.squared),
        model=hourglass(leaky, he),
    ),
    vanishing(
        "one_sick_tower",
        BENDS,
        on(lambda: Towers(tower(nn.Sigmoid, 10), tower(nn.Tanh, 2)), sgd()),
        model=lambda: Towers(tower(nn.Tanh, 10), tower(nn.Tanh, 2)),
    ),
    vanishing("gates_20", BENDS, on(gates(20, 0.0), sgd()), model=gates(20, 4.0)),
    vanishing("gates_12_closed", BENDS, on(gates(12, -2.0), sgd()), model=gates(12, 3.0)),
    vanishing(
        "tanh_10_std_0.01_sgd",
        SMALL,
        on(mlp(nn.Tanh, 10, start=normal(0.01)), sgd(0.02)),
        model=mlp(nn.Tanh, 10, start=xavier),
    ),
    vanishing(
        "tanh_12_std_0.02_adam",
        SMALL,
        on(mlp(nn.Tanh, 12, start=normal(0.02)), adam(3e-4)),
        model=mlp(nn.Tanh, 12, start=xavier),
    ),
    vanishing(
        "relu_6_std_0.01_sgd",
        SMALL,
        on(mlp(nn.ReLU, 6, start=normal(0.01)), sgd()),
        model=mlp(nn.ReLU, 6, start=he),
    ),
    vanishing(
        "relu_4_std_0.005_tumours",
        SMALL,
        on(mlp(nn.ReLU, 4, start=normal(0.005), **Table), sgd(), **Tumours),
        model=mlp(nn.ReLU, 4, start=he, **Table),
    ),
    vanishing(
        "conv_6_std_0.01_sgd",
        SMALL,
        on(convolutions(nn.ReLU, 6, start=normal(0.01)), sgd(), source=sources.images),
        model=convolutions(nn.ReLU, 6, start=he),
    ),
    vanishing(
        "relu_12_default_sgd",
        SMALL,
        on(mlp(nn.ReLU, 12), sgd()),
        model=mlp(nn.ReLU, 12, start=he),
        optimizer=sgd(0.01),
    ),
    vanishing(
        "relu_15_default_sgd_plain",
        SMALL,
        on(mlp(nn.ReLU, 15), sgd(0.01, 0)),
        model=mlp(nn.ReLU, 15, start=he),
    ),
    vanishing(
        "relu_30_default_adam",
        SMALL,
        on(mlp(nn.ReLU, 30), adam()),
        model=mlp(nn.ReLU, 30, start=he),
    ),
    vanishing(
        "relu_40_default_adam_wine",
        SMALL,
        on(mlp(nn.ReLU, 40, inputs=13, outputs=3), adam(3e-4), source=sources.wine),
        model=mlp(nn.ReLU, 40, inputs=13, outputs=3, start=he),
    ),
    vanishing(
        "relu_12_default_no_bias_sgd",
        SMALL,
        on(mlp(nn.ReLU, 12, biased=False), sgd(0.02)),
        model=mlp(nn.ReLU, 12, biased=False, start=he),
    ),
    vanishing(
        "relu_25_default_no_bias_adam",
        SMALL,
        on(mlp(nn.ReLU, 25, biased=False), adam(3e-4)),
        model=mlp(nn.ReLU, 25, biased=False, start=he),
    ),
    vanishing(
        "relu_20_default_narrow",
        SMALL,
        on(mlp(nn.ReLU, 20, width=32), adam(5e-4)),
        model=mlp(nn.ReLU, 20, width=32, start=he),
    ),
    vanishing(
        "conv_15_default_sgd",
        SMALL,
        on(convolutions(nn.ReLU, 15), sgd(0.02), source=sources.images),
        model=convolutions(nn.ReLU, 15, start=he),
    ),
    vanishing(
        "leaky_20_default_sgd", SMALL, on(mlp(leaky, 20), sgd(0.01)), model=mlp(leaky, 20, start=he)
    ),
    vanishing(
        "tanh_20_default_sgd",
        SMALL,
        on(mlp(nn.Tanh, 20), sgd(0.01)),
        model=mlp(nn.Tanh, 20, start=xavier),
    ),
    vanishing(
        "tanh_40_default_adam",
        SMALL,
        on(mlp(nn.Tanh, 40), adam(2e-4)),
        model=mlp(nn.Tanh, 40, start=xavier),
    ),
    vanishing(
        "selu_25_default_sgd",
        SMALL,
        on(mlp(nn.SELU, 25), sgd(0.003)),
        model=mlp(nn.SELU, 25, start=lecun),
    ),
    vanishing(
        "elu_20_default_sgd", SMALL, on(mlp(nn.ELU, 20), sgd(0.01)), model=mlp(nn.ELU, 20, start=he)
    ),
    vanishing(
        "linear_25_default_sgd",
        SMALL,
        on(mlp(nn.Identity, 25), sgd(0.003)),
        model=mlp(nn.Identity, 25, start=orthogonal(1.0)),
    ),
    vanishing(
        "tanh_20_orthogonal_half",
        SMALL,
        on(mlp(nn.Tanh, 20, start=orthogonal(0.5)), sgd(0.02)),
        model=mlp(nn.Tanh, 20, start=orthogonal(1.1)),
    ),
    vanishing(
        "relu_30_xavier_for_he",
        SMALL,
        on(mlp(nn.ReLU, 30, start=xavier), sgd(0.003)),
        model=mlp(nn.ReLU, 30, start=he),
    ),
    vanishing(
        "square_4_small",
        SMALL,
        on(mlp(Square, 4, start=normal(0.03)), sgd()),
        model=mlp(nn.ReLU, 4, start=he),
    ),
    vanishing(
        "constant_0.1_between_layers",
        "constant-factor",
        on(scaled(0.1, 6), sgd()),
        model=scaled(1.0, 6),
    ),
    vanishing(
        "constant_0.01_between_layers",
        "constant-factor",
        on(scaled(0.01, 3), sgd(0.02)),
        model=scaled(1.0, 3),
    ),
    vanishing(
        "gelu_15_default_sgd",
        DEPTH,
        on(mlp(nn.GELU, 15), sgd(0.02)),
        model=mlp(nn.GELU, 15, norm=nn.BatchNorm1d),
    ),
    vanishing(
        "gelu_34_xavier_adam",
        DEPTH,
        on(mlp(nn.GELU, 34, start=xavier), adam(3e-4)),
        model=mlp(nn.GELU, 34, start=xavier, norm=nn.LayerNorm),
    ),
    vanishing(
        "silu_20_xavier_adam",
        DEPTH,
        on(mlp(nn.SiLU, 20, start=xavier), adam(3e-4)),
        model=mlp(nn.SiLU, 20, start=xavier, norm=nn.LayerNorm),
    ),
    vanishing(
        "softplus_20_default_sgd",
        DEPTH,
        on(mlp(nn.Softplus, 20), sgd(0.02)),
        model=mlp(nn.Softplus, 20, norm=nn.BatchNorm1d),
    ),
    vanishing(
        "mish_25_default_adam",
        DEPTH,
        on(mlp(nn.Mish, 25), adam(3e-4)),
        model=mlp(nn.Mish, 25, norm=nn.LayerNorm),
    ),
    vanishing(
        "conv_gelu_20_default",
        DEPTH,
        on(convolutions(nn.GELU, 20), adam(), source=sources.images),
        model=convolutions(nn.GELU, 20, norm=nn.BatchNorm2d),
    ),
    vanishing(
        "relu_15_batchnorm_in_eval",
        DEPTH,
        on(lambda: Evaluated(15, training=False), sgd(0.02)),
        model=lambda: Evaluated(15, training=True),
    ),
    vanishing(
        "blocks_12_without_skip",
        DEPTH,
        on(residual(branch_only=True), sgd(0.01)),
        model=residual(branch_only=False),
    ),
    vanishing(
        "softmax_after_each_of_4",
        "double-softmax",
        on(mixed(soft, 4), sgd()),
        model=mixed(nn.Tanh, 4),
    ),
    vanishing(
        "softmax_after_each_of_6_adam",
        "double-softmax",
        on(mixed(soft, 6), adam()),
        model=mixed(nn.Tanh, 6),
    ),
    vanishing(
        "relu_6_weight_decay_1",
        DECAY,
        on(mlp(nn.ReLU, 6, start=he), sgd(0.1, 0, weight_decay=1.0)),
        optimizer=sgd(0.1, 0, weight_decay=1e-4),
    ),
    vanishing(
        "tanh_8_weight_decay_half",
        DECAY,
        on(mlp(nn.Tanh, 8, start=xavier), sgd(0.1, 0, weight_decay=0.5)),
        optimizer=sgd(0.1, 0, weight_decay=1e-4),
    ),
    vanishing(
        "adamw_decay_50",
        DECAY,
        on(mlp(nn.ReLU, 8, start=he), optimizers.adamw(1e-3, weight_decay=50.0)),
        optimizer=optimizers.adamw(1e-3),
    ),
    vanishing(
        "sigmoid_3_high_rate",
        HIGH,
        on(mlp(nn.Sigmoid, 3, start=xavier), sgd(3.0)),
        optimizer=sgd(0.2),
    ),
    vanishing(
        "tanh_4_high_rate", HIGH, on(mlp(nn.Tanh, 4, start=xavier), sgd(3.0)), optimizer=sgd(0.02)
    ),
    vanishing(
        "tanh_5_adam_rate_1",
        HIGH,
        on(mlp(nn.Tanh, 5, start=xavier), adam(1.0)),
        optimizer=adam(1e-3),
    ),
    vanishing(
        "sigmoid_9_reverse_registration",
        BENDS,
        on(lambda: networks.Backwards(nn.Sigmoid, 9, None), sgd(0.02)),
        model=lambda: networks.Backwards(leaky, 9, he),
    ),
    vanishing(
        "relu_25_default_reverse_registration",
        SMALL,
        on(lambda: networks.Backwards(nn.ReLU, 25, None), adam(5e-4)),
        model=lambda: networks.Backwards(nn.ReLU, 25, he),
    ),
    vanishing(
        "sigmoid_3_high_rate_wine",
        HIGH,
        on(mlp(nn.Sigmoid, 3, inputs=13, outputs=3, start=xavier), sgd(5.0), source=sources.wine),
        optimizer=sgd(0.1),
    ),
    vanishing(
        "sigmoid_3_adam_rate_half",
        HIGH,
        on(mlp(nn.Sigmoid, 3, start=xavier), adam(0.5)),
        optimizer=adam(3e-3),
    ),
    vanishing(
        "tanh_3_high_rate_tumours",
        HIGH,
        on(mlp(nn.Tanh, 3, **Table), sgd(5.0), **Tumours),
        optimizer=sgd(),
    ),
    vanishing(
        "softmax_after_each_of_4_tumours",
        "double-softmax",
        on(mixed_table(soft, 4), sgd(), **Tumours),
        model=mixed_table(nn.Tanh, 4),
    ),
    vanishing(
        "softmax_after_each_of_3_wine",
        "double-softmax",
        on(mlp(soft, 3, inputs=13, outputs=3), sgd(), source=sources.wine),
        model=mlp(nn.Tanh, 3, inputs=13, outputs=3),
    ),
    vanishing(
        "conv_5_weight_decay_1",
        DECAY,
        on(
            convolutions(nn.ReLU, 5, start=he), sgd(0.1, 0, weight_decay=1.0), source=sources.images
        ),
        optimizer=sgd(0.1, 0, weight_decay=1e-4),
    ),
    vanishing(
        "relu_5_weight_decay_half_tumours",
        DECAY,
        on(mlp(nn.ReLU, 5, start=he, **Table), sgd(0.1, 0, weight_decay=0.5), **Tumours),
        optimizer=sgd(0.1, 0, weight_decay=1e-4),
    ),
)
