"""The four trainings that cost is measured on, each from a seed, on random data."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


@dataclass(slots=True)
class Work:
    """A model with its optimizer, and one training step on it."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[], torch.Tensor]
    losses: Callable[[], torch.Tensor]  # of each sample or word, for tools that ask for them

    def step(self) -> torch.Tensor:
        """Perform one ordinary training step and return its loss."""
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm around a skip (He et al. 2016, ResNet-20)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.stride, self.more = stride, after - before

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        skip = x[:, :, :: self.stride, :: self.stride]
        y += functional.pad(skip, (0, 0, 0, 0, 0, self.more))
        return functional.relu(y, inplace=True)


def resnet20() -> nn.Module:
    """0.27 million parameters."""
    blocks = [
        Block(before, after, stride)
        for before, after, stride in [
            *[(16, 16, 1)] * 3,
            (16, 32, 2),
            *[(32, 32, 1)] * 2,
            (32, 64, 2),
            *[(64, 64, 1)] * 2,
        ]
    ]
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class Attention(nn.Module):
    """Causal self-attention as in GPT-2."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, c = x.shape
        q, k, v = (z.view(n, t, self.heads, -1).transpose(1, 2) for z in self.c_attn(x).split(c, 2))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(n, t, c))


class TransformerBlock(nn.Module):
    """Pre-norm block as in GPT-2."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    """GPT-2 with tied embeddings, small: 4 blocks, 256 wide, 4 heads, 4,096 words."""

    def __init__(
        self, words: int = 4096, length: int = 128, width: int = 256, depth: int = 4
    ) -> None:
        super().__init__()
        self.wte = nn.Embedding(words, width)
        self.wpe = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(TransformerBlock(width, 4) for _ in range(depth))
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.wte.weight
        nn.init.normal_(self.wte.weight, std=0.02)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        x = self.wte(words) + self.wpe[: words.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_f(x))


class Tagger(nn.Module):
    """Two LSTM layers, 256 wide, over 50 time steps."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(1000, 128)
        self.lstm = nn.LSTM(128, 256, 2, batch_first=True)
        self.head = nn.Linear(256, 10)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embed(words))[0][:, -1])


def mlp_10m(device: str) -> Work:
    """10 million parameters, batch 64."""
    model = mlp([784, 2048, 2048, 2048, 10])
    x, y = torch.randn(64, 784), torch.randint(10, (64,))
    return _classify(model, x, y, device)


def mlp(widths: list[int]) -> nn.Sequential:
    """Return linear layers of these widths with ReLU between."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _classify(model: nn.Module, x: torch.Tensor, y: torch.Tensor, device: str) -> Work:
    model, x, y = model.to(device), x.to(device), y.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def loss(reduction: str = "mean") -> torch.Tensor:
        return functional.cross_entropy(model(x).flatten(0, -2), y.flatten(), reduction=reduction)

    return Work(model, optimizer, loss, lambda: loss("none"))


def resnet_20(device: str) -> Work:
    """ResNet-20 on 32x32 pictures, batch 32."""
    return _classify(resnet20(), torch.randn(32, 3, 32, 32), torch.randint(10, (32,)), device)


def gpt_2(device: str) -> Work:
    """A small GPT-2 on 8 sequences of 128 words."""
    words = torch.randint(4096, (8, 129))
    return _classify(GPT2(), words[:, :-1], words[:, 1:], device)


def lstm(device: str) -> Work:
    """An LSTM on 32 sequences of 50 words."""
    return _classify(Tagger(), torch.randint(1000, (32, 50)), torch.randint(10, (32,)), device)


MODELS: dict[str, Callable[[str], Work]] = {
    "MLP 10M": mlp_10m,
    "ResNet-20": resnet_20,
    "GPT-2 small": gpt_2,
    "LSTM": lstm,
}
