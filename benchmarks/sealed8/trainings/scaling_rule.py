"""Char n-grams -> language. I use the linear scaling rule so that I can change the batch size."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

cli = argparse.ArgumentParser()
cli.add_argument("version", choices=("buggy", "fixed"))
cli.add_argument("seed", nargs="?", type=int, default=0)
cli.add_argument("--batch-size", type=int, default=64)
cli.add_argument("--base-lr", type=float, default=1.0)
cli.add_argument("--epochs", type=int, default=10)
opt = cli.parse_args()
torch.manual_seed(opt.seed)

LETTERS, LANGUAGES, LENGTH = 26, 5, 30
chains = torch.distributions.Dirichlet(torch.full((LETTERS,), 0.4)).sample((LANGUAGES, LETTERS))


class Words(Dataset):
    def __init__(self, n):
        self.label = torch.randint(0, LANGUAGES, (n,))
        text = [torch.randint(0, LETTERS, (n,))]
        for _ in range(LENGTH - 1):
            text.append(torch.multinomial(chains[self.label, text[-1]], 1).squeeze(1))
        text = torch.stack(text, dim=1)
        self.pairs = text[:, :-1] * LETTERS + text[:, 1:]

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.pairs[i], self.label[i]


class FastText(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(LETTERS**2, 32, mode="mean")
        self.hidden = nn.Linear(32, 32)
        self.out = nn.Linear(32, LANGUAGES)

    def forward(self, pairs):
        return self.out(torch.relu(self.hidden(self.bag(pairs))))


if opt.version == "buggy":
    lr = opt.base_lr * opt.batch_size
else:
    lr = opt.base_lr * opt.batch_size / 256
model = FastText()
optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
for epoch in range(opt.epochs):
    for pairs, label in DataLoader(Words(1600), opt.batch_size, shuffle=True):
        loss = nn.functional.cross_entropy(model(pairs), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item(), "lr", lr)

test = Words(500)
with torch.no_grad():
    accuracy = (model(test.pairs).argmax(1) == test.label).float().mean().item()
print("accuracy", accuracy, "chance", 1 / LANGUAGES)
