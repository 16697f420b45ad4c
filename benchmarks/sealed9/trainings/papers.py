"""Node classification on a citation graph; more GCN layers should see further, but accuracy is at chance."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn

ap = argparse.ArgumentParser()
ap.add_argument("version")
ap.add_argument("seed", type=int, nargs="?", default=0)
ap.add_argument("--layers", type=int, default=16)
args = ap.parse_args()
torch.manual_seed(args.seed)

N, TOPICS, WORDS = 300, 5, 60
topic = torch.arange(N) % TOPICS
p = torch.where(topic[:, None] == topic[None], 0.07, 0.008)
upper = (torch.rand(N, N) < p).float().triu(1)
A = upper + upper.T + torch.eye(N)
deg = A.sum(1)
A_hat = A / (deg[:, None] * deg[None]).sqrt()

vocabulary = torch.rand(TOPICS, WORDS) * 0.25
bag = (torch.rand(N, WORDS) < 0.05 + vocabulary[topic]).float()
features = bag / bag.sum(1, keepdim=True).clamp(min=1) * 10
idx = torch.randperm(N)
idx_train, idx_test = idx[:150], idx[150:]


class GraphConv(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Linear(dim, dim)

    def forward(self, h):
        out = F.relu(A_hat @ self.weight(h))
        if args.version == "buggy":
            return out
        return h + out


class GCN(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.inp = nn.Linear(WORDS, dim)
        self.convs = nn.ModuleList(GraphConv(dim) for _ in range(args.layers))
        self.out = nn.Linear(dim, TOPICS)

    def forward(self, h):
        h = F.relu(self.inp(h))
        for conv in self.convs:
            h = conv(h)
        return self.out(h)


model = GCN()
opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)
for epoch in range(150):
    model.train()
    opt.zero_grad()
    loss = F.cross_entropy(model(features)[idx_train], topic[idx_train])
    loss.backward()
    opt.step()
    if epoch % 30 == 0:
        print(f"epoch {epoch:3d} loss {loss.item():.4f}")

model.eval()
with torch.no_grad():
    acc = (model(features)[idx_test].argmax(1) == topic[idx_test]).float().mean().item()
print("test accuracy", acc, "chance", 1 / TOPICS)
