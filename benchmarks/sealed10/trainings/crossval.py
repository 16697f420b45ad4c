"""Three folds of cross-validation on breast cancer, with the weights reset between folds."""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

ap = argparse.ArgumentParser()
ap.add_argument("version")
ap.add_argument("seed", type=int, nargs="?", default=0)
ap.add_argument("--epochs", type=int, default=16)
args = ap.parse_args()
torch.manual_seed(args.seed)


def reset_weights(m):
    if hasattr(m, "reset_parameters"):
        m.reset_parameters()


raw = load_breast_cancer()
X = torch.tensor(StandardScaler().fit_transform(raw.data), dtype=torch.float32)
dataset = TensorDataset(X, torch.tensor(raw.target))
network = nn.Sequential(
    nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
)
results = []
for fold, (train_ids, test_ids) in enumerate(
    KFold(3, shuffle=True, random_state=args.seed).split(raw.data)
):
    loader = DataLoader(Subset(dataset, train_ids), batch_size=64, shuffle=True)
    network.apply(reset_weights)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02)
    for epoch in range(args.epochs):
        if args.version == "buggy":
            network.apply(reset_weights)
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(inputs), targets)
            loss.backward()
            optimizer.step()
        print(f"fold {fold} epoch {epoch} loss {loss.item():.4f}")
    with torch.no_grad():
        inputs, targets = dataset[test_ids]
        results.append((network(inputs).argmax(1) == targets).float().mean().item())
majority = raw.target.mean()
print("accuracy", float(np.mean(results)), "majority", majority)
