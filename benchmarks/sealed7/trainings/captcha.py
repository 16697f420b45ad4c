"""Read a strip of symbols of unknown alignment: small conv net + CTC."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, SYMBOLS, T, LENGTH = 300, 8, 14, 4
glyph = torch.randn(SYMBOLS + 1, 12)
glyph[0] = 0  # nothing drawn


def strips(n):
    text = torch.stack([1 + torch.randperm(SYMBOLS)[:LENGTH] for _ in range(n)])
    frames = torch.zeros(n, T, dtype=torch.long)
    for i in range(n):
        place = torch.randperm(T - 2)[:LENGTH].sort().values + 1
        frames[i, place] = text[i]
    return glyph[frames] + 0.3 * torch.randn(n, T, 12), text


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(12, 64, 3, padding=1)
        self.out = nn.Linear(64, SYMBOLS + 1)

    def forward(self, x):
        h = F.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        scores = self.out(h).transpose(0, 1)  # (T, N, C)
        return scores.softmax(2) if version == "buggy" else scores.log_softmax(2)


model = Reader()
ctc = nn.CTCLoss(blank=0)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(STEPS):
    x, text = strips(32)
    loss = ctc(model(x), text, torch.full((32,), T), torch.full((32,), LENGTH))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.3f}")

x, text = strips(400)
with torch.no_grad():
    best = model(x).argmax(2).T
right = 0
for path, truth in zip(best, text):
    read = [int(s) for i, s in enumerate(path) if s > 0 and (i == 0 or s != path[i - 1])]
    right += sum(a == b for a, b in zip(read, truth.tolist()) if len(read) == LENGTH)
print("symbols read", right / (400 * LENGTH), "guess", 1 / SYMBOLS)
