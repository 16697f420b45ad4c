"""Planted: everything else that keeps a network from learning."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import losses, networks, optimizers, sources
from benchmarks.cases.case import Problem, other
from benchmarks.cases.networks import (
    Apply,
    Encoded,
    Precise,
    Reader,
    Skip,
    constant,
    convolutions,
    he,
    mlp,
    normal,
    orthogonal,
    xavier,
)
from benchmarks.cases.optimizers import adam, clipped, sgd


def on(
    model: networks.Builder,
    optimizer: optimizers.Factory,
    source: Any = sources.digits,
    **more: Any,
) -> Problem:
    """A classifier, of the digits unless told otherwise."""
    more = {"loss": losses.cross_entropy, **more}
    return Problem(model=model, optimizer=optimizer, source=source, **more)


class Listed(nn.Module):
    """An encoder kept where PyTorch does not look for it, or where it does."""

    def __init__(self, keep: Any, *, named: bool = False) -> None:
        super().__init__()
        layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)]
        self.encoder = keep({str(n): layer for n, layer in enumerate(layers)} if named else layers)
        self.head = nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        layers: Any = self.encoder
        for layer in layers.values() if hasattr(layers, "values") else layers:
            images = layer(images)
        scores: Tensor = self.head(images)
        return scores


class Frozen(nn.Module):
    """A network of which all but the biases of its head is frozen, or nothing is."""

    def __init__(self, *, frozen: bool, code: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, code))
        self.head = nn.Linear(code, 10)
        if frozen:
            self.body.requires_grad_(requires_grad=False)
            self.head.weight.requires_grad_(requires_grad=code < 64)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(self.body(images))
        return scores


def precise(kind: torch.dtype, width: int = 512, **sizes: int) -> networks.Builder:
    """Return a builder of a wide network in one number format."""
    return lambda: Precise(mlp(nn.ReLU, 2, width=width, **sizes)(), kind)


def encoded(between: Any, code: int = 3) -> networks.Builder:
    """Return a builder of an encoder with something between it and its head."""
    return lambda: Encoded(between, code)


def same(value: Tensor) -> Tensor:
    """Return what it is given."""
    return value


def rewritten(value: Tensor) -> Tensor:
    """Return the numbers without their history, as by way of a list."""
    return torch.tensor(value.tolist(), dtype=value.dtype)


def chosen(value: Tensor) -> Tensor:
    """Return 1 for the largest number, 0 for the others."""
    return nn.functional.one_hot(value.argmax(dim=1), value.shape[1]).to(value.dtype)


class Branches(nn.Module):
    """A residual stack whose ReLU units begin far below zero, or not."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        skips = [Skip(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(4)]
        self.stack = nn.Sequential(*skips, nn.Linear(64, 1))
        for skip in skips:
            nn.init.constant_(skip.get_parameter("branch.0.bias"), bias)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.stack(images)
        return scores


