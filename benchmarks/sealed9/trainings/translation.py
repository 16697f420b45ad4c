"""Transformer encoder that "translates" word for word and reverses the order; Noam schedule."""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, VOCAB, LENGTH, D_MODEL = 300, 16, 6, 64
dictionary = torch.randperm(VOCAB)


class NoamOpt:
    """Optim wrapper that implements the rate of "Attention is all you need"."""

    def __init__(self, model_size, factor, warmup, optimizer):
        self.optimizer, self._step = optimizer, 0
        self.warmup, self.factor, self.model_size = warmup, factor, model_size

    def rate(self):
        s = self._step
        return self.factor * self.model_size**-0.5 * min(s**-0.5, s * self.warmup**-1.5)

    def step(self):
        self._step += 1
        for p in self.optimizer.param_groups:
            p["lr"] = self.rate()
        self.optimizer.step()


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, D_MODEL)
        self.pos = nn.Parameter(0.5 * torch.randn(LENGTH, D_MODEL))
        layer = nn.TransformerEncoderLayer(D_MODEL, 4, 128, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.generator = nn.Linear(D_MODEL, VOCAB)

    def forward(self, src):
        return self.generator(self.encoder(self.embed(src) + self.pos))


model = Translator()
adam = torch.optim.Adam(model.parameters(), lr=0, betas=(0.9, 0.98), eps=1e-9)
noam = NoamOpt(D_MODEL, 0.5, 8000 if version == "buggy" else 80, adam)
criterion = nn.CrossEntropyLoss()
for step in range(STEPS):
    src = torch.randint(0, VOCAB, (48, LENGTH))
    tgt = dictionary[src].flip(1)
    loss = criterion(model(src).transpose(1, 2), tgt)
    adam.zero_grad()
    loss.backward()
    noam.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.3f}")

model.eval()
with torch.no_grad():
    src = torch.randint(0, VOCAB, (500, LENGTH))
    acc = (model(src).argmax(-1) == dictionary[src].flip(1)).float().mean().item()
print("words", acc, "chance", 1 / VOCAB)
