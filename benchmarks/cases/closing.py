"""Closing: a small set apart, written before the judge was changed for the latest one."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import fresh_sources, losses, networks, sources, unseen_sources
from benchmarks.cases import latest_sources as asked
from benchmarks.cases.case import healthy, other, vanishing
from benchmarks.cases.fresh_losses import scheduled
from benchmarks.cases.fresh_vanishing import photo_net, text_net
from benchmarks.cases.networks import Pooled, Skip, he, lecun, mlp, normal, xavier
from benchmarks.cases.optimizers import adam, adamw, sgd, using
from benchmarks.cases.unseen_healthy import on

BENDS, SMALL, BIG = "saturating-activation", "init-too-small", "init-too-large"
DEPTH, DECAY = "depth-without-normalization", "weight-decay-too-strong"
HIGH, TIME, SCALE = "learning-rate-too-high", "long-recurrence", "unnormalized-input"
F = fresh_sources
wine: dict[str, Any] = {"inputs": 13, "outputs": 3}
patient: dict[str, Any] = {"inputs": 10, "outputs": 1}
half: dict[str, Any] = {"loss": losses.squared}


class Sliding(nn.Module):
    """Multi-query attention whose scores fall with distance, and gated layers."""

    def __init__(self, width: int, *, around: bool = True) -> None:
        super().__init__()
        self.norm, self.last = (
            (nn.RMSNorm(width), nn.RMSNorm(width)) if around else (nn.Identity(), nn.Identity())
        )
        self.query, self.shared = nn.Linear(width, width), nn.Linear(width, 2 * (width // 4))
        self.out, self.down = nn.Linear(width, width), nn.Linear(2 * width, width)
        self.up = nn.Linear(width, 4 * width)
        self.around = around

    def forward(self, value: Tensor) -> Tensor:
        seen = self.norm(value)
        query = self.query(seen).unflatten(2, (4, -1)).transpose(1, 2)
        key, held = (part.unsqueeze(1) for part in self.shared(seen).chunk(2, dim=2))
        place = torch.arange(value.shape[1], dtype=value.dtype)
        far = (place.unsqueeze(0) - place.unsqueeze(1)).abs()
        slopes = torch.tensor([0.5, 0.25, 0.1, 0.02], dtype=value.dtype).view(4, 1, 1)
        scores = query @ key.mT / key.shape[-1] ** 0.5 - slopes * far
        read = self.out((scores.softmax(dim=-1) @ held).transpose(1, 2).flatten(2))
        value = value + read if self.around else read
        change: Tensor = self.down(functional.glu(self.up(self.last(value)), dim=-1))
        return value + change if self.around else change


class Points(nn.Module):
    """Inked pixels as points: the same layers for each, and the largest answer of all."""

    def __init__(
        self,
        act: Callable[[], nn.Module],
        depth: int,
        start: networks.Start | None = he,
        bias: float = 0.0,
    ) -> None:
        super().__init__()
        place = torch.cartesian_prod(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8))
        self.register_buffer("places", place)
        self.each = mlp(act, depth, width=48, inputs=3, outputs=48, start=start, bias=bias)()
        self.head = nn.Linear(48, 10)

    def forward(self, images: Tensor) -> Tensor:
        places = self.get_buffer("places").expand(len(images), -1, -1)
        points = torch.cat([images.unsqueeze(2), places], dim=2)
        scores: Tensor = self.head(self.each(points).amax(dim=1))
        return scores


class Angles(nn.Module):
    """The angle between features and a learned direction of each class, times a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 48), nn.PReLU(), nn.Linear(48, 24))
        self.ways = nn.Parameter(torch.randn(10, 24))

    def forward(self, images: Tensor) -> Tensor:
        features = functional.normalize(self.body(images), dim=1)
        return 16 * features @ functional.normalize(self.ways, dim=1).T


class Steps(nn.Module):
    """Ordered classes: one number, and thresholds that it passes."""

    def __init__(
        self, act: Callable[[], nn.Module], depth: int, start: networks.Start | None
    ) -> None:
        super().__init__()
        self.body = mlp(act, depth, start=start, **patient)()
        self.first, self.apart = nn.Parameter(torch.tensor(-1.0)), nn.Parameter(torch.zeros(2))

    def forward(self, value: Tensor) -> Tensor:
        limits = torch.cat([self.first.view(1), functional.softplus(self.apart)]).cumsum(dim=0)
        scores: Tensor = self.body(value) - limits
        return scores


