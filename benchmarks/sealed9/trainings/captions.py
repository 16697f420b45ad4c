"""CLIP in small: two encoders, InfoNCE over the batch. Retrieval does not get better."""

import math
import sys

import torch
import torch.nn.functional as F
from torch import nn

MODE = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, BATCH, OBJECTS, WORDS = 250, 48, 10, 30

look = torch.randn(OBJECTS, 40) / 2
names = torch.randperm(WORDS)[: OBJECTS * 2].view(OBJECTS, 2)  # each thing has two names


def photos_with_captions(n):
    present = torch.stack([torch.randperm(OBJECTS)[:3] for _ in range(n)])
    photo = look[present].sum(1) + 0.2 * torch.randn(n, 40)
    caption = names[present, torch.randint(0, 2, (n, 3))]
    return photo, caption


class CLIP(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.visual = nn.Sequential(nn.Linear(40, 96), nn.GELU(), nn.Linear(96, dim))
        self.tokens = nn.Embedding(WORDS, 48)
        self.textual = nn.Sequential(nn.Linear(48, 96), nn.GELU(), nn.Linear(96, dim))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, photo, caption):
        image = F.normalize(self.visual(photo), dim=-1)
        text = F.normalize(self.textual(self.tokens(caption).mean(1)), dim=-1)
        return self.logit_scale.exp() * image @ text.T


def clip_loss(logits):
    if MODE == "buggy":
        labels = torch.zeros(len(logits), dtype=torch.long)
    else:
        labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


model = CLIP()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
for step in range(STEPS):
    loss = clip_loss(model(*photos_with_captions(BATCH)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.3f}")

with torch.no_grad():
    logits = model(*photos_with_captions(100))
print("retrieved", (logits.argmax(1) == torch.arange(100)).float().mean().item(), "chance", 0.01)
