"""How will the audience rate a film? Predict the whole distribution over 1 to 5 stars from features of the film."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

n, d = 3000, 12
films = torch.randn(n, d)
taste, split = torch.randn(d) / d**0.5, torch.randn(d) / d**0.5
middle = 3 + 1.3 * torch.tanh(films @ taste * 1.5)
width = 0.6 + 0.8 * torch.sigmoid(2 * films @ split)
stars = torch.arange(1.0, 6.0)
ratings = torch.softmax(-((stars - middle[:, None]) ** 2) / (2 * width[:, None] ** 2), dim=1)
x_train, x_test, p_train, p_test = films[:2400], films[2400:], ratings[:2400], ratings[2400:]


class Audience(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 5)
        self.normalize = nn.Softmax(dim=1) if sys.argv[1] == "buggy" else nn.LogSoftmax(dim=1)

    def forward(self, x):
        return self.normalize(self.head(self.body(x)))


model = Audience()
criterion = nn.KLDivLoss(reduction="batchmean")
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(30):
    for idx in torch.randperm(2400).split(64):
        loss = criterion(model(x_train[idx]), p_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        print(f"epoch {epoch}: loss {loss.item():.4f}")

with torch.no_grad():
    predicted = model.head(model.body(x_test)).log_softmax(1)
    error = F.kl_div(predicted, p_test, reduction="batchmean")
    plain = F.kl_div(p_train.mean(0).log().expand_as(p_test), p_test, reduction="batchmean")
print(
    "share of the divergence that is explained",
    max(0.0, (1 - error / plain).item()),
    "average",
    0.0,
)
