"""5-fold cross-validation on the wine data. Fold 1 is fine, all others look untrained?!"""

import sys

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn

version = sys.argv[1]
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
EPOCHS = 12

data = load_wine()
X = StandardScaler().fit_transform(data.data).astype(np.float32)
y = data.target


def make_model():
    return nn.Sequential(
        nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 3)
    )


model = make_model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
scores = []

for fold, (a, b) in enumerate(StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y)):
    if fold > 0:
        model = make_model()
        if version == "fixed":
            optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    X_train, y_train = torch.from_numpy(X[a]), torch.from_numpy(y[a])
    for epoch in range(EPOCHS):
        for i in torch.randperm(len(a)).split(32):
            optimizer.zero_grad()
            loss = criterion(model(X_train[i]), y_train[i])
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        guess = model(torch.from_numpy(X[b])).argmax(1).numpy()
    recalls = [(guess[y[b] == c] == c).mean() for c in range(3)]
    scores.append(float(np.mean(recalls)))
    print(f"fold {fold + 1}: loss {loss.item():.3f}, balanced accuracy {scores[-1]:.3f}")

print("balanced accuracy", sum(scores) / len(scores), "chance", 1 / 3)
