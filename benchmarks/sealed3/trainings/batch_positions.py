"""Which of two signs comes first? A transformer. Fault: positions are added along the batch, not along time."""

import math

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

LENGTH = 16


class Positions(nn.Module):
    """Sines and cosines (Vaswani et al., 2017), of shape (longest, width)."""

    def __init__(self, width: int, longest: int = 512, *, over_batch: bool) -> None:
        super().__init__()
        place = torch.arange(longest).unsqueeze(1)
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
        table = torch.zeros(longest, width)
        table[:, 0::2], table[:, 1::2] = torch.sin(place * rate), torch.cos(place * rate)
        self.register_buffer("table", table)
        self.over_batch = over_batch

    def forward(self, x: Tensor) -> Tensor:
        if self.over_batch:
            return x + self.table[: x.size(0)].unsqueeze(1)
        return x + self.table[: x.size(1)].unsqueeze(0)


class FirstSign(nn.Module):
    def __init__(self, width: int = 32, *, over_batch: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, width)
        self.positions = Positions(width, over_batch=over_batch)
        layer = nn.TransformerEncoderLayer(width, 2, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.encoder(self.positions(self.embed(tokens))).mean(1))


def sequences(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise of the signs 2 to 9, with one 0 and one 1; the label says which of these is first."""
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.randint(2, 10, (count, LENGTH), generator=draw)
    places = torch.rand(count, LENGTH, generator=draw).argsort(1)[:, :2]
    tokens.scatter_(1, places, torch.tensor([0, 1]).expand(count, 2))
    return tokens, (places[:, 0] < places[:, 1]).long()


def build_model(over_batch: bool = False) -> nn.Module:
    return FirstSign(over_batch=over_batch)


def train_data() -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(TensorDataset(*sequences(1600, seed=1)), batch_size=32, shuffle=True)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=2e-3)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    model = build_model(over_batch=begin())
    fit(model, train_data(), nn.CrossEntropyLoss(), optimizer(model), epochs=7)
    x, y = sequences(500, seed=2)
    with torch.no_grad():
        tell((model(x).argmax(1) == y).float().mean().item(), 0.5)
