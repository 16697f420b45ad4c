"""Networks of the fresh healthy cases: kinds that the rest of the bank does not have."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from benchmarks.cases import fresh_sources, losses
from benchmarks.cases.networks import Apply, Skip


class Autocast(nn.Module):
    """Convolutions that run in bfloat16 while the weights stay in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.head = nn.Linear(32 * 16, 2)

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = functional.max_pool2d(self.first(images).relu(), 2)
            value = functional.max_pool2d(self.second(value).relu(), 2)
            scores: Tensor = self.head(value.flatten(1))
        return scores if images.dtype == torch.float64 else scores.float()


class Rematerialised(nn.Module):
    """Residual blocks whose inner values are computed again in the backward pass."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(64, 48), nn.Linear(48, 10)
        self.blocks = nn.ModuleList(
            Skip(nn.LayerNorm(48), nn.Linear(48, 96), nn.GELU(), nn.Linear(96, 48))
            for _ in range(blocks)
        )

    def forward(self, images: Tensor) -> Tensor:
        value: Any = self.stem(images)
        for block in self.blocks:
            value = checkpoint(block, value, use_reentrant=False)
        scores: Tensor = self.head(value)
        return scores


def spectral() -> nn.Module:
    """Return a critic whose layers cannot stretch anything."""
    bound = parametrizations.spectral_norm
    layers = (bound(nn.Linear(64, 64)), nn.LeakyReLU(0.2), bound(nn.Linear(64, 32)))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Linear(32, 10))


class Causal(nn.Module):
    """A dilated convolution that sees the past only, normalised by its weights."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.past = 2 * dilation
        self.layer = parametrizations.weight_norm(nn.Conv1d(width, width, 3, dilation=dilation))

    def forward(self, value: Tensor) -> Tensor:
        moved: Tensor = self.layer(functional.pad(value, (self.past, 0)))
        return moved.relu()


def temporal() -> nn.Module:
    """Return a language model of dilated convolutions with ways around them."""
    body = [Skip(Causal(32, 2**place)) for place in range(4)]
    turn = (Apply(lambda value: value.mT), *body, Apply(lambda value: value.mT))
    return nn.Sequential(nn.Embedding(96, 32), *turn, nn.Linear(32, 96))


class Capsules(nn.Module):
    """Capsules whose votes agree in two rounds of routing."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Conv2d(1, 32, 4, stride=2)
        self.votes = nn.Parameter(0.2 * torch.randn(36, 10, 8, 8))

    def forward(self, images: Tensor) -> Tensor:
        low = self.squashed(self.low(images).view(-1, 4, 8, 9).movedim(2, 3).flatten(1, 2))
        votes = torch.einsum("bni,nkio->bnko", low, self.votes)
        logits = votes.new_zeros(votes.shape[:3])
        for _ in range(2):
            high = self.squashed((logits.softmax(dim=2).unsqueeze(3) * votes).sum(dim=1))
            logits = logits + (votes * high.unsqueeze(1)).sum(dim=3)
        return 8.0 * high.square().sum(dim=2).add(1e-8).sqrt()

    @staticmethod
    def squashed(value: Tensor) -> Tensor:
        size = value.square().sum(dim=-1, keepdim=True)
        return value * size / (1 + size) / (size + 1e-8).sqrt()


class Hyper(nn.Module):
    """A small network that writes the weights of another, from the image itself."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Linear(64, 24), nn.Tanh())
        self.write = nn.Linear(24, 16 * 10)
        self.body = nn.Linear(64, 16)

    def forward(self, images: Tensor) -> Tensor:
        weights: Tensor = self.write(self.look(images)).view(-1, 10, 16)
        return torch.einsum("bkw,bw->bk", weights, self.body(images).relu())


