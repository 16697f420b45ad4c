"""Networks of dense layers."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from benchmarks.cases import losses
from benchmarks.cases.networks.basic import (
    Apply,
    Builder,
    Skip,
    Start,
    he,
    mlp,
    normal,
    of_patients,
    started,
    xavier,
)
from benchmarks.cases.sources import digits, texts
from sample_models.digits import labels, standardized

shallow = mlp(nn.ReLU, 2)


deep_norm = mlp(nn.ReLU, 10, norm=nn.BatchNorm1d)


bag_stack = mlp(nn.ReLU, 2, inputs=512, outputs=4)


Wrap = Callable[[nn.Module], nn.Module]


class Maxout(nn.Module):
    """The largest of four linear pieces per unit."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.pieces = nn.Linear(inputs, 4 * width)

    def forward(self, value: Tensor) -> Tensor:
        pieces: Tensor = self.pieces(value)
        return pieces.unflatten(1, (4, -1)).amax(dim=1)


class Gated(nn.Module):
    """SwiGLU: one half of the units opens or closes the other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, value: Tensor) -> Tensor:
        gate, content = self.up(value).chunk(2, dim=-1)
        return self.down(nn.functional.silu(gate) * content)


class Highway(nn.Module):
    """A layer that decides per unit how much to change."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, -2.0)

    def forward(self, value: Tensor) -> Tensor:
        gate = self.gate(value).sigmoid()
        return gate * self.change(value).relu() + (1 - gate) * value


class Reversed(nn.Module):
    """Layers registered in the reverse of the order in which they run."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 10)
        self.third = nn.Linear(64, 64)
        self.second = nn.Linear(64, 64)
        self.first = nn.Linear(64, 64)

    def forward(self, images: Tensor) -> Tensor:
        value = self.second(self.first(images).relu()).relu()
        return self.head(self.third(value).relu())


class Repeated(nn.Module):
    """One layer, used six times."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(64, 64), nn.Linear(64, 10)
        he(self.layer.weight)

    def forward(self, images: Tensor) -> Tensor:
        for _ in range(6):
            images = self.layer(images).relu()
        return self.head(images)


def trained() -> nn.Module:
    """Return a model that has converged before anyone looks."""
    model = shallow()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    images, labels = digits.digits().tensors
    for _ in range(250):
        optimizer.zero_grad()
        losses.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model


def zero_head() -> nn.Module:
    """Return a model whose head begins with zeros."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
    head = nn.Linear(64, 10)
    nn.init.zeros_(head.weight)
    return model.append(head)


def scaled_residual(blocks: int, scale: float | None) -> Builder:
    """Return a builder of a residual stack with scaled branches."""

    def build() -> nn.Module:
        skips = [
            Skip(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), scale=scale)
            for _ in range(blocks)
        ]
        return nn.Sequential(*skips, nn.Linear(64, 10))

    return build


def normed_weights() -> nn.Module:
    """Return a stack with weight normalisation."""
    return nn.Sequential(
        parametrizations.weight_norm(nn.Linear(64, 64)),
        nn.ReLU(),
        parametrizations.weight_norm(nn.Linear(64, 64)),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


class Scale(nn.Module):
    """LayerScale: a learned factor per channel that begins tiny."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((size, 1, 1), 1e-6))

    def forward(self, images: Tensor) -> Tensor:
        return self.factor * images


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
        return self.base(value) + 2.0 * value @ self.down.T @ self.up.T


def lora() -> nn.Module:
    """Return a network of frozen layers that learns through low-rank changes."""
    layers = [LowRank(nn.Linear(64, size)) for size in (64, 64, 10)]
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


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
        return value * self.gate(value).sigmoid()


class Towers(nn.Module):
    """Each half of the image has a tower of its own."""

    def __init__(self, upper: Builder, lower: Builder) -> None:
        super().__init__()
        self.upper, self.lower = upper(), lower()
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        upper, lower = images.split(32, dim=1)
        return self.head(torch.cat([self.upper(upper), self.lower(lower)], dim=1))


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
        return self.stack(images)


def gates(depth: int, bias: float) -> Builder:
    """Return a builder of a chain of gates."""
    return lambda: nn.Sequential(*(Gate(64, bias) for _ in range(depth)), nn.Linear(64, 10))


