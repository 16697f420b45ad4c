"""Reversing strings with a Transformer. Learns nothing."""

import argparse

import torch
from torch import nn

ap = argparse.ArgumentParser()
ap.add_argument("version")
ap.add_argument("seed", type=int, nargs="?", default=0)
opt = ap.parse_args()
torch.manual_seed(opt.seed)
VOCAB, LENGTH, DIM, STEPS = 12, 6, 64, 300


class NoamOpt:
    def __init__(self, model_size, warmup, optimizer, factor=1.0):
        self.optimizer, self.warmup = optimizer, warmup
        self.scale = factor * model_size**-0.5
        self._step = 0

    def rate(self, step):
        return self.scale * min(step**-0.5, step * self.warmup**-1.5)

    def step(self):
        self._step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self._step)
        self.optimizer.step()
        self.optimizer.zero_grad()


class Reverser(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, DIM)
        self.places = nn.Parameter(torch.randn(LENGTH, DIM))
        layer = nn.TransformerEncoderLayer(DIM, 4, 128, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.generator = nn.Linear(DIM, VOCAB)

    def forward(self, src):
        return self.generator(self.encoder(self.tokens(src) + self.places))


model = Reverser()
adam = torch.optim.Adam(model.parameters(), lr=0, betas=(0.9, 0.98), eps=1e-9)
optimizer = NoamOpt(DIM, 16000 if opt.version == "buggy" else 400, adam)
for step in range(STEPS):
    src = torch.randint(0, VOCAB, (64, LENGTH))
    logits = model(src)
    loss = nn.functional.cross_entropy(logits.reshape(-1, VOCAB), src.flip(1).reshape(-1))
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

model.eval()
with torch.no_grad():
    src = torch.randint(0, VOCAB, (400, LENGTH))
    accuracy = (model(src).argmax(-1) == src.flip(1)).float().mean().item()
print("accuracy", accuracy, "chance", 1 / VOCAB)
