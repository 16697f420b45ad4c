"""Networks of the unseen cases: architectures that the bank and the fresh cases do not have."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases.networks import Apply, Builder

Wrap = Callable[[nn.Module], nn.Module]


class ChannelsLast(nn.Module):
    """A ConvNeXt block: depthwise 5x5, LayerNorm, a wide pointwise MLP; perhaps a way around."""

    def __init__(self, width: int, *, around: bool, norm: bool = True) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.up, self.down = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1)) if around else None

    def forward(self, value: Tensor) -> Tensor:
        change = self.norm(self.mix(value).movedim(1, -1))
        change = self.down(functional.gelu(self.up(change)))
        if self.scale is None:
            return change.movedim(-1, 1)
        return value + (self.scale * change).movedim(-1, 1)


def convnext(blocks: int, *, around: bool = True, norm: bool = True) -> Builder:
    """Return a builder of such blocks over a photo."""

    def build() -> nn.Module:
        stem = nn.Conv2d(3, 16, 4, stride=4)
        body = [ChannelsLast(16, around=around, norm=norm) for _ in range(blocks)]
        return nn.Sequential(stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2))

    return build


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
        out: Tensor = value + self.down(kept * gate)
        return out


class Bumps(nn.Module):
    """A layer of learned functions of one variable, each a sum of Gaussian bumps (as in KANs)."""

    def __init__(self, inputs: int, outputs: int, count: int = 6) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(-2, 2, count))
        self.weight = nn.Parameter(torch.randn(inputs * count, outputs) / math.sqrt(inputs * 2))
        self.base = nn.Linear(inputs, outputs)

    def forward(self, value: Tensor) -> Tensor:
        bumps = torch.exp(-(value.unsqueeze(-1) - self.centres).square()).flatten(1)
        out: Tensor = bumps @ self.weight + self.base(functional.silu(value))
        return out


class Masked(nn.Linear):
    """A linear layer of an autoregressive network (MADE): outputs see earlier inputs only."""

    mask: Tensor

    def __init__(self, seen: Tensor, seeing: Tensor, *, strict: bool) -> None:
        super().__init__(len(seen), len(seeing))
        mask = seeing[:, None] > seen[None] if strict else seeing[:, None] >= seen[None]
        self.register_buffer("mask", mask.float())

    def forward(self, value: Tensor) -> Tensor:
        return functional.linear(value, self.weight * self.mask, self.bias)


class Autoregressive(nn.Module):
    """A masked autoregressive flow of one step: hands out minus the log-likelihood per sample."""

    def __init__(self, size: int, width: int = 64) -> None:
        super().__init__()
        places, units = torch.arange(size), torch.arange(width) % (size - 1)
        self.first = Masked(places, units, strict=False)
        self.second = Masked(units, units, strict=False)
        self.mean = Masked(units, places, strict=True)
        self.spread = Masked(units, places, strict=True)

    def forward(self, value: Tensor) -> Tensor:
        hidden = self.second(self.first(value).relu()).relu()
        spread = self.spread(hidden).tanh()
        scaled = (value - self.mean(hidden)) * torch.exp(-spread)
        return (0.5 * scaled.square() + spread).mean(dim=1)


class Bernoulli(nn.Module):
    """A variational autoencoder: scores of pixels, and how far the code is from its prior."""

    def __init__(self, code: int = 8) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2 * code))
        self.decoder = nn.Sequential(nn.Linear(code, 64), nn.SiLU(), nn.Linear(64, 64))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.encoder(images).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * (0.5 * spread).exp()
        away = 0.5 * (mean.square() + spread.exp() - spread - 1).sum(dim=1)
        return self.decoder(code), away.mean()


class TwoViews(nn.Module):
    """One encoder, two noisy views of each sample: all similarities, over a temperature."""

    def __init__(self, wrap: Wrap = nn.Sequential) -> None:
        super().__init__()
        body = nn.Sequential(nn.Linear(64, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Linear(96, 32))
        self.encoder = wrap(body)

    def forward(self, images: Tensor) -> Tensor:
        views = [images + 0.5 * torch.randn_like(images) for _ in range(2)]
        first, second = (functional.normalize(self.encoder(v), dim=1) for v in views)
        return first @ second.T / 0.2


class Equilibrium(nn.Module):
    """One layer applied until it settles, the input added each time."""

    def __init__(self, times: int = 12, width: int = 48) -> None:
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.inner = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)
        self.times = times

    def forward(self, images: Tensor) -> Tensor:
        given = self.stem(images)
        state = torch.zeros_like(given)
        for _ in range(self.times):
            state = self.norm(torch.tanh(self.inner(state) + given))
        scores: Tensor = self.head(state)
        return scores


class Colours(nn.Module):
    """A U-Net of two floors that guesses the colours of a grey photo."""

    def __init__(self) -> None:
        super().__init__()

        def double(inputs: int, outputs: int) -> nn.Module:
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.GroupNorm(4, outputs),
                nn.SiLU(),
                nn.Conv2d(outputs, outputs, 3, padding=1),
                nn.SiLU(),
            )

        self.down, self.middle = double(1, 12), double(12, 24)
        self.up = nn.ConvTranspose2d(24, 12, 2, stride=2)
        self.last = double(24, 12)
        self.head = nn.Conv2d(12, 3, 1)

    def forward(self, photo: Tensor) -> Tensor:
        high = self.down(photo)
        low = self.up(self.middle(functional.max_pool2d(high, 2)))
        out: Tensor = self.head(self.last(torch.cat([high, low], dim=1)))
        return out


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


class Selective(nn.Module):
    """A state space layer whose forgetting depends on the input, with a gate and a way around."""

    def __init__(self, width: int, states: int = 4, *, forget: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.step, self.read = nn.Linear(width, width), nn.Linear(width, 2 * states)
        self.decay = nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(width, 1))
        self.out = nn.Linear(width, width)
        nn.init.constant_(self.step.bias, forget)

    def forward(self, value: Tensor) -> Tensor:
        normed = self.norm(value)
        given = functional.silu(self.inner(normed))
        step = functional.softplus(self.step(normed) - 2)
        write, read = self.read(normed).chunk(2, dim=-1)
        state = given.new_zeros(*given[:, 0].shape, write.shape[-1])
        kept = []
        for place in range(given.shape[1]):
            now = step[:, place, :, None]
            state = state * torch.exp(-now * self.decay.exp())
            state = state + now * given[:, place, :, None] * write[:, place, None]
            kept.append((state * read[:, place, None]).sum(dim=-1))
        change: Tensor = self.out(torch.stack(kept, dim=1) * functional.silu(self.gate(normed)))
        return value + change


class Neighbours(nn.Module):
    """A graph attention layer over a ring of places: each looks at itself and two beside it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.turn = nn.Linear(width, width)
        self.source, self.sink = nn.Linear(width, 1), nn.Linear(width, 1)

    def forward(self, places: Tensor) -> Tensor:
        value = self.turn(places)
        beside = torch.stack([value.roll(shift, dims=1) for shift in (-1, 0, 1)], dim=2)
        score = functional.leaky_relu(self.source(beside) + self.sink(value).unsqueeze(2), 0.2)
        return functional.elu((score.softmax(dim=2) * beside).sum(dim=2))


