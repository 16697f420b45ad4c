"""A soft decision tree, trained by the paths' mixture with rising sharpness, read as a hard tree in the end."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
DEPTH, CLASSES = 4, 3


class SoftTree(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.ask = nn.Linear(n_in, 2**DEPTH - 1)
        self.leaf = nn.Parameter(0.1 * torch.randn(2**DEPTH, CLASSES))

    def forward(self, x, sharpness):
        right = torch.sigmoid(sharpness * self.ask(x))
        reach = x.new_ones(len(x), 1)
        for level in range(DEPTH):
            p = right[:, 2**level - 1 : 2 ** (level + 1) - 1]
            reach = torch.stack([reach * (1 - p), reach * p], 2).flatten(1)
        return (reach @ self.leaf.softmax(1)).clamp(min=1e-6).log(), reach

    @torch.no_grad()
    def decide(self, x):
        node = torch.zeros(len(x), dtype=torch.long)
        for _ in range(DEPTH):
            node = 2 * node + 1 + (self.ask(x).gather(1, node.unsqueeze(1)).squeeze(1) > 0).long()
        return self.leaf[node - (2**DEPTH - 1)].argmax(1)


def loans(n):
    x = torch.randn(n, 5)
    y = torch.where(
        x[:, 0] + 0.5 * x[:, 1] > 0.3,
        torch.where(x[:, 2] > 0, 0, 1),
        torch.where(x[:, 3] - x[:, 4] > 0, 1, 2),
    )
    return x, y


x, y = loans(2500)
x_test, y_test = loans(600)
tree = SoftTree(5)
optimizer = torch.optim.Adam(tree.parameters(), lr=0.03)
for step in range(300):
    i = torch.randint(0, len(x), (128,))
    log_p, reach = tree(x[i], 1 + step / 100)
    use = reach.mean(0)
    loss = nn.functional.nll_loss(log_p, y[i]) + 0.02 * (use * use.log()).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(step, loss.item())

print("accuracy", (tree.decide(x_test) == y_test).float().mean().item(), "chance", 1 / 3)