def tower(act: Any, depth: int) -> Builder:
    """Return a builder of one tower over half an image."""
    return mlp(act, depth, inputs=32, width=32, outputs=32, start=xavier)


def two_layer_blocks(*, branch_only: bool) -> Builder:
    """Return a builder of a stack of two-layer blocks, with or without the way around them."""

    def build() -> nn.Module:
        parts = [(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(12)]
        blocks = [nn.Sequential(*part) if branch_only else Skip(*part) for part in parts]
        return nn.Sequential(*blocks, nn.LayerNorm(64), nn.Linear(64, 10))

    return build


def mixed(kind: Any, times: int) -> Builder:
    """Return a builder of a stack with a softmax, or something else, after each layer."""
    return mlp(kind, times, start=xavier)


def mixed_table(kind: Any, times: int) -> Builder:
    """Return the same for a table."""
    return mlp(kind, times, start=xavier, inputs=30, outputs=1)


def soft() -> nn.Module:
    """Return a softmax over the units."""
    return nn.Softmax(dim=1)


class Branches(nn.Module):
    """A residual stack whose ReLU units begin far below zero, or not."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        skips = [Skip(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(4)]
        self.stack = nn.Sequential(*skips, nn.Linear(64, 1))
        for skip in skips:
            nn.init.constant_(skip.get_parameter("branch.0.bias"), bias)

    def forward(self, images: Tensor) -> Tensor:
        return self.stack(images)


def grown(std: float, blocks: int) -> Builder:
    """Return a builder of a residual stack whose branches are too strong."""

    def build() -> nn.Module:
        skips = [Skip(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(blocks)]
        return started(nn.Sequential(*skips, nn.Linear(64, 10)), normal(std))

    return build


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
        return self.head(value)


def spectral() -> nn.Module:
    """Return a critic whose layers cannot stretch anything."""
    bound = parametrizations.spectral_norm
    layers = (bound(nn.Linear(64, 64)), nn.LeakyReLU(0.2), bound(nn.Linear(64, 32)))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Linear(32, 10))


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


class Kernels(nn.Module):
    """Radial basis functions around learned centres."""

    def __init__(self) -> None:
        super().__init__()
        places = torch.randperm(1797, generator=torch.Generator().manual_seed(16))[:80]
        self.centres = nn.Parameter(standardized()[places].clone())
        self.widths = nn.Parameter(torch.full((80,), -4.0))
        self.head = nn.Linear(80, 10)

    def forward(self, images: Tensor) -> Tensor:
        distance = (images.unsqueeze(1) - self.centres).square().sum(dim=2)
        return self.head((-distance * self.widths.exp()).exp())


def practised(model: Callable[[], nn.Module], steps: int) -> Callable[[], nn.Module]:
    """Return a builder of a model that has been trained on the digits before."""

    def build() -> nn.Module:
        made = model()
        optimizer = torch.optim.Adam(made.parameters(), lr=3e-3)
        images = standardized()
        for _ in range(steps):
            optimizer.zero_grad()
            losses.cross_entropy(made(images), labels()).backward()
            optimizer.step()
        return made

    return build


def embedded_bag() -> nn.Module:
    """Return a mean of hashed embeddings and a head."""
    return nn.Sequential(nn.EmbeddingBag(texts.WORDS, 32, mode="mean"), nn.Linear(32, 4))


def normed_input() -> nn.Module:
    """Return a regression that normalises what it is given."""
    return nn.Sequential(nn.BatchNorm1d(10), *mlp(nn.SiLU, 2, **of_patients)())


class Functional(nn.Module):
    """A stack without a single activation module, registered from last to first."""

    def __init__(self, act: Callable[[Tensor], Tensor], depth: int, start: Any = None) -> None:
        super().__init__()
        self.head = nn.Linear(48, 10)
        self.floors = nn.ModuleList(nn.Linear(48, 48) for _ in range(depth))
        self.stem = nn.Linear(64, 48)
        self.act = act
        started(self, start)

    def forward(self, images: Tensor) -> Tensor:
        value = self.act(self.stem(images))
        for floor in reversed(self.floors):
            value = self.act(floor(value))
        return self.head(value)


class Product(nn.Module):
    """A gated linear layer: one product of two linear maps, or with a way around it."""

    def __init__(self, width: int, *, around: bool) -> None:
        super().__init__()
        self.up, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.around = around

    def forward(self, value: Tensor) -> Tensor:
        changed: Tensor = self.up(value) * self.gate(value).sigmoid()
        return value + changed if self.around else changed


def products(depth: int, inputs: int, *, around: bool) -> Builder:
    """Return a builder of a chain of gated linear layers."""

    def build() -> nn.Module:
        chain = [Product(32, around=around) for _ in range(depth)]
        return nn.Sequential(nn.Linear(inputs, 32), *chain, nn.Linear(32, 1))

    return build


class Faded(nn.Module):
    """A residual block whose way around is turned down as well, or not."""

    def __init__(self, width: int, share: float) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.share = share

    def forward(self, value: Tensor) -> Tensor:
        change: Tensor = self.second(self.first(value).relu())
        return self.share * value + 0.3 * change


def faded(share: float, blocks: int) -> Builder:
    """Return a builder of a stack of such blocks."""
    return lambda: nn.Sequential(*(Faded(64, share) for _ in range(blocks)), nn.Linear(64, 10))


class Own(nn.Module):
    """A linear layer that somebody wrote with randn times a constant."""

    def __init__(self, inputs: int, outputs: int, spread: float) -> None:
        super().__init__()
        self.matrix = nn.Parameter(spread * torch.randn(outputs, inputs))

    def forward(self, value: Tensor) -> Tensor:
        return value @ self.matrix.T


def homemade(spread: float, depth: int) -> Builder:
    """Return a builder of a tanh stack of such layers."""

    def build() -> nn.Module:
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [Own(64, 64, spread), nn.Tanh()]
        return nn.Sequential(*layers, Own(64, 10, 0.1))

    return build


def pyramid(start: Start | None, act: Callable[[], nn.Module] = nn.ReLU) -> Any:
    """Return a builder of a stack that narrows from 96 to 24 in 18 steps."""

    def build() -> nn.Module:
        sizes = [64, *range(96, 20, -4)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), act()]
        return started(nn.Sequential(*layers, nn.Linear(sizes[-1], 1)), start)

    return build


class SoftExperts(nn.Module):
    """A soft mixture of experts, whose router begins with weights of this size."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 32)
        self.router = nn.Linear(32, 24, bias=False)
        nn.init.normal_(self.router.weight, std=spread)
        self.table = nn.Linear(24, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.table(self.router(self.stem(images).tanh()).softmax(dim=1))


def bare_residual(std: float) -> Builder:
    """Return a builder of a stack without normalisation and with branches of this strength."""

    def build() -> nn.Module:
        skips = [Skip(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)) for _ in range(10)]
        return started(nn.Sequential(nn.Linear(4, 32), *skips, nn.Linear(32, 3)), normal(std))

    return build


class Bumps(nn.Module):
    """A layer of learned functions of one variable, each a sum of Gaussian bumps (as in KANs)."""

    def __init__(self, inputs: int, outputs: int, count: int = 6) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(-2, 2, count))
        self.weight = nn.Parameter(torch.randn(inputs * count, outputs) / math.sqrt(inputs * 2))
        self.base = nn.Linear(inputs, outputs)

    def forward(self, value: Tensor) -> Tensor:
        bumps = torch.exp(-(value.unsqueeze(-1) - self.centres).square()).flatten(1)
        return bumps @ self.weight + self.base(functional.silu(value))


