"""Port of an old TensorFlow training of mine to PyTorch (text categories by bag of words)."""

import sys

import torch
import torch.nn as nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
TOPICS, WORDS, PER_TEXT = 6, 300, 40

topic_words = torch.distributions.Dirichlet(torch.full((WORDS,), 0.3)).sample((TOPICS,))
common = torch.distributions.Dirichlet(torch.full((WORDS,), 1.0)).sample()
labels = torch.randint(0, TOPICS, (2000,))
mixture = 0.35 * topic_words[labels] + 0.65 * common
counts = torch.zeros(2000, WORDS)
words = torch.multinomial(mixture, PER_TEXT, replacement=True)
counts.scatter_add_(1, words, torch.ones(2000, PER_TEXT))
X = torch.log1p(counts)


class Categories(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(WORDS, 64)
        self.fc2 = nn.Linear(64, TOPICS)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


model = Categories()
optimizer = torch.optim.Adam(
    model.parameters(),
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1.0 if version == "buggy" else 1e-8,
)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(10):
    for idx in torch.randperm(1600).split(64):
        loss = loss_fn(model(X[idx]), labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    acc = (model(X[1600:]).argmax(1) == labels[1600:]).float().mean().item()
print("accuracy", acc, "chance", 1 / TOPICS)