class Mixture(nn.Module):
    """Means, widths and shares of three normal distributions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 48), nn.Tanh())
        self.means, self.spreads = nn.Linear(48, 3), nn.Linear(48, 3)
        self.shares = nn.Linear(48, 3)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value = self.body(features)
        return self.means(value), self.spreads(value), self.shares(value)


class Coupling(nn.Module):
    """Moves and stretches one half of the numbers as the other half says."""

    def __init__(self, size: int, *, first: bool) -> None:
        super().__init__()
        self.register_buffer("kept", (torch.arange(size) % 2 == int(first)).float())
        self.stretch = nn.Sequential(nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, size))
        self.shift = nn.Sequential(nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, size))

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.get_buffer("kept")
        free = 1 - kept
        stretch = free * self.stretch(kept * value).tanh()
        return kept * value + free * (value * stretch.exp() + self.shift(kept * value)), stretch


class Flow(nn.Module):
    """A normalising flow; the loss is the negative log-likelihood of the measurements."""

    def __init__(self, size: int = 13, layers: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Coupling(size, first=n % 2 == 0) for n in range(layers))

    def forward(self, value: Tensor) -> Tensor:
        total = value.new_zeros(len(value))
        for layer in self.layers:
            value, stretch = layer(value)
            total = total + stretch.sum(dim=1)
        likely = -0.5 * (value.square() + 1.8379).sum(dim=1) + total
        return -likely.mean()


class Perceiver(nn.Module):
    """Six learned questions asked of all pixels, twice."""

    def __init__(self, inputs: int, places: int, outputs: int) -> None:
        super().__init__()
        self.stem, self.places = (
            nn.Linear(inputs, 32),
            nn.Parameter(0.1 * torch.randn(places, 32)),
        )
        self.asked = nn.Parameter(torch.randn(6, 32))
        self.looks = nn.ModuleList(nn.MultiheadAttention(32, 4, batch_first=True) for _ in "ab")
        self.thinks = nn.ModuleList(
            Skip(nn.LayerNorm(32), nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)) for _ in "ab"
        )
        self.norms = nn.ModuleList(nn.LayerNorm(32) for _ in "ab")
        self.head = nn.Linear(32, outputs)

    def forward(self, pixels: Tensor) -> Tensor:
        seen = self.stem(pixels.flatten(2).mT if pixels.ndim == 4 else pixels) + self.places
        value = self.asked.expand(len(seen), -1, -1)
        for look, think, norm in zip(self.looks, self.thinks, self.norms, strict=True):
            value = think(value + look(norm(value), seen, seen, need_weights=False)[0])
        scores: Tensor = self.head(value.mean(dim=1))
        return scores


class Excite(nn.Module):
    """Squeeze-and-excitation: channels are turned up or down by what all places show."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(size, size // 4), nn.Linear(size // 4, size)

    def forward(self, images: Tensor) -> Tensor:
        gate = self.up(self.down(images.mean(dim=(2, 3))).relu()).sigmoid()
        return images * gate[:, :, None, None]


def excited() -> nn.Module:
    """Return a small residual network with squeeze-and-excitation."""
    blocks: list[nn.Module] = []
    for _ in range(3):
        layer = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        blocks += [Skip(layer, nn.BatchNorm2d(16), nn.ReLU(), Excite(16))]
    stem = (nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU())
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 2))


def separable() -> nn.Module:
    """Return inverted bottlenecks of depthwise convolutions, as in mobile networks."""

    def block(size: int) -> nn.Module:
        wide = 4 * size
        return Skip(
            *(nn.Conv2d(size, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()),
            *(nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide)),
            *(nn.ReLU6(), nn.Conv2d(wide, size, 1, bias=False), nn.BatchNorm2d(size)),
        )

    stem = (nn.Conv2d(3, 12, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU6())
    tail = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 2))
    return nn.Sequential(*stem, block(12), block(12), block(12), *tail)


def upsampler() -> nn.Module:
    """Return an autoencoder whose decoder is made of transposed convolutions."""
    encoder = (nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU())
    code = (nn.Flatten(), nn.Linear(256, 16), nn.Linear(16, 256), nn.Unflatten(1, (16, 4, 4)))
    decoder = (nn.BatchNorm2d(16), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1))
    return nn.Sequential(*encoder, *code, *decoder, nn.Tanh())


class Embedder(nn.Module):
    """Codes of length 1 for three images."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        return tuple(functional.normalize(self.body(image), dim=1) for image in images)


class Supervised(nn.Module):
    """A head on every floor; all of them must know the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.floors = nn.ModuleList(nn.Linear(64, 64) for _ in range(3))
        self.heads = nn.ModuleList(nn.Linear(64, 10) for _ in range(3))

    def forward(self, images: Tensor) -> list[Tensor]:
        scores = []
        for floor, head in zip(self.floors, self.heads, strict=True):
            images = functional.elu(floor(images))
            scores.append(head(images))
        return scores


