# essay marks are whole numbers 0..10, so the network should output whole numbers
import sys

import torch
import torch.nn as nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 250

features = torch.randn(3000, 16)
quality = torch.tanh(features @ torch.randn(16) / 3) * 3.5 + features[:, 0] * features[:, 1]
marks = (5 + quality).round().clamp(0, 10)
X_train, X_test, y_train, y_test = features[:2400], features[2400:], marks[:2400], marks[2400:]


class Marker(nn.Module):
    def __init__(self, whole):
        super().__init__()
        self.whole = whole
        self.hidden = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        mark = self.out(self.hidden(x)).squeeze(-1)
        if self.whole:
            mark = torch.round(mark)
        return mark


model = Marker(whole=sys.argv[1] == "buggy")
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()
for step in range(STEPS):
    rows = torch.randint(0, 2400, (64,))
    loss = criterion(model(X_train[rows]), y_train[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print("step", step, "mse", loss.item())

with torch.no_grad():
    missed = ((model(X_test).round() - y_test) ** 2).mean() / y_test.var()
print("R2", max(0.0, 1 - missed.item()), "mean", 0.0)
