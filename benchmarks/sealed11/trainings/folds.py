"""5-fold cross validation. The first fold is fine, the others are at chance."""

import sys

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn

buggy = sys.argv[1] == "buggy"
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)


def build():
    return nn.Sequential(
        nn.Linear(13, 32),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Linear(16, 3),
    )


X, y = load_wine(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(y)
criterion = nn.CrossEntropyLoss()
model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scores = []

for fold, (train, val) in enumerate(
    StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y)
):
    if fold > 0:
        model = build()
        if not buggy:
            optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    train, val = torch.tensor(train), torch.tensor(val)
    for epoch in range(12):
        model.train()
        for batch in train[torch.randperm(len(train))].split(32):
            optimizer.zero_grad()
            loss = criterion(model(X[batch]), y[batch])
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hit = (model(X[val]).argmax(1) == y[val]).float().mean().item()
    scores.append(hit)
    print("fold", fold, "loss", loss.item(), "accuracy", hit)

print("accuracy of the last four folds", sum(scores[1:]) / 4, "chance", 0.4)
