"""Daily sales of 50 shops: embedding for the shop, the other columns as numbers."""

import sys

import torch
from sklearn.preprocessing import MinMaxScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

bug = sys.argv[1] == "buggy"
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS, SHOPS, N = 8, 50, 2000

shop = torch.randint(0, SHOPS, (N,)).float()
price, weekday = 1 + torch.rand(N), torch.randint(0, 7, (N,)).float()
level, elasticity = torch.randn(SHOPS), 2 * torch.randn(SHOPS)
sales = level[shop.long()] + elasticity[shop.long()] * (price - 1.5) + 0.2 * (weekday > 4)
sales = sales + 0.1 * torch.randn(N)

table = torch.stack([shop, price, weekday], 1)
first = 0 if bug else 1
scaled = torch.tensor(MinMaxScaler().fit_transform(table[:, first:]), dtype=torch.float32)
table = torch.cat([table[:, :first], scaled], 1)
train = TensorDataset(table[:1600], sales[:1600])


class SalesNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.shop = nn.Embedding(SHOPS, 8)
        self.net = nn.Sequential(
            nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def forward(self, row):
        e = self.shop(row[:, 0].long())
        return self.net(torch.cat([e, row[:, 1:]], 1)).squeeze(1)


model = SalesNet()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
mse = nn.MSELoss()
for epoch in range(EPOCHS):
    for row, y in DataLoader(train, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        loss = mse(model(row), y)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")

with torch.no_grad():
    missed = mse(model(table[1600:]), sales[1600:]) / sales[1600:].var()
print("R2", max(0.0, 1 - missed.item()), "mean", 0.0)