class DeepSet(nn.Module):
    """The same network for each number of a set, their sum, and a head."""

    def __init__(self, wrap: Wrap = nn.Sequential) -> None:
        super().__init__()
        self.names = nn.Parameter(torch.randn(13, 8))
        body = nn.Sequential(nn.Linear(9, 48), nn.ELU(), nn.Linear(48, 48), nn.ELU())
        self.each = wrap(body)
        self.head = nn.Linear(48, 3)

    def forward(self, numbers: Tensor) -> Tensor:
        names = self.names.expand(len(numbers), -1, -1)
        scores: Tensor = self.head(self.each(torch.cat([numbers, names], dim=2)).mean(dim=1))
        return scores


class Flowing(nn.Module):
    """A learned velocity followed for eight steps, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.velocity = nn.Sequential(nn.Linear(31, 32), nn.Tanh(), nn.Linear(32, 30))
        self.head = nn.Linear(30, 1)

    def forward(self, value: Tensor) -> Tensor:
        for time in range(8):
            clock = value.new_full((len(value), 1), time / 8)
            value = value + self.velocity(torch.cat([value, clock], dim=1)) / 8
        scores: Tensor = self.head(value)
        return scores


def fourier(count: int = 32, scale: float = 3.0) -> Builder:
    """Return a builder of random Fourier features of a place, then a small network."""

    def build() -> nn.Module:
        angles = torch.randn(2, count) * scale
        waves = Apply(lambda p: torch.cat([(p @ angles.to(p)).sin(), (p @ angles.to(p)).cos()], 1))
        body = (nn.Linear(2 * count, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU())
        return nn.Sequential(waves, *body, nn.Linear(64, 1))

    return build


class Waiting(nn.Module):
    """A hand-written recurrence over wine measurements and a wait after them."""

    def __init__(self, wait: int, start: Callable[[Tensor], object] | None, keep: float) -> None:
        super().__init__()
        self.write, self.again = nn.Linear(1, 32), nn.Linear(32, 32)
        if start is not None:
            start(self.again.weight)
        self.head = nn.Linear(32, 3)
        self.wait, self.keep = wait, keep

    def forward(self, numbers: Tensor) -> Tensor:
        state = numbers.new_zeros(len(numbers), 32)
        for place in range(numbers.shape[1] + self.wait):
            given = self.again(state)
            if place < numbers.shape[1]:
                given = given + self.write(numbers[:, place])
            state = self.keep * state + (1 - self.keep) * given.tanh()
        scores: Tensor = self.head(state)
        return scores


class Filtered(nn.Module):
    """A WaveNet layer without its way around, or with it: tanh of one map times a gate."""

    def __init__(self, width: int, *, around: bool) -> None:
        super().__init__()
        self.value = nn.Conv1d(width, width, 3, padding=1)
        self.gate = nn.Conv1d(width, width, 3, padding=1)
        self.around = around

    def forward(self, given: Tensor) -> Tensor:
        change = self.value(given).tanh() * self.gate(given).sigmoid()
        return given + change if self.around else change


def wavenet(depth: int, *, around: bool) -> Builder:
    """Return a builder of such layers over text."""

    def build() -> nn.Module:
        stem = (nn.Embedding(96, 24), Apply(lambda value: value.mT))
        body = [Filtered(24, around=around) for _ in range(depth)]
        return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, 4))

    return build