class Mirrored(nn.Module):
    """An autoencoder whose decoder is the encoder turned round."""

    def __init__(self, between: Callable[[Tensor], Tensor] = lambda value: value) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 8)
        self.back, self.end = nn.Parameter(torch.zeros(32)), nn.Parameter(torch.zeros(64))
        self.between = between

    def forward(self, images: Tensor) -> Tensor:
        code = self.between(self.second(self.first(images).tanh()))
        inner = functional.linear(code, self.second.weight.T, self.back).tanh()
        return functional.linear(inner, self.first.weight.T, self.end)


class Routed(nn.Module):
    """One of four experts for each image, and a loss that shares the work out."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(64, 4)
        self.experts = nn.ModuleList(mlp(nn.ReLU, 1, width=32)() for _ in range(4))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        chances = self.router(images).softmax(dim=1)
        weight, chosen = chances.max(dim=1)
        scores = images.new_zeros(len(images), 10)
        for number, expert in enumerate(self.experts):
            asked_of = (chosen == number).nonzero().flatten()
            part = weight[asked_of].unsqueeze(1) * expert(images[asked_of])
            scores = scores.index_add(0, asked_of, part)
        shares = functional.one_hot(chosen, 4).to(chances.dtype).mean(dim=0)
        return scores, 4 * (shares * chances.mean(dim=0)).sum()


def shared_out(output: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
    """Cross-entropy, and a little for work that is not shared."""
    return functional.cross_entropy(output[0], target) + 0.01 * output[1]


class Cell(nn.Module):
    """A long short-term memory written by hand, perhaps normalised, that reads and then waits."""

    def __init__(self, forget: float, wait: int, *, norm: bool = False) -> None:
        super().__init__()
        self.gates = nn.Linear(8 + 32, 128)
        self.norm = nn.LayerNorm(128) if norm else nn.Identity()
        self.head = nn.Linear(32, 10)
        self.wait = wait
        with torch.no_grad():
            self.gates.bias[32:64] = forget

    def forward(self, rows: Tensor) -> Tensor:
        state = memory = rows.new_zeros(len(rows), 32)
        for row in [*rows.unbind(dim=1), *[torch.zeros_like(rows[:, 0])] * self.wait]:
            gates = self.norm(self.gates(torch.cat([row, state], dim=1)))
            new, keep, write, tell = gates.chunk(4, dim=1)
            memory = keep.sigmoid() * memory + write.sigmoid() * new.tanh()
            state = tell.sigmoid() * memory.tanh()
        scores: Tensor = self.head(state)
        return scores


class Watching(nn.Module):
    """A recurrent network of convolutions that looks at a photo several times."""

    def __init__(self, looks: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 4, stride=4)
        self.gates, self.new = nn.Conv2d(24, 24, 3, padding=1), nn.Conv2d(24, 12, 3, padding=1)
        self.head = nn.Linear(12, 2)
        self.looks = looks

    def forward(self, photos: Tensor) -> Tensor:
        seen = self.stem(photos)
        state = torch.zeros_like(seen)
        for _ in range(self.looks):
            keep, use = self.gates(torch.cat([seen, state], dim=1)).sigmoid().chunk(2, dim=1)
            fresh = self.new(torch.cat([seen, use * state], dim=1)).tanh()
            state = keep * state + (1 - keep) * fresh
        scores: Tensor = self.head(state.mean(dim=(2, 3)))
        return scores


def rare_words() -> nn.Module:
    """Return a table with a sparse gradient, whose rows are summed to scores."""
    return nn.Sequential(nn.EmbeddingBag(F.WORDS, 4, sparse=True, mode="sum"))


def instance() -> nn.Module:
    """Return convolutions over a photo with each image normalised by itself."""
    layers: list[nn.Module] = []
    for inputs in (3, 12, 12):
        layers += [nn.Conv2d(inputs, 12, 3, stride=2, padding=1)]
        layers += [nn.InstanceNorm2d(12, affine=True), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(48, 2))


def ordered(output: Tensor, target: Tensor) -> Tensor:
    """Whether each of three limits is passed."""
    passed = target > torch.tensor([-0.6, 0.0, 0.7], dtype=target.dtype)
    return functional.binary_cross_entropy_with_logits(output, passed.to(output.dtype))


def relative(output: Tensor, target: Tensor) -> Tensor:
    """Squared error of logarithms, of outputs that nothing keeps above 0."""
    return ((output + 0.1).log() - target.log()).square().mean()


def triangle(taken: int) -> float:
    """Rise and fall every twenty steps."""
    place = taken % 20
    return 0.1 + 0.9 * (1 - abs(place - 10) / 10)


def residual(depth: int, scale: float | None, norm: bool) -> networks.Builder:
    """Return a builder of a deep residual stack, normalised or begun wide."""

    def block() -> nn.Module:
        layer = nn.Linear(48, 48)
        if scale is not None:
            nn.init.normal_(layer.weight, std=scale)
        return Skip(nn.LayerNorm(48) if norm else nn.Identity(), layer, nn.GELU())

    return lambda: nn.Sequential(
        nn.Linear(64, 48), *(block() for _ in range(depth)), nn.Linear(48, 10)
    )


def names(block: Callable[[], nn.Module], count: int) -> networks.Builder:
    """Return a builder of blocks over the name of a character."""
    return lambda: Pooled(
        nn.Embedding(96, 32), nn.Sequential(*(block() for _ in range(count))), 32, outputs=4
    )


def flat() -> nn.Module:
    """Return a regressor whose answers have no column of their own."""
    return nn.Sequential(*mlp(nn.SiLU, 2, **patient)(), nn.Flatten(0))


CASES = (
    healthy("photo_seen_four_times", on(F.photos, Watching, adam(5e-3), steps=120)),
    healthy(
        "sparse_adam_of_bags",
        on(F.hashed, rare_words, using(torch.optim.SparseAdam, lr=1e-2)),
    ),
    healthy(
        "residual_40_normed_sgd",
        on(sources.digits, residual(40, None, True), sgd(0.02), steps=100),
    ),
    healthy(
        "sliding_attention_names",
        on(asked.characters, names(lambda: Sliding(32), 3), adamw(2e-3), steps=150),
    ),
    healthy("angles_digits", on(sources.digits, Angles, sgd(0.05))),
    healthy(
        "ordered_patients",
        on(sources.diabetes, lambda: Steps(nn.Tanh, 1, xavier), adam(5e-3), loss=ordered),
    ),
    healthy(
        "triangular_rate_prelu",
        on(sources.digits, mlp(nn.PReLU, 2), scheduled(sgd(0.1, 0.8), triangle)),
    ),
    healthy(
        "mirrored_autoencoder",
        on(sources.copies, Mirrored, sgd(0.5), **half, steps=400),
    ),
    healthy("points_largest_answer", on(sources.digits, lambda: Points(nn.ReLU, 2), adam(3e-3))),
    healthy(
        "routed_to_one_of_four",
        on(sources.digits, Routed, adamw(5e-3), loss=shared_out, batch_size=64),
    ),
    healthy("instance_norm_photos", on(F.photos, instance, adam(2e-3), steps=120)),
    healthy(
        "normed_memory_rows",
        on(sources.rows, lambda: Cell(1.0, 0, norm=True), adam(1e-2), steps=150),
    ),
    healthy(
        "tanh_4_adagrad_batch_of_4",
        on(
            sources.wine,
            mlp(nn.Tanh, 4, start=lecun, **wine),
            using(torch.optim.Adagrad, lr=5e-3),
            batch_size=4,
        ),
    ),
    vanishing(
        "points_through_8_sigmoids",
        BENDS,
        on(sources.digits, lambda: Points(nn.Sigmoid, 8), adam(1e-3), steps=150),
        model=lambda: Points(nn.LeakyReLU, 8),
    ),
    vanishing(
        "ordered_through_9_sigmoids",
        BENDS,
        on(sources.diabetes, lambda: Steps(nn.Sigmoid, 9, None), sgd(0.05), loss=ordered),
        model=lambda: Steps(nn.Tanh, 9, xavier),
    ),
    vanishing(
        "names_18_elu_default",
        SMALL,
        on(asked.characters, text_net(nn.ELU, 18), sgd(0.02), steps=150),
        model=text_net(nn.ELU, 18, xavier),
    ),
    vanishing(
        "names_7_leaky_std_0.02",
        SMALL,
        on(asked.characters, text_net(nn.LeakyReLU, 7, normal(0.02)), adamw(5e-4), steps=150),
        model=text_net(nn.LeakyReLU, 7, he),
    ),
    vanishing(
        "sliding_10_without_ways_around",
        DEPTH,
        on(
            asked.characters,
            names(lambda: Sliding(32, around=False), 10),
            sgd(0.02),
            batch_size=16,
            steps=150,
        ),
        model=names(lambda: Sliding(32), 10),
    ),
    vanishing(
        "memory_by_hand_waits_40",
        TIME,
        on(sources.rows, lambda: Cell(-2.0, 40), adam(3e-3), steps=150),
        model=lambda: Cell(4.0, 40),
    ),
    vanishing(
        "photos_0_to_255_sigmoid_adam",
        SCALE,
        on(unseen_sources.raw_photos, photo_net(nn.Sigmoid, 2, xavier), adam(5e-4), steps=150),
        source=F.photos,
    ),
    vanishing(
        "photo_tanh_decay_of_0.4",
        DECAY,
        on(F.photos, photo_net(nn.Tanh, 4, xavier), sgd(0.05, weight_decay=0.4), steps=150),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "wine_softsign_rate_of_80",
        HIGH,
        on(sources.wine, mlp(nn.Softsign, 4, start=xavier, **wine), sgd(80.0)),
        optimizer=sgd(0.05),
    ),
    vanishing(
        "softmax_between_4_over_names",
        "double-softmax",
        on(asked.characters, text_net(lambda: nn.Softmax(dim=1), 4), adam(1e-3), steps=150),
        model=text_net(nn.LeakyReLU, 4, he),
    ),
    other(
        "residual_30_grows",
        "exploding-gradient",
        BIG,
        on(sources.digits, residual(30, 0.25, False), adam(1e-4)),
        model=residual(30, 0.02, False),
        optimizer=adam(1e-3),
    ),
    other(
        "points_biases_of_-10",
        "dying-relu",
        "dead-relu",
        on(sources.digits, lambda: Points(nn.ReLU, 2, bias=-14.0), adam(2e-3), steps=150),
        model=lambda: Points(nn.ReLU, 2),
    ),
    other(
        "routed_rate_of_1e-7",
        "update-too-small",
        "learning-rate-too-low",
        on(sources.digits, Routed, adamw(1e-7), loss=shared_out),
        optimizer=adamw(5e-3),
    ),
    other(
        "mirrored_code_detached",
        "disconnected-parameter",
        "detached-graph",
        on(
            sources.copies,
            lambda: nn.Sequential(Mirrored(), networks.Apply(Tensor.detach), nn.Linear(64, 64)),
            adam(2e-3),
            **half,
        ),
        model=lambda: nn.Sequential(Mirrored(), nn.Linear(64, 64)),
    ),
    other(
        "rows_against_column_of_patients",
        "stalled-loss",
        "target-shape-broadcast",
        on(sources.diabetes, flat, adam(2e-3), **half),
        model=mlp(nn.SiLU, 2, **patient),
    ),
    other(
        "angles_without_their_ways",
        "not-in-optimizer",
        "optimizer-misses-parameters",
        on(
            sources.digits,
            Angles,
            lambda model: torch.optim.AdamW(model.get_submodule("body.0").parameters(), lr=5e-4),
            steps=100,
        ),
        optimizer=adamw(5e-3),
    ),
    other(
        "logarithm_of_any_score",
        "non-finite",
        "wrong-output-activation",
        on(sources.raw_diabetes, mlp(nn.SiLU, 2, **patient), adam(2e-3), loss=relative),
        model=mlp(nn.SiLU, 2, end=(nn.Softplus(),), **patient),
    ),
    other(
        "photos_of_shuffled_origin",
        "stalled-loss",
        "labels-without-signal",
        on(asked.shuffled_photos, instance, sgd(0.02), batch_size=64, steps=100),
        source=F.photos,
    ),
)
