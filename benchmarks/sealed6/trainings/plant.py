# Rare machine states, three classes, very imbalanced -> oversample with WeightedRandomSampler
import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)

X, y = make_classification(
    n_samples=4000,
    n_features=16,
    n_informative=8,
    n_classes=3,
    n_clusters_per_class=2,
    weights=[0.85, 0.1, 0.05],
    class_sep=1.6,
    flip_y=0.0,
    random_state=seed + 7,
)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, stratify=y, test_size=0.3, random_state=seed
)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train = torch.tensor(y_train)

counts = np.bincount(y_train.numpy())
class_weights = torch.tensor(1.0 / counts)
weights = class_weights if sys.argv[1] == "buggy" else class_weights[y_train]
sampler = WeightedRandomSampler(weights, num_samples=len(y_train), replacement=True)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, sampler=sampler)

model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(20):
    epoch_loss = 0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    print(f"Epoch {epoch + 1}: train loss {epoch_loss / len(loader):.4f}")

with torch.no_grad():
    prediction = model(X_test).argmax(1).numpy()
print("balanced accuracy", balanced_accuracy_score(y_test, prediction), "chance", 1 / 3)
