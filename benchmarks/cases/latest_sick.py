"""Latest, sick: vanishing gradients and other diseases, planted in other networks than before.

Most have a healthy twin, which differs in the one thing that cures.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import fresh_sources, losses, networks, sources
from benchmarks.cases import latest_networks as made
from benchmarks.cases import latest_sources as asked
from benchmarks.cases.case import Case, other, vanishing
from benchmarks.cases.fresh_vanishing import photo_net, text_net
from benchmarks.cases.latest_healthy import SIZE, hf, names, patient
from benchmarks.cases.networks import Apply, Pooled, he, lecun, mlp, normal, orthogonal, xavier
from benchmarks.cases.optimizers import adam, adamw, clipped, sgd, using
from benchmarks.cases.unseen_healthy import on

BENDS, SMALL, BIG = "saturating-activation", "init-too-small", "init-too-large"
DEPTH, DECAY = "depth-without-normalization", "weight-decay-too-strong"
HIGH, TIME, SCALE = "learning-rate-too-high", "long-recurrence", "unnormalized-input"
ENDS, TWICE = "wrong-output-activation", "double-softmax"
F = fresh_sources
leaky = nn.LeakyReLU
iris: dict[str, Any] = {"inputs": 4, "outputs": 3}
wine: dict[str, Any] = {"inputs": 13, "outputs": 3}
bag: dict[str, Any] = {"inputs": 512, "outputs": 4}
piece: dict[str, Any] = {"inputs": 48, "outputs": 4}
half: dict[str, Any] = {"loss": losses.squared}
own: dict[str, Any] = {"loss": losses.of_output}


def bell_curve() -> nn.Module:
    """Return the distribution function of a normal variable: a sigmoid by another name."""
    return Apply(lambda v: 0.5 * (1 + (v / math.sqrt(2)).erf()))


def arc() -> nn.Module:
    """Return the arc tangent, which bends at both ends and has slope 1 between."""
    return Apply(torch.atan)


class Alike(nn.Module):
    """A graph of the samples of a batch: each takes the mean of those most like it."""

    def __init__(self, width: int, layers: int, *, around: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(13, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.head = nn.Linear(width, 3)
        self.around = around

    def forward(self, value: Tensor) -> Tensor:
        near = (-torch.cdist(value, value).square() / 13).softmax(dim=1)
        value = self.stem(value)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            if self.around:
                value = value + (near @ layer(norm(value))).relu()
            else:
                value = (near @ layer(value)).relu()
        scores: Tensor = self.head(value)
        return scores


class Only(nn.Module):
    """Attention and nothing else: what remains of a transformer without its ways around."""

    def __init__(self, width: int, *, around: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if around else nn.Identity()
        self.mix = nn.MultiheadAttention(width, 4, batch_first=True)
        self.around = around

    def forward(self, value: Tensor) -> Tensor:
        seen = self.norm(value)
        read: Tensor = self.mix(seen, seen, seen, need_weights=False)[0]
        return value + read if self.around else read


class Listener(nn.Module):
    """A recurrent network that is asked at the end of a text what stood at its beginning."""

    def __init__(self, *, both_ends: bool = False, kind: Any = nn.RNN, rate: float = 1.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 24)
        self.rnn = kind(24, 32, batch_first=True)
        self.head = nn.Linear(32, 4)
        self.both_ends, self.rate = both_ends, rate

    def forward(self, text: Tensor) -> Tensor:
        states = self.rnn(self.rate * self.embedding(text))[0]
        scores: Tensor = self.head(states.mean(dim=1) if self.both_ends else states[:, -1])
        return scores


class Minimal(nn.Module):
    """A minimal gated unit, whose only gate says how much of the state is written anew."""

    def __init__(self, gate: float, wait: int) -> None:
        super().__init__()
        self.gate, self.new = nn.Linear(40, 32), nn.Linear(40, 32)
        self.head = nn.Linear(32, 10)
        nn.init.constant_(self.gate.bias, gate)
        self.wait = wait

    def forward(self, rows: Tensor) -> Tensor:
        state = rows.new_zeros(len(rows), 32)
        for row in [*rows.unbind(dim=1), *[torch.zeros_like(rows[:, 0])] * self.wait]:
            gate = self.gate(torch.cat([state, row], dim=1)).sigmoid()
            fresh = self.new(torch.cat([gate * state, row], dim=1)).tanh()
            state = (1 - gate) * state + gate * fresh
        scores: Tensor = self.head(state)
        return scores


class Turning(nn.Module):
    """One layer that is applied again and again before the answer is read."""

    def __init__(self, act: Callable[[], nn.Module], turns: int, start: networks.Start) -> None:
        super().__init__()
        self.stem, self.turn, self.head = nn.Linear(13, 48), nn.Linear(48, 48), nn.Linear(48, 3)
        self.act, self.turns = act(), turns
        start(self.turn.weight)
        nn.init.zeros_(self.turn.bias)

    def forward(self, value: Tensor) -> Tensor:
        value = self.act(self.stem(value))
        for _ in range(self.turns):
            value = self.act(self.turn(value))
        scores: Tensor = self.head(value)
        return scores


class Drawing(nn.Module):
    """A variational autoencoder that gives scores of pixels and the distance from the prior."""

    def __init__(self, act: Callable[[], nn.Module], start: networks.Start | None) -> None:
        super().__init__()
        self.encoder = mlp(act, 4, outputs=12, start=start)()
        self.decoder = mlp(act, 4, inputs=6, outputs=64, start=start)()

    def forward(self, images: Tensor) -> Tensor:
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        away = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
        drawn = functional.binary_cross_entropy_with_logits(self.decoder(code), images)
        return drawn + 0.01 * away / 64


class Coded(nn.Module):
    """A photo squeezed into a few channels and drawn again."""

    def __init__(
        self, act: Callable[[], nn.Module], start: networks.Start | None, depth: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 12, 4, stride=4), act()]
        for _ in range(depth):
            layers += [nn.Conv2d(12, 12, 3, padding=1), act()]
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(12, 3, 4, stride=4))
        networks.started(self, start)

    def forward(self, photos: Tensor) -> Tensor:
        drawn: Tensor = self.body(photos)
        return (drawn - photos).square().mean()


class Post(nn.Module):
    """A deep transformer of PyTorch's own layers over the name of a character."""

    def __init__(self, layers: int, *, first: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 24)
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(24, 4, 48, 0.0, batch_first=True, norm_first=first)
                for _ in range(layers)
            )
        )
        self.head = nn.Linear(24, 4)

    def forward(self, text: Tensor) -> Tensor:
        scores: Tensor = self.head(self.layers(self.embedding(text)).mean(dim=1))
        return scores


