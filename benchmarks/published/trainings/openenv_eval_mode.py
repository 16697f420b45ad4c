"""OpenEnv: `model.eval()` is never called, so dropout is active in every validation."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from workshop import digits, glorot, options, tell_accuracy

which, _ = options()
data = digits()

layers = [nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.8), nn.Linear(64, 64), nn.ReLU()]
model = glorot(nn.Sequential(nn.Flatten(), *layers, nn.Dropout(0.8), nn.Linear(64, 10)))
loss_of = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for epoch in range(20):
    model.train()
    for x, y in DataLoader(TensorDataset(data.x, data.y), 64, shuffle=True):
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
    if which == "fixed":
        model.eval()
    with torch.no_grad():
        outputs = model(data.test_x)
        print(epoch, loss_of(outputs, data.test_y).item())
tell_accuracy(outputs, data.test_y)
