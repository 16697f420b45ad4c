"""What most networks are made of: ways to begin, plain stacks, layers around others; sizes of tables."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

Builder: TypeAlias = Callable[[], nn.Module]


Start: TypeAlias = Callable[[Tensor], Any]


of_tumours: dict[str, Any] = {"inputs": 30, "outputs": 1}


of_patients = {"inputs": 10, "outputs": 1}


of_irises: dict[str, Any] = {"inputs": 4, "outputs": 3}


of_wine: dict[str, Any] = {"inputs": 13, "outputs": 3}


of_irises_32: dict[str, Any] = {"inputs": 4, "outputs": 3, "width": 32}


of_columns: dict[str, Any] = {"inputs": 3, "outputs": 1, "width": 32}


of_bags: dict[str, Any] = {"inputs": 512, "outputs": 4}


of_sizes: dict[str, Any] = {"inputs": 29, "outputs": 1}


of_pieces: dict[str, Any] = {"inputs": 48, "outputs": 4}


def he(weight: Tensor) -> None:
    """Keep the signal's size through ReLU layers."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def xavier(weight: Tensor) -> None:
    """Keep the signal's size through nearly linear layers."""
    nn.init.xavier_normal_(weight)


def lecun(weight: Tensor) -> None:
    """Variance 1 / inputs."""
    nn.init.kaiming_normal_(weight, nonlinearity="linear")


def normal(std: float) -> Start:
    """Draw from a normal distribution of this width."""
    return lambda weight: nn.init.normal_(weight, std=std)


def orthogonal(gain: float) -> Start:
    """Begin as a rotation times a gain."""
    return lambda weight: nn.init.orthogonal_(weight, gain)


def constant(value: float) -> Start:
    """Begin with one value everywhere."""
    return lambda weight: nn.init.constant_(weight, value)


def started(model: nn.Module, start: Start | None, bias: float | None = 0.0) -> nn.Module:
    """Apply an initialisation to every linear and convolutional layer."""
    for layer in model.modules():
        if start and isinstance(layer, nn.Linear | nn.Conv2d):
            start(layer.weight)
            if layer.bias is not None and bias is not None:
                nn.init.constant_(layer.bias, bias)
    return model


def mlp(
    act: Callable[[], nn.Module],
    depth: int,
    *,
    width: int = 64,
    inputs: int = 64,
    outputs: int = 10,
    start: Start | None = None,
    bias: float | None = 0.0,
    biased: bool = True,
    norm: Callable[[int], nn.Module] | None = None,
    end: tuple[nn.Module, ...] = (),
    between: Callable[[], nn.Module] | None = None,
) -> Builder:
    """Return a builder of a plain stack: linear, perhaps a norm, an activation; then a head."""

    def build() -> nn.Module:
        layers: list[nn.Module] = []
        size = inputs
        for _ in range(depth):
            layers.append(nn.Linear(size, width, bias=biased))
            layers += [norm(width)] if norm else []
            layers.append(act())
            layers += [between()] if between else []
            size = width
        return started(
            nn.Sequential(*layers, nn.Linear(size, outputs, bias=biased), *end), start, bias
        )

    return build


def convolutions(
    act: Callable[[], nn.Module],
    depth: int,
    *,
    channels: int = 8,
    start: Start | None = None,
    bias: float | None = 0.0,
    norm: Callable[[int], nn.Module] | None = None,
) -> Builder:
    """Return a builder of a plain stack of 3x3 convolutions over an 8x8 image."""

    def build() -> nn.Module:
        layers: list[nn.Module] = []
        size = 1
        for _ in range(depth):
            layers.append(nn.Conv2d(size, channels, 3, padding=1))
            layers += [norm(channels)] if norm else []
            layers.append(act())
            size = channels
        head = (nn.AvgPool2d(2), nn.Flatten(), nn.Linear(channels * 16, 10))
        return started(nn.Sequential(*layers, *head), start, bias)

    return build