class Depthwise(nn.Module):
    """Convolutions over each channel of a text by itself, then over all channels."""

    def __init__(self, depth: int, std: float | None) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 24)
        layers: list[nn.Module] = []
        for _ in range(depth):
            each, all_of_them = nn.Conv1d(24, 24, 5, padding=2, groups=24), nn.Conv1d(24, 24, 1)
            for layer in (each, all_of_them):
                if std is None:
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
                else:
                    nn.init.normal_(layer.weight, std=std)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            layers += [each, all_of_them, nn.ELU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(24, 4)

    def forward(self, text: Tensor) -> Tensor:
        scores: Tensor = self.head(self.body(self.embedding(text).mT).mean(dim=2))
        return scores


class Parts(nn.Module):
    """Several readers of a piece of text, kept in a list of either kind."""

    def __init__(self, kind: Callable[[list[nn.Module]], Any]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 4)
        self.embedding.requires_grad_(requires_grad=False)
        self.readers = kind([nn.Conv1d(4, 8, size) for size in (2, 3, 5)])
        self.head = nn.Linear(24, 4)

    def forward(self, text: Tensor) -> Tensor:
        value = self.embedding(text).mT
        found = [reader(value).relu().amax(dim=2) for reader in self.readers]
        scores: Tensor = self.head(torch.cat(found, dim=1))
        return scores


class Chosen(nn.Module):
    """Attention that takes the value of the best place alone, or of all with weights."""

    def __init__(self, *, hard: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 24)
        self.score = nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 1))
        self.head = nn.Linear(24, 10)
        self.hard = hard

    def forward(self, rows: Tensor) -> Tensor:
        score = self.score(rows).squeeze(2)
        if self.hard:
            weights = functional.one_hot(score.argmax(dim=1), rows.shape[1]).to(rows.dtype)
        else:
            weights = score.softmax(dim=1)
        scores: Tensor = self.head((weights.unsqueeze(1) @ self.stem(rows)).squeeze(1))
        return scores


