"""Later: a second unseen set, written when the judge had been mended with the first one in mind."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import fresh_sources, losses, networks, sources
from benchmarks.cases import unseen_networks as made
from benchmarks.cases import unseen_sources as asked
from benchmarks.cases.case import healthy, other, vanishing
from benchmarks.cases.fresh_vanishing import photo_net, text_net
from benchmarks.cases.networks import Apply, Letters, Pooled, Reader, he, lecun, mlp, normal, xavier
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using, warmed
from benchmarks.cases.unseen_healthy import on
from benchmarks.cases.unseen_sick import BENDS, BIG, DECAY, DEPTH, HIGH, SCALE, SMALL, TIME, held

F = fresh_sources
leaky = nn.LeakyReLU
wine: dict[str, Any] = {"inputs": 13, "outputs": 3}
tumour: dict[str, Any] = {"inputs": 30, "outputs": 1}
bag: dict[str, Any] = {"inputs": 512, "outputs": 4}
patient: dict[str, Any] = {"inputs": 10, "outputs": 1}
iris: dict[str, Any] = {"inputs": 4, "outputs": 3}
half: dict[str, Any] = {"loss": losses.squared}
yes: dict[str, Any] = {"loss": losses.binary}


class Inverted(nn.Module):
    """A block of an efficient network: wide, depthwise, narrow, with a way around or without."""

    def __init__(self, width: int, *, around: bool, norm: bool) -> None:
        super().__init__()

        def normed() -> nn.Module:
            return nn.BatchNorm2d(2 * width) if norm else nn.Identity()

        self.body = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1),
            normed(),
            nn.Hardswish(),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width),
            normed(),
            nn.Hardswish(),
            nn.Conv2d(2 * width, width, 1),
        )
        self.around = around

    def forward(self, value: Tensor) -> Tensor:
        change: Tensor = self.body(value)
        return value + change if self.around else change


def inverted(blocks: int, *, around: bool = True, norm: bool = True) -> networks.Builder:
    """Return a builder of such blocks over a photo."""
    return lambda: nn.Sequential(
        nn.Conv2d(3, 12, 4, stride=4),
        *(Inverted(12, around=around, norm=norm) for _ in range(blocks)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 2),
    )


class Crossed(nn.Module):
    """Crossing layers (DCN): each multiplies the input with a map of what is known so far."""

    def __init__(self, size: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(size, size) for _ in range(layers))
        self.head = nn.Linear(size, outputs)

    def forward(self, given: Tensor) -> Tensor:
        value = given
        for layer in self.maps:
            value = value + 0.3 * given * layer(value)
        scores: Tensor = self.head(value)
        return scores


class Linearly(nn.Module):
    """Attention without a softmax: queries and keys made positive, their order of products changed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.held, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, value: Tensor) -> Tensor:
        normed = self.norm(value)
        query, key = (functional.elu(f(normed)) + 1 for f in (self.query, self.key))
        read = query @ (key.mT @ self.held(normed))
        total = (query * key.sum(dim=1, keepdim=True)).sum(dim=-1, keepdim=True)
        out: Tensor = value + self.out(read / total)
        return out


class Radial(nn.Module):
    """Distances to learned centres, and a head."""

    def __init__(self, inputs: int, outputs: int, scale: float) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(24, inputs))
        self.scale = scale
        self.head = nn.Linear(24, outputs)

    def forward(self, value: Tensor) -> Tensor:
        away = (value.unsqueeze(1) - self.centres).square().mean(dim=2)
        scores: Tensor = self.head(torch.exp(-self.scale * away))
        return scores


