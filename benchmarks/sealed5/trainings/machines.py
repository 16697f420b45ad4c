# Which of 4 operating states is the machine in? LSTM on sensor windows of shape (samples, time, sensors)
import math
import os
import sys
import torch
import torch.nn as nn

exp = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

T, SENSORS = 24, 3


def windows(n):
    state = torch.randint(0, 4, (n,))
    freq = 0.25 + 0.25 * state.float()
    t = torch.arange(T).float()
    phase = torch.rand(n, 1, SENSORS) * 2 * math.pi
    x = torch.sin(freq[:, None, None] * t[None, :, None] + phase) + 0.2 * torch.randn(n, T, SENSORS)
    return x, state


class StateClassifier(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        if exp == "buggy":
            self.lstm = nn.LSTM(SENSORS, hidden)
        else:
            self.lstm = nn.LSTM(SENSORS, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 4)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.fc(out[:, -1, :])


x_train, y_train = windows(1500)
x_val, y_val = windows(400)
model = StateClassifier()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(12):
    total, correct = 0.0, 0
    for b in torch.randperm(1500).split(50):
        logits = model(x_train[b])
        loss = criterion(logits, y_train[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(b)
        correct += (logits.argmax(1) == y_train[b]).sum().item()
    print(f"epoch {epoch}: loss {total / 1500:.3f} acc {correct / 1500:.3f}")

with torch.no_grad():
    acc = (
        sum(
            (model(xb).argmax(1) == yb).sum().item()
            for xb, yb in zip(x_val.split(50), y_val.split(50))
        )
        / 400
    )
print("val acc", acc)
print("SCORE", exp, round(max(0.0, (acc - 0.25) / 0.75), 3))