def channels(depth: int, act: Callable[[], nn.Module]) -> networks.Builder:
    """Return a builder of convolutions over a photo with something after each."""
    return photo_net(act, depth, xavier)


def before_its_head(model: nn.Module) -> torch.optim.Optimizer:
    """Make the optimizer first and give the network the layers it is to learn afterwards."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    body: Any = model
    body[0] = nn.Linear(512, 64)
    body[2] = nn.Linear(64, 64)
    return optimizer


def frozen_text(*, frozen: bool) -> networks.Builder:
    """Return a builder of convolutions over text of which only the normalised scale may learn."""

    def build() -> nn.Module:
        model = text_net(nn.ReLU, 2, he)()
        if frozen:
            for weight in model.parameters():
                weight.requires_grad_(requires_grad=weight.ndim == 1)
        return model

    return build


def regressor(*, column: bool, end: tuple[nn.Module, ...] = ()) -> networks.Builder:
    """Return a builder of convolutions that name one number of a photo."""
    last = () if column else (nn.Flatten(0),)
    return lambda: nn.Sequential(
        nn.Conv2d(3, 12, 4, stride=4), nn.SiLU(), nn.Flatten(), nn.Linear(192, 1), *end, *last
    )


def halved(kind: torch.dtype) -> networks.Builder:
    """Return a builder of a network of bags in one number format."""
    return lambda: networks.Precise(mlp(nn.SiLU, 2, start=he, **bag)(), kind)


def likely(output: Tensor, target: Tensor) -> Tensor:
    """Minus the logarithm of what should be chances over the kinds."""
    return functional.nll_loss(output, target)


def loud(start: networks.Start) -> networks.Builder:
    """Return a builder of eight convolutions over text."""
    return text_net(leaky, 8, start)


SICK = (
    vanishing(
        "normal_distribution_8_flowers",
        BENDS,
        on(F.flowers, mlp(bell_curve, 8, width=48, **iris), adam(1e-3)),
        model=mlp(nn.Tanh, 8, width=48, start=xavier, **iris),
    ),
    vanishing(
        "arcs_16_default_digits",
        SMALL,
        on(sources.digits, mlp(arc, 16), sgd(0.02)),
        model=mlp(arc, 16, start=xavier),
    ),
    vanishing(
        "photos_drawn_through_9_sigmoids",
        BENDS,
        on(F.photos, lambda: Coded(nn.Sigmoid, None, 8), adam(2e-3), **own, steps=120),
        model=lambda: Coded(leaky, he, 8),
    ),
    vanishing(
        "drawing_through_sigmoids_sgd",
        BENDS,
        on(sources.unit_digits, lambda: Drawing(nn.Sigmoid, None), sgd(0.2), **own),
        model=lambda: Drawing(leaky, he),
    ),
    vanishing(
        "barlow_sigmoid_7",
        BENDS,
        on(
            sources.digits,
            lambda: made.Decorrelated(mlp(nn.Sigmoid, 7, outputs=16)()),
            sgd(0.005),
            **own,
            batch_size=64,
        ),
        model=lambda: made.Decorrelated(mlp(nn.Tanh, 7, outputs=16, start=xavier)()),
    ),
    vanishing(
        "wines_alike_14_layers",
        DEPTH,
        on(sources.wine, lambda: Alike(32, 14, around=False), adam(1e-3), batch_size=89),
        model=lambda: Alike(32, 14, around=True),
    ),
    vanishing(
        "attention_alone_8",
        DEPTH,
        on(
            asked.characters,
            names(lambda width: Only(width, around=False), 8),
            adamw(1e-3),
            batch_size=16,
            steps=150,
        ),
        model=names(lambda width: Only(width, around=True), 8),
    ),
    vanishing(
        "ctc_through_20_silus",
        DEPTH,
        on(
            asked.three_digits,
            lambda: made.Hearing(act=nn.SiLU, layers=20),
            adam(1e-3),
            loss=asked.spelled,
            steps=250,
        ),
        model=made.Hearing,
    ),
    vanishing(
        "post_norm_16_rate_0.01",
        HIGH,
        on(asked.characters, lambda: Post(16, first=False), adam(1e-2), batch_size=16, steps=150),
        model=lambda: Post(16, first=True),
        optimizer=adam(1e-3),
    ),
    vanishing(
        "first_letter_after_43_others",
        TIME,
        on(asked.first_letters, Listener, adam(2e-3), steps=200),
        model=lambda: Listener(both_ends=True),
    ),
    vanishing(
        "minimal_unit_overwrites",
        TIME,
        on(sources.rows, lambda: Minimal(2.0, 24), adam(2e-3), steps=150),
        model=lambda: Minimal(-4.0, 24),
    ),
    vanishing(
        "one_tanh_turned_30_times",
        TIME,
        on(sources.wine, lambda: Turning(nn.Tanh, 30, orthogonal(0.6)), adam(1e-3), steps=200),
        model=lambda: Turning(nn.Tanh, 30, orthogonal(1.0)),
    ),
    vanishing(
        "depthwise_text_std_0.03",
        SMALL,
        on(F.origins, lambda: Depthwise(4, 0.03), adamw(1e-3), steps=150),
        model=lambda: Depthwise(4, None),
    ),
    vanishing(
        "policy_22_default_relu",
        SMALL,
        on(sources.digits, mlp(nn.ReLU, 22), adam(5e-4), loss=asked.expected),
        model=mlp(nn.ReLU, 22, start=he),
    ),
    vanishing(
        "relu6_12_std_0.05_patients",
        SMALL,
        on(
            sources.diabetes,
            mlp(nn.ReLU6, 12, width=48, inputs=10, outputs=1, start=normal(0.05)),
            sgd(0.02),
            loss=functional.l1_loss,
        ),
        model=mlp(nn.ReLU6, 12, width=48, inputs=10, outputs=1, start=he),
    ),
    vanishing(
        "letters_as_numbers_tanh",
        SCALE,
        on(asked.bare_letters, mlp(nn.Tanh, 3, start=xavier, **piece), sgd(0.02)),
        source=asked.scaled_letters,
    ),
    vanishing(
        "letters_as_numbers_sigmoid_adam",
        SCALE,
        on(asked.bare_letters, mlp(nn.Sigmoid, 2, start=xavier, **piece), adam(5e-4)),
        source=asked.scaled_letters,
    ),
    vanishing(
        "photos_of_16_bits_arcs",
        SCALE,
        on(asked.deep_photos, photo_net(arc, 2, xavier), sgd(0.02), steps=150),
        source=F.photos,
    ),
    vanishing(
        "text_tanh_decay_of_0.3",
        DECAY,
        on(F.origins, text_net(nn.Tanh, 5, xavier), sgd(0.05, weight_decay=0.3), steps=150),
        optimizer=sgd(0.02),
    ),
    vanishing(
        "bags_silu_adamw_decay_of_40",
        DECAY,
        on(F.bags, mlp(nn.SiLU, 4, start=he, **bag), adamw(5e-3, weight_decay=40.0)),
        optimizer=adamw(1e-3),
    ),
    vanishing(
        "names_tanh_rate_of_20",
        HIGH,
        on(
            asked.characters,
            text_net(nn.Tanh, 3, xavier),
            sgd(20.0),
            steps=150,
        ),
        optimizer=sgd(0.05),
    ),
    vanishing(
        "flowers_sigmoid_adam_rate_of_5",
        HIGH,
        on(F.flowers, mlp(nn.Sigmoid, 3, start=xavier, **iris), adam(5.0)),
        optimizer=adam(5e-3),
    ),
    vanishing(
        "softmax_over_channels_5",
        TWICE,
        on(F.photos, channels(5, lambda: nn.Softmax(dim=1)), adam(1e-3), steps=150),
        model=channels(5, nn.Tanh),
    ),
    vanishing(
        "chances_far_too_sure",
        ENDS,
        on(
            sources.tumours,
            mlp(nn.Tanh, 2, inputs=30, outputs=1, end=(Apply(lambda v: (12 - v).sigmoid()),)),
            adam(1e-3),
            **half,
        ),
        model=mlp(nn.Tanh, 2, inputs=30, outputs=1, end=(nn.Sigmoid(),)),
    ),
    vanishing(
        "tanh_4_std_3_bags",
        BIG,
        on(F.bags, mlp(nn.Tanh, 4, start=normal(3.0), **bag), sgd(1e-4)),
        model=mlp(nn.Tanh, 4, start=xavier, **bag),
        optimizer=sgd(0.05),
    ),
    other(
        "text_grows_through_8_layers",
        "exploding-gradient",
        BIG,
        on(F.origins, loud(normal(0.6)), adam(1e-4), steps=150),
        model=loud(lambda w: nn.init.kaiming_normal_(w, a=0.01)),
        optimizer=adam(1e-3),
    ),
    other(
        "one_layer_grows_over_16_turns",
        "exploding-gradient",
        BIG,
        on(sources.wine, lambda: Turning(leaky, 16, orthogonal(2.4)), adam(1e-3)),
        model=lambda: Turning(leaky, 16, orthogonal(1.3)),
    ),
    other(
        "text_biases_of_-9",
        "dying-relu",
        "dead-relu",
        on(
            F.origins,
            lambda: networks.Pooled(
                nn.Embedding(96, 24),
                mlp(nn.ReLU, 2, inputs=24, outputs=24, start=he, bias=-12.0)(),
                24,
                outputs=4,
            ),
            adamw(2e-3),
            steps=150,
        ),
        model=lambda: networks.Pooled(
            nn.Embedding(96, 24), mlp(nn.ReLU, 2, inputs=24, outputs=24, start=he)(), 24, outputs=4
        ),
    ),
    other(
        "wine_killed_by_rate_of_3",
        "dying-relu",
        HIGH,
        on(sources.wine, mlp(nn.ReLU, 4, start=he, **wine), sgd(3.0)),
        optimizer=sgd(0.02),
    ),
    other(
        "falcon_rate_of_1e-8",
        "update-too-small",
        "learning-rate-too-low",
        on(
            sources.text,
            hf("Falcon", "CausalLM", **SIZE, bos_token_id=0, eos_token_id=0),
            adamw(1e-8),
            loss=losses.per_letter,
            batch_size=16,
            steps=100,
        ),
        optimizer=adamw(2e-3),
    ),
    other(
        "names_gru_adam_rate_of_2",
        "update-too-large",
        HIGH,
        on(
            asked.characters,
            lambda: Pooled(nn.Embedding(96, 24), nn.GRU(24, 24, batch_first=True), 24, 4),
            adam(2.0),
            steps=150,
        ),
        optimizer=adam(5e-3),
    ),
    other(
        "translator_detached",
        "disconnected-parameter",
        "detached-graph",
        on(
            asked.backwards,
            lambda: made.Translator(Tensor.detach),
            adam(5e-3),
            loss=losses.per_letter,
            batch_size=16,
            steps=200,
        ),
        model=made.Translator,
    ),
    other(
        "readers_in_a_list",
        "disconnected-parameter",
        "unregistered-modules",
        on(F.origins, lambda: Parts(list), adam(5e-3), steps=250),
        model=lambda: Parts(nn.ModuleList),
    ),
    other(
        "layers_replaced_after_the_optimizer",
        "not-in-optimizer",
        "optimizer-misses-parameters",
        on(F.bags, mlp(nn.ReLU, 2, **bag), before_its_head, steps=150),
        optimizer=adamw(3e-3),
    ),
    other(
        "text_of_which_biases_learn",
        "stalled-loss",
        "frozen-parameters",
        on(F.origins, frozen_text(frozen=True), adam(1e-3), steps=150),
        model=frozen_text(frozen=False),
    ),
    other(
        "logarithm_of_wines_with_gaps",
        "non-finite",
        "degenerate-data",
        on(asked.logged_wine, mlp(nn.GELU, 2, **wine), adam(3e-3), steps=100),
        source=asked.clean_logged_wine,
    ),
    other(
        "brightness_broadcast",
        "stalled-loss",
        "target-shape-broadcast",
        on(
            asked.scaled_brightness,
            regressor(column=True),
            adam(1e-3),
            loss=asked.absolute,
            steps=150,
        ),
        source=asked.brightness_columns,
    ),
    other(
        "names_softmax_over_batch",
        "stalled-loss",
        TWICE,
        on(
            asked.characters,
            lambda: nn.Sequential(text_net(nn.GELU, 2)(), nn.LogSoftmax(dim=0)),
            adam(2e-3),
            loss=likely,
            steps=150,
        ),
        model=lambda: nn.Sequential(text_net(nn.GELU, 2)(), nn.LogSoftmax(dim=1)),
    ),
    other(
        "bags_half_underflow",
        "precision-underflow",
        "low-precision",
        on(F.bags, halved(torch.float16), sgd(5e4), loss=losses.times(1e-6)),
        model=halved(torch.float32),
    ),
    other(
        "bags_in_bfloat16_rate_of_1e-5",
        "update-too-small",
        "low-precision",
        on(F.bags, halved(torch.bfloat16), adamw(1e-5)),
        model=halved(torch.float32),
        optimizer=adamw(1e-3),
    ),
    other(
        "names_of_shuffled_kinds",
        "stalled-loss",
        "labels-without-signal",
        on(asked.shuffled_characters, text_net(nn.ReLU, 2, he), sgd(0.02), steps=150),
        source=asked.characters,
    ),
    other(
        "gaussian_width_rate_of_2",
        "non-finite",
        HIGH,
        on(sources.raw_diabetes, patient(2), sgd(2.0), loss=asked.gaussian, steps=100),
        source=sources.diabetes,
        optimizer=adam(5e-3),
    ),
    other(
        "text_kernels_all_alike",
        "poor-initialization",
        "symmetric-init",
        on(
            F.bags,
            mlp(nn.SiLU, 2, start=networks.constant(0.05), **bag),
            using(torch.optim.NAdam, lr=2e-3),
            steps=150,
        ),
        model=mlp(nn.SiLU, 2, start=lecun, **bag),
    ),
    other(
        "best_row_taken_alone",
        "disconnected-parameter",
        "non-differentiable-operation",
        on(sources.rows, lambda: Chosen(hard=True), adamw(3e-3)),
        model=lambda: Chosen(hard=False),
    ),
    other(
        "falcon_clipped_to_1e-5",
        "update-too-small",
        "clipping-too-strong",
        on(
            sources.text,
            hf("Falcon", "CausalLM", **SIZE, bos_token_id=0, eos_token_id=0),
            clipped(sgd(0.1), 1e-5),
            loss=losses.per_letter,
            batch_size=16,
            steps=100,
        ),
        optimizer=adamw(2e-3),
    ),
    other(
        "tanh_for_brightness",
        "saturated-activation",
        ENDS,
        on(
            asked.brightness,
            regressor(column=False, end=(nn.Tanh(),)),
            adam(5e-3),
            **half,
            steps=150,
        ),
        source=asked.scaled_brightness,
        model=regressor(column=False),
    ),
)
TWINS = (
    "normal_distribution_8_flowers",
    "arcs_16_default_digits",
    "photos_drawn_through_9_sigmoids",
    "attention_alone_8",
    "wines_alike_14_layers",
    "minimal_unit_overwrites",
    "one_tanh_turned_30_times",
    "depthwise_text_std_0.03",
    "policy_22_default_relu",
    "letters_as_numbers_tanh",
    "softmax_over_channels_5",
    "chances_far_too_sure",
    "post_norm_16_rate_0.01",
    "text_grows_through_8_layers",
    "readers_in_a_list",
    "best_row_taken_alone",
)


def twin(case: Case) -> Case:
    """Return the healthy twin of a sick case: its cure."""
    cured = case.cure or case.recipe
    return replace(
        case,
        name=f"twin_of_{case.name}",
        group="healthy",
        finding="none",
        cause="none",
        recipe=cured,
        cure=None,
    )


CASES = (*SICK, *(twin(case) for case in SICK if case.name in TWINS))
