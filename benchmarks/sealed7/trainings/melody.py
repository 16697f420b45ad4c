"""Continue a melody, in which most notes follow from the one before. Causal self-attention written by hand."""

import math
import sys

import torch
from torch import nn

variant = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, NOTES, T, D = 300, 12, 20, 48
follows = torch.randperm(NOTES)
HIDDEN = 1e-9 if variant == "buggy" else -1e9


def melodies(n):
    song = [torch.randint(0, NOTES, (n,))]
    for _ in range(T):
        free = torch.rand(n) < 0.2
        song.append(torch.where(free, torch.randint(0, NOTES, (n,)), follows[song[-1]]))
    return torch.stack(song, 1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x, mask):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / math.sqrt(D)
        scores = scores.masked_fill(mask == 0, HIDDEN)
        return scores.softmax(-1) @ self.v(x)


class Composer(nn.Module):
    def __init__(self):
        super().__init__()
        self.note, self.place = nn.Embedding(NOTES, D), nn.Embedding(T, D)
        self.attention = Attention()
        self.norm = nn.LayerNorm(D)
        self.head = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, NOTES))

    def forward(self, notes):
        length = notes.shape[1]
        mask = torch.tril(torch.ones(length, length))
        h = self.note(notes) + self.place.weight[:length]
        h = h + self.attention(h, mask)
        return self.head(self.norm(h))


model = Composer()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for step in range(STEPS):
    song = melodies(48)
    logits = model(song[:, :-1])
    loss = criterion(logits.reshape(-1, NOTES), song[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.3f}")

with torch.no_grad():
    song = melodies(500)
    hits = [
        (model(song[:, :k])[:, -1].argmax(1) == song[:, k]).float().mean() for k in (11, 14, 18)
    ]
print("next note", sum(hits).item() / 3, "chance", 1 / NOTES)
