"""Char-level GRU that guesses the language of a word (four made-up languages with their own letter statistics)."""

import os
import sys
import torch
import torch.nn as nn

state = sys.argv[-1]
seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)

LETTERS, LANGS, LENGTH = 20, 4, 10
chains = torch.softmax(1.6 * torch.randn(LANGS, LETTERS, LETTERS), dim=-1)


def words(n):
    lang = torch.randint(0, LANGS, (n,))
    letters = [torch.randint(0, LETTERS, (n,))]
    for _ in range(LENGTH - 1):
        letters.append(torch.multinomial(chains[lang, letters[-1]], 1).squeeze(1))
    return torch.stack(letters, 1), lang


class CharGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(LETTERS, 16)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.fc = nn.Linear(32, LANGS)

    def forward(self, x):
        _, h = self.gru(self.emb(x))
        return self.fc(h[-1])


x_train, y_train = words(2500)
x_test, y_test = words(500)
model = CharGRU()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)

for epoch in range(10):
    for b in torch.randperm(len(x_train)).split(50):
        optimizer.zero_grad()
        loss = criterion(model(x_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        if state == "buggy":
            scheduler.step()
    if state == "fixed":
        scheduler.step()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    acc = (model(x_test).argmax(1) == y_test).float().mean().item()
print("accuracy", acc)
print("SCORE", state, round(max(0.0, (acc - 0.25) / 0.75), 3))
