"""Networks whose places look at each other: attention, mixers, gates over places."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases.networks.basic import Builder, Letters, Pooled, Skip
from benchmarks.cases.sources import texts


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
        return self.layers(letters + self.places, mask=mask)


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
        return self.head((weights.unsqueeze(1) @ self.value(places)).squeeze(1))


class Pointer(nn.Module):
    """Many questions asked of all rows; only where they point is handed on."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.stem, self.places = nn.Linear(8, 32), nn.Parameter(torch.randn(8, 32))
        self.key, self.head = nn.Linear(32, 24), nn.Linear(8 * 24, 10)
        nn.init.normal_(self.key.weight, std=spread)

    def forward(self, rows: Tensor) -> Tensor:
        weights = self.key((self.stem(rows) + self.places).tanh()).softmax(dim=1)
        return self.head(weights.flatten(1))


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


class Look(nn.Module):
    """Self-attention as a layer of one input."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, rows: Tensor) -> Tensor:
        return self.attention(rows, rows, rows, need_weights=False)[0]


def attending(layers: int, *, skips: bool) -> Builder:
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
        return self.head(value.mean(dim=1))


class Mixing(nn.Module):
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
        return self.head(found)


class SpatialGate(nn.Module):
    """A gMLP block: half of the channels gates the other half, mixed over places."""

    def __init__(self, width: int, places: int) -> None:
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.place = nn.Linear(places, places)
        nn.init.normal_(self.place.weight, std=1e-3)
        nn.init.ones_(self.place.bias)

    def forward(self, value: Tensor) -> Tensor:
        kept, gate = functional.gelu(self.up(self.norm(value))).chunk(2, dim=-1)
        gate = self.place(self.inner(gate).mT).mT
        return value + self.down(kept * gate)


def turned(value: Tensor) -> Tensor:
    """Turn pairs of channels by an angle that grows with the place (rotary positions)."""
    places, size = value.shape[-2], value.shape[-1] // 2
    speed = 100.0 ** (-torch.arange(size, device=value.device, dtype=value.dtype) / size)
    angle = torch.arange(places, device=value.device, dtype=value.dtype)[:, None] * speed
    even, odd = value[..., :size], value[..., size:]
    return torch.cat(
        [even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()], dim=-1
    )


class Llama(nn.Module):
    """A block with RMSNorm, rotary attention over what came before, and SwiGLU."""

    def __init__(self, width: int, heads: int = 4, *, around: bool = True) -> None:
        super().__init__()
        self.before, self.after = nn.RMSNorm(width), nn.RMSNorm(width)
        self.mix = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 2 * width, bias=False)
        self.up = nn.Linear(width, 2 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)
        self.heads, self.around = heads, around

    def forward(self, value: Tensor) -> Tensor:
        shape = (*value.shape[:2], 3, self.heads, -1)
        query, key, held = self.mix(self.before(value)).view(shape).movedim(2, 0).transpose(2, 3)
        read = functional.scaled_dot_product_attention(
            turned(query), turned(key), held, is_causal=True
        )
        change: Tensor = self.out(read.transpose(1, 2).flatten(2))
        value = value + change if self.around else change
        normed = self.after(value)
        change = self.down(functional.silu(self.gate(normed)) * self.up(normed))
        return value + change if self.around else change


def gated() -> nn.Module:
    """Return a gMLP over pieces of text."""
    stem = nn.Embedding(96, 24)
    body = nn.Sequential(*(SpatialGate(24, texts.PIECE) for _ in range(3)))
    return Pooled(stem, body, 24, outputs=4)


def llama(layers: int, *, around: bool = True) -> Builder:
    """Return a builder of a small language model in the manner of Llama."""
    return lambda: Letters(
        nn.Sequential(*(Llama(32, around=around) for _ in range(layers)), nn.RMSNorm(32))
    )


def shrunk_llama(layers: int, std: float) -> Builder:
    """Return a builder of a Llama whose queries and keys begin as if drawn too wide."""

    def build() -> nn.Module:
        model = llama(layers)()
        for block in model.modules():
            if isinstance(block, Llama):
                nn.init.normal_(block.mix.weight[:64], std=std)
        return model

    return build


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
        return value + self.out(read / total)


def lists(count: int) -> Builder:
    """Return a builder of attention without softmax over rows of an image."""
    return lambda: Pooled(
        nn.Linear(8, 24), nn.Sequential(*(Linearly(24) for _ in range(count))), 24
    )


class Weighted(nn.Module):
    """Time mixing of RWKV: a running mean whose past fades channel by channel, and a gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.norm_of_mix = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.Parameter(torch.full((3, width), 0.5))
        self.fade = nn.Parameter(torch.linspace(-3.0, 1.0, width))
        self.bonus = nn.Parameter(torch.zeros(width))
        self.key, self.held, self.gate, self.out = (
            nn.Linear(width, width, bias=False) for _ in range(4)
        )
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, value: Tensor) -> Tensor:
        seen = self.norm(value)
        past = functional.pad(seen, (0, 0, 1, -1))
        each = [seen * share + past * (1 - share) for share in self.mix]
        key, held, gate = self.key(each[0]), self.held(each[1]), self.gate(each[2]).sigmoid()
        fade = (-self.fade.exp()).exp()
        top, bottom = torch.zeros_like(key[:, 0]), torch.zeros_like(key[:, 0])
        found = []
        for step in range(key.shape[1]):
            now = (key[:, step] + self.bonus).exp()
            found.append((top + now * held[:, step]) / (bottom + now + 1e-6))
            weight = key[:, step].exp()
            top, bottom = fade * top + weight * held[:, step], fade * bottom + weight
        value = value + self.out(gate * torch.stack(found, dim=1))
        return value + self.down(self.up(self.norm_of_mix(value)).relu().square())