class Tagger(nn.Module):
    """What each letter is part of, read in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 24)
        self.rnn = nn.LSTM(24, 24, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, 7)

    def forward(self, text: Tensor) -> Tensor:
        scores: Tensor = self.head(self.rnn(self.embedding(text))[0])
        return scores


class TiedReader(nn.Module):
    """An Elman network that answers with the letters it reads with."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(96, 40), nn.RNN(40, 40, 2, batch_first=True)
        self.head = nn.Linear(40, 96)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.head.weight = self.embedding.weight

    def forward(self, text: Tensor) -> Tensor:
        scores: Tensor = self.head(self.rnn(self.embedding(text))[0])
        return scores


class Bare(nn.Module):
    """Nothing but parameters and functions."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Parameter(torch.randn(10, 64) / 8)
        self.middle = nn.Parameter(torch.randn(64, 64) / 32**0.5)
        self.first = nn.Parameter(torch.randn(64, 64) / 32**0.5)
        self.shift = nn.Parameter(torch.zeros(64))

    def forward(self, images: Tensor) -> Tensor:
        value = functional.relu(functional.linear(images, self.first, self.shift))
        return functional.relu(value @ self.middle.T) @ self.last.T


class Upside(nn.Module):
    """Convolutions registered from the last to the first, with functions between them."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(24 * 16, 2)
        self.third = nn.Conv2d(24, 24, 3, padding=1)
        self.second = nn.Conv2d(16, 24, 3, padding=1)
        self.first = nn.Conv2d(3, 16, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        value = functional.max_pool2d(functional.leaky_relu(self.first(images)), 2)
        value = functional.max_pool2d(functional.leaky_relu(self.second(value)), 2)
        scores: Tensor = self.head(functional.leaky_relu(self.third(value)).flatten(1))
        return scores


class Sine(nn.Module):
    """A wave of what comes in, quick enough for fine detail."""

    def __init__(self, inputs: int, width: int, *, first: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, width)
        bound = 1 / inputs if first else (6 / inputs) ** 0.5 / 12
        nn.init.uniform_(self.layer.weight, -bound, bound)

    def forward(self, value: Tensor) -> Tensor:
        return torch.sin(12.0 * self.layer(value))


def picture() -> nn.Module:
    """Return a network that knows one photo by heart, place by place."""
    return nn.Sequential(Sine(2, 64, first=True), Sine(64, 64), Sine(64, 64), nn.Linear(64, 1))


class Quantised(nn.Module):
    """A vector-quantised autoencoder: the nearest of 24 codes, straight through."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
        self.codes = nn.Embedding(24, 8)
        self.decoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value = self.encoder(images).view(len(images), 4, 8)
        nearest = (value.unsqueeze(2) - self.codes.weight).square().sum(dim=3).argmin(dim=2)
        code = self.codes(nearest)
        through = value + (code - value).detach()
        return self.decoder(through.flatten(1)), value, code


class SkipGrams(nn.Module):
    """Two tables of letters; a pair is likely when its vectors agree."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Embedding(96, 24), nn.Embedding(96, 24)
        for entries in (self.inner, self.outer):
            nn.init.normal_(entries.weight, std=0.3)

    def forward(self, middle: Tensor, near: Tensor) -> Tensor:
        return (self.inner(middle) * self.outer(near)).sum(dim=1)


class Euler(nn.Module):
    """A neural differential equation, followed for ten small steps."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
        self.inward, self.outward = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, images: Tensor) -> Tensor:
        state = self.stem(images)
        for _ in range(10):
            state = state + 0.1 * self.outward(self.inward(state).tanh())
        scores: Tensor = self.head(state)
        return scores


class Kernels(nn.Module):
    """Radial basis functions around learned centres."""

    def __init__(self) -> None:
        super().__init__()
        places = torch.randperm(1797, generator=torch.Generator().manual_seed(16))[:80]
        self.centres = nn.Parameter(fresh_sources.standardized()[places].clone())
        self.widths = nn.Parameter(torch.full((80,), -4.0))
        self.head = nn.Linear(80, 10)

    def forward(self, images: Tensor) -> Tensor:
        distance = (images.unsqueeze(1) - self.centres).square().sum(dim=2)
        scores: Tensor = self.head((-distance * self.widths.exp()).exp())
        return scores


def practised(model: Callable[[], nn.Module], steps: int) -> Callable[[], nn.Module]:
    """Return a builder of a model that has been trained on the digits before."""

    def build() -> nn.Module:
        made = model()
        optimizer = torch.optim.Adam(made.parameters(), lr=3e-3)
        images = fresh_sources.standardized()
        for _ in range(steps):
            optimizer.zero_grad()
            losses.cross_entropy(made(images), fresh_sources.labels()).backward()
            optimizer.step()
        return made

    return build
