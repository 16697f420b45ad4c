"""LoRA from scratch: base network trained on digits, adapted to digits that are turned."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
data = load_digits()
images = torch.tensor(data.images / 16, dtype=torch.float32)
target = torch.tensor(data.target)
order = torch.randperm(len(target))
images, target = images[order], target[order]
plain = images.flatten(1)
turned = images.transpose(1, 2).flip(1).flatten(1)


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, rank: int = 8, alpha: float = 16.0):
        super().__init__()
        self.base = base
        self.base.weight.requires_grad_(False)
        self.base.bias.requires_grad_(False)
        self.lora_a = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank))
        if sys.argv[1] == "fixed":
            nn.init.kaiming_uniform_(self.lora_a, a=5**0.5)
        else:
            nn.init.zeros_(self.lora_a)
        self.scaling = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scaling * F.linear(F.linear(x, self.lora_a), self.lora_b)


def fit(model, x, y, steps, lr):
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=lr)
    for step in range(steps):
        i = torch.randint(0, 1400, (64,))
        loss = F.cross_entropy(model(x[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 40 == 0:
            print(step, round(loss.item(), 4))


net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
print("base")
fit(net, plain, target, 100, 3e-3)
for i in (0, 2, 4):
    net[i] = LoRALinear(net[i])
print("adapters")
fit(net, turned, target, 200, 5e-3)

with torch.no_grad():
    accuracy = (net(turned[1400:]).argmax(1) == target[1400:]).float().mean().item()
print("accuracy", accuracy, "chance", 0.1)
