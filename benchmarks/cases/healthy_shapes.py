"""Healthy: convolutional, recurrent, graph and generative networks, and parts left untrained."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases import losses, networks, optimizers, sources
from benchmarks.cases.case import Problem, healthy
from benchmarks.cases.networks import Letters, Pooled, Reader, Skip, Transformer
from benchmarks.cases.optimizers import adam, adamw, sgd, warmed


def on(source: Any, model: networks.Builder, optimizer: optimizers.Factory, **more: Any) -> Problem:
    """A classifier of some source."""
    more = {"loss": losses.cross_entropy, **more}
    return Problem(source=source, model=model, optimizer=optimizer, **more)


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a 3x3 convolution before a batch normalisation."""
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


def resnet(blocks: int, *, zero: bool = False) -> nn.Module:
    """Return a small ResNet; `zero` begins the last scale of each block with 0."""
    skips = []
    for _ in range(blocks):
        last = nn.BatchNorm2d(12)
        if zero:
            nn.init.zeros_(last.weight)
        branch = (convolution(12, 12), nn.BatchNorm2d(12), nn.ReLU(), convolution(12, 12), last)
        skips += [Skip(*branch), nn.ReLU()]
    stem = (convolution(1, 12), nn.BatchNorm2d(12), nn.ReLU())
    return nn.Sequential(*stem, *skips, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(48, 10))


class Channels(nn.Module):
    """LayerNorm over the channels of an image."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)

    def forward(self, images: Tensor) -> Tensor:
        normed: Tensor = self.norm(images.movedim(1, -1)).movedim(-1, 1)
        return normed


class Scale(nn.Module):
    """LayerScale: a learned factor per channel that begins tiny."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((size, 1, 1), 1e-6))

    def forward(self, images: Tensor) -> Tensor:
        return self.factor * images


def convnext() -> nn.Module:
    """Return four blocks of depthwise convolution, LayerNorm, GELU and LayerScale."""
    blocks = [
        Skip(
            nn.Conv2d(16, 16, 5, padding=2, groups=16),
            Channels(16),
            nn.Conv2d(16, 64, 1),
            nn.GELU(),
            nn.Conv2d(64, 16, 1),
            Scale(16),
        )
        for _ in range(4)
    ]
    stem = (nn.Conv2d(1, 16, 2, stride=2), Channels(16))
    return nn.Sequential(*stem, *blocks, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(16, 10))


class Dense(nn.Module):
    """A layer that hands on its input beside its output."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), convolution(inputs, 6))

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images, self.layer(images)], dim=1)


def densenet() -> nn.Module:
    """Return five densely connected layers."""
    layers = [Dense(8 + 6 * place) for place in range(5)]
    return nn.Sequential(
        convolution(1, 8), *layers, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(38 * 4, 10)
    )


class UNet(nn.Module):
    """Down, up, and a connection across."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = convolution(1, 8), convolution(8, 16)
        self.up, self.last = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        fine = self.down1(images).relu()
        coarse = self.down2(functional.max_pool2d(fine, 2)).relu()
        mask: Tensor = self.last(torch.cat([fine, self.up(coarse).relu()], dim=1))
        return mask


def autoencoder() -> nn.Module:
    """Return an autoencoder with eight numbers in the middle."""
    encoder = (nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
    return nn.Sequential(*encoder, nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())


class Variational(nn.Module):
    """A variational autoencoder."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mean, self.spread = nn.Linear(64, 6), nn.Linear(64, 6)
        self.decoder = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value = self.body(images)
        mean, spread = self.mean(value), self.spread(value)
        code = mean + torch.randn_like(mean) * (0.5 * spread).exp()
        return self.decoder(code), mean, spread


class Denoiser(nn.Module):
    """Predicts the noise in an image, told how much there is."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Linear(1, 128)
        self.stem, self.middle = nn.Linear(64, 128), nn.Linear(128, 128)
        self.head = nn.Linear(128, 64)

    def forward(self, images: Tensor, share: Tensor) -> Tensor:
        value = functional.silu(self.stem(images) + self.time(share))
        noise: Tensor = self.head(functional.silu(self.middle(value)))
        return noise


class Siamese(nn.Module):
    """One encoder for both images."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(left), self.encoder(right)


class SimSiam(nn.Module):
    """Two views of an image must predict each other; one side is detached by design."""

    def __init__(self) -> None:
        super().__init__()
        layers = (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32))
        self.encoder = nn.Sequential(*layers, nn.BatchNorm1d(32, affine=False))
        self.predictor = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 32))

    def forward(self, images: Tensor) -> Tensor:
        views = [self.encoder(images + 0.3 * torch.randn_like(images)) for _ in range(2)]
        one, two = (self.predictor(view) for view in views)
        alike = functional.cosine_similarity
        first, second = alike(one, views[1].detach()), alike(two, views[0].detach())
        return 1 - (first + second).mean() / 2


def generator() -> nn.Module:
    """Return a generator before a frozen discriminator that has seen some real digits."""
    judge = nn.Sequential(nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-3)
    real = sources.digits().tensors[0][:512]
    for _ in range(30):
        optimizer.zero_grad()
        both = torch.cat([real, torch.randn_like(real)])
        losses.binary(judge(both).squeeze(1), (torch.arange(1024) < 512).float()).backward()
        optimizer.step()
    judge.requires_grad_(requires_grad=False)
    maker = (nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh())
    cost = networks.Apply(lambda scores: functional.softplus(-scores).mean())
    return nn.Sequential(*maker, judge, cost)


class Grid(nn.Module):
    """A graph convolution: every pixel takes the mean of its neighbours."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        place = torch.stack([torch.arange(64) // 8, torch.arange(64) % 8])
        near = (place.unsqueeze(1) - place.unsqueeze(2)).abs().amax(dim=0) <= 1
        self.register_buffer("edges", near / near.sum(dim=1, keepdim=True))
        self.own, self.others = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)

    def forward(self, nodes: Tensor) -> Tensor:
        edges = self.get_buffer("edges").to(nodes.dtype)
        result: Tensor = self.own(nodes) + self.others(edges @ nodes)
        return result.relu()