def fourier(count: int = 32, scale: float = 3.0) -> Builder:
    """Return a builder of random Fourier features of a place, then a small network."""

    def build() -> nn.Module:
        angles = torch.randn(2, count) * scale
        waves = Apply(lambda p: torch.cat([(p @ angles.to(p)).sin(), (p @ angles.to(p)).cos()], 1))
        body = (nn.Linear(2 * count, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU())
        return nn.Sequential(waves, *body, nn.Linear(64, 1))

    return build


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
        return self.head(value)


class Radial(nn.Module):
    """Distances to learned centres, and a head."""

    def __init__(self, inputs: int, outputs: int, scale: float) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(24, inputs))
        self.scale = scale
        self.head = nn.Linear(24, outputs)

    def forward(self, value: Tensor) -> Tensor:
        away = (value.unsqueeze(1) - self.centres).square().mean(dim=2)
        return self.head(torch.exp(-self.scale * away))


class Hashed(nn.Module):
    """Places looked up in tables of several resolutions, of which most rows are rarely asked."""

    def __init__(self, levels: int = 4, rows: int = 256) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(rows, 4) for _ in range(levels))
        for table in self.tables:
            nn.init.uniform_(table.weight, -1e-2, 1e-2)  # type: ignore[arg-type]
        self.head = nn.Sequential(nn.Linear(4 * levels, 32), nn.ReLU(), nn.Linear(32, 3))
        self.rows = rows

    def forward(self, place: Tensor) -> Tensor:
        found = []
        for level, table in enumerate(self.tables):
            cell = (place * 4 * 2**level).long()
            found.append(table((cell[:, 0] * 73856093 ^ cell[:, 1] * 19349663) % self.rows))
        return self.head(torch.cat(found, dim=1))


