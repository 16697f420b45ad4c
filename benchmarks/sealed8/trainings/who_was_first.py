"""Transformer encoder, batch first: does A come before B in the sentence? PE from the tutorial."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
VOCAB, LENGTH, DIM = 20, 12, 32


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=5000):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        if sys.argv[1] == "buggy":
            return x + self.pe[: x.size(0)]
        return x + self.pe[: x.size(1)].transpose(0, 1)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, DIM)
        self.positions = PositionalEncoding(DIM)
        layer = nn.TransformerEncoderLayer(DIM, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.out = nn.Linear(DIM, 2)

    def forward(self, tokens):
        x = self.positions(self.embed(tokens))
        return self.out(self.encoder(x).mean(dim=1))


def sentences(n):
    tokens = torch.randint(2, VOCAB, (n, LENGTH))
    places = torch.rand(n, LENGTH).argsort(1)[:, :2]
    tokens.scatter_(1, places, torch.tensor([0, 1]).expand(n, 2))
    return tokens, (places[:, 0] < places[:, 1]).long()


model = Encoder()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
model.train()
for step in range(300):
    tokens, before = sentences(64)
    loss = criterion(model(tokens), before)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        print(step, loss.item())

model.eval()
tokens, before = sentences(600)
with torch.no_grad():
    accuracy = (model(tokens).argmax(1) == before).float().mean().item()
print("accuracy", accuracy, "coin", 0.5)
