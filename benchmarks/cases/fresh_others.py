"""Fresh, planted: other diseases, in other networks and on other data than the bank's."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import fresh_sources, losses, networks, optimizers, sources
from benchmarks.cases.case import Problem, other
from benchmarks.cases.networks import Apply, Precise, Reader, Skip, he, mlp, normal, orthogonal
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using


def on(source: Any, model: networks.Builder, optimizer: optimizers.Factory, **more: Any) -> Problem:
    """A classifier of some source."""
    more = {"loss": losses.cross_entropy, **more}
    return Problem(source=source, model=model, optimizer=optimizer, **more)


UP, DEAD, CUT = "exploding-gradient", "dying-relu", "disconnected-parameter"
ZERO, SLOW, FAST = "zero-gradient", "update-too-small", "update-too-large"
STALL, NAN, SOFT = "stalled-loss", "non-finite", "saturated-activation"
LARGE, HIGH, LOW = "init-too-large", "learning-rate-too-high", "learning-rate-too-low"
DETACHED, STEPS, PRECISION = "detached-graph", "non-differentiable-operation", "low-precision"
F = fresh_sources
short: dict[str, Any] = {"steps": 200}
halves: dict[str, Any] = {"loss": losses.squared}
iris: dict[str, Any] = {"inputs": 4, "outputs": 3, "width": 32}
wine: dict[str, Any] = {"inputs": 13, "outputs": 3}


class Hidden(nn.Module):
    """Three branches over a photo, kept in a tuple or in a ModuleList."""

    def __init__(self, keep: Any) -> None:
        super().__init__()
        self.branches = keep(
            [nn.Sequential(nn.Conv2d(3, 2, k, stride=4), nn.ReLU()) for k in (4, 6, 8)]
        )
        self.head = nn.Linear(2 * (16 + 9 + 9), 2)

    def forward(self, photos: Tensor) -> Tensor:
        seen = [branch(photos).flatten(1) for branch in self.branches]
        scores: Tensor = self.head(torch.cat(seen, dim=1))
        return scores


class Squeezed(nn.Module):
    """Text squeezed into four numbers, something done to them, and a head."""

    def __init__(self, between: Any, *, code: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 24)
        self.rnn = nn.GRU(24, 32, batch_first=True)
        self.code, self.head = nn.Linear(32, code), nn.Linear(code, 4)
        self.between = between

    def forward(self, text: Tensor) -> Tensor:
        code = self.code(self.rnn(self.embedding(text))[0].mean(dim=1))
        scores: Tensor = self.head(self.between(code))
        return scores


def squeezed(between: Any, **settings: Any) -> networks.Builder:
    """Return a builder of it."""
    return lambda: Squeezed(between, **settings)


def same(value: Tensor) -> Tensor:
    """Return what it is given."""
    return value


def by_array(value: Tensor) -> Tensor:
    """Return the numbers by way of numpy."""
    return torch.from_numpy(value.detach().numpy().copy())


def stepped(value: Tensor) -> Tensor:
    """Return 1 above 0 and 0 below."""
    return (value > 0).to(value.dtype)


class Head(nn.Module):
    """A convolutional network in two named parts."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 2, 3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.head = nn.Linear(2, 2)

    def forward(self, photos: Tensor) -> Tensor:
        scores: Tensor = self.head(self.features(photos).flatten(1))
        return scores


