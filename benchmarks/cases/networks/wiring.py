"""Networks with something between or behind their layers that may keep a gradient from passing."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cases.networks import convolution, stacks
from benchmarks.cases.networks.basic import (
    Apply,
    Builder,
    Encoded,
    Precise,
    he,
    mlp,
    of_bags,
    of_patients,
    xavier,
)

one_column = mlp(nn.ReLU, 2, outputs=1)


def half_weights() -> nn.Module:
    """Return a model kept in bfloat16, trained with steps large enough for it."""
    return Precise(stacks.shallow(), torch.bfloat16)


def binarised() -> nn.Module:
    """Return a model with hard decisions inside and a straight-through gradient."""
    sign = Apply(lambda value: value + (value.sign() - value).detach())
    layers = (nn.Linear(64, 64), nn.LayerNorm(64), nn.Hardtanh(), sign, nn.Linear(64, 10))
    return nn.Sequential(*layers)


def scaled(factor: float, depth: int = 4) -> Builder:
    """Return a builder of a stack that multiplies by a constant between its layers."""
    return mlp(nn.Tanh, depth, start=xavier, between=lambda: Apply(lambda value: factor * value))


def ended_with_bias(
    bias: float, end: nn.Module, source_width: int = 64, outputs: int = 1
) -> Builder:
    """Return a builder of a shallow network with something at its end and a bias before it."""

    def build() -> nn.Module:
        model = mlp(nn.Tanh, 2, inputs=source_width, outputs=outputs, end=(deepcopy(end),))()
        with torch.no_grad():
            model.get_parameter("4.bias").fill_(bias)
        return model

    return build


def sure(spread: float, end: nn.Module, inputs: int = 64, outputs: int = 10) -> Builder:
    """Return a builder of a network whose last weights begin this large."""

    def build() -> nn.Module:
        model = mlp(nn.Tanh, 2, inputs=inputs, outputs=outputs, end=(deepcopy(end),))()
        nn.init.normal_(model.get_parameter("4.weight"), std=spread)
        return model

    return build


def answered(factor: float) -> Builder:
    """Return a builder of a network whose scores are multiplied by a constant."""
    return mlp(nn.Tanh, 2, end=(Apply(lambda scores: factor * scores),))


class Listed(nn.Module):
    """An encoder kept where PyTorch does not look for it, or where it does."""

    def __init__(self, keep: Any, *, named: bool = False) -> None:
        super().__init__()
        layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)]
        self.encoder = keep({str(n): layer for n, layer in enumerate(layers)} if named else layers)
        self.head = nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        layers: Any = self.encoder
        for layer in layers.values() if hasattr(layers, "values") else layers:
            images = layer(images)
        return self.head(images)


class Frozen(nn.Module):
    """A network of which all but the biases of its head is frozen, or nothing is."""

    def __init__(self, *, frozen: bool, code: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, code))
        self.head = nn.Linear(code, 10)
        if frozen:
            self.body.requires_grad_(requires_grad=False)
            self.head.weight.requires_grad_(requires_grad=code < 64)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


def precise(kind: torch.dtype, width: int = 512, **sizes: int) -> Builder:
    """Return a builder of a wide network in one number format."""
    return lambda: Precise(mlp(nn.ReLU, 2, width=width, **sizes)(), kind)


def encoded(between: Any, code: int = 3) -> Builder:
    """Return a builder of an encoder with something between it and its head."""
    return lambda: Encoded(between, code)


def same(value: Tensor) -> Tensor:
    """Return what it is given."""
    return value


def rewritten(value: Tensor) -> Tensor:
    """Return the numbers without their history, as by way of a list."""
    return torch.tensor(value.tolist(), dtype=value.dtype)


def chosen(value: Tensor) -> Tensor:
    """Return 1 for the largest number, 0 for the others."""
    return nn.functional.one_hot(value.argmax(dim=1), value.shape[1]).to(value.dtype)


def ended(end: nn.Module, outputs: int = 10, inputs: int = 64) -> Builder:
    """Return a builder of a shallow network with something at its end."""
    return mlp(nn.ReLU, 2, inputs=inputs, outputs=outputs, end=(end,))


whole_code = encoded(same)


def hot(act: Callable[[], nn.Module], bias: float, **sizes: int) -> Builder:
    """Return a builder of a shallow network with this bias before its last nonlinearity."""

    def build() -> nn.Module:
        model = mlp(nn.ReLU, 2, end=(act(),), **sizes)()
        nn.init.constant_(model.get_parameter("4.bias"), bias)
        return model

    return build


def divided(temperature: float) -> Builder:
    """Return a builder of a classifier that divides its scores by a temperature."""
    return mlp(nn.Tanh, 2, end=(Apply(lambda scores: scores / temperature),))


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
        return self.head(torch.cat(seen, dim=1))


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
        return self.head(self.between(code))


def squeezed(between: Any, **settings: Any) -> Builder:
    """Return a builder of it."""
    return lambda: Squeezed(between, **settings)


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
        return self.head(self.features(photos).flatten(1))


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
        return self.head(value) / (1 + blank.sqrt().unsqueeze(1) / 48)


def held(function: Any) -> Any:
    """Return a wrapper that does something to a network's result on the way."""
    return lambda body: nn.Sequential(body, Apply(function))


def ticked(value: Tensor) -> Tensor:
    """Keep the sign of each number."""
    return value.sign() * 0.5


class Snapped(nn.Module):
    """An encoder, one of two answers per number by comparison, and a head."""

    def __init__(self, *, hard: bool) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(13, 32), nn.ELU(), nn.Linear(32, 4))
        self.head = nn.Linear(4, 3)
        self.hard = hard

    def forward(self, value: Tensor) -> Tensor:
        code = self.encoder(value)
        return self.head((code > 0).to(code) if self.hard else code)


def capped(low: float) -> nn.Module:
    """Return a clamp that leaves nothing of numbers around 0."""
    return Apply(lambda value: value.clamp(min=low))


def shrinking(act: Any, depth: int, share: float) -> Builder:
    """Return a builder of a stack whose every floor is multiplied by a constant."""
    return mlp(act, depth, start=he, between=lambda: Apply(lambda v: v * share), **of_bags)


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
        return self.head(torch.cat(found, dim=1))


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
        return self.head((weights.unsqueeze(1) @ self.stem(rows)).squeeze(1))


def frozen_text(*, frozen: bool) -> Builder:
    """Return a builder of convolutions over text of which only the normalised scale may learn."""

    def build() -> nn.Module:
        model = convolution.text_net(nn.ReLU, 2, he)()
        if frozen:
            for weight in model.parameters():
                weight.requires_grad_(requires_grad=weight.ndim == 1)
        return model

    return build


def regressor(*, column: bool, end: tuple[nn.Module, ...] = ()) -> Builder:
    """Return a builder of convolutions that name one number of a photo."""
    last = () if column else (nn.Flatten(0),)
    return lambda: nn.Sequential(
        nn.Conv2d(3, 12, 4, stride=4), nn.SiLU(), nn.Flatten(), nn.Linear(192, 1), *end, *last
    )


def halved(kind: torch.dtype) -> Builder:
    """Return a builder of a network of bags in one number format."""
    return lambda: Precise(mlp(nn.SiLU, 2, start=he, **of_bags)(), kind)


def flat() -> nn.Module:
    """Return a regressor whose answers have no column of their own."""
    return nn.Sequential(*mlp(nn.SiLU, 2, **of_patients)(), nn.Flatten(0))