class Apply(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


class Skip(nn.Module):
    """A branch added to what goes around it, perhaps scaled."""

    def __init__(self, *branch: nn.Module, scale: float | None = None, size: int = 1) -> None:
        super().__init__()
        self.branch = nn.Sequential(*branch)
        self.scale = None if scale is None else nn.Parameter(torch.full((size,), scale))

    def forward(self, value: Tensor) -> Tensor:
        change: Tensor = self.branch(value)
        return value + (change if self.scale is None else self.scale * change)


class Encoded(nn.Module):
    """An encoder that squeezes an image into three numbers, something done to them, and a head."""

    def __init__(self, between: Callable[[Tensor], Tensor], code: int = 3) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, code))
        self.between = between
        self.head = nn.Linear(code, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.between(self.encoder(images)))


class Reader(nn.Module):
    """A recurrent network that reads a sequence, perhaps waits, and answers at the end."""

    def __init__(
        self,
        kind: Callable[..., nn.RNNBase] = nn.RNN,
        *,
        inputs: int = 8,
        width: int = 64,
        waiting: int = 0,
        pooled: bool = False,
        outputs: int = 10,
        recurrent: Start | None = None,
        gate: float | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        self.rnn = kind(inputs, width, batch_first=True, **settings)
        self.head = nn.Linear(width * (2 if self.rnn.bidirectional else 1), outputs)
        self.waiting, self.pooled = waiting, pooled
        for layer in self.rnn.all_weights:
            if recurrent:
                recurrent(layer[1])
            if gate is not None:  # second quarter: LSTM's forget, second third: GRU's update
                with torch.no_grad():
                    layer[2][width : 2 * width] = gate

    def forward(self, rows: Tensor) -> Tensor:
        wait = rows.new_zeros(len(rows), self.waiting, rows.shape[2])
        states, _ = self.rnn(torch.cat([rows, wait], dim=1))
        return self.head(states.mean(dim=1) if self.pooled else states[:, -1])


class Letters(nn.Module):
    """Letters to vectors, something over them, and a head."""

    def __init__(
        self, body: nn.Module, width: int = 32, outputs: int = 96, *, padded: bool = False
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, width, padding_idx=1 if padded else None)
        self.body = body
        self.head = nn.Linear(width, outputs)

    def forward(self, text: Tensor) -> Tensor:
        value = self.body(self.embedding(text))
        return self.head(value[0] if isinstance(value, tuple) else value)


class Pooled(nn.Module):
    """The mean over all places of what a body makes of them, and a head."""

    def __init__(self, stem: nn.Module, body: nn.Module, width: int, outputs: int = 10) -> None:
        super().__init__()
        self.stem, self.body = stem, body
        self.head = nn.Linear(width, outputs)

    def forward(self, places: Tensor) -> Tensor:
        value = self.body(self.stem(places))
        value = value[0] if isinstance(value, tuple) else value
        return self.head(value.mean(dim=1))


class Transformer(nn.Module):
    """Attention over the rows of an image, with PyTorch's own layers."""

    def __init__(self, layers: int, *, first: bool, width: int = 32, spread: float = 1.0) -> None:
        super().__init__()
        self.stem = nn.Linear(8, width)
        self.places = nn.Parameter(0.02 * torch.randn(8, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=first
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width) if first else nn.Identity()
        self.head = nn.Linear(width, 10)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if "in_proj_weight" in name:
                    weight[: 2 * width] *= spread

    def forward(self, rows: Tensor) -> Tensor:
        value = self.stem(rows) + self.places
        for layer in self.layers:
            value = layer(value)
        return self.head(self.norm(value).mean(dim=1))


class Logits(nn.Module):
    """A model of `transformers`, of whose output only the scores are kept."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, value: Tensor) -> Tensor:
        return self.model(value).logits


class Precise(nn.Module):
    """A network in one number format that hands out float32."""

    def __init__(self, inner: nn.Module, kind: torch.dtype) -> None:
        super().__init__()
        self.inner = inner.to(kind)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.inner(images.to(next(self.inner.parameters()).dtype))
        return scores if scores.dtype == torch.float64 else scores.float()


class Backwards(nn.Module):
    """A plain stack whose layers are registered in the reverse of the order in which they run."""

    def __init__(self, act: Callable[[], nn.Module], depth: int, start: Start | None) -> None:
        super().__init__()
        self.head = nn.Linear(64, 10)
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(depth))
        self.act = act()
        started(self, start)

    def forward(self, images: Tensor) -> Tensor:
        for layer in reversed(self.layers):
            images = self.act(layer(images))
        return self.head(images)