def grown(std: float, blocks: int) -> networks.Builder:
    """Return a builder of a residual stack whose branches are too strong."""

    def build() -> nn.Module:
        skips = [Skip(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(blocks)]
        return networks.started(nn.Sequential(*skips, nn.Linear(64, 10)), normal(std))

    return build


def ended(end: nn.Module, outputs: int = 10, inputs: int = 64) -> networks.Builder:
    """Return a builder of a shallow network with something at its end."""
    return mlp(nn.ReLU, 2, inputs=inputs, outputs=outputs, end=(end,))


def rows(**settings: Any) -> networks.Builder:
    """Return a builder of a recurrent network."""
    return lambda: Reader(**settings)


UP, DEAD, CUT = "exploding-gradient", "dying-relu", "disconnected-parameter"
ZERO, SLOW, FAST = "zero-gradient", "update-too-small", "update-too-large"
STALL, NAN, SOFT = "stalled-loss", "non-finite", "saturated-activation"
LARGE, HIGH, LOW = "init-too-large", "learning-rate-too-high", "learning-rate-too-low"
DETACHED, STEPS, PRECISION = "detached-graph", "non-differentiable-operation", "low-precision"
shallow, column = mlp(nn.ReLU, 2), mlp(nn.ReLU, 2, outputs=1)
fast, half = adam(1e-2), {"loss": losses.squared}
whole, table = encoded(same), {"inputs": 30, "outputs": 1}

CASES = (
    other(
        "relu_10_std_0.5_adam",
        UP,
        LARGE,
        on(mlp(nn.ReLU, 10, start=normal(0.5)), adam()),
        model=mlp(nn.ReLU, 10, start=he),
    ),
    other(
        "relu_15_std_0.4_adam",
        UP,
        LARGE,
        on(mlp(nn.ReLU, 15, start=normal(0.4)), adam()),
        model=mlp(nn.ReLU, 15, start=he),
    ),
    other(
        "conv_8_std_0.5_adam",
        UP,
        LARGE,
        on(convolutions(nn.ReLU, 8, start=normal(0.5)), adam(), source=sources.images),
        model=convolutions(nn.ReLU, 8, start=he),
    ),
    other(
        "linear_12_gain_2_adam",
        UP,
        LARGE,
        on(mlp(nn.Identity, 12, start=orthogonal(2.5)), adam(3e-4)),
        model=mlp(nn.Identity, 12, start=orthogonal(1.0)),
    ),
    other(
        "residual_20_strong_branches",
        UP,
        LARGE,
        on(grown(0.3, 12), adam(3e-4)),
        model=grown(0.03, 12),
    ),
    other(
        "rnn_relu_gain_1.6_wait_20",
        UP,
        LARGE,
        on(
            rows(nonlinearity="relu", waiting=20, recurrent=orthogonal(1.9)),
            adam(),
            source=sources.rows,
            steps=200,
        ),
        model=rows(nonlinearity="relu", waiting=20, recurrent=nn.init.eye_),
    ),
    other(
        "tanh_10_std_1",
        UP,
        LARGE,
        on(mlp(nn.Tanh, 10, start=normal(1.0)), sgd(0.01)),
        model=mlp(nn.Tanh, 10, start=xavier),
    ),
    other(
        "relu_biases_-10",
        DEAD,
        "dead-relu",
        on(mlp(nn.ReLU, 3, start=he, bias=-10.0), adam()),
        model=mlp(nn.ReLU, 3, start=he),
    ),
    other(
        "relu_biases_-4_sgd",
        DEAD,
        "dead-relu",
        on(mlp(nn.ReLU, 3, start=he, bias=-6.0), sgd()),
        model=mlp(nn.ReLU, 3, start=he),
    ),
    other(
        "relu_dark_inputs_positive_weights",
        DEAD,
        "dead-relu",
        on(
            mlp(nn.ReLU, 2, start=lambda w: nn.init.uniform_(w, 0.0, 0.2)),
            adam(),
            source=sources.dark_digits,
        ),
        model=mlp(nn.ReLU, 2, start=he),
    ),
    other(
        "conv_biases_-8",
        DEAD,
        "dead-relu",
        on(convolutions(nn.ReLU, 4, start=he, bias=-8.0), adam(), source=sources.images),
        model=convolutions(nn.ReLU, 4, start=he),
    ),
    other(
        "relu_killed_by_rate_2",
        DEAD,
        HIGH,
        on(mlp(nn.ReLU, 4, start=he), sgd(2.0)),
        optimizer=sgd(0.01),
    ),
    other(
        "relu_killed_by_adam_1",
        DEAD,
        HIGH,
        on(mlp(nn.ReLU, 5, start=he), adam(1.0)),
        optimizer=adam(1e-3),
    ),
    other("encoder_detached", CUT, DETACHED, on(encoded(Tensor.detach), fast), model=whole),
    other(
        "encoder_by_data", CUT, DETACHED, on(encoded(lambda value: value.data), fast), model=whole
    ),
    other("encoder_by_list", CUT, DETACHED, on(encoded(rewritten), fast), model=whole),
    other(
        "encoder_detached_tumours",
        CUT,
        DETACHED,
        on(
            lambda: nn.Sequential(
                nn.Linear(30, 32),
                nn.ReLU(),
                nn.Linear(32, 1),
                Apply(Tensor.detach),
                nn.Linear(1, 1),
            ),
            fast,
            source=sources.tumours,
            loss=losses.binary,
        ),
        model=lambda: nn.Sequential(
            nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1), Apply(same), nn.Linear(1, 1)
        ),
    ),
    other(
        "encoder_in_list",
        CUT,
        "unregistered-modules",
        on(lambda: Listed(list), fast),
        model=lambda: Listed(nn.ModuleList),
    ),
    other(
        "encoder_in_dict",
        CUT,
        "unregistered-modules",
        on(lambda: Listed(dict, named=True), fast),
        model=lambda: Listed(nn.ModuleDict, named=True),
    ),
    other("code_rounded", ZERO, STEPS, on(encoded(torch.round), fast), model=whole),
    other("code_signs", ZERO, STEPS, on(encoded(torch.sign, 4), fast), model=encoded(same, 4)),
    other(
        "code_chosen_by_argmax", CUT, STEPS, on(encoded(chosen, 6), fast), model=encoded(same, 6)
    ),
    other(
        "hidden_floor",
        ZERO,
        STEPS,
        on(encoded(lambda value: (4 * value).floor() / 4), fast),
        model=whole,
    ),
    other(
        "optimizer_of_head",
        "not-in-optimizer",
        "optimizer-misses-parameters",
        on(whole, optimizers.only("head", torch.optim.Adam, lr=1e-2)),
        optimizer=fast,
    ),
    other(
        "optimizer_of_encoder_tail",
        "not-in-optimizer",
        "optimizer-misses-parameters",
        on(whole, optimizers.only("encoder.2", torch.optim.SGD, lr=1e-3)),
        optimizer=fast,
    ),
    other(
        "frozen_but_biases",
        STALL,
        "frozen-parameters",
        on(lambda: Frozen(frozen=True), adam()),
        model=lambda: Frozen(frozen=False),
    ),
    other(
        "frozen_narrow_body",
        STALL,
        "frozen-parameters",
        on(lambda: Frozen(frozen=True, code=2), fast),
        model=lambda: Frozen(frozen=False, code=2),
    ),
    other("rate_1e-6_sgd", SLOW, LOW, on(shallow, sgd(1e-6)), optimizer=sgd()),
    other(
        "rate_1e-5_sgd_tumours",
        SLOW,
        LOW,
        on(
            mlp(nn.ReLU, 2, inputs=30, outputs=1),
            sgd(1e-5),
            source=sources.tumours,
            loss=losses.binary,
        ),
        optimizer=sgd(),
    ),
    other("rate_1e-8_adam", SLOW, LOW, on(shallow, adam(1e-8)), optimizer=adam()),
    other(
        "rate_1e-7_adam_conv",
        SLOW,
        LOW,
        on(convolutions(nn.ReLU, 3, start=he), adam(1e-7), source=sources.images),
        optimizer=adam(3e-3),
    ),
    other("rate_3_sgd", FAST, HIGH, on(shallow, sgd(3.0)), optimizer=sgd()),
    other("rate_1_adam_leaky", FAST, HIGH, on(mlp(nn.LeakyReLU, 2), adam(1.0)), optimizer=adam()),
    other(
        "rate_half_adam_conv",
        FAST,
        HIGH,
        on(convolutions(nn.LeakyReLU, 3, start=he), adam(0.5), source=sources.images),
        optimizer=adam(3e-3),
    ),
    other(
        "rate_30_sgd_diverges",
        NAN,
        HIGH,
        on(mlp(nn.LeakyReLU, 3, outputs=1), sgd(30.0), source=sources.digit_columns, **half),
        optimizer=sgd(0.01),
    ),
    other(
        "rate_1_regression_diverges",
        NAN,
        HIGH,
        on(
            mlp(nn.Identity, 2, inputs=10, outputs=1), sgd(0.5), source=sources.raw_diabetes, **half
        ),
        optimizer=sgd(1e-5),
    ),
    other(
        "log_of_zero",
        NAN,
        "wrong-output-activation",
        on(
            mlp(nn.ReLU, 2, end=(nn.Hardsigmoid(),), start=normal(0.8)),
            adam(),
            loss=losses.likelihood,
        ),
        model=mlp(nn.ReLU, 2, end=(nn.Softmax(dim=1),), start=he),
    ),
    other(
        "nan_in_data",
        NAN,
        "degenerate-data",
        on(shallow, adam(), source=sources.broken_digits),
        source=sources.digits,
    ),
    other(
        "half_overflows",
        NAN,
        PRECISION,
        on(lambda: Precise(mlp(nn.ReLU, 6, start=normal(2.0))(), torch.float16), sgd(1e-4)),
        model=lambda: Precise(mlp(nn.ReLU, 6, start=he)(), torch.float32),
    ),
    other(
        "half_underflows",
        "precision-underflow",
        PRECISION,
        on(precise(torch.float16, 64), sgd(5e4, 0), loss=losses.times(1e-6)),
        model=precise(torch.float32, 64),
    ),
    other(
        "half_underflows_tumours",
        "precision-underflow",
        PRECISION,
        on(
            precise(torch.float16, 64, **table),
            sgd(5e4, 0),
            source=sources.tumours,
            loss=losses.tiny_binary,
        ),
        model=precise(torch.float32, 64, **table),
    ),
    other(
        "bfloat16_adam_3e-5",
        SLOW,
        PRECISION,
        on(precise(torch.bfloat16), adam(3e-5)),
        model=precise(torch.float32),
    ),
    other(
        "bfloat16_sgd_0.005",
        SLOW,
        PRECISION,
        on(precise(torch.bfloat16, 512), sgd(0.005, 0)),
        model=precise(torch.float32, 512),
    ),
    other(
        "labels_shuffled",
        STALL,
        "labels-without-signal",
        on(shallow, adam(), source=sources.shuffled_digits),
        source=sources.digits,
    ),
    other(
        "labels_shuffled_tumours",
        STALL,
        "labels-without-signal",
        on(
            mlp(nn.ReLU, 1, width=8, inputs=30, outputs=1),
            adam(),
            source=sources.shuffled_tumours,
            loss=losses.binary,
        ),
        source=sources.tumours,
    ),
    other(
        "pixels_all_zero",
        STALL,
        "degenerate-data",
        on(shallow, adam(), source=sources.blank_digits),
        source=sources.unit_digits,
    ),
    other(
        "images_all_alike",
        STALL,
        "degenerate-data",
        on(shallow, adam(), source=sources.constant_digits),
        source=sources.digits,
    ),
    other(
        "softmax_then_cross_entropy",
        STALL,
        "double-softmax",
        on(ended(nn.Softmax(dim=1)), sgd(0.02, 0.5)),
        model=shallow,
    ),
    other(
        "softmax_over_batch",
        STALL,
        "double-softmax",
        on(ended(nn.Softmax(dim=0)), sgd(0.02)),
        model=shallow,
    ),
    other(
        "column_against_row",
        STALL,
        "target-shape-broadcast",
        on(column, adam(), source=sources.digit_scores, **half),
        source=sources.digit_columns,
    ),
    other(
        "column_against_row_diabetes",
        STALL,
        "target-shape-broadcast",
        on(mlp(nn.ReLU, 2, inputs=10, outputs=1), adam(), source=sources.flat_diabetes, **half),
        source=sources.diabetes,
    ),
    other(
        "sigmoid_for_0_to_9",
        SOFT,
        "wrong-output-activation",
        on(
            mlp(nn.ReLU, 2, outputs=1, end=(nn.Sigmoid(), nn.Flatten(0))),
            adam(),
            source=sources.digit_values,
            **half,
        ),
        model=mlp(nn.ReLU, 2, outputs=1, end=(nn.Flatten(0),)),
    ),
    other(
        "tanh_for_raw_progress",
        SOFT,
        "wrong-output-activation",
        on(ended(nn.Tanh(), 1, 10), adam(1e-2), source=sources.raw_diabetes, **half),
        model=ended(nn.Identity(), 1, 10),
    ),
    other(
        "relu_for_scores_around_0",
        ZERO,
        "wrong-output-activation",
        on(
            mlp(nn.ReLU, 2, outputs=1, end=(Apply(lambda s: (s - 3).relu()),)),
            adam(),
            source=sources.digit_columns,
            **half,
        ),
        model=column,
    ),
    other(
        "weights_all_0.02",
        "poor-initialization",
        "symmetric-init",
        on(mlp(nn.ReLU, 2, start=constant(0.02)), adam()),
        model=mlp(nn.ReLU, 2, start=he),
    ),
    other(
        "weights_all_zero",
        "poor-initialization",
        "symmetric-init",
        on(mlp(nn.Tanh, 2, start=constant(0.0)), sgd()),
        model=mlp(nn.Tanh, 2, start=xavier),
    ),
    other(
        "weights_all_0.1_tanh",
        "poor-initialization",
        "symmetric-init",
        on(mlp(nn.Tanh, 2, start=constant(0.05)), adam()),
        model=mlp(nn.Tanh, 2, start=xavier),
    ),
    other(
        "clipped_to_1e-5",
        SLOW,
        "clipping-too-strong",
        on(shallow, clipped(sgd(0.1), 1e-5)),
        optimizer=clipped(sgd(0.1), 1.0),
    ),
    other(
        "clipped_to_1e-4_conv",
        SLOW,
        "clipping-too-strong",
        on(convolutions(nn.ReLU, 3, start=he), clipped(sgd(), 1e-4), source=sources.images),
        optimizer=clipped(sgd(), 1.0),
    ),
    other("rate_5_sgd_leaky", FAST, HIGH, on(mlp(nn.LeakyReLU, 3), sgd(5.0)), optimizer=sgd()),
    other(
        "rate_10_sgd_tumours",
        FAST,
        HIGH,
        on(
            mlp(nn.LeakyReLU, 2, inputs=30, outputs=1),
            sgd(10.0),
            source=sources.tumours,
            loss=losses.binary,
        ),
        optimizer=sgd(),
    ),
    other(
        "rate_5_sgd_wine",
        FAST,
        HIGH,
        on(mlp(nn.LeakyReLU, 3, inputs=13, outputs=3), sgd(5.0), source=sources.wine),
        optimizer=sgd(),
    ),
    other(
        "frozen_but_biases_sgd",
        STALL,
        "frozen-parameters",
        on(lambda: Frozen(frozen=True), sgd(0.01), source=sources.unit_digits),
        model=lambda: Frozen(frozen=False),
    ),
    other(
        "residual_branches_dead",
        DEAD,
        "dead-relu",
        on(lambda: Branches(-12.0), adam(), source=sources.digit_columns, **half),
        model=lambda: Branches(0.0),
    ),
)
