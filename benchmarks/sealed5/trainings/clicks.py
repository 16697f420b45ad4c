# Click prediction with a factorization machine on categorical fields
import os
import sys
import torch
import torch.nn as nn

job = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

N, FIELDS, CATS = 4000, 5, 12
cats = torch.randint(0, CATS, (N, FIELDS))
effect = torch.randn(FIELDS, CATS)
logit = (
    sum(effect[f][cats[:, f]] for f in range(FIELDS))
    + effect[0][cats[:, 0]] * effect[1][cats[:, 1]]
)
logit = (logit - logit.median()) * 3
click = (torch.rand(N) < torch.sigmoid(logit)).float()
offset = torch.arange(FIELDS) * CATS
cats = cats + offset

dtype = torch.bfloat16 if job == "buggy" else torch.float32


class FM(nn.Module):
    """factorization machine"""

    def __init__(self, dim=4):
        super().__init__()
        self.linear = nn.Embedding(FIELDS * CATS, 1)
        self.factors = nn.Embedding(FIELDS * CATS, dim)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, c):
        v = self.factors(c)
        pairs = 0.5 * (v.sum(1) ** 2 - (v**2).sum(1)).sum(1)
        return self.linear(c).sum((1, 2)) + pairs + self.bias


model = FM().to(dtype)
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(40):
    total = 0.0
    for b in torch.randperm(3200).split(64):
        loss = criterion(model(cats[b]), click[b].to(dtype))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", total / 50)

with torch.no_grad():
    pred = (model(cats[3200:]).float() > 0).float()
acc = (pred == click[3200:]).float().mean().item()
base = max(click[3200:].mean().item(), 1 - click[3200:].mean().item())
print("accuracy", acc, "most frequent", base)
print("SCORE", job, round(max(0.0, (acc - base) / (1 - base)), 3))
