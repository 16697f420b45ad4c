"""A text CNN (Kim 2014) sorts headlines into five sections."""

import sys
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Hyperparameters:
    lr: float = 2e-3
    batch: int = 32
    steps: int = 200
    dim: int = 24
    filters: int = 24
    vocab: int = 300
    sections: int = 5
    length: int = 16


hp = Hyperparameters()
if sys.argv[1] == "buggy":
    hp.lr = 0.5
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def headlines(n):
    section = torch.randint(0, hp.sections, (n,))
    words = torch.randint(0, hp.vocab, (n, hp.length))
    topical = section[:, None] * 60 + torch.randint(0, 60, (n, hp.length))
    return torch.where(torch.rand(n, hp.length) < 0.5, topical, words), section


class TextCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(hp.vocab, hp.dim)
        self.convs = nn.ModuleList(nn.Conv1d(hp.dim, hp.filters, k) for k in (2, 3, 4))
        self.hidden = nn.Linear(3 * hp.filters, 48)
        self.fc = nn.Linear(48, hp.sections)

    def forward(self, ids):
        e = self.embed(ids).transpose(1, 2)
        pooled = [F.relu(conv(e)).amax(-1) for conv in self.convs]
        return self.fc(F.relu(self.hidden(torch.cat(pooled, 1))))


words, section = headlines(3000)
model = TextCNN()
optimizer = torch.optim.Adam(model.parameters(), lr=hp.lr)
for step in range(hp.steps):
    pick = torch.randint(0, 3000, (hp.batch,))
    loss = F.cross_entropy(model(words[pick]), section[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f}")
words, section = headlines(500)
with torch.no_grad():
    accuracy = (model(words).argmax(1) == section).float().mean().item()
print("accuracy", accuracy, "chance", 1 / hp.sections)