class Graph(nn.Module):
    """A graph network over the pixels, which know where they are."""

    def __init__(self, layers: int = 3) -> None:
        super().__init__()
        self.places = nn.Parameter(0.5 * torch.randn(64, 8))
        self.layers = nn.Sequential(*(Grid(9 if not n else 24, 24) for n in range(layers)))
        self.head = nn.Linear(24, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        nodes = torch.cat([pixels, self.places.expand(len(pixels), -1, -1)], dim=2)
        scores: Tensor = self.head(self.layers(nodes).mean(dim=1))
        return scores


class Experts(nn.Module):
    """A mixture of experts of which the router never asks half."""

    def __init__(self, experts: int = 8) -> None:
        super().__init__()
        self.router = nn.Linear(64, experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)) for _ in range(experts)
        )
        with torch.no_grad():
            self.router.bias[experts // 2 :] = -20.0

    def forward(self, images: Tensor) -> Tensor:
        weights, chosen = self.router(images).softmax(dim=1).topk(2, dim=1)
        scores = images.new_zeros(len(images), 10)
        for number, expert in enumerate(self.experts):
            asked, rank = (chosen == number).nonzero(as_tuple=True)
            if len(asked):
                part = weights[asked, rank].unsqueeze(1) * expert(images[asked])
                scores = scores.index_add(0, asked, part)
        return scores


class LowRank(nn.Module):
    """LoRA: a frozen layer and a low-rank change to it that begins at zero."""

    def __init__(self, base: nn.Linear, rank: int = 8) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, value: Tensor) -> Tensor:
        result: Tensor = self.base(value) + 2.0 * value @ self.down.T @ self.up.T
        return result


def lora() -> nn.Module:
    """Return a network of frozen layers that learns through low-rank changes."""
    layers = [LowRank(nn.Linear(64, size)) for size in (64, 64, 10)]
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


def frozen_backbone() -> nn.Module:
    """Return a head over random convolutions that stay as they are."""
    backbone = nn.Sequential(convolution(1, 16), nn.ReLU(), convolution(16, 16), nn.ReLU())
    backbone.requires_grad_(requires_grad=False)
    return nn.Sequential(backbone, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(256, 10))


class Tied(nn.Module):
    """A language model whose head is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(96, 48), nn.GRU(48, 48, batch_first=True)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, text: Tensor) -> Tensor:
        states, _ = self.rnn(self.embedding(text))
        scores: Tensor = states @ self.embedding.weight.T
        return scores


class Causal(nn.Module):
    """Attention that looks back, and two layers of it."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            32, 4, 64, dropout=0.0, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.places = nn.Parameter(0.02 * torch.randn(32, 32))

    def forward(self, letters: Tensor) -> Tensor:
        mask = torch.full((32, 32), float("-inf"), dtype=letters.dtype).triu(1)
        value: Tensor = self.layers(letters + self.places, mask=mask)
        return value


class Mixer(nn.Module):
    """MLP-Mixer: rows talk to each other, then numbers within a row."""

    def __init__(self) -> None:
        super().__init__()
        self.across = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.within = nn.ModuleList(nn.Linear(32, 32) for _ in range(3))
        self.norms = nn.ModuleList(nn.LayerNorm(32) for _ in range(3))

    def forward(self, rows: Tensor) -> Tensor:
        for across, within, norm in zip(self.across, self.within, self.norms, strict=True):
            rows = rows + across(norm(rows).mT).mT
            rows = rows + functional.gelu(within(rows))
        return rows


def convnet() -> nn.Module:
    """Return two convolutions, pooling and a head."""
    first = (nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(64, 10))


letters = {"loss": losses.per_letter}
alone = {"loss": losses.of_output}

