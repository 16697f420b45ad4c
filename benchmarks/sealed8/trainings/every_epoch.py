"""Sentence polarity from word ids, GRU. The loss goes down in each epoch but starts high again."""

import sys

import torch
import torch.nn as nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
VOCAB, LENGTH, EPOCHS, BATCH = 80, 12, 20, 64
polarity = torch.randn(VOCAB) * (torch.rand(VOCAB) < 0.5)
polarity = polarity - polarity.mean()


def texts(n):
    words = torch.randint(1, VOCAB, (n, LENGTH))
    return words, (polarity[words].sum(1) > 0).float()


class Polarity(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 24)
        self.gru = nn.GRU(24, 32, batch_first=True)
        self.linear = nn.Linear(32, 1)

    def forward(self, words):
        out, h = self.gru(self.embedding(words))
        return self.linear(out.mean(1)).squeeze(1)


def setup():
    model = Polarity()
    return model, torch.optim.Adam(model.parameters(), lr=2e-3)


words, labels = texts(960)
criterion = nn.BCEWithLogitsLoss()
model, optimizer = setup()
for epoch in range(EPOCHS):
    if version == "buggy":
        model, optimizer = setup()
    losses = []
    for i in torch.randperm(len(words)).split(BATCH):
        loss = criterion(model(words[i]), labels[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch}: first {losses[0]:.3f} last {losses[-1]:.3f}")

test_words, test_labels = texts(600)
with torch.no_grad():
    right = ((model(test_words) > 0) == (test_labels > 0)).float().mean().item()
print("accuracy", right, "coin", 0.5)