class Divided(nn.Module):
    """Divides its scores by their spread, which is 0 for an image that shows nothing."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(64, 48, bias=False), nn.Linear(48, 1)
        self.least = least

    def forward(self, images: Tensor) -> Tensor:
        value = self.body(images).relu()
        distance = (value - value.detach().mean(dim=1, keepdim=True)).square().sum(dim=1)
        blank = torch.cat([distance[:1] * 0, distance[1:]]) + self.least
        scores: Tensor = self.head(value) / (1 + blank.sqrt().unsqueeze(1) / 48)
        return scores


def gru(**settings: Any) -> networks.Builder:
    """Return a builder of a recurrent network over the rows of a digit."""
    return lambda: Reader(nn.GRU, **settings)


def residual(std: float) -> networks.Builder:
    """Return a builder of a stack without normalisation and with branches of this strength."""

    def build() -> nn.Module:
        skips = [Skip(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)) for _ in range(10)]
        return networks.started(
            nn.Sequential(nn.Linear(4, 32), *skips, nn.Linear(32, 3)), normal(std)
        )

    return build


def precise(kind: torch.dtype, **sizes: Any) -> networks.Builder:
    """Return a builder of a network in one number format."""
    return lambda: Precise(mlp(nn.ReLU, 2, **sizes)(), kind)


bag = mlp(nn.ReLU, 2, inputs=512, outputs=4)
column: dict[str, Any] = {"inputs": 3, "outputs": 1, "width": 32}

CASES = (
    other(
        "strong_residual_flowers",
        UP,
        LARGE,
        on(F.flowers, residual(0.5), adam(3e-4)),
        model=residual(0.05),
    ),
    other(
        "recurrent_gain_2_measurements",
        UP,
        LARGE,
        on(
            F.measured_in_turn,
            lambda: Reader(
                inputs=1,
                width=32,
                waiting=15,
                outputs=3,
                nonlinearity="relu",
                recurrent=orthogonal(2.0),
            ),
            adam(),
            **short,
        ),
        model=lambda: Reader(
            inputs=1, width=32, waiting=15, outputs=3, nonlinearity="relu", recurrent=nn.init.eye_
        ),
    ),
    other(
        "bags_biases_of_-9",
        DEAD,
        "dead-relu",
        on(
            F.bags,
            mlp(nn.ReLU, 3, inputs=512, outputs=4, start=he, bias=-9.0),
            adam(2e-3),
        ),
        model=mlp(nn.ReLU, 3, inputs=512, outputs=4, start=he),
    ),
    other(
        "photos_kill_relu_adam_half",
        DEAD,
        HIGH,
        on(F.flat_photos, mlp(nn.ReLU, 4, start=he, outputs=1), adam(0.5), loss=losses.binary),
        optimizer=adam(1e-3),
    ),
    other(
        "text_code_by_array",
        CUT,
        DETACHED,
        on(F.origins, squeezed(by_array, code=2), adam(0.01), **short),
        model=squeezed(same, code=2),
    ),
    other(
        "photo_branches_in_tuple",
        CUT,
        "unregistered-modules",
        on(F.photos, lambda: Hidden(tuple), adam(3e-3), **short),
        model=lambda: Hidden(nn.ModuleList),
    ),
    other(
        "text_code_stepped",
        CUT,
        STEPS,
        on(F.origins, squeezed(stepped), adam(0.01), **short),
        model=squeezed(same),
    ),
    other(
        "flower_code_clamped_away",
        ZERO,
        "wrong-output-activation",
        on(
            F.flower_columns,
            mlp(nn.Tanh, 2, end=(Apply(lambda v: v.clamp(2.5, 9.0)),), **column),
            adam(),
            **halves,
        ),
        model=mlp(nn.Tanh, 2, **column),
    ),
    other(
        "optimizer_of_photo_head",
        "not-in-optimizer",
        "optimizer-misses-parameters",
        on(F.photos, Head, optimizers.only("head", torch.optim.SGD, lr=0.05), **short),
        optimizer=sgd(0.05),
    ),
    other(
        "wine_with_shuffled_growers",
        STALL,
        "labels-without-signal",
        on(F.shuffled_wine, mlp(nn.ReLU, 1, width=6, **wine), sgd(0.02)),
        source=sources.wine,
    ),
    other(
        "flower_lengths_broadcast",
        STALL,
        "target-shape-broadcast",
        on(F.flower_lengths, mlp(nn.ReLU, 2, **column), adam(2e-3), **halves),
        source=F.flower_columns,
    ),
    other(
        "text_softmax_over_batch",
        STALL,
        "double-softmax",
        on(
            F.bags,
            mlp(nn.ReLU, 2, inputs=512, outputs=4, end=(nn.Softmax(dim=0),)),
            sgd(0.02),
        ),
        model=bag,
    ),
    other(
        "gru_rate_1e-6",
        SLOW,
        LOW,
        on(sources.rows, gru(), sgd(1e-6), **short),
        optimizer=sgd(0.1),
    ),
    other(
        "text_clipped_to_1e-5",
        SLOW,
        "clipping-too-strong",
        on(F.bags, bag, clipped(sgd(0.1), 1e-5)),
        optimizer=clipped(sgd(0.1), 1.0),
    ),
    other(
        "photos_in_bfloat16_adamw_1e-5",
        SLOW,
        PRECISION,
        on(
            F.flat_photos,
            precise(torch.bfloat16, width=384, outputs=1),
            adamw(2e-5),
            loss=losses.binary,
        ),
        model=precise(torch.float32, width=384, outputs=1),
    ),
    other(
        "flowers_sgd_rate_30",
        FAST,
        HIGH,
        on(F.flowers, mlp(nn.LeakyReLU, 2, **iris), sgd(30.0)),
        optimizer=sgd(),
    ),
    other(
        "bags_rmsprop_rate_half",
        FAST,
        HIGH,
        on(
            F.bags,
            mlp(nn.LeakyReLU, 2, inputs=512, outputs=4),
            using(torch.optim.RMSprop, lr=0.5),
        ),
        optimizer=using(torch.optim.RMSprop, lr=5e-4),
    ),
    other(
        "flowers_missing_measurements",
        NAN,
        "degenerate-data",
        on(F.broken_flowers, mlp(nn.ReLU, 2, **iris), adam()),
        source=F.flowers,
    ),
    other(
        "progress_rate_1_diverges",
        NAN,
        HIGH,
        on(F.progress, mlp(nn.Identity, 3, inputs=10, outputs=1), sgd(0.3), **halves),
        optimizer=sgd(1e-6),
    ),
    other(
        "photos_half_underflow",
        "precision-underflow",
        PRECISION,
        on(
            F.flat_photos,
            precise(torch.float16, width=48, outputs=1),
            sgd(5e4, 0),
            loss=losses.tiny_binary,
        ),
        model=precise(torch.float32, width=48, outputs=1),
    ),
    other(
        "sigmoid_for_ink_counts",
        SOFT,
        "wrong-output-activation",
        on(
            F.ink_counts,
            mlp(nn.ReLU, 2, inputs=32, outputs=1, end=(nn.Sigmoid(),)),
            adam(3e-3),
            **halves,
        ),
        model=mlp(nn.ReLU, 2, inputs=32, outputs=1),
    ),
    other(
        "flower_weights_all_zero",
        "poor-initialization",
        "symmetric-init",
        on(F.flowers, mlp(nn.SiLU, 2, start=networks.constant(0.0), **iris), sgd(0.02)),
        model=mlp(nn.SiLU, 2, start=he, **iris),
    ),
    other(
        "root_of_zero",
        NAN,
        "none",
        on(F.flat_photos, lambda: Divided(0.0), adam(), loss=losses.binary),
        model=lambda: Divided(1e-6),
    ),
)