CASES = (
    healthy("convnet_adam", on(sources.images, convnet, adam(3e-3))),
    healthy("convnet_sgd", on(sources.images, convnet, sgd())),
    healthy("resnet_4_sgd", on(sources.images, lambda: resnet(4), sgd(0.05))),
    healthy("resnet_zero_gamma", on(sources.images, lambda: resnet(3, zero=True), adam(3e-3))),
    healthy("convnext_layerscale", on(sources.images, convnext, adamw(4e-3))),
    healthy("densenet_5", on(sources.images, densenet, adam(3e-3))),
    healthy("unet_segmentation", on(sources.strokes, UNet, adam(5e-3), loss=losses.binary)),
    healthy("autoencoder_relu", on(sources.copies, autoencoder, adam(5e-3), loss=losses.squared)),
    healthy("vae", on(sources.copies, Variational, adam(3e-3), loss=losses.evidence_bound)),
    healthy("denoiser", on(sources.noised, Denoiser, adam(2e-3), loss=losses.squared)),
    healthy("siamese_contrastive", on(sources.pairs, Siamese, adam(), loss=losses.contrastive)),
    healthy("simsiam_stop_gradient", on(sources.digits, SimSiam, sgd(0.02), **alone)),
    healthy(
        "gan_discriminator",
        on(
            sources.forgeries,
            networks.mlp(lambda: nn.LeakyReLU(0.2), 2, outputs=1),
            adam(2e-3),
            loss=losses.binary,
        ),
    ),
    healthy("gnn_on_pixels", on(sources.pixel_rows, Graph, adam(5e-3), steps=200)),
    healthy("moe_unused_experts", on(sources.digits, Experts, adam(3e-3))),
    healthy("lora_b_zero", on(sources.digits, lora, adam(5e-3))),
    healthy("frozen_backbone", on(sources.images, frozen_backbone, adam(5e-3))),
    healthy("rnn_8_rows", on(sources.rows, Reader, adam(2e-3))),
    healthy("lstm_8_rows", on(sources.rows, lambda: Reader(nn.LSTM), adam(5e-3))),
    healthy(
        "gru_bidirectional",
        on(sources.rows, lambda: Reader(nn.GRU, bidirectional=True), adam(3e-3)),
    ),
    healthy(
        "lstm_two_layers_dropout",
        on(sources.rows, lambda: Reader(nn.LSTM, num_layers=2, dropout=0.2), adam(5e-3)),
    ),
    healthy(
        "rnn_wait_40_orthogonal",
        on(
            sources.rows,
            lambda: Reader(waiting=40, recurrent=nn.init.orthogonal_),
            adam(),
            steps=200,
        ),
    ),
    healthy(
        "gru_language_model",
        on(sources.text, lambda: Letters(nn.GRU(32, 32, batch_first=True)), adam(5e-3), **letters),
    ),
    healthy(
        "lstm_language_model_padded",
        on(
            sources.text,
            lambda: Letters(nn.LSTM(32, 32, batch_first=True), padded=True),
            adam(5e-3),
            **letters,
        ),
    ),
    healthy("tied_language_model", on(sources.text, Tied, adam(5e-3), **letters)),
    healthy(
        "causal_transformer",
        on(sources.text, lambda: Letters(Causal()), adam(3e-3), steps=200, **letters),
    ),
    healthy(
        "embedding_mean_of_authors",
        on(
            sources.authors,
            lambda: Pooled(nn.Embedding(96, 32), nn.Linear(32, 32), 32, 6),
            adam(0.01),
        ),
    ),
    healthy(
        "text_convolution",
        on(
            sources.authors,
            lambda: nn.Sequential(
                nn.Embedding(96, 24),
                networks.Apply(lambda x: x.mT),
                nn.Conv1d(24, 32, 5),
                nn.ReLU(),
                nn.AdaptiveMaxPool1d(1),
                nn.Flatten(),
                nn.Linear(32, 6),
            ),
            adam(5e-3),
        ),
    ),
    healthy(
        "gru_authors",
        on(
            sources.authors,
            lambda: Pooled(nn.Embedding(96, 24), nn.GRU(24, 32, batch_first=True), 32, 6),
            adam(5e-3),
            steps=200,
        ),
    ),
    healthy(
        "transformer_pre_norm_6",
        on(sources.rows, lambda: Transformer(6, first=True), adamw(), steps=200),
    ),
    healthy(
        "transformer_post_norm_4_warm_up",
        on(sources.rows, lambda: Transformer(4, first=False), warmed(adamw()), steps=200),
    ),
    healthy("mixer", on(sources.rows, lambda: Pooled(nn.Linear(8, 32), Mixer(), 32), adam(3e-3))),
    healthy("gan_generator", on(sources.noise, generator, adam(), **alone)),
    healthy(
        "transformer_post_norm_6_no_warm_up",
        on(sources.rows, lambda: Transformer(6, first=False), adamw(5e-4), steps=200),
    ),
    healthy(
        "sparse_embedding_sgd",
        on(
            sources.authors,
            lambda: Pooled(nn.Embedding(96, 32, sparse=True), nn.Linear(32, 32), 32, 6),
            sgd(0.5, 0),
        ),
    ),
)
