"""ReZero: 30 residual layers, each multiplied by a scalar that starts at 0."""

import sys

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
DEPTH, WIDTH = 30, 32

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
split = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
X_train, X_test = (torch.tensor(part, dtype=torch.float32) for part in split[:2])
y_train, y_test = (torch.tensor(part) for part in split[2:])


class ReZero(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x + self.alpha * torch.relu(self.linear(x))


layers = [ReZero() for _ in range(DEPTH)]
model = nn.Sequential(nn.Linear(30, WIDTH), *layers, nn.Linear(WIDTH, 2))
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.02)
for epoch in range(8):
    for i in torch.randperm(len(X_train)).split(32):
        loss = nn.functional.cross_entropy(model(X_train[i]), y_train[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    gates = sum(layer.alpha.abs().item() for layer in layers) / DEPTH
    print(f"epoch {epoch}: loss {loss.item():.4f}, mean |alpha| {gates:.4f}")

with torch.no_grad():
    guess = model(X_test).argmax(1)
recall = [(guess[y_test == c] == c).float().mean().item() for c in (0, 1)]
print("balanced accuracy", sum(recall) / 2, "coin", 0.5)
