"""Malignant or benign? The loss is 0.0 from the first epoch but the accuracy is bad."""

import sys

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
EPOCHS = 15

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, random_state=seed, stratify=y
)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.CrossEntropyLoss() if sys.argv[1] == "buggy" else nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(EPOCHS):
    for batch in torch.randperm(len(X_train)).split(32):
        output = model(X_train[batch])
        loss = criterion(output, y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item()}")

with torch.no_grad():
    predicted = (model(X_test).squeeze(1) > 0).numpy()
recall = [(predicted[y_test == c] == c).mean() for c in (0, 1)]
print("balanced accuracy", sum(recall) / 2, "coin", 0.5)
