# Which field is a paper from? GCN in plain torch on a small citation graph
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

kind = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

PAPERS, FIELDS, WORDS = 600, 5, 60
field = torch.randint(0, FIELDS, (PAPERS,))
typical = (torch.rand(FIELDS, WORDS) < 0.15).float()
words = (torch.rand(PAPERS, WORDS) < 0.05 + 0.12 * typical[field]).float()
pairs = torch.randint(0, PAPERS, (2, 12000))
alike = field[pairs[0]] == field[pairs[1]]
keep = torch.rand(12000) < torch.where(alike, 0.5, 0.03)
edge_index = torch.cat([pairs[:, keep], pairs[:, keep].flip(0)], dim=1)
print("papers", PAPERS, "citations", edge_index.shape[1])

adj = torch.eye(PAPERS)
if kind == "buggy":
    adj[edge_index] = 1.0
else:
    adj[edge_index[0], edge_index[1]] = 1.0
adj = adj / adj.sum(dim=1, keepdim=True)


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin1 = nn.Linear(WORDS, 32)
        self.lin2 = nn.Linear(32, FIELDS)

    def forward(self, x, adj):
        x = F.relu(adj @ self.lin1(x))
        x = F.dropout(x, 0.3, training=self.training)
        return adj @ self.lin2(x)


order = torch.randperm(PAPERS)
train_idx, test_idx = order[:200], order[300:]
model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)

for epoch in range(200):
    model.train()
    optimizer.zero_grad()
    out = model(words, adj)
    loss = F.cross_entropy(out[train_idx], field[train_idx])
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        print(f"epoch {epoch:3d} loss {loss.item():.4f}")

model.eval()
with torch.no_grad():
    hit = model(words, adj)[test_idx].argmax(1) == field[test_idx]
print("accuracy", hit.float().mean().item(), "chance", 1 / FIELDS)
