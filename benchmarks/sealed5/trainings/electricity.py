# Forecast the next hour of the load from the last 24 hours with a small temporal convnet.
import os, sys
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

option = sys.argv[-1]
seed = int(os.environ.get("SEED", "0"))
rng = np.random.default_rng(seed)
torch.manual_seed(seed)

hours = np.arange(3000)
load = (
    np.sin(2 * np.pi * hours / 24)
    + 0.5 * np.sin(2 * np.pi * hours / 12 + 1)
    + 0.4 * np.sin(2 * np.pi * hours / 168)
    + 0.1 * rng.standard_normal(3000)
)
load = (load - load[:2400].mean()) / load[:2400].std()

window = 24
X, Y = [], []
for i in range(len(load) - window):
    X.append(load[i : i + window])
    Y.append(load[i + window])
X = torch.tensor(np.array(X), dtype=torch.float32).unsqueeze(1)
if option == "fixed":
    Y = torch.tensor(np.array(Y), dtype=torch.float32).unsqueeze(1)
else:
    Y = torch.tensor(np.array(Y), dtype=torch.float32)

train_loader = DataLoader(TensorDataset(X[:2400], Y[:2400]), batch_size=64, shuffle=True)
X_test, Y_test = X[2400:], Y[2400:]


class TCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(16, 16, 3, padding=2, dilation=2),
            nn.ReLU(),
        )
        self.fc = nn.Linear(16 * window, 1)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


model = TCN()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(10):
    running = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        pred = model(xb)
        loss = ((pred - yb) ** 2).mean()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print("Epoch %d: train loss %.4f" % (epoch + 1, running / len(train_loader)))

model.eval()
with torch.no_grad():
    forecast = model(X_test).flatten().numpy()
truth = Y_test.flatten().numpy()
r2 = 1 - ((forecast - truth) ** 2).mean() / truth.var()
print("R2 on the last weeks:", r2)
print("SCORE", option, round(float(max(0.0, r2)), 3))
