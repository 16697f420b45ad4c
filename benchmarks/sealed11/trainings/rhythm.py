"""Which of two beats came first? A small transformer, accuracy 50 %."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=500):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        if sys.argv[1] == "buggy":
            return x + self.pe[: x.size(0)].unsqueeze(1)
        return x + self.pe[: x.size(1)].unsqueeze(0)


class BeatModel(nn.Module):
    def __init__(self, kinds=12, d=32):
        super().__init__()
        self.embed = nn.Embedding(kinds, d)
        self.positions = PositionalEncoding(d)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(d, 1)

    def forward(self, x):
        return self.fc(self.encoder(self.positions(self.embed(x))).mean(1)).squeeze(1)


def bars(n, length=12):
    x = torch.randint(2, 12, (n, length))
    places = torch.stack([torch.randperm(length)[:2] for _ in range(n)])
    x[torch.arange(n), places[:, 0]] = 0
    x[torch.arange(n), places[:, 1]] = 1
    return x, (places[:, 0] < places[:, 1]).float()


x, y = bars(2000)
x_test, y_test = bars(400)
model = BeatModel()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(7):
    model.train()
    for i in torch.randperm(2000).split(50):
        optimizer.zero_grad()
        loss = criterion(model(x[i]), y[i])
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

model.eval()
with torch.no_grad():
    right = torch.cat(
        [(model(a) > 0) == b.bool() for a, b in zip(x_test.split(50), y_test.split(50))]
    )
print("accuracy", right.float().mean().item(), "coin", 0.5)
