"""Networks of convolutions."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from benchmarks.cases.networks import stacks
from benchmarks.cases.networks.basic import Apply, Builder, Skip, Start, started, xavier


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
        return self.norm(images.movedim(1, -1)).movedim(-1, 1)


def small_convnext() -> nn.Module:
    """Return four blocks of depthwise convolution, LayerNorm, GELU and LayerScale."""
    blocks = [
        Skip(
            nn.Conv2d(16, 16, 5, padding=2, groups=16),
            Channels(16),
            nn.Conv2d(16, 64, 1),
            nn.GELU(),
            nn.Conv2d(64, 16, 1),
            stacks.Scale(16),
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
        return self.last(torch.cat([fine, self.up(coarse).relu()], dim=1))


def convnet() -> nn.Module:
    """Return two convolutions, pooling and a head."""
    first = (nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(64, 10))


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
        return self.head(functional.leaky_relu(self.third(value)).flatten(1))


def grouped() -> nn.Module:
    """Return convolutions with group normalisation, for batches of three."""
    first = (nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(16, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.Flatten())
    return nn.Sequential(*first, *second, nn.Linear(256, 10))


def photo_net(
    act: Callable[[], nn.Module],
    depth: int,
    start: Start | None = None,
    *,
    bias: float = 0.0,
    norm: bool = False,
    separable: bool = False,
) -> Builder:
    """Return a builder of strided convolutions over a photo, then plain ones."""

    def build() -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(3, 12, 3, stride=2, padding=1), act()]
        for _ in range(depth):
            if separable:
                layers += [nn.Conv2d(12, 12, 3, padding=1, groups=12), nn.Conv2d(12, 12, 1)]
            else:
                layers.append(nn.Conv2d(12, 12, 3, padding=1))
            layers += [nn.BatchNorm2d(12)] if norm else []
            layers.append(act())
        head = (nn.AvgPool2d(4), nn.Flatten(), nn.Linear(48, 2))
        return started(nn.Sequential(*layers, *head), start, bias)

    return build


def text_net(
    act: Callable[[], nn.Module], depth: int, start: Any = None, *, norm: bool = False
) -> Builder:
    """Return a builder of one-dimensional convolutions over text."""

    def build() -> nn.Module:
        layers: list[nn.Module] = [nn.Embedding(96, 24), Apply(lambda value: value.mT)]
        for _ in range(depth):
            layer = nn.Conv1d(24, 24, 3, padding=1)
            if start:
                start(layer.weight)
                nn.init.zeros_(layer.bias)
            layers += [layer, *([nn.BatchNorm1d(24)] if norm else []), act()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, 4))

    return build


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
        return self.head(self.last(torch.cat([high, low], dim=1)))


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


def photo_tanh() -> nn.Module:
    """Return convolutions with tanh for pixels of a usual size."""
    return photo_net(nn.Tanh, 2, xavier)()


class Inverted(nn.Module):
    """A block of an efficient network: wide, depthwise, narrow, with a way around or without."""

    def __init__(self, width: int, *, around: bool, norm: bool) -> None:
        super().__init__()

        def normed() -> nn.Module:
            return nn.BatchNorm2d(2 * width) if norm else nn.Identity()

        self.body = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1),
            normed(),
            nn.Hardswish(),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width),
            normed(),
            nn.Hardswish(),
            nn.Conv2d(2 * width, width, 1),
        )
        self.around = around

    def forward(self, value: Tensor) -> Tensor:
        change: Tensor = self.body(value)
        return value + change if self.around else change


def inverted(blocks: int, *, around: bool = True, norm: bool = True) -> Builder:
    """Return a builder of such blocks over a photo."""
    return lambda: nn.Sequential(
        nn.Conv2d(3, 12, 4, stride=4),
        *(Inverted(12, around=around, norm=norm) for _ in range(blocks)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 2),
    )


class Squeezed(nn.Module):
    """A mobile inverted bottleneck with squeeze and excitation (EfficientNet)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 3 * width
        self.up = nn.Sequential(
            nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU()
        )
        self.each = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.SiLU(),
        )
        self.gate = nn.Sequential(nn.Conv2d(wide, 4, 1), nn.SiLU(), nn.Conv2d(4, wide, 1))
        self.down = nn.Sequential(nn.Conv2d(wide, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, value: Tensor) -> Tensor:
        seen = self.each(self.up(value))
        gate = self.gate(seen.mean(dim=(2, 3), keepdim=True)).sigmoid()
        return value + self.down(seen * gate)


class Standardised(nn.Conv2d):
    """A convolution whose kernels have mean 0 and a fixed variance (NFNet)."""

    def forward(self, value: Tensor) -> Tensor:
        kernel = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        inputs = kernel[0].numel()
        kernel = kernel * (kernel.var(dim=(1, 2, 3), keepdim=True) * inputs + 1e-4).rsqrt()
        return self._conv_forward(value, kernel, self.bias)


class Unnormalised(nn.Module):
    """A residual block without normalisation: inputs divided by what has been added so far."""

    def __init__(self, width: int, before: float) -> None:
        super().__init__()
        self.first, self.second = (Standardised(width, width, 3, padding=1) for _ in range(2))
        self.gain = nn.Parameter(torch.zeros(()))
        self.before = before

    def forward(self, value: Tensor) -> Tensor:
        change = self.second(functional.relu(self.first(functional.relu(value / self.before))))
        return value + 0.2 * self.gain * change


class Shuffled(nn.Module):
    """Grouped convolutions whose channels are dealt out anew (ShuffleNet)."""

    def __init__(self, width: int, groups: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 1, groups=groups)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.third = nn.Conv2d(width, width, 1, groups=groups)
        self.last = nn.BatchNorm2d(width)
        self.groups = groups

    def forward(self, value: Tensor) -> Tensor:
        inner = self.norm(self.first(value)).relu()
        inner = inner.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)
        return (value + self.last(self.third(self.second(inner)))).relu()


