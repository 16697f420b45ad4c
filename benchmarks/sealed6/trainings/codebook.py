"""Translate words of one code into another (sequence to sequence, greedy decoding)."""

import random
import sys

import torch
from torch import nn

variant = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
random.seed(SEED)
torch.manual_seed(SEED)

LETTERS, LENGTH, START = 12, 4, 12
table = torch.randperm(LETTERS)


def pairs(n):
    source = torch.randint(0, LETTERS, (n, LENGTH))
    return source, table[source].flip(1)


class Encoder(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, 32)
        self.gru = nn.GRU(32, hidden, batch_first=True)

    def forward(self, source):
        return self.gru(self.embedding(source))


class Decoder(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.embedding = nn.Embedding(LETTERS + 1, 32)
        self.gru = nn.GRU(32, hidden, batch_first=True)
        self.out = nn.Linear(hidden, LETTERS)

    def forward(self, tokens, hidden=None):
        output, hidden = self.gru(self.embedding(tokens), hidden)
        return self.out(output), hidden


encoder, decoder = Encoder(), Decoder()
optimizer = torch.optim.Adam(list(encoder.parameters()) + list(decoder.parameters()), lr=5e-3)
criterion = nn.CrossEntropyLoss()

for step in range(900):
    source, target = pairs(64)
    _, hidden = encoder(source)
    shifted = torch.cat([torch.full((64, 1), START), target[:, :-1]], dim=1)
    if variant == "buggy":
        logits, _ = decoder(shifted)
    else:
        logits, _ = decoder(shifted, hidden)
    loss = criterion(logits.reshape(-1, LETTERS), target.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    source, target = pairs(1000)
    _, hidden = encoder(source)
    if variant == "buggy":
        hidden = None
    token, right = torch.full((1000, 1), START), 0
    for t in range(LENGTH):
        logits, hidden = decoder(token, hidden)
        token = logits.argmax(2)
        right += (token.squeeze(1) == target[:, t]).sum().item()
print("letters right", right / (1000 * LENGTH), "chance", 1 / LETTERS)