class Factored(nn.Module):
    """A factorisation machine: a linear model, and products of learned vectors of the features."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.factors = nn.Parameter(0.05 * torch.randn(outputs, inputs, 6))

    def forward(self, value: Tensor) -> Tensor:
        both = torch.einsum("bi,oif->bof", value, self.factors).square()
        own = torch.einsum("bi,oif->bof", value.square(), self.factors.square())
        return self.linear(value) + 0.5 * (both - own).sum(dim=2)


class Tree(nn.Module):
    """A soft decision tree: every sample goes down all branches, with chances."""

    def __init__(self, inputs: int, outputs: int, depth: int = 4) -> None:
        super().__init__()
        self.turn = nn.Linear(inputs, 2**depth - 1)
        self.leaves = nn.Parameter(0.1 * torch.randn(2**depth, outputs))
        self.depth = depth

    def forward(self, value: Tensor) -> Tensor:
        right = self.turn(value).sigmoid()
        chance = value.new_ones(len(value), 1)
        for level in range(self.depth):
            here = right[:, 2**level - 1 : 2 ** (level + 1) - 1]
            chance = torch.stack([chance * (1 - here), chance * here], dim=2).flatten(1)
        return chance @ self.leaves


class Fixed(nn.Module):
    """A residual branch begun so that no normalisation is needed (Fixup)."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.normal_(self.first.weight, std=(2 / width) ** 0.5 * blocks**-0.5)
        nn.init.zeros_(self.second.weight)
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, value: Tensor) -> Tensor:
        return value + self.gain * self.second(self.first(value).relu())


def patient(outputs: int = 1) -> Builder:
    """Return a builder of a small network for ten measurements."""
    return mlp(nn.SiLU, 2, width=32, inputs=10, outputs=outputs)


def fixed(blocks: int) -> Builder:
    """Return a builder of residual layers begun by Fixup, with a head begun at zero."""

    def build() -> nn.Module:
        head = nn.Linear(48, 10)
        nn.init.zeros_(head.weight)
        return nn.Sequential(nn.Linear(64, 48), *(Fixed(48, blocks) for _ in range(blocks)), head)

    return build


def bell_curve() -> nn.Module:
    """Return the distribution function of a normal variable: a sigmoid by another name."""
    return Apply(lambda v: 0.5 * (1 + (v / math.sqrt(2)).erf()))


def arc() -> nn.Module:
    """Return the arc tangent, which bends at both ends and has slope 1 between."""
    return Apply(torch.atan)


def rare_words() -> nn.Module:
    """Return a table with a sparse gradient, whose rows are summed to scores."""
    return nn.Sequential(nn.EmbeddingBag(texts.WORDS, 4, sparse=True, mode="sum"))


def deep_residual(depth: int, scale: float | None, norm: bool) -> Builder:
    """Return a builder of a deep residual stack, normalised or begun wide."""

    def block() -> nn.Module:
        layer = nn.Linear(48, 48)
        if scale is not None:
            nn.init.normal_(layer.weight, std=scale)
        return Skip(nn.LayerNorm(48) if norm else nn.Identity(), layer, nn.GELU())

    return lambda: nn.Sequential(
        nn.Linear(64, 48), *(block() for _ in range(depth)), nn.Linear(48, 10)
    )
