"""Two views of the same speaker should be near each other (CLIP loss). Retrieval is at chance."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

speakers, width = 1200, 10
identity = torch.randn(speakers, width)
to_audio, to_face = torch.randn(width, 40) / 3, torch.randn(width, 30) / 3
audio = torch.tanh(identity @ to_audio) + 0.1 * torch.randn(speakers, 40)
face = torch.tanh(identity @ to_face) + 0.1 * torch.randn(speakers, 30)


class TwoTower(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.audio = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, dim))
        self.face = nn.Sequential(nn.Linear(30, 128), nn.ReLU(), nn.Linear(128, dim))
        self.temperature = 0.1

    def forward(self, a, f):
        a, f = F.normalize(self.audio(a), dim=-1), F.normalize(self.face(f), dim=-1)
        return a @ f.T / self.temperature


def info_nce(logits):
    if sys.argv[1] == "buggy":
        labels = torch.zeros(logits.size(0), dtype=torch.long)
    else:
        labels = torch.arange(logits.size(0))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


model = TwoTower()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
train = torch.arange(1000)
for epoch in range(15):
    for batch in train[torch.randperm(1000)].split(100):
        loss = info_nce(model(audio[batch], face[batch]))
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")

with torch.no_grad():
    best = model(audio[1000:], face[1000:]).argmax(1)
recall = (best == torch.arange(200)).float().mean().item()
print("recall@1", recall, "chance", 1 / 200)