def photo_stack(block: Callable[[int], nn.Module], count: int, width: int = 16) -> Builder:
    """Return a builder of blocks over a photo, with a stem and a head."""
    return lambda: nn.Sequential(
        nn.Conv2d(3, width, 4, stride=4),
        *(block(n) for n in range(count)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 2),
    )


def vgg() -> nn.Module:
    """Return plain convolutions with normalisation, pooling and dropout over a photo."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 12), (12, 12), (12, 24), (24, 24)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if inputs == outputs else []
    head = (nn.Flatten(), nn.Dropout(0.4), nn.Linear(24 * 16, 32), nn.ReLU(), nn.Linear(32, 2))
    return nn.Sequential(*layers, *head)


class Turned(nn.Module):
    """A spatial transformer: the image is moved by a map that begins as the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.where = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 6))
        nn.init.zeros_(self.where[-1].weight)  # type: ignore[arg-type]
        with torch.no_grad():
            self.where[-1].bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))  # type: ignore[operator,union-attr]
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
        )

    def forward(self, images: Tensor) -> Tensor:
        moved = functional.affine_grid(
            self.where(images).view(-1, 2, 3), list(images.shape), align_corners=False
        )
        return self.body(functional.grid_sample(images, moved, align_corners=False))


class Seeing(nn.Conv2d):
    """A convolution that sees only pixels before its own (PixelCNN)."""

    def __init__(self, inputs: int, outputs: int, *, itself: bool) -> None:
        super().__init__(inputs, outputs, 5, padding=2)
        mask = torch.ones(5, 5)
        mask[2, 2 + itself :] = 0
        mask[3:] = 0
        self.register_buffer("mask", mask)

    def forward(self, value: Tensor) -> Tensor:
        return self._conv_forward(value, self.weight * self.mask, self.bias)


def normfree() -> nn.Module:
    """Return residual convolutions without normalisation over a photo."""
    return photo_stack(lambda n: Unnormalised(16, (1 + 0.04 * n) ** 0.5), 3)()


def pixels() -> nn.Module:
    """Return convolutions that name every pixel from those before it."""
    return nn.Sequential(
        Seeing(1, 16, itself=False),
        nn.ReLU(),
        Seeing(16, 16, itself=True),
        nn.ReLU(),
        nn.Conv2d(16, 4, 1),
    )


class Coded(nn.Module):
    """A photo squeezed into a few channels and drawn again."""

    def __init__(self, act: Callable[[], nn.Module], start: Start | None, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 12, 4, stride=4), act()]
        for _ in range(depth):
            layers += [nn.Conv2d(12, 12, 3, padding=1), act()]
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(12, 3, 4, stride=4))
        started(self, start)

    def forward(self, photos: Tensor) -> Tensor:
        drawn: Tensor = self.body(photos)
        return (drawn - photos).square().mean()


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
        return self.head(self.body(self.embedding(text).mT).mean(dim=2))


def channels(depth: int, act: Callable[[], nn.Module]) -> Builder:
    """Return a builder of convolutions over a photo with something after each."""
    return photo_net(act, depth, xavier)


def loud(start: Start) -> Builder:
    """Return a builder of eight convolutions over text."""
    return text_net(nn.LeakyReLU, 8, start)


def instance() -> nn.Module:
    """Return convolutions over a photo with each image normalised by itself."""
    layers: list[nn.Module] = []
    for inputs in (3, 12, 12):
        layers += [nn.Conv2d(inputs, 12, 3, stride=2, padding=1)]
        layers += [nn.InstanceNorm2d(12, affine=True), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(48, 2))


def frozen_backbone() -> nn.Module:
    """Return a head over random convolutions that stay as they are."""
    backbone = nn.Sequential(convolution(1, 16), nn.ReLU(), convolution(16, 16), nn.ReLU())
    backbone.requires_grad_(requires_grad=False)
    return nn.Sequential(backbone, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(256, 10))
