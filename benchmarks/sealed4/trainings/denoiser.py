"""Clean digits from noisy ones, of two loaders. Fault: each loader is shuffled for itself."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
clean = torch.tensor(load_digits().images / 16, dtype=torch.float32).unsqueeze(1)
clean = clean[torch.randperm(len(clean))]
noisy = clean + 0.4 * torch.randn_like(clean)

shuffle = sys.argv[1] == "buggy"
noisy_loader = DataLoader(noisy[:1440], batch_size=40, shuffle=shuffle)
clean_loader = DataLoader(clean[:1440], batch_size=40, shuffle=shuffle)


class DenoisingNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 24, 3, padding=1)
        self.conv2 = nn.Conv2d(24, 24, 3, padding=1)
        self.conv3 = nn.Conv2d(24, 24, 3, padding=1)
        self.conv4 = nn.Conv2d(24, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        x = torch.relu(self.conv3(x))
        return self.conv4(x)


net = DenoisingNet()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(8):
    running_loss = 0.0
    for noisy_imgs, clean_imgs in zip(noisy_loader, clean_loader, strict=True):
        optimizer.zero_grad()
        outputs = net(noisy_imgs)
        loss = criterion(outputs, clean_imgs)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print(f"Epoch {epoch + 1} training loss {running_loss / len(noisy_loader):.4f}")

with torch.no_grad():
    left = ((net(noisy[1440:]) - clean[1440:]) ** 2).mean()
    plain = ((clean[:1440].mean(0) - clean[1440:]) ** 2).mean()
print(f"removed {1 - (left / plain).item():.4f} mean 0.0")
