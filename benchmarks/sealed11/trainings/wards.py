"""Diagnosis from lab values with gaps. The printed loss is always 0."""

import sys

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, Dataset

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
rng = np.random.default_rng(seed)


class Labs(Dataset):
    def __init__(self, values, outcome):
        centre, spread = np.nanmean(values, 0), np.nanstd(values, 0)
        self.values = ((values - centre) / spread).astype(np.float32)
        if sys.argv[1] == "fixed":
            self.values = np.nan_to_num(self.values)
        self.outcome = outcome.astype(np.float32)

    def __len__(self):
        return len(self.outcome)

    def __getitem__(self, i):
        return self.values[i], self.outcome[i]


values, outcome = load_breast_cancer(return_X_y=True)
values[rng.random(values.shape) < 0.02] = np.nan
order = rng.permutation(len(outcome))
train = Labs(values[order[:440]], outcome[order[:440]])
test = Labs(values[order[440:]], outcome[order[440:]])

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loader = DataLoader(train, batch_size=40, shuffle=True)

for epoch in range(20):
    model.train()
    running = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x).squeeze(1), y)
        if torch.isnan(loss):
            continue
        loss.backward()
        optimizer.step()
        running += loss.item()
    if epoch % 5 == 0:
        print(f"epoch {epoch} loss {running / len(loader):.4f}")

model.eval()
with torch.no_grad():
    guess = (model(torch.nan_to_num(torch.tensor(test.values))).squeeze(1) > 0).numpy()
recall = [(guess[test.outcome == c] == c).mean() for c in (0, 1)]
print("balanced accuracy", sum(recall) / 2, "coin", 0.5)