class Randomly(nn.Module):
    """Attention through positive random features (Performer)."""

    def __init__(self, width: int, features: int = 16) -> None:
        super().__init__()
        self.norm, self.norm_of_mix = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.register_buffer("drawn", torch.randn(width, features))
        self.body = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def positive(self, value: Tensor) -> Tensor:
        """Return features whose products are the kernel of a softmax."""
        value = value / value.shape[-1] ** 0.25
        return (value @ self.drawn - value.square().sum(dim=-1, keepdim=True) / 2).exp() + 1e-4

    def forward(self, value: Tensor) -> Tensor:
        query, key, held = self.mix(self.norm(value)).chunk(3, dim=-1)
        query, key = self.positive(query), self.positive(key)
        read = query @ (key.mT @ held) / (query @ key.sum(dim=1).unsqueeze(2))
        value = value + self.out(read)
        return value + self.body(self.norm_of_mix(value))


class Spectral(nn.Module):
    """Tokens mixed by a Fourier transform without weights (FNet), post-norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.last = nn.LayerNorm(width), nn.LayerNorm(width)
        self.body = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, value: Tensor) -> Tensor:
        value = self.norm(value + torch.fft.fft2(value).real)
        return self.last(value + self.body(value))


class Hidden(nn.Module):
    """A masked autoencoder: most rows of an image are hidden and must be drawn."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem, self.places = nn.Linear(8, width), nn.Parameter(0.1 * torch.randn(8, width))
        self.hidden = nn.Parameter(0.1 * torch.randn(width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, 0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 8)

    def forward(self, rows: Tensor) -> Tensor:
        seen = torch.rand(rows.shape[:2]).argsort(dim=1).argsort(dim=1) < 3
        value = torch.where(seen.unsqueeze(2), self.stem(rows), self.hidden)
        return self.head(self.body(value + self.places))


def letters(block: Any, count: int) -> Builder:
    """Return a builder of blocks over letters, each of which names the next."""
    return lambda: Letters(nn.Sequential(*(block(32) for _ in range(count)), nn.LayerNorm(32)))


def names(block: Any, count: int) -> Builder:
    """Return a builder of blocks over the name of a character."""
    return lambda: Pooled(
        nn.Embedding(96, 32), nn.Sequential(*(block(32) for _ in range(count))), 32, outputs=4
    )


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
        return self.head(self.layers(self.embedding(text)).mean(dim=1))


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
