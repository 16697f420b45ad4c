"""Networks over sets and graphs."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases.networks import stacks
from benchmarks.cases.networks.basic import Builder, Pooled, Skip, Start, he, mlp


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
        return self.head(self.layers(nodes).mean(dim=1))


class DeepGraph(nn.Module):
    """A deep graph network over the pixels, with or without ways around its layers."""

    def __init__(self, layers: int, *, skips: bool) -> None:
        super().__init__()
        self.places = nn.Parameter(0.5 * torch.randn(64, 8))
        self.stem, self.head = nn.Linear(9, 24), nn.Linear(24, 10)
        plain = (Grid(24, 24) for _ in range(layers))
        around = (Skip(nn.LayerNorm(24), Grid(24, 24)) for _ in range(layers))
        self.layers = nn.Sequential(*(around if skips else plain))

    def forward(self, pixels: Tensor) -> Tensor:
        nodes = torch.cat([pixels, self.places.expand(len(pixels), -1, -1)], dim=2)
        return self.head(self.layers(self.stem(nodes)).mean(dim=1))


def smoothed(layers: int, *, skips: bool) -> Builder:
    """Return a builder of a deep graph network."""
    return lambda: DeepGraph(layers, skips=skips)


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

    def __init__(self, wrap: stacks.Wrap = nn.Sequential) -> None:
        super().__init__()
        self.names = nn.Parameter(torch.randn(13, 8))
        body = nn.Sequential(nn.Linear(9, 48), nn.ELU(), nn.Linear(48, 48), nn.ELU())
        self.each = wrap(body)
        self.head = nn.Linear(48, 3)

    def forward(self, numbers: Tensor) -> Tensor:
        names = self.names.expand(len(numbers), -1, -1)
        return self.head(self.each(torch.cat([numbers, names], dim=2)).mean(dim=1))


def ring() -> nn.Module:
    """Return graph attention over the eight rows of an image."""
    return Pooled(nn.Linear(8, 32), nn.Sequential(*(Neighbours(32) for _ in range(2))), 32)


class Induced(nn.Module):
    """A set transformer: a few learned questions read a set, and the set reads the answers."""

    def __init__(self, width: int, questions: int = 4) -> None:
        super().__init__()
        self.questions = nn.Parameter(torch.randn(1, questions, width) / width**0.5)
        self.ask, self.tell = (nn.MultiheadAttention(width, 4, batch_first=True) for _ in range(2))
        self.norm = nn.LayerNorm(width)

    def forward(self, value: Tensor) -> Tensor:
        questions = self.questions.expand(len(value), -1, -1)
        answers, _ = self.ask(questions, value, value, need_weights=False)
        told, _ = self.tell(value, answers, answers, need_weights=False)
        return self.norm(value + told)


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
        return self.head(value)


class Points(nn.Module):
    """Inked pixels as points: the same layers for each, and the largest answer of all."""

    def __init__(
        self,
        act: Callable[[], nn.Module],
        depth: int,
        start: Start | None = he,
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
        return self.head(self.each(points).amax(dim=1))
