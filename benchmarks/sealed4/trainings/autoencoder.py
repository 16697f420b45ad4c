"""Handwritten digits through a bottleneck of 16. Fault: all weights are drawn from N(0, 1)."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
data = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
data = data[torch.randperm(len(data))]
train_data, test_data = data[:1400], data[1400:]


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 64), nn.Tanh(), nn.Linear(64, 16)
        )
        self.decoder = nn.Sequential(
            nn.Linear(16, 64),
            nn.Tanh(),
            nn.Linear(64, 128),
            nn.Tanh(),
            nn.Linear(128, 64),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


def weights_init(m: nn.Module) -> None:
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight)
        nn.init.zeros_(m.bias)


model = Autoencoder()
if sys.argv[1] == "buggy":
    model.apply(weights_init)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)

for epoch in range(40):
    for img in DataLoader(train_data, batch_size=64, shuffle=True):
        recon = model(img)
        loss = criterion(recon, img)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(f"Epoch:{epoch + 1}, Loss:{loss.item():.4f}")

with torch.no_grad():
    error = ((model(test_data) - test_data) ** 2).mean()
    constant = ((train_data.mean(0) - test_data) ** 2).mean()
print(f"explained {1 - (error / constant).item():.4f} mean 0.0")
