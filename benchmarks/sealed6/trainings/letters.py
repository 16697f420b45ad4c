"""Is an A or a B the first of the marked letters? A small transformer encoder."""

import sys

import torch
from torch import nn

mode = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
LETTERS, LENGTH, DIM = 20, 12, 32


def sample(n):
    text = torch.randint(2, LETTERS, (n, LENGTH))
    place = torch.rand(n, LENGTH).argsort(1)[:, :2]
    rows = torch.arange(n)
    text[rows, place[:, 0]] = 0
    text[rows, place[:, 1]] = 1
    return text, (place[:, 0] < place[:, 1]).long()


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, DIM)
        self.position = nn.Parameter(0.1 * torch.randn(1, LENGTH, DIM))
        layer = nn.TransformerEncoderLayer(DIM, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(DIM, 2)

    def forward(self, text):
        h = self.embedding(text)
        if mode == "fixed":
            h = h + self.position
        return self.head(self.encoder(h).mean(dim=1))


model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for step in range(700):
    text, label = sample(64)
    loss = criterion(model(text), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print("step", step, "loss", round(loss.item(), 4))

model.eval()
with torch.no_grad():
    text, label = sample(2000)
    accuracy = (model(text).argmax(1) == label).float().mean().item()
print("accuracy", accuracy, "chance", 0.5)
