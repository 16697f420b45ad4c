"""SimSiam: two noisy views of a digit should agree; no negatives, the loss goes to -1."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, DIM = 250, 48

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]


def view(images):
    kept = (torch.rand_like(images) > 0.25).float()
    return images * kept + 0.15 * torch.randn_like(images)


class SimSiam(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(64, 128),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, DIM),
            nn.BatchNorm1d(DIM, affine=False),
        )
        self.predictor = nn.Sequential(
            nn.Linear(DIM, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, DIM)
        )

    def forward(self, a, b):
        za, zb = self.encoder(a), self.encoder(b)
        return self.predictor(za), self.predictor(zb), za.detach(), zb.detach()


def D(p, z):
    return -F.cosine_similarity(p, z, dim=-1).mean()


model = SimSiam()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
for step in range(STEPS):
    batch = x[torch.randint(0, 1400, (128,))]
    pa, pb, za, zb = model(view(batch), view(batch))
    loss = D(pa, zb) / 2 + D(pb, za) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} std {F.normalize(za, dim=1).std(0).mean():.4f}")

model.eval()
with torch.no_grad():
    z = model.encoder(x)
probe = LogisticRegression(max_iter=200).fit(z[:100], y[:100])  # labels of 100 images only
print("linear probe", probe.score(z[1400:], y[1400:]), "chance", 0.1)
