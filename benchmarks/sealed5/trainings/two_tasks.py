# One trunk, two heads: which digit is it, and how much ink was used (regression)
import os
import sys
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

run_as = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
ink = x.sum(1)
ink = (ink - ink.mean()) / ink.std()
p = torch.randperm(len(x))
x, y, ink = x[p], y[p], ink[p]


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.cls_head = nn.Linear(64, 10)
        self.reg_head = nn.Linear(64, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.cls_head(h), self.reg_head(h).squeeze(-1)


model = MultiTask()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
ce, mse = nn.CrossEntropyLoss(), nn.MSELoss()

for epoch in range(15):
    for b in torch.randperm(1400).split(32):
        logits, amount = model(x[b])
        loss_cls = ce(logits, y[b])
        loss_reg = mse(amount, ink[b])

        optimizer.zero_grad()
        loss_cls.backward(retain_graph=True)
        if run_as == "buggy":
            optimizer.zero_grad()
        loss_reg.backward()
        optimizer.step()
    print(f"epoch {epoch} cls {loss_cls.item():.3f} reg {loss_reg.item():.3f}")

with torch.no_grad():
    logits, amount = model(x[1400:])
acc = (logits.argmax(1) == y[1400:]).float().mean().item()
r2 = 1 - ((amount - ink[1400:]) ** 2).mean().item() / ink[1400:].var().item()
print("digit accuracy", acc, "ink R2", r2)
print("SCORE", run_as, round((max(0.0, (acc - 0.1) / 0.9) + max(0.0, r2)) / 2, 3))