class Bilinear(nn.Module):
    """Two views of a wine whose product is judged."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 24), nn.Linear(7, 24)
        self.meet = nn.Bilinear(24, 24, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, value: Tensor) -> Tensor:
        met = self.meet(self.left(value[:, :6]).relu(), self.right(value[:, 6:]).relu())
        scores: Tensor = self.head(met.relu())
        return scores


class Snapped(nn.Module):
    """An encoder, one of two answers per number by comparison, and a head."""

    def __init__(self, *, hard: bool) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(13, 32), nn.ELU(), nn.Linear(32, 4))
        self.head = nn.Linear(4, 3)
        self.hard = hard

    def forward(self, value: Tensor) -> Tensor:
        code = self.encoder(value)
        scores: Tensor = self.head((code > 0).to(code) if self.hard else code)
        return scores


def lists(count: int) -> networks.Builder:
    """Return a builder of attention without softmax over rows of an image."""
    return lambda: Pooled(
        nn.Linear(8, 24), nn.Sequential(*(Linearly(24) for _ in range(count))), 24
    )


def cells(kind: Any, *, wait: int, **more: Any) -> networks.Builder:
    """Return a builder of a recurrent network that reads a wine and waits."""
    return lambda: Reader(kind, inputs=1, width=32, waiting=wait, outputs=3, **more)


def capped(low: float) -> nn.Module:
    """Return a clamp that leaves nothing of numbers around 0."""
    return Apply(lambda value: value.clamp(min=low))


def shrinking(act: Any, depth: int, share: float) -> networks.Builder:
    """Return a builder of a stack whose every floor is multiplied by a constant."""
    return mlp(act, depth, start=he, between=lambda: Apply(lambda v: v * share), **bag)


CASES = (
    healthy("inverted_residuals_photos", on(F.photos, inverted(3), adamw(3e-3), steps=150)),
    healthy("crossing_layers_wine", on(sources.wine, lambda: Crossed(13, 3, 3), adam(5e-3))),
    healthy("attention_without_softmax", on(sources.rows, lists(3), adamw(3e-3))),
    healthy("radial_centres_flowers", on(F.flowers, lambda: Radial(4, 3, 1.0), adam(0.02))),
    healthy("bilinear_views_wine", on(sources.wine, Bilinear, adam(3e-3))),
    healthy(
        "tanh_6_xavier_bags_rmsprop",
        on(F.bags, mlp(nn.Tanh, 6, start=xavier, **bag), using(torch.optim.RMSprop, lr=5e-4)),
    ),
    healthy(
        "selu_10_lecun_tumours",
        on(sources.tumours, mlp(nn.SELU, 10, start=lecun, **tumour), sgd(0.01), **yes),
    ),
    healthy(
        "layernorm_16_gelu_digits",
        on(sources.digits, mlp(nn.GELU, 16, start=he, norm=nn.LayerNorm), adamw(1e-3)),
    ),
    healthy(
        "gru_of_text_clipped",
        on(
            F.origins,
            lambda: Pooled(nn.Embedding(96, 24), nn.GRU(24, 24, batch_first=True), 24, 4),
            clipped(adam(5e-3), 1.0),
            steps=120,
        ),
    ),
    healthy(
        "letters_gru_sgd",
        on(
            sources.text,
            lambda: Letters(nn.GRU(32, 32, batch_first=True)),
            sgd(0.5, 0.9),
            loss=losses.per_letter,
            batch_size=16,
            steps=150,
        ),
    ),
    healthy(
        "photo_elu_batch_of_8",
        on(F.photos, photo_net(nn.ELU, 2, he), adam(1e-3), batch_size=8),
    ),
    healthy(
        "relu6_3_adagrad",
        on(F.bags, mlp(nn.ReLU6, 3, start=he, **bag), using(torch.optim.Adagrad, lr=0.02)),
    ),
    healthy(
        "softplus_2_patients",
        on(sources.diabetes, mlp(nn.Softplus, 2, **patient), adam(5e-3), loss=asked.smooth),
    ),
    healthy("sigmoid_1_wine_sgd", on(sources.wine, mlp(nn.Sigmoid, 1, **wine), sgd(0.3))),
    healthy(
        "warmed_transformer_rows",
        on(sources.rows, lambda: networks.Transformer(3, first=False), warmed(adamw(2e-3), 40)),
    ),
    vanishing(
        "sigmoid_7_default_flowers_adamw",
        BENDS,
        on(F.flowers, mlp(nn.Sigmoid, 7, width=48, **iris), adamw(1e-3)),
        model=mlp(nn.Tanh, 7, width=48, start=xavier, **iris),
    ),
    vanishing(
        "photo_sigmoid_5_sgd",
        BENDS,
        on(F.photos, photo_net(nn.Sigmoid, 5), sgd(0.05)),
        model=photo_net(leaky, 5, he),
    ),
    vanishing(
        "relu_18_default_bags_momentum",
        SMALL,
        on(F.bags, mlp(nn.ReLU, 18, **bag), sgd(0.02)),
        model=mlp(nn.ReLU, 18, start=he, **bag),
    ),
    vanishing(
        "tanh_9_std_0.015_tumours",
        SMALL,
        on(sources.tumours, mlp(nn.Tanh, 9, start=normal(0.015), **tumour), adamw(2e-4), **yes),
        model=mlp(nn.Tanh, 9, start=xavier, **tumour),
    ),
    vanishing(
        "leaky_12_shrunk_by_0.3",
        "constant-factor",
        on(F.bags, shrinking(leaky, 12, 0.3), sgd(0.02)),
        model=shrinking(leaky, 12, 1.0),
    ),
    vanishing(
        "text_tanh_14_default",
        SMALL,
        on(F.origins, text_net(nn.Tanh, 14), sgd(0.02), steps=150),
        model=text_net(nn.Tanh, 14, xavier),
    ),
    vanishing(
        "inverted_8_without_ways_around",
        DEPTH,
        on(F.photos, inverted(8, around=False, norm=False), sgd(0.02), steps=150),
        model=inverted(8),
    ),
    vanishing(
        "mish_22_xavier_wine",
        DEPTH,
        on(sources.wine, mlp(nn.Mish, 22, start=xavier, **wine), sgd(0.02)),
        model=mlp(nn.Mish, 22, start=xavier, norm=nn.LayerNorm, **wine),
        optimizer=adam(1e-3),
    ),
    vanishing(
        "hardswish_18_bags",
        DEPTH,
        on(F.bags, mlp(nn.Hardswish, 18, start=xavier, **bag), adam(2e-4)),
        model=mlp(nn.Hardswish, 18, start=xavier, norm=nn.LayerNorm, **bag),
    ),
    vanishing(
        "rnn_of_wine_waits_30",
        TIME,
        on(asked.wines_in_turn, cells(nn.RNN, wait=30), adam(2e-3)),
        model=cells(nn.RNN, wait=30, pooled=True),
    ),
    vanishing(
        "gru_of_wine_waits_50_adamw",
        TIME,
        on(asked.wines_in_turn, cells(nn.GRU, wait=50), adamw(2e-3), steps=150),
        model=cells(nn.GRU, wait=50, pooled=True),
    ),
    vanishing(
        "softmax_after_each_of_5_flowers_adam",
        "double-softmax",
        on(F.flowers, mlp(lambda: nn.Softmax(dim=-1), 5, **iris), adam(2e-3)),
        model=mlp(nn.Tanh, 5, start=xavier, **iris),
    ),
    vanishing(
        "wine_raw_hardtanh_4",
        SCALE,
        on(sources.raw_wine, mlp(nn.Hardtanh, 4, start=xavier, **wine), adamw(1e-3)),
        source=sources.wine,
    ),
    vanishing(
        "sigmoid_output_14_off_tumours",
        "wrong-output-activation",
        on(
            sources.tumours,
            mlp(nn.ReLU, 2, end=(Apply(lambda v: (v - 14).sigmoid()),), **tumour),
            sgd(0.05),
            **half,
        ),
        model=mlp(nn.ReLU, 2, end=(nn.Sigmoid(),), **tumour),
    ),
    vanishing(
        "elu_6_decay_of_1_tumours",
        DECAY,
        on(
            sources.tumours,
            mlp(nn.ELU, 6, start=xavier, **tumour),
            sgd(0.05, 0.9, weight_decay=0.8),
            **yes,
        ),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "tanh_4_sgd_rate_60_tumours",
        HIGH,
        on(sources.tumours, mlp(nn.Tanh, 4, start=xavier, **tumour), sgd(60.0), **yes),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "tanh_5_std_2_flowers",
        BIG,
        on(F.flowers, mlp(nn.Tanh, 5, start=normal(2.0), **iris), sgd(1e-3)),
        model=mlp(nn.Tanh, 5, start=xavier, **iris),
        optimizer=sgd(0.02),
    ),
    other(
        "flowers_biases_of_-12",
        "dying-relu",
        "dead-relu",
        on(F.flowers, mlp(nn.ReLU, 2, start=he, bias=-12.0, **iris), sgd(0.05)),
        model=mlp(nn.ReLU, 2, start=he, **iris),
    ),
    other(
        "wine_code_by_comparison",
        "disconnected-parameter",
        "non-differentiable-operation",
        on(sources.wine, lambda: Snapped(hard=True), adam(5e-3)),
        model=lambda: Snapped(hard=False),
    ),
    other(
        "wine_set_detached",
        "disconnected-parameter",
        "detached-graph",
        on(asked.wines_in_turn, lambda: made.DeepSet(held(lambda v: v.detach())), adamw(5e-3)),
        model=made.DeepSet,
    ),
    other(
        "crossing_rate_1e-6",
        "update-too-small",
        "learning-rate-too-low",
        on(sources.wine, lambda: Crossed(13, 3, 3), sgd(1e-6)),
        optimizer=sgd(0.05),
    ),
    other(
        "bags_rate_12_sgd",
        "update-too-large",
        HIGH,
        on(F.bags, mlp(leaky, 2, start=he, **bag), sgd(12.0)),
        optimizer=sgd(0.05),
    ),
    other(
        "capped_scores_of_patients",
        "zero-gradient",
        "wrong-output-activation",
        on(sources.diabetes, mlp(nn.SiLU, 2, end=(capped(3.0),), **patient), adam(2e-3), **half),
        model=mlp(nn.SiLU, 2, **patient),
    ),
    other(
        "flower_kernels_all_alike",
        "poor-initialization",
        "symmetric-init",
        on(F.flowers, mlp(nn.Tanh, 2, start=networks.constant(0.1), **iris), adam(2e-3)),
        model=mlp(nn.Tanh, 2, start=xavier, **iris),
    ),
    other(
        "labels_shuffled_digits_gelu",
        "stalled-loss",
        "labels-without-signal",
        on(sources.shuffled_digits, mlp(nn.GELU, 2), sgd(0.02)),
        source=sources.digits,
    ),
    other(
        "diabetes_rate_3_diverges",
        "non-finite",
        HIGH,
        on(sources.raw_diabetes, mlp(nn.Identity, 2, **patient), sgd(0.5), **half),
        optimizer=sgd(1e-5),
    ),
)
